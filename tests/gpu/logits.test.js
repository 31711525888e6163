// Kernels that sum up logits (logits.h): the best against a sort, sums of exponentials against
// double precision.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { root } from '../../tools/lib/paths.mjs'
import { read } from '../../tools/lint/source.mjs'
import { random } from '../js/lib/random.js'
import { constants, openKernels, POISON, params, workgroupOf } from './lib/kernels.js'

let kernels
before(async () => {
  kernels = await openKernels()
})
after(() => kernels.close())

const { TOP_CHUNK, TOP_BEST, TOP_LISTS, MAX_NAMED } = constants
const header = read(root, 'src/backend/gpu/logits.h')
const SUM_ERROR = Number(header.match(/^#define GPU_SUM_ERROR (\S+)$/m)[1])
const NO_ID = 0xffffffff
const INF = Number.POSITIVE_INFINITY
const LEAST = 2 ** -149

const TAIL = 64
const poison = (n) => new Uint32Array(n + TAIL).fill(POISON)
const bitsOf = (floats) => new Uint32Array(Float32Array.from(floats).buffer)
const floatsOf = (bits) => new Float32Array(Uint32Array.from(bits).buffer)
const split = (data, n) => Array.from({ length: n }, (_, i) => row(data, data.length / n, i))
const row = (data, width, i) => data.subarray(i * width, (i + 1) * width)

/** What was written, without the tail, which was not. */
function written(data) {
  assert(data.subarray(-TAIL).every((word) => word === POISON))
  return data.subarray(0, -TAIL)
}

/** Rows of bits, [outputs][nVocab], to lists of the best and the parts of their sums. */
async function sumUp(x, nVocab) {
  const outputs = x.length / nVocab
  let n = Math.ceil(nVocab / TOP_CHUNK)
  const made = await kernels.run(
    'top_chunk',
    {},
    params(nVocab, n),
    [x, poison(outputs * n * TOP_BEST * 2), poison(outputs * n * 4)],
    [n, outputs],
  )
  const parts = split(written(made[1]), outputs)
  let lists = made[0]
  while (n > 1) {
    const nOut = Math.ceil(n / TOP_LISTS)
    const data = [lists, poison(outputs * nOut * TOP_BEST * 2)]
    lists = (await kernels.run('top_merge', {}, params(n, nOut), data, [nOut, outputs]))[0]
    n = nOut
  }
  return { lists: split(written(lists), outputs), parts }
}

/** The best of a row as a list. */
function bestOf(logits) {
  const values = logits.map((logit) => (Number.isNaN(logit) ? -INF : logit + 0))
  const ids = Array.from(logits, (_, id) => id).sort((a, b) => {
    if (values[a] !== values[b]) return values[a] > values[b] ? -1 : 1
    return a - b
  })
  const best = ids.slice(0, TOP_BEST).map((id) => [id, values[id]])
  while (best.length < TOP_BEST) best.push([NO_ID, -INF])
  return Uint32Array.from(best.flatMap(([id, value]) => [id, bitsOf([value])[0]]))
}

const sumOfExp = (logits, most) =>
  logits.reduce((sum, logit) => sum + (logit === -INF ? 0 : Math.exp(logit - most)), 0)

const near = (actual, expected, what) =>
  assert(
    Math.abs(actual - expected) <= SUM_ERROR * expected,
    `${what}: ${actual}, not ${expected}, off by ${actual / expected - 1}`,
  )

/** Whether parts are those of a row: each by itself, and together. */
function checkParts(parts, logits, what) {
  let [highest, together] = [-INF, 0]
  for (let chunk = 0; chunk * TOP_CHUNK < logits.length; chunk++) {
    const own = Array.from(logits.subarray(chunk * TOP_CHUNK, (chunk + 1) * TOP_CHUNK))
    const [mostBits, sumBits, banned, notFinite] = row(parts, 4, chunk)
    const here = `${what}, chunk ${chunk}`
    assert.equal(banned, own.filter((logit) => logit === -INF).length, here)
    assert.equal(notFinite, own.filter((x) => Number.isNaN(x) || x === INF).length, here)
    if (notFinite) return
    const most = Math.max(...own) + 0
    assert.equal(mostBits, bitsOf([most])[0], here)
    const sum = floatsOf([sumBits])[0]
    near(sum, sumOfExp(own, most), here)
    if (banned === own.length) continue
    together =
      together * Math.exp(Math.min(0, highest - most)) + sum * Math.exp(Math.min(0, most - highest))
    highest = Math.max(highest, most)
  }
  near(together, sumOfExp(Array.from(logits), highest), what)
}

/** Logits of every kind, each as a function of how many and of random numbers. */
const shapes = {
  normal: (n, next) => {
    const uniform = () => (next(2 ** 24) + 0.5) / 2 ** 24
    const one = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
    return Array.from({ length: n }, () => 4 * one())
  },
  ties: (n, next) => Array.from({ length: n }, () => next(7) / 2 - 20),
  equal: (n) => new Array(n).fill(-3.25),
  rising: (n) => Array.from({ length: n }, (_, i) => i / 100),
  // Whose sum is the least exact: far down, but not so far that they are nothing.
  'one above all': (n, next) => Array.from({ length: n }, () => -5.44).with(next(n), 0),
  huge: (n, next) =>
    Array.from({ length: n }, () => [3e38, -3.4e38, 1e10, 1e10 + 1024, -7][next(5)]),
  'far apart': (n, next) => Array.from({ length: n }, () => 1e10 + 1024 * next(3)),
  banned: (n, next) => shapes.normal(n, next).map((logit) => (next(10) < 9 ? -INF : logit)),
  'all banned but one': (n, next) => new Array(n).fill(-INF).with(next(n), -1e3),
  'all banned': (n) => new Array(n).fill(-INF),
  'nearly 0': (n, next) =>
    Array.from(
      { length: n },
      () => [0, -0, LEAST, -LEAST, 2 * LEAST, 2 ** -126, 2 ** -126 - LEAST, -1e-40][next(8)],
    ),
  'zeros above all': (n, next) => Array.from({ length: n }, () => [0, -0, -LEAST][next(3)]),
  'not finite': (n, next) =>
    shapes.normal(n, next).map((logit) => [Number.NaN, INF, -INF, logit, logit, logit][next(6)]),
}

const every = Object.keys(shapes)
const sizes = [1, 7, 255, 256, 257, 1024, 1025, 5000].map((nVocab) => [nVocab, every])
sizes.push([49152, ['normal', 'ties', 'all banned but one']], [128256, ['normal', 'nearly 0']])

for (const [nVocab, names] of sizes)
  test(`top_chunk, top_merge: rows of ${nVocab}`, async () => {
    const next = random(nVocab)
    const rows = names.map((name) => Float32Array.from(shapes[name](nVocab, next)))
    const x = Uint32Array.from(rows.flatMap((logits) => Array.from(bitsOf(logits))))
    const { lists, parts } = await sumUp(x, nVocab)
    for (const [o, name] of names.entries()) {
      assert.deepEqual(lists[o], bestOf(rows[o]), name)
      checkParts(parts[o], rows[o], name)
    }
  })

test('top_chunk: whatever a NaN is like, it stands behind the finite', async () => {
  const nVocab = 300
  const logits = new Float32Array(nVocab).fill(-3.4e38)
  const x = bitsOf(logits)
  x.set([0x7fc00000, 0xffc00000, 0x7f800001, 0xff800001, 0x7fffffff, 0xffffffff, 0xff800000], 100)
  const { lists, parts } = await sumUp(x, nVocab)
  assert.deepEqual(lists[0], bestOf(new Float32Array(x.buffer)))
  assert.deepEqual([...parts[0].subarray(2)], [1, 6])
})

test('named: bits of logits, 0 outside the vocabulary', async () => {
  const next = random(1)
  const [outputs, nVocab] = [3, 1500]
  const x = Uint32Array.from({ length: outputs * nVocab }, () => next(2 ** 32))
  const ids = Uint32Array.from({ length: outputs * MAX_NAMED }, () => next(nVocab + 50))
  ids.set([0, nVocab - 1, nVocab, NO_ID, 0x80000000, 7, 7], MAX_NAMED)
  const groups = [MAX_NAMED / workgroupOf('named'), outputs]
  const data = [x, ids, poison(ids.length)]
  const [out] = await kernels.run('named', {}, params(nVocab), data, groups)
  const expected = ids.map((id, i) => {
    return id < nVocab ? x[Math.floor(i / MAX_NAMED) * nVocab + id] : 0
  })
  assert.deepEqual(written(out), expected)
})
