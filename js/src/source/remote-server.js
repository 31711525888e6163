// The main thread's end of sources that the worker cannot read by itself (remote.js is the other):
// pieces go out as long as the worker has granted credit for them.
import { packError } from '../errors.js'
import { asBytes, pieces, readError } from './source.js'

/** @import { FromWorker, ToWorker } from '../protocol.js' */
/** @import { OpenableSource } from './source.js' */

/** @typedef {{ credit: number, wake: () => void, abort: AbortController }} Read */

export class SourceServer {
  #sources
  #post
  /** @type {Map<number, Read>} */
  #reads = new Map()
  #abort = new AbortController()

  /**
   * @param {OpenableSource[]} sources
   * @param {(message: ToWorker, transfer?: ArrayBuffer[]) => void} post
   */
  constructor(sources, post) {
    this.#sources = sources
    this.#post = post
  }

  /** @param {FromWorker} message one whose type begins with "source-" */
  onMessage(message) {
    if (message.type === 'source-open') this.#open(message)
    else if (message.type === 'source-read') this.#read(message)
    else if (message.type === 'source-credit') {
      const read = this.#reads.get(message.id)
      if (!read) return
      read.credit += message.n
      read.wake()
    } else if (message.type === 'source-cancel') {
      this.#reads.get(message.id)?.abort.abort()
      this.#reads.get(message.id)?.wake()
    } else if (message.type === 'source-close') this.#sources[message.index].close()
  }

  /** Stops every read and lets go of the sources: loading has ended, either way. */
  close() {
    this.#abort.abort()
    for (const read of this.#reads.values()) {
      read.abort.abort()
      read.wake()
    }
    for (const source of this.#sources) source.close()
  }

  /** @param {{ id: number, index: number, firstLength: number }} message */
  async #open({ id, index, firstLength }) {
    const source = this.#sources[index]
    try {
      await source.open(firstLength, this.#abort.signal)
      const { size, supportsRanges, facts, once } = source
      this.#post({ type: 'source-opened', id, size, supportsRanges, facts, once })
    } catch (error) {
      this.#post({ type: 'source-error', id, error: packError(error) })
    }
  }

  /**
   * @param {{ id: number, index: number, offset: number, length: number, credit: number }} message
   */
  async #read({ id, index, offset, length, credit }) {
    const source = this.#sources[index]
    /** @type {Read} */
    const read = { credit, wake: () => {}, abort: new AbortController() }
    const { signal } = read.abort
    this.#reads.set(id, read)
    try {
      for await (const chunk of source.read(offset, length, signal)) {
        for (const piece of pieces(asBytes(chunk, source.name))) {
          while (read.credit === 0 && !signal.aborted) await granted(read)
          if (signal.aborted) return
          read.credit--
          // A copy of its own can be transferred: the chunk may be a view of something shared.
          const data = new Uint8Array(piece)
          this.#post({ type: 'source-piece', id, data }, [data.buffer])
        }
      }
      this.#post({ type: 'source-end', id })
    } catch (error) {
      if (signal.aborted) return
      const typed = readError(source.name, error)
      this.#post({ type: 'source-error', id, error: packError(typed) })
    } finally {
      this.#reads.delete(id)
    }
  }
}

/** @param {Read} read */
const granted = (read) =>
  new Promise((resolve) => {
    read.wake = () => resolve(undefined)
  })
