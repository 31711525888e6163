// What the cache had, of a file and of a model.

/** @import { CacheUse } from '../types.js' */

/**
 * @param {number} cached bytes
 * @param {number} fetched bytes
 * @returns {CacheUse['status']}
 */
const statusOf = (cached, fetched) => (!cached ? 'miss' : fetched ? 'partial' : 'hit')

/** Counts for one file. */
export class Usage {
  cached_bytes = 0
  fetched_bytes = 0
  verified = false
  /** @type {CacheUse['validated_by']} */
  validated_by = 'none'

  /** @param {boolean} hasCache @returns {CacheUse} */
  report(hasCache) {
    const { cached_bytes, fetched_bytes } = this
    const isUsed = hasCache || cached_bytes > 0
    return { status: isUsed ? statusOf(cached_bytes, fetched_bytes) : 'bypass', ...this }
  }
}

/**
 * @param {(CacheUse | undefined)[]} given of each file; undefined: its source has no cache
 * @returns {CacheUse}
 */
export function sumOfUses(given) {
  const uses = given.flatMap((use) => use ?? [])
  const sum = (/** @type {'cached_bytes' | 'fetched_bytes'} */ field) =>
    uses.reduce((total, use) => total + use[field], 0)
  const [cached_bytes, fetched_bytes] = [sum('cached_bytes'), sum('fetched_bytes')]
  const isUsed = uses.some(({ status }) => status !== 'bypass')
  return {
    status: isUsed ? statusOf(cached_bytes, fetched_bytes) : 'bypass',
    cached_bytes,
    fetched_bytes,
    verified: uses.length === given.length && uses.every(({ verified }) => verified),
    validated_by: uses[0]?.validated_by ?? 'none',
  }
}
