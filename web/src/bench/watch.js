// Whether the page was left alone while it measured: browsers slow down what is hidden, and stop it
// altogether when a machine sleeps. Keeps the screen on, where that is allowed.

const BEAT_MS = 500
const STILL_MS = 3000

export class Watch {
  #disturbances = 0
  #beat = performance.now()
  #timer = setInterval(() => this.#look(), BEAT_MS)
  #onVisibility = () => this.#visibility()
  /** @type {WakeLockSentinel | undefined} */
  #lock

  constructor() {
    document.addEventListener('visibilitychange', this.#onVisibility)
    this.#stayAwake()
  }

  /**
   * How often the page was disturbed so far. If this has grown during a measurement, or the page is
   * hidden, the measurement was disturbed.
   */
  get disturbances() {
    return this.#disturbances
  }

  /** @param {number} before as `disturbances` was */
  since(before) {
    this.#look()
    return document.visibilityState === 'hidden' || this.#disturbances > before
  }

  end() {
    clearInterval(this.#timer)
    document.removeEventListener('visibilitychange', this.#onVisibility)
    this.#lock?.release().catch(() => {})
  }

  #look() {
    const now = performance.now()
    if (now - this.#beat > STILL_MS) this.#disturbances++
    this.#beat = now
  }

  #visibility() {
    this.#disturbances++
    if (document.visibilityState === 'visible') this.#stayAwake()
  }

  async #stayAwake() {
    try {
      this.#lock = await navigator.wakeLock?.request('screen')
    } catch {
      // Not allowed, or the battery is low. If the screen goes off, the page is hidden,
      // and that is noticed.
    }
  }
}
