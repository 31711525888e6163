// The conversation: what was said, one streamed answer at a time, and how fast it came.

import { announce, byId, make } from './dom.js'
import { adviceFor } from './model.js'
import { renderText } from './render.js'

/** @import { ChatMessage, Engine, Timings } from '/sotto/src/browser.js' */

const log = byId('messages')
const composer = /** @type {HTMLFormElement} */ (byId('composer'))
const question = /** @type {HTMLTextAreaElement} */ (byId('question'))
const send = /** @type {HTMLButtonElement} */ (byId('send'))
const stopButton = byId('stop')

/** An answer that finds no end stops here. */
const MAX_TOKENS = 1024

/** Sampling from the page's address, for answers that can be repeated: ?temperature=0&seed=1 */
const sampling = { max_tokens: MAX_TOKENS, ...numbersOf(location.search) }

/** @param {string} search */
function numbersOf(search) {
  const names = ['temperature', 'seed', 'top_p', 'top_k', 'min_p', 'max_tokens']
  const given = [...new URLSearchParams(search)].filter(([name]) => names.includes(name))
  return Object.fromEntries(given.map(([name, value]) => [name, Number(value)]))
}

export class Conversation {
  /** @type {Engine | undefined} */
  #engine
  /** @type {ChatMessage[]} */
  #messages = []
  /** @type {AbortController | undefined} of the answer under way */
  #answering

  constructor() {
    composer.addEventListener('submit', (event) => {
      event.preventDefault()
      this.#ask()
    })
    question.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
      event.preventDefault()
      this.#ask()
    })
    question.addEventListener('input', () => this.#update())
    stopButton.addEventListener('click', () => this.stop())
    addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.stop()
    })
    this.#update()
  }

  /** @param {Engine} engine */
  begin(engine) {
    this.#engine = engine
    this.clear()
  }

  clear() {
    this.stop()
    this.#messages = []
    log.replaceChildren()
    question.focus()
  }

  stop() {
    this.#answering?.abort()
  }

  async #ask() {
    const text = question.value.trim()
    if (!text || this.#answering || !this.#engine) return
    question.value = ''
    log.append(make('div', 'message user', text))
    this.#messages.push({ role: 'user', content: text })
    const messages = this.#messages
    const answer = await this.#answer(this.#engine, messages)
    // What was stopped before its first word is as if it had not been asked.
    if (answer) messages.push({ role: 'assistant', content: answer })
    else messages.pop()
  }

  /**
   * @param {Engine} engine
   * @param {ChatMessage[]} messages
   * @returns {Promise<string>} what came, also when it was stopped
   */
  async #answer(engine, messages) {
    const abort = new AbortController()
    this.#answering = abort
    this.#update()
    const view = new AnswerView()
    let text = ''
    try {
      const stream = /** @type {const} */ (true)
      const request = { messages, stream, signal: abort.signal, ...sampling }
      for await (const chunk of await engine.chat.completions.create(request)) {
        text += chunk.choices[0]?.delta.content ?? ''
        view.show(text, chunk.timings)
      }
      view.end()
      announce('Answer complete')
    } catch (error) {
      view.end(abort.signal.aborted ? undefined : error)
      announce(abort.signal.aborted ? 'Stopped' : 'The answer failed')
    } finally {
      this.#answering = undefined
      this.#update()
    }
    return text
  }

  #update() {
    const busy = this.#answering !== undefined
    send.hidden = busy
    stopButton.hidden = !busy
    send.disabled = question.value.trim() === ''
  }
}

/** One answer on the page; drawn once a frame at most. */
class AnswerView {
  #body = make('div', 'body')
  #facts = make('div', 'facts')
  #element = make('article', 'message assistant busy', this.#body, this.#facts)
  #text = ''
  /** @type {Timings | undefined} */
  #timings
  #begin = 0
  #pieces = 0
  #frame = 0

  constructor() {
    this.#element.setAttribute('aria-label', 'Answer')
    log.setAttribute('aria-busy', 'true') // read out once it is complete
    log.append(this.#element)
    log.scrollTop = log.scrollHeight
  }

  /**
   * @param {string} text so far
   * @param {Timings} [timings] with the last piece
   */
  show(text, timings) {
    if (text !== this.#text) this.#pieces++
    if (this.#pieces === 1 && !this.#begin) this.#begin = performance.now()
    this.#text = text
    this.#timings = timings ?? this.#timings
    this.#frame ||= requestAnimationFrame(() => this.#draw())
  }

  /** @param {unknown} [error] why it ended early */
  end(error) {
    cancelAnimationFrame(this.#frame)
    this.#draw()
    this.#element.classList.remove('busy')
    log.setAttribute('aria-busy', 'false')
    if (error === undefined) return
    const reason = error instanceof Error ? error.message : String(error)
    const problem = make('p', 'problem', `${reason} ${adviceFor(error)}`.trim())
    problem.setAttribute('role', 'alert')
    this.#element.append(problem)
    log.scrollTop = log.scrollHeight
  }

  #draw() {
    this.#frame = 0
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60
    this.#body.replaceChildren(...renderText(this.#text))
    this.#facts.textContent = this.#factsText()
    if (atEnd) log.scrollTop = log.scrollHeight
  }

  #factsText() {
    const t = this.#timings
    if (t) {
      const read = `${t.prompt_n} of ${t.prompt_n + t.cache_n} tokens read`
      const time = `${(t.prompt_ms / 1000).toFixed(2)} s`
      return `${t.predicted_per_second.toFixed(1)} tokens/s · ${t.predicted_n} tokens · ${read} in ${time}`
    }
    const seconds = (performance.now() - this.#begin) / 1000
    if (this.#pieces < 3) return ''
    return `${((this.#pieces - 1) / seconds).toFixed(1)} tokens/s`
  }
}
