// The main thread's end of the protocol: numbers calls, matches answers with them, and sees to it
// that nothing waits for a worker that is gone. While somebody waits, the worker keeps a Node.js
// process alive; an idle one does not.
import { abortError, SottoError, unpackError } from './errors.js'
import { PROTOCOL } from './protocol.js'
import { SourceServer } from './source/remote-server.js'

/** @import { CoreRequest, EngineEvent, LoadOptions, LoadedModel } from './protocol.js' */
/** @import { FromWorker, Place, SourceDescriptor, ToWorker } from './protocol.js' */
/** @import { OpenableSource } from './source/source.js' */
/** @import { MemoryPlan, Progress } from './types.js' */

const LONGEST_END_MS = 10_000

/**
 * A worker as a host starts it.
 * @typedef {object} WorkerPort
 * @property {(message: ToWorker, transfer?: ArrayBuffer[]) => void} post
 * @property {(handlers: { onMessage: (message: FromWorker) => void,
 *   onFailure: (error: unknown) => void }) => void} listen
 * @property {() => Promise<void>} terminate
 * @property {(hold: boolean) => void} hold whether the worker keeps the process alive
 */

/**
 * The caller's own; what they throw ends loading.
 * @typedef {object} Callbacks
 * @property {(progress: Progress) => void} [onProgress]
 * @property {(warning: SottoError) => void} [onWarning]
 * @property {(plan: MemoryPlan) => unknown} [onPlan] awaited
 */

/** @typedef {{ resolve: (value: any) => void, reject: (error: unknown) => void }} Waiter */
/**
 * @typedef {{ onEvents: (events: EngineEvent[]) => void, onError: (error: unknown) => void }}
 *   Listener
 */

export class Connection {
  #port
  #lastId = 0
  #waits = 0
  /** @type {Map<number, Waiter>} */
  #calls = new Map()
  /** @type {Map<number, Listener>} */
  #listeners = new Map()
  /** @type {unknown} why nothing works any more */
  #ended
  /** @type {Promise<void> | undefined} */
  #ending
  /** @type {Waiter | undefined} */
  #ready
  /** @type {SourceServer | undefined} */
  #sources
  /** The worker may have a GPU to give back before it ends. */
  #hasGpu = false
  #onEnded = () => {}
  /** Is told where the engine goes on when it lost its GPU. @type {(place: Place) => void} */
  onMoved = () => {}
  /** @type {(progress: Progress) => void} */
  #onProgress = () => {}
  /** @type {(warning: SottoError) => void} */
  #onWarning = (warning) => console.warn(String(warning))
  /** @type {(plan: MemoryPlan) => unknown} */
  #onPlan = () => {}

  /** @param {WorkerPort} port */
  constructor(port) {
    this.#port = port
    port.listen({
      onMessage: (message) => this.#onMessage(message),
      onFailure: (cause) => {
        const text = cause instanceof Error ? cause.message : String(cause)
        this.#hasGpu = false // nor a worker that could
        this.end(new SottoError('worker_failed', `The worker failed: ${text}`, { cause }))
      },
    })
  }

  /**
   * @param {{ descriptors: SourceDescriptor[], local: OpenableSource[] }} sources
   * @param {LoadOptions} options
   * @param {Callbacks} callbacks
   * @returns {Promise<LoadedModel>}
   */
  async load(sources, options, callbacks) {
    const begin = performance.now()
    const { value, worker } = await this.#load(sources, options, callbacks)
    Object.assign(value.info.load_ms, { worker, total: performance.now() - begin })
    return value
  }

  /**
   * @param {{ descriptors: SourceDescriptor[], local: OpenableSource[] }} sources
   * @param {LoadOptions} options
   * @param {Callbacks} callbacks
   * @returns {Promise<MemoryPlan>}
   */
  async plan(sources, options, callbacks) {
    return (await this.#load(sources, { ...options, plan_only: true }, callbacks)).value
  }

  /**
   * @param {{ descriptors: SourceDescriptor[], local: OpenableSource[] }} sources
   * @param {LoadOptions} options
   * @param {Callbacks} callbacks
   * @returns {Promise<{ value: any, worker: number }>} worker: milliseconds until it was there
   */
  async #load({ descriptors, local }, options, { onProgress, onWarning, onPlan }) {
    const begin = performance.now()
    this.#onProgress = onProgress ?? this.#onProgress
    this.#onWarning = onWarning ?? this.#onWarning
    this.#onPlan = onPlan ?? this.#onPlan
    this.#sources = new SourceServer(local, (message, transfer) =>
      this.#port.post(message, transfer),
    )
    try {
      let worker = 0
      const ready = this.wait((resolve, reject) => {
        this.#ready = { resolve, reject }
      }).then(() => {
        worker = performance.now() - begin
      })
      // Sent at once, so that the worker finds it when its own files are there.
      const head = { type: /** @type {const} */ ('load'), protocol: PROTOCOL }
      const loading = this.#ask((id) => ({ ...head, id, sources: descriptors, options }))
      const [value] = await Promise.all([loading, ready])
      // A GPU may be lost, and then the model is read again.
      if (!value.info?.gpu) this.#closeSources()
      return { value, worker }
    } catch (error) {
      this.#closeSources()
      throw error
    }
  }

  #closeSources() {
    this.#sources?.close()
    this.#sources = undefined
  }

  /**
   * Calls a method of the engine in the worker.
   * @param {string} method
   * @param {...any} args
   * @returns {Promise<any>}
   */
  call(method, ...args) {
    return this.#ask((id) => ({ type: 'call', id, method, args }))
  }

  /**
   * Starts a generation; resolves once the engine has accepted it.
   * @param {CoreRequest} request
   * @param {number} credit
   * @param {Listener} listener
   */
  async generate(request, credit, listener) {
    let requestId = 0
    const accepted = this.#ask((id) => {
      requestId = id
      this.#listeners.set(id, listener)
      return { type: 'generate', id, request, credit }
    })
    await accepted.catch((error) => {
      this.#listeners.delete(requestId)
      throw error
    })
    return requestId
  }

  /** @param {number} id @param {number} n */
  grant(id, n) {
    if (this.#listeners.has(id)) this.#port.post({ type: 'credit', id, n })
  }

  /** @param {number} id */
  cancel(id) {
    if (this.#listeners.delete(id)) this.#port.post({ type: 'cancel', id })
  }

  /** Throws if there is no worker any more. */
  check() {
    if (this.#ended) throw this.#ended
  }

  /**
   * A promise that somebody waits for: it holds the process.
   * @template T
   * @param {(resolve: (value: T) => void, reject: (error: unknown) => void) => void} executor
   * @returns {Promise<T>}
   */
  wait(executor) {
    if (this.#ended) return Promise.reject(this.#ended)
    if (this.#waits++ === 0) this.#port.hold(true)
    return new Promise(executor).finally(() => {
      if (--this.#waits === 0) this.#port.hold(false)
    })
  }

  /**
   * Ends the worker. Whatever waits is rejected with `reason`, that of the first call.
   * @param {unknown} reason
   */
  end(reason) {
    this.#ending ??= this.#end(reason)
    return this.#ending
  }

  /** @param {unknown} reason */
  async #end(reason) {
    this.#ended = reason
    this.#closeSources()
    this.#ready?.reject(reason)
    for (const { reject } of this.#calls.values()) reject(reason)
    for (const { onError } of this.#listeners.values()) onError(reason)
    this.#calls.clear()
    this.#listeners.clear()
    if (this.#hasGpu) await this.#giveGpuBack()
    await this.#port.terminate()
  }

  /**
   * Dawn in Node.js takes the process along if a worker is terminated while the GPU owes it an
   * answer.
   */
  async #giveGpuBack() {
    this.#port.hold(true)
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer
    await new Promise((resolve) => {
      this.#onEnded = () => resolve(undefined)
      timer = setTimeout(resolve, LONGEST_END_MS)
      this.#port.post({ type: 'end', id: 0 })
    })
    clearTimeout(timer)
  }

  /** @param {(id: number) => ToWorker} makeMessage */
  #ask(makeMessage) {
    return this.wait((/** @type {(value: any) => void} */ resolve, reject) => {
      const id = ++this.#lastId
      this.#calls.set(id, { resolve, reject })
      try {
        this.#port.post(makeMessage(id))
      } catch (error) {
        // Something in the arguments cannot be cloned.
        this.#calls.delete(id)
        reject(new SottoError('invalid_argument', `Not plain data: ${error}`, { cause: error }))
      }
    })
  }

  /** @param {FromWorker} message */
  #onMessage(message) {
    if (message.type === 'ready') return this.#start(message.protocol)
    if (message.type === 'progress') return this.#tell(() => this.#onProgress(message.progress))
    if (message.type === 'plan') return void this.#show(message)
    if (message.type === 'gpu-open') return this.#goOn(message, true)
    if (message.type === 'moved') return this.#moved(message.place)
    if (message.type === 'warning') {
      return this.#tell(() => this.#onWarning(unpackError(message.warning)))
    }
    if (message.type === 'ended') return this.#onEnded()
    if (message.type === 'fatal') return void this.end(unpackError(message.error))
    if (message.type === 'result') return this.#settle(message.id)?.resolve(message.value)
    if (message.type === 'error')
      return this.#settle(message.id)?.reject(unpackError(message.error))
    if (message.type !== 'events') return this.#sources?.onMessage(message)
    const listener = this.#listeners.get(message.id)
    if (message.events.at(-1)?.kind === 'done') this.#listeners.delete(message.id)
    listener?.onEvents(message.events)
  }

  /** @param {() => void} callback of the caller's */
  #tell(callback) {
    try {
      callback()
    } catch (error) {
      this.end(error) // the caller's own: loading fails with it
    }
  }

  /**
   * The worker waits until the caller has seen the plan.
   * @param {{ id: number, plan: MemoryPlan }} message
   */
  async #show({ id, plan }) {
    try {
      await this.#onPlan(plan)
    } catch (error) {
      return this.end(error)
    }
    if (!this.#ended) this.#goOn({ id }, this.#hasGpu)
  }

  /** @param {{ id: number }} question of the worker's @param {boolean} hasGpu from now on */
  #goOn({ id }, hasGpu) {
    this.#hasGpu = hasGpu
    this.#port.post({ type: 'go-on', id })
  }

  /** @param {Place} place */
  #moved(place) {
    if (!place.gpu) this.#closeSources()
    this.onMoved(place)
  }

  /** @param {number} protocol */
  #start(protocol) {
    if (protocol === PROTOCOL) return this.#ready?.resolve(undefined)
    const text = `The worker speaks protocol ${protocol}, the library ${PROTOCOL}`
    this.#ready?.reject(new SottoError('version_mismatch', text))
  }

  /** @param {number} id */
  #settle(id) {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    return call
  }
}

/**
 * Runs `work` unless the signal has fired; when it fires, `stop` is called with its reason.
 * @template T
 * @param {AbortSignal | null | undefined} signal
 * @param {(reason: unknown) => void} stop
 * @param {() => Promise<T>} work
 */
export async function withSignal(signal, stop, work) {
  signal?.throwIfAborted()
  const onAbort = () => stop(signal?.reason ?? abortError())
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    return await work()
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}
