// The messages that are shown of the open conversation, the problem below them,
// and staying at the end.
import { announce, byId, copyText, make, textButton, yieldToPage } from './dom.js'
import { MessageView } from './message-view.js'
import { Pin } from './pin.js'
import { answerProblem, remedyNames } from './problems.js'
import { shownPath, versionsOf } from './tree.js'

/** @import { Chat } from './chat.js' */
/** @import { Library } from './library.js' */
/** @import { Remedy } from './problems.js' */
/** @import { Message } from './types.js' */

/** Milliseconds of drawing before the browser has its turn. */
const SLICE_MS = 12

export class MessagesView {
  #chat
  #library
  #log = byId('messages')
  /** @type {Map<string, MessageView>} */
  #views = new Map()
  #pin
  #turn = 0

  /**
   * @param {Chat} chat
   * @param {Library} library
   * @param {(remedy: Remedy, message: Message) => void} onRemedy
   */
  constructor(chat, library, onRemedy) {
    this.#chat = chat
    this.#library = library
    const latest = byId('to-latest')
    this.#pin = new Pin(byId('scroller'), (pinned) => {
      latest.hidden = pinned
    })
    latest.addEventListener('click', () => this.#pin.toEnd())
    this.#log.addEventListener('click', (event) => this.#copyCode(event))
    library.current.watch(() => {
      this.#views.clear()
      this.#log.replaceChildren()
      this.#pin.pinned = true
      this.draw()
    })
    chat.listeners.push({
      onShape: () => this.draw(),
      onPiece: (message) => this.#views.get(message.id)?.grow(),
      onEnd: (message, _, error) => this.#end(message, error, onRemedy),
    })
  }

  /** Brings the page in line with the conversation; messages that stay are left alone. */
  async draw() {
    const turn = ++this.#turn
    const conversation = this.#library.current.value
    const path = shownPath(conversation)
    byId('welcome').hidden = path.length > 0
    const shown = new Set(path.map(({ id }) => id))
    for (const [id, view] of this.#views) {
      if (shown.has(id)) continue
      view.element.remove()
      this.#views.delete(id)
    }
    const busy = this.#chat.busy.value
    if (busy) this.#log.querySelector('.problem')?.remove()
    let begin = performance.now()
    for (const message of path) {
      const view = this.#views.get(message.id) ?? this.#add(message)
      const answering = busy && message === path.at(-1)
      view.setBusy(answering)
      if (!answering) view.setTools(versionsOf(conversation, message), this.#chat.ready)
      if (performance.now() - begin < SLICE_MS) continue
      await yieldToPage()
      if (turn !== this.#turn) return
      begin = performance.now()
    }
    this.#log.setAttribute('aria-busy', String(busy))
    if (busy) this.#pin.toEnd()
    else this.#pin.follow()
  }

  /** @param {Message} message */
  #add(message) {
    const view = new MessageView(message, this.#actions, () => this.#pin.follow())
    this.#views.set(message.id, view)
    this.#log.append(view.element)
    return view
  }

  #actions = {
    regenerate: (/** @type {Message} */ message) => void this.#chat.regenerate(message),
    edit: (/** @type {Message} */ message, /** @type {string} */ text) =>
      void this.#chat.edit(message, text),
    step: (/** @type {Message} */ message, /** @type {number} */ by) => {
      const versions = versionsOf(this.#library.current.value, message)
      const next = versions[versions.indexOf(message) + by]
      if (!next) return
      this.#chat.show(next)
      this.#views.get(next.id)?.focus()
      announce(`Version ${versions.indexOf(next) + 1} of ${versions.length}`)
    },
  }

  /**
   * @param {Message} message
   * @param {unknown} error
   * @param {(remedy: Remedy, message: Message) => void} onRemedy
   */
  #end(message, error, onRemedy) {
    if (error === undefined) {
      announce(message.end === 'stopped' ? 'Stopped' : 'Answer complete')
      return
    }
    const { title, text, advice, remedies } = answerProblem(error)
    const buttons = remedies.map((remedy) =>
      textButton('plain', remedyNames[remedy], () => {
        problem.remove()
        onRemedy(remedy, message)
      }),
    )
    const words = [make('strong', '', title), make('p', '', text), make('p', 'advice', advice)]
    const problem = make('div', 'problem', ...words, make('div', 'remedies', ...buttons))
    problem.setAttribute('role', 'alert')
    // draw() comes next and appends nothing behind it.
    queueMicrotask(() => {
      this.#log.append(problem)
      this.#pin.toEnd()
    })
  }

  /** @param {MouseEvent} event */
  #copyCode({ target }) {
    if (!(target instanceof Element)) return
    const button = target.closest('[data-copy]')
    const code = button?.closest('.code')?.querySelector('pre')
    if (button instanceof HTMLButtonElement && code) copyText(button, code.textContent ?? '')
  }

  /** Opens the last question for editing. */
  editLast() {
    const last = shownPath(this.#library.current.value).findLast(({ role }) => role === 'user')
    if (last && this.#chat.ready) this.#views.get(last.id)?.beginEdit()
  }

  /** @returns {Message | undefined} */
  lastAnswer() {
    return shownPath(this.#library.current.value).findLast(({ role }) => role === 'assistant')
  }
}
