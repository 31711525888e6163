// Mixtures of experts and embeddings: rows of weights that are chosen on the GPU, over weights that
// are in one binding or in several.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { random } from '../js/lib/random.js'
import { makeBatch } from './lib/batch.js'
import { makeWeights, product, sliceOf } from './lib/blocks.js'
import { assertNumbers, constants, openKernels, params, poisoned } from './lib/kernels.js'

let kernels
before(async () => {
  kernels = await openKernels()
})
after(() => kernels.close())

const REDUCES = ['shared', 'subgroup']
const numbers = (n, next, size = 1) =>
  Float32Array.from({ length: n }, () => ((next(20001) - 10000) / 10000) * size)

test('embed: rows of tokens, positions and the first, over two bindings', async () => {
  const next = random(1)
  const [rows, cols, split] = [50, 64, 24]
  const w = makeWeights('Q4_0', rows, cols, next)
  const sequences = [
    { n: 3, before: 22, ids: [49, 23, 24] },
    { n: 2, before: 0, ids: [0, 7] },
  ]
  const wanted = {
    ROW_OF_TOKEN: [49, 23, 24, 0, 7],
    ROW_OF_POSITION: [22, 23, 24, 0, 1],
    ROW_FIRST: [0, 0, 0, 0, 0],
  }
  for (const [name, list] of Object.entries(wanted)) {
    let out = poisoned(5 * cols + 64)
    for (const [first, n] of [
      [0, split],
      [split, rows - split],
    ]) {
      const { words, params: own } = sliceOf(w, first, n)
      const data = [makeBatch(sequences), words, out]
      const all = params(...own, constants[name], 0)
      out = (await kernels.run('embed', { format: 'q4_0' }, all, data, [1, 5]))[0]
      const here = list.flatMap((row) =>
        Array.from({ length: cols }, (_, i) =>
          row < first + n ? w.values[row * cols + i] : Number.NaN,
        ),
      )
      assertNumbers(out, here, 1e-6, `${name} from ${first}`)
    }
  }
})

/** sotto_program_route's definition. */
function route(logits, nUsed, normalise) {
  const most = Math.max(...logits)
  const exps = logits.map((logit) => Math.exp(logit - most))
  const order = logits.map((_, e) => e).sort((a, b) => logits[b] - logits[a] || a - b)
  const chosen = order.slice(0, nUsed)
  const sum = (normalise ? chosen.map((e) => exps[e]) : exps).reduce((a, b) => a + b, 0)
  return [...chosen, ...chosen.map((e) => exps[e] / sum)]
}

test('route: the best experts, the lower of equal ones, and their weights', async () => {
  const next = random(2)
  for (const [rows, nExperts, nUsed] of [
    [3, 8, 2],
    [2, 60, 4],
    [2, 128, 8],
    [1, 1024, 10],
    [2, 1, 1],
    [2, 4, 4],
  ]) {
    const logits = numbers(rows * nExperts, next, 8)
    if (nExperts === 60) logits.fill(1.5, 7, 60)
    if (nExperts === 8) logits.set([0, -0, 1, -1, 0, -0, -2, -3], 8)
    if (nExperts === 8) logits.set([-0, 0, -1, -1, 0, -5, -2, -200], 16)
    for (const normalise of [0, 1])
      for (const reduce of REDUCES) {
        const expected = Array.from({ length: rows }, (_, t) =>
          route(Array.from(logits.subarray(t * nExperts, (t + 1) * nExperts)), nUsed, normalise),
        ).flat()
        const [out] = await kernels.run(
          'route',
          { reduce },
          params(nExperts, nUsed, normalise),
          [logits, poisoned(rows * 2 * nUsed + 64)],
          [rows],
        )
        const tolerance = expected.map((_, i) => (i % (2 * nUsed) < nUsed ? 0 : 2e-6))
        assertNumbers(out, expected, tolerance, `${nExperts} experts, ${reduce}`)
      }
  }
})

test('route: with NaN, different experts of weight NaN; with infinity, too', async () => {
  for (const bad of [[Number.NaN], new Array(7).fill(Number.NaN), [Number.POSITIVE_INFINITY]]) {
    const logits = Float32Array.from([...bad, 3, -1, 2, 0.5, 9, 1, 7].slice(0, 7))
    const data = [logits, new Float32Array(6)]
    for (const normalise of [0, 1]) {
      const [out] = await kernels.run('route', {}, params(7, 3, normalise), data, [1])
      const experts = [...out.subarray(0, 3)]
      assert.equal(new Set(experts).size, 3)
      assert(
        experts.every((e) => Number.isInteger(e) && e >= 0 && e < 7),
        `${experts}`,
      )
      assert(out.subarray(3).every(Number.isNaN), `${out}`)
    }
  }
})

test('matmul_experts and combine: experts over several bindings', async () => {
  const next = random(3)
  for (const [type, nExperts, nUsed, dim, cols] of [
    ['Q4_0', 4, 2, 24, 96],
    ['Q6_K', 3, 3, 8, 256],
    ['F16', 5, 1, 40, 72],
  ]) {
    const w = makeWeights(type, nExperts * dim, cols, next)
    const tokens = 5
    const routes = Float32Array.from({ length: tokens * 2 * nUsed }, (_, i) =>
      i % (2 * nUsed) < nUsed
        ? (Math.floor(i / (2 * nUsed)) + (i % (2 * nUsed))) % nExperts
        : next(1000) / 1000,
    )
    const n = tokens * nUsed
    for (const perToken of [1, 0]) {
      const x = numbers((perToken ? tokens : n) * cols, next)
      const [expected, tolerances] = [new Float64Array(n * dim), new Float64Array(n * dim)]
      for (let i = 0; i < n * dim; i++) {
        const [row, r] = [Math.floor(i / dim), i % dim]
        const t = Math.floor(row / nUsed)
        const expert = routes[t * 2 * nUsed + (row % nUsed)]
        const { sum, size } = product(w, expert * dim + r, x, perToken ? t : row)
        expected[i] = sum
        tolerances[i] = 3e-6 * size
      }
      for (const reduce of REDUCES) {
        let out = poisoned(n * dim + 64)
        // Bindings begin and end within experts.
        const cuts = [0, 8, nExperts * dim - 5, nExperts * dim]
        for (let cut = 1; cut < cuts.length; cut++) {
          const own = sliceOf(w, cuts[cut - 1], cuts[cut] - cuts[cut - 1])
          const options = { format: type.toLowerCase(), reduce }
          const all = params(...own.params, dim, nUsed, perToken)
          const groups = [2, Math.ceil(dim / constants.MATVEC_ROWS / 2), n]
          const data = [new Uint32Array(4), own.words, x, routes, out]
          out = (await kernels.run('matmul_experts', options, all, data, groups))[0]
        }
        assertNumbers(out, expected, tolerances, `${type}, ${reduce}`)
      }
    }

    const x = numbers(n * dim, next)
    const expected = Array.from({ length: tokens * dim }, (_, i) => {
      const t = Math.floor(i / dim)
      const weights = routes.subarray((2 * t + 1) * nUsed, 2 * (t + 1) * nUsed)
      return weights.reduce(
        (sum, weight, e) => sum + weight * x[(t * nUsed + e) * dim + (i % dim)],
        0,
      )
    })
    const data = [x, routes, poisoned(tokens * dim + 64)]
    const [out] = await kernels.run('combine', {}, params(dim, nUsed), data, [1, tokens])
    assertNumbers(out, expected, 5e-7, 'combine')
  }
})
