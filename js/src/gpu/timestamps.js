// How long the GPU takes for each kernel: dispatches of one pipeline that follow each other get a
// pass of their own, at whose ends the GPU writes the time. Of streams that overlap only the first
// is timed.

const MOST_QUERIES = 4096 // in a set, by WebGPU
const QUERY_BYTES = 8
// GPUBufferUsage and GPUMapMode, which are no globals in Node.js
const RESOLVED = 512 | 4 // QUERY_RESOLVE, COPY_SRC
const READABLE = 1 | 8 // MAP_READ, COPY_DST
const MAP_READ = 1

export class Timestamps {
  #set
  #resolved
  #readable
  #reading = false
  /** @type {{ label: string, n: number }[]} of the stream under way */
  #passes = []
  /** By the kernels' labels; n dispatches. @type {Record<string, { n: number, ms: number }>} */
  kernels = {}

  /** @param {GPUDevice} device */
  constructor(device) {
    const size = MOST_QUERIES * QUERY_BYTES
    this.#set = device.createQuerySet({ type: 'timestamp', count: MOST_QUERIES })
    this.#resolved = device.createBuffer({ label: 'times', size, usage: RESOLVED })
    this.#readable = device.createBuffer({ label: 'times read', size, usage: READABLE })
  }

  /**
   * @param {string} label of the kernel
   * @param {number} n dispatches
   * @returns {GPUComputePassDescriptor} of the pass for them
   */
  pass(label, n) {
    if (this.#reading || 2 * this.#passes.length === MOST_QUERIES) return {}
    const at = 2 * (this.#passes.push({ label, n }) - 1)
    const ends = { beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 }
    return { timestampWrites: { querySet: this.#set, ...ends } }
  }

  /** Behind the passes of a stream. @param {() => GPUCommandEncoder} encoder */
  resolve(encoder) {
    const n = 2 * this.#passes.length
    if (n === 0) return
    const commands = encoder()
    commands.resolveQuerySet(this.#set, 0, n, this.#resolved, 0)
    commands.copyBufferToBuffer(this.#resolved, 0, this.#readable, 0, n * QUERY_BYTES)
  }

  /** When that was submitted; resolves when the times are counted. */
  async read() {
    const passes = this.#passes
    if (passes.length === 0) return
    this.#passes = []
    this.#reading = true
    const bytes = 2 * passes.length * QUERY_BYTES
    await this.#readable.mapAsync(MAP_READ, 0, bytes)
    const times = new BigUint64Array(this.#readable.getMappedRange(0, bytes))
    passes.forEach(({ label, n }, i) => {
      const kernel = this.kernels[label] ?? { n: 0, ms: 0 }
      this.kernels[label] = kernel
      kernel.n += n
      kernel.ms += Number(times[2 * i + 1] - times[2 * i]) * 1e-6 // from nanoseconds
    })
    this.#readable.unmap()
    this.#reading = false
  }
}
