// What a result says in words: beside the figures, and below the table that is copied.
import { bytes, count, duration, threads } from '../format.js'
import { kinds } from './tests.js'

/** @import { Result } from './result.js' */
/** @import { Kind } from './tests.js' */

/** Three digits, or all that are before the point while there is room. @param {number} value */
export function figure(value) {
  if (value >= 1e7) return value.toExponential(2)
  return value >= 100 ? count(value) : value.toFixed(value >= 10 ? 1 : 2)
}

/** @param {number} value @param {Kind} kind */
export const valueText = (value, kind) =>
  kinds[kind].unit === 'ms' ? duration(value) : `${figure(value)} tokens/s`

/** @param {Result['load']} load */
export function loadWords({ source, cached_bytes, fetched_bytes }) {
  if (source === 'file') return 'from a file'
  if (source === 'hit') return 'from the cache'
  if (source === 'partial')
    return `${bytes(cached_bytes)} from the cache, ${bytes(fetched_bytes)} fetched`
  return source === 'miss' ? 'over the network' : 'over the network, past the cache'
}

/** @param {Result} result */
export const machineWords = ({ environment, engine, sotto, created }) =>
  [
    environment.browser,
    platformWords(environment),
    `${count(environment.processors)} logical processors`,
    threads(engine.threads),
    environment.isolated ? 'cross-origin isolated' : 'not cross-origin isolated',
    `sotto ${sotto}`,
    created.slice(0, 10),
  ]
    .filter(Boolean)
    .join(', ')

/** @param {Result['environment']} environment */
export const platformWords = ({ platform, architecture }) =>
  [platform, architecture].filter(Boolean).join(' ')

/**
 * What a reader has to know before believing the figures.
 * @param {Result} result
 * @returns {string[]}
 */
export function warnings({ run, engine, environment }) {
  const list = []
  const times = (/** @type {number} */ n) => (n === 1 ? 'one measurement' : `${n} measurements`)
  if (run.disturbed)
    list.push(
      `The page was hidden or stood still during ${times(run.disturbed)}: ` +
        'the browser may have slowed it down.',
    )
  if (run.discarded)
    list.push(`${times(run.discarded)} did not compute what they should have and are left out.`)
  if (engine.threads === 1 && environment.processors > 1) {
    const why = engine.threads_reason ? `: ${engine.threads_reason}` : ''
    list.push(`One thread computed${why}.`)
  }
  return list.map((line) => line.replace(/^./, (letter) => letter.toUpperCase()))
}
