// The sha256 of a file while it comes: in a worker of its own. With a cache it reads the whole
// segments behind the writer; without one it is sent the bytes.

/** @import { WorkerPort } from '../connection.js' */
/** @import { OpenableSource } from '../source/source.js' */

/**
 * To the hashing worker, in the file's order.
 * @typedef {{ type: 'entry', directory?: string, key: string, end: number }
 *   | { type: 'bytes', data: Uint8Array<ArrayBuffer> }
 *   | { type: 'end' }} ToHasher entry: all up to `end`
 */
/**
 * @typedef {{ type: 'digest', hex: string } | { type: 'error',
 *   message: string } | { type: 'taken' }} FromHasher
 */
/** @typedef {() => WorkerPort} StartHasher */

const MOST_AHEAD = 16 // messages with bytes

export class Verifier {
  #port
  #at = 0
  #waiting = 0
  /** @type {(value: unknown) => void} */
  #onTaken = () => {}
  /** @type {Promise<string>} */
  #digest

  /** @param {StartHasher} start */
  constructor(start) {
    const port = start()
    this.#port = port
    this.#digest = new Promise((resolve, reject) => {
      port.listen({
        onMessage: (/** @type {any} */ message) => {
          if (message.type === 'digest') resolve(message.hex)
          else if (message.type === 'error') reject(new Error(message.message))
          else {
            this.#waiting--
            this.#onTaken(undefined)
          }
        },
        onFailure: reject,
      })
    })
    this.#digest.catch(() => {}) // told to whoever asks for it
  }

  /**
   * @param {string} key of an entry
   * @param {number} end of what can be read of it
   */
  entry(key, end) {
    if (end <= this.#at) return
    this.#at = end
    this.#post({ type: 'entry', key, end })
  }

  /** @param {Uint8Array} bytes the next ones */
  async bytes(bytes) {
    const data = bytes.slice()
    this.#at += data.length
    this.#waiting++
    this.#post({ type: 'bytes', data }, [data.buffer])
    while (this.#waiting > MOST_AHEAD) {
      const taken = new Promise((resolve) => {
        this.#onTaken = resolve
      })
      await Promise.race([taken, this.#digest])
    }
  }

  /**
   * @param {number | undefined} size of the file; undefined: what was handed over is all of it
   * @param {OpenableSource} source of what was not
   * @param {AbortSignal} signal
   * @returns {Promise<string>} 64 hexadecimal digits
   */
  async digest(size = this.#at, source, signal) {
    if (size > this.#at) {
      for await (const piece of source.read(this.#at, size - this.#at, signal)) {
        await this.bytes(piece)
      }
    }
    this.#post({ type: 'end' })
    return this.#digest
  }

  /**
   * @param {ToHasher} message
   * @param {ArrayBuffer[]} [transfer]
   */
  #post(message, transfer) {
    this.#port.post(/** @type {any} */ (message), transfer)
  }

  close() {
    void this.#port.terminate()
  }
}
