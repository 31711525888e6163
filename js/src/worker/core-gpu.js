// An engine's GPU: hands the core's commands to the executor as soon as they have gathered, tells
// the core in their order which are done, and wakes who waits for that. When the GPU fails the core
// hears nothing, and waits until it is told what goes on in its place (recovery.js).
import { adopted, SottoError } from '../errors.js'
import { mismatch } from './layout.js'

/** @import { CoreEngine } from './core-engine.js' */
/** @import { Executing, OpenGpu } from './open-gpu.js' */

const LONGEST_SET_UP_MS = 30_000
const LONGEST_TRIAL_MS = 5000

export class CoreGpu {
  #module
  #engine
  #gpu
  #onCrash
  #commands
  /** @type {Executing | undefined} once there is something to execute */
  #executor
  /** Reports of what is under way, one after the other. */
  #reports = Promise.resolve()
  #underWay = 0
  /** @type {(() => void)[]} */
  #waiting = []
  /** @type {Promise<unknown>} */
  #polling = Promise.resolve()
  /** The core computes elsewhere now. */
  #left = false
  /** @type {(failure: SottoError) => void} */
  #onFailure = () => {}
  /** @type {SottoError | undefined} what ended the GPU's work; the core has not been told */
  failure
  /** Resolves with it. @type {Promise<SottoError>} */
  failed = new Promise((resolve) => {
    this.#onFailure = resolve
  })

  /**
   * @param {CoreEngine} engine
   * @param {OpenGpu} gpu
   * @param {(error: unknown) => void} onCrash the module trapped
   */
  constructor({ module, ptr }, gpu, onCrash) {
    this.#module = module
    this.#engine = ptr
    this.#gpu = gpu
    this.#onCrash = onCrash
    this.#commands = module.struct('gpu_commands')
    if (gpu.hash !== module.layout.gpu_kernels) throw mismatch('such kernels for GPUs')
  }

  /**
   * Calls `use` with what the core is told of the device.
   * @template T
   * @param {(device: number) => T} use
   */
  withDevice(use) {
    const module = this.#module
    const { numbers, features } = this.#gpu.facts
    const device = module.struct('gpu_device')
    for (const [field, value] of Object.entries(numbers)) device.set(field, value)
    const bits = features.map((name) => module.constant(`GPU_${name}`))
    device.set(
      'features',
      bits.reduce((all, bit) => all | bit, 0),
    )
    try {
      return use(device.ptr)
    } finally {
      module.free(device.ptr)
    }
  }

  /** Loading has begun. */
  start() {
    this.#executor = this.#gpu.makeExecutor(this.#module, this.#module.layout)
    this.flush()
  }

  /** The core computes elsewhere: nothing of this reaches it any more. */
  leave() {
    this.#left = true
    this.#module.free(this.#commands.ptr)
    this.wake()
  }

  /**
   * After each call of the core that may have added commands.
   * @returns {boolean} whether there were some
   */
  flush() {
    const executor = this.#executor
    if (!executor || this.failure || this.#left) return false
    if (!this.#module.call('sotto_engine_gpu_take', this.#engine, this.#commands.ptr)) return false
    const [records, n_bytes, serial] = ['records', 'n_bytes', 'serial'].map((field) =>
      this.#commands.get(field),
    )
    const done = executor.execute({ records, n_bytes }).catch((error) => this.#fail(error))
    this.#underWay++
    this.#reports = this.#reports
      .then(() => done)
      .then(() => this.#report(serial))
      .catch(this.#onCrash)
    return true
  }

  /** Resolves at the next report or when it is woken; where the GPU has failed, when it is left. */
  report() {
    if (this.#underWay === 0 && !this.failure && !this.#left) {
      throw new SottoError('internal_error', 'The core waits for a GPU that has nothing to do')
    }
    if (this.#left) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(() => resolve(undefined)))
  }

  /** There is something else to do for who waits for a report. */
  wake() {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /**
   * What a call of the core gives that gives nothing until something has come from the GPU. There
   * is one such call at a time.
   * @template T
   * @param {() => T | undefined} call
   */
  poll(call) {
    const result = this.#polling.then(async () => {
      for (;;) {
        this.check()
        const given = call()
        if (given !== undefined) return given
        await this.report()
      }
    })
    this.#polling = result.catch(() => {})
    return result
  }

  /** Throws if the GPU has failed, or is not in use any more. */
  check() {
    if (this.failure) throw this.failure
    if (this.#left) throw new SottoError('gpu_lost', 'The GPU is not in use any more')
  }

  /** Bytes of buffers on the GPU. */
  bytes() {
    if (!this.#executor) return 0
    const { storage_bytes, uniform_bytes, staging_bytes } = this.#executor.statistics()
    return storage_bytes + uniform_bytes + staging_bytes
  }

  /** Resolves when there is room for more weights; rejects if the GPU has failed. */
  async room() {
    this.check()
    await this.#executor?.room().catch((error) => this.#fail(error))
    this.check()
  }

  /** Resolves when everything is done; rejects if the GPU has failed. */
  async done() {
    while (this.#underWay > 0 && !this.failure) await this.#reports
    this.check()
  }

  /**
   * Before there are weights: how long a token takes, in milliseconds. A GPU that takes too long to
   * say has Infinity, and is still at work.
   * @returns {Promise<{ gpu_ms: number, cpu_ms: number }>}
   */
  async trial() {
    const m = this.#module
    let begun = false
    let end = performance.now() + LONGEST_SET_UP_MS
    for (;;) {
      this.check()
      const outs = [m.out(0), m.out(1)]
      m.check(m.call('sotto_engine_gpu_trial', this.#engine, ...outs), this.#engine)
      const [gpu_ms, cpu_ms] = outs.map((out) => m.view.getFloat64(out, true))
      if (gpu_ms > 0) return { gpu_ms, cpu_ms }
      // What comes of this call is tokens, behind the set-up.
      const some = this.flush()
      if (some && !begun) end = performance.now() + LONGEST_TRIAL_MS
      begun ||= some
      await within(this.report(), end - performance.now())
      if (performance.now() >= end) return { gpu_ms: Infinity, cpu_ms }
    }
  }

  statistics() {
    return { ...this.#gpu.info, ...this.#executor?.statistics() }
  }

  /** @param {unknown} error */
  #fail(error) {
    if (this.failure || this.#left) return
    this.failure = adopted(error)
    this.#onFailure(this.failure)
    this.wake()
  }

  /** @param {number} serial */
  #report(serial) {
    this.#underWay--
    if (this.failure || this.#left) return
    const m = this.#module
    m.call('sotto_engine_gpu_report', this.#engine, serial, 0)
    try {
      m.check(m.call('sotto_engine_gpu_status', this.#engine), this.#engine)
    } catch (error) {
      return this.#fail(error)
    }
    this.flush()
    this.wake()
  }
}

/** @param {Promise<unknown>} work @param {number} ms that it is waited for at most */
async function within(work, ms) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, late])
  clearTimeout(timer)
}
