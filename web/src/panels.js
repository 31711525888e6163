// The two panels at the sides: beside the conversation where there is room, over it as drawers
// where there is not. The choice is remembered for wide windows only.
import { byId } from './dom.js'

/** @import { Settings } from './settings.js' */

export class Panel {
  #panel
  #button
  #wide
  #save
  #onShow
  #open = false

  /**
   * @param {object} parts
   * @param {string} parts.panel id
   * @param {string} parts.button id of what toggles it
   * @param {string} parts.wide media query: there is room beside the conversation
   * @param {boolean} parts.open in a wide window, at first
   * @param {(open: boolean) => void} parts.save
   * @param {() => void} [parts.onShow]
   */
  constructor({ panel, button, wide, open, save, onShow }) {
    this.#panel = byId(panel)
    this.#button = byId(button)
    this.#wide = matchMedia(wide)
    this.#save = save
    this.#onShow = onShow
    this.#button.addEventListener('click', () => this.toggle())
    for (const close of this.#panel.querySelectorAll('[data-close-panel]')) {
      close.addEventListener('click', () => this.toggle(false))
    }
    this.#wide.addEventListener('change', () => this.#set(this.#wide.matches && open))
    this.#set(this.#wide.matches && open)
  }

  get isDrawer() {
    return !this.#wide.matches
  }

  get isOpen() {
    return this.#open
  }

  toggle(open = !this.#open) {
    if (open === this.#open) return
    this.#set(open)
    if (this.#wide.matches) return this.#save(open)
    if (open) this.#panel.querySelector('button')?.focus()
    else this.#button.focus()
  }

  /** Closes a panel that covers the conversation. */
  leave() {
    if (this.isDrawer) this.#set(false)
  }

  /** @param {boolean} open */
  #set(open) {
    this.#open = open
    this.#panel.hidden = !open
    this.#button.setAttribute('aria-expanded', String(open))
    byId('scrim').hidden = !open || this.#wide.matches
    if (open) this.#onShow?.()
  }
}
