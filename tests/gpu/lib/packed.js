// Packed activations (kernels_matrix.h), made and read here.
import assert from 'node:assert/strict'
import { constants } from './kernels.js'

const { BLOCK } = constants
const MOST = 127 * 256

const blocksOf = (dim) => 2 * Math.ceil(dim / (2 * BLOCK))
/** Words of a row. */
export const packedWords = (dim) => 12 * blocksOf(dim)
const placeOf = (block, n) => (block % 2) * (n / 2) + Math.floor(block / 2)

/** Of rows of `dim` numbers: the words, and the numbers that these stand for. */
export function pack(x, dim, norm) {
  const [rows, n] = [x.length / dim, blocksOf(dim)]
  const words = new Uint32Array(rows * packedWords(dim))
  const [bytes, floats] = [new Int8Array(words.buffer), new Float32Array(words.buffer)]
  const values = new Float64Array(rows * dim)
  for (let t = 0; t < rows; t++)
    for (let block = 0; block < n; block++) {
      const first = BLOCK * block
      const own = Array.from({ length: BLOCK }, (_, i) =>
        first + i < dim ? x[t * dim + first + i] : 0,
      )
      const scaled = own.map((value, i) =>
        norm ? Math.fround(value * (norm[first + i] ?? 0)) : value,
      )
      const scale = Math.fround(Math.max(...scaled.map(Math.abs)) / MOST)
      const q = scaled.map((value) => (scale ? Math.round(value / scale) : 0))
      const at = t * packedWords(dim) + 4 * placeOf(block, n)
      q.forEach((value, i) => {
        const high = (value + 128) >> 8
        bytes[4 * at + i] = high
        bytes[4 * (at + 4 * n) + i] = value - 256 * high
        if (first + i < dim) values[t * dim + first + i] = value * scale
      })
      floats[at + 8 * n] = scale
      floats[at + 8 * n + 1] = scale * q.reduce((sum, value) => sum + value, 0)
      floats[at + 8 * n + 2] = own.reduce((sum, value) => sum + value * value, 0)
    }
  return { words, values }
}

/** What the names of kernels end with that take one row of x, or several; and how many. */
export const COLUMNS = [
  ['', 1],
  ['_4', constants.MATVEC_COLUMNS],
]

/** Rows of an array of m of them, with rows of zeros behind them to a multiple of `columns`. */
export function inGroups(values, m, columns) {
  const whole = new values.constructor((values.length / m) * columns * Math.ceil(m / columns))
  whole.set(values)
  return whole
}

/** What a kernel has packed is x, times `norm`: block by block within what int16 can say. */
export function assertPacked(words, x, dim, norm, what) {
  const [n, per] = [blocksOf(dim), packedWords(dim)]
  const [bytes, floats] = [new Int8Array(words.buffer), new Float32Array(words.buffer)]
  for (let t = 0; t < x.length / dim; t++)
    for (let block = 0; block < n; block++) {
      const at = t * per + 4 * placeOf(block, n)
      const [scale, sum, squares] = floats.subarray(at + 8 * n, at + 8 * n + 3)
      const first = BLOCK * block
      const here = Array.from({ length: BLOCK }, (_, i) => first + i).filter((c) => c < dim)
      const own = here.map((c) => x[t * dim + c])
      const scaled = own.map((value, i) => value * (norm ? norm[first + i] : 1))
      const top = Math.max(0, ...scaled.map(Math.abs))
      const name = `${what}: row ${t}, block ${block}`
      let total = 0
      for (let i = 0; i < BLOCK; i++) {
        const q = 256 * bytes[4 * at + i] + bytes[4 * (at + 4 * n) + i]
        total += q
        assert.ok(Math.abs(q) <= MOST, `${name}: ${q}`)
        const off = Math.abs(q * scale - (scaled[i] ?? 0))
        assert.ok(off <= top * 2 ** -15.9, `${name}: [${i}] is off by ${off} of ${top}`)
      }
      assert.ok(Math.abs(sum - scale * total) <= 1e-6 * top * BLOCK, `${name}: its sum`)
      const expected = own.reduce((all, value) => all + value * value, 0)
      assert.ok(Math.abs(squares - expected) <= 1e-6 * expected, `${name}: its squares`)
    }
}
