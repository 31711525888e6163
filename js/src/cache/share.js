// One download for all tabs: who holds an entry's lock says how far it has come, the others
// read what is in whole segments. They ask for the lock all the while: if its holder ends,
// one of them gets it and goes on.

/** @import { Lock, Storage } from './storage.js' */
/** @import { Validator } from '../source/validator.js' */

const CHANNEL = 'sotto-cache'

/**
 * @typedef {object} State of an entry
 * @property {string} key
 * @property {number} readable bytes from the start on
 * @property {boolean} complete
 * @property {Validator} validator
 */
/** @typedef {{ key: string, ask: true } | State} Message */

function openChannel() {
  const channel = new BroadcastChannel(CHANNEL)
  const { unref } = /** @type {any} */ (channel)
  unref?.call(channel) // Node.js: it keeps no process alive
  return channel
}

export class Leader {
  #channel = openChannel()
  #state

  /** @param {() => State} state */
  constructor(state) {
    this.#state = state
    this.#channel.onmessage = ({ data }) => {
      if (data?.ask && data.key === state().key) this.announce()
    }
  }

  announce() {
    this.#channel.postMessage(this.#state())
  }

  close() {
    this.#channel.close()
  }
}

export class Follower {
  #channel = openChannel()
  #abort = new AbortController()
  /** @type {State | undefined} as far as it is known */
  state
  /** @type {Lock | undefined} */
  #lock
  /** @type {Set<() => void>} */
  #waiting = new Set()
  #closed = false

  /**
   * @param {Storage} storage
   * @param {string} key
   * @param {State} [state]
   */
  constructor(storage, key, state) {
    this.state = state
    this.#channel.onmessage = ({ data }) => {
      if (data?.key !== key || data.ask) return
      this.state = data
      this.#wake()
    }
    this.#channel.postMessage({ key, ask: true })
    storage.lock(key, { wait: true, signal: this.#abort.signal }).then(
      (lock) => {
        if (this.#abort.signal.aborted) return lock?.release()
        this.#lock = lock
        this.#wake()
      },
      () => {}, // aborted
    )
  }

  #wake() {
    for (const wake of this.#waiting) wake()
  }

  /**
   * Waits until the byte at an offset can be read, or the entry is ours, or all is closed.
   * @param {number} at
   * @param {AbortSignal} signal
   * @returns {Promise<{ state?: State, lock?: Lock }>}
   */
  async next(at, signal) {
    let wake = () => {}
    const woken = () => wake()
    this.#waiting.add(woken)
    signal.addEventListener('abort', woken)
    try {
      for (;;) {
        signal.throwIfAborted()
        if (this.#closed) return {}
        const lock = this.#lock
        this.#lock = undefined
        if (lock) return { lock }
        if (this.state && this.state.readable > at) return { state: this.state }
        await new Promise((resolve) => {
          wake = () => resolve(undefined)
        })
      }
    } finally {
      this.#waiting.delete(woken)
      signal.removeEventListener('abort', woken)
    }
  }

  close() {
    this.#closed = true
    this.#abort.abort()
    this.#lock?.release()
    this.#channel.close()
    this.#wake()
  }
}
