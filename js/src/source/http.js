// A URL. The first request asks for a range: a server that answers it with the right 206 is read by
// ranges from then on, any other in file order from that same response. Ranges that break off are
// asked for again from where they stopped.
import { SottoError } from '../errors.js'
import { readError } from './source.js'

/** @import { OpenableSource } from './source.js' */

const ATTEMPTS = 4 // without any progress
const FIRST_PAUSE_MS = 250

/** @typedef {(url: string, init: RequestInit) => Promise<Response>} Fetch */

/** @implements {OpenableSource} */
export class HttpSource {
  /** @type {number | undefined} */
  size
  supportsRanges = false
  /** @type {{ response: Response, length: number } | undefined} the answer to the first request */
  #first
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
    this.#first = { response, length: this.supportsRanges ? firstLength : Infinity }
  }

  /** @param {AbortSignal} signal */
  async #openWhole(signal) {
    const response = await this.#retry(signal, () => this.#get(signal))
    this.size = contentLength(response)
    this.#first = { response, length: Infinity }
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
      try {
        const response = await this.#response(at, end - at, signal)
        for await (const chunk of bodyOf(response)) {
          const wanted = chunk.subarray(0, end - at)
          yield wanted
          at += wanted.length
        }
        if (!this.supportsRanges) return
        if (at === before) throw new Error('the connection closed early')
      } catch (error) {
        if (at > before) attempt = 0
        const last = ++attempt === ATTEMPTS || !this.supportsRanges || isFinal(error)
        if (signal.aborted || last) throw this.#error(error, signal, at)
        await pause(attempt, signal)
      }
    }
  }

  close() {
    this.#first?.response.body?.cancel().catch(() => {})
    this.#first = undefined
  }

  /**
   * @param {number} offset
   * @param {number} length
   * @param {AbortSignal} signal
   */
  async #response(offset, length, signal) {
    const first = this.#first
    if (offset === 0 && first && length <= first.length) {
      this.#first = undefined
      return first.response
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
    return response
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
 * Pieces of a body; breaking out cancels it. (Not every browser iterates streams.)
 * @param {Response} response
 */
async function* bodyOf(response) {
  const reader = response.body?.getReader()
  if (!reader) return
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    reader.cancel().catch(() => {})
  }
}

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
