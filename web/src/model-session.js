// The one model of the page: loading it, pausing, going on, giving it up. Views watch `state`.
import { loadModel, modelCache } from 'sotto'
import { cacheOptions } from './loading.js'
import { Rate } from './rate.js'
import { Signal } from './signal.js'
import { quantisationOf } from './statistics.js'

/** @import { Engine, Progress } from 'sotto' */
/** @import { Settings } from './settings.js' */
/** @import { ModelEntry, ModelState } from './types.js' */

export class ModelSession {
  /** @type {Signal<ModelState>} */
  state = new Signal(/** @type {ModelState} */ ({ phase: 'none' }))
  #settings
  #onWarning
  /** @type {AbortController | undefined} of the loading under way */
  #loading
  /** @type {Engine | undefined} */
  #engine

  /**
   * @param {Settings} settings
   * @param {(warning: Error) => void} onWarning something went wrong without stopping the load
   */
  constructor(settings, onWarning) {
    this.#settings = settings
    this.#onWarning = onWarning
  }

  /**
   * Resolves when loading has ended, however it did; `state` says how.
   * @param {ModelEntry} entry
   * @param {{ n_ctx?: number }} [more]
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
      const engine = await loadModel(entry.source, {
        ...this.#settings.load(),
        ...more,
        ...cacheOptions(entry, this.#onWarning),
        signal: abort.signal,
        onProgress: this.#reporter(entry, abort),
      })
      const quantisation = quantisationOf(await engine.describe())
      if (this.#loading !== abort) return void engine.dispose()
      this.#engine = engine
      this.state.value = { phase: 'ready', entry, engine, quantisation }
      modelCache.persist().catch(() => {})
    } catch (error) {
      if (this.#loading !== abort || abort.signal.aborted) return // paused, given up, or another one
      this.state.value = { phase: 'failed', entry, error }
    }
  }

  /** @param {ModelEntry} entry @param {AbortController} abort */
  #reporter(entry, abort) {
    const rate = new Rate()
    return (/** @type {Progress} */ { status, loaded, total }) => {
      if (this.#loading !== abort) return
      if (status === 'weights') rate.add(loaded)
      const step = status === 'header' ? 'Reading the header' : 'Loading the weights'
      const { perSecond: speed } = rate
      const remaining = rate.remaining(total)
      this.state.value = { phase: 'loading', entry, step, loaded, total, speed, remaining }
    }
  }

  /** Ends the download; what the cache has of it by then stays. */
  pause() {
    const { value } = this.state
    if (value.phase !== 'loading') return
    this.#stop()
    const { entry, loaded, total } = value
    this.state.value = { phase: 'paused', entry, loaded, total }
  }

  /** Loads the same again: after a pause, a failure or a crash. @param {{ n_ctx?: number }} [more] */
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
