// loadModel and planModel: check the options, find out what the source is, start a worker and have
// it load, or tell what loading would take.

import { prefill } from './api/prefill-option.js'
import { boolean, check, either, integer, limitedInteger, object, oneOf, string } from './check.js'
import { Connection, withSignal } from './connection.js'
import { Engine } from './engine.js'
import { abortError, invalidArgument, SottoError } from './errors.js'
import { describeSources, openHandles } from './source/resolve.js'
import { CACHE_TYPES, VARIANTS } from './tables.js'

/** @import { Callbacks, WorkerPort } from './connection.js' */
/** @import { OpenableSource } from './source/source.js' */
/** @import { FileHandle, LoadModelOptions, MemoryPlan, ModelFile } from './types.js' */
/** @import { LoadOptions, SourceDescriptor } from './protocol.js' */

/**
 * What differs between browsers and Node.js on the main thread.
 * @typedef {object} MainHost
 * @property {(url: string | undefined) => WorkerPort} startWorker
 * @property {(text: string) => { kind: 'url', url: string } | { kind: 'path',
 *   path: string }} locate
 * @property {boolean} blobsTravel whether a worker can read a Blob that was sent to it
 * @property {() => number} deviceMemory in bytes; 0: not known
 * @property {() => void} [keepDriver] an engine has found a GPU: others will be quicker to
 */

/** @typedef {ModelFile | FileHandle} AnyFile */
/**
 * @typedef {(source: AnyFile | AnyFile[], options?: LoadModelOptions) => Promise<Engine>} LoadModel
 */
/**
 * @typedef {(source: AnyFile | AnyFile[], options?: LoadModelOptions) => Promise<MemoryPlan>}
 *   PlanModel
 */

/** @type {import('./check.js').Rule} */
const retryRule = (value, field) =>
  check(object(value, field), {
    attempts: integer(1, 1000),
    pauseMs: integer(0, 2 ** 31 - 1),
    longestPauseMs: integer(0, 2 ** 31 - 1),
    stallMs: integer(1, 2 ** 31 - 1),
  })

/** @type {import('./check.js').Rule} */
const gpuRule = (value, field) =>
  check(object(value, field), {
    allowSoftware: boolean,
    module: (given) => String(given),
    memory_budget: limitedInteger('memory_budget'),
    timestamps: boolean,
    ahead_ms: integer(0, 1000),
  })

const optionRules = {
  n_ctx: limitedInteger('n_ctx'),
  n_batch: limitedInteger('n_batch'),
  n_parallel: limitedInteger('n_parallel'),
  n_threads: either(oneOf('auto'), limitedInteger('n_threads')),
  memory_budget: limitedInteger('memory_budget'),
  backend: oneOf('auto', 'cpu', 'webgpu', 'naive'),
  gpu: gpuRule,
  variant: oneOf('auto', ...Object.keys(VARIANTS)),
  retry: retryRule,
  cache_type_k: oneOf(...CACHE_TYPES),
  cache_type_v: oneOf(...CACHE_TYPES),
  cache: oneOf('default', 'force-cache', 'only-if-cached', 'reload', 'no-store'),
  cacheDir: string,
  prefill,
}
const otherOptions = [
  'sha256',
  'onWarning',
  'onProgress',
  'onPlan',
  'signal',
  'fetchOptions',
  'fetch',
  'workerUrl',
  'wasmUrl',
]

/**
 * @param {MainHost} host
 * @returns {LoadModel}
 */
export const makeLoadModel =
  (host) =>
  async (source, options = {}) =>
    withWorker(host, source, options, async (connection, ...job) => {
      const loaded = await connection.load(...job)
      const { gpu } = loaded.info
      if (gpu && !gpu.software && !options.gpu?.module) host.keepDriver?.()
      return new Engine(connection, loaded)
    })

/**
 * @param {MainHost} host
 * @returns {PlanModel}
 */
export const makePlanModel =
  (host) =>
  async (source, options = {}) =>
    withWorker(host, source, options, async (connection, ...job) => {
      const plan = await connection.plan(...job)
      await connection.end(abortError())
      return plan
    })

/**
 * @template T
 * @param {MainHost} host
 * @param {AnyFile | AnyFile[]} source
 * @param {LoadModelOptions} options
 * @param {(connection: Connection, sources: { descriptors: SourceDescriptor[],
 *   local: OpenableSource[] }, options: LoadOptions, callbacks: Callbacks) => Promise<T>} work
 */
async function withWorker(host, source, options, work) {
  const { signal, onProgress, onWarning, onPlan, workerUrl } = options
  const sources = describeSources(await openHandles(source), options, host)
  const loadOptions = checkOptions(options, host, sources.descriptors.length)
  signal?.throwIfAborted()
  const connection = new Connection(startWorker(host, workerUrl))
  // An abort ends the worker: whatever it was doing, downloads included, ends with it.
  const stop = (/** @type {unknown} */ reason) => void connection.end(reason)
  const callbacks = { onProgress, onWarning, onPlan }
  try {
    return await withSignal(signal, stop, () => work(connection, sources, loadOptions, callbacks))
  } catch (error) {
    await connection.end(error)
    throw error
  }
}

/**
 * @param {MainHost} host
 * @param {string | URL} [url]
 */
function startWorker(host, url) {
  try {
    return host.startWorker(url === undefined ? undefined : String(url))
  } catch (cause) {
    // A service worker cannot start workers (ReferenceError); a page cannot start
    // one of another origin.
    const code = cause instanceof ReferenceError ? 'unsupported_environment' : 'worker_failed'
    throw new SottoError(code, `Cannot start a worker: ${cause}`, { cause })
  }
}

/**
 * @param {LoadModelOptions} options
 * @param {MainHost} host
 * @param {number} n_files
 * @returns {LoadOptions}
 */
function checkOptions(options, host, n_files) {
  const checked = check(options, optionRules, otherOptions)
  const { backend = 'auto', gpu = {}, variant = 'auto', n_threads = 'auto', ...others } = checked
  const [usual] = CACHE_TYPES
  const { cache_type_k = usual, cache_type_v = usual, ...rest } = others
  const { retry: _, prefill: prompt, cache = 'default', cacheDir, ...core } = rest
  const { onProgress, onWarning, onPlan, wasmUrl } = options
  for (const [name, callback] of Object.entries({ onProgress, onWarning, onPlan })) {
    if (callback !== undefined && typeof callback !== 'function') {
      throw invalidArgument(name, 'must be a function')
    }
  }
  const sha256 = hashes(options.sha256, n_files)
  const modules = wasmUrl && absolute(String(wasmUrl), host)
  const kernels = { backend, gpu, variant, cache_type_k, cache_type_v, n_threads }
  const files = { cache, cacheDir, sha256, wasmUrl: modules }
  const device_memory = host.deviceMemory()
  return { core, ...kernels, ...files, prefill: prompt, device_memory, waits: Boolean(onPlan) }
}

/**
 * @param {string | string[] | undefined} given
 * @param {number} n_files
 */
function hashes(given = [], n_files) {
  const list = Array.isArray(given) ? given : [given]
  const right = list.every((hash) => typeof hash === 'string' && /^[0-9a-f]{64}$/i.test(hash))
  if (!right) throw invalidArgument('sha256', 'must be 64 hexadecimal digits, or an array of such')
  if (list.length && list.length !== n_files) {
    throw invalidArgument('sha256', `are ${list.length} for ${n_files} file(s)`)
  }
  return list.map((hash) => hash.toLowerCase())
}

/** @param {string} url @param {MainHost} host the worker has another base URL than the page */
function absolute(url, host) {
  const place = host.locate(url)
  return place.kind === 'url' ? place.url : place.path
}
