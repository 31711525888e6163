// Keys or values in the memory of a KV cache, [page][KV head][32][head_dim], as kernels.h has it.
import { f16ToF32, f32ToF16, quantizeRow } from '../../../models/quants.mjs'

export const PAGE = 32

/** What nothing may read: infinities and NaN by turns, as the type has them. */
const POISONS = {
  KV_F32: [0x7fc0dead, 0x7f800000, 0xff800000],
  KV_F16: [0x7e017c00, 0xfc007e01],
  KV_Q8_0: [0x7fc0dead, 0x7f800000], // and quants of these bytes
}

export class Cache {
  constructor(type, nPages, nHeads, headDim) {
    Object.assign(this, { type, nPages, nHeads, headDim })
    this.numbers = nPages * nHeads * PAGE * headDim
    const words = { KV_F32: 1, KV_F16: 1 / 2, KV_Q8_0: 1 / 4 + 1 / 32 }[type] * this.numbers
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
    else {
      const row = quantizeRow('Q8_0', values)
      for (let block = 0; block < values.length / 32; block++) {
        const own = row.subarray(34 * block, 34 * (block + 1))
        this.bytes.set(own.subarray(2), at + 32 * block)
        this.floats[this.numbers / 4 + at / 32 + block] = f16ToF32(own.readUInt16LE(0))
      }
    }
  }

  /** The numbers of a row. */
  read(page, head, slot) {
    const at = this.#at(page, head, slot)
    return Array.from({ length: this.headDim }, (_, i) => {
      if (this.type === 'KV_F32') return this.floats[at + i]
      if (this.type === 'KV_F16') return f16ToF32(this.halves[at + i])
      const scale = this.floats[this.numbers / 4 + Math.floor((at + i) / 32)]
      return ((this.bytes[at + i] << 24) >> 24) * scale
    })
  }

  clone() {
    const copy = new Cache(this.type, this.nPages, this.nHeads, this.headDim)
    copy.words.set(this.words)
    return copy
  }
}
