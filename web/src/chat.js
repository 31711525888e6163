// Asking: sends what is shown to the engine, streams the answer into the conversation, and keeps
// what came, however it ended. Knows nothing of the document; views listen.
import { EmptyAnswer } from './problems.js'
import { Signal } from './signal.js'
import { AnswerClock } from './statistics.js'
import { addMessage, choose, dropMessage, find, shownPath } from './tree.js'

/** @import { ChatMessage, Engine, Timings } from 'sotto' */
/** @import { Library } from './library.js' */
/** @import { ModelSession } from './model-session.js' */
/** @import { Settings } from './settings.js' */
/** @import { Conversation, Message } from './types.js' */

/**
 * @typedef {object} ChatListener
 * @property {() => void} onShape other messages are shown than before
 * @property {(message: Message, clock: AnswerClock) => void} onPiece
 * @property {(message: Message, clock: AnswerClock, error: unknown) => void} onEnd error:
 *   undefined if it ended well or was stopped
 */

export class Chat {
  /** @type {Signal<boolean>} an answer is under way */
  busy = new Signal(false)
  /** @type {ChatListener[]} */
  listeners = []
  #library
  #model
  #settings
  /** @type {AbortController | undefined} */
  #abort
  /** @type {Promise<void>} */
  #ended = Promise.resolve()

  /** @param {{ library: Library, model: ModelSession, settings: Settings }} parts */
  constructor({ library, model, settings }) {
    this.#library = library
    this.#model = model
    this.#settings = settings
  }

  get #engine() {
    const { value } = this.#model.state
    return value.phase === 'ready' ? value.engine : undefined
  }

  get ready() {
    return this.#engine !== undefined && !this.busy.value
  }

  /** @param {string} text */
  send(text) {
    const conversation = this.#library.current.value
    if (!this.ready || !text) return Promise.resolve()
    const last = shownPath(conversation).at(-1)
    // A question that got no answer is replaced by the next one, which stands beside it.
    const parent = last?.role === 'user' ? last.parent : (last?.id ?? null)
    return this.#answer(conversation, addMessage(conversation, parent, 'user', text))
  }

  /**
   * Asks the same again; the old answer stays as another version.
   * @param {Message} message an answer, or a question without one
   */
  regenerate(message) {
    const conversation = this.#library.current.value
    const question = message.role === 'user' ? message : find(conversation, message.parent)
    if (!this.ready || !question) return Promise.resolve()
    return this.#answer(conversation, question)
  }

  /**
   * Asks something else in a question's place.
   * @param {Message} message
   * @param {string} text
   */
  edit(message, text) {
    const conversation = this.#library.current.value
    if (!this.ready || !text) return Promise.resolve()
    return this.#answer(conversation, addMessage(conversation, message.parent, 'user', text))
  }

  /** @param {Message} message */
  show(message) {
    if (this.busy.value) return
    const conversation = this.#library.current.value
    choose(conversation, message)
    this.#shape()
    this.#library.changed(conversation)
  }

  /** Resolves when the answer under way has ended. */
  stop() {
    this.#abort?.abort()
    return this.#ended
  }

  /** @param {Conversation} conversation @returns {ChatMessage[]} what the model gets to read */
  static messagesOf(conversation) {
    const said = shownPath(conversation).map(({ role, content }) => ({ role, content }))
    const { system } = conversation
    return system ? [{ role: 'system', content: system }, ...said] : said
  }

  /** @param {Conversation} conversation @param {Message} question */
  #answer(conversation, question) {
    const engine = this.#engine
    if (!engine) return Promise.resolve()
    this.#ended = this.#stream(engine, conversation, question)
    return this.#ended
  }

  /**
   * @param {Engine} engine
   * @param {Conversation} conversation
   * @param {Message} question
   */
  async #stream(engine, conversation, question) {
    const abort = new AbortController()
    this.#abort = abort
    choose(conversation, question)
    const before = Chat.messagesOf(throughOnly(conversation, question))
    const message = addMessage(conversation, question.id, 'assistant', '')
    this.busy.value = true
    this.#shape()
    this.#library.changed(conversation, { now: true })
    const clock = new AnswerClock()
    /** @type {unknown} */
    let failure
    try {
      const stream = /** @type {const} */ (true)
      const more = { stream, signal: abort.signal, ...this.#settings.request() }
      const chunks = await engine.chat.completions.create({ messages: before, ...more })
      for await (const { choices, timings } of chunks) {
        const text = choices[0]?.delta.content
        if (text) this.#piece(conversation, message, clock, text)
        if (timings) message.facts = clock.facts(timings)
        message.end = choices[0]?.finish_reason ?? message.end
      }
    } catch (error) {
      message.end = abort.signal.aborted ? 'stopped' : 'failed'
      failure = abort.signal.aborted ? undefined : error
    } finally {
      this.#finish(conversation, message, clock, failure)
    }
  }

  /**
   * @param {Conversation} conversation
   * @param {Message} message
   * @param {AnswerClock} clock
   * @param {string} text
   */
  #piece(conversation, message, clock, text) {
    clock.piece()
    message.content += text
    for (const listener of this.listeners) listener.onPiece(message, clock)
    this.#library.changed(conversation)
  }

  /**
   * @param {Conversation} conversation
   * @param {Message} message
   * @param {AnswerClock} clock
   * @param {unknown} failure
   */
  #finish(conversation, message, clock, failure) {
    conversation.updated = Date.now()
    if (!message.content.trim()) {
      dropMessage(conversation, message)
      if (message.end !== 'stopped') failure ??= new EmptyAnswer()
    }
    this.#abort = undefined
    this.busy.value = false
    for (const listener of this.listeners) listener.onEnd(message, clock, failure)
    this.#shape()
    this.#library.changed(conversation, { now: true })
  }

  #shape() {
    for (const listener of this.listeners) listener.onShape()
  }
}

/**
 * The conversation as far as a question, whatever answers it has.
 * @param {Conversation} conversation
 * @param {Message} question
 * @returns {Conversation}
 */
function throughOnly(conversation, question) {
  const path = shownPath(conversation)
  const at = path.findIndex(({ id }) => id === question.id)
  return { ...conversation, messages: path.slice(0, at + 1) }
}
