// What can be wrong with the cache, in words.
import { SottoError } from '../errors.js'

/**
 * A warning: loading goes on without the cache.
 * @param {string} name
 * @param {string} url
 * @param {unknown} cause
 */
export function withoutCache(name, url, cause) {
  const text = cause instanceof Error ? cause.message : String(cause)
  const details = { url }
  if (isFull(cause)) {
    const full = `${name}: storage is full, loading goes on without it.`
    const message = `${full} Delete models that nobody uses.`
    return new SottoError('cache_full', message, { cause, details })
  }
  const message = `${name}: loading goes on without the cache: ${text}`
  return new SottoError('cache_unavailable', message, { cause, details })
}

/** @param {any} error of a browser's storage, or of Node.js */
const isFull = (error) => error?.name === 'QuotaExceededError' || error?.code === 'ENOSPC'

export const noStorage = () =>
  new SottoError(
    'cache_unavailable',
    'There is no storage here: the page needs a secure context (HTTPS or localhost) ' +
      'and a browser with an origin private file system.',
  )

/** @param {string} name */
export const notCached = (name) =>
  new SottoError('not_cached', `${name} is not in the cache. Load it once with a connection.`, {
    details: { source: name },
  })

/**
 * @param {string} name
 * @param {string} found
 * @param {string} wanted
 */
export function hashMismatch(name, found, wanted) {
  const message =
    `${name} has the sha256 ${found}, not ${wanted}: ` +
    'it was damaged on its way or is another file. ' +
    'What was kept of it is thrown away; load it again.'
  return new SottoError('hash_mismatch', message, { details: { source: name, found, wanted } })
}

/**
 * The server has answered, and what it said holds; unless it is only busy.
 * @param {unknown} error
 */
export const isRefusal = (error) =>
  error instanceof SottoError && error.details.status < 500 && error.details.status !== 429
