// The threads of one module instance: how many there shall be, and the workers that they run in.
// All of them are ready before the instance is, because the engine's worker has no time for
// them later. They may be started before there is anything for them to do, so that their
// files come meanwhile.
import { SottoError } from '../errors.js'

/** @import { WorkerPort } from '../connection.js' */
/** @import { LoadOptions } from '../protocol.js' */

/**
 * What a host has for threads.
 * @typedef {object} ThreadHost
 * @property {() => { processors: number, refusal: string }} available refusal:
 *   why there can be none
 * @property {() => WorkerPort} start
 */

/**
 * @typedef {{ onmessage: (event: { data: any }) => void, postMessage: (message: any) => void,
 *   terminate: () => void }} GlueWorker
 */
/**
 * @typedef {{ n: number, reason: string }} ThreadChoice reason: why there are fewer than asked for
 */

const MOST_BY_DEFAULT = 8
const START_MS = 30_000

/**
 * @param {LoadOptions} options
 * @param {ThreadHost} host
 * @returns {ThreadChoice}
 */
export function chooseThreads({ n_threads, wasmUrl, backend }, host) {
  const { processors, refusal } = host.available()
  const wanted = n_threads === 'auto' ? Math.min(processors, MOST_BY_DEFAULT) : n_threads
  const n = Math.max(1, wanted)
  if (n === 1) return { n, reason: '' }
  if (backend === 'webgpu') return { n: 1, reason: n_threads === 'auto' ? '' : 'the GPU computes' }
  if (refusal) return { n: 1, reason: refusal }
  if (wasmUrl && !/(\/|-mt\.wasm)$/.test(wasmUrl)) {
    return { n: 1, reason: 'wasmUrl names a module for one thread; name the folder of all modules' }
  }
  return { n, reason: '' }
}

export class Threads {
  #host
  #module
  /** @type {WorkerPort[]} */
  #ports = []
  /** @type {GlueWorker[]} started, without work yet */
  #waiting = []
  /** @type {SottoError | undefined} */
  #failed
  /** @type {(error: SottoError) => void} */
  #fail = (error) => {
    this.#failed ??= error
  }

  /**
   * @param {ThreadHost} host
   * @param {string} module a name in glue-threads.js
   */
  constructor(host, module) {
    this.#host = host
    this.#module = module
  }

  /**
   * Waits until the instance is there whose threads makeWorker starts. Fails if one of them
   * fails or takes too long.
   * @template T
   * @param {Promise<T>} starting
   * @param {(error: SottoError) => void} onFailure called for a thread that fails later
   * @returns {Promise<T>}
   */
  async watch(starting, onFailure) {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer
    const failed = new Promise((_, reject) => {
      if (this.#failed) reject(this.#failed)
      this.#fail = reject
      const late = () => reject(failure(`not ready after ${START_MS / 1000} s`))
      timer = setTimeout(late, START_MS)
    })
    try {
      const started = await Promise.race([starting, failed])
      this.#fail = onFailure
      return started
    } catch (error) {
      this.end()
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  /** @param {number} n to start now */
  prepare(n) {
    while (this.#waiting.length < n && !this.#failed) {
      try {
        this.#waiting.push(this.#start())
      } catch (cause) {
        this.#failed = failure(cause)
      }
    }
  }

  /**
   * A worker as Emscripten's code wants it. Errors are handled here, because that code only
   * writes them to the console.
   */
  makeWorker() {
    return this.#waiting.shift() ?? this.#start()
  }

  /** @returns {GlueWorker} */
  #start() {
    const port = this.#host.start()
    this.#ports.push(port)
    const worker = {
      onmessage: (/** @type {{ data: any }} */ _) => {},
      // Emscripten's code would wait for a thread that its message never reached.
      postMessage: (/** @type {any} */ message) => {
        try {
          port.post(message)
        } catch (cause) {
          this.#fail(failure(cause))
        }
      },
      terminate: () => void port.terminate(),
    }
    port.listen({
      onMessage: (data) => worker.onmessage({ data }),
      onFailure: (cause) => this.#fail(failure(cause)),
    })
    port.post(/** @type {any} */ ({ module: this.#module }))
    return worker
  }

  end() {
    this.#fail = () => {}
    for (const port of this.#ports) port.terminate()
    this.#ports = []
    this.#waiting = []
  }
}

/** @param {unknown} cause */
function failure(cause) {
  const text = cause instanceof Error ? cause.message : String(cause)
  return new SottoError('worker_failed', `A thread failed: ${text}`, { cause })
}
