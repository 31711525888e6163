// An engine's GPU: hands the core's commands to the executor as soon as they have gathered, tells
// the core in their order which are done, and wakes who waits for that.
import { SottoError } from '../errors.js'
import { mismatch } from './layout.js'

/** @import { CoreEngine } from './core-engine.js' */
/** @import { Executing, OpenGpu } from './open-gpu.js' */

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
  /** @type {SottoError | undefined} what ended the GPU's work */
  failure

  /**
   * @param {CoreEngine} engine that has made no plan yet
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
    const { numbers, features } = gpu.facts
    const device = module.struct('gpu_device')
    for (const [field, value] of Object.entries(numbers)) device.set(field, value)
    const bits = features.map((name) => module.constant(`GPU_${name}`))
    device.set(
      'features',
      bits.reduce((all, bit) => all | bit, 0),
    )
    module.check(module.call('sotto_engine_set_gpu', ptr, device.ptr), ptr)
    module.free(device.ptr)
  }

  /** Loading has begun. */
  start() {
    this.#executor = this.#gpu.makeExecutor(this.#module, this.#module.layout)
    this.flush()
  }

  /** After each call of the core that may have added commands. */
  flush() {
    const executor = this.#executor
    if (!executor) return
    if (!this.#module.call('sotto_engine_gpu_take', this.#engine, this.#commands.ptr)) return
    const [records, n_bytes, serial] = ['records', 'n_bytes', 'serial'].map((field) =>
      this.#commands.get(field),
    )
    const done = executor.execute({ records, n_bytes }).then(
      () => 0,
      (error) => this.#failed(error),
    )
    this.#underWay++
    this.#reports = this.#reports
      .then(() => done)
      .then((status) => this.#report(serial, status))
      .catch(this.#onCrash)
  }

  /** Resolves at the next report, or when it is woken. */
  report() {
    if (this.#underWay === 0) {
      throw new SottoError('internal_error', 'The core waits for a GPU that has nothing to do')
    }
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
        const given = call()
        if (given !== undefined) return given
        await this.report()
      }
    })
    this.#polling = result.catch(() => {})
    return result
  }

  /** Bytes of buffers on the GPU. */
  bytes() {
    if (!this.#executor) return 0
    const { storage_bytes, uniform_bytes, staging_bytes } = this.#executor.statistics()
    return storage_bytes + uniform_bytes + staging_bytes
  }

  /** Resolves when there is room for more weights; rejects if the GPU has failed. */
  room() {
    return this.#executor?.room()
  }

  /** Resolves when everything is done; rejects if the GPU has failed. */
  async done() {
    while (this.#underWay > 0) await this.#reports
    if (this.failure) throw this.failure
    this.#module.check(this.#module.call('sotto_engine_gpu_status', this.#engine), this.#engine)
  }

  /** @param {SottoError} error */
  #failed(error) {
    this.failure ??= error
    const { status } = this.#module.layout
    return status[error.code] ?? status.internal_error
  }

  /** @param {number} serial @param {number} status */
  #report(serial, status) {
    this.#underWay--
    this.#module.call('sotto_engine_gpu_report', this.#engine, serial, status)
    this.flush()
    this.wake()
  }
}
