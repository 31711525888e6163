// A run: loads the model, warms up, measures round after round, and puts the result together. Knows
// nothing of the document but whether it was left alone.
import { loadModel } from 'sotto'
import { cacheOptions } from '../loading.js'
import { quantisationOf } from '../statistics.js'
import { environment } from './environment.js'
import { lineOf } from './line.js'
import { measure, SpoiledSample } from './measure.js'
import { promptMaker } from './prompts.js'
import { FORMAT, VERSION } from './result.js'
import { medianSeries, rounded } from './summary.js'
import { askName, asksFor, figuresOf, N_CTX, warmUpOf } from './tests.js'
import { Watch } from './watch.js'

/** @import { Engine, Progress } from 'sotto' */
/** @import { ModelEntry } from '../types.js' */
/** @import { Result, Test } from './result.js' */
/** @import { Ask } from './tests.js' */

/** Seconds for all samples of a request; the first is taken however long it lasts. */
const PATIENCE_S = 60
/** Milliseconds: a few frames, in which what was told gets drawn. */
const DRAWN_MS = 50
/** Of a request whose samples are spoiled, how often it is tried in a round. */
const ATTEMPTS = 3

/**
 * @typedef {object} RunOptions
 * @property {ModelEntry} entry
 * @property {string} preset
 * @property {number} rounds
 * @property {number} [threads] left out: as many as measure fastest
 * @property {string} sotto version
 * @property {AbortSignal} signal
 * @property {(step: Step) => void} onStep
 * @property {(warning: Error) => void} onWarning
 */

/**
 * Where a run stands: loading bytes, or at one of its requests.
 * @typedef {{ phase: 'load', progress: Progress } | { phase: 'warm-up' | 'measure', round: number,
 *   rounds: number, what: string, done: number, all: number, tests: Test[] }} Step
 */

/**
 * @param {RunOptions} options
 * @returns {Promise<Result>} rejects with the signal's reason when it is cancelled
 */
export async function runBench(options) {
  const watch = new Watch()
  /** @type {Engine | undefined} */
  let engine
  try {
    const before = watch.disturbances
    engine = await load(options)
    const run = new Run(options, engine, watch)
    if (watch.since(before)) run.disturbed++
    return await run.result()
  } finally {
    watch.end()
    await engine?.dispose()
  }
}

/** @param {RunOptions} options */
const load = ({ entry, threads, signal, onStep, onWarning }) =>
  loadModel(entry.source, {
    n_ctx: N_CTX,
    n_parallel: 1,
    backend: 'cpu', // which is what the page compares
    ...(threads ? { n_threads: threads } : {}),
    ...cacheOptions(entry, onWarning),
    signal,
    onProgress: (progress) => onStep({ phase: 'load', progress }),
  })

class Run {
  disturbed = 0
  #discarded = 0
  #options
  #engine
  #watch
  /** @type {Map<Ask, Test[]>} */
  #tests = new Map()
  /** @type {number[][]} gaps between tokens with an empty context, by round */
  #gaps = []

  /** @param {RunOptions} options @param {Engine} engine @param {Watch} watch */
  constructor(options, engine, watch) {
    this.#options = options
    this.#engine = engine
    this.#watch = watch
  }

  async result() {
    const { info, plan } = this.#engine
    const asks = asksFor(this.#options.preset, Math.min(plan.n_ctx, info.n_ctx_train || plan.n_ctx))
    if (!asks.length)
      throw new Error(`A context of ${plan.n_ctx} tokens is too short to measure in.`)
    for (const ask of asks) {
      this.#tests.set(
        ask,
        figuresOf(ask, asks).map((figure) => ({ ...figure, samples: [] })),
      )
    }
    await this.#measureAll(asks)
    return this.#put()
  }

  /** @param {Ask[]} asks */
  async #measureAll(asks) {
    const { rounds, signal } = this.#options
    const prompt = await promptMaker(this.#engine)
    const warmUp = warmUpOf(asks)
    const all = warmUp.length + rounds * asks.length
    const tests = [...this.#tests.values()].flat()
    let done = 0
    for (const ask of warmUp) {
      await this.#tell({
        phase: 'warm-up',
        round: 0,
        rounds,
        what: askName(ask),
        done: done++,
        all,
        tests,
      })
      await measure(this.#engine, prompt(ask.prompt), ask.n, signal).catch(unlessSpoiled)
    }
    /** @type {Map<Ask, { total: number, last: number }>} ms */
    const spent = new Map()
    for (let round = 1; round <= rounds; round++) {
      for (const ask of asks) {
        const what = askName(ask)
        await this.#tell({ phase: 'measure', round, rounds, what, done: done++, all, tests })
        const { total, last } = spent.get(ask) ?? { total: 0, last: 0 }
        if (total + last > PATIENCE_S * 1000) continue
        const begin = performance.now()
        await this.#sample(ask, prompt)
        const ms = performance.now() - begin
        spent.set(ask, { total: total + ms, last: ms })
      }
    }
  }

  /** Nothing is measured until what this says is on the screen. @param {Step} step */
  #tell(step) {
    this.#options.onStep(step)
    return new Promise((resolve) => setTimeout(resolve, DRAWN_MS))
  }

  /** @param {Ask} ask @param {(length: number) => number[]} prompt */
  async #sample(ask, prompt) {
    const { signal } = this.#options
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const before = this.#watch.disturbances
      const sample = await measure(this.#engine, prompt(ask.prompt), ask.n, signal).catch(
        unlessSpoiled,
      )
      if (!sample) {
        this.#discarded++
        continue
      }
      if (this.#watch.since(before)) this.disturbed++
      for (const { kind, samples } of this.#tests.get(ask) ?? []) {
        const value = sample.values[kind]
        if (value !== undefined) samples.push(rounded(value))
      }
      if (ask.prompt === 1) this.#gaps.push(sample.gaps)
      return
    }
  }

  /** @returns {Promise<Result>} */
  async #put() {
    const { entry, preset, rounds, sotto } = this.#options
    const { info, plan, variant } = this.#engine
    const [use, description] = [await this.#engine.memory(), await this.#engine.describe()]
    const tests = [...this.#tests.values()].flat().filter(({ samples }) => samples.length > 0)
    if (!tests.length) throw new Error('Not one measurement computed what it should have.')
    const { worker, module, header, weights, total } = info.load_ms
    return {
      format: FORMAT,
      version: VERSION,
      created: new Date().toISOString(),
      sotto,
      model: {
        name: lineOf(entry.name),
        architecture: lineOf(info.architecture),
        quantisation: quantisationOf(description),
        params: info.n_params,
        bytes: plan.file,
        sha256: entry.sha256?.toLowerCase() ?? '',
      },
      engine: {
        backend: 'cpu',
        variant,
        threads: info.n_threads,
        threads_reason: lineOf(info.n_threads_reason),
        n_ctx: plan.n_ctx,
      },
      load: {
        source: typeof entry.source === 'string' ? info.cache.status : 'file',
        cached_bytes: info.cache.cached_bytes,
        fetched_bytes: info.cache.fetched_bytes,
        ms: allRounded({ worker, module, header, weights, total }),
      },
      memory: {
        plan: plan.total,
        weights: plan.weights,
        kv: plan.kv,
        scratch: plan.scratch,
        peak: use.peak,
        module: use.module,
      },
      environment: await environment(),
      run: { preset, rounds, disturbed: this.disturbed, discarded: this.#discarded },
      tests,
      trace: medianSeries(this.#gaps).map((ms) => Number(ms.toPrecision(3))),
    }
  }
}

/** @param {unknown} error @returns {undefined} */
function unlessSpoiled(error) {
  if (!(error instanceof SpoiledSample)) throw error
}

/**
 * @template {Record<string, number>} T
 * @param {T} values
 * @returns {T}
 */
const allRounded = (values) =>
  /** @type {T} */ (Object.fromEntries(Object.entries(values).map(([k, v]) => [k, rounded(v)])))
