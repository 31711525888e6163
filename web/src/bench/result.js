// The shape of a result, which is what is shown, copied, downloaded and put into links. Raised in
// version when something in it changes its meaning; docs/browser-benchmark.md describes it.

import { summary } from './summary.js'
import { kinds, shortName } from './tests.js'

/** @import { Figure } from './tests.js' */

export const FORMAT = 'sotto-bench'
export const VERSION = 1

/** One figure with a sample from every round. @typedef {Figure & { samples: number[] }} Test */

/**
 * Where the weights came from; hit, partial, miss and bypass are the library's cache.
 * @typedef {'hit' | 'partial' | 'miss' | 'bypass' | 'file'} LoadSource
 */

/**
 * @typedef {object} Result
 * @property {typeof FORMAT} format
 * @property {typeof VERSION} version
 * @property {string} created ISO 8601, UTC
 * @property {string} sotto version of the library
 * @property {object} model
 * @property {string} model.name
 * @property {string} model.architecture
 * @property {string} model.quantisation the type that most bytes of the weights have
 * @property {number} model.params
 * @property {number} model.bytes of its files
 * @property {string} model.sha256 as the site's list states it; empty: not known
 * @property {object} engine
 * @property {string} engine.backend
 * @property {string} engine.variant kernels
 * @property {number} engine.threads
 * @property {string} engine.threads_reason why they are fewer than asked for; empty: they are not
 * @property {number} engine.n_ctx
 * @property {object} load
 * @property {LoadSource} load.source
 * @property {number} load.cached_bytes
 * @property {number} load.fetched_bytes
 * @property {Record<'worker' | 'module' | 'header' | 'weights' | 'total', number>} load.ms as
 *   engine.info.load_ms has them
 * @property {Record<'plan' | 'weights' | 'kv' | 'scratch' | 'peak' | 'module', number>} memory
 *   bytes; plan: all that was planned; peak: most in use at once; module: WebAssembly's memory
 * @property {object} environment
 * @property {string} environment.browser
 * @property {string} environment.platform
 * @property {string} environment.architecture empty: the browser does not say
 * @property {number} environment.processors logical ones
 * @property {number} environment.device_memory GB, as the browser rounds them; 0: it does not say
 * @property {boolean} environment.isolated cross-origin: several threads are possible
 * @property {object} run
 * @property {string} run.preset
 * @property {number} run.rounds asked for; a test that took too long has fewer samples
 * @property {number} run.disturbed measurements during which the page was hidden or stood still
 * @property {number} run.discarded samples that did not measure what they should
 * @property {Test[]} tests
 * @property {number[]} trace ms between tokens with an empty context: medians over the rounds
 */

/**
 * The figure that stands for a kind: of prompts and first tokens the longest, of the rest those
 * with the emptiest context.
 * @param {Result} result
 * @param {Figure['kind']} kind
 */
export function headline({ tests }, kind) {
  const size = (/** @type {Test} */ { tokens, depth }) => tokens - 1e6 * depth
  return tests.filter((test) => test.kind === kind).toSorted((a, b) => size(b) - size(a))[0]
}

/** The result as a file: what is derived from the samples is in it too. @param {Result} result */
export function resultJson(result) {
  const tests = result.tests.map((test) => ({
    test: shortName(test),
    ...test,
    unit: kinds[test.kind].unit,
    ...summary(test.samples),
  }))
  return `${JSON.stringify({ ...result, tests }, null, 2)}\n`
}
