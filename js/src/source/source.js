// What a model's file can be read from. Sources know nothing of models: they hand out bytes, from
// anywhere (`supportsRanges`) or from the start on. Errors are typed by the source itself.
import { SottoError } from '../errors.js'

/** @import { SourceFacts, Validator } from './validator.js' */

/**
 * A place that bytes come from. An object of this shape can be given to loadModel as it is.
 * @typedef {object} ModelSource
 * @property {string} [name] for messages
 * @property {number} [size] in bytes, if known
 * @property {boolean} supportsRanges read may be called several times, at once, with any offset. If
 *   not, it is called once, with offset 0 and length Infinity
 * @property {(offset: number, length: number, signal: AbortSignal) => AsyncIterable<Uint8Array>}
 *   read yields the bytes in pieces of any size; each is used before the next is asked for
 */

/**
 * A source as the loader drives it. Numbers are bytes.
 * - open: finds out size and supportsRanges. `firstLength` is how much the first read will ask for,
 *   so that one request can serve both
 * - rangeLength: how long a range to ask for. Sources that hand out a range in pieces as they come
 *   take long ones
 * - ahead: how much is on its way behind what was read so far
 * - finish: called after the last read of a load that has succeeded so far
 * - checks: whether `finish` will compare a hash
 * - reject: called instead of `finish` when the bytes are no model
 * - use: what the cache had
 * - facts: what a server said about the file, once it is open
 * - validator: which version of the file it is, where that can be told
 * - once: it cannot be opened again when it was closed
 * @typedef {ModelSource & {
 *   name: string,
 *   rangeLength?: number,
 *   ahead?: number,
 *   facts?: SourceFacts,
 *   validator?: Validator,
 *   once?: boolean,
 *   open(firstLength: number, signal: AbortSignal): Promise<void>,
 *   finish?(signal: AbortSignal): Promise<void>,
 *   reject?(): Promise<void>,
 *   checks?: boolean,
 *   use?: import('../types.js').CacheUse,
 *   close(): void | Promise<void>,
 * }} OpenableSource
 */

/** Pieces no longer than this cross from thread to thread and into the module. */
export const PIECE = 1 << 20

/** What a file or a response is read into, again and again; one for each range that is open. */
export const BUFFER = 1 << 17

/**
 * Ranges of a source that hands them out in pieces as they come: a longer one costs no more memory,
 * and saves requests.
 */
export const LONG_RANGE = 1 << 26

/**
 * @param {Uint8Array} bytes
 * @param {number} [size]
 */
export function* pieces(bytes, size = PIECE) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

/**
 * The bytes of whatever a stream or a user's source yields.
 * @param {unknown} chunk
 * @param {string} name
 * @returns {Uint8Array}
 */
export function asBytes(chunk, name) {
  if (chunk instanceof Uint8Array) return chunk
  if (ArrayBuffer.isView(chunk)) {
    return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  }
  if (isBuffer(chunk)) return new Uint8Array(chunk)
  throw new SottoError('io_error', `${name}: expected bytes, got ${describe(chunk)}`)
}

/**
 * @param {unknown} value
 * @returns {value is ArrayBuffer | SharedArrayBuffer}
 */
export const isBuffer = (value) =>
  value instanceof ArrayBuffer ||
  (typeof SharedArrayBuffer !== 'undefined' && value instanceof SharedArrayBuffer)

/** @param {unknown} value */
function describe(value) {
  if (value === null || typeof value !== 'object') return typeof value
  return Object.getPrototypeOf(value)?.constructor?.name ?? 'an object'
}

/**
 * Turns a reader's failure into a typed error; aborts pass.
 * @param {string} name
 * @param {unknown} error
 * @param {AbortSignal} [signal]
 * @param {Record<string, any>} [details]
 */
export function readError(name, error, signal, details = {}) {
  if (signal?.aborted) return signal.reason
  if (error instanceof SottoError) return error
  const text = error instanceof Error ? error.message : String(error)
  return new SottoError('io_error', `${name}: ${text}`, {
    cause: error,
    details: { source: name, ...details },
  })
}
