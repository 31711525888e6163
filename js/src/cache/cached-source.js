// A URL with the cache in between: what is there is read from it, the rest from the server, and kept. One
// tab or process writes an entry; the others read what it has kept, and go on in its place should it
// end. When the cache fails, loading does not: it goes on without, and a warning says so.
import { SottoError } from '../errors.js'
import { LONG_RANGE, readError } from '../source/source.js'
import { Entry } from './entry.js'
import { compareValidators, keyOf } from './manifest.js'
import { readSegments } from './segments.js'
import { Follower, Leader } from './share.js'
import { Verifier } from './verify.js'

/** @import { HttpSource } from '../source/http.js' */
/** @import { OpenableSource } from '../source/source.js' */
/** @import { CacheMode, CacheUse } from '../types.js' */
/** @import { Folder, Lock, Storage } from './storage.js' */
/** @import { StartHasher } from './verify.js' */

/**
 * @typedef {object} CacheHost
 * @property {Storage | undefined} storage none: there is no cache here
 * @property {StartHasher} startHasher
 * @property {(warning: SottoError) => void} warn
 */

/** @implements {OpenableSource} */
export class CachedSource {
  supportsRanges = false
  rangeLength = LONG_RANGE
  #http
  #host
  #mode
  #url
  #sha256
  #key = ''
  /** @type {Entry | undefined} ours to write */
  #entry
  /** @type {Lock | undefined} */
  #lock
  /** @type {Leader | undefined} */
  #leader
  /** @type {Follower | undefined} somebody else writes */
  #follower
  /** @type {Folder | undefined} what the other writes */
  #folder
  /** @type {Verifier | undefined} */
  #verifier
  #connected = false
  #sequential = false
  /** @type {CacheUse} */
  #use = {
    status: 'bypass',
    cached_bytes: 0,
    fetched_bytes: 0,
    verified: false,
    validated_by: 'none',
  }

  /**
   * @param {HttpSource} http
   * @param {CacheHost} host
   * @param {{ url: string, mode: CacheMode, sha256?: string }} options
   */
  constructor(http, host, { url, mode, sha256 = '' }) {
    this.#http = http
    this.#host = host
    this.#mode = mode
    this.#url = url
    this.#sha256 = sha256
    this.name = http.name
  }

  get size() {
    const known = this.#entry?.manifest.size ?? -1
    return known >= 0 ? known : this.#http.size
  }

  get facts() {
    return this.#http.facts
  }

  /** Bytes on their way: of the first answer, which is long only when the cache had nothing. */
  get ahead() {
    return this.#connected ? this.#http.ahead : 0
  }

  /** @returns {CacheUse} */
  get use() {
    const { cached_bytes, fetched_bytes } = this.#use
    if (this.#mode === 'no-store' || (!this.#entry && !this.#follower && !cached_bytes)) {
      return this.#use
    }
    const status = cached_bytes === 0 ? 'miss' : fetched_bytes === 0 ? 'hit' : 'partial'
    return { ...this.#use, status }
  }

  /**
   * @param {number} firstLength
   * @param {AbortSignal} signal
   */
  async open(firstLength, signal) {
    await this.#openCache()
    const complete = this.#entry?.isComplete ?? false
    const alone = this.#mode === 'force-cache' || this.#mode === 'only-if-cached'
    if (complete && alone) return this.#beWithoutServer()
    if (this.#mode === 'only-if-cached') throw notCached(this.name)
    try {
      const some = this.#follower || this.#entry?.manifest.ranges.bytes
      await this.#http.open(some ? 1 : firstLength, signal)
    } catch (error) {
      if (!complete || signal.aborted || isAnswer(error)) throw error
      return this.#beWithoutServer() // offline: what is there is all there will be
    }
    this.#connected = true
    this.supportsRanges = this.#http.supportsRanges
    await this.#guard(() => this.#revalidate())
    const wanted = this.#sha256 || this.#http.sha256
    if (!wanted || this.#entry?.manifest.verified) return
    this.#hashing().entry(this.#key, this.#entry?.readable ?? 0)
    // Without a cache the hash needs the file from front to back.
    this.#sequential = !this.#entry && !this.#follower
    if (this.#sequential) this.supportsRanges = false
  }

  /** Takes the entry, or follows who has it. */
  async #openCache() {
    const { storage } = this.#host
    if (!storage || this.#mode === 'no-store') return
    await this.#guard(async () => {
      this.#key = await keyOf(this.#url)
      const lock = await storage.lock(this.#key, { wait: false })
      if (lock) await this.#lead(lock, storage)
      else this.#follower = new Follower(storage, this.#key)
      if (this.#mode === 'reload') await this.#entry?.reset()
    })
  }

  /**
   * @param {Lock} lock
   * @param {Storage} storage
   */
  async #lead(lock, storage) {
    this.#lock = lock
    const entry = await Entry.open(storage, this.#key, this.#url)
    const state = () => {
      const { validator } = entry.manifest
      return { key: this.#key, readable: entry.readable, validator }
    }
    const leader = new Leader(state)
    entry.onCommit = () => {
      leader.announce()
      this.#verifier?.entry(this.#key, entry.readable)
    }
    this.#leader = leader
    this.#entry = entry
    this.#follower?.close()
    this.#follower = undefined
  }

  #beWithoutServer() {
    this.supportsRanges = true
  }

  /** Whether what is there is of the file that the server has now. */
  async #revalidate() {
    const entry = this.#entry
    if (!entry) return
    const now = this.#http.validator ?? {}
    const { same, by } = compareValidators(entry.manifest.validator, now)
    const { sha256, ranges } = entry.manifest
    const other = this.#sha256 && sha256 && this.#sha256 !== sha256
    const useless = !this.supportsRanges && !entry.isComplete
    const some = ranges.bytes > 0
    if (some && (!same || other || useless)) await entry.reset()
    entry.describe(now)
    if (some) this.#use.validated_by = by
  }

  /**
   * Bytes of the file, from the cache or the server.
   * @param {number} offset
   * @param {number} length
   * @param {AbortSignal} signal
   * @returns {AsyncGenerator<Uint8Array>}
   */
  async *read(offset, length, signal) {
    let at = offset
    for (;;) {
      const end = Math.min(offset + length, this.size ?? Infinity)
      if (at >= end) return
      const { from, stop } = await this.#next(at, end, signal)
      const before = at
      try {
        const pieces = from?.(at, stop) ?? this.#http.read(at, stop - at, signal)
        for await (const piece of pieces) {
          if (from) this.#use.cached_bytes += piece.length
          else await this.#keep(at, piece)
          at += piece.length
          yield piece
        }
      } catch (error) {
        if (!from || signal.aborted || !this.#connected) throw error
        this.#giveUp(error)
      }
      if (!from && at === before) return // a stream that has ended
    }
  }

  /**
   * Where the next bytes come from; `from` is undefined for the server.
   * @param {number} at
   * @param {number} end
   * @param {AbortSignal} signal
   * @returns {Promise<{ from?: (start: number, end: number) => AsyncIterable<Uint8Array>, stop: number }>}
   */
  async #next(at, end, signal) {
    const { storage } = this.#host
    while (this.#follower && storage) {
      const { lock, state } = await this.#follower.next(at, signal)
      if (lock) {
        await this.#guard(async () => {
          await this.#lead(lock, storage)
          await this.#revalidate()
        })
        break
      }
      if (!state) continue
      const other =
        this.#connected && !compareValidators(state.validator, this.#http.validator).same
      this.#folder ??= await storage.folder(this.#key, false)
      const folder = this.#folder
      if (!folder || other) {
        this.#giveUp(new Error('another tab is loading another version of the file'))
        break
      }
      const from = (/** @type {number} */ start, /** @type {number} */ stop) =>
        readSegments(folder, start, stop, signal)
      return { from, stop: Math.min(end, state.readable) }
    }
    const entry = this.#entry
    if (!entry) return { stop: end }
    const { there, end: stop } = entry.run(at)
    if (!there) return { stop: Math.min(end, stop) }
    return { from: (start, to) => entry.read(start, to, signal), stop: Math.min(end, stop) }
  }

  /**
   * @param {number} at
   * @param {Uint8Array} bytes of the server
   */
  async #keep(at, bytes) {
    this.#use.fetched_bytes += bytes.length
    const entry = this.#entry
    if (entry) await this.#guard(() => entry.write(at, bytes))
    else if (this.#sequential) await this.#verifier?.bytes(bytes)
  }

  /**
   * What the cache does: if it fails, it is done without.
   * @param {() => Promise<void>} work
   */
  async #guard(work) {
    try {
      await work()
    } catch (error) {
      this.#giveUp(error)
    }
  }

  /** @param {unknown} cause */
  #giveUp(cause) {
    const { warn } = this.#host
    const text = cause instanceof Error ? cause.message : String(cause)
    const isFull = cause instanceof Error && /Quota|ENOSPC/.test(`${cause.name} ${text}`)
    const code = isFull ? 'cache_full' : 'cache_unavailable'
    const message = `${this.name} is loaded without the cache: ${text}`
    warn(new SottoError(code, message, { cause, details: { url: this.#url } }))
    this.#leave().catch(() => {})
  }

  /** Gives the entry back. */
  async #leave() {
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

  /**
   * After the last read: gets what loading had no use for, and compares the hash where one is known. A
   * model whose bytes are others is thrown away.
   * @param {AbortSignal} signal
   */
  async finish(signal) {
    const { storage } = this.#host
    if (this.#follower && storage) {
      const { lock } = await this.#follower.next(Infinity, signal)
      if (lock) await this.#guard(() => this.#lead(lock, storage))
    }
    const entry = this.#entry
    if (entry && this.#connected) await this.#guard(() => this.#fill(entry, signal))
    const wanted = this.#sha256 || this.#http.sha256
    if (!wanted) return
    if (entry?.manifest.verified && entry.manifest.sha256 === wanted) {
      this.#use.verified = true
      return
    }
    await this.#verify(wanted, signal)
  }

  /**
   * @param {Entry} entry
   * @param {AbortSignal} signal
   */
  async #fill(entry, signal) {
    await entry.commit()
    const end = this.size ?? 0
    for (let at = 0; at < end; ) {
      const run = entry.run(at)
      const stop = Math.min(end, run.end)
      if (run.there) {
        at = stop
        continue
      }
      for await (const piece of this.#http.read(at, stop - at, signal)) {
        await entry.write(at, piece)
        at += piece.length
      }
    }
    await entry.commit()
  }

  /**
   * @param {string} wanted
   * @param {AbortSignal} signal
   */
  async #verify(wanted, signal) {
    const verifier = this.#hashing()
    verifier.entry(this.#key, this.#entry?.readable ?? 0)
    const missing = (this.size ?? 0) - verifier.at
    if (missing > 0) {
      for await (const piece of this.#http.read(verifier.at, missing, signal)) {
        await verifier.bytes(piece)
      }
    }
    const found = await verifier.digest().catch((error) => {
      throw readError(this.name, error, signal)
    })
    signal.throwIfAborted()
    const entry = this.#entry
    if (found !== wanted) {
      await this.#guard(async () => entry?.reset())
      throw hashMismatch(this.name, found, wanted)
    }
    this.#use.verified = true
    if (!entry) return
    Object.assign(entry.manifest, { sha256: wanted, verified: true })
    await this.#guard(() => entry.commit())
  }

  #hashing() {
    this.#verifier ??= new Verifier(this.#host.startHasher)
    return this.#verifier
  }

  async close() {
    this.#verifier?.close()
    await this.#leave().catch(() => {})
    this.#http.close()
  }
}

/** @param {unknown} error the server has answered, and what it said holds */
const isAnswer = (error) => error instanceof SottoError && error.details.status !== undefined

/** @param {string} name */
const notCached = (name) =>
  new SottoError('not_cached', `${name} is not in the cache. Load it once with a connection.`, {
    details: { source: name },
  })

/**
 * @param {string} name
 * @param {string} found
 * @param {string} wanted
 */
function hashMismatch(name, found, wanted) {
  const message =
    `${name} has the sha256 ${found}, not ${wanted}: it was damaged on its way or is another file. ` +
    'What was kept of it is thrown away; load it again.'
  return new SottoError('hash_mismatch', message, { details: { source: name, found, wanted } })
}
