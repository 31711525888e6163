// Buffers through which bytes come back from the GPU, kept for the next time.

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
    const size = Math.max(SMALLEST, 2 ** Math.ceil(Math.log2(n)))
    const { maxBufferSize } = this.#device.limits
    const buffer = this.#device.createBuffer({
      label: 'staging',
      size: n > maxBufferSize / 2 ? n : size,
      usage: USAGE,
    })
    this.bytes += buffer.size
    return buffer
  }

  /**
   * Waits for what was copied into the first n bytes and hands it out. Then the buffer is free
   * again.
   * @param {GPUBuffer} buffer
   * @param {number} n
   * @param {(bytes: Uint8Array) => void} use
   */
  async read(buffer, n, use) {
    await buffer.mapAsync(MAP_READ, 0, n)
    use(new Uint8Array(buffer.getMappedRange(0, n)))
    buffer.unmap()
    if (buffer.size <= LARGEST_KEPT) return void this.#free.push(buffer)
    this.bytes -= buffer.size
    buffer.destroy()
  }
}
