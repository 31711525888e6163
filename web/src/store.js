// What the page keeps in the browser: conversations, the heads of their list, settings.
// In IndexedDB; where there is none (private windows, full disks) in memory, and the page says so.
import { openDB } from 'idb'
import { merge } from './tree.js'

/** @import { Conversation, Head } from './types.js' */

/**
 * @typedef {object} Store
 * @property {boolean} lasting whether anything outlives the page
 * @property {() => Promise<Head[]>} heads
 * @property {(id: string) => Promise<Conversation | undefined>} read
 * @property {(conversation: Conversation) => Promise<void>} write
 * @property {(id: string) => Promise<void>} remove
 * @property {(key: string) => Promise<any>} setting
 * @property {(key: string, value: any) => Promise<void>} saveSetting
 */

/** @typedef {{ commit: () => void, done: Promise<void> }} Ending of a transaction */

const NAME = 'sotto-chat'
const VERSION = 1

/** @returns {Promise<Store>} */
export async function openStore() {
  try {
    return await openDatabase()
  } catch {
    return memoryStore()
  }
}

/** @param {Conversation} conversation @returns {Head} */
export const headOf = ({ id, title, updated }) => ({ id, title, updated })

/** @returns {Promise<Store>} */
async function openDatabase() {
  const db = await openDB(NAME, VERSION, {
    upgrade(database) {
      database.createObjectStore('heads', { keyPath: 'id' })
      database.createObjectStore('conversations', { keyPath: 'id' })
      database.createObjectStore('settings')
    },
    // A newer page in another tab wants to upgrade: it must not wait for this one.
    blocking: (_, __, event) => /** @type {IDBDatabase} */ (event.target).close(),
  })
  const both = () => db.transaction(['heads', 'conversations'], 'readwrite')
  // Not left to the end of the requests: the page may be closed before.
  const commit = async (/** @type {Ending} */ transaction) => {
    transaction.commit()
    await transaction.done
  }
  return {
    lasting: true,
    heads: () => db.getAll('heads'),
    read: (id) => db.get('conversations', id),
    async write(conversation) {
      const transaction = both()
      // Another tab may have written since this one read it.
      const kept = await transaction.objectStore('conversations').get(conversation.id)
      if (kept) merge(conversation, kept)
      transaction.objectStore('heads').put(headOf(conversation))
      transaction.objectStore('conversations').put(conversation)
      await commit(transaction)
    },
    async remove(id) {
      const transaction = both()
      transaction.objectStore('heads').delete(id)
      transaction.objectStore('conversations').delete(id)
      await commit(transaction)
    },
    setting: (key) => db.get('settings', key),
    async saveSetting(key, value) {
      const transaction = db.transaction('settings', 'readwrite')
      transaction.store.put(value, key)
      await commit(transaction)
    },
  }
}

/** @returns {Store} */
export function memoryStore() {
  /** @type {Map<string, Conversation>} */
  const conversations = new Map()
  const settings = new Map()
  return {
    lasting: false,
    heads: async () => [...conversations.values()].map(headOf),
    read: async (id) => structuredClone(conversations.get(id)),
    write: async (conversation) =>
      void conversations.set(conversation.id, structuredClone(conversation)),
    remove: async (id) => void conversations.delete(id),
    setting: async (key) => settings.get(key),
    saveSetting: async (key, value) => void settings.set(key, value),
  }
}
