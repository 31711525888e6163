// What goes on when a GPU fails: the engine moves to another GPU, or to the CPU, and the weights
// are read once more from the sources, which must still have the same files. Requests wait
// meanwhile; the core computes them again from their tokens.
import { SottoError } from '../errors.js'
import { compare } from '../source/validator.js'
import { ModelFileReader } from './file-reader.js'
import { readWeights } from './weights.js'

/** @import { MemoryPlan, Progress } from '../types.js' */
/** @import { CoreEngine } from './core-engine.js' */
/** @import { FileIdentity } from './file-reader.js' */
/** @import { Job } from './loader.js' */
/** @import { Prefill } from './prefill.js' */

export class Recovery {
  #job
  #engine
  /** @type {FileIdentity[]} */
  #known = []
  /** What the engine takes now. */
  plan

  /**
   * @param {Job} job
   * @param {CoreEngine} engine that has started to load
   * @param {MemoryPlan} plan
   */
  constructor(job, engine, plan) {
    this.#job = job
    this.#engine = engine
    this.plan = plan
  }

  /** @param {ModelFileReader[]} files that are open: they may be read again */
  remember(files) {
    this.#known = files.map(({ identity }) => identity)
  }

  /**
   * After the GPU has failed: resolves when the engine has all its weights again.
   * @param {{ onProgress?: (progress: Progress) => void, prefill?: Prefill }} [reading]
   */
  async run({ onProgress = () => {}, prefill } = {}) {
    for (;;) {
      const failure = this.#engine.gpu?.failure
      if (!failure) throw new SottoError('internal_error', 'There is nothing to recover from')
      if (this.#job.gpus.ended) throw failure
      try {
        this.#checkSources(failure)
        await this.moveOn(failure)
        return await this.#read(onProgress, prefill)
      } catch (error) {
        if (this.#engine.gpu?.failure === failure || !this.#engine.gpu?.failure) {
          throw explained(failure, error)
        }
      }
    }
  }

  /**
   * Moves to where computing can go on, and says so in a warning. The weights are missing then.
   * @param {SottoError} failure of the GPU in use
   */
  async moveOn(failure) {
    const { gpus, onWarning } = this.#job
    // A GPU that computes wrongly or has too little memory will do so again.
    if (failure.code === 'gpu_lost') await gpus.another()
    else await gpus.leave(failure.message)
    if (!gpus.present || !(await this.#moved())) {
      if (failure.code !== 'gpu_lost') gpus.refusal = failure.message
      this.moveToCpu()
    }
    const { info } = gpus.present ?? {}
    const name = info && (info.description || info.architecture || info.vendor || 'another one')
    const where = info ? `on a GPU again (${name})` : `on the CPU: ${gpus.refusal}`
    const details = { code: failure.code, gpu: info }
    const text = `${failure.message}. The engine goes on ${where}`
    onWarning(new SottoError('gpu_lost', text, { cause: failure, details }))
  }

  /** The engine computes on the CPU from now on. Throws if its memory does not suffice. */
  moveToCpu() {
    this.#update(this.#engine.recover(undefined, this.#job.onCrash))
  }

  /** To another GPU, if the model goes there. */
  async #moved() {
    const { gpus, onCrash } = this.#job
    try {
      this.#update(this.#engine.recover(gpus.present, onCrash))
      return true
    } catch (error) {
      if (!(error instanceof SottoError)) throw error
      await gpus.leave(error.message)
      return false
    }
  }

  /** @param {Partial<MemoryPlan>} numbers */
  #update(numbers) {
    this.plan = { ...this.plan, ...numbers }
  }

  /** @param {SottoError} failure */
  #checkSources(failure) {
    const stream = this.#known.find(({ once }) => once)
    if (!stream) return
    const advice = 'load the model again, from a URL, a file or bytes'
    const text = `${failure.message}. ${stream.name} cannot be read a second time: ${advice}`
    throw new SottoError('gpu_lost', text, { cause: failure, details: { source: stream.name } })
  }

  /**
   * @param {(progress: Progress) => void} onProgress
   * @param {Prefill} [prefill]
   */
  async #read(onProgress, prefill) {
    const abort = new AbortController()
    const files = this.#job
      .makeSources(true)
      .map((source) => new ModelFileReader(source, abort.signal))
    try {
      await Promise.all(files.map((file) => file.open()))
      files.forEach((file, index) => {
        checkSame(this.#known[index], file.identity)
      })
      const times = await readWeights(files, this.#engine, { onProgress, abort, prefill })
      await Promise.all(files.map((file) => file.finish()))
      return times
    } finally {
      abort.abort()
      await Promise.allSettled(files.map((file) => file.close()))
    }
  }
}

/**
 * @param {FileIdentity} before
 * @param {FileIdentity} now
 */
function checkSame(before, now) {
  const { name, validator } = before
  const version = validator && now.validator ? compare(validator, now.validator) : 'same'
  if (version === 'same' && before.size === now.size) return
  const text = `${name} is another file than the one that was loaded; load it again`
  throw new SottoError('source_changed', text, { details: { source: name, before, after: now } })
}

/**
 * @param {SottoError} failure
 * @param {unknown} error that kept the engine from going on
 */
function explained(failure, error) {
  if (!(error instanceof SottoError) || error.message.startsWith(failure.message)) return error
  const { code, message, details } = error
  const text = `${failure.message}. Its work cannot go on: ${message}`
  return new SottoError(code, text, { cause: error, details })
}
