// What people do with the cache: see what is there, delete, make room, ask that it stays.
// Works on pages, in workers and in Node.js.
import { SottoError } from '../errors.js'
import { readManifest } from './entry.js'
import { isComplete, keyOf } from './manifest.js'
import { noStorage } from './problems.js'

/** @import { CachedFile } from '../types.js' */
/** @import { Manifest } from './manifest.js' */
/** @import { Storage } from './storage.js' */

export class ModelCache {
  #open

  /** @param {() => Storage | undefined} open none: there is no storage here */
  constructor(open) {
    this.#open = open
  }

  get #storage() {
    const storage = this.#open()
    if (storage) return storage
    throw noStorage()
  }

  /**
   * The files in the cache, the last used first.
   * @returns {Promise<CachedFile[]>}
   */
  async list() {
    const storage = this.#storage
    const manifests = await Promise.all(
      (await storage.keys()).map(async (key) => {
        const folder = await storage.folder(key, false)
        return folder && readManifest(folder)
      }),
    )
    return manifests
      .flatMap((manifest) => (manifest ? describe(manifest) : []))
      .sort((a, b) => b.used.getTime() - a.used.getTime())
  }

  /**
   * Deletes a file; false if it is not there. One that is being loaded is busy.
   * @param {string | URL} url
   */
  async delete(url) {
    return this.#remove(await keyOf(String(url)), String(url))
  }

  /** Deletes all files that are not being loaded. */
  async clear() {
    for (const key of await this.#storage.keys()) {
      await this.#remove(key, key).catch((error) => {
        if (error.code !== 'busy') throw error
      })
    }
  }

  /**
   * Deletes what was not used for longest until so many bytes are free, or nothing is left.
   * @param {number} bytes
   * @returns {Promise<string[]>} the URLs that were deleted
   */
  async evict(bytes) {
    const deleted = []
    for (const { url } of (await this.list()).reverse()) {
      const { usage, quota } = await this.estimate()
      if (quota - usage >= bytes) break
      if (await this.delete(url).catch(() => false)) deleted.push(url)
    }
    return deleted
  }

  /** @returns {Promise<{ usage: number, quota: number }>} of the whole origin or disk, in bytes */
  async estimate() {
    return this.#storage.estimate()
  }

  /** Asks the browser to keep the cache when space runs out; false if it does not promise. */
  async persist() {
    return this.#storage.persist()
  }

  /**
   * @param {string} key
   * @param {string} name for messages
   */
  async #remove(key, name) {
    const storage = this.#storage
    if (!(await storage.folder(key, false))) return false
    const lock = await storage.lock(key, { wait: false })
    if (!lock) {
      throw new SottoError('busy', `${name} is being loaded. Delete it when that has ended.`)
    }
    try {
      await storage.remove(key)
      return true
    } finally {
      lock.release()
    }
  }
}

/** @param {Manifest} manifest @returns {CachedFile} */
const describe = (manifest) => ({
  url: manifest.url,
  size: manifest.size,
  loaded: manifest.ranges.bytes,
  complete: isComplete(manifest),
  verified: manifest.verified,
  sha256: manifest.sha256,
  used: new Date(manifest.used),
})
