// How fast something arrives, over the last seconds.

const WINDOW_MS = 4000

export class Rate {
  /** @type {{ time: number, loaded: number }[]} */
  #samples = []

  /**
   * @param {number} loaded in all
   * @param {number} [time] milliseconds
   */
  add(loaded, time = performance.now()) {
    this.#samples.push({ time, loaded })
    while (this.#samples.length > 2 && this.#samples[0].time < time - WINDOW_MS)
      this.#samples.shift()
  }

  /** Per second; 0 while unknown. */
  get perSecond() {
    const first = this.#samples[0]
    const last = this.#samples.at(-1)
    if (!first || !last || last.time - first.time < 100) return 0
    return ((last.loaded - first.loaded) / (last.time - first.time)) * 1000
  }

  /** @param {number} total seconds until then; Infinity while unknown */
  remaining(total) {
    const last = this.#samples.at(-1)
    const speed = this.perSecond
    return last && speed > 0 ? (total - last.loaded) / speed : Infinity
  }
}
