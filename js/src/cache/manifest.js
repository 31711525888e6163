// What an entry of the cache knows of itself: a small JSON file beside its segments.
// It lists only bytes that were flushed before it was written. Two files take turns, so that one of
// them is always whole: a write that a crash cut short leaves no JSON, and then the other counts.
import { makeValidator } from '../source/validator.js'
import { Ranges } from './ranges.js'

/** @import { Validator } from '../source/validator.js' */
/** @import { Range } from './ranges.js' */

const VERSION = 1
export const SEGMENT_BYTES = 32 << 20
const MOST_BYTES = 2 ** 42

/**
 * @typedef {object} Manifest
 * @property {number} turn rises with every write
 * @property {string} url
 * @property {Validator} validator
 * @property {number} size of the file; -1 while unknown
 * @property {Ranges} ranges that are there
 * @property {string} sha256 that the bytes have, or are said to have; empty: nobody said
 * @property {boolean} verified they have it
 * @property {number} created ms since 1970
 * @property {number} used ms since 1970
 */

/** @param {string} url @returns {Manifest} */
export function newManifest(url) {
  const now = Date.now()
  const empty = {
    turn: 0,
    validator: makeValidator({}),
    size: -1,
    ranges: new Ranges(),
    sha256: '',
  }
  return { ...empty, url, verified: false, created: now, used: now }
}

/** @param {Manifest} manifest */
export const isComplete = ({ size, ranges }) => size >= 0 && ranges.has(0, size)

/** @param {Manifest} manifest */
export const formatManifest = (manifest) => JSON.stringify({ version: VERSION, ...manifest })

/**
 * Nothing in the file is believed unless it makes sense.
 * @param {string | undefined} text
 * @returns {Manifest | undefined}
 */
export function parseManifest(text) {
  try {
    const value = JSON.parse(text ?? '')
    const { version, turn, url, validator, size, ranges, sha256, verified, created, used } = value
    const numbers = [turn, size, created, used].every(Number.isSafeInteger)
    const right = version === VERSION && numbers && typeof url === 'string' && size < MOST_BYTES
    if (!right || !Array.isArray(ranges) || !ranges.every((range) => isRange(range, size))) return
    const etag = stringOrNone(validator.etag)
    const lastModified = stringOrNone(validator.lastModified)
    const known = makeValidator({ etag, lastModified, size: size < 0 ? undefined : size })
    const hash = /^[0-9a-f]{64}$/.test(sha256) ? sha256 : ''
    const rest = { turn, url, size, created, used, sha256: hash, verified: verified === true }
    return { ...rest, validator: known, ranges: new Ranges(ranges) }
  } catch {
    return undefined
  }
}

/** @param {unknown} value */
const stringOrNone = (value) => (typeof value === 'string' ? value : undefined)

/**
 * @param {any} range
 * @param {number} size
 * @returns {range is Range}
 */
const isRange = (range, size) =>
  Array.isArray(range) &&
  range.length === 2 &&
  range.every(Number.isSafeInteger) &&
  0 <= range[0] &&
  range[0] < range[1] &&
  range[1] <= (size < 0 ? MOST_BYTES : size)

/**
 * The name of an entry's folder.
 * @param {string} url
 */
export async function keyOf(url) {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(url))
  const bytes = new Uint8Array(digest, 0, 16)
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
