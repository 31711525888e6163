// Bytes on their way back from the GPU: those of one stream gather in one staging buffer, which is
// kept for another one afterwards.

/** @import { Memory } from './records.js' */

const MAP_READ = 1 // GPUMapMode.READ and GPUBufferUsage, which are no globals in Node.js
const USAGE = 1 | 8 // MAP_READ, COPY_DST
const SMALLEST = 1 << 16
const LARGEST_KEPT = 16 << 20

export class Staging {
  #device
  /** @type {GPUBuffer[]} */
  #free = []
  /** Bytes of all that there are, in use or not. */
  bytes = 0

  /** @param {GPUDevice} device */
  constructor(device) {
    this.#device = device
  }

  /** @param {number} n bytes that it shall hold at least */
  take(n) {
    const index = this.#free.findIndex(({ size }) => size >= n)
    if (index >= 0) return this.#free.splice(index, 1)[0]
    const rounded = Math.max(SMALLEST, 2 ** Math.ceil(Math.log2(n)))
    const size = rounded <= LARGEST_KEPT ? rounded : n
    const buffer = this.#device.createBuffer({ label: 'staging', size, usage: USAGE })
    this.bytes += buffer.size
    return buffer
  }

  /** @param {GPUBuffer} buffer that is not mapped */
  giveBack(buffer) {
    if (buffer.size <= LARGEST_KEPT) return void this.#free.push(buffer)
    this.bytes -= buffer.size
    buffer.destroy()
  }
}

export class Readback {
  #staging
  #buffer
  /** @type {{ from: number, n: number, address: number }[]} */
  #reads = []
  /** Bytes that have gathered. */
  bytes = 0

  /**
   * @param {Staging} staging
   * @param {number} n bytes that will gather
   */
  constructor(staging, n) {
    this.#staging = staging
    this.#buffer = staging.take(n)
  }

  get count() {
    return this.#reads.length
  }

  /**
   * @param {GPUCommandEncoder} encoder
   * @param {GPUBuffer} buffer
   * @param {{ offset: number, n: number, address: number }} read
   */
  add(encoder, buffer, { offset, n, address }) {
    encoder.copyBufferToBuffer(buffer, offset, this.#buffer, this.bytes, n)
    this.#reads.push({ from: this.bytes, n, address })
    this.bytes += n
  }

  /** Resolves when what was submitted is there. */
  map() {
    return this.#buffer.mapAsync(MAP_READ, 0, this.bytes)
  }

  /** @param {Memory} memory that it goes to, once mapped */
  copyTo({ u8 }) {
    const bytes = new Uint8Array(this.#buffer.getMappedRange(0, this.bytes))
    for (const { from, n, address } of this.#reads) {
      u8.set(bytes.subarray(from, from + n), address)
    }
    this.#buffer.unmap()
    this.#staging.giveBack(this.#buffer)
  }
}
