// What a model will need, before its body is fetched: reads the headers into an engine, holds its
// plan against the limits, and says what would fit instead.
import { SottoError } from '../errors.js'
import { MAX_MEMORY } from './core-module.js'
import { promptTokens } from './prefill.js'

/** @import { CacheType, MemoryAlternative, MemoryLimits, MemoryPlan } from '../types.js' */
/** @import { LoadOptions } from '../protocol.js' */
/** @import { CoreEngine } from './core-engine.js' */
/** @import { ModelFileReader } from './file-reader.js' */
/** @import { Job } from './loader.js' */
/** @import { CoreModule } from './core-module.js' */

// What the plan does not count: the module's stack and data, messages, requests, logits of events.
export const RESERVE = 48 << 20

/** @param {LoadOptions} options @returns {MemoryLimits} */
const limitsOf = ({ core, device_memory: device, gpu }) => ({
  address_space: MAX_MEMORY - RESERVE,
  device,
  budget: core.memory_budget ?? 0,
  gpu: gpu.memory_budget ?? 0,
})

/**
 * The limit that counts. A budget takes the place of what the device says about itself.
 * @param {MemoryLimits} limits
 * @returns {{ limit: number, limited_by: Exclude<MemoryPlan['limited_by'], 'gpu'> }}
 */
function strictest({ address_space, device, budget }) {
  const limited_by = budget ? 'budget' : 'device'
  const limit = budget || device || Infinity
  return limit < address_space
    ? { limit, limited_by }
    : { limit: address_space, limited_by: 'address_space' }
}

/**
 * @param {CoreModule} module
 * @param {LoadOptions} options
 * @param {number} n_threads
 */
export function coreOptions(module, options, n_threads) {
  const { core, backend, variant, cache_type_k, cache_type_v } = options
  return {
    ...core,
    n_threads,
    adapt_threads: Number(options.n_threads === 'auto'),
    backend: module.constant(`BACKEND_${backend.toUpperCase()}`),
    variant: module.constant(`VARIANT_${variant.toUpperCase()}`),
    cache_type_k: cacheType(module, cache_type_k),
    cache_type_v: cacheType(module, cache_type_v),
    memory_budget: strictest(limitsOf(options)).limit,
  }
}

/** @param {CoreModule} module @param {CacheType} type */
const cacheType = (module, type) => module.constant(`CACHE_${type.toUpperCase()}`)

/**
 * @param {Job} job
 * @param {CoreEngine} engine
 * @param {ModelFileReader[]} files the first is open
 * @returns {Promise<MemoryPlan>}
 */
export async function readHeaders(job, engine, files) {
  engine.setFiles(files.length)
  for (const [index, file] of files.entries()) {
    if (index > 0) await file.open()
    if (file.size !== undefined) engine.setFileSize(index, file.size)
    await file.readHeader(
      (bytes) => engine.feedHeader(index, bytes),
      (loaded) => job.onProgress({ status: 'header', loaded, total: 0 }),
    )
    engine.endHeader(index)
    const parts = engine.splitCount()
    if (parts !== files.length) throw wrongParts(file, parts, files.length)
  }
  const numbers = planOf(job, engine)
  const limits = limitsOf(job.options)
  const fitsGpu = numbers.gpu_limit === 0 || numbers.gpu_total <= numbers.gpu_limit
  const limited_by = fitsGpu ? strictest(limits).limited_by : 'gpu'
  const alternatives = numbers.fits ? [] : whatFits(job, engine)
  return { ...numbers, limited_by, limits, alternatives }
}

/**
 * The same again, for an engine in another memory.
 * @param {Job} job
 * @param {CoreEngine} engine
 * @param {ModelFileReader[]} files that were read before
 */
export function feedHeaders(job, engine, files) {
  engine.setFiles(files.length)
  for (const [index, file] of files.entries()) {
    if (file.size !== undefined) engine.setFileSize(index, file.size)
    for (const bytes of file.head) if (engine.feedHeader(index, bytes)) break
    engine.endHeader(index)
  }
  planOf(job, engine)
}

/**
 * @param {Job} job
 * @param {CoreEngine} engine that has read the headers
 */
function planOf(job, engine) {
  const plan = engine.plan()
  if (!job.options.prefill) return plan
  job.prompt ??= promptTokens(engine, job.options.prefill)
  return plan.fits ? engine.planPrefill(job.prompt.length) : plan
}

/**
 * The largest context that fits, as asked and with a smaller KV cache; the longer one first.
 * @param {Job} job
 * @param {CoreEngine} engine whose plan does not fit
 * @returns {MemoryAlternative[]}
 */
function whatFits({ options, prompt }, engine) {
  const { backend, cache_type_k, cache_type_v } = options
  const types = [{ cache_type_k, cache_type_v }]
  /** @type {CacheType} */
  const small = 'q8_0'
  const isSmall = cache_type_k === small && cache_type_v === small
  if (!isSmall && backend !== 'naive') types.push({ cache_type_k: small, cache_type_v: small })
  return types
    .flatMap(({ cache_type_k, cache_type_v }) => {
      const { module } = engine
      const plan = engine.planFitting(
        cacheType(module, cache_type_k),
        cacheType(module, cache_type_v),
      )
      if (!plan || plan.n_ctx <= (prompt?.length ?? 0)) return []
      const { n_ctx, total } = plan
      return { options: { n_ctx, cache_type_k, cache_type_v }, total }
    })
    .sort((a, b) => b.options.n_ctx - a.options.n_ctx)
}

/** Where a limit comes from, which the core does not know. */
const reasons = {
  budget: '',
  gpu: '',
  device: '. The limit is what this device says it has; memory_budget takes its place',
  address_space: '. The limit is what a 32-bit module reaches',
}

/**
 * @param {CoreEngine} engine that has made the plan
 * @param {MemoryPlan} plan
 */
export function overBudget(engine, plan) {
  engine.plan() // it says so again
  const message = `${engine.message()}${reasons[plan.limited_by]}`
  return new SottoError('memory_budget_exceeded', message, { details: { plan } })
}

/** @param {ModelFileReader} file @param {number} parts @param {number} given */
function wrongParts(file, parts, given) {
  const message =
    `${file.name} belongs to a model of ${parts} file(s), but ${given} were given. ` +
    'Give all of them in order, or the URL or path of the first.'
  return new SottoError('invalid_model', message, { details: { source: file.name, parts, given } })
}
