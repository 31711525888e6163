// The GPUs of one engine, one after the other: which may be used at first, another one when it is
// lost, none when it has been lost too often. The code for GPUs is imported where there is one.
import { abortError, SottoError } from '../errors.js'

/** @import { DeviceFacts, FoundGpu } from '../gpu/device.js' */
/** @import { Executor } from '../gpu/executor.js' */
/** @import { Kernels } from '../gpu/pipelines.js' */
/** @import { Memory } from '../gpu/records.js' */
/** @import { LoadOptions } from '../protocol.js' */
/** @import { GpuInfo } from '../types.js' */
/** @import { Layout } from './layout.js' */

/** Long enough that waiting is rare, short enough that text flows. */
const AHEAD_MS = 20

/** @typedef {Pick<typeof import('../gpu/gpu.js'), 'findGpu' | 'Executor'>} GpuCode */
/**
 * What a host has for GPUs.
 * @typedef {object} GpuHost
 * @property {(module: string | undefined, auto: boolean) => Promise<GPU>} open throws an Error that
 *   says why there is none; auto: nobody asked for one
 * @property {(wasmUrl: string | undefined) => Promise<GpuCode>} code
 * @property {(wasmUrl: string | undefined) => Promise<Kernels>} kernels
 */

/**
 * What an engine wants of an executor.
 * @typedef {Pick<Executor, 'execute' | 'room' | 'statistics'>} Executing
 */

/**
 * @typedef {object} OpenGpu
 * @property {DeviceFacts} facts
 * @property {GpuInfo} info
 * @property {string} hash of the kernels
 * @property {(memory: Memory, layout: Layout) => Executing} makeExecutor
 * @property {() => Promise<void>} end gives the GPU back; what is under way touches no memory from
 *   now on. Resolves when it owes no answer
 */

/** Before each attempt to find another GPU, in milliseconds. */
const PAUSES = [0, 300, 600]
// Chromium keeps all its pages from the GPU after the third.
const MOST_LOSSES = 2
/** As long as a GPU that nobody asked for is waited for. */
const LONGEST_OPEN_MS = 10_000

export class Gpus {
  #options
  #host
  #announce
  #losses = 0
  /** The engine is on its way out. */
  ended = false
  /** @type {Promise<unknown>} */
  #opening = Promise.resolve()
  /** @type {Promise<unknown>} the end of the ones that were given back */
  #leaving = Promise.resolve()
  /** @type {OpenGpu | undefined} the one in use */
  present
  /** Why there is none in use; empty if there is, or none was wanted. */
  refusal = ''

  /**
   * @param {LoadOptions} options
   * @param {GpuHost} host
   * @param {() => Promise<void>} announce is called before a GPU is opened, and awaited
   */
  constructor(options, host, announce) {
    this.#options = options
    this.#host = host
    this.#announce = announce
  }

  /** A GPU is taken only where that turns out to be right. */
  get optional() {
    return this.#options.backend === 'auto'
  }

  /** The first one, where one is wanted; without one there is a refusal, or an error. */
  async first() {
    const { backend } = this.#options
    if (backend !== 'webgpu' && backend !== 'auto') return
    const { refusal } = await this.#next()
    if (!refusal || this.optional) return
    const text = `backend: no GPU can be used, because ${refusal}. Use "cpu" or "auto".`
    const details = { field: 'backend', reason: refusal }
    throw new SottoError('gpu_unavailable', text, { details })
  }

  /** The present one was lost: another one, or none. */
  async another() {
    await this.leave('it was lost too often')
    if (++this.#losses >= MOST_LOSSES) return
    for (const pause of PAUSES) {
      await new Promise((resolve) => setTimeout(resolve, pause))
      if (this.ended) throw abortError()
      const { refusal } = await this.#next()
      if (!refusal) return
    }
  }

  /** Gives the present one back. @param {string} refusal */
  async leave(refusal) {
    const { present } = this
    this.present = undefined
    this.refusal = refusal
    const leaving = Promise.all([this.#leaving, present?.end()])
    this.#leaving = leaving
    await leaving
  }

  /** Resolves when no GPU owes an answer, and none will be opened. */
  async end() {
    this.ended = true
    await this.#opening.catch(() => {})
    await this.leave(this.refusal)
  }

  #next() {
    const opening = this.#open()
    this.#opening = opening
    return opening
  }

  /** @returns {Promise<{ refusal?: string }>} */
  async #open() {
    try {
      const finding = this.#find()
      const found = await (this.optional ? inTime(finding) : finding)
      if (this.ended) await found.end()
      if (this.ended) throw abortError()
      this.present = found
      this.refusal = ''
      return {}
    } catch (error) {
      if (this.ended || (!this.optional && error instanceof SottoError)) throw error
      this.refusal = error instanceof Error ? error.message : String(error)
      return { refusal: this.refusal }
    }
  }

  async #find() {
    const { gpu: wishes, wasmUrl } = this.#options
    const gpu = await this.#host.open(wishes.module, this.optional)
    await this.#announce()
    const { findGpu, Executor } = await this.#host.code(wasmUrl)
    const found = await findGpu(async () => gpu, wishes)
    if ('refusal' in found) throw new Error(found.refusal)
    found.facts.numbers.budget = wishes.memory_budget ?? 0
    found.facts.numbers.ahead_ms = wishes.ahead_ms ?? AHEAD_MS
    try {
      const kernels = await this.#host.kernels(wasmUrl)
      const { device } = found
      return opened(found, kernels.hash, (...memory) => {
        return new Executor(device, kernels, ...memory, wishes)
      })
    } catch (error) {
      found.device.destroy()
      throw error
    }
  }
}

/** @param {Promise<OpenGpu>} finding @returns {Promise<OpenGpu>} */
async function inTime(finding) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  const late = new Promise((_, reject) => {
    const fail = () => {
      finding.then((found) => found.end()).catch(() => {})
      reject(new Error('the GPU does not answer'))
    }
    timer = setTimeout(fail, LONGEST_OPEN_MS)
  })
  try {
    return await Promise.race([finding, late])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * @param {FoundGpu} found
 * @param {string} hash
 * @param {(memory: Memory, layout: Layout) => Executor} make
 * @returns {OpenGpu}
 */
function opened({ device, facts, info }, hash, make) {
  /** @type {Executor | undefined} */
  let executor
  let ended = false
  const makeExecutor = (/** @type {Memory} */ memory, /** @type {Layout} */ layout) => {
    if (ended) throw abortError()
    executor = make(memory, layout)
    return executor
  }
  const end = async () => {
    ended = true
    const owed = executor?.destroy()
    device.destroy()
    await Promise.all([device.lost, owed])
  }
  return { facts, info, hash, makeExecutor, end }
}
