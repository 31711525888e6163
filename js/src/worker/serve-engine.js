// The worker's end of the protocol, the same for both hosts: loads once, then answers calls
// and runs generations. A trap in the module ends everything: the main thread is told and
// nothing more is answered.
import { CachedSource } from '../cache/cached-source.js'
import { packError, SottoError, unpackError } from '../errors.js'
import { PROTOCOL } from '../protocol.js'
import { blobSource } from '../source/blob.js'
import { HttpSource } from '../source/http.js'
import { RemoteSources } from '../source/remote.js'
import { load, planOnly } from './loader.js'
import { Loop } from './loop.js'
import { Gpus } from './open-gpu.js'

/** @import { EngineEvent, FromWorker, LoadOptions, LoadedModel } from '../protocol.js' */
/** @import { SourceDescriptor, ToWorker } from '../protocol.js' */
/** @import { OpenableSource } from '../source/source.js' */
/** @import { Storage } from '../cache/storage.js' */
/** @import { WorkerPort } from '../connection.js' */
/** @import { CacheMode, MemoryPlan } from '../types.js' */
/** @import { LoadJob } from './loader.js' */
/** @import { CoreEngine } from './core-engine.js' */
/** @import { GpuHost } from './open-gpu.js' */
/** @import { Recovery } from './recovery.js' */
/** @import { ThreadHost } from './threads.js' */
/** @import { ModuleName } from './variant.js' */

/** @typedef {Extract<ToWorker, { type: 'load' | 'call' | 'generate' }>} Question */

/**
 * What differs between a Web Worker and a worker thread.
 * @typedef {object} WorkerHost
 * @property {(message: FromWorker, transfer?: ArrayBuffer[]) => void} post
 * @property {(name: ModuleName, wasmUrl: string | undefined) => Promise<WebAssembly.Module>}
 *   compile
 * @property {ThreadHost} threads
 * @property {GpuHost} gpu
 * @property {(path: string) => OpenableSource} fileSource
 * @property {() => Promise<void>} yieldToEvents
 * @property {(directory?: string) => Storage | undefined} cacheStorage none: nobody wants one;
 *   throws where it cannot be
 * @property {(options: LoadOptions) => WorkerPort} startHasher
 */

/**
 * @param {WorkerHost} host
 * @returns {(message: ToWorker) => void} to be called with each message
 */
export function serveEngine(host) {
  const worker = new WorkerSide(host)
  host.post({ type: 'ready', protocol: PROTOCOL })
  return (message) => worker.onMessage(message)
}

class WorkerSide {
  #host
  #remote
  /** @type {CoreEngine | undefined} */
  #engine
  /** @type {Loop | undefined} */
  #loop
  /** @type {Gpus | undefined} */
  #gpus
  /** Resolves when what was lost with a GPU has been dealt with. */
  #recovering = Promise.resolve()
  /** Nothing is answered any more. */
  #ended = false
  /** @type {(() => void)[]} what the other side has to answer, by number */
  #questions = []

  /** @param {WorkerHost} host */
  constructor(host) {
    this.#host = host
    this.#remote = new RemoteSources(host.post)
  }

  /** @param {ToWorker} message */
  onMessage(message) {
    if (message.type === 'end') return void this.#end()
    const { type, id } = message
    if (type === 'go-on') return this.#questions[id]?.()
    if (this.#ended) return
    if (type === 'credit') this.#guard(() => this.#loop?.grant(id, message.n))
    else if (type === 'cancel') this.#guard(() => this.#loop?.cancel(id))
    else if (type === 'load' || type === 'call' || type === 'generate') this.#answer(message)
    else this.#remote.onMessage(message)
  }

  /** @param {Question} message */
  async #answer(message) {
    const { id } = message
    try {
      const value = await this.#do(message)
      const transfer =
        value instanceof Uint8Array ? [/** @type {ArrayBuffer} */ (value.buffer)] : []
      this.#host.post({ type: 'result', id, value }, transfer)
    } catch (error) {
      if (isCrash(error)) return this.#crash(error)
      this.#host.post({ type: 'error', id, error: packError(typed(error)) })
    }
  }

  /** @param {Question} message */
  async #do(message) {
    if (message.type === 'load') return this.#load(message)
    const engine = this.#engine
    const loop = this.#loop
    if (!engine || !loop) throw new SottoError('invalid_state', 'No model is loaded')
    if (message.type === 'generate') return loop.add(message.id, message.request, message.credit)
    const method = calls[message.method]
    if (!method) throw new SottoError('version_mismatch', `The worker knows no ${message.method}`)
    if (needsComputing.has(message.method)) {
      loop.check()
      await this.#recovering
    }
    return method(engine, ...message.args)
  }

  /**
   * @param {Extract<ToWorker, { type: 'load' }>} message
   * @returns {Promise<LoadedModel | MemoryPlan>}
   */
  async #load({ protocol, sources, options }) {
    if (protocol !== PROTOCOL) {
      throw new SottoError(
        'version_mismatch',
        `The library speaks protocol ${protocol}, not ${PROTOCOL}`,
      )
    }
    /** @type {Map<ModuleName, Promise<WebAssembly.Module>>} */
    const modules = new Map()
    const announce = () => this.#ask((id) => ({ type: 'gpu-open', id }))
    const gpus = new Gpus(options, this.#host.gpu, announce)
    this.#gpus = gpus
    /** @type {LoadJob} */
    const job = {
      makeSources: (again) => {
        const asked = again ? { ...options, cache: cacheAgain(options.cache) } : options
        return sources.map((descriptor, index) => this.#source(descriptor, asked, index))
      },
      options,
      compile: (name) => {
        const compiled = modules.get(name) ?? this.#host.compile(name, options.wasmUrl)
        modules.set(name, compiled)
        return compiled
      },
      threads: this.#host.threads,
      gpus,
      yieldToEvents: this.#host.yieldToEvents,
      onProgress: (progress) => this.#host.post({ type: 'progress', progress }),
      onPlan: (plan) =>
        options.waits ? this.#ask((id) => ({ type: 'plan', id, plan })) : Promise.resolve(),
      onWarning: (warning) => this.#warn(warning),
      onCrash: (error) => this.#crash(error),
    }
    if (options.plan_only) return planOnly(job)
    const { engine, recovery, threads, load_ms, cache } = await load(job)
    this.#engine = engine
    this.#loop = new Loop(engine, {
      send: (id, events) => this.#send(id, events),
      yieldToEvents: this.#host.yieldToEvents,
      onCrash: (error) => this.#crash(error),
    })
    const { n: n_threads, reason: n_threads_reason } = threads
    const times = { worker: 0, ...load_ms, total: 0 } // the other side knows these two
    const { plan, ...place } = placeOf(gpus, recovery)
    const info = { ...engine.info(), n_threads, n_threads_reason, load_ms: times, cache, ...place }
    this.#watch(engine, recovery)
    return { variant: engine.variant(), info, plan }
  }

  /**
   * When the GPU fails, requests wait until the engine can go on.
   * @param {CoreEngine} engine
   * @param {Recovery} recovery
   */
  #watch(engine, recovery) {
    engine.gpu?.failed.then(() => {
      this.#recovering = this.#recover(engine, recovery)
    })
  }

  /** @param {CoreEngine} engine @param {Recovery} recovery */
  async #recover(engine, recovery) {
    try {
      await recovery.run()
      if (this.#ended || !this.#gpus) return
      this.#host.post({ type: 'moved', place: placeOf(this.#gpus, recovery) })
      this.#watch(engine, recovery)
      this.#loop?.wake()
    } catch (error) {
      if (this.#ended) return
      if (isCrash(error)) return this.#crash(error)
      this.#loop?.fail(unpackError(packError(typed(error))))
    }
  }

  /** @param {SottoError} warning */
  #warn(warning) {
    this.#host.post({ type: 'warning', warning: packError(warning) })
  }

  /**
   * @param {(id: number) => FromWorker} question
   * @returns {Promise<void>} resolves at the answer
   */
  #ask(question) {
    return new Promise((resolve) => {
      this.#host.post(question(this.#questions.push(resolve) - 1))
    })
  }

  /**
   * @param {SourceDescriptor} descriptor
   * @param {LoadOptions} options
   * @param {number} index of the file
   * @returns {OpenableSource}
   */
  #source(descriptor, options, index) {
    const { cache: mode, cacheDir, sha256: hashes, plan_only } = options
    if (descriptor.kind === 'url') {
      const { url, init } = descriptor
      const sha256 = plan_only ? undefined : hashes[index]
      const isData = url.startsWith('data:')
      // Ours is the better cache, and the browser's answers parallel requests of one URL in turn.
      const request = { cache: /** @type {const} */ ('no-store'), ...init }
      const http = new HttpSource(url, request, undefined, descriptor.retry)
      if ((mode === 'no-store' && !sha256) || isData) return http
      const host = {
        openStorage: () => this.#host.cacheStorage(cacheDir),
        startHasher: () => this.#host.startHasher(options),
        warn: (/** @type {SottoError} */ warning) => this.#warn(warning),
      }
      return new CachedSource(http, host, { url, mode, sha256, peek: plan_only })
    }
    if (descriptor.kind === 'path') return this.#host.fileSource(descriptor.path)
    if (descriptor.kind === 'blob') return blobSource(descriptor.blob)
    return this.#remote.source(descriptor.index, descriptor.name)
  }

  /** @param {number} id @param {EngineEvent[]} events */
  #send(id, events) {
    const transfer = events.flatMap(({ logits, embedding }) =>
      [logits, embedding].flatMap((floats) => (floats ? [floats.buffer] : [])),
    )
    this.#host.post({ type: 'events', id, events }, transfer)
  }

  /** @param {() => void} work that has no answer to fail */
  #guard(work) {
    try {
      work()
    } catch (error) {
      this.#crash(error)
    }
  }

  /** Before the worker is ended: the GPU is given back. */
  async #end() {
    this.#ended = true
    await this.#gpus?.end()
    this.#host.post({ type: 'ended' })
  }

  /** @param {unknown} error */
  #crash(error) {
    if (this.#ended) return
    this.#ended = true
    this.#engine = undefined
    this.#loop = undefined
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    const details = error instanceof Error ? { stack: error.stack } : {}
    const message = `The engine crashed: ${text}`
    const typed = new SottoError('worker_failed', message, { cause: error, details })
    this.#host.post({ type: 'fatal', error: packError(typed) })
  }
}

/**
 * Where the engine computes.
 * @param {Gpus} gpus
 * @param {Recovery} recovery
 */
const placeOf = ({ present, refusal }, { plan }) => ({
  gpu: present?.info,
  gpu_refusal: refusal,
  plan,
})

/**
 * What was read before is in the cache, and wanted as it was, whatever the server has now.
 * @param {CacheMode} mode
 * @returns {CacheMode}
 */
const cacheAgain = (mode) => (mode === 'default' || mode === 'reload' ? 'force-cache' : mode)

/** They read or change what the engine has computed. */
const needsComputing = new Set(['saveState', 'loadState', 'clearCache'])

/** @type {Record<string, (engine: CoreEngine, ...args: any[]) => any>} */
const calls = {
  tokenize: (engine, text, options) => engine.tokenize(text, options),
  detokenize: (engine, ids, options) => engine.detokenize(ids, options),
  applyChatTemplate: (engine, input) => engine.applyChatTemplate(input),
  saveState(engine, tokens) {
    const save = () => engine.saveState(tokens)
    return engine.gpu ? engine.gpu.poll(save) : save()
  },
  loadState: (engine, data) => engine.loadState(data),
  clearCache: (engine) => engine.clearCache(),
  memory: (engine) => engine.memory(),
  statistics: (engine) => ({ memory: engine.memory(), gpu: engine.gpu?.statistics() }),
  describe: (engine, asJson) => engine.describe(asJson),
  printProgram: (engine) => engine.printProgram(),
}

/**
 * A trap, in a thread too ("unwind"), or a stack that overflowed: the module's memory may be in any
 * state.
 * @param {unknown} error
 */
const isCrash = (error) =>
  error === 'unwind' ||
  error instanceof WebAssembly.RuntimeError ||
  (error instanceof Error && /call stack|recursion/.test(error.message))

/**
 * Copies for the main thread can fail too.
 * @param {unknown} error
 */
const typed = (error) =>
  error instanceof RangeError && /allocation/i.test(error.message)
    ? new SottoError('out_of_memory', error.message, { cause: error })
    : error
