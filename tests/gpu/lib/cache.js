// Keys or values in the memory of a KV cache, [page][KV head][32][head_dim], as
// kernels_attention.h has it.
import { dequantizeRow, f16ToF32, f32ToF16, quantizeRow } from '../../../models/quants.mjs'

export const PAGE = 32

/** What nothing may read: infinities and NaN by turns, as the type has them. */
const POISONS = {
  KV_F32: [0x7fc0dead, 0x7f800000, 0xff800000],
  KV_F16: [0x7e017c00, 0xfc007e01],
  KV_Q8_0: [0x7e017c00, 0xfc007e01], // quants of these bytes, scales of these halves
}

export class Cache {
  constructor(type, nPages, nHeads, headDim) {
    Object.assign(this, { type, nPages, nHeads, headDim })
    this.numbers = nPages * nHeads * PAGE * headDim
    const words = { KV_F32: 1, KV_F16: 1 / 2, KV_Q8_0: 34 / 128 }[type] * this.numbers
    const poisons = POISONS[type]
    this.words = Uint32Array.from({ length: words }, (_, i) => poisons[i % poisons.length])
    this.bytes = new Uint8Array(this.words.buffer)
    this.halves = new Uint16Array(this.words.buffer)
    this.floats = new Float32Array(this.words.buffer)
  }

  #at(page, head, slot) {
    return ((page * this.nHeads + head) * PAGE + slot) * this.headDim
  }

  /** Puts a row there. */
  write(page, head, slot, values) {
    const at = this.#at(page, head, slot)
    if (this.type === 'KV_F32') this.floats.set(values, at)
    else if (this.type === 'KV_F16') this.halves.set(Array.from(values, f32ToF16), at)
    else this.bytes.set(quantizeRow('Q8_0', values), (at / 32) * 34)
  }

  /** The numbers of a row. */
  read(page, head, slot) {
    const at = this.#at(page, head, slot)
    if (this.type === 'KV_F32') return [...this.floats.subarray(at, at + this.headDim)]
    if (this.type === 'KV_F16')
      return Array.from(this.halves.subarray(at, at + this.headDim), f16ToF32)
    const row = this.bytes.subarray((at / 32) * 34, ((at + this.headDim) / 32) * 34)
    return [...dequantizeRow('Q8_0', row, this.headDim)]
  }
}
