// One message on the page: its text, its buttons, its versions. A question is shown as it was
// typed, an answer as Markdown, drawn at most once a frame.
import { copyText, iconButton, isComposing, make, textButton } from './dom.js'
import { duration, perSecond } from './format.js'
import { MarkdownView } from './markdown.js'

/** @import { Message } from './types.js' */

/**
 * @typedef {object} MessageActions
 * @property {(message: Message) => void} regenerate
 * @property {(message: Message, text: string) => void} edit
 * @property {(message: Message, by: number) => void} step to another version
 */

export class MessageView {
  element
  #message
  #actions
  #body = make('div', 'body')
  #tools = make('div', 'tools')
  #text = /** @type {MarkdownView | undefined} */ (undefined)
  #frame = 0
  /** @type {() => void} */
  #onDraw

  /**
   * @param {Message} message
   * @param {MessageActions} actions
   * @param {() => void} onDraw after the text has changed its size
   */
  constructor(message, actions, onDraw) {
    this.#message = message
    this.#actions = actions
    this.#onDraw = onDraw
    const mine = message.role === 'user'
    const who = make('h2', 'visually-hidden', mine ? 'You' : 'Answer')
    this.element = make('article', `message ${message.role}`, who, this.#body, this.#tools)
    this.element.dataset.id = message.id
    if (!mine) this.#text = new MarkdownView(this.#body)
    this.#draw(true)
  }

  /** Text was added. */
  grow() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0
      this.#draw(false)
      this.#onDraw()
    })
  }

  /** @param {boolean} done */
  #draw(done) {
    const { content } = this.#message
    if (this.#text) this.#text.update(content, { done })
    else this.#body.textContent = content
  }

  /** @param {boolean} busy its answer is under way */
  setBusy(busy) {
    this.element.classList.toggle('busy', busy)
    if (busy) return this.#tools.replaceChildren()
    cancelAnimationFrame(this.#frame)
    this.#frame = 0
    this.#draw(true)
  }

  /**
   * @param {Message[]} versions this one among them
   * @param {boolean} able to ask: there is a model, and it is free
   */
  setTools(versions, able) {
    const message = this.#message
    const mine = message.role === 'user'
    /** @type {(Node | string)[]} */
    const tools = versions.length > 1 ? [this.#switch(versions)] : []
    const copy = iconButton('copy', 'Copy', () => copyText(copy, message.content))
    tools.push(copy)
    const again = mine
      ? iconButton('edit', 'Edit', () => this.beginEdit())
      : iconButton('retry', 'Answer again', () => this.#actions.regenerate(message))
    again.disabled = !able
    tools.push(again)
    if (message.facts || message.end === 'stopped') tools.push(make('span', 'facts', this.#facts()))
    this.#tools.replaceChildren(...tools)
  }

  /** @param {Message[]} versions */
  #switch(versions) {
    const at = versions.indexOf(this.#message)
    const back = iconButton('left', 'Earlier version', () => this.#actions.step(this.#message, -1))
    const forth = iconButton('right', 'Later version', () => this.#actions.step(this.#message, 1))
    back.disabled = at === 0
    forth.disabled = at === versions.length - 1
    const text = make('span', 'versions-count', `${at + 1}/${versions.length}`)
    const group = make('span', 'versions', back, text, forth)
    group.setAttribute('role', 'group')
    group.setAttribute('aria-label', `Version ${at + 1} of ${versions.length}`)
    return group
  }

  #facts() {
    const { facts, end } = this.#message
    const parts = []
    if (facts) {
      parts.push(`${facts.predicted_n} tokens`, perSecond(facts.predicted_per_second))
      parts.push(`first after ${duration(facts.first)}`)
    }
    if (end === 'stopped') parts.push('stopped')
    if (end === 'length') parts.push('cut at the longest answer')
    return parts.join(' · ')
  }

  beginEdit() {
    if (this.element.querySelector('.editor')) return
    const area = make('textarea', '')
    area.value = this.#message.content
    area.setAttribute('aria-label', 'Edit the message')
    const close = () => {
      form.remove()
      this.#body.hidden = this.#tools.hidden = false
      this.element.classList.remove('editing')
    }
    const cancel = textButton('plain', 'Cancel', () => {
      close()
      this.focus()
    })
    const submit = make('button', 'primary', 'Send')
    const form = make('form', 'editor', area, make('div', 'editor-buttons', cancel, submit))
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      const text = area.value.trim()
      if (!text) return
      close()
      this.#actions.edit(this.#message, text)
    })
    area.addEventListener('keydown', (event) => {
      if (isComposing(event)) return
      if (event.key === 'Escape') {
        event.stopPropagation()
        cancel.click()
      } else if (event.key === 'Enter' && !event.shiftKey) {
        event.preventDefault()
        form.requestSubmit()
      }
    })
    this.#body.hidden = this.#tools.hidden = true
    this.element.classList.add('editing')
    this.element.append(form)
    area.focus()
    area.setSelectionRange(area.value.length, area.value.length)
  }

  focus() {
    this.#tools.querySelector('button')?.focus()
  }
}
