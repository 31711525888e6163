// Rows of weights to float32 and, but for K types and indices of values, from it, as src/tensor/
// defines them: ggml's reference rounding.
// float32 arithmetic is Math.fround after every operation.
import { tensorTypes } from './gguf.mjs'

const f = Math.fround
const floats = new Float32Array(1)
const bits = new Uint32Array(floats.buffer)

/** Nearest, ties to even; overflow gives infinity. */
export function f32ToF16(value) {
  floats[0] = value
  const sign = (bits[0] >>> 16) & 0x8000
  const magnitude = bits[0] & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x47800000) return sign | 0x7c00
  if (magnitude < 0x38800000) {
    // Subnormal: adding 0.5 leaves the rounded value in the lowest bits.
    floats[0] = f(f(Math.abs(value)) + 0.5)
    return sign | (bits[0] - 0x3f000000)
  }
  const odd = (magnitude >>> 13) & 1
  return sign | ((magnitude - 0x38000000 + 0xfff + odd) >>> 13)
}

export function f16ToF32(half) {
  const exponent = (half >>> 10) & 31
  const fraction = half & 1023
  const sign = half & 0x8000 ? -1 : 1
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const dequantizers = {
  F32(bytes, out) {
    const view = viewOf(bytes)
    for (let i = 0; i < out.length; i++) out[i] = view.getFloat32(4 * i, true)
  },
  F16(bytes, out) {
    const view = viewOf(bytes)
    for (let i = 0; i < out.length; i++) out[i] = f16ToF32(view.getUint16(2 * i, true))
  },
  Q4_0: (bytes, out) => nibbles(bytes, out, 18, 2, -8),
  Q4_1: (bytes, out) => nibbles(bytes, out, 20, 4, 0),
  Q8_0(bytes, out) {
    const view = viewOf(bytes)
    for (let at = 0, i = 0; i < out.length; at += 34) {
      const d = f16ToF32(view.getUint16(at, true))
      for (let j = 0; j < 32; j++) out[i++] = f(view.getInt8(at + 2 + j) * d)
    }
  },
  Q2_K(bytes, out) {
    const view = viewOf(bytes)
    for (let at = 0, i = 0; i < out.length; at += 84, i += 256) {
      const [d, dmin] = [80, 82].map((offset) => f16ToF32(view.getUint16(at + offset, true)))
      for (let j = 0; j < 256; j++) {
        const scales = bytes[at + (j >> 4)]
        const step = f(d * (scales & 15))
        out[i + j] = f(f(twoBits(bytes, at + 16, j) * step) - f(dmin * (scales >> 4)))
      }
    }
  },
  Q3_K(bytes, out) {
    const view = viewOf(bytes)
    for (let at = 0, i = 0; i < out.length; at += 110, i += 256) {
      const d = f16ToF32(view.getUint16(at + 108, true))
      for (let j = 0; j < 256; j++) {
        const high = (bytes[at + (j & 31)] >> (j >> 5)) & 1
        const s = j >> 4
        const low = (bytes[at + 96 + (s & 7)] >> (4 * (s >> 3))) & 15
        const top = (bytes[at + 104 + (s & 3)] >> (2 * (s >> 2))) & 3
        const step = f(d * ((low | (top << 4)) - 32))
        out[i + j] = f((twoBits(bytes, at + 32, j) + 4 * high - 4) * step)
      }
    }
  },
  IQ4_NL(bytes, out) {
    const view = viewOf(bytes)
    for (let at = 0, i = 0; i < out.length; at += 18, i += 32) {
      indices(iq4Values, bytes, at + 2, f16ToF32(view.getUint16(at, true)), out, i)
    }
  },
  IQ4_XS(bytes, out) {
    const view = viewOf(bytes)
    for (let at = 0, i = 0; i < out.length; at += 136, i += 256) {
      const d = f16ToF32(view.getUint16(at, true))
      const high = view.getUint16(at + 2, true)
      for (let b = 0; b < 8; b++) {
        const low = (bytes[at + 4 + (b >> 1)] >> (4 * (b & 1))) & 15
        const step = f(d * ((low | (((high >> (2 * b)) & 3) << 4)) - 32))
        indices(iq4Values, bytes, at + 8 + 16 * b, step, out, i + 32 * b)
      }
    }
  },
  MXFP4(bytes, out) {
    for (let at = 0, i = 0; i < out.length; at += 17, i += 32) {
      indices(fp4Values, bytes, at + 1, 2 ** (bytes[at] - 128), out, i)
    }
  },
  Q4_K: (bytes, out) => sixBits(bytes, out, 144, 4),
  Q5_K: (bytes, out) => sixBits(bytes, out, 176, 5),
  Q6_K(bytes, out) {
    const view = viewOf(bytes)
    for (let at = 0, i = 0; i < out.length; at += 210, i += 256) {
      const d = f16ToF32(view.getUint16(at + 208, true))
      for (let j = 0; j < 256; j++) {
        const [half, group, l] = [j >> 7, (j >> 5) & 3, j & 31]
        const low = bytes[at + 64 * half + 32 * (group & 1) + l] >> (4 * (group >> 1))
        const high = bytes[at + 128 + 32 * half + l] >> (2 * group)
        const q = (low & 15) | ((high & 3) << 4)
        out[i + j] = f((q - 32) * f(d * view.getInt8(at + 192 + (j >> 4))))
      }
    }
  },
}

export const iq4Values = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]
export const fp4Values = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]

/** 32 weights whose values' indices are nibbles. */
function indices(values, bytes, at, step, out, i) {
  for (let j = 0; j < 16; j++) {
    out[i + j] = f(values[bytes[at + j] & 15] * step)
    out[i + j + 16] = f(values[bytes[at + j] >> 4] * step)
  }
}

/** Of Q2_K and Q3_K the low bits of weight j. */
const twoBits = (bytes, at, j) => (bytes[at + 32 * (j >> 7) + (j & 31)] >> (2 * ((j >> 5) & 3))) & 3

/** Q4_K and Q5_K: [d][dmin][scales and minima of six bits][fifth bits][nibbles]. */
function sixBits(bytes, out, size, bits) {
  const view = viewOf(bytes)
  for (let at = 0, i = 0; i < out.length; at += size, i += 256) {
    const [d, dmin] = [0, 2].map((offset) => f16ToF32(view.getUint16(at + offset, true)))
    const high = at + 16
    const low = bits === 5 ? high + 32 : high
    for (let b = 0; b < 8; b++) {
      const step = f(d * sixBitScale(bytes, at + 4, b, 0))
      const minimum = f(dmin * sixBitScale(bytes, at + 4, b, 1))
      for (let l = 0; l < 32; l++) {
        let q = (bytes[low + 32 * (b >> 1) + l] >> (4 * (b & 1))) & 15
        if (bits === 5) q |= ((bytes[high + l] >> b) & 1) << 4
        out[i + 32 * b + l] = f(f(q * step) - minimum)
      }
    }
  }
}

/** The scale (part 0) or minimum (part 1) of a sub-block. */
function sixBitScale(bytes, at, b, part) {
  if (b < 4) return bytes[at + 4 * part + b] & 63
  return ((bytes[at + 4 + b] >> (4 * part)) & 15) | ((bytes[at + 4 * part + b - 4] >> 6) << 4)
}

/** Blocks of [d][m, if the head has 4 bytes][16 bytes of nibbles]. */
function nibbles(bytes, out, size, head, zero) {
  const view = viewOf(bytes)
  for (let at = 0, i = 0; i < out.length; at += size, i += 32) {
    const d = f16ToF32(view.getUint16(at, true))
    const m = head === 4 ? f16ToF32(view.getUint16(at + 2, true)) : -0 // which leaves -0 as it is
    for (let j = 0; j < 16; j++) {
      const both = bytes[at + head + j]
      out[i + j] = f(f(((both & 15) + zero) * d) + m)
      out[i + j + 16] = f(f(((both >>> 4) + zero) * d) + m)
    }
  }
}

const quantizers = {
  F16(x, bytes) {
    const view = viewOf(bytes)
    for (let i = 0; i < x.length; i++) view.setUint16(2 * i, f32ToF16(x[i]), true)
  },
  Q4_0(x, bytes) {
    const view = viewOf(bytes)
    for (let at = 0, i = 0; i < x.length; at += 18, i += 32) {
      let max = 0
      for (let j = 0; j < 32; j++) if (Math.abs(x[i + j]) > Math.abs(max)) max = x[i + j]
      const d = f(max / -8)
      const inverse = d ? f(1 / d) : 0
      view.setUint16(at, f32ToF16(d), true)
      const q = (value) => Math.min(15, Math.trunc(f(f(value * inverse) + 8.5)))
      for (let j = 0; j < 16; j++) bytes[at + 2 + j] = q(x[i + j]) | (q(x[i + j + 16]) << 4)
    }
  },
  Q4_1(x, bytes) {
    const view = viewOf(bytes)
    for (let at = 0, i = 0; i < x.length; at += 20, i += 32) {
      let min = x[i]
      let max = x[i]
      for (let j = 1; j < 32; j++) {
        if (x[i + j] < min) min = x[i + j]
        if (x[i + j] > max) max = x[i + j]
      }
      const d = f(f(max - min) / 15)
      const inverse = d ? f(1 / d) : 0
      view.setUint16(at, f32ToF16(d), true)
      view.setUint16(at + 2, f32ToF16(min), true)
      const q = (value) => Math.min(15, Math.trunc(f(f(f(value - min) * inverse) + 0.5)))
      for (let j = 0; j < 16; j++) bytes[at + 4 + j] = q(x[i + j]) | (q(x[i + j + 16]) << 4)
    }
  },
  Q8_0(x, bytes) {
    const view = viewOf(bytes)
    for (let at = 0, i = 0; i < x.length; at += 34, i += 32) {
      let max = 0
      for (let j = 0; j < 32; j++) max = Math.max(max, Math.abs(x[i + j]))
      const d = f(max / 127)
      const inverse = d ? f(1 / d) : 0
      view.setUint16(at, f32ToF16(d), true)
      for (let j = 0; j < 32; j++) {
        const value = f(x[i + j] * inverse)
        // Halves away from zero, as roundf.
        view.setInt8(at + 2 + j, Math.sign(value) * Math.floor(Math.abs(value) + 0.5))
      }
    }
  },
}

/** What rows can be quantised to. */
export const quantizable = Object.keys(quantizers)

/** The n values of a row. */
export function dequantizeRow(type, bytes, n) {
  const out = new Float32Array(n)
  dequantizers[type](bytes, out)
  return out
}

/** A row in the format. */
export function quantizeRow(type, x) {
  const { weights, bytes } = tensorTypes[type]
  const row = Buffer.alloc((x.length / weights) * bytes)
  quantizers[type](x, row)
  return row
}
