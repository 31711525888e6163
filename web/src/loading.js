// How a model of the page is loaded, whatever is done with it then.

/** @import { ModelEntry } from './types.js' */

/**
 * A file whose hash is known is checked against it. A file in the cache is used without asking its
 * server if the hash is known or there is no network.
 * @param {ModelEntry} entry
 * @param {(warning: Error) => void} onWarning
 * @returns {object}
 */
export function cacheOptions({ source, sha256 }, onWarning) {
  if (typeof source !== 'string') return {}
  const cache = sha256 || !navigator.onLine ? 'force-cache' : 'default'
  return { cache, onWarning, ...(sha256 ? { sha256 } : {}) }
}
