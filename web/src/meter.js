// How full the model's context is: counted while an answer runs, asked of the engine otherwise.
import { Chat } from './chat.js'
import { byId } from './dom.js'
import { count } from './format.js'

/** @import { Library } from './library.js' */
/** @import { ModelSession } from './model-session.js' */
/** @import { Message } from './types.js' */

const NEARLY_FULL = 0.85
const WAIT_MS = 250

export class ContextMeter {
  #chat
  #library
  #model
  #element = byId('context-meter')
  #bar = byId('context-bar', HTMLMeterElement)
  #text = byId('context-text')
  #used = 0
  #before = 0
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer
  #turn = 0

  /** @param {{ chat: Chat, library: Library, model: ModelSession }} parts */
  constructor({ chat, library, model }) {
    this.#chat = chat
    this.#library = library
    this.#model = model
    model.state.watch(({ phase }) => {
      this.#element.hidden = phase !== 'ready'
      if (phase === 'ready') this.#later()
    })
    library.current.watch(() => this.#later())
    chat.listeners.push({
      onShape: () => this.#later(),
      onPiece: (_, clock) => this.#show(this.#before + clock.times.length),
      onEnd: (message) => this.#end(message),
    })
  }

  /** @param {Message} message */
  #end({ facts }) {
    if (facts) this.#show(facts.cache_n + facts.prompt_n + facts.predicted_n)
  }

  #later() {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#ask(), this.#chat.busy.value ? 0 : WAIT_MS)
  }

  async #ask() {
    const { value } = this.#model.state
    if (value.phase !== 'ready') return
    const turn = ++this.#turn
    const answering = this.#chat.busy.value
    const messages = Chat.messagesOf(this.#library.current.value)
    // While an answer runs its own tokens are counted as they come.
    if (answering) messages.pop()
    try {
      const used = messages.length
        ? (await value.engine.applyChatTemplate(messages)).tokens.length
        : 0
      if (turn !== this.#turn) return
      this.#before = used
      if (!answering) this.#show(used)
    } catch {
      // A template that refuses these messages says so when they are sent.
    }
  }

  /** @param {number} used */
  #show(used) {
    const { value } = this.#model.state
    if (value.phase !== 'ready') return
    const { n_ctx } = value.engine.plan
    this.#used = Math.min(used, n_ctx)
    const text = `${count(this.#used)} of ${count(n_ctx)} tokens`
    this.#text.textContent = `${count(this.#used)} / ${count(n_ctx)}`
    this.#element.title = `Context: ${text}`
    this.#bar.max = n_ctx
    this.#bar.value = this.#used
    this.#bar.setAttribute('aria-valuetext', text)
    this.#element.classList.toggle('full', this.#used > NEARLY_FULL * n_ctx)
  }
}
