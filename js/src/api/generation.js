// One request from the main thread's view: an async iterator over the worker's events. Reading
// grants the worker credit for more; leaving early or aborting cancels.
import { withSignal } from '../connection.js'
import { abortError, SottoError } from '../errors.js'

/** @import { Connection } from '../connection.js' */
/** @import { CoreRequest, EngineEvent } from '../protocol.js' */

/** @implements {AsyncIterableIterator<EngineEvent>} */
export class Generation {
  #connection
  #id = 0
  #credit
  #read = 0
  /** @type {EngineEvent[]} */
  #events = []
  #ended = false
  /** @type {{ reason: unknown } | undefined} */
  #failure
  #wake = () => {}
  #release = () => {}

  /**
   * Resolves when the engine has accepted the request.
   * @param {Connection} connection
   * @param {CoreRequest} request
   * @param {number} credit events that may be under way or unread
   * @param {AbortSignal} [signal]
   */
  static async start(connection, request, credit, signal) {
    connection.check()
    const generation = new Generation(connection, credit)
    const stop = (/** @type {unknown} */ reason) => generation.abort(reason)
    await withSignal(signal, stop, () => generation.#begin(request))
    if (generation.#failure) {
      generation.abort(generation.#failure.reason)
      throw generation.#failure.reason
    }
    const onAbort = () => generation.abort(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    generation.#release = () => signal?.removeEventListener('abort', onAbort)
    return generation
  }

  /**
   * @param {Connection} connection
   * @param {number} credit
   */
  constructor(connection, credit) {
    this.#connection = connection
    this.#credit = credit
  }

  /** @param {CoreRequest} request */
  async #begin(request) {
    this.#id = await this.#connection.generate(request, this.#credit, {
      onEvents: (events) => {
        this.#events.push(...events)
        this.#wake()
      },
      onError: (reason) => this.#fail(reason),
    })
  }

  /** @param {unknown} [reason] what the reader gets to see */
  abort(reason = abortError('The request was aborted')) {
    this.#connection.cancel(this.#id)
    this.#fail(reason)
  }

  /** @param {unknown} reason */
  #fail(reason) {
    if (this.#ended) return
    this.#events = []
    this.#failure ??= { reason }
    this.#wake()
  }

  /** @returns {Promise<IteratorResult<EngineEvent, undefined>>} */
  async next() {
    if (this.#ended) return { done: true, value: undefined }
    if (this.#events.length === 0 && !this.#failure) await this.#more()
    if (this.#ended) return { done: true, value: undefined } // left while waiting
    if (this.#failure) {
      this.#end()
      throw this.#failure.reason
    }
    const event = /** @type {EngineEvent} */ (this.#events.shift())
    this.#count()
    if (event.kind !== 'done') return { done: false, value: event }
    this.#end()
    if (event.error) throw new SottoError(event.error.code, event.error.message)
    return { done: false, value: event }
  }

  #more() {
    return this.#connection.wait((resolve) => {
      this.#wake = () => resolve(undefined)
    })
  }

  #count() {
    if (++this.#read < this.#credit / 2) return
    this.#connection.grant(this.#id, this.#read)
    this.#read = 0
  }

  #end() {
    this.#ended = true
    this.#release()
  }

  /** @returns {Promise<IteratorResult<EngineEvent, undefined>>} */
  async return() {
    if (!this.#ended) {
      this.#connection.cancel(this.#id)
      this.#events = []
      this.#end()
      this.#wake()
    }
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator]() {
    return this
  }
}
