// The bytes of a ReadableStream. Where the stream can fill a buffer that is given to it,
// it gets the same one again and again: nothing is left for the garbage collector, whatever
// the stream's length.
import { BUFFER } from './source.js'

/**
 * Readers whose next bytes are on their way. They are kept here because Chromium 156 collects the
 * stream of a Blob as garbage if only a waiting read refers to it, and the read never ends.
 * @type {Set<ByteReader>}
 */
const waiting = new Set()

/** Streams of Node.js would only copy into the buffer, from buffers of their own. */
const FILLS = !globalThis.process?.versions?.node

export class ByteReader {
  /** @type {ReadableStreamBYOBReader | undefined} */
  #filling
  /** @type {ReadableStreamDefaultReader<Uint8Array> | undefined} */
  #reader
  #buffer = new ArrayBuffer(0)
  /** @type {Uint8Array} */
  #rest = new Uint8Array(0)

  /** @param {ReadableStream<Uint8Array>} stream */
  constructor(stream) {
    try {
      if (!FILLS) throw new TypeError('not here')
      this.#filling = stream.getReader({ mode: 'byob' })
      this.#buffer = new ArrayBuffer(BUFFER)
    } catch {
      this.#reader = stream.getReader() // no stream of bytes, or an older browser
    }
  }

  /**
   * @param {number} most bytes
   * @returns {Promise<Uint8Array | undefined>} the next ones, good until the next call;
   *   undefined at the end
   */
  async read(most) {
    waiting.add(this)
    try {
      return await this.#read(most)
    } finally {
      waiting.delete(this)
    }
  }

  /** @param {number} most */
  async #read(most) {
    if (this.#filling) {
      const view = new Uint8Array(this.#buffer, 0, Math.min(most, BUFFER))
      const { done, value } = await this.#filling.read(view)
      if (value) this.#buffer = value.buffer
      return done ? undefined : value
    }
    while (this.#rest.length === 0) {
      const next = await this.#reader?.read()
      if (!next || next.done) return undefined
      this.#rest = next.value
    }
    const piece = this.#rest.subarray(0, most)
    this.#rest = this.#rest.subarray(piece.length)
    return piece
  }

  cancel() {
    const reader = this.#filling ?? this.#reader
    reader?.cancel().catch(() => {})
  }
}
