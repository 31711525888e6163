// How a model of the page is loaded, whatever is done with it then.

/** @import { ModelEntry } from './types.js' */

/**
 * A file is held against its hash, and one that is kept is used without asking its server if that
 * could tell nothing new, or cannot be asked.
 * @param {ModelEntry} entry
 * @param {(warning: Error) => void} onWarning
 * @returns {object}
 */
export function cacheOptions({ source, sha256 }, onWarning) {
  if (typeof source !== 'string') return {}
  const cache = sha256 || !navigator.onLine ? 'force-cache' : 'default'
  return { cache, onWarning, ...(sha256 ? { sha256 } : {}) }
}
