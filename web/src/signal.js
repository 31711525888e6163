// A value that others can watch.

/** @template T */
export class Signal {
  /** @type {Set<(value: T) => void>} */
  #watchers = new Set()
  #value

  /** @param {T} value */
  constructor(value) {
    this.#value = value
  }

  get value() {
    return this.#value
  }

  set value(value) {
    this.#value = value
    for (const watcher of [...this.#watchers]) watcher(value)
  }

  /**
   * Calls `watcher` now and after every change.
   * @param {(value: T) => void} watcher
   */
  watch(watcher) {
    this.#watchers.add(watcher)
    watcher(this.#value)
    return () => this.#watchers.delete(watcher)
  }
}
