// A device's queue in the order of the stream: commands are encoded as they come, dispatches that
// follow each other in one compute pass, and submitted when they are asked for or when bytes are to
// be written, which happens at the queue's time and not the encoder's. Knows how many of the bytes
// that were written the GPU has not taken yet.

const MOST_UNTAKEN = 64 << 20 // bytes of writes
const PIECE = 1 << 20

export class CommandQueue {
  #device
  /** @type {GPUCommandEncoder | undefined} */
  #encoder
  /** @type {GPUComputePassEncoder | undefined} */
  #pass
  /** Bytes that were written since the queue was asked last, and all that it has not taken. */
  #fresh = 0
  #untaken = 0
  /** @type {Promise<void> | undefined} the question under way, or the last one */
  #asked
  /** @type {Promise<void> | undefined} the one behind it */
  #next
  #stopped = false
  /** @type {(() => void)[]} */
  #waiting = []
  #piece = new Uint8Array()
  submits = 0

  /** @param {GPUDevice} device */
  constructor(device) {
    this.#device = device
  }

  /** A compute pass that dispatches may be added to. */
  pass() {
    this.#pass ??= this.#begun().beginComputePass()
    return this.#pass
  }

  /** A pass that begins now. @param {GPUComputePassDescriptor} descriptor */
  newPass(descriptor) {
    this.#pass = this.encoder().beginComputePass(descriptor)
    return this.#pass
  }

  /** An encoder for copies. */
  encoder() {
    this.#pass?.end()
    this.#pass = undefined
    return this.#begun()
  }

  submit() {
    if (!this.#encoder) return
    const commands = this.encoder().finish()
    this.#encoder = undefined
    this.#device.queue.submit([commands])
    this.submits++
  }

  /**
   * @param {GPUBuffer} buffer
   * @param {number} offset
   * @param {Uint8Array} bytes
   */
  write(buffer, offset, bytes) {
    this.submit()
    this.#fresh += bytes.length
    this.#untaken += bytes.length
    const { queue } = this.#device
    if (bytes.buffer instanceof ArrayBuffer) {
      return queue.writeBuffer(buffer, offset, /** @type {Uint8Array<ArrayBuffer>} */ (bytes))
    }
    // Firefox and Dawn's Node.js package take no view of shared memory.
    if (this.#piece.length === 0) this.#piece = new Uint8Array(PIECE)
    for (let at = 0; at < bytes.length; at += PIECE) {
      const piece = bytes.subarray(at, at + PIECE)
      this.#piece.set(piece)
      queue.writeBuffer(buffer, offset + at, this.#piece, 0, piece.length)
    }
  }

  /**
   * Resolves when all that was submitted and written has been done. One question to the queue is
   * under way at a time, and all who ask meanwhile share the next one: a weight's pieces come
   * faster than answers.
   */
  done() {
    this.#next ??= (this.#asked ?? Promise.resolve()).then(() => this.#ask())
    return this.#next
  }

  async #ask() {
    this.#asked = this.#next
    this.#next = undefined
    const taken = this.claim()
    await this.#device.queue.onSubmittedWorkDone()
    taken()
  }

  /** For who learns in another way that all until now was done: to be called then. */
  claim() {
    const bytes = this.#fresh
    this.#fresh = 0
    return () => {
      this.#untaken -= bytes
      if (this.#untaken < MOST_UNTAKEN) this.#wake()
    }
  }

  /** Resolves once there is room for more writes, or the queue was stopped. */
  async room() {
    while (this.#untaken >= MOST_UNTAKEN && !this.#stopped) {
      await new Promise((resolve) => this.#waiting.push(() => resolve(undefined)))
    }
  }

  stop() {
    this.#stopped = true
    this.#wake()
  }

  #wake() {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  #begun() {
    this.#encoder ??= this.#device.createCommandEncoder()
    return this.#encoder
  }
}
