// An entry as the tabs and processes of a machine share it: who has its lock writes it, the others
// read what is there, behind the writer, and one of them goes on in its place should it end.
import { Entry, readManifest } from './entry.js'
import { isComplete, keyOf } from './manifest.js'
import { readSegments } from './segments.js'
import { Follower, Leader } from './share.js'

/** @import { Validator } from '../source/validator.js' */
/** @import { Folder, Lock, Storage } from './storage.js' */

/**
 * @typedef {{ there: boolean, end: number, validator: Validator }} Run of bytes of one
 *   version of the file
 */

export class SharedEntry {
  #storage
  #url
  /** @type {Entry | undefined} */
  #entry
  /** @type {Lock | undefined} */
  #lock
  /** @type {Leader | undefined} */
  #leader
  /** @type {Follower | undefined} */
  #follower
  /** @type {Folder | undefined} what is followed */
  #folder
  /** Called when more can be read. */
  onReadable = () => {}

  /**
   * @param {Storage} storage
   * @param {string} url
   */
  static async open(storage, url) {
    const key = await keyOf(url)
    const shared = new SharedEntry(storage, url, key)
    const lock = await storage.lock(key, { wait: false })
    if (lock) await shared.#lead(lock)
    else await shared.#follow()
    return shared
  }

  /**
   * Whether there is an entry that nobody writes: one to look into without waiting.
   * @param {Storage} storage
   * @param {string} url
   */
  static async canPeek(storage, url) {
    const key = await keyOf(url)
    if (!(await storage.folder(key, false))) return false
    const lock = await storage.lock(key, { wait: false })
    lock?.release()
    return lock !== undefined
  }

  /**
   * @param {Storage} storage
   * @param {string} url
   * @param {string} key
   */
  constructor(storage, url, key) {
    this.#storage = storage
    this.#url = url
    this.key = key
  }

  /** Ours to write; undefined: somebody else's. */
  get mine() {
    return this.#entry
  }

  get isComplete() {
    return this.#entry?.isComplete ?? this.#follower?.state?.complete ?? false
  }

  /** Of the file; -1 while unknown. */
  get size() {
    return this.#entry?.manifest.size ?? this.#follower?.state?.validator.size ?? -1
  }

  /** How many bytes from the start on anybody can read. */
  get readable() {
    return this.#entry?.readable ?? this.#follower?.state?.readable ?? 0
  }

  /** @param {Lock} lock */
  async #lead(lock) {
    this.#lock = lock
    const entry = await Entry.open(this.#storage, this.key, this.#url)
    const leader = new Leader(() => this.#state(entry))
    entry.onCommit = () => {
      leader.announce()
      this.onReadable()
    }
    this.#leader = leader
    this.#entry = entry
    const follower = this.#follower
    this.#follower = undefined
    follower?.close() // all who wait go on
  }

  /** @param {Entry} entry */
  #state({ manifest, readable, isComplete: complete }) {
    return { key: this.key, readable, complete, validator: manifest.validator }
  }

  /** What is complete can be read whatever its writer does. */
  async #follow() {
    const folder = await this.#storage.folder(this.key, false)
    const manifest = folder && (await readManifest(folder))
    const known = manifest && isComplete(manifest)
    const { size, validator } = manifest ?? { size: 0, validator: undefined }
    const state = known && validator && { key: this.key, readable: size, complete: true, validator }
    this.#follower = new Follower(this.#storage, this.key, state || undefined)
  }

  /**
   * Whether the byte at an offset is there, and where that ends. Behind a writer it waits until it
   * is there, or the entry is ours.
   * @param {number} at
   * @param {AbortSignal} signal
   * @returns {Promise<Run>}
   */
  async run(at, signal) {
    while (this.#follower) {
      const { lock, state } = await this.#follower.next(at, signal)
      if (lock) await this.#lead(lock)
      else if (state) return { there: true, end: state.readable, validator: state.validator }
    }
    if (!this.#entry) throw new Error('the entry is closed')
    return { ...this.#entry.run(at), validator: this.#entry.manifest.validator }
  }

  /**
   * Bytes that are there.
   * @param {number} start
   * @param {number} end
   * @param {AbortSignal} signal
   * @returns {AsyncGenerator<Uint8Array>} pieces are good until the next is asked for
   */
  async *read(start, end, signal) {
    if (this.#entry) return yield* this.#entry.read(start, end, signal)
    this.#folder ??= await this.#storage.folder(this.key, false)
    if (!this.#folder) throw new Error('the entry was deleted')
    yield* readSegments(this.#folder, start, end, signal)
  }

  /** Forgets all bytes; those who follow are told. */
  async reset() {
    await this.#entry?.reset()
    this.#leader?.announce()
  }

  async close() {
    const entry = this.#entry
    const lock = this.#lock
    this.#entry = undefined
    this.#lock = undefined
    this.#follower?.close()
    this.#follower = undefined
    this.#leader?.close()
    try {
      await entry?.close()
    } finally {
      lock?.release()
    }
  }
}
