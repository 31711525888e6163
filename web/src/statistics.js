// Measuring one answer, and saying in words why it was as fast as it was. Times in milliseconds.
import { count, threads } from './format.js'

/** @import { Engine, GpuInfo, Timings } from 'sotto' */
/** @import { AnswerFacts } from './types.js' */

/**
 * A speed is taken over at least so many pieces and milliseconds, because several pieces
 * may come at one time.
 */
const SMOOTH = 12
const SMOOTH_MS = 250

export class AnswerClock {
  #begin = performance.now()
  /** @type {number[]} when each piece of text came */
  times = []

  /** @param {number} [now] */
  piece(now = performance.now()) {
    this.times.push(now)
  }

  get first() {
    return this.times.length ? this.times[0] - this.#begin : 0
  }

  /** Between two pieces. */
  get gaps() {
    return this.times.slice(1).map((time, index) => time - this.times[index])
  }

  /** Tokens per second around each piece. */
  get speeds() {
    return this.times.slice(1).map((time, index) => {
      let from = Math.max(0, index + 1 - SMOOTH)
      while (from > 0 && time - this.times[from] < SMOOTH_MS) from--
      const elapsed = time - this.times[from]
      return elapsed > 0 ? ((index + 1 - from) / elapsed) * 1000 : null
    })
  }

  /** @param {Timings} timings @returns {AnswerFacts} */
  facts(timings) {
    const gaps = this.gaps.sort((a, b) => a - b)
    const { prompt_ms: _, predicted_ms: __, ...counts } = timings
    return { ...counts, first: this.first, p50: quantile(gaps, 0.5), p95: quantile(gaps, 0.95) }
  }
}

/** @param {number[]} sorted @param {number} q */
export const quantile = (sorted, q) =>
  sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] : 0

/**
 * Why it is this fast, from facts alone.
 * @param {Engine} engine
 * @param {string} quantisation
 * @param {AnswerFacts} [facts] of the last answer
 */
export function reasons({ info, variant }, quantisation, facts) {
  const list = info.gpu ? [`the GPU computes: ${adapter(info.gpu)}`] : [kernels(variant)]
  list.push(`${quantisation} weights`)
  const why = info.n_threads_reason ? ` (${info.n_threads_reason})` : ''
  if (!info.gpu) list.push(`${threads(info.n_threads)}${why}`)
  if (!facts) return list
  if (facts.draft_n_accepted > 0) {
    const { draft_n_accepted: accepted, draft_n: drafted } = facts
    list.push(`prompt lookup guessed ${accepted} of ${drafted} drafted tokens right`)
  }
  if (facts.cache_n > 0) {
    const all = facts.cache_n + facts.prompt_n
    list.push(`${count(facts.cache_n)} of ${count(all)} prompt tokens were still in the KV cache`)
  }
  return list
}

/** What a GPU is called, of what the browser tells. @param {GpuInfo} gpu */
export const adapter = ({ vendor, architecture, device, description }) =>
  device || description || [vendor, architecture].filter(Boolean).join(' ') || 'not told'

/** @param {string} variant */
function kernels(variant) {
  if (variant.startsWith('relaxed')) return `integer dot products of relaxed SIMD (${variant})`
  if (variant === 'simd128') return '128-bit SIMD kernels'
  return `${variant} kernels`
}

/**
 * The data type that most bytes of the weights have.
 * @param {{ tensors?: { type: string, bytes: number }[] }} description
 */
export function quantisationOf({ tensors = [] }) {
  /** @type {Map<string, number>} */
  const sums = new Map()
  for (const { type, bytes } of tensors) sums.set(type, (sums.get(type) ?? 0) + bytes)
  const most = [...sums].sort((a, b) => b[1] - a[1])[0]
  return most ? most[0].toUpperCase() : 'unknown'
}
