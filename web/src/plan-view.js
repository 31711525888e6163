// What a model needs of memory, in a bar of its parts and in words.
import { make } from './dom.js'
import { bytes, count } from './format.js'

/** @import { MemoryPlan } from 'sotto' */

/**
 * On the CPU and the GPU together.
 * @param {MemoryPlan} plan
 * @returns {{ part: string, size: number, words: string }[]}
 */
function partsOf(plan) {
  const weights = plan.weights + plan.gpu_weights
  const kv = plan.kv + plan.gpu_kv
  const work = plan.total + plan.gpu_total - weights - kv
  return [
    { part: 'weights', size: weights, words: `${bytes(weights)} of weights` },
    { part: 'context', size: kv, words: `${bytes(kv)} for ${count(plan.n_ctx)} tokens of context` },
    { part: 'work', size: work, words: `${bytes(work)} to work in` },
  ]
}

/** @param {MemoryPlan} plan */
const limitText = ({ gpu_total, total, limit }) =>
  gpu_total
    ? `${bytes(gpu_total)} of it on the GPU, and ${bytes(total)} of ${bytes(limit)} beside it.`
    : `${bytes(limit)} may be used.`

/** @param {MemoryPlan} plan */
export function planText(plan) {
  const parts = partsOf(plan).map(({ words }) => words)
  return `Needs ${bytes(plan.total + plan.gpu_total)}: ${parts.join(', ')}. ${limitText(plan)}`
}

/**
 * @param {HTMLElement} place
 * @param {MemoryPlan | undefined} plan none: nothing is shown
 */
export function drawPlan(place, plan) {
  place.hidden = !plan
  if (!plan) return place.replaceChildren()
  const bar = make('div', 'plan-bar')
  bar.setAttribute('aria-hidden', 'true') // the words say it
  for (const { part, size } of partsOf(plan)) {
    const segment = make('span', `plan-${part}`)
    segment.style.flexGrow = String(size)
    bar.append(segment)
  }
  place.replaceChildren(make('p', 'muted', planText(plan)), bar)
}
