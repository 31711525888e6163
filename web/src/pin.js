// Stays at the end of something that grows, for as long as the reader is there.

const CLOSE = 24 // pixels from the end that still count as there

export class Pin {
  #scroller
  #last = 0
  /** @type {(pinned: boolean) => void} */
  #onChange
  pinned = true

  /**
   * @param {HTMLElement} scroller
   * @param {(pinned: boolean) => void} onChange
   */
  constructor(scroller, onChange) {
    this.#scroller = scroller
    this.#onChange = onChange
    scroller.addEventListener('scroll', () => this.#look(), { passive: true })
    new ResizeObserver(() => this.follow()).observe(scroller)
  }

  #look() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller
    const up = scrollTop < this.#last - 1
    this.#last = scrollTop
    const close = scrollHeight - scrollTop - clientHeight < CLOSE
    if (close) this.#set(true)
    else if (up) this.#set(false)
  }

  /** @param {boolean} pinned */
  #set(pinned) {
    if (this.pinned === pinned) return
    this.pinned = pinned
    this.#onChange(pinned)
  }

  /** After something was added. */
  follow() {
    if (this.pinned) this.toEnd()
  }

  toEnd() {
    this.#set(true)
    this.#scroller.scrollTop = this.#scroller.scrollHeight
    this.#last = this.#scroller.scrollTop
  }
}
