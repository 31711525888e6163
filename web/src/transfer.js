// Conversations as a JSON file, and back. A file is somebody else's data: everything in it is
// checked, and what does not fit is refused with the place where it is. Plain data, no document.
import { newId } from './tree.js'

/** @import { AnswerFacts, Conversation, Message } from './types.js' */

const FORMAT = 'sotto-conversations'
const VERSION = 1
export const LARGEST_FILE = 64e6
const MOST_CONVERSATIONS = 5_000
const MOST_MESSAGES = 20_000
const LONGEST_TEXT = 2_000_000
const ends = ['stop', 'length', 'stopped', 'failed']

export class TransferError extends Error {}

/** @param {Conversation[]} conversations */
export const exportText = (conversations) =>
  `${JSON.stringify({ format: FORMAT, version: VERSION, conversations }, null, 2)}\n`

/**
 * Conversations with new ids, so that nothing that is kept already is replaced.
 * @param {string} text
 * @returns {Conversation[]}
 */
export function importText(text) {
  let data
  try {
    data = JSON.parse(text)
  } catch {
    throw new TransferError('This is not a JSON file.')
  }
  if (!isObject(data) || data.format !== FORMAT) {
    throw new TransferError('This file was not exported by sotto: it has no conversations.')
  }
  if (data.version !== VERSION) {
    throw new TransferError(`The file has version ${data.version}; this page reads ${VERSION}.`)
  }
  const list = listOf(data.conversations, 'conversations', MOST_CONVERSATIONS)
  return list.map((item, index) => conversationFrom(item, `conversations[${index}]`))
}

/** @param {any} item @param {string} at @returns {Conversation} */
function conversationFrom(item, at) {
  if (!isObject(item)) throw wrong(at, 'an object')
  /** @type {Map<string, string>} old id to new */
  const ids = new Map()
  const messages = listOf(item.messages, `${at}.messages`, MOST_MESSAGES).map((message, index) =>
    messageFrom(message, `${at}.messages[${index}]`, ids),
  )
  /** @type {Conversation['choice']} */
  const choice = {}
  for (const [parent, child] of Object.entries(isObject(item.choice) ? item.choice : {})) {
    const key = parent === '' ? '' : ids.get(parent)
    const value = ids.get(String(child))
    if (key !== undefined && value !== undefined) choice[key] = value
  }
  return {
    id: newId(),
    title: textOf(item.title, `${at}.title`).slice(0, 200) || 'Imported',
    titled: item.titled === true,
    created: timeOf(item.created, `${at}.created`),
    updated: timeOf(item.updated, `${at}.updated`),
    system: textOf(item.system ?? '', `${at}.system`),
    messages,
    choice,
  }
}

/**
 * @param {any} item
 * @param {string} at
 * @param {Map<string, string>} ids of the messages before it: a parent must be one of them
 * @returns {Message}
 */
function messageFrom(item, at, ids) {
  if (!isObject(item)) throw wrong(at, 'an object')
  const old = textOf(item.id, `${at}.id`)
  if (!old || ids.has(old)) throw wrong(`${at}.id`, 'an id of its own')
  if (item.role !== 'user' && item.role !== 'assistant')
    throw wrong(`${at}.role`, 'user or assistant')
  const parent = item.parent === null ? null : ids.get(String(item.parent))
  if (parent === undefined) throw wrong(`${at}.parent`, 'null or the id of an earlier message')
  const id = newId()
  ids.set(old, id)
  const content = textOf(item.content, `${at}.content`)
  const created = timeOf(item.created, `${at}.created`)
  /** @type {Message} */
  const message = { id, parent, role: item.role, content, created }
  if (ends.includes(item.end)) message.end = item.end
  const facts = factsFrom(item.facts)
  if (facts) message.facts = facts
  return message
}

const factNames = /** @type {const} */ ([
  'first',
  'prompt_n',
  'cache_n',
  'prompt_per_second',
  'predicted_n',
  'predicted_per_second',
  'draft_n',
  'draft_n_accepted',
  'p50',
  'p95',
])

/** @param {any} facts @returns {AnswerFacts | undefined} none unless all of it is numbers */
function factsFrom(facts) {
  if (!isObject(facts) || !factNames.every((name) => Number.isFinite(facts[name]))) return undefined
  return /** @type {AnswerFacts} */ (Object.fromEntries(factNames.map((n) => [n, facts[n]])))
}

/** @param {any} value @returns {value is Record<string, any>} */
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)

/** @param {any} value @param {string} at @param {number} most @returns {any[]} */
function listOf(value, at, most) {
  if (!Array.isArray(value)) throw wrong(at, 'a list')
  if (value.length > most) throw wrong(at, `a list of at most ${most}`)
  return value
}

/** @param {any} value @param {string} at */
function textOf(value, at) {
  if (typeof value !== 'string') throw wrong(at, 'a text')
  if (value.length > LONGEST_TEXT) throw wrong(at, `a text of at most ${LONGEST_TEXT} characters`)
  return value
}

/** @param {any} value @param {string} at */
function timeOf(value, at) {
  if (!Number.isFinite(value) || value < 0 || value > 8.64e15) throw wrong(at, 'a time')
  return Number(value)
}

/** @param {string} at @param {string} wanted */
const wrong = (at, wanted) => new TransferError(`${at} must be ${wanted}. Nothing was imported.`)
