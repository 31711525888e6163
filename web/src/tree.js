// A conversation as a tree: editing a question or asking again adds a version beside the old one,
// and `choice` says which is shown. Plain data, no document; what changes a conversation
// says so by name.

/** @import { Conversation, Message } from './types.js' */

const FIRST = ''
const LONGEST_TITLE = 60

export const newId = () => crypto.randomUUID()

/** @param {string} [system] @returns {Conversation} */
export function emptyConversation(system = '') {
  const now = Date.now()
  const head = { id: newId(), title: 'New chat', titled: false, created: now, updated: now }
  return { ...head, system, messages: [], choice: {} }
}

/**
 * The messages that are shown, from the first to the last.
 * @param {Conversation} conversation
 * @returns {Message[]}
 */
export function shownPath({ messages, choice }) {
  /** @type {Map<string, Message[]>} */
  const children = new Map()
  for (const message of messages) {
    const key = message.parent ?? FIRST
    const list = children.get(key)
    if (list) list.push(message)
    else children.set(key, [message])
  }
  const path = []
  for (let key = FIRST; ; ) {
    const list = children.get(key)
    if (!list) return path
    const next = list.find(({ id }) => id === choice[key]) ?? list[list.length - 1]
    path.push(next)
    key = next.id
  }
}

/**
 * A message and those with the same parent, oldest first.
 * @param {Conversation} conversation
 * @param {Message} message
 */
export const versionsOf = ({ messages }, message) =>
  messages.filter(({ parent, role }) => parent === message.parent && role === message.role)

/**
 * @param {Conversation} conversation
 * @param {string | null} id
 */
export const find = ({ messages }, id) => messages.find((message) => message.id === id)

/**
 * Adds a message, which is shown from now on.
 * @param {Conversation} conversation
 * @param {string | null} parent
 * @param {Message['role']} role
 * @param {string} content
 */
export function addMessage(conversation, parent, role, content) {
  /** @type {Message} */
  const message = { id: newId(), parent, role, content, created: Date.now() }
  conversation.messages.push(message)
  conversation.choice[parent ?? FIRST] = message.id
  conversation.updated = message.created
  if (!conversation.titled && role === 'user' && parent === null) {
    conversation.title = titleFrom(content)
  }
  return message
}

/**
 * Takes back a message that nothing hangs on.
 * @param {Conversation} conversation
 * @param {Message} message
 */
export function dropMessage(conversation, message) {
  conversation.messages = conversation.messages.filter(({ id }) => id !== message.id)
  const key = message.parent ?? FIRST
  if (conversation.choice[key] !== message.id) return
  const left = versionsOf(conversation, message).at(-1)
  if (left) conversation.choice[key] = left.id
  else delete conversation.choice[key]
}

/**
 * Shows another version.
 * @param {Conversation} conversation
 * @param {Message} message
 */
export function choose(conversation, message) {
  conversation.choice[message.parent ?? FIRST] = message.id
}

/**
 * Takes over what another tab has added to the same conversation: messages, and
 * words of its answers.
 * @param {Conversation} mine
 * @param {Conversation} other
 * @returns {boolean} whether there was anything
 */
export function merge(mine, other) {
  const known = new Map(mine.messages.map((message) => [message.id, message]))
  let hasNews = false
  for (const message of other.messages) {
    const own = known.get(message.id)
    const isEmpty = message.role === 'assistant' && !message.content
    if (own ? own.content.length >= message.content.length : isEmpty) continue
    hasNews = true
    if (own) Object.assign(own, message)
    else mine.messages.push(message)
  }
  for (const [parent, id] of Object.entries(other.choice)) mine.choice[parent] ??= id
  if (other.updated <= mine.updated) return hasNews
  const { title, titled, system, updated } = other
  Object.assign(mine, { title, titled, system, updated })
  return true
}

/** @param {string} text */
export function titleFrom(text) {
  const line = text.trim().split('\n')[0].replace(/\s+/g, ' ')
  return line.length > LONGEST_TITLE
    ? `${line.slice(0, LONGEST_TITLE - 1).trimEnd()}…`
    : line || 'New chat'
}
