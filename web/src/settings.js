// What the visitor may set, its ranges, and what of it goes where. The page's address can name some
// of it for one visit, for answers that can be repeated: ?temperature=0&seed=1
import { LIMITS } from 'sotto'
import { Signal } from './signal.js'

/** @import { Store } from './store.js' */

/**
 * @typedef {object} Field
 * @property {string} label
 * @property {'request' | 'load'} goes
 * @property {number | null} initial null: left to the engine
 * @property {number} min
 * @property {number} max
 * @property {number} step
 * @property {string} help
 */

/**
 * The engine's own range, narrowed to what makes sense on a page.
 * @param {keyof typeof LIMITS} name
 * @param {{ min?: number, max?: number }} [narrower]
 */
const within = (name, { min = -Infinity, max = Infinity } = {}) => ({
  min: Math.max(min, LIMITS[name].min),
  max: Math.min(max, LIMITS[name].max),
})

/** @type {Record<string, Field>} */
export const fields = {
  temperature: {
    label: 'Temperature',
    goes: 'request',
    initial: 0.8,
    ...within('temperature', { max: 2 }),
    step: 0.05,
    help: '0 always takes the likeliest token',
  },
  top_p: {
    label: 'Top P',
    goes: 'request',
    initial: 0.95,
    ...within('top_p'),
    step: 0.01,
    help: 'Share of probability that is drawn from; 1 is off',
  },
  top_k: {
    label: 'Top K',
    goes: 'request',
    initial: 40,
    ...within('top_k', { max: 1000 }),
    step: 1,
    help: 'Likeliest tokens that are drawn from; 0 is off',
  },
  min_p: {
    label: 'Min P',
    goes: 'request',
    initial: 0.05,
    ...within('min_p'),
    step: 0.01,
    help: 'Leaves out tokens less likely than this share of the likeliest',
  },
  repeat_penalty: {
    label: 'Repeat penalty',
    goes: 'request',
    initial: 1,
    ...within('repeat_penalty', { min: 0.5, max: 2 }),
    step: 0.01,
    help: '1 is off',
  },
  max_tokens: {
    label: 'Longest answer',
    goes: 'request',
    initial: 1024,
    ...within('max_tokens', { min: 1 }),
    step: 1,
    help: 'Tokens after which an answer is cut',
  },
  seed: {
    label: 'Seed',
    goes: 'request',
    initial: null,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    step: 1,
    help: 'The same seed gives the same answer; empty is random',
  },
  n_ctx: {
    label: 'Context',
    goes: 'load',
    initial: null,
    ...within('n_ctx', { min: 128 }),
    step: 1,
    help: 'Tokens of conversation; empty is the model’s, at most 4096',
  },
  n_threads: {
    label: 'Threads',
    goes: 'load',
    initial: null,
    ...within('n_threads', { min: 1 }),
    step: 1,
    help: 'Empty is as many as measure fastest',
  },
  memory_budget: {
    label: 'Memory limit, MB',
    goes: 'load',
    initial: null,
    min: 1,
    max: 65_536,
    step: 1,
    help: 'A model that needs more is refused before it is downloaded',
  },
}

/**
 * @typedef {{ values: Record<string, number | null>, compact: boolean, gpu: boolean,
 *   sidebar: boolean, statistics: boolean, lastModel: string, system: string }} SettingsData
 */

/** @returns {SettingsData} */
const initial = () => ({
  values: Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.initial])),
  compact: false,
  gpu: true,
  sidebar: true,
  statistics: false,
  lastModel: '',
  system: '',
})

export class Settings {
  /** @type {Signal<SettingsData>} */
  data = new Signal(initial())
  #store
  #visit
  #host

  /**
   * @param {Store} store
   * @param {string} search of the page's address
   */
  constructor(store, search) {
    this.#store = store
    this.#visit = fromAddress(search)
    this.#host = hostFromAddress(search)
  }

  async restore() {
    const kept = await this.#store.setting('settings')
    if (!kept) return
    const { values, ...others } = initial()
    const known = Object.keys(values).map((name) => [name, checked(name, kept.values?.[name])])
    this.data.value = { ...others, ...pick(kept, others), values: Object.fromEntries(known) }
  }

  /** @param {Partial<SettingsData>} patch */
  save(patch) {
    this.data.value = { ...this.data.value, ...patch }
    return this.#store.saveSetting('settings', this.data.value)
  }

  reset() {
    return this.save({ values: initial().values, compact: false, gpu: true })
  }

  /** For chat.completions.create. */
  request() {
    return this.#given('request')
  }

  /** For loadModel. */
  load() {
    const { memory_budget, ...options } = this.#given('load')
    const bytes = memory_budget === undefined ? {} : { memory_budget: memory_budget * 1e6 }
    // q8_0 takes half of the memory for the conversation, at a loss that is hard to measure.
    const types = this.data.value.compact
      ? /** @type {const} */ ({ cache_type_k: 'q8_0', cache_type_v: 'q8_0' })
      : {}
    const backend = /** @type {'auto' | 'cpu'} */ (this.data.value.gpu ? 'auto' : 'cpu')
    return { backend, ...options, ...bytes, ...types, ...this.#host }
  }

  /** @param {Field['goes']} where @returns {Record<string, number>} */
  #given(where) {
    const all = { ...this.data.value.values, ...this.#visit }
    const mine = Object.entries(all).filter(
      ([name, value]) => fields[name].goes === where && value !== null,
    )
    return Object.fromEntries(/** @type {[string, number][]} */ (mine))
  }
}

/** @param {string} search */
function fromAddress(search) {
  const given = [...new URLSearchParams(search)].filter(([name]) => Object.hasOwn(fields, name))
  return Object.fromEntries(given.map(([name, text]) => [name, checked(name, Number(text))]))
}

/**
 * What computes, for whoever looks for a fault: ?backend=cpu, or ?backend=webgpu, and with
 * &gpu=software on a processor that plays a GPU too.
 * @param {string} search
 */
function hostFromAddress(search) {
  const given = new URLSearchParams(search)
  const backend = /** @type {const} */ (['auto', 'cpu', 'webgpu']).find(
    (name) => name === given.get('backend'),
  )
  return {
    ...(backend ? { backend } : {}),
    ...(given.get('gpu') === 'software' ? { gpu: { allowSoftware: true } } : {}),
  }
}

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {number | null} the initial one in place of what is no number in range
 */
export function checked(name, value) {
  const { min, max, initial: fallback } = fields[name]
  if (value === null) return null
  if (typeof value !== 'number' || !Number.isFinite(value)) return fallback
  return Math.min(max, Math.max(min, value))
}

/**
 * @template {object} T
 * @param {any} from
 * @param {T} like
 * @returns {Partial<T>} properties of the same types
 */
function pick(from, like) {
  const same = Object.entries(like).filter(([key, value]) => typeof from[key] === typeof value)
  return /** @type {any} */ (Object.fromEntries(same.map(([key]) => [key, from[key]])))
}
