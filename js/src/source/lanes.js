// How many requests to one server run at once: one at first; another for as long as somebody
// waits and the last that was added made the whole faster; fewer when the server says
// that it has too many.

const WINDOW_MS = 250
/** One more connection has to make the whole so many times as fast. */
const GROWTH = 1.1

export class Lanes {
  #limit = 1
  #active = 0
  /** @type {(() => void)[]} */
  #waiting = []
  /** No more are tried. */
  #settled = false
  #bytes = 0
  #since = 0
  /** Bytes per millisecond before the last was added. */
  #before = 0
  /** A connection was just added: what this window measures is its start. */
  #starting = false

  get active() {
    return this.#active
  }

  /** Waits for a turn; those who wait longest come first. @param {AbortSignal} signal */
  async enter(signal) {
    signal.throwIfAborted()
    if (this.#active === 0) this.#restart()
    if (this.#active < this.#limit) {
      this.#active++
      return
    }
    await new Promise((resolve, reject) => {
      const go = () => {
        signal.removeEventListener('abort', stop)
        resolve(undefined)
      }
      const stop = () => {
        this.#waiting = this.#waiting.filter((other) => other !== go)
        reject(signal.reason)
      }
      this.#waiting.push(go)
      signal.addEventListener('abort', stop, { once: true })
    })
  }

  leave() {
    this.#active--
    this.#admit()
  }

  /** The server has had enough. */
  shrink() {
    this.#limit = Math.max(1, Math.min(this.#limit, this.#active) - 1)
    this.#settled = true
  }

  /** @param {number} bytes that have come, on any of them */
  count(bytes) {
    this.#bytes += bytes
    const now = performance.now()
    const ms = now - this.#since
    if (ms < WINDOW_MS) return
    const rate = this.#bytes / ms
    this.#restart(now)
    if (!this.#settled) this.#judge(rate)
  }

  /** @param {number} rate */
  #judge(rate) {
    if (this.#starting || this.#active < this.#limit) {
      this.#starting = false
    } else if (this.#limit > 1 && rate < GROWTH * this.#before) {
      this.#limit--
      this.#settled = true
    } else if (this.#waiting.length) {
      this.#before = rate
      this.#limit++
      this.#starting = true
      this.#admit()
    }
  }

  #restart(now = performance.now()) {
    this.#since = now
    this.#bytes = 0
  }

  #admit() {
    while (this.#active < this.#limit) {
      const go = this.#waiting.shift()
      if (!go) return
      this.#active++
      go()
    }
  }
}
