// Weights for tests: blocks of any bytes, what they mean, and the planes that a GPU has of them.
import { dequantizeRow, f16ToF32 } from '../../../models/quants.mjs'
import { root } from '../../../tools/lib/paths.mjs'
import { rows } from '../../../tools/lint/tables.mjs'

const sizes = new Map(
  rows(root, 'src/tensor/dtypes.def', 'X').map(([name, , , weights, bytes]) => [
    name,
    { weights: Number(weights), bytes: Number(bytes) },
  ]),
)

const planes = new Map(
  rows(root, 'src/backend/gpu/planes.def', 'PLANES').map(([type, file, ...numbers]) => {
    const list = numbers.map((number) => Number(number.replace(/[{}]/g, '')))
    const pairs = list.flatMap((at, i) => (i % 2 ? [] : [{ at, bytes: list[i + 1] }]))
    return [type, { file, planes: pairs }]
  }),
)
export const weightTypes = [...planes.keys()]
export const formatOf = (type) => planes.get(type).file
export const blockOf = (type) => sizes.get(type)

/** Where a block has halves: scales and minima. */
const HALVES = {
  F32: [],
  MXFP4: [],
  Q4_1: [0, 2],
  Q5_1: [0, 2],
  Q4_K: [0, 2],
  Q5_K: [0, 2],
  Q2_K: [80, 82],
  Q3_K: [108],
  Q6_K: [208],
}

/** The blocks of tests/golden/generate_blocks.py, whose hash it says. */
export function goldenBlocks(type, n) {
  const { bytes: size } = sizes.get(type)
  const exponent = type === 'BF16' ? 0x7f80 : 0x7c00
  const bytes = new Uint8Array(n * size)
  let state = 1
  for (let block = 0; block < n; block++) {
    const own = bytes.subarray(block * size, (block + 1) * size)
    for (let i = 0; i < size; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      own[i] = state >>> 24
    }
    if (block % 16 === 3) own.fill(0xff)
    if (block % 16 === 7) own.fill(0)
    for (const at of HALVES[type] ?? [0])
      if (((own[at] | (own[at + 1] << 8)) & exponent) === exponent) own[at + 1] &= 0xbf
    if (type === 'MXFP4') own[0] = Math.min(own[0], 252)
  }
  return bytes
}

/** Blocks of random bytes whose scales are all about as large, so that each weight counts. */
export function randomBlocks(type, n, random) {
  const { bytes: size } = sizes.get(type)
  if (type === 'F32') {
    const values = Float32Array.from({ length: n }, () => (random(2001) - 1000) / 1000)
    return new Uint8Array(values.buffer)
  }
  const bytes = Uint8Array.from({ length: n * size }, () => random(256))
  for (let at = 0; at < bytes.length; at += size) {
    // Exponents of 2^-8 to 2^-5, either sign.
    const sign = random(2) << 7
    if (type === 'BF16') bytes[at + 1] = sign | 0x3b | random(2)
    for (const half of type === 'BF16' ? [] : (HALVES[type] ?? [0]))
      bytes[at + half + 1] = (random(2) << 7) | (7 << 2) | random(16)
    if (type === 'MXFP4') bytes[at] = 120 + random(4)
  }
  return bytes
}

const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const f = Math.fround

/** [d][m, where the format has one][fifth bits][nibbles] */
function fiveBits(bytes, out, size, head) {
  const view = viewOf(bytes)
  for (let at = 0, i = 0; i < out.length; at += size, i += 32) {
    const d = f16ToF32(view.getUint16(at, true))
    const m = head === 4 ? f16ToF32(view.getUint16(at + 2, true)) : f(-16 * d)
    const fifth = view.getUint32(at + head, true)
    for (let j = 0; j < 32; j++) {
      const nibble = (bytes[at + head + 4 + (j % 16)] >> (4 * (j >> 4))) & 15
      const q = nibble | (((fifth >>> j) & 1) << 4)
      out[i + j] = head === 4 ? f(f(q * d) + m) : f((q - 16) * d)
    }
  }
}

/** n weights. */
export function dequantize(type, bytes, n) {
  const out = new Float32Array(n)
  if (type === 'Q5_0') fiveBits(bytes, out, 22, 2)
  else if (type === 'Q5_1') fiveBits(bytes, out, 24, 4)
  else if (type === 'BF16') {
    const bits = new Uint32Array(out.buffer)
    for (let i = 0; i < n; i++) bits[i] = (bytes[2 * i] << 16) | (bytes[2 * i + 1] << 24)
  } else return dequantizeRow(type, bytes, n)
  return out
}

/** The planes of blocks, with words of ones between them, and their offsets in words. */
export function planesOf(type, bytes) {
  const { bytes: size } = sizes.get(type)
  const n = bytes.length / size
  const offsets = []
  let total = 0
  for (const plane of planes.get(type).planes) {
    offsets.push(total / 4)
    total += Math.ceil((n * plane.bytes) / 16) * 16 + 16
  }
  const out = new Uint8Array(total).fill(0xff)
  for (const [k, plane] of planes.get(type).planes.entries())
    for (let block = 0; block < n; block++) {
      const from = block * size + plane.at
      out.set(bytes.subarray(from, from + plane.bytes), 4 * offsets[k] + block * plane.bytes)
    }
  const [, plane1 = 0, plane2 = 0, plane3 = 0] = offsets
  return { words: new Uint32Array(out.buffer), planes: [plane1, plane2, plane3] }
}

/** Weights of rows x cols in the format: planes and values. */
export function makeWeights(type, rows, cols, next) {
  const bytes = randomBlocks(type, (rows * cols) / blockOf(type).weights, next)
  return { type, rows, cols, bytes, values: dequantize(type, bytes, rows * cols) }
}

/** The rows [first, first + n) as one binding. */
export function sliceOf({ type, cols, bytes }, first, n) {
  const { weights, bytes: size } = blockOf(type)
  const rowBytes = (cols / weights) * size
  const { words, planes } = planesOf(type, bytes.subarray(first * rowBytes, (first + n) * rowBytes))
  return { words, params: [first, n, cols, ...planes] }
}

/** Of w's row and x's row their product and the sum of its terms' magnitudes. */
export function product({ values, cols }, row, x, at) {
  let [sum, size] = [0, 0]
  for (let k = 0; k < cols; k++) {
    const term = values[row * cols + k] * x[at * cols + k]
    sum += term
    size += Math.abs(term)
  }
  return { sum, size }
}
