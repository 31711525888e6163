// The worker's end of a source that only the main thread can read: a stream, bytes in memory, an
// object of the user's. Its other end is remote-server.js.
import { unpackError } from '../errors.js'
import { SOURCE_CREDIT } from '../protocol.js'

/** @import { FromWorker, ToWorker } from '../protocol.js' */
/** @import { OpenableSource } from './source.js' */
/** @import { SourceFacts } from './validator.js' */

/** Matches answers of the main thread with the reads that wait for them. */
export class RemoteSources {
  #post
  #lastId = 0
  /** @type {Map<number, (message: any) => void>} */
  #waiting = new Map()

  /** @param {(message: FromWorker) => void} post */
  constructor(post) {
    this.#post = post
  }

  /** @param {ToWorker & { id: number }} message one whose type begins with "source-" */
  onMessage(message) {
    this.#waiting.get(message.id)?.(message)
  }

  /**
   * @param {number} index
   * @param {string} name
   * @returns {OpenableSource}
   */
  source(index, name) {
    const sources = this
    return {
      name,
      size: undefined,
      supportsRanges: false,
      facts: undefined,
      validator: undefined,
      once: false,
      async open(firstLength) {
        const opened = await sources.#open(index, firstLength)
        this.size = opened.size
        this.facts = opened.facts
        this.validator = opened.facts?.validator
        this.once = opened.once ?? false
        this.supportsRanges = opened.supportsRanges
      },
      read: (offset, length, signal) => sources.#read(index, offset, length, signal),
      close: () => sources.#post({ type: 'source-close', index }),
    }
  }

  /**
   * @param {number} index
   * @param {number} firstLength
   * @returns {Promise<{ size: number | undefined, supportsRanges: boolean, facts?: SourceFacts,
   *   once?: boolean }>}
   */
  #open(index, firstLength) {
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, (message) => {
        this.#waiting.delete(id)
        if (message.type === 'source-error') reject(unpackError(message.error))
        else resolve(message)
      })
      this.#post({ type: 'source-open', id, index, firstLength })
    })
  }

  /**
   * @param {number} index
   * @param {number} offset
   * @param {number} length
   * @param {AbortSignal} signal
   */
  async *#read(index, offset, length, signal) {
    const id = ++this.#lastId
    /** @type {any[]} */
    const queue = []
    let wake = () => {}
    const push = (/** @type {any} */ message) => {
      queue.push(message)
      wake()
    }
    this.#waiting.set(id, push)
    signal.addEventListener('abort', push, { once: true })
    this.#post({ type: 'source-read', id, index, offset, length, credit: SOURCE_CREDIT })
    let ended = false
    try {
      for (;;) {
        while (queue.length === 0) {
          await new Promise((resolve) => {
            wake = () => resolve(undefined)
          })
        }
        signal.throwIfAborted()
        const message = queue.shift()
        ended = message.type !== 'source-piece'
        if (message.type === 'source-error') throw unpackError(message.error)
        if (ended) return
        yield/** @type {Uint8Array} */ (message.data)
        this.#post({ type: 'source-credit', id, n: 1 })
      }
    } finally {
      signal.removeEventListener('abort', push)
      this.#waiting.delete(id)
      if (!ended) this.#post({ type: 'source-cancel', id })
    }
  }
}
