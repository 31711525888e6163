// The panel with figures and charts of the last answer, of the engine and of its loading.
import { Chart } from './chart.js'
import { byId, make } from './dom.js'
import { bytes, count, duration, perSecond, threads } from './format.js'
import { adapter, quantile, reasons } from './statistics.js'
import { shownPath } from './tree.js'

/** @import { Engine } from 'sotto' */
/** @import { Chat } from './chat.js' */
/** @import { Library } from './library.js' */
/** @import { ModelSession } from './model-session.js' */
/** @import { AnswerClock } from './statistics.js' */
/** @import { AnswerFacts } from './types.js' */

const UPDATE_EVERY_MS = 250
const NONE = '–'

export class StatisticsPanel {
  #library
  #model
  #speed = new Chart(byId('chart-speed'), 'tokens per second')
  #gaps = new Chart(byId('chart-gaps'), 'milliseconds between tokens')
  #updated = 0
  #memory = ''

  /** @param {{ chat: Chat, library: Library, model: ModelSession }} parts */
  constructor({ chat, library, model }) {
    this.#library = library
    this.#model = model
    model.state.watch(({ phase }) => {
      if (phase === 'ready') this.#askMemory()
      this.#draw()
    })
    library.current.watch(() => {
      this.#charts([], [])
      this.#draw()
    })
    chat.listeners.push({
      onShape: () => this.#draw(),
      onPiece: (_, clock) => this.#live(clock),
      onEnd: (_, clock) => {
        this.#charts(clock.speeds, clock.gaps)
        this.#askMemory()
      },
    })
  }

  /** To be called when the panel has become visible. */
  refresh() {
    this.#draw()
  }

  /** @param {AnswerClock} clock */
  #live(clock) {
    const now = performance.now()
    if (now - this.#updated < UPDATE_EVERY_MS) return
    this.#updated = now
    const { speeds, gaps } = clock
    this.#charts(speeds, gaps)
    const ordered = gaps.toSorted((a, b) => a - b)
    figure('figure-first', duration(clock.first))
    figure('figure-decode', perSecond(speeds.at(-1) ?? 0))
    figure('figure-p50', duration(quantile(ordered, 0.5)))
    figure('figure-p95', duration(quantile(ordered, 0.95)))
  }

  /** @param {(number | null)[]} speeds @param {number[]} gaps */
  #charts(speeds, gaps) {
    this.#speed.set(speeds)
    this.#gaps.set(gaps)
    const describe = (/** @type {string} */ id, /** @type {string} */ text) =>
      byId(id).setAttribute('aria-label', text)
    const values = /** @type {number[]} */ (speeds.filter((value) => value !== null))
    const range = values.length
      ? `${perSecond(Math.min(...values))} to ${perSecond(Math.max(...values))}`
      : 'no answer yet'
    describe('chart-speed', `Tokens per second over the answer: ${range}`)
    const most = gaps.length ? `at most ${duration(Math.max(...gaps))}` : 'no answer yet'
    describe('chart-gaps', `Time between tokens over the answer: ${most}`)
  }

  async #askMemory() {
    const { value } = this.#model.state
    if (value.phase !== 'ready') return
    try {
      const { in_use, peak, module } = await value.engine.memory()
      this.#memory = `${bytes(in_use)}, at most ${bytes(peak)}`
      byId('figure-memory').title = `The module has a memory of ${bytes(module)}`
    } catch {
      this.#memory = ''
    }
    this.#draw()
  }

  #draw() {
    const facts = shownPath(this.#library.current.value).findLast((message) => message.facts)?.facts
    answerFigures(facts)
    const { value } = this.#model.state
    const ready = value.phase === 'ready'
    byId('engine-figures').hidden = !ready
    byId('why').hidden = !ready
    byId('gpu-figures').hidden = !ready || !value.engine.info.gpu
    if (!ready) return
    const { engine, quantisation } = value
    const { info, plan, variant } = engine
    gpuFigures(engine, facts)
    figure('figure-backend', info.gpu ? 'GPU, WebGPU' : 'CPU, WebAssembly')
    figure('figure-memory', this.#memory || bytes(plan.total))
    figure('figure-threads', threads(info.n_threads))
    byId('figure-threads').title = info.n_threads_reason
    figure('figure-variant', info.gpu ? 'WGSL' : variant)
    figure('figure-weights', `${quantisation}, ${bytes(plan.weights + plan.gpu_weights)}`)
    figure('figure-kv', `${bytes(plan.kv + plan.gpu_kv)} for ${count(plan.n_ctx)} tokens`)
    figure('figure-load', loadText(info.load_ms))
    figure('figure-cache', cacheText(Reflect.get(info, 'cache')))
    const list = reasons(engine, quantisation, facts)
    byId('why-list').replaceChildren(...list.map((reason) => make('li', '', reason)))
  }
}

/** @param {Engine} engine @param {AnswerFacts} [facts] */
function gpuFigures({ info: { gpu }, plan }, facts) {
  if (!gpu) return
  const { gpu_total, gpu_weights, gpu_kv } = plan
  figure('figure-adapter', `${adapter(gpu)}${gpu.software ? ' (software)' : ''}`)
  figure('figure-driver', gpu.description || 'not told')
  figure('figure-features', gpu.features.join(', ') || 'none')
  figure('figure-binding', bytes(gpu.limits.maxStorageBufferBindingSize ?? 0))
  const parts = `weights ${bytes(gpu_weights)}, KV cache ${bytes(gpu_kv)}`
  figure('figure-gpu-memory', `${bytes(gpu_total)}: ${parts}`)
  const rate = facts ? facts.predicted_per_second * gpu_weights : 0
  figure('figure-bandwidth', rate ? `${bytes(Math.round(rate))}/s while answering` : NONE)
}

/** @param {AnswerFacts} [facts] */
function answerFigures(facts) {
  const text = (/** @type {(f: AnswerFacts) => string} */ of) => (facts ? of(facts) : NONE)
  figure(
    'figure-first',
    text(({ first }) => duration(first)),
  )
  figure(
    'figure-prefill',
    text((f) => (f.prompt_n ? perSecond(f.prompt_per_second) : NONE)),
  )
  figure(
    'figure-decode',
    text((f) => perSecond(f.predicted_per_second)),
  )
  figure(
    'figure-p50',
    text(({ p50 }) => duration(p50)),
  )
  figure(
    'figure-p95',
    text(({ p95 }) => duration(p95)),
  )
  const prompt = (/** @type {AnswerFacts} */ { cache_n, prompt_n }) =>
    `${count(prompt_n)} read, ${count(cache_n)} from the KV cache`
  figure('figure-prompt', text(prompt))
  const drafts = (/** @type {AnswerFacts} */ { draft_n, draft_n_accepted }) =>
    draft_n ? `${draft_n_accepted} of ${draft_n} accepted` : 'none tried'
  figure('figure-drafts', text(drafts))
}

/** @param {{ module: number, header: number, weights: number, total: number }} times */
const loadText = ({ total, weights }) => `${duration(total)}, ${duration(weights)} of it weights`

/** @param {{ status: string, cached_bytes: number, fetched_bytes: number } | undefined} cache */
function cacheText(cache) {
  if (!cache) return 'not used'
  const { status, cached_bytes, fetched_bytes } = cache
  return `${status}: ${bytes(cached_bytes)} kept, ${bytes(fetched_bytes)} fetched`
}

/** @param {string} id @param {string} text */
function figure(id, text) {
  const element = byId(id)
  if (element.textContent !== text) element.textContent = text
}
