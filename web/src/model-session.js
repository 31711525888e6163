// The one model of the page: loading it, pausing, going on, giving it up. Views watch `state`.
import { loadModel, modelCache, SottoError } from 'sotto'
import { cacheOptions } from './loading.js'
import { Rate } from './rate.js'
import { Signal } from './signal.js'
import { quantisationOf } from './statistics.js'

/** @import { Engine, LoadModelOptions, MemoryPlan, Progress } from 'sotto' */
/** @import { Settings } from './settings.js' */
/** @import { ModelEntry, ModelState } from './types.js' */

/** A prompt that this model cannot take is no reason not to load it. */
const REFUSES_PROMPT = ['context_length_exceeded', 'invalid_template', 'template_raised']
const steps = {
  header: 'Reading the header',
  weights: '',
  prefill: 'Reading the conversation',
  verify: 'Comparing the checksum',
  ready: '',
}

export class ModelSession {
  /** @type {Signal<ModelState>} */
  state = new Signal(/** @type {ModelState} */ ({ phase: 'none' }))
  #settings
  #onWarning
  #prefill
  /** @type {AbortController | undefined} of the loading under way */
  #loading
  /** @type {Engine | undefined} */
  #engine

  /**
   * @param {Settings} settings
   * @param {(warning: Error) => void} onWarning something went wrong without stopping the load
   * @param {() => LoadModelOptions['prefill']} prefill what is read while the model arrives
   */
  constructor(settings, onWarning, prefill) {
    this.#settings = settings
    this.#onWarning = onWarning
    this.#prefill = prefill
  }

  /**
   * Resolves when loading has ended, however it did; `state` says how.
   * @param {ModelEntry} entry
   * @param {LoadModelOptions} [more]
   */
  async load(entry, more = {}) {
    this.#loading?.abort()
    const abort = new AbortController()
    this.#loading = abort
    const before = this.#engine
    this.#engine = undefined
    const start = { phase: /** @type {const} */ ('loading'), entry, step: 'Starting' }
    this.state.value = { ...start, loaded: 0, total: 0, speed: 0, remaining: Infinity }
    try {
      await before?.dispose()
      const engine = await this.#open(entry, more, abort)
      const quantisation = quantisationOf(await engine.describe())
      if (this.#loading !== abort) return void engine.dispose()
      this.#engine = engine
      this.state.value = { phase: 'ready', entry, engine, quantisation }
      modelCache.persist().catch(() => {})
    } catch (error) {
      // Paused or given up, or another model is being loaded.
      if (this.#loading !== abort || abort.signal.aborted) return
      this.state.value = { phase: 'failed', entry, error }
    }
  }

  /**
   * @param {ModelEntry} entry
   * @param {LoadModelOptions} more
   * @param {AbortController} abort
   */
  async #open(entry, more, abort) {
    const options = {
      ...this.#settings.load(),
      ...more,
      ...cacheOptions(entry, this.#onWarning),
      ...this.#reporter(entry, abort),
      signal: abort.signal,
    }
    const prefill = this.#prefill()
    if (!prefill) return loadModel(entry.source, options)
    try {
      return await loadModel(entry.source, { ...options, prefill })
    } catch (error) {
      const code = error instanceof SottoError ? error.code : ''
      if (!REFUSES_PROMPT.includes(code)) throw error
      return loadModel(entry.source, options)
    }
  }

  /** @param {ModelEntry} entry @param {AbortController} abort */
  #reporter(entry, abort) {
    const rate = new Rate()
    /** @type {MemoryPlan | undefined} */
    let plan
    let bytes = { loaded: 0, total: 0 }
    const onProgress = (/** @type {Progress} */ { status, loaded, total }) => {
      if (this.#loading !== abort) return
      if (status === 'weights') rate.add(loaded)
      if (status !== 'prefill') bytes = { loaded, total }
      const { perSecond: speed } = rate
      const remaining = rate.remaining(bytes.total)
      const step = steps[status]
      this.state.value = { phase: 'loading', entry, plan, step, ...bytes, speed, remaining }
    }
    const onPlan = (/** @type {MemoryPlan} */ known) => {
      plan = known
    }
    return { onProgress, onPlan }
  }

  /** Ends the download; what the cache has of it by then stays. */
  pause() {
    const { value } = this.state
    if (value.phase !== 'loading') return
    this.#stop()
    const { entry, plan, loaded, total } = value
    this.state.value = { phase: 'paused', entry, plan, loaded, total }
  }

  /** Loads the same again: after a pause, a failure or a crash. @param {LoadModelOptions} [more] */
  again(more) {
    const { value } = this.state
    return value.phase === 'none' ? Promise.resolve() : this.load(value.entry, more)
  }

  /** Back to no model. */
  async close() {
    this.#stop()
    const engine = this.#engine
    this.#engine = undefined
    this.state.value = { phase: 'none' }
    await engine?.dispose()
  }

  #stop() {
    const loading = this.#loading
    this.#loading = undefined
    loading?.abort()
  }
}
