// Where a question is written: sends it, stops the answer, and says why it cannot.
import { byId, isComposing } from './dom.js'

/** @import { Chat } from './chat.js' */
/** @import { ModelSession } from './model-session.js' */

const hints = {
  none: 'Load a model to begin',
  loading: 'You can write; the model is loading',
  paused: 'The download is paused',
  failed: 'There is no model yet',
  ready: 'Write a message',
}

export class Composer {
  #chat
  #field = byId('question', HTMLTextAreaElement)
  #send = byId('send', HTMLButtonElement)
  #stop = byId('stop', HTMLButtonElement)

  /**
   * @param {Chat} chat
   * @param {ModelSession} model
   * @param {() => void} onUp the arrow in an empty field
   */
  constructor(chat, model, onUp) {
    this.#chat = chat
    const form = byId('composer', HTMLFormElement)
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      this.#submit()
    })
    this.#field.addEventListener('keydown', (event) => {
      if (isComposing(event)) return
      if (event.key === 'Enter' && !event.shiftKey) {
        event.preventDefault()
        this.#submit()
      } else if (event.key === 'ArrowUp' && !this.#field.value) {
        event.preventDefault()
        onUp()
      }
    })
    this.#field.addEventListener('input', () => this.#update())
    this.#stop.addEventListener('click', () => chat.stop())
    chat.busy.watch(() => this.#update())
    model.state.watch(({ phase }) => {
      this.#field.placeholder = hints[phase]
      this.#update()
    })
  }

  #submit() {
    const text = this.#field.value.trim()
    if (!text || !this.#chat.ready) return
    this.#field.value = ''
    this.#chat.send(text)
    this.#update()
  }

  #update() {
    const busy = this.#chat.busy.value
    const stopping = document.activeElement === this.#stop
    this.#send.hidden = busy
    this.#stop.hidden = !busy
    this.#send.disabled = !this.#chat.ready || this.#field.value.trim() === ''
    if (stopping && !busy) this.focus()
    if (CSS.supports('field-sizing', 'content')) return
    this.#field.style.height = 'auto'
    this.#field.style.height = `${this.#field.scrollHeight}px`
  }

  focus() {
    this.#field.focus()
  }

  /** @param {string} text */
  fill(text) {
    this.#field.value = text
    this.#update()
    this.focus()
  }
}
