// Kernels that go row by row, against their definitions in double precision.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { random } from '../js/lib/random.js'
import { makeBatch, NONE, tokensOf } from './lib/batch.js'
import {
  assertNumbers,
  constants,
  f32,
  openKernels,
  params,
  poisoned,
  workgroupOf,
} from './lib/kernels.js'

let kernels
before(async () => {
  kernels = await openKernels()
})
after(() => kernels.close())

const REDUCES = ['shared', 'subgroup']
const TAIL = 64
const groupsOf = (name, dim) => Math.ceil(dim / workgroupOf(name))

/** n numbers of about `size`. */
const numbers = (n, next, size = 1) =>
  Float32Array.from({ length: n }, () => ((next(20001) - 10000) / 10000) * size)
const rowOf = (x, dim, t) => Array.from(x.subarray(t * dim, (t + 1) * dim))
const sum = (values) => values.reduce((total, value) => total + value, 0)
const within = (expected, relative, absolute) =>
  Float64Array.from(expected, (value) => relative * Math.abs(value) + absolute)

function rmsNorm(x, weight, eps) {
  const r = 1 / Math.sqrt(sum(x.map((value) => value * value)) / x.length + eps)
  return x.map((value, i) => value * r * weight[i])
}

test('rms_norm: whole rows and heads', async () => {
  const next = random(1)
  for (const [rows, dim, width, size] of [
    [1, 1, 1, 1],
    [3, 576, 576, 10],
    [2, 1030, 1030, 1e4],
    [5, 192, 64, 1],
    [2, 4096, 4096, 1e-4],
  ]) {
    const [x, weight] = [numbers(rows * dim, next, size), numbers(width, next, 3)]
    const eps = Math.fround(1e-6)
    const expected = []
    for (let at = 0; at < x.length; at += width)
      expected.push(...rmsNorm(Array.from(x.subarray(at, at + width)), weight, eps))
    for (const reduce of REDUCES) {
      const [out] = await kernels.run(
        'rms_norm',
        { reduce },
        params(dim, width, f32(eps)),
        [x, weight, poisoned(x.length + TAIL)],
        [rows, dim / width],
      )
      assertNumbers(out, expected, within(expected, 1e-6, 1e-9), `${rows} x ${dim}, ${reduce}`)
    }
  }
})

test('layer_norm: of a mean far from 0, too', async () => {
  const next = random(2)
  for (const [rows, dim, mean] of [
    [2, 384, 0],
    [1, 7, 3],
    [3, 1000, 1000],
  ]) {
    const x = numbers(rows * dim, next, 2).map((value) => value + mean)
    const [weight, bias] = [numbers(dim, next), numbers(dim, next)]
    const eps = Math.fround(1e-12)
    const expected = []
    for (let t = 0; t < rows; t++) {
      const row = rowOf(x, dim, t)
      const average = sum(row) / dim
      const apart = row.map((value) => value - average)
      const normed = rmsNorm(apart, weight, eps)
      expected.push(...normed.map((value, i) => value + bias[i]))
    }
    for (const reduce of REDUCES) {
      const [out] = await kernels.run(
        'layer_norm',
        { reduce },
        params(dim, f32(eps)),
        [x, weight, bias, poisoned(x.length + TAIL)],
        [rows],
      )
      // The mean is rounded as the values are.
      assertNumbers(out, expected, 2e-6 + 3e-7 * mean, `${rows} x ${dim}, ${reduce}`)
    }
  }
})

test('l2_norm: a row of zeros stays', async () => {
  const next = random(3)
  const [rows, dim] = [3, 390]
  const x = numbers(rows * dim, next, 5)
  x.fill(0, dim, 2 * dim)
  const expected = Array.from({ length: rows }, (_, t) => {
    const row = rowOf(x, dim, t)
    const length = Math.hypot(...row) || 1
    return row.map((value) => value / length)
  }).flat()
  for (const reduce of REDUCES) {
    const data = [x, poisoned(x.length + TAIL)]
    const [out] = await kernels.run('l2_norm', { reduce }, params(dim), data, [rows])
    assertNumbers(out, expected, within(expected, 1e-6, 1e-12), reduce)
  }
})

test('rope: both pairings, rest of the head, second table', async () => {
  const next = random(4)
  const n = 3
  for (const [heads, headDim, nRot, neox] of [
    [2, 64, 64, 0],
    [3, 80, 32, 1],
    [1, 6, 2, 0],
    [5, 128, 128, 1],
  ]) {
    const [dim, stride] = [heads * headDim, nRot + 6]
    const angles = Array.from({ length: 2 * n * (stride / 2) }, () => next(1000) / 100)
    const ropes = angles.flatMap((angle) => [Math.cos(angle), Math.sin(angle)])
    const batch = makeBatch([{ n, before: 5 }], { ropes })
    const x = numbers(n * dim, next)
    const expected = Float64Array.from(x)
    for (let i = 0; i < n * heads; i++)
      for (let pair = 0; pair < nRot / 2; pair++) {
        const t = Math.floor(i / heads)
        const at = (n + t) * stride + 2 * pair
        const [cosine, sine] = [Math.fround(ropes[at]), Math.fround(ropes[at + 1])]
        const first = i * headDim + (neox ? pair : 2 * pair)
        const second = neox ? first + nRot / 2 : first + 1
        expected[first] = x[first] * cosine - x[second] * sine
        expected[second] = x[first] * sine + x[second] * cosine
      }
    const [out] = await kernels.run(
      'rope',
      {},
      params(dim, headDim, nRot, neox, 1, stride),
      [batch, x, poisoned(n * dim + TAIL)],
      [n, groupsOf('rope', dim / 2)],
    )
    assertNumbers(out, expected, 3e-7, `${heads} heads of ${headDim}, ${nRot}`)
  }
})

const geluTanh = (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
const silu = (x) => x / (1 + Math.exp(-x))

/** The error function, by its series, and far out by Lentz's continued fraction. */
function erf(x) {
  if (Math.abs(x) > 3) {
    let fraction = 0
    for (let k = 60; k > 0; k--) fraction = k / 2 / (Math.abs(x) + fraction)
    const tail = Math.exp(-x * x) / (Math.sqrt(Math.PI) * (Math.abs(x) + fraction))
    return Math.sign(x) * (1 - tail)
  }
  let [term, total] = [x, x]
  for (let k = 1; k < 80; k++) {
    term *= (-x * x) / k
    total += term / (2 * k + 1)
  }
  return (2 / Math.sqrt(Math.PI)) * total
}

/** Small and large ones, signs, what overflows an exponential. */
const EXTREMES = [0, 1e-20, 1e-6, 0.1, 0.624, 0.626, 1, 3, 9, 12, 44, 88, 89, 200, 1e4, 1e10, 3e18]

test('binary: sums, products, gated units', async () => {
  const next = random(5)
  const [rows, dim] = [3, 300]
  const a = numbers(rows * dim, next, 6)
  const b = numbers(rows * dim, next, 2)
  for (const [i, value] of EXTREMES.entries()) a.set([value, -value], 2 * i)
  b.set(EXTREMES.map((value) => -value))
  const one = {
    ADD: (x, y) => x + y,
    MUL: (x, y) => x * y,
    SILU_MUL: (x, y) => silu(x) * y,
    GELU_MUL: (x, y) => geluTanh(x) * y,
    GATE: (x, _, gate) => x / (1 + Math.exp(-gate)),
  }
  for (const [name, f] of Object.entries(one)) {
    const expected = Array.from(a, (x, i) => f(x, b[i], b[Math.floor(i / dim)]))
    const [out] = await kernels.run(
      'binary',
      {},
      params(dim, constants[name]),
      [a, b, poisoned(rows * dim + TAIL)],
      [groupsOf('binary', dim), rows],
    )
    // The tail of GELU is small beside x.
    const tolerance = expected.map(
      (value, i) => 3e-6 * Math.abs(value) + 2e-7 * Math.min(1, Math.abs(a[i] * b[i])),
    )
    assertNumbers(out, expected, tolerance, name)
  }
})

test('unary: GELU, a factor, a soft cap; NaN stays', async () => {
  const next = random(6)
  const [rows, dim] = [2, 333]
  const x = numbers(rows * dim, next, 6)
  for (const [i, value] of EXTREMES.entries()) x.set([value, -value], 2 * i)
  for (const [name, value, f] of [
    ['GELU', 0, (y) => (y / 2) * (1 + erf(y / Math.SQRT2))],
    ['SCALE', 0.25, (y) => y * 0.25],
    ['SOFTCAP', 30, (y) => 30 * Math.tanh(y / 30)],
  ]) {
    const expected = Array.from(x, f)
    const tolerance = expected.map(
      (y, i) => 3e-7 * Math.abs(name === 'GELU' ? x[i] : y) + 1e-30 + 1e-6 * Math.abs(y),
    )
    const run = (data) =>
      kernels.run(
        'unary',
        {},
        params(dim, constants[name], f32(value)),
        [data, poisoned(rows * dim + TAIL)],
        [groupsOf('unary', dim), rows],
      )
    assertNumbers((await run(x))[0], expected, tolerance, name)
    const [out] = await run(x.map((y, i) => (i === 40 ? Number.NaN : y)))
    assert(Number.isNaN(out[40]), `${name} of NaN is ${out[40]}`)
  }
})

test('take_outputs and pool: several texts', async () => {
  const next = random(7)
  const sequences = [
    { n: 5, before: 0 },
    { n: 1, before: 3 },
    { n: 70, before: 0 },
  ]
  const outputs = [75, 4, 5]
  const batch = makeBatch(sequences, { outputs })
  const tokens = tokensOf(sequences)
  const dim = 132
  const x = numbers(tokens.length * dim, next)
  const run = (name, ...own) =>
    kernels.run(
      name,
      {},
      params(dim, ...own),
      [batch, x, poisoned(outputs.length * dim + TAIL)],
      [groupsOf(name, dim), outputs.length],
    )
  const rowsOf = (pick) => outputs.flatMap((last) => pick(last, tokens[last].first))
  assertNumbers(
    (await run('take_outputs'))[0],
    rowsOf((last) => rowOf(x, dim, last)),
    0,
    'rows',
  )
  const pooled = {
    POOLING_MEAN: (last, first) =>
      Array.from({ length: dim }, (_, i) => {
        const values = Array.from({ length: last - first + 1 }, (_, k) => x[(first + k) * dim + i])
        return sum(values) / values.length
      }),
    POOLING_CLS: (_, first) => rowOf(x, dim, first),
    POOLING_LAST: (last) => rowOf(x, dim, last),
  }
  for (const [name, pick] of Object.entries(pooled))
    assertNumbers((await run('pool', constants[name]))[0], rowsOf(pick), 2e-7, name)
})

test('short_conv: over the borders of batches, with the states behind', async () => {
  const next = random(8)
  for (const nTaps of [2, 3, 4, 8]) {
    const dim = 70
    const rows = nTaps - 1
    const sequences = [
      { n: 3, before: 0, ends: [NONE, 4, 5] },
      { n: 1, before: 2, state: 1, ends: [0] },
      { n: 9, before: 100, state: 2, ends: [...new Array(8).fill(NONE), 3] },
    ]
    const batch = makeBatch(sequences)
    const tokens = tokensOf(sequences)
    const x = numbers(tokens.length * dim, next)
    const taps = numbers(dim * nTaps, next)
    const state = numbers(7 * rows * dim, next)
    // Rows before a sequence's beginning are not read.
    for (let r = 0; r < rows - 2; r++)
      state.fill(Number.NaN, (rows + r) * dim, (rows + r + 1) * dim)
    const valueAt = ({ sequence, first }, position, c) => {
      if (position < 0) return 0
      if (position >= sequence.before) return x[(first + position - sequence.before) * dim + c]
      return state[(sequence.state * rows + position - sequence.before + rows) * dim + c]
    }
    const expected = tokens.flatMap((token) =>
      Array.from({ length: dim }, (_, c) => {
        const at = (j) => valueAt(token, token.position + 1 - nTaps + j, c)
        return sum(Array.from({ length: nTaps }, (_, j) => taps[c * nTaps + j] * at(j)))
      }),
    )
    const after = Float64Array.from(state)
    for (const token of tokens) {
      const { sequence, position } = token
      const slot = sequence.ends[position - sequence.before]
      if (slot === NONE) continue
      for (let i = 0; i < rows * dim; i++)
        after[slot * rows * dim + i] = valueAt(
          token,
          position - rows + 1 + Math.floor(i / dim),
          i % dim,
        )
    }
    const [states, out] = await kernels.run(
      'short_conv',
      {},
      params(dim, nTaps),
      [batch, taps, x, state, poisoned(x.length + TAIL)],
      [groupsOf('short_conv', dim), tokens.length],
    )
    assertNumbers(out, expected, 1e-6, `${nTaps} taps`)
    assert.deepEqual(Float64Array.from(states), after)
  }
})
