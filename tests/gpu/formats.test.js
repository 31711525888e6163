// Kernels that read weights: every format of planes.def, whose meaning comes from the dequantisers
// in JavaScript, which are held against gguf-py's hashes here.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { Fnv } from '../js/lib/fnv.js'
import { random } from '../js/lib/random.js'
import { makeBatch } from './lib/batch.js'
import {
  blockOf,
  dequantize,
  formatOf,
  goldenBlocks,
  makeWeights,
  product,
  randomBlocks,
  sliceOf,
  weightTypes,
} from './lib/blocks.js'
import * as lib from './lib/kernels.js'
import { COLUMNS, inGroups, pack } from './lib/packed.js'

const { assertNumbers, constants, f32, openKernels, params, poisoned, workgroupOf } = lib

let kernels
before(async () => {
  kernels = await openKernels()
})
after(() => kernels.close())

const hashes = new Map(
  readFileSync(new URL('../golden/blocks-hash.txt', import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' ')),
)
const GOLDEN_BLOCKS = 2048

const numbers = (n, next) => Float32Array.from({ length: n }, () => (next(2001) - 1000) / 500)

/** How sums are made, and products of bytes. */
const WAYS = [
  ['shared', 'packed'],
  ['subgroup', 'plain'],
]
/** Of a sum of products, by the sum of their magnitudes. */
const ROUNDING = 3e-6

for (const type of weightTypes) {
  test(`${type}: rows of a table are what gguf-py makes of the blocks`, async () => {
    const { weights } = blockOf(type)
    const perRow = weights === 1 ? 64 : weights === 32 ? 8 : 2
    const [rows, cols] = [GOLDEN_BLOCKS / perRow, weights * perRow]
    const bytes =
      type === 'F32'
        ? randomBlocks(type, GOLDEN_BLOCKS, random(1))
        : goldenBlocks(type, GOLDEN_BLOCKS)
    const values = dequantize(type, bytes, rows * cols)
    if (type !== 'F32') {
      const hash = new Fnv()
      hash.add(values)
      assert.equal(String(hash), hashes.get(type))
    }
    const { words, params: own } = sliceOf({ type, cols, bytes }, 0, rows)
    const batch = makeBatch([{ n: rows, before: 0 }])
    const [out] = await kernels.run(
      'embed',
      { format: formatOf(type) },
      params(...own, constants.ROW_OF_POSITION, 0),
      [batch, words, poisoned(rows * cols + 64)],
      [Math.ceil(cols / 8 / workgroupOf('embed')), rows],
    )
    // A product and a difference, each rounded: minima may cancel most of a weight. Devices may
    // take numbers below 2^-126 for 0, MXFP4's scales too.
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    const tolerances = Float64Array.from(values, (value) =>
      /_1$|Q[245]_K/.test(type) ? 4e-7 * largest : 2.5e-7 * Math.abs(value) + 2 ** -122,
    )
    assertNumbers(out, values, tolerances, type)
  })

  test(`${type}: products with few rows and with many`, async () => {
    const next = random(7)
    const unit = Math.max(8, blockOf(type).weights)
    // Rows around the tiles' borders, columns around the steps'; behind other rows in the binding;
    // the last is two bindings.
    const shapes = [
      [1, unit, 1, 0, 0],
      [6, 3 * unit, 2, 0, 8],
      [67, (unit === 256 ? 1 : 11) * unit, 3, 0, 0],
      [131, 2 * unit, 65, 0, 16],
      [40, 2 * unit, 5, 13, 0],
    ]
    // Columns that are an odd multiple of 4.
    if (unit === 8) shapes.push([3, 4, 2, 0, 0], [9, 100, 70, 0, 0])
    for (const [n, cols, m, first, front] of shapes) {
      const w = makeWeights(type, front + n, cols, next)
      const x = numbers(m * cols, next)
      const bias = numbers(front + n, next)
      const hasBias = Number(n % 2 === 1)
      const residual = numbers(m * n, next)
      const packed = pack(x, cols)
      const productsWith = (values) => {
        const [expected, tolerances] = [new Float64Array(m * n), new Float64Array(m * n)]
        for (let i = 0; i < m * n; i++) {
          const { sum, size } = product(w, front + (i % n), values, Math.floor(i / n))
          const own = bias[front + (i % n)]
          expected[i] = sum + hasBias * own
          tolerances[i] = ROUNDING * (size + Math.abs(own))
          if (i % n < first) expected[i] = Number.NaN
        }
        return [expected, tolerances]
      }
      const { words, params: slice } = sliceOf(w, first, front + n - first)
      const own = [first, n - first, ...slice.slice(2), front]
      // Rows are of outputs, of which there are fewer than tokens, or of tokens.
      const perOutput = Number(n % 2 === 0)
      const outputs = Array.from({ length: perOutput ? m : 1 }, (_, i) => i)
      const batch = makeBatch([{ n: perOutput ? m + 100 : m, before: 3 }], { outputs })
      const what = `${type} ${n} x ${cols} · ${m}`
      const tiles = [Math.ceil((n - first) / constants.MATMUL_N), Math.ceil(m / constants.MATMUL_M)]
      const out = poisoned(m * n + 64)
      const parameters = params(...own, n, perOutput, hasBias, front)
      const many = async (name, given, dots) => {
        const data = [batch, words, bias, given, out]
        return (
          await kernels.run(name, { format: formatOf(type), dots }, parameters, data, tiles)
        )[0]
      }
      const name = `matmul ${what}`
      if (unit === 8) assertNumbers(await many('matmul', x), ...productsWith(x), name)
      else
        for (const [, dots] of WAYS) {
          const found = await many('matmul_packed', packed.words, dots)
          assertNumbers(found, ...productsWith(packed.values), `${name}, ${dots}`)
        }
      const [expected, tolerances] = productsWith(packed.values)
      const groups = Math.ceil((n - first) / constants.BLOCK)
      for (const [reduce, dots] of WAYS) {
        for (const [suffix, columns] of COLUMNS) {
          const whole = columns * Math.ceil(m / columns)
          const run = async (adds, scale) => {
            const given = [packed.words, residual].map((values) => inGroups(values, m, columns))
            const [made] = await kernels.run(
              `matvec${suffix}`,
              { format: formatOf(type), reduce, dots },
              params(...own, n, 0, 0, hasBias, front, adds, f32(scale), 0),
              [words, given[0], bias, given[1], poisoned(whole * n + 64)],
              [Math.min(groups, 3), Math.ceil(groups / 3), whole / columns],
            )
            return columns > 1 ? made.subarray(0, m * n) : made
          }
          const name = `matvec${suffix} ${what}, ${reduce}, ${dots}`
          assertNumbers(await run(0, 1), expected, tolerances, name)
          const added = expected.map((value, i) => 0.5 * value + residual[i])
          const bounds = tolerances.map((bound, i) => bound + 1e-7 * Math.abs(residual[i]))
          assertNumbers(await run(1, 0.5), added, bounds, `${name}, added`)
        }
      }
    }
  })
}
