// A prompt that is computed while the weights arrive. Its request wants no token,
// only keys and values in the cache. What has arrived is always taken first; the engine steps
// when nothing is there, and where it lacks the next weight, nothing happens until one comes.
// So reading never waits longer than a step.
import { SottoError } from '../errors.js'

/** @import { Progress } from '../types.js' */
/** @import { CoreRequest, Prompt } from '../protocol.js' */
/** @import { CoreEngine } from './core-engine.js' */

const STEP_MS = 10
const PROGRESS_EVERY_MS = 50

/** @type {Omit<CoreRequest, 'prompt'>} */
const fillsCache = { fields: { max_tokens: 0 }, flags: [], stop: [], logit_bias: [] }

/**
 * @param {CoreEngine} engine after its plan
 * @param {Prompt} prompt
 * @returns {Int32Array} at least one
 */
export function promptTokens(engine, prompt) {
  if (prompt.kind === 'tokens') return prompt.tokens
  if (prompt.kind === 'chat') return engine.applyChatTemplate(prompt.template).tokens
  return engine.tokenize(prompt.text, prompt)
}

export class Prefill {
  #engine
  #tokens
  #id
  #total
  #yield
  #onProgress
  /** What was reported last, and when. */
  #loaded = 0
  #reported = 0
  #fed = false
  #stopped = false
  #isDone = false
  #wake = () => {}
  #waits
  #waitsForGpu
  #done

  /**
   * Adds the request; the engine computes nothing yet.
   * @param {CoreEngine} engine that has started to load
   * @param {Int32Array} tokens
   * @param {object} host
   * @param {() => Promise<void>} host.yieldToEvents resolves after what waited was handled
   * @param {(progress: Progress) => void} host.onProgress
   */
  constructor(engine, tokens, { yieldToEvents, onProgress }) {
    this.#engine = engine
    this.#tokens = tokens
    this.#yield = yieldToEvents
    this.#onProgress = onProgress
    this.#total = tokens.length
    this.#waits = engine.module.constant('STEP_WAIT_WEIGHTS')
    this.#waitsForGpu = engine.module.constant('STEP_WAIT_GPU')
    this.#done = engine.module.constant('EVENT_DONE')
    this.#id = this.#add()
  }

  #add() {
    const tokens = this.#tokens
    return this.#engine.addRequest(tokens, { prompt: { kind: 'tokens', tokens }, ...fillsCache })
  }

  /** Some more weights are there. */
  fed() {
    this.#fed = true
    this.#wake()
  }

  /** Loading has failed: run() ends without doing more. */
  stop() {
    this.#stopped = true
    this.#wake()
    this.#engine.gpu?.wake()
  }

  /**
   * Resolves when the whole prompt is in the cache, or after stop(). May be called again when
   * what the engine computed was lost.
   */
  async run() {
    this.#stopped = false
    if (this.#isDone) this.#id = this.#add()
    this.#isDone = false
    for (;;) {
      do {
        this.#fed = false
        await this.#yield()
      } while (this.#fed)
      if (this.#stopped) return
      const result = this.#engine.step(STEP_MS)
      this.#isDone = this.#take()
      if (this.#isDone) break
      const waits = result === this.#waits
      this.#report(waits)
      if (waits) await this.#feeding()
      if (result === this.#waitsForGpu && !this.#stopped) await this.#engine.gpu?.report()
    }
    this.#onProgress({ status: 'prefill', loaded: this.#total, total: this.#total })
  }

  #feeding() {
    return new Promise((resolve) => {
      this.#wake = () => resolve(undefined)
      if (this.#stopped) this.#wake()
    })
  }

  /** @returns {boolean} the prompt is done */
  #take() {
    for (let event = this.#engine.nextEvent(); event; event = this.#engine.nextEvent()) {
      if (event.type !== this.#done) continue
      if (event.error) throw new SottoError(event.error.code, event.error.message)
      return true
    }
    return false
  }

  /** @param {boolean} now nothing more will be done for a while */
  #report(now) {
    const time = performance.now()
    if (!now && time - this.#reported < PROGRESS_EVERY_MS) return
    const loaded = this.#engine.promptProgress(this.#id)
    if (loaded === this.#loaded) return
    this.#reported = time
    this.#loaded = loaded
    this.#onProgress({ status: 'prefill', loaded, total: this.#total })
  }
}
