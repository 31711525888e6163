// A result out of a link is somebody else's data: everything in it is checked, what is not known is
// left out, and what does not fit is refused with the place where it is.
import { isLine, LONGEST_LINE } from './line.js'
import { FORMAT, VERSION } from './result.js'
import { kinds } from './tests.js'

/** @import { Result, Test } from './result.js' */

const MOST_TESTS = 40
const MOST_SAMPLES = 40
const MOST_TRACE = 600
const LARGEST = 1e15
const LARGEST_COUNT = 1e6
const sources = /** @type {const} */ (['hit', 'partial', 'miss', 'bypass', 'file'])
const presetNames = /^[a-z]{1,20}$/

/** Why a link is not shown, in words for its reader. */
export class LinkError extends Error {}

/** @param {unknown} data parsed JSON @returns {Result} */
export function checkResult(data) {
  const all = object(data, 'it')
  if (all.format !== FORMAT) throw new LinkError('This link has no result of this benchmark in it.')
  if (Number.isInteger(all.version) && Number(all.version) > VERSION) {
    throw new LinkError(
      'This result was made by a newer version of the page ' +
        `(format ${all.version}; this one reads ${VERSION}). Reload the page and try again.`,
    )
  }
  if (all.version !== VERSION) throw wrong('version', String(VERSION))
  return {
    format: FORMAT,
    version: VERSION,
    created: date(all.created, 'created'),
    sotto: text(all.sotto, 'sotto'),
    model: modelOf(object(all.model, 'model')),
    engine: engineOf(object(all.engine, 'engine')),
    load: loadOf(object(all.load, 'load')),
    memory: numbers(all.memory, 'memory', ['plan', 'weights', 'kv', 'scratch', 'peak', 'module']),
    environment: environmentOf(object(all.environment, 'environment')),
    run: runOf(object(all.run, 'run')),
    tests: testsOf(all.tests),
    trace: list(all.trace, 'trace', MOST_TRACE).map((ms, i) => number(ms, `trace[${i}]`)),
  }
}

/** @param {Record<string, unknown>} model @returns {Result['model']} */
function modelOf(model) {
  const sha256 = text(model.sha256, 'model.sha256')
  if (!/^([0-9a-f]{64})?$/.test(sha256)) throw wrong('model.sha256', '64 hexadecimal digits')
  return {
    name: text(model.name, 'model.name'),
    architecture: text(model.architecture, 'model.architecture'),
    quantisation: text(model.quantisation, 'model.quantisation'),
    params: number(model.params, 'model.params'),
    bytes: number(model.bytes, 'model.bytes'),
    sha256,
  }
}

/** @param {Record<string, unknown>} engine @returns {Result['engine']} */
const engineOf = (engine) => ({
  backend: text(engine.backend, 'engine.backend'),
  variant: text(engine.variant, 'engine.variant'),
  threads: count(engine.threads, 'engine.threads'),
  threads_reason: text(engine.threads_reason, 'engine.threads_reason'),
  n_ctx: count(engine.n_ctx, 'engine.n_ctx'),
})

/** @param {Record<string, unknown>} load @returns {Result['load']} */
function loadOf(load) {
  const source = sources.find((name) => name === load.source)
  if (!source) throw wrong('load.source', `one of ${sources.join(', ')}`)
  return {
    source,
    cached_bytes: number(load.cached_bytes, 'load.cached_bytes'),
    fetched_bytes: number(load.fetched_bytes, 'load.fetched_bytes'),
    ms: numbers(load.ms, 'load.ms', ['worker', 'module', 'header', 'weights', 'total']),
  }
}

/** @param {Record<string, unknown>} environment @returns {Result['environment']} */
const environmentOf = (environment) => ({
  browser: text(environment.browser, 'environment.browser'),
  platform: text(environment.platform, 'environment.platform'),
  architecture: text(environment.architecture, 'environment.architecture'),
  processors: count(environment.processors, 'environment.processors'),
  device_memory: number(environment.device_memory, 'environment.device_memory'),
  isolated: flag(environment.isolated, 'environment.isolated'),
})

/** @param {Record<string, unknown>} run @returns {Result['run']} */
function runOf(run) {
  const preset = text(run.preset, 'run.preset')
  if (!presetNames.test(preset)) throw wrong('run.preset', 'a name')
  return {
    preset,
    rounds: count(run.rounds, 'run.rounds'),
    disturbed: count(run.disturbed, 'run.disturbed'),
    discarded: count(run.discarded, 'run.discarded'),
  }
}

/** @param {unknown} value @returns {Test[]} */
function testsOf(value) {
  const tests = list(value, 'tests', MOST_TESTS)
  if (!tests.length) throw wrong('tests', 'a list with something in it')
  return tests.map((item, index) => {
    const at = `tests[${index}]`
    const { kind, tokens, depth, samples } = object(item, at)
    const known = /** @type {Test['kind'] | undefined} */ (
      Object.keys(kinds).find((name) => name === kind)
    )
    if (!known) throw wrong(`${at}.kind`, `one of ${Object.keys(kinds).join(', ')}`)
    const values = list(samples, `${at}.samples`, MOST_SAMPLES)
    if (!values.length) throw wrong(`${at}.samples`, 'a list with something in it')
    return {
      kind: known,
      tokens: count(tokens, `${at}.tokens`),
      depth: count(depth, `${at}.depth`),
      samples: values.map((sample, i) => number(sample, `${at}.samples[${i}]`)),
    }
  })
}

/** @param {unknown} value @param {string} at @returns {Record<string, unknown>} */
function object(value, at) {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return /** @type {Record<string, unknown>} */ (value)
  throw wrong(at, 'an object')
}

/** @param {unknown} value @param {string} at @param {number} most @returns {unknown[]} */
function list(value, at, most) {
  if (!Array.isArray(value)) throw wrong(at, 'a list')
  if (value.length > most) throw wrong(at, `a list of at most ${most}`)
  return value
}

/** @param {unknown} value @param {string} at */
function text(value, at) {
  if (typeof value === 'string' && isLine(value)) return value
  throw wrong(at, `one line of at most ${LONGEST_LINE} visible characters`)
}

/** @param {unknown} value @param {string} at */
function number(value, at) {
  if (typeof value === 'number' && value >= 0 && value <= LARGEST) return value
  throw wrong(at, `a number from 0 to ${LARGEST}`)
}

/** @param {unknown} value @param {string} at */
function count(value, at) {
  if (Number.isInteger(value) && Number(value) >= 0 && Number(value) <= LARGEST_COUNT)
    return Number(value)
  throw wrong(at, `a whole number from 0 to ${LARGEST_COUNT}`)
}

/**
 * @template {string} Name
 * @param {unknown} value
 * @param {string} at
 * @param {Name[]} names
 * @returns {Record<Name, number>}
 */
function numbers(value, at, names) {
  const given = object(value, at)
  const entries = names.map((name) => [name, number(given[name], `${at}.${name}`)])
  return Object.fromEntries(entries)
}

/** @param {unknown} value @param {string} at */
function flag(value, at) {
  if (typeof value !== 'boolean') throw wrong(at, 'true or false')
  return value
}

/** @param {unknown} value @param {string} at */
function date(value, at) {
  const given = text(value, at)
  if (
    !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/.test(given) ||
    Number.isNaN(Date.parse(given))
  )
    throw wrong(at, 'a date')
  return given
}

/** @param {string} at @param {string} wanted */
const wrong = (at, wanted) =>
  new LinkError(`The result in this link is damaged: ${at} must be ${wanted}.`)
