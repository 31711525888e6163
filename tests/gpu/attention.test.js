// Writing and reading the KV cache, in all types, against the definition in double precision. What
// no token sees is NaN and infinity.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { random } from '../js/lib/random.js'
import { makeBatch, tokensOf } from './lib/batch.js'
import { Cache, PAGE } from './lib/cache.js'
import { assertNumbers, constants, f32, openKernels, params, poisoned } from './lib/kernels.js'
import { assertPacked, packedWords } from './lib/packed.js'

let kernels
before(async () => {
  kernels = await openKernels()
})
after(() => kernels.close())

const numbers = (n, next, size = 1) =>
  Float32Array.from({ length: n }, () => ((next(20001) - 10000) / 10000) * size)

/** Pages for each sequence in two layer groups, in no order; those of the second are returned. */
function givePages(sequences, next) {
  const counts = sequences.map(({ n, before }) => Math.ceil((before + n) / PAGE))
  const nPages = counts.reduce((sum, count) => sum + count, 0) + 2
  const free = Array.from({ length: nPages }, (_, i) => i)
  for (const [seq, sequence] of sequences.entries()) {
    const take = () => free.splice(next(free.length), 1)[0]
    sequence.pages = [new Array(counts[seq]).fill(0), Array.from({ length: counts[seq] }, take)]
  }
  return nPages
}

const TYPES = ['KV_F32', 'KV_F16', 'KV_Q8_0']
const typesOf = (k, v) => ({ K_TYPE: constants[k], V_TYPE: constants[v] })

/** Positions that a token sees: [begin, end). */
function visible({ sequence, position }, { window, causal }) {
  const end = causal ? position + 1 : sequence.before + sequence.n
  return { begin: window && end > window ? end - window : 0, end }
}

/** softmax(softcap(q · K * scale)) · V */
function attend(q, keys, values, { scale, softcap }) {
  const scores = keys.map((key) => {
    const score = key.reduce((sum, value, i) => sum + value * q[i], 0) * scale
    return softcap ? softcap * Math.tanh(score / softcap) : score
  })
  const most = Math.max(...scores)
  const weights = scores.map((score) => Math.exp(score - most))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return Array.from(q, (_, i) =>
    weights.reduce((sum, weight, k) => sum + (weight / total) * values[k][i], 0),
  )
}

const CASES = [
  { nHead: 4, nKv: 2, headDim: 64, window: 0, softcap: 0, causal: 1 },
  { nHead: 3, nKv: 3, headDim: 192, window: 40, softcap: 0, causal: 1 },
  { nHead: 2, nKv: 1, headDim: 32, window: 0, softcap: 30, causal: 0 },
  { nHead: 2, nKv: 2, headDim: 512, window: 7, softcap: 5, causal: 1 },
  { nHead: 9, nKv: 3, headDim: 20, window: 0, softcap: 0, causal: 1 },
  { nHead: 1, nKv: 1, headDim: 4, window: 33, softcap: 0, causal: 0 },
]

/** Numbers of what attention_part writes. */
const partsOf = (shape, headDim) => shape.reduce((n, size) => n * size, headDim + 4)

test('attention: types, windows, soft caps, both directions, several sequences', async () => {
  const next = random(1)
  for (const [index, one] of CASES.entries()) {
    const { nHead, nKv, headDim } = one
    const scale = Math.fround(2 / Math.sqrt(headDim))
    const sequences = [
      { n: 3, before: 0 },
      { n: 1, before: one.causal ? 400 : 0 },
      { n: 34, before: one.causal ? 95 : 0 },
      { n: 1, before: one.causal ? 31 : 0 },
    ]
    const nPages = givePages(sequences, next)
    const tokens = tokensOf(sequences)
    const batch = makeBatch(sequences)
    const q = numbers(tokens.length * nHead * headDim, next, 3)
    const floats = [f32(scale), f32(one.softcap)]
    const dim = nHead * headDim
    const packs = headDim % 16 === 0 && dim % 32 === 0 ? constants.PACKS_NORMED : 0
    const norm = numbers(dim, next)
    const packed = packs ? [norm, new Uint32Array(tokens.length * packedWords(dim))] : []
    const nameOf = (name) => (packs ? `${name}_pack` : name)
    const own = params(nHead, nKv, headDim, 1, nPages, ...floats, one.window, one.causal, packs)
    for (const k of TYPES)
      for (const v of TYPES) {
        if (headDim % 64 && (k === 'KV_Q8_0' || v === 'KV_Q8_0')) continue
        const cache = {
          k: new Cache(k, nPages, nKv, headDim),
          v: new Cache(v, nPages, nKv, headDim),
        }
        for (const sequence of sequences) {
          const first = visible({ sequence, position: sequence.before }, one).begin
          for (let position = first; position < sequence.before + sequence.n; position++) {
            const page = sequence.pages[1][Math.floor(position / PAGE)]
            for (let head = 0; head < nKv; head++) {
              cache.k.write(page, head, position % PAGE, numbers(headDim, next))
              cache.v.write(page, head, position % PAGE, numbers(headDim, next))
            }
          }
        }
        const cached = (which, { sequence }, head, { begin, end }) =>
          Array.from({ length: end - begin }, (_, i) => {
            const page = sequence.pages[1][Math.floor((begin + i) / PAGE)]
            return cache[which].read(page, head, (begin + i) % PAGE)
          })
        const expected = tokens.flatMap((token, t) =>
          Array.from({ length: nHead }, (_, head) => {
            const at = (t * nHead + head) * headDim
            const kvHead = Math.floor(head / (nHead / nKv))
            const range = visible(token, one)
            const row = q.subarray(at, at + headDim)
            const values = cached('v', token, kvHead, range)
            return attend(row, cached('k', token, kvHead, range), values, { ...one, scale })
          }).flat(),
        )
        for (const reduce of k === v ? ['shared', 'subgroup'] : ['shared']) {
          const what = `case ${index}, ${k}, ${v}, ${reduce}`
          const [out, whole] = await kernels.run(
            nameOf('attention'),
            { reduce, own: typesOf(k, v) },
            own,
            [batch, q, cache.k.words, cache.v.words, poisoned(q.length + 64), ...packed],
            [nHead, tokens.length],
          )
          assertNumbers(out, expected, 3e-6, what)
          if (packs) assertPacked(whole, out.subarray(0, q.length), dim, norm, what)
          const few = 5 // rows, of which there are never many: of three sequences
          const shape = [nHead, few, constants.SPLITS]
          const [parts] = await kernels.run(
            'attention_part',
            { reduce, own: typesOf(k, v) },
            own,
            [batch, q, cache.k.words, cache.v.words, poisoned(partsOf(shape, headDim))],
            shape,
          )
          const [merged, joined] = await kernels.run(
            nameOf('attention_merge'),
            {},
            params(nHead, headDim, packs),
            [parts, poisoned(few * dim + 64), ...packed],
            [nHead, few],
          )
          assertNumbers(merged, expected.slice(0, few * dim), 3e-6, `${what}, in parts`)
          if (!packs) continue
          const rows = joined.slice(0, few * packedWords(dim))
          assertPacked(rows, merged.subarray(0, few * dim), dim, norm, what)
        }
      }
  }
})

test('attention: NaN in a query comes out', async () => {
  const next = random(2)
  const sequences = [{ n: 1, before: 0 }]
  const nPages = givePages(sequences, next)
  const [k, v] = [new Cache('KV_F32', nPages, 1, 8), new Cache('KV_F32', nPages, 1, 8)]
  for (const cache of [k, v]) cache.write(sequences[0].pages[1][0], 0, 0, numbers(8, next))
  const q = numbers(8, next)
  q[3] = Number.NaN
  const run = (name, n, groups) =>
    kernels.run(
      name,
      { own: typesOf('KV_F32', 'KV_F32') },
      params(1, 1, 8, 1, nPages, f32(1), f32(0), 0, 1, 0),
      [makeBatch(sequences), q, k.words, v.words, new Float32Array(n)],
      groups,
    )
  const [out] = await run('attention', 8, [1, 1])
  assert(out.every(Number.isNaN), `${out}`)
  const shape = [1, 1, constants.SPLITS]
  const [parts] = await run('attention_part', partsOf(shape, 8), shape)
  const data = [parts, new Float32Array(8)]
  const [merged] = await kernels.run('attention_merge', {}, params(1, 8, 0), data, [1, 1])
  assert(merged.every(Number.isNaN), `${merged}`)
})

const WRITES = [
  { nKv: 2, headDim: 64 },
  { nKv: 1, headDim: 512 },
  { nKv: 3, headDim: 192 },
  { nKv: 1, headDim: 96 },
  { nKv: 2, headDim: 20 },
]

/** Runs kv_write over poisoned caches; also says what they should be. */
async function write(k, v, { nKv, headDim }, next, edit = () => {}) {
  const sequences = [
    { n: 3, before: 30 },
    { n: 1, before: 0 },
    { n: 2, before: 95 },
  ]
  const nPages = givePages(sequences, next)
  const tokens = tokensOf(sequences)
  const dim = nKv * headDim
  const x = { k: numbers(tokens.length * dim, next, 4), v: numbers(tokens.length * dim, next, 4) }
  for (const one of [x.k, x.v]) {
    one.fill(0, dim - 4, dim)
    // Subnormal halves, halves' ties, and a block of zeros where there are blocks.
    one.set([3e-6, -2.98e-8, 2.99e-8, 2049, -2051, 65519, 1 + 2 ** -11], dim)
    one.fill(0, 2 * dim, 2 * dim + Math.min(32, headDim))
  }
  edit(x, dim)
  const caches = { k: new Cache(k, nPages, nKv, headDim), v: new Cache(v, nPages, nKv, headDim) }
  const [keys, values, status] = await kernels.run(
    'kv_write',
    { own: typesOf(k, v) },
    params(nKv, headDim, 1, nPages),
    [makeBatch(sequences), x.k, x.v, caches.k.words, caches.v.words, new Uint32Array(2)],
    [tokens.length, nKv],
  )
  for (const [t, { sequence, position }] of tokens.entries())
    for (let head = 0; head < nKv; head++) {
      const page = sequence.pages[1][Math.floor(position / PAGE)]
      const at = t * dim + head * headDim
      for (const which of ['k', 'v'])
        caches[which].write(page, head, position % PAGE, x[which].subarray(at, at + headDim))
    }
  return { written: { k: keys, v: values }, caches, status }
}

/** The same bits; quants and scales may be one apart where a device divides less exactly. */
function assertWritten(words, cache, what) {
  if (cache.type !== 'KV_Q8_0') {
    assert.deepEqual(words, cache.words, what)
    return
  }
  const bytes = new Int8Array(words.buffer)
  const expected = new Int8Array(cache.words.buffer)
  let apart = 0
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] === expected[i]) continue
    assert(Math.abs(bytes[i] - expected[i]) === 1, `${what}: byte ${i}`)
    apart++
  }
  assert(apart <= bytes.length / 1000, `${what}: ${apart} bytes differ`)
}

test('kv_write: every type; nothing else is touched', async () => {
  const next = random(3)
  for (const shape of WRITES)
    for (const k of TYPES)
      for (const v of TYPES) {
        if (shape.headDim % 64 && (k === 'KV_Q8_0' || v === 'KV_Q8_0')) continue
        const { written, caches, status } = await write(k, v, shape, next)
        assertWritten(written.k, caches.k, `keys ${k}, ${v}, ${shape.headDim}`)
        assertWritten(written.v, caches.v, `values ${k}, ${v}, ${shape.headDim}`)
        assert.deepEqual([...status], [0, 0])
      }
})

test('kv_write: says the first token that is not finite in the cache', async () => {
  const next = random(4)
  const first = (status) => 0xffffffff - status[0]
  for (const type of TYPES)
    for (const which of ['k', 'v']) {
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const edit = (x, dim) => {
          x[which][4 * dim + 5] = value
          x[which][2 * dim + 63] = value
        }
        const { status } = await write(type, type, { nKv: 1, headDim: 64 }, next, edit)
        assert.equal(first(status), 2, `${type} ${value}`)
      }
      // Too large for a half, or for the scale of eight bits.
      const large = { KV_F32: 3e38, KV_F16: 65520, KV_Q8_0: 65530 * 127 }[type]
      const edit = (x, dim) => {
        x[which][3 * dim + 1] = -large
      }
      const { status } = await write(type, type, { nKv: 1, headDim: 64 }, next, edit)
      assert.equal(status[0] && first(status), type === 'KV_F32' ? 0 : 3, `${type} ${large}`)
    }
})
