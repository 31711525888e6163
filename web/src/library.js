// The conversations: which there are, which is open, and that changes of it are kept. Views watch
// `heads` and `current`. Tabs tell each other what they have written.
import { Signal } from './signal.js'
import { headOf } from './store.js'
import { dropMessage, emptyConversation, merge } from './tree.js'

/** @import { Store } from './store.js' */
/** @import { Conversation, Head } from './types.js' */

const SAVE_EVERY_MS = 1000
const CHANNEL = 'sotto-chat'

export class Library {
  /** @type {Signal<Head[]>} the one used last comes first */
  heads = new Signal(/** @type {Head[]} */ ([]))
  /** @type {Signal<Conversation>} */
  current
  #store
  /** Waiting to be written. @type {Map<string, Conversation>} */
  #unsaved = new Map()
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer
  /** @type {(error: unknown) => void} */
  #onFailure
  /** @type {BroadcastChannel | undefined} */
  #others

  /**
   * @param {Store} store
   * @param {(error: unknown) => void} onFailure a change could not be kept
   */
  constructor(store, onFailure) {
    this.#store = store
    this.#onFailure = onFailure
    this.current = new Signal(emptyConversation())
    if (!store.lasting) return
    this.#others = new BroadcastChannel(CHANNEL)
    this.#others.onmessage = () => this.#catchUp().catch(onFailure)
  }

  /** Another tab has written or removed something. */
  async #catchUp() {
    this.heads.value = sorted(await this.#store.heads())
    const conversation = this.current.value
    const kept = await this.#store.read(conversation.id)
    if (conversation !== this.current.value) return
    if (kept && merge(conversation, kept)) this.current.value = conversation
    const isGone = !kept && conversation.messages.length > 0
    if (isGone && !this.#unsaved.has(conversation.id)) {
      this.#show(emptyConversation(conversation.system))
    }
  }

  #tellOthers() {
    this.#others?.postMessage('changed')
  }

  /**
   * Opens what was open last.
   * @param {string} system prompt of a new conversation
   */
  async restore(system) {
    this.current.value = emptyConversation(system)
    this.heads.value = sorted(await this.#store.heads())
    const last = await this.#store.setting('current')
    if (this.heads.value.some(({ id }) => id === last)) await this.open(last)
  }

  /** @param {string} id */
  async open(id) {
    await this.flush()
    const conversation = await this.#store.read(id)
    if (!conversation) return false
    // An answer whose page was closed before its first word.
    const empty = conversation.messages.filter((one) => one.role === 'assistant' && !one.content)
    for (const message of empty) dropMessage(conversation, message)
    this.#show(conversation)
    return true
  }

  /** A conversation is kept from its first message on. */
  async begin() {
    await this.flush()
    if (this.current.value.messages.length === 0) return
    this.#show(emptyConversation(this.current.value.system))
  }

  /** @param {Conversation} conversation */
  #show(conversation) {
    this.current.value = conversation
    this.#store.saveSetting('current', conversation.id).catch(this.#onFailure)
  }

  /**
   * To be called after a change. Written within a second, `now` at once.
   * @param {Conversation} conversation
   * @param {{ now?: boolean }} [options]
   */
  changed(conversation, { now = false } = {}) {
    this.#unsaved.set(conversation.id, conversation)
    this.#list(conversation)
    if (now) return this.flush()
    this.#timer ??= setTimeout(() => this.flush(), SAVE_EVERY_MS)
    return Promise.resolve()
  }

  /** @param {Conversation} conversation */
  #list(conversation) {
    const known = this.heads.value.find(({ id }) => id === conversation.id)
    const head = headOf(conversation)
    if (known && known.title === head.title && known.updated === head.updated) return
    const others = this.heads.value.filter((one) => one !== known)
    this.heads.value = sorted([head, ...others])
    if (!known) this.#store.saveSetting('current', head.id).catch(this.#onFailure)
  }

  async flush() {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const conversations = [...this.#unsaved.values()]
    this.#unsaved.clear()
    try {
      for (const conversation of conversations) await this.#store.write(conversation)
      if (conversations.length) this.#tellOthers()
    } catch (error) {
      this.#onFailure(error)
    }
  }

  /** @param {string} id @param {string} title */
  async rename(id, title) {
    const conversation = await this.#find(id)
    if (!conversation) return
    Object.assign(conversation, { title, titled: true })
    await this.changed(conversation, { now: true })
  }

  /** @param {string} id */
  async remove(id) {
    this.#unsaved.delete(id)
    await this.#store.remove(id)
    this.#tellOthers()
    this.heads.value = this.heads.value.filter((head) => head.id !== id)
    if (this.current.value.id !== id) return
    this.#show(emptyConversation(this.current.value.system))
  }

  /** @param {string} id @returns {Promise<Conversation | undefined>} */
  async #find(id) {
    const { value } = this.current
    return value.id === id ? value : this.#store.read(id)
  }

  /** @returns {Promise<Conversation[]>} */
  async all() {
    await this.flush()
    const found = await Promise.all(this.heads.value.map(({ id }) => this.#store.read(id)))
    return found.filter((conversation) => conversation !== undefined)
  }

  /** @param {Conversation[]} conversations */
  async add(conversations) {
    for (const conversation of conversations) await this.#store.write(conversation)
    this.#tellOthers()
    this.heads.value = sorted([...conversations.map(headOf), ...this.heads.value])
    if (conversations[0]) await this.open(conversations[0].id)
  }
}

/** @param {Head[]} heads */
const sorted = (heads) => heads.toSorted((a, b) => b.updated - a.updated)
