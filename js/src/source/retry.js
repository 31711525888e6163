// When to ask a server again, and when to give up. What may pass is thrown as a TryAgain or comes
// from fetch; a SottoError is final.
import { SottoError } from '../errors.js'

/** @import { RetryOptions } from '../types.js' */

/** @typedef {Required<RetryOptions>} Patience */

/** Pauses double: eight attempts take about 24 seconds. */
const defaults = { attempts: 8, pauseMs: 250, longestPauseMs: 60_000, stallMs: 30_000 }
/** The first request fails for good reasons more often than by bad luck. */
const ATTEMPTS_TO_OPEN = 4
/** A server that answers something else than what was asked for rarely thinks again. */
const WRONG_ANSWERS = 3

/** A few bytes with each connection are no reason to go on for ever. */
const PROGRESS = 1 << 16

/** A failure that may not happen again. */
export class TryAgain extends Error {
  /**
   * @param {string} message
   * @param {object} [more]
   * @param {number} [more.status]
   * @param {number} [more.after] the server's wish for a pause, in milliseconds
   * @param {boolean} [more.wrong] an answer came, but another than was asked for
   */
  constructor(message, { status, after = 0, wrong = false } = {}) {
    super(message)
    this.status = status
    this.after = after
    this.wrong = wrong
  }

  /** The server has had too many requests at once. */
  get busy() {
    return this.status === 429 || this.status === 503
  }
}

/** Counts attempts that got nowhere; progress begins a new count. */
export class Attempts {
  #patience
  #most
  #failed = 0
  #progress = 0

  /** @param {Patience} patience @param {boolean} [opening] */
  constructor(patience, opening = false) {
    this.#patience = patience
    this.#most = opening ? Math.min(patience.attempts, ATTEMPTS_TO_OPEN) : patience.attempts
  }

  /** @param {number} bytes */
  progress(bytes) {
    this.#progress += bytes
    if (this.#progress < PROGRESS) return
    this.#progress = 0
    this.#failed = 0
  }

  /**
   * Waits before the next attempt, while offline for the network too. Throws the error it was given
   * if there is to be no other attempt.
   * @param {unknown} error
   * @param {AbortSignal} signal
   * @param {boolean} [counts] false: somebody else's progress is what this one waits for
   */
  async next(error, signal, counts = true) {
    if (signal.aborted || error instanceof SottoError || this.#most === 0) throw error
    const { pauseMs, longestPauseMs } = this.#patience
    if (offline()) return untilOnline(longestPauseMs, signal) // no attempt of any use
    if (counts) this.#failed++
    const wrong = error instanceof TryAgain && error.wrong
    if (this.#failed >= Math.min(this.#most, wrong ? WRONG_ANSWERS : Infinity)) throw error
    const doubled = pauseMs * 2 ** Math.max(0, this.#failed - 1)
    // Clients that failed at the same moment must not all come back at the same moment.
    const jittered = doubled * (0.5 + Math.random() / 2)
    const wanted = error instanceof TryAgain ? error.after : 0
    await pause(Math.min(Math.max(jittered, wanted), longestPauseMs), signal)
    // What broke the connection may be known only now.
    if (offline()) await untilOnline(longestPauseMs, signal)
  }
}

/** @param {RetryOptions} [given] @returns {Patience} */
export const patience = (given = {}) => ({ ...defaults, ...given })

/**
 * Retry-After: seconds, or a date by the server's clock.
 * @param {Headers} headers
 * @returns {number} milliseconds
 */
export function retryAfter(headers) {
  const text = headers.get('retry-after')?.trim() ?? ''
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const now = Date.parse(headers.get('date') ?? '') || Date.now()
  return Math.max(0, Date.parse(text) - now) || 0
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal
 * @param {(done: () => void) => () => void} [orWhen] calls `done` to end it early;
 *   returns its undoing
 * @returns {Promise<void>}
 */
function pause(ms, signal, orWhen = () => () => {}) {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer)
      forget()
      signal.removeEventListener('abort', end)
      if (signal.aborted) reject(signal.reason)
      else resolve()
    }
    const timer = setTimeout(end, ms)
    const forget = orWhen(end)
    signal.addEventListener('abort', end, { once: true })
  })
}

/** Pages and workers know; elsewhere nobody does. */
const offline = () => globalThis.navigator?.onLine === false

/**
 * Not for ever: a server on this very machine is there without a network.
 * @param {number} longest @param {AbortSignal} signal
 */
const untilOnline = (longest, signal) =>
  pause(longest, signal, (done) => {
    globalThis.addEventListener?.('online', done)
    return () => globalThis.removeEventListener?.('online', done)
  })

/**
 * @template T
 * @param {Promise<T>} work
 * @param {number} ms
 * @param {string} what did not come
 * @returns {Promise<T>}
 */
export function within(work, ms, what) {
  return new Promise((resolve, reject) => {
    const late = () => reject(new TryAgain(`no ${what} for ${ms / 1000} s`))
    const timer = setTimeout(late, ms)
    work.then(
      (value) => {
        clearTimeout(timer)
        resolve(value)
      },
      (error) => {
        clearTimeout(timer)
        reject(error)
      },
    )
  })
}
