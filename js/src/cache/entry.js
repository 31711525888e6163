// One file in the cache, of which a part may be there. Bytes go into segments as they come; the
// manifest lists them only after they were flushed, so that a crash costs at most what came since.
// A segment that is whole is never written again, and may be read by all tabs and processes.

import { makeValidator } from '../source/validator.js'
import {
  formatManifest,
  isComplete,
  newManifest,
  parseManifest,
  SEGMENT_BYTES,
} from './manifest.js'
import { Ranges } from './ranges.js'
import { readSegments } from './segments.js'

/** @import { OpenableSource } from '../source/source.js' */
/** @import { Validator } from '../source/validator.js' */
/** @import { Manifest } from './manifest.js' */
/** @import { Folder, Storage, Writable } from './storage.js' */

const MANIFESTS = ['manifest-0.json', 'manifest-1.json']
/** A crash loses at most this much, and what comes while it is being flushed, */
const COMMIT_BYTES = 8 << 20
const COMMIT_MS = 2000
/** which is at most this. */
const MOST_FRESH = 10 << 20
const PIECE = 1 << 17

/**
 * What is known of an entry without opening it to write.
 * @param {Folder} folder
 * @returns {Promise<Manifest | undefined>}
 */
export async function readManifest(folder) {
  const texts = await Promise.all(MANIFESTS.map((name) => folder.readText(name)))
  const [a, b] = texts.map(parseManifest)
  return a && b ? (a.turn > b.turn ? a : b) : (a ?? b)
}

export class Entry {
  #storage
  #key
  #folder
  /** Bytes that were written and not flushed yet. */
  #fresh = new Ranges()
  #committed = performance.now()
  #isCommitting = false
  /** @type {unknown} what a commit failed with that nobody waited for */
  #problem
  /** @type {Map<number, Promise<Writable>>} */
  #open = new Map()
  /** @type {Promise<void>} */
  #writing = Promise.resolve()
  /** Called when more is there for others. */
  onCommit = () => {}

  /**
   * For whoever holds the entry's lock.
   * @param {Storage} storage
   * @param {string} key
   * @param {string} url
   */
  static async open(storage, key, url) {
    let folder = await storage.folder(key, true)
    let manifest = folder && (await readManifest(folder))
    if (manifest && manifest.url !== url) manifest = undefined
    if (!manifest && folder) {
      await storage.remove(key) // torn, or of a version that this one does not know
      folder = await storage.folder(key, true)
    }
    if (!folder) throw new Error('the folder cannot be made')
    const entry = new Entry(storage, key, folder, manifest ?? newManifest(url))
    await entry.#dropWhatIsNotThere()
    return entry
  }

  /**
   * @param {Storage} storage
   * @param {string} key
   * @param {Folder} folder
   * @param {Manifest} manifest
   */
  constructor(storage, key, folder, manifest) {
    this.#storage = storage
    this.#key = key
    this.#folder = folder
    this.manifest = manifest
  }

  get isEmpty() {
    return this.manifest.ranges.bytes === 0
  }

  get isComplete() {
    return isComplete(this.manifest)
  }

  /** The manifest may claim more than a disk kept. */
  async #dropWhatIsNotThere() {
    const { ranges } = this.manifest
    const last = ranges.toJSON().at(-1)?.[1] ?? 0
    for (let start = 0, index = 0; start < last; start += SEGMENT_BYTES, index++) {
      const size = await this.#folder.segmentSize(index)
      ranges.remove(start + size, start + SEGMENT_BYTES)
    }
  }

  /** Forgets all bytes: the server has others now. */
  async reset() {
    const { url } = this.manifest
    await this.#closeSegments()
    await this.#storage.remove(this.#key)
    const folder = await this.#storage.folder(this.#key, true)
    if (!folder) throw new Error('the folder cannot be made')
    this.#folder = folder
    this.#fresh = new Ranges()
    this.manifest = newManifest(url)
  }

  /**
   * What the server says of the file now; what it does not say any more stays.
   * @param {Validator} validator
   */
  describe(validator) {
    const { etag, lastModified, size } = this.manifest.validator
    this.manifest.validator = makeValidator({
      etag: validator.etag ?? etag,
      lastModified: validator.lastModified ?? lastModified,
      size: validator.size ?? size,
    })
    this.manifest.size = this.manifest.validator.size ?? -1
  }

  /** @param {number} at @returns {{ there: boolean, end: number }} */
  run(at) {
    return this.manifest.ranges.run(at)
  }

  /**
   * Bytes that are there.
   * @param {number} start
   * @param {number} end
   * @param {AbortSignal} signal
   * @returns {AsyncGenerator<Uint8Array>}
   */
  async *read(start, end, signal) {
    for (let at = start; at < end; ) {
      const index = Math.floor(at / SEGMENT_BYTES)
      const first = index * SEGMENT_BYTES
      const stop = Math.min(end, first + SEGMENT_BYTES)
      if (this.#isWhole(index)) yield* readSegments(this.#folder, at, stop, signal)
      else yield* this.#readOpen(index, at - first, stop - first)
      at = stop
    }
  }

  /**
   * @param {number} index
   * @param {number} start
   * @param {number} end
   * @returns {AsyncGenerator<Uint8Array>}
   */
  async *#readOpen(index, start, end) {
    const buffer = new Uint8Array(Math.min(PIECE, end - start))
    for (let at = start; at < end; ) {
      const segment = await this.#segment(index)
      const n = segment.read(at, buffer.subarray(0, end - at))
      if (n === 0) throw new Error(`segment ${index} is shorter than it was`)
      at += n
      yield buffer.subarray(0, n)
    }
  }

  /**
   * Keeps bytes that came. What was there before is left as it is.
   * @param {number} at
   * @param {Uint8Array} bytes
   */
  async write(at, bytes) {
    for (let done = 0; done < bytes.length; ) {
      const index = Math.floor((at + done) / SEGMENT_BYTES)
      const inside = (at + done) % SEGMENT_BYTES
      const n = Math.min(bytes.length - done, SEGMENT_BYTES - inside)
      const segment = await this.#segment(index)
      segment.write(inside, bytes.subarray(done, done + n))
      this.#fresh.add(at + done, at + done + n)
      done += n
    }
    this.#commitInTime()
    if (this.#fresh.bytes >= MOST_FRESH) await this.#writing.catch(() => {})
    if (this.#problem) throw this.#problem
  }

  /** Nobody waits for it, within reason: a disk may be slower than the network. */
  #commitInTime() {
    const isLate = performance.now() - this.#committed > COMMIT_MS
    if (this.#isCommitting || !(isLate || this.#fresh.bytes >= COMMIT_BYTES)) return
    this.#isCommitting = true
    this.commit()
      .catch((error) => {
        this.#problem = error
      })
      .finally(() => {
        this.#isCommitting = false
      })
  }

  /**
   * Gets what is not there.
   * @param {OpenableSource} source
   * @param {AbortSignal} signal
   */
  async fill(source, signal) {
    await this.commit()
    const end = this.manifest.size
    for (let at = 0; at < end; ) {
      const run = this.run(at)
      const stop = Math.min(end, run.end)
      if (!run.there) {
        let to = at
        for await (const piece of source.read(at, stop - at, signal)) {
          await this.write(to, piece)
          to += piece.length
        }
      }
      at = stop
    }
    await this.commit()
  }

  /** The last byte has come, of a file whose size nobody knew. @param {number} size */
  end(size) {
    this.describe({ ...this.manifest.validator, size })
  }

  /** Flushes, then says in the manifest what is there; segments that are whole are closed. */
  commit() {
    this.#writing = this.#writing.then(() => this.#commit())
    return this.#writing
  }

  async #commit() {
    const { manifest } = this
    this.#committed = performance.now()
    const fresh = this.#fresh
    this.#fresh = new Ranges()
    const segments = await Promise.all(this.#open.values())
    for (const segment of segments) await segment.flush()
    for (const [start, end] of fresh.toJSON()) manifest.ranges.add(start, end)
    manifest.used = Date.now()
    manifest.turn++
    await this.#folder.writeText(MANIFESTS[manifest.turn % 2], formatManifest(manifest))
    for (const [index, segment] of this.#open) {
      if (!this.#isWhole(index)) continue
      this.#open.delete(index)
      ;(await segment).close()
    }
    this.onCommit()
  }

  /** How many bytes from the start on are in whole segments: what others may read. */
  get readable() {
    let end = 0
    for (let index = 0; this.#isWhole(index); index++) end = (index + 1) * SEGMENT_BYTES
    return this.manifest.size < 0 ? end : Math.min(end, this.manifest.size)
  }

  /** @param {number} index whether it is complete, flushed and closed, or about to be */
  #isWhole(index) {
    const { ranges, size } = this.manifest
    const start = index * SEGMENT_BYTES
    const end = size < 0 ? start + SEGMENT_BYTES : Math.min(size, start + SEGMENT_BYTES)
    return start < end && ranges.has(start, end)
  }

  /** @param {number} index */
  #segment(index) {
    const open = this.#open.get(index) ?? this.#folder.openSegment(index)
    this.#open.set(index, open)
    return open
  }

  async #closeSegments() {
    await this.#writing.catch(() => {})
    const segments = [...this.#open.values()]
    this.#open.clear()
    for (const segment of await Promise.allSettled(segments)) {
      if (segment.status === 'fulfilled') segment.value.close()
    }
  }

  async close() {
    try {
      if (this.#fresh.bytes) await this.commit()
    } finally {
      await this.#closeSegments()
    }
  }
}
