// A URL with the cache in between: what is there is read from it, the rest from the server,
// and kept. When the cache fails, loading does not: it goes on without, and a warning says so.
import { LONG_RANGE, readError } from '../source/source.js'
import { revalidate } from '../source/validator.js'
import { judgeKept } from './freshness.js'
import { hashMismatch, isRefusal, notCached, withoutCache } from './problems.js'
import { SharedEntry } from './shared-entry.js'
import { Usage } from './use.js'
import { Verifier } from './verify.js'

/** @import { HttpSource } from '../source/http.js' */
/** @import { SottoError } from '../errors.js' */
/** @import { OpenableSource } from '../source/source.js' */
/** @import { CacheMode } from '../types.js' */
/** @import { Entry } from './entry.js' */
/** @import { Storage } from './storage.js' */
/** @import { StartHasher } from './verify.js' */

/**
 * @typedef {object} CacheHost
 * @property {() => Storage | undefined} openStorage undefined: no cache is wanted;
 *   throws where storage is refused
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
  #peek
  /** @type {SharedEntry | undefined} undefined: the cache is not used, or has failed */
  #shared
  /** @type {Verifier | undefined} */
  #verifier
  /** The server has answered. */
  #connected = false
  #hasFailed = false
  /**
   * The entry that was last compared with what the server has now, and when that is done.
   * @type {{ entry?: Entry, done: Promise<void> }}
   */
  #judged = { done: Promise.resolve() }
  /** Bytes are hashed as they come, since nothing keeps them. */
  #sequential = false
  #usage = new Usage()

  /**
   * @param {HttpSource} http
   * @param {CacheHost} host
   * @param {{ url: string, mode: CacheMode, sha256?: string, peek?: boolean }} options peek:
   *   only the header is wanted: no other writer is waited for, and no entry is made
   */
  constructor(http, host, { url, mode, sha256 = '', peek = false }) {
    this.#http = http
    this.#host = host
    this.#mode = mode
    this.#url = url
    this.#sha256 = sha256
    this.#peek = peek
    this.name = http.name
  }

  get size() {
    const known = this.#shared?.size ?? -1
    return known >= 0 ? known : this.#http.size
  }

  get facts() {
    return this.#http.facts
  }

  get validator() {
    return this.#http.validator ?? this.#shared?.mine?.manifest.validator
  }

  /** Bytes on their way: of the first answer, which is long only when the cache had nothing. */
  get ahead() {
    return this.#connected ? this.#http.ahead : 0
  }

  get use() {
    return this.#usage.report(this.#shared !== undefined)
  }

  get checks() {
    return Boolean(this.#wanted) && !this.#isVerified
  }

  /** The hash that the bytes have to have; undefined: nobody stated one. */
  get #wanted() {
    return this.#sha256 || this.#http.sha256
  }

  /**
   * @param {number} firstLength
   * @param {AbortSignal} signal
   */
  async open(firstLength, signal) {
    await this.#guard(signal, () => this.#openCache())
    const complete = this.#shared?.isComplete ?? false
    const alone = this.#mode === 'force-cache' || this.#mode === 'only-if-cached'
    if (!(complete && alone)) await this.#connect(firstLength, signal, complete)
    this.supportsRanges = !this.#connected || this.#http.supportsRanges
    if (this.#connected) await this.#guard(signal, () => this.#revalidate())
    if (this.checks) this.#beginHash()
  }

  async #openCache() {
    if (this.#mode === 'no-store') return
    const storage = this.#host.openStorage()
    if (!storage) return
    if (this.#peek) {
      const useful = this.#mode !== 'reload' && (await SharedEntry.canPeek(storage, this.#url))
      if (!useful) return
    }
    const shared = await SharedEntry.open(storage, this.#url)
    shared.onReadable = () => this.#hashShared()
    try {
      if (this.#mode === 'reload') await shared.reset()
      this.#shared = shared
    } catch (error) {
      await shared.close()
      throw error
    }
  }

  /**
   * @param {number} firstLength
   * @param {AbortSignal} signal
   * @param {boolean} complete what is there is the whole file
   */
  async #connect(firstLength, signal, complete) {
    if (this.#mode === 'only-if-cached') throw notCached(this.name)
    const some = this.#shared && (complete || !this.#shared.mine?.isEmpty)
    try {
      await this.#http.open(some ? 1 : firstLength, signal, complete)
      this.#connected = true
    } catch (error) {
      if (!complete || signal.aborted || isRefusal(error)) throw error
      // Offline, or the server is not well: what is there is all there will be.
    }
  }

  /** Whether what is there is of the file that the server has now. */
  #revalidate() {
    const entry = this.#shared?.mine
    if (entry && this.#judged.entry !== entry) {
      this.#judged = { entry, done: this.#judge(entry) }
    }
    return this.#judged.done
  }

  /** @param {Entry} entry */
  async #judge(entry) {
    const hashes = { stated: this.#sha256, wanted: this.#wanted }
    const { verdict, by } = judgeKept(entry.manifest, this.facts, hashes)
    if (verdict === 'leave') return this.#leave()
    this.#usage.validated_by = by
    if (verdict === 'reset') await this.#shared?.reset()
    else if (entry.isComplete) this.#http.close()
    if (this.#http.validator) entry.describe(this.#http.validator)
  }

  /**
   * Bytes of the file, from the cache or the server.
   * @param {number} offset
   * @param {number} length
   * @param {AbortSignal} signal
   * @returns {AsyncGenerator<Uint8Array>}
   */
  async *read(offset, length, signal) {
    for (let at = offset; ; ) {
      const end = Math.min(offset + length, this.size ?? Infinity)
      if (at >= end) return
      /** @type {{ from?: SharedEntry, stop: number }} */
      let next = { stop: end }
      await this.#guard(signal, async () => {
        next = await this.#next(at, end, signal)
      })
      if (next.from) {
        try {
          for await (const piece of next.from.read(at, next.stop, signal)) {
            this.#usage.cached_bytes += piece.length
            at += piece.length
            yield piece
          }
        } catch (error) {
          this.#failed(error, signal)
        }
        continue
      }
      for await (const piece of this.#http.read(at, next.stop - at, signal)) {
        await this.#keep(at, piece, signal)
        at += piece.length
        yield piece
      }
      if (next.stop < Infinity) continue
      this.#shared?.mine?.end(at)
      return
    }
  }

  /**
   * Where the next bytes come from; without `from` the server.
   * @param {number} at
   * @param {number} end
   * @param {AbortSignal} signal
   * @returns {Promise<{ from?: SharedEntry, stop: number }>}
   */
  async #next(at, end, signal) {
    const shared = this.#shared
    if (!shared) return { stop: end }
    const { mine } = shared
    const run = await shared.run(at, signal)
    if (shared.mine !== mine) {
      await this.#revalidate() // whoever wrote it has ended
      return this.#next(at, end, signal)
    }
    const stop = Math.min(end, run.end)
    if (!run.there) return { stop }
    const now = this.#connected && this.#http.validator
    if (now && !revalidate(run.validator, now).same) {
      throw new Error('another tab is loading another version of the file')
    }
    return { from: shared, stop }
  }

  /**
   * @param {number} at
   * @param {Uint8Array} bytes of the server
   * @param {AbortSignal} signal
   */
  async #keep(at, bytes, signal) {
    this.#usage.fetched_bytes += bytes.length
    const entry = this.#shared?.mine
    if (entry) await this.#guard(signal, () => entry.write(at, bytes))
    else if (this.#sequential) await this.#verifier?.bytes(bytes)
  }

  /**
   * Does what concerns the cache. If that fails, loading goes on without the cache, as long
   * as there is a server.
   * @param {AbortSignal} signal
   * @param {() => Promise<void>} work
   */
  async #guard(signal, work) {
    try {
      await work()
    } catch (error) {
      this.#failed(error, signal)
    }
  }

  /** @param {unknown} error of the cache @param {AbortSignal} signal */
  #failed(error, signal) {
    if (signal.aborted) throw error
    const opening = !this.#shared && !this.#hasFailed
    if (!this.#connected && !opening) throw readError(this.name, error, signal)
    if (!this.#hasFailed) this.#host.warn(withoutCache(this.name, this.#url, error))
    this.#hasFailed = true
    this.#leave().catch(() => {})
  }

  /** Gives the entry back. */
  async #leave() {
    const shared = this.#shared
    this.#shared = undefined
    await shared?.close()
  }

  /**
   * After the last read: gets what loading had no use for, and compares the hash where one is
   * known. A model whose bytes are others is thrown away.
   * @param {AbortSignal} signal
   */
  async finish(signal) {
    const wanted = this.#wanted
    if (wanted && this.#shared && !this.#shared.mine) {
      await this.#guard(signal, async () => {
        await this.#shared?.run(Infinity, signal)
        await this.#revalidate()
      })
    }
    const entry = this.#shared?.mine
    if (entry && this.#connected) await this.#guard(signal, () => entry.fill(this.#http, signal))
    if (wanted && !this.#isVerified) await this.#verify(wanted, signal)
    else this.#usage.verified = this.#isVerified
  }

  /** Has what is there been compared with the hash before? */
  get #isVerified() {
    const { verified = false, sha256 } = this.#shared?.mine?.manifest ?? {}
    return verified && (this.#wanted ?? sha256) === sha256
  }

  /**
   * The hashing worker reads from the cache behind the writer. Without a cache it is sent the
   * bytes, and the file has to be read from front to back.
   */
  #beginHash() {
    this.#verifier ??= new Verifier(this.#host.startHasher)
    this.#hashShared()
    this.#sequential = !this.#shared
    if (this.#sequential) this.supportsRanges = false
  }

  #hashShared() {
    if (this.#shared) this.#verifier?.entry(this.#shared.key, this.#shared.readable)
  }

  /**
   * @param {string} wanted
   * @param {AbortSignal} signal
   */
  async #verify(wanted, signal) {
    if (!this.#verifier) this.#beginHash()
    const verifier = /** @type {Verifier} */ (this.#verifier)
    this.#hashShared()
    const found = await verifier.digest(this.size, this.#http, signal).catch((error) => {
      throw readError(this.name, error, signal)
    })
    signal.throwIfAborted()
    const entry = this.#shared?.mine
    if (found !== wanted) {
      await this.reject().catch(() => {}) // it is not marked as verified
      throw hashMismatch(this.name, found, wanted)
    }
    this.#usage.verified = true
    if (!entry) return
    Object.assign(entry.manifest, { sha256: wanted, verified: true })
    await this.#guard(signal, () => entry.commit())
  }

  /** What came is no model: it is not kept. */
  async reject() {
    await this.#shared?.reset()
  }

  async close() {
    this.#verifier?.close()
    await this.#leave().catch(() => {})
    this.#http.close()
  }
}
