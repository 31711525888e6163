// Which bytes of a file are there: a sorted list of ranges [start, end) that neither
// touch nor overlap.

/** @typedef {[start: number, end: number]} Range */

export class Ranges {
  /** @type {Range[]} */
  #list = []

  /** @param {Iterable<Range>} [ranges] in any order */
  constructor(ranges = []) {
    for (const [start, end] of ranges) this.add(start, end)
  }

  /** @param {number} start @param {number} end */
  add(start, end) {
    if (start >= end) return
    const first = this.#list.findIndex((range) => range[1] >= start)
    if (first < 0) {
      this.#list.push([start, end])
      return
    }
    let after = first
    let [from, to] = [start, end]
    for (; after < this.#list.length && this.#list[after][0] <= end; after++) {
      from = Math.min(from, this.#list[after][0])
      to = Math.max(to, this.#list[after][1])
    }
    this.#list.splice(first, after - first, [from, to])
  }

  /** @param {number} start @param {number} end */
  remove(start, end) {
    if (start >= end) return
    this.#list = this.#list.flatMap(([from, to]) => {
      /** @type {Range[]} */
      const kept = [
        [from, Math.min(to, start)],
        [Math.max(from, end), to],
      ]
      return kept.filter((range) => range[0] < range[1])
    })
  }

  /** @param {number} start @param {number} end */
  has(start, end) {
    return start >= end || this.#list.some((range) => range[0] <= start && range[1] >= end)
  }

  /**
   * What is to be done at an offset: take what is there up to `end`, or get what
   * is missing up to it.
   * @param {number} at
   * @returns {{ there: boolean, end: number }}
   */
  run(at) {
    const next = this.#list.find((range) => range[1] > at)
    if (!next) return { there: false, end: Infinity }
    return next[0] <= at ? { there: true, end: next[1] } : { there: false, end: next[0] }
  }

  get bytes() {
    return this.#list.reduce((sum, [start, end]) => sum + end - start, 0)
  }

  /** @returns {Range[]} */
  toJSON() {
    return this.#list.map(([start, end]) => [start, end])
  }
}
