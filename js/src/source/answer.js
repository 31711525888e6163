// One request and its answer: which bytes of the file it has, and reading them as they come.
// An answer that keeps silent for too long counts as a broken connection.
import { SottoError } from '../errors.js'
import { ByteReader } from './byte-reader.js'
import { explained } from './policy.js'
import { retryAfter, TryAgain, within } from './retry.js'
import { isEncoded } from './validator.js'

/** @typedef {(url: string, init: RequestInit) => Promise<Response>} Fetch */
/**
 * What an answer is to a request for bytes `from` to `to`:
 *   part       of the file, the right one, from `start` to before `end` of `size` bytes
 *   whole      the file from its start on
 *   unnamed    a part that does not say which: pages of another origin see no Content-Range
 *              unless the server exposes it
 *   wrong      none of these
 * @typedef {{ kind: 'part', end: number, size: number }
 *   | { kind: 'whole', size: number | undefined }
 *   | { kind: 'unnamed', length: number | undefined }
 *   | { kind: 'wrong', why: string, size?: number }} Judgement
 */

export class Answer {
  /** Offset of its next byte. */
  at = 0
  end = Infinity
  #bytes
  #stallMs
  #release

  /**
   * @param {Response} response
   * @param {number} stallMs
   * @param {() => void} release called once, when it is over
   */
  constructor(response, stallMs, release) {
    this.response = response
    this.#bytes = response.body ? new ByteReader(response.body) : undefined
    this.#stallMs = stallMs
    this.#release = release
  }

  /**
   * @param {number} most bytes
   * @returns {Promise<Uint8Array | undefined>} good until the next call; undefined at the end
   */
  async read(most) {
    const piece = this.#bytes && (await within(this.#bytes.read(most), this.#stallMs, 'bytes'))
    if (piece) this.at += piece.length
    else this.#release()
    return piece
  }

  /** @param {number} offset */
  async skipTo(offset) {
    while (this.at < offset) {
      if (!(await this.read(offset - this.at))) throw new TryAgain('the connection closed early')
    }
  }

  cancel() {
    this.#bytes?.cancel()
    this.#release()
  }
}

/**
 * @param {Fetch} fetchFunction
 * @param {string} url
 * @param {RequestInit} init
 * @param {{ from: number, to: number } | undefined} range `to` may be Infinity
 * @param {{ signal: AbortSignal, stallMs: number, name: string }} how
 * @returns {Promise<Answer>} with status 200, 203, 206 or 416
 */
export async function ask(fetchFunction, url, init, range, { signal, stallMs, name }) {
  signal.throwIfAborted()
  const headers = new Headers(init.headers)
  if (range) {
    const last = range.to === Infinity ? '' : range.to - 1
    headers.set('range', `bytes=${range.from}-${last}`)
  }
  const abort = new AbortController()
  const stop = () => abort.abort(signal.reason)
  const release = () => signal.removeEventListener('abort', stop)
  signal.addEventListener('abort', stop, { once: true })
  try {
    const asked = fetchFunction(url, { ...init, headers, signal: abort.signal })
    const response = await within(asked, stallMs, 'answer')
    const answer = new Answer(response, stallMs, release)
    if ([200, 203, 206, 416].includes(response.status)) return answer
    answer.cancel()
    throw refusal(response, name)
  } catch (error) {
    release()
    abort.abort() // it may still be on its way
    throw await explained(error, url, name)
  }
}

/** @param {Response} response @param {string} name */
function refusal({ status, statusText, headers, url }, name) {
  const text = `HTTP ${status} ${statusText}`.trim()
  if (status >= 500 || status === 429 || status === 408) {
    return new TryAgain(text, { status, after: retryAfter(headers) })
  }
  const hint =
    status === 401 || status === 403 ? '; a token goes into fetchOptions.headers.authorization' : ''
  return new SottoError('io_error', `${name}: ${text}${hint}`, {
    details: { source: name, status, url },
  })
}

/**
 * @param {Response} response
 * @param {{ from: number, to: number }} [asked]
 * @returns {Judgement}
 */
export function judge({ status, headers, type }, asked) {
  const length = lengthOf(headers)
  const stated = headers.get('content-range')
  if (status === 416) {
    const size = /^bytes \*\/(\d+)$/.exec(stated ?? '')?.[1]
    return { kind: 'wrong', why: 'status 416', size: size === undefined ? size : Number(size) }
  }
  if (status !== 206) {
    // A page of another origin cannot see whether a body was compressed, and then the length is not
    // the file's. Bodies that were asked for by range are not compressed.
    return { kind: 'whole', size: type === 'cors' && !asked ? undefined : length }
  }
  if (!asked) return { kind: 'wrong', why: 'status 206' }
  if (isEncoded(headers)) return { kind: 'wrong', why: 'a compressed part' }
  if (/^multipart\//i.test(headers.get('content-type') ?? '')) {
    return { kind: 'wrong', why: 'several parts at once' }
  }
  if (stated === null) return { kind: 'unnamed', length }
  const [start, last, size] = (/^bytes (\d+)-(\d+)\/(\d+)$/.exec(stated) ?? []).slice(1).map(Number)
  const right = start === asked.from && last >= start && last < asked.to && last < size
  if (!right) return { kind: 'wrong', why: stated, size }
  if (length !== undefined && length !== last + 1 - start) {
    return { kind: 'wrong', why: `${stated} in ${length} bytes` }
  }
  return { kind: 'part', end: last + 1, size }
}

/** @param {Headers} headers the length of a compressed body says nothing about the file's */
function lengthOf(headers) {
  const length = headers.get('content-length')
  return length === null || isEncoded(headers) ? undefined : Number(length)
}
