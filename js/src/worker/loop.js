// The engine's requests in the worker: steps while there is work, hands events out as far as their
// readers have granted credit, and is back at the event loop after every step, so that a cancel is
// seen within one step's budget.
import { SottoError } from '../errors.js'
import { promptTokens } from './prefill.js'

/** @import { CoreRequest, EngineEvent } from '../protocol.js' */
/** @import { CoreEngine } from './core-engine.js' */

const STEP_MS = 20

/**
 * @typedef {object} Generation
 * @property {number} id of the main thread's request
 * @property {number} coreId the engine's; free for another request once it is done
 * @property {number} credit events that may be sent
 * @property {EngineEvent[]} queue events that wait for credit
 * @property {boolean} logits its events are large: the engine waits for the reader
 * @property {boolean} logprobs
 * @property {boolean} cancelled
 */

export class Loop {
  #engine
  #send
  #yield
  #onCrash
  /** @type {Map<number, Generation>} those that the engine works on, by its id */
  #active = new Map()
  /** @type {Map<number, Generation>} those that still owe events to the main thread, by its id */
  #open = new Map()
  #running = false
  /** @type {SottoError | undefined} why the engine computes no more */
  #failure
  /** @type {string[]} */
  #kinds = []
  #idle
  #waitGpu

  /**
   * @param {CoreEngine} engine
   * @param {object} host
   * @param {(id: number, events: EngineEvent[]) => void} host.send
   * @param {() => Promise<void>} host.yieldToEvents resolves after waiting messages were handled
   * @param {(error: unknown) => void} host.onCrash
   */
  constructor(engine, { send, yieldToEvents, onCrash }) {
    this.#engine = engine
    this.#send = send
    this.#yield = yieldToEvents
    this.#onCrash = onCrash
    for (const kind of ['prompt', 'logits', 'token', 'done', 'embedding']) {
      this.#kinds[engine.module.constant(`EVENT_${kind.toUpperCase()}`)] = kind
    }
    const results = ['IDLE', 'WAIT_WEIGHTS']
    this.#idle = new Set(results.map((name) => engine.module.constant(`STEP_${name}`)))
    this.#waitGpu = engine.module.constant('STEP_WAIT_GPU')
  }

  /**
   * @param {number} id
   * @param {CoreRequest} request
   * @param {number} credit
   * @returns {number} prompt tokens
   */
  add(id, request, credit) {
    this.check()
    const tokens = promptTokens(this.#engine, request.prompt)
    const coreId = this.#engine.addRequest(tokens, request)
    /** @type {Generation} */
    const generation = {
      id,
      coreId,
      credit,
      queue: [],
      logits: request.flags.some((flag) => flag.endsWith('LOGITS')),
      logprobs: request.flags.includes('LOGPROBS'),
      cancelled: false,
    }
    this.#active.set(coreId, generation)
    this.#open.set(id, generation)
    this.wake()
    return tokens.length
  }

  /** @param {number} id @param {number} n */
  grant(id, n) {
    const generation = this.#open.get(id)
    if (!generation) return
    generation.credit += n
    this.#flush(generation)
    this.wake()
  }

  /** @param {number} id */
  cancel(id) {
    const generation = this.#open.get(id)
    if (!generation) return
    this.#open.delete(id)
    generation.queue = []
    generation.cancelled = true
    if (this.#active.get(generation.coreId) !== generation) return
    this.#engine.cancel(generation.coreId)
    this.wake()
  }

  /** Throws if the engine computes no more. */
  check() {
    if (this.#failure) throw this.#failure
  }

  /** The engine computes no more. @param {SottoError} failure what all requests end with */
  fail(failure) {
    this.#failure = failure
    const { code, message } = failure
    for (const generation of this.#active.values()) {
      if (generation.cancelled) continue
      generation.queue.push(/** @type {EngineEvent} */ ({ kind: 'done', error: { code, message } }))
      this.#flush(generation)
    }
    this.#active.clear()
    this.#engine.gpu?.wake()
  }

  /** There is something to do. */
  wake() {
    this.#engine.gpu?.wake()
    if (this.#running) return
    this.#running = true
    this.#run().catch(this.#onCrash)
  }

  async #run() {
    try {
      // A step asks that all events were taken, and stops as soon as there are some.
      while (!this.#failure && !this.#readersAreSlow()) {
        const result = this.#engine.step(STEP_MS)
        const some = this.#take()
        for (const generation of this.#open.values()) this.#flush(generation)
        if (!some && this.#idle.has(result)) return
        // Reports come from the event loop: messages are handled before them or after.
        await (result === this.#waitGpu && !some ? this.#engine.gpu?.report() : this.#yield())
      }
    } finally {
      this.#running = false
    }
  }

  #readersAreSlow() {
    return [...this.#open.values()].some(({ logits, queue }) => logits && queue.length > 0)
  }

  #take() {
    let some = false
    for (let event = this.#engine.nextEvent(); event; event = this.#engine.nextEvent()) {
      some = true
      const generation = this.#active.get(event.request)
      if (!generation) throw new SottoError('internal_error', `Event of request ${event.request}`)
      event.kind = this.#kinds[event.type]
      if (event.kind === 'done') this.#active.delete(event.request)
      if (generation.cancelled || event.kind === 'prompt') continue
      if (generation.logprobs && event.kind === 'token') this.#spell(event)
      generation.queue.push(event)
    }
    return some
  }

  /** @param {EngineEvent} event log-probabilities come with the tokens' text */
  #spell(event) {
    const spelled = (/** @type {number} */ token, /** @type {number} */ logprob) => {
      const bytes = this.#engine.detokenize(Int32Array.of(token), { special: true, bytes: true })
      return { token: textOf(bytes), logprob, bytes: Array.from(bytes) }
    }
    event.token_logprob = spelled(event.token, event.logprob)
    const tops = /** @type {any[]} */ (event.top_logprobs)
    event.top_logprobs = tops.map(({ token, logprob }) => spelled(token, logprob))
  }

  /** @param {Generation} generation */
  #flush(generation) {
    const events = generation.queue.splice(0, generation.credit)
    if (events.length === 0) return
    generation.credit -= events.length
    this.#send(generation.id, events)
    if (events.at(-1)?.kind === 'done') this.#open.delete(generation.id)
  }
}

const whole = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * A token as text. What is no whole characters is spelled as OpenAI does, so that no
 * two tokens look alike.
 * @param {Uint8Array} bytes
 */
function textOf(bytes) {
  try {
    return whole.decode(bytes)
  } catch {
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'))
    return `bytes:${hex.map((digits) => `\\x${digits}`).join('')}`
  }
}
