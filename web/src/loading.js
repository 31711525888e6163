// How a model of the page is loaded, and what it would need, whatever is done with it then.
import { loadModel, SottoError } from 'sotto'
import { modelCache } from './models.js'

/** @import { LoadModelOptions, MemoryPlan } from 'sotto' */
/** @import { ModelEntry } from './types.js' */

/**
 * For a library with a cache: a file is held against its hash, and one that is kept is used without asking
 * its server if that could tell nothing new, or cannot be asked.
 * @param {ModelEntry} entry
 * @param {(warning: Error) => void} onWarning
 * @returns {object}
 */
export function cacheOptions({ source, sha256 }, onWarning) {
  if (!modelCache || typeof source !== 'string') return {}
  const cache = sha256 || !navigator.onLine ? 'force-cache' : 'default'
  return { cache, onWarning, ...(sha256 ? { sha256 } : {}) }
}

/**
 * What a model would need, from its header alone.
 * @param {ModelEntry} entry
 * @param {LoadModelOptions} options
 * @param {AbortSignal} signal
 * @returns {Promise<MemoryPlan>}
 */
export async function planOf(entry, options, signal) {
  try {
    // No model fits one byte: the refusal comes before the weights and has the numbers.
    const small = { ...options, n_threads: 1, memory_budget: 1, signal }
    await (await loadModel(entry.source, small)).dispose()
  } catch (error) {
    const refused = error instanceof SottoError && error.code === 'memory_budget_exceeded'
    if (refused && error.details.plan) return error.details.plan
    throw error
  }
  throw new Error('the model needs no memory')
}
