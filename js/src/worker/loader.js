// From sources to a loaded engine, or to the plan of one. The module, its threads and the first
// bytes come at the same time. The header is read into a memory that can grow to what models
// of that size need, and the engine stays in it if there is room for the plan (planner.js);
// else it moves to one that is made to the plan. Then it is settled what computes (choice.js), and
// the weights come (weights.js), and with them the prompt that was given along (prefill.js).
import { sumOfUses } from '../cache/use.js'
import { SottoError } from '../errors.js'
import { chooseBackend, isRefusedByGpu } from './choice.js'
import { CoreEngine } from './core-engine.js'
import { CoreModule } from './core-module.js'
import { ModelFileReader } from './file-reader.js'
import { coreOptions, feedHeaders, overBudget, RESERVE, readHeaders } from './planner.js'
import { Prefill } from './prefill.js'
import { Recovery } from './recovery.js'
import { chooseThreads, Threads } from './threads.js'
import { candidates } from './variant.js'
import { trapsAtTimes } from './webkit.js'
import { readWeights } from './weights.js'

/** @import { OpenableSource } from '../source/source.js' */
/** @import { MemoryPlan, Progress } from '../types.js' */
/** @import { LoadOptions } from '../protocol.js' */
/** @import { Gpus } from './open-gpu.js' */
/** @import { ThreadChoice, ThreadHost } from './threads.js' */
/** @import { Candidate, ModuleName } from './variant.js' */

const MB = 1 << 20
// Bytes beside a model's file while its header has not been read: context, scratch, vocabulary.
const HEADROOM = 512 * MB
const PER_THREAD = 320 << 10 // stack and the like
const NO_MODEL = ['invalid_model', 'truncated_file']

/**
 * @typedef {object} LoadJob
 * @property {(again: boolean) => OpenableSource[]} makeSources of the model's files; again: they
 *   have been read before
 * @property {LoadOptions} options
 * @property {(name: ModuleName) => Promise<WebAssembly.Module>} compile
 * @property {ThreadHost} threads
 * @property {Gpus} gpus to run on
 * @property {() => Promise<void>} yieldToEvents
 * @property {(progress: Progress) => void} onProgress
 * @property {(plan: MemoryPlan) => Promise<void>} onPlan nothing of the body is asked
 *   for until it resolves
 * @property {(warning: SottoError) => void} onWarning
 * @property {(error: unknown) => void} onCrash
 */
/**
 * @typedef {LoadJob & { choice: ThreadChoice, prompt?: Int32Array }} Job prompt: to be computed now
 */
/** @typedef {{ initial: number, maximum: number }} Size of a memory, in bytes */

/**
 * Fails with a typed error; instances need no tidying, they are garbage then.
 * @param {LoadJob} given
 */
export async function load(given) {
  /** @type {Job} */
  const job = { ...given, choice: chooseThreads(given.options, given.threads) }
  const choice = candidates(job.options.variant)
  const loaded = await withFiles(job, async (files, abort) => {
    const lap = stopwatch()
    const opening = files[0].open()
    const team = prepare(job, choice[0])
    await Promise.all([opening, job.gpus.first()])
    const size = headerSize(files)
    const empty = await makeEngine(job, choice[0], size, team)
    const module_ms = lap()
    const makeAnother = () => makeEngine(job, choice[0], size)
    const { engine: first, plan } = await readPlan(job, files, empty, makeAnother)
    await job.onPlan(plan)
    if (!plan.fits) throw overBudget(first, plan)
    const engine = await startEngine(job, choice, files, plan, { engine: first, size })
    const recovery = new Recovery(job, engine, plan)
    recovery.remember(files)
    await chooseBackend(job, engine, recovery)
    for (const file of files) file.forgetHeader()
    const header_ms = lap()
    const prefill = job.prompt && new Prefill(engine, job.prompt, job)
    const reading = { onProgress: job.onProgress, abort, prefill }
    const times = await unlessLost(job, engine, () => readWeights(files, engine, reading))
    if (times) await finish(job, files, engine)
    const cache = sumOfUses(files.map(({ use }) => use))
    const load_ms = { module: module_ms, header: header_ms, weights: 0, prefill: 0, ...times }
    return { engine, recovery, prefill, load_ms, cache }
  })
  const { engine, recovery, prefill } = loaded
  while (engine.gpu?.failure) {
    Object.assign(loaded.load_ms, await recovery.run({ onProgress: job.onProgress, prefill }))
  }
  const { total } = engine.progress()
  job.onProgress({ status: 'ready', loaded: total, total })
  return { ...loaded, threads: threadsOf(engine, job.choice) }
}

/**
 * What `work` gives; undefined where the GPU was lost meanwhile and something else can go on.
 * @template T
 * @param {Job} job
 * @param {CoreEngine} engine
 * @param {() => Promise<T>} work
 */
async function unlessLost({ gpus }, engine, work) {
  try {
    return await work()
  } catch (error) {
    const code = engine.gpu?.failure?.code
    if (code === 'gpu_lost' || (code && gpus.optional)) return undefined
    throw error
  }
}

/**
 * The plan alone, of a model that may not fit.
 * @param {LoadJob} given
 * @returns {Promise<MemoryPlan>}
 */
export async function planOnly(given) {
  /** @type {Job} */
  const job = { ...given, choice: chooseThreads(given.options, given.threads) }
  const [{ module: name, variant }] = candidates(job.options.variant)
  return withFiles(job, async (files) => {
    const compiling = job.compile(name)
    const [compiled] = await Promise.all([compiling, job.gpus.first(), files[0].open()])
    const make = async () => {
      return newEngine(job, await CoreModule.create(compiled, name, headerSize(files)), variant)
    }
    const { plan } = await readPlan(job, files, await make(), make)
    return plan
  })
}

/**
 * The plan, and the engine that has read the headers for it. Where the JavaScript engine is known
 * to trap for no reason (webkit.js), a trap is a warning and a new instance makes the second try.
 * Everywhere else a trap is an error. What does not fit an optional GPU is planned for the CPU.
 * @param {Job} job
 * @param {ModelFileReader[]} files
 * @param {CoreEngine} engine
 * @param {() => Promise<CoreEngine>} makeAnother
 */
async function readPlan(job, files, engine, makeAnother) {
  try {
    const plan = await readHeaders(job, engine, files)
    const refusal = plan.fits ? undefined : overBudget(engine, plan)
    if (!isRefusedByGpu(job, refusal)) return { engine, plan }
    throw refusal
  } catch (error) {
    if (isRefusedByGpu(job, error)) {
      await job.gpus.leave(/** @type {SottoError} */ (error).message)
      engine.module.end()
      return readPlan(job, files, await makeAnother(), makeAnother)
    }
    if (!(error instanceof WebAssembly.RuntimeError && trapsAtTimes())) throw error
    const text = `The module trapped while it read a header, and was started anew: ${error.message}`
    job.onWarning(new SottoError('module_trapped', text, { details: { stack: error.stack } }))
    engine.module.end()
    const second = await makeAnother()
    return { engine: second, plan: await readHeaders(job, second, files) }
  }
}

/**
 * @template T
 * @param {Job} job
 * @param {(files: ModelFileReader[], abort: AbortController) => Promise<T>} work
 */
async function withFiles(job, work) {
  const abort = new AbortController()
  const files = job.makeSources(false).map((source) => new ModelFileReader(source, abort.signal))
  try {
    return await work(files, abort)
  } catch (error) {
    const isNoModel = error instanceof SottoError && NO_MODEL.includes(error.code)
    if (isNoModel) await Promise.allSettled(files.map((file) => file.reject()))
    throw error
  } finally {
    abort.abort() // reads that an error left behind
    await Promise.allSettled(files.map((file) => file.close()))
  }
}

/**
 * Size of the memory that the headers are read in.
 * @param {ModelFileReader[]} files the first is open
 * @returns {Size}
 */
const headerSize = (files) => ({
  initial: 0,
  maximum: HEADROOM + ((files.length === 1 && files[0].size) || 0),
})

/** Milliseconds since the last call. */
function stopwatch() {
  let last = performance.now()
  return () => {
    const now = performance.now()
    const ms = now - last
    last = now
    return ms
  }
}

/**
 * Starts compiling and the threads, which the first engine will wait for.
 * @param {Job} job
 * @param {Candidate} candidate
 * @returns {Threads | undefined}
 */
function prepare({ choice, compile, threads }, { module: name }) {
  const team = choice.n > 1 ? new Threads(threads, `${name}-mt`) : undefined
  compile(team ? `${name}-mt` : name).catch(() => {}) // asked for again, and reported, later
  team?.prepare(choice.n - 1)
  return team
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
 * An engine with everything allocated: the one that has read the headers, or else one that reads
 * them again in a memory made to the plan.
 * @param {Job} job
 * @param {Candidate[]} choice
 * @param {ModelFileReader[]} files
 * @param {MemoryPlan} plan
 * @param {{ engine: CoreEngine, size: Size }} [first]
 * @returns {Promise<CoreEngine>}
 */
async function startEngine(job, [candidate, ...others], files, plan, first) {
  // The total has plan.kv already. It is added once more for a snapshot of the KV state, which lies
  // in this memory when it is made and when it is put back. What starts on a GPU may go on on the
  // CPU, where it is allowed so much memory.
  const most = plan.cpu_total <= plan.limit ? plan.cpu_total : plan.total
  const size = { initial: plan.total, maximum: most + RESERVE + plan.kv + plan.gpu_kv }
  const fits = first && size.maximum <= first.size.maximum
  if (!fits) first?.engine.module.end()
  const engine = fits ? first.engine : await makeEngine(job, candidate, size).catch(tell(plan))
  if (!fits) feedHeaders(job, engine, files)
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

/** @param {MemoryPlan} plan of what the host may have refused memory for */
const tell = (plan) => (/** @type {unknown} */ error) => {
  if (error instanceof SottoError && error.code === 'out_of_memory') error.details.plan = plan
  throw error
}

/**
 * With threads, or without if that fails: then job.choice says why.
 * @param {Job} job
 * @param {Candidate} candidate
 * @param {Size} size
 * @param {Threads} [team] started already
 */
async function makeEngine(job, { module: name, variant }, size, team) {
  const { compile } = job
  const make = async () => {
    const module =
      job.choice.n > 1
        ? await makeThreadedModule(job, `${name}-mt`, size, team)
        : await CoreModule.create(await compile(name), name, size)
    return newEngine(job, module, variant)
  }
  if (job.choice.n > 1) {
    try {
      return await make()
    } catch (error) {
      team?.end()
      job.choice = { n: 1, reason: error instanceof Error ? error.message : String(error) }
    }
  }
  return make()
}

/**
 * @param {Job} job
 * @param {CoreModule} module
 * @param {Candidate['variant']} variant
 */
function newEngine({ options, choice, gpus, onCrash }, module, variant) {
  const usual = options.backend === 'auto' ? 'cpu' : options.backend
  const backend = gpus.present ? 'webgpu' : usual
  const asked = { ...options, variant, backend }
  const engine = new CoreEngine(module, coreOptions(module, asked, choice.n))
  if (gpus.present) engine.attachGpu(gpus.present, onCrash)
  return engine
}

/**
 * @param {Job} job
 * @param {ModuleName} name
 * @param {Size} size
 * @param {Threads} threads
 */
async function makeThreadedModule(
  { compile, threads: host, onCrash, choice },
  name,
  size,
  threads = new Threads(host, name),
) {
  const more = choice.n - 1
  const initial = size.initial + more * PER_THREAD
  const maximum = size.maximum + more * PER_THREAD
  const team = { threads, more, onFailure: onCrash }
  return CoreModule.create(await compile(name), name, { initial, maximum }, team)
}

/**
 * @param {LoadJob} job
 * @param {ModelFileReader[]} files
 * @param {CoreEngine} engine
 */
async function finish({ onProgress }, files, engine) {
  const { loaded, total } = engine.progress()
  if (files.some(({ checks }) => checks)) onProgress({ status: 'verify', loaded, total })
  try {
    await Promise.all(files.map((file) => file.finish()))
  } catch (error) {
    engine.module.end()
    throw error
  }
}
