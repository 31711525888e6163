// From sources to a loaded engine. A small instance reads the headers and answers with the memory
// plan; the engine's own instance gets a memory made to that plan, reads the same headers again and
// then the weights: by ranges in the order in which the program needs them, several at once, or in
// file order from a source that only streams.
import { SottoError } from '../errors.js'
import { CoreEngine } from './engine.js'
import { ModelFileReader } from './file-reader.js'
import { CoreModule, MAX_MEMORY } from './module.js'
import { chooseThreads, Threads } from './threads.js'
import { candidates } from './variant.js'

/** @import { OpenableSource } from '../source/source.js' */
/** @import { MemoryPlan, Progress } from '../types.js' */
/** @import { LoadOptions } from '../protocol.js' */
/** @import { ThreadChoice, ThreadHost } from './threads.js' */
/** @import { Candidate, ModuleName } from './variant.js' */

const MB = 1 << 20
const RANGE = 4 * MB
const IN_FLIGHT = 4 // ranges of that size: 16 MB
const PROGRESS_EVERY_MS = 50
const HEADER_MEMORY = 512 * MB
// What the plan does not count: the module's stack and data, messages, requests, logits of events.
const RESERVE = 48 * MB
const PER_THREAD = 320 << 10 // stack and the like

/**
 * @typedef {object} LoadJob
 * @property {OpenableSource[]} sources
 * @property {LoadOptions} options
 * @property {(name: ModuleName) => Promise<WebAssembly.Module>} compile
 * @property {ThreadHost} threads
 * @property {(progress: Progress) => void} onProgress
 * @property {(error: SottoError) => void} onCrash
 */
/** @typedef {LoadJob & { choice: ThreadChoice }} Job */

/**
 * Fails with a typed error; instances need no tidying, they are garbage then.
 * @param {LoadJob} given
 */
export async function load(given) {
  const job = { ...given, choice: chooseThreads(given.options, given.threads) }
  const abort = new AbortController()
  const files = job.sources.map((source) => new ModelFileReader(source, abort.signal))
  try {
    const choice = candidates(job.options.variant)
    const plan = await readHeaders(job, choice[0], files)
    const engine = await startEngine(job, choice, files, plan)
    await readWeights(job, files, engine, abort.signal)
    return { engine, plan, threads: threadsOf(engine, job.choice) }
  } finally {
    abort.abort() // reads that an error left behind
    await Promise.allSettled(files.map((file) => file.close()))
  }
}

/**
 * @param {CoreEngine} engine
 * @param {ThreadChoice} choice
 * @returns {ThreadChoice}
 */
function threadsOf(engine, { n: wanted, reason }) {
  const n = engine.threads()
  return { n, reason: n < wanted ? `the host gave ${n} of ${wanted} threads` : reason }
}

/**
 * @param {Job} job
 * @param {Candidate} candidate
 * @param {ModelFileReader[]} files
 * @returns {Promise<MemoryPlan>}
 */
async function readHeaders(job, candidate, files) {
  const engine = await makeEngine(job, candidate, { initial: 0, maximum: HEADER_MEMORY }, 0)
  engine.setFiles(files.length)
  for (const [index, file] of files.entries()) {
    await file.open()
    if (file.size !== undefined) engine.setFileSize(index, file.size)
    await file.readHeader(
      (bytes) => engine.feedHeader(index, bytes),
      (loaded) => job.onProgress({ status: 'header', loaded, total: 0 }),
    )
    engine.endHeader(index)
    const parts = engine.splitCount()
    if (parts !== files.length) throw wrongParts(file, parts, files.length)
  }
  const plan = engine.plan()
  if (plan.fits) return plan
  throw new SottoError('memory_budget_exceeded', engine.message(), { details: { plan } })
}

/**
 * An engine in a memory made to the plan, with the headers read and everything allocated.
 * @param {Job} job
 * @param {Candidate[]} choice
 * @param {ModelFileReader[]} files
 * @param {MemoryPlan} plan
 * @returns {Promise<CoreEngine>}
 */
async function startEngine(job, [candidate, ...others], files, plan) {
  // A snapshot of the KV state is made inside the memory, and so is one that is put back.
  const size = { initial: plan.total + 4 * MB, maximum: plan.total + RESERVE + plan.kv }
  const engine = await makeEngine(job, candidate, size, job.choice.n - 1)
  engine.setFiles(files.length)
  for (const [index, file] of files.entries()) {
    if (file.size !== undefined) engine.setFileSize(index, file.size)
    for (const bytes of file.head) if (engine.feedHeader(index, bytes)) break
    engine.endHeader(index)
  }
  engine.plan()
  try {
    engine.startLoad(plan)
    return engine
  } catch (error) {
    engine.module.end()
    const failedItsTest = error instanceof SottoError && error.code === 'internal_error'
    if (failedItsTest && others.length) return startEngine(job, others, files, plan)
    throw error
  }
}

/**
 * With threads, or without if that fails: then job.choice says why.
 * @param {Job} job
 * @param {Candidate} candidate
 * @param {{ initial: number, maximum: number }} size of its memory
 * @param {number} more threads besides the caller's
 */
async function makeEngine(job, { module: name, variant }, size, more) {
  const { compile, options } = job
  const make = async () => {
    const module =
      job.choice.n > 1
        ? await makeThreadedModule(job, `${name}-mt`, size, more)
        : await CoreModule.create(await compile(name), name, size)
    return new CoreEngine(module, coreOptions(module, { ...options, variant }, job.choice.n))
  }
  if (job.choice.n > 1) {
    try {
      return await make()
    } catch (error) {
      job.choice = { n: 1, reason: error instanceof Error ? error.message : String(error) }
    }
  }
  return make()
}

/**
 * @param {Job} job
 * @param {ModuleName} name
 * @param {{ initial: number, maximum: number }} size
 * @param {number} more
 */
async function makeThreadedModule({ compile, threads: host, onCrash }, name, size, more) {
  const initial = size.initial + more * PER_THREAD
  const maximum = size.maximum + more * PER_THREAD
  const team = { threads: new Threads(host, name), more, onFailure: onCrash }
  return CoreModule.create(await compile(name), name, { initial, maximum }, team)
}

/**
 * @param {CoreModule} module
 * @param {LoadOptions} options
 * @param {number} n_threads
 */
function coreOptions(module, options, n_threads) {
  const { core, backend, variant, cache_type_k, cache_type_v } = options
  const budget = core.memory_budget || Infinity
  return {
    ...core,
    n_threads,
    adapt_threads: Number(options.n_threads === 'auto'),
    backend: module.constant(`BACKEND_${backend.toUpperCase()}`),
    variant: module.constant(`VARIANT_${variant.toUpperCase()}`),
    cache_type_k: module.constant(`CACHE_${cache_type_k.toUpperCase()}`),
    cache_type_v: module.constant(`CACHE_${cache_type_v.toUpperCase()}`),
    memory_budget: Math.min(budget, MAX_MEMORY - RESERVE),
  }
}

/**
 * @param {LoadJob} job
 * @param {ModelFileReader[]} files
 * @param {CoreEngine} engine
 * @param {AbortSignal} signal
 */
async function readWeights({ onProgress }, files, engine, signal) {
  let reported = 0
  const report = () => {
    const now = performance.now()
    if (now - reported < PROGRESS_EVERY_MS) return
    reported = now
    onProgress({ status: 'weights', ...engine.progress() })
  }
  /** @param {number} index @param {number} offset @param {number} length */
  const fetchRange = async (index, offset, length) => {
    let at = offset
    for await (const bytes of files[index].read(offset, length)) {
      signal.throwIfAborted()
      engine.feed(index, at, bytes)
      at += bytes.length
      report()
    }
    if (at < offset + length) throw truncated(files[index], at, offset + length)
  }

  if (files.every((file) => file.supportsRanges)) {
    const lane = async () => {
      for (let range = engine.nextRange(RANGE); range; range = engine.nextRange(RANGE)) {
        await fetchRange(range.file, range.offset, range.length)
      }
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
  } else {
    for (const index of files.keys()) {
      const range = engine.streamRange(index)
      if (range.length) await fetchRange(index, range.offset, range.length)
    }
  }
  const { loaded, total } = engine.progress()
  if (loaded < total) throw new SottoError('internal_error', `Loaded ${loaded} of ${total} bytes`)
  onProgress({ status: 'ready', loaded, total })
}

/** @param {ModelFileReader} file @param {number} end @param {number} wanted */
function truncated(file, end, wanted) {
  const message = `${file.name} ends at byte ${end}; the model needs at least ${wanted}. Fetch it again.`
  return new SottoError('truncated_file', message, { details: { source: file.name, end, wanted } })
}

/** @param {ModelFileReader} file @param {number} parts @param {number} given */
function wrongParts(file, parts, given) {
  const message =
    `${file.name} belongs to a model of ${parts} file(s), but ${given} were given. ` +
    'Give all of them in order, or the URL or path of the first.'
  return new SottoError('invalid_model', message, { details: { source: file.name, parts, given } })
}
