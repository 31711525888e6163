// A URL. The first request asks for a range: a server that answers it with the right 206 is read by
// ranges from then on, any other in file order from that same response. An answer that was not read to
// its end is kept if the first was a long one: a read that goes on where it stands takes it over. Ranges
// that break off are asked for again from where they stopped.
import { SottoError } from '../errors.js'
import { ByteReader } from './byte-reader.js'
import { LONG_RANGE, readError } from './source.js'

/** @import { OpenableSource } from './source.js' */

const ATTEMPTS = 4 // without any progress
const FIRST_PAUSE_MS = 250
const LARGEST_SKIP = 1 << 16

/** @typedef {(url: string, init: RequestInit) => Promise<Response>} Fetch */
/**
 * Of the server.
 * @typedef {object} Answer
 * @property {ByteReader | undefined} bytes none: it has no body
 * @property {number} at offset of its next byte
 * @property {number} end
 */

/** @implements {OpenableSource} */
export class HttpSource {
  /** @type {number | undefined} */
  size
  supportsRanges = false
  rangeLength = LONG_RANGE
  /** @type {Answer | undefined} one that has more to give */
  #open
  #keeps = false
  /** @type {string | undefined} tells one version of the file from another */
  #version
  #url
  #init
  #fetch

  /**
   * @param {string} url
   * @param {RequestInit} [init] headers, credentials, cache …
   * @param {Fetch} [fetchFunction]
   */
  constructor(url, init = {}, fetchFunction = (...args) => fetch(...args)) {
    this.#url = url
    this.#init = init
    this.#fetch = fetchFunction
    this.name = url.startsWith('data:') ? 'data: URL' : url
  }

  /**
   * @param {number} firstLength
   * @param {AbortSignal} signal
   */
  async open(firstLength, signal) {
    const response = await this.#retry(signal, async () => {
      const ranged = await this.#get(signal, 0, firstLength)
      if (ranged.status !== 416) return ranged
      await ranged.body?.cancel() // an empty file, or a server that knows no ranges
      return this.#get(signal)
    })
    const range = contentRange(response)
    this.supportsRanges = response.status === 206 && range?.start === 0
    if (response.status === 206 && !this.supportsRanges) {
      await response.body?.cancel()
      return this.#openWhole(signal)
    }
    this.size = this.supportsRanges ? range?.size : contentLength(response)
    this.#version = versionOf(response)
    const end = this.supportsRanges ? Math.min(firstLength, this.size ?? Infinity) : Infinity
    this.#open = answer(response, 0, end)
    this.#keeps = firstLength >= this.rangeLength
  }

  get ahead() {
    return this.#open && this.supportsRanges ? this.#open.end - this.#open.at : 0
  }

  /** @param {AbortSignal} signal */
  async #openWhole(signal) {
    const response = await this.#retry(signal, () => this.#get(signal))
    this.size = contentLength(response)
    this.#open = answer(response, 0, Infinity)
  }

  /**
   * @param {number} offset
   * @param {number} length
   * @param {AbortSignal} signal
   * @returns {AsyncGenerator<Uint8Array>}
   */
  async *read(offset, length, signal) {
    const end = Math.min(offset + length, this.size ?? Infinity)
    let at = offset
    let attempt = 0
    while (at < end) {
      const before = at
      /** @type {Answer | undefined} */
      let from
      try {
        from = await this.#answer(at, end - at, signal)
        while (at < end) {
          const piece = await from.bytes?.read(end - at)
          if (!piece) break
          at += piece.length
          from.at = at
          yield piece
        }
        if (!this.supportsRanges) return
        if (at === before) throw new Error('the connection closed early')
      } catch (error) {
        from?.bytes?.cancel()
        from = undefined
        if (at > before) attempt = 0
        const last = ++attempt === ATTEMPTS || !this.supportsRanges || isFinal(error)
        if (signal.aborted || last) throw this.#error(error, signal, at)
        await pause(attempt, signal)
      } finally {
        if (from) await this.#keep(from)
      }
    }
  }

  close() {
    this.#open?.bytes?.cancel()
    this.#open = undefined
  }

  /** @param {Answer} from an answer that nobody reads now */
  async #keep(from) {
    if (from.at < from.end) {
      this.close()
      if (this.#keeps) this.#open = from
      else from.bytes?.cancel()
    } else if (await from.bytes?.read(1).catch(() => {})) {
      from.bytes?.cancel() // longer than it said
    } // else it has ended, and its connection serves the next request
  }

  /**
   * @param {number} offset
   * @param {number} length
   * @param {AbortSignal} signal
   * @returns {Promise<Answer>}
   */
  async #answer(offset, length, signal) {
    const open = this.#open
    if (open && open.at <= offset && offset - open.at <= LARGEST_SKIP && offset < open.end) {
      this.#open = undefined
      while (open.at < offset) {
        const skipped = await open.bytes?.read(offset - open.at)
        if (!skipped) throw new Error('the connection closed early')
        open.at += skipped.length
      }
      return open
    }
    const response = await this.#get(signal, offset, length)
    const range = contentRange(response)
    if (response.status !== 206 || range?.start !== offset || range.size !== this.size) {
      await response.body?.cancel()
      const found = response.headers.get('content-range') ?? `status ${response.status}`
      throw this.#final(`asked for bytes ${offset} to ${offset + length - 1}, got ${found}`)
    }
    if (versionOf(response) !== this.#version) {
      await response.body?.cancel()
      throw this.#final('the file changed on the server while it was read; load it again')
    }
    return answer(response, offset, offset + length)
  }

  /**
   * @param {AbortSignal} signal
   * @param {number} [offset]
   * @param {number} [length]
   */
  async #get(signal, offset, length) {
    const headers = new Headers(this.#init.headers)
    if (offset !== undefined && length !== undefined) {
      headers.set('range', `bytes=${offset}-${offset + length - 1}`)
    }
    const response = await this.#fetch(this.#url, { ...this.#init, headers, signal })
    if (response.ok || response.status === 416) return response
    await response.body?.cancel()
    const status = `HTTP ${response.status} ${response.statusText}`.trim()
    const retry = response.status >= 500 || response.status === 429 || response.status === 408
    if (retry) throw new Error(status)
    throw this.#final(status, { status: response.status })
  }

  /**
   * @template T
   * @param {AbortSignal} signal
   * @param {() => Promise<T>} work
   */
  async #retry(signal, work) {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work()
      } catch (error) {
        if (signal.aborted || attempt === ATTEMPTS || isFinal(error)) {
          throw this.#error(error, signal, 0)
        }
        await pause(attempt, signal)
      }
    }
  }

  /**
   * @param {string} message
   * @param {Record<string, any>} [details]
   */
  #final(message, details = {}) {
    return new SottoError('io_error', `${this.name}: ${message}`, {
      details: { source: this.name, ...details },
    })
  }

  /**
   * @param {unknown} error
   * @param {AbortSignal} signal
   * @param {number} offset
   */
  #error(error, signal, offset) {
    return readError(this.name, error, signal, { offset })
  }
}

/** @param {unknown} error asking again would not help */
const isFinal = (error) => error instanceof SottoError

/**
 * @param {Response} response
 * @param {number} at
 * @param {number} end
 * @returns {Answer}
 */
const answer = ({ body }, at, end) => ({ bytes: body ? new ByteReader(body) : undefined, at, end })

/** @param {Response} response */
function contentRange(response) {
  const match = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '')
  return match ? { start: Number(match[1]), size: Number(match[2]) } : undefined
}

/** @param {Response} response the length of a compressed body says nothing about the file's */
function contentLength(response) {
  const length = response.headers.get('content-length')
  const encoded = (response.headers.get('content-encoding') ?? 'identity') !== 'identity'
  return length === null || encoded ? undefined : Number(length)
}

/** @param {Response} response */
const versionOf = (response) =>
  response.headers.get('etag') ?? response.headers.get('last-modified') ?? undefined

/**
 * @param {number} attempt
 * @param {AbortSignal} signal
 */
function pause(attempt, signal) {
  const ms = FIRST_PAUSE_MS * 2 ** (attempt - 1)
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve(undefined)
    }, ms)
    signal.addEventListener('abort', stop, { once: true })
  })
}
