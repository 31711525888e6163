// Kernels of several operations, against the definitions of these in double precision.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { random } from '../js/lib/random.js'
import { makeBatch } from './lib/batch.js'
import { blockOf, formatOf, makeWeights, product, sliceOf, weightTypes } from './lib/blocks.js'
import { Cache, PAGE } from './lib/cache.js'
import { assertNumbers, constants, f32, openKernels, params, poisoned } from './lib/kernels.js'
import { EPS, rmsNorm, rootsOf, rowsNormed } from './lib/norms.js'
import { assertPacked, COLUMNS, inGroups, pack, packedWords } from './lib/packed.js'

let kernels
before(async () => {
  kernels = await openKernels()
})
after(() => kernels.close())

const TAIL = 64
const numbers = (n, next, size = 1) =>
  Float32Array.from({ length: n }, () => ((next(20001) - 10000) / 10000) * size)
const gelu = (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
const silu = (x) => x / (1 + Math.exp(-x))

const groupsOf = (n, m) => {
  const groups = Math.ceil(n / constants.BLOCK)
  return [Math.min(groups, 3), Math.ceil(groups / 3), m]
}

const poisonedWords = (n) => new Uint32Array(poisoned(n).buffer)

test('rows are packed, as they are and for a norm', async () => {
  const next = random(3)
  for (const [rows, dim] of [
    [1, 4],
    [3, 100],
    [2, 1056],
  ]) {
    const x = numbers(rows * dim, next, 9)
    x.fill(0, 0, Math.min(16, dim)) // a block of zeros
    const norm = numbers(dim, next, 2)
    for (const [packs, by] of [
      [constants.PACKS_PLAIN, undefined],
      [constants.PACKS_NORMED, norm],
    ]) {
      const [words] = await kernels.run(
        'pack_rows',
        {},
        params(dim, packs),
        [x, norm, poisonedWords(rows * packedWords(dim))],
        [Math.ceil(dim / 4 / 128 + 1), rows],
      )
      assertPacked(words, x, dim, by, `${rows} x ${dim}, ${packs}`)
    }
  }
})

test('a block with a number that is not finite has NaN as its scale', async () => {
  for (const bad of [Number.NaN, Infinity, -Infinity]) {
    const x = new Float32Array(64).fill(1)
    x[17] = bad
    const run = (packs) =>
      kernels.run('pack_rows', {}, params(64, packs), [x, x, poisonedWords(packedWords(64))], [1])
    for (const packs of [constants.PACKS_PLAIN, constants.PACKS_NORMED]) {
      const [words] = await run(packs)
      // Block 1 is the first with an odd number, number 2 of each of four.
      const scales = Array.from(new Float32Array(words.buffer).subarray(32)).filter(
        (_, i) => i % 4 === 0,
      )
      assert.deepEqual(scales.map(Number.isNaN), [false, false, true, false], `${bad}`)
    }
  }
})

for (const type of weightTypes) {
  test(`${type}: normed rows times a matrix, and through a gate`, async () => {
    const next = random(7)
    const unit = Math.max(8, blockOf(type).weights)
    // Rows, columns, rows of x, other rows in front.
    const shapes = [
      [32, 2 * unit, 1, 0],
      [22, (unit === 256 ? 3 : 9) * unit, 3, 8],
    ]
    if (unit === 8) shapes.push([5, 100, 2, 0])
    for (const [index, [n, cols, m, front]] of shapes.entries()) {
      const w = makeWeights(type, front + 2 * n, cols, next)
      const x = numbers(m * cols, next, 3)
      const weight = numbers(cols, next, 2)
      const bias = numbers(front + 2 * n, next)
      const hasBias = Number(index !== 1)
      const packed = pack(x, cols, weight)
      const roots = rootsOf(x, cols)
      const normed = packed.values.map((value, i) => value * roots[Math.floor(i / cols)])
      const rowAt = (t, row) => {
        const { sum, size } = product(w, row, normed, t)
        return { value: sum + hasBias * bias[row], size: 3e-6 * (size + Math.abs(bias[row])) }
      }
      const { words, params: slice } = sliceOf(w, 0, front + 2 * n)
      const options = { format: formatOf(type) }
      // Into rows that are wider, from column 3 on.
      const wide = n + 5
      const [expected, bounds] = [new Float64Array(m * wide).fill(NaN), new Float64Array(m * wide)]
      for (let t = 0; t < m; t++)
        for (let row = 0; row < n; row++) {
          const { value, size } = rowAt(t, front + row)
          expected[t * wide + 3 + row] = value
          bounds[t * wide + 3 + row] = size
        }
      const reduces = index === 0 ? ['shared', 'subgroup'] : ['shared']
      for (const reduce of reduces) {
        for (const [suffix, columns] of COLUMNS) {
          const whole = columns * Math.ceil(m / columns)
          const given = [packed.words, x].map((values) => inGroups(values, m, columns))
          const [out] = await kernels.run(
            `matvec${suffix}`,
            { ...options, reduce },
            params(
              ...[3, n, cols, ...slice.slice(3), front, wide],
              ...[1, f32(EPS), hasBias, front - 3, 0, f32(1), 0],
            ),
            [words, given[0], bias, given[1], poisoned(whole * wide + TAIL)],
            groupsOf(n, whole / columns),
          )
          const made = columns > 1 ? out.subarray(0, m * wide) : out
          assertNumbers(made, expected, bounds, `${type}${suffix} ${n} x ${cols} · ${m}, ${reduce}`)
        }
      }
      if (front) continue // a gate has nothing in front of it
      const packs = n % 32 === 0 // which kernels do that have whole blocks of a row
      const factors = numbers(n, next, 2)
      for (const [kind, activation] of [
        [constants.SILU_MUL, silu],
        [constants.GELU_MUL, gelu],
      ]) {
        const [product2, bounds2] = [new Float64Array(m * n), new Float64Array(m * n)]
        for (let i = 0; i < m * n; i++) {
          const gate = rowAt(Math.floor(i / n), i % n)
          const up = rowAt(Math.floor(i / n), n + (i % n))
          const activated = activation(gate.value)
          product2[i] = activated * up.value
          bounds2[i] = 1.2 * gate.size * Math.abs(up.value) + Math.abs(activated) * up.size + 1e-6
        }
        for (const reduce of reduces)
          for (const [suffix, columns] of COLUMNS) {
            const whole = columns * Math.ceil(m / columns)
            const how = packs ? constants.PACKS_NORMED : 0
            const nothing = packs ? [factors, poisonedWords(whole * packedWords(n))] : []
            const [out, made] = await kernels.run(
              `matvec_glu${suffix}${packs ? '_pack' : ''}`,
              { ...options, reduce },
              params(0, n, cols, ...slice.slice(3), 1, f32(EPS), hasBias, 0, kind, how),
              [
                ...[words, inGroups(packed.words, m, columns), bias],
                ...[poisoned(whole * n + TAIL), ...nothing],
              ],
              groupsOf(n, whole / columns),
            )
            const what = `${type} gate${suffix} ${n} x ${cols}, ${kind}, ${reduce}`
            const rows = out.subarray(0, m * n)
            assertNumbers(columns > 1 ? rows : out, product2, bounds2, what)
            if (packs) assertPacked(made.subarray(0, m * packedWords(n)), rows, n, factors, what)
          }
      }
    }
  })
}

test('what a product adds up to is packed beside it', async () => {
  const next = random(5)
  const [n, cols, m] = [96, 64, 3]
  const w = makeWeights('Q4_0', n, cols, next)
  const x = pack(numbers(m * cols, next, 3), cols)
  const [residual, norm] = [numbers(m * n, next, 5), numbers(n, next)]
  const { words, params: slice } = sliceOf(w, 0, n)
  for (const reduce of ['shared', 'subgroup'])
    for (const packs of [constants.PACKS_PLAIN, constants.PACKS_NORMED]) {
      for (const [suffix, columns] of COLUMNS) {
        const whole = columns * Math.ceil(m / columns)
        const given = [x.words, residual].map((values) => inGroups(values, m, columns))
        const [out, made] = await kernels.run(
          `matvec${suffix}_pack`,
          { format: formatOf('Q4_0'), reduce },
          params(0, n, cols, ...slice.slice(3), 0, n, 0, f32(0), 0, 0, 1, f32(1), packs),
          [
            ...[words, given[0], residual, given[1], poisoned(whole * n)],
            ...[norm, poisonedWords(whole * packedWords(n))],
          ],
          groupsOf(n, whole / columns),
        )
        const rows = out.subarray(0, m * n)
        assert.ok(rows.every(Number.isFinite))
        const by = packs === constants.PACKS_NORMED ? norm : undefined
        assertPacked(made.subarray(0, m * packedWords(n)), rows, n, by, `${suffix} ${reduce}`)
      }
    }
})

test('norm_add: scaled, to something else', async () => {
  const next = random(1)
  for (const [rows, dim, scale] of [
    [1, 5, 1],
    [3, 1030, 0.25],
  ]) {
    const [x, weight] = [numbers(rows * dim, next, 4), numbers(dim, next, 2)]
    const residual = numbers(rows * dim, next, 9)
    const expected = rowsNormed(x, dim, weight).map((value, i) => value * scale + residual[i])
    for (const reduce of ['shared', 'subgroup']) {
      const [out] = await kernels.run(
        'norm_add',
        { reduce },
        params(dim, f32(EPS), f32(scale)),
        [x, weight, residual, poisoned(rows * dim + TAIL)],
        [rows],
      )
      assertNumbers(out, expected, 4e-6, `${rows} x ${dim}, ${reduce}`)
    }
  }
})

/** Pairs of a head turned by angles, of which there is a cosine and a sine for each. */
function rotate(head, nRot, neox, angles) {
  for (let pair = 0; pair < nRot / 2; pair++) {
    const [a, b] = neox ? [pair, pair + nRot / 2] : [2 * pair, 2 * pair + 1]
    const [cosine, sine] = [angles[2 * pair], angles[2 * pair + 1]].map(Math.fround)
    const [x, y] = [head[a], head[b]]
    head[a] = x * cosine - y * sine
    head[b] = x * sine + y * cosine
  }
}

const HEADS = [
  { nHead: 4, nKv: 2, headDim: 64, nRot: 64, neox: 0, norm: 0 },
  { nHead: 3, nKv: 1, headDim: 128, nRot: 32, neox: 1, norm: 1 },
  { nHead: 2, nKv: 2, headDim: 512, nRot: 512, neox: 1, norm: 0 },
  { nHead: 2, nKv: 1, headDim: 20, nRot: 0, neox: 0, norm: 1 },
]

test('heads: norms, both pairings, parts of heads, no positions, keys and values', async () => {
  const next = random(2)
  const sequences = [
    { n: 2, before: 30, pages: [[0], [3, 1]] },
    { n: 1, before: 70, pages: [[0], [0, 4, 2]] },
  ]
  const tokens = [
    [3, 30],
    [3, 31],
    [2, 70 % PAGE],
  ]
  for (const { nHead, nKv, headDim, nRot, neox, norm } of HEADS) {
    const stride = nRot + 2
    const angles = Array.from({ length: 2 * 3 * (stride / 2) }, () => next(1000) / 100)
    const ropes = angles.flatMap((angle) => [Math.cos(angle), Math.sin(angle)])
    const batch = makeBatch(sequences, { ropes })
    const wide = (nHead + 2 * nKv) * headDim
    const x = numbers(3 * wide, next, 3)
    const [qNorm, kNorm] = [numbers(headDim, next, 2), numbers(headDim, next, 2)]
    const head = (t, i, weight) => {
      const own = x.subarray(t * wide + i * headDim, t * wide + (i + 1) * headDim)
      const values = norm && weight ? rmsNorm(own, weight) : Array.from(own)
      if (weight) rotate(values, nRot, neox, ropes.slice((3 + t) * stride))
      return values
    }
    for (const type of headDim % 64 ? ['KV_F32'] : ['KV_F32', 'KV_Q8_0'])
      for (const reduce of ['shared', 'subgroup']) {
        const types = { K_TYPE: constants[type], V_TYPE: constants[type] }
        const [keys, values] = [new Cache(type, 5, nKv, headDim), new Cache(type, 5, nKv, headDim)]
        const [q, k, v, status] = await kernels.run(
          'heads',
          { reduce, own: types },
          params(nHead, nKv, headDim, 1, 5, norm, f32(EPS), nRot, neox, 1, stride),
          [
            batch,
            x,
            qNorm,
            kNorm,
            poisoned(3 * nHead * headDim + TAIL),
            keys.words,
            values.words,
            new Uint32Array(2),
          ],
          [3, nHead + nKv],
        )
        const what = `${nHead} heads of ${headDim}, ${type}, ${reduce}`
        const expected = Array.from({ length: 3 * nHead }, (_, i) =>
          head(Math.floor(i / nHead), i % nHead, qNorm),
        ).flat()
        assertNumbers(q, expected, 4e-6, what)
        assert.deepEqual([...status], [0, 0])
        const untouched = keys.words.slice()
        keys.words.set(k)
        values.words.set(v)
        const bound = type === 'KV_F32' ? 4e-6 : 0.05
        for (const [t, [page, slot]] of tokens.entries())
          for (let i = 0; i < nKv; i++) {
            const [key, value] = [keys.read(page, i, slot), values.read(page, i, slot)]
            assertNumbers(Float32Array.from(key), head(t, nHead + i, kNorm), bound, `keys ${what}`)
            const own = head(t, nHead + nKv + i)
            assertNumbers(Float32Array.from(value), own, bound, `values ${what}`)
            keys.words.set(rowOf(keys, untouched, page, i, slot), wordsAt(keys, page, i, slot))
          }
        assert.deepEqual(keys.words, untouched, 'nothing else was written')
      }
  }
})

/** Where the words of a row of the cache are, and what they were. */
const rowWords = (cache) => cache.words.length / (cache.nPages * cache.nHeads * PAGE)
const wordsAt = (cache, page, head, slot) =>
  ((page * cache.nHeads + head) * PAGE + slot) * rowWords(cache)
function rowOf(cache, words, page, head, slot) {
  const at = wordsAt(cache, page, head, slot)
  return words.subarray(at, at + rowWords(cache))
}

test('heads: says the first token whose key or value is not finite', async () => {
  const next = random(3)
  const batch = makeBatch([{ n: 3, before: 0, pages: [[0], [1]] }], {
    ropes: new Array(24).fill(0),
  })
  const types = { K_TYPE: constants.KV_F16, V_TYPE: constants.KV_F16 }
  for (const [at, value] of [
    [8, Number.NaN],
    [17, 7e4],
  ]) {
    const x = numbers(3 * 24, next)
    x[24 + at] = value
    const cache = () => new Cache('KV_F16', 2, 1, 8).words
    const [, , , status] = await kernels.run(
      'heads',
      { own: types },
      params(1, 1, 8, 1, 2, 0, f32(EPS), 0, 0, 0, 0),
      [batch, x, x, x, new Float32Array(24), cache(), cache(), new Uint32Array(2)],
      [3, 2],
    )
    assert.equal(0xffffffff - status[0], 1)
  }
})
