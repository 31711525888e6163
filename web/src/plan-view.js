// What a model needs of memory, in a bar of its parts and in words.
import { make } from './dom.js'
import { bytes, count } from './format.js'

/** @import { MemoryPlan } from 'sotto' */

/** @param {MemoryPlan} plan @returns {{ part: string, size: number, words: string }[]} */
const partsOf = ({ weights, kv, n_ctx, total }) => [
  { part: 'weights', size: weights, words: `${bytes(weights)} of weights` },
  { part: 'context', size: kv, words: `${bytes(kv)} for ${count(n_ctx)} tokens of context` },
  { part: 'work', size: total - weights - kv, words: `${bytes(total - weights - kv)} to work in` },
]

/** @param {MemoryPlan} plan */
export function planText(plan) {
  const parts = partsOf(plan).map(({ words }) => words)
  return `Needs ${bytes(plan.total)}: ${parts.join(', ')}. ${bytes(plan.limit)} may be used.`
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
