// What to tell when something fails: what it was, what it means, and what can be
// done about it here.
import { ERROR_CODES, SottoError } from 'sotto'
import { bytes, count } from './format.js'
import { planText } from './plan-view.js'

/** @import { MemoryPlan } from 'sotto' */

/**
 * @typedef {'retry' | 'smaller-context' | 'other-model' | 'reload-model' | 'new-chat'
 *   | 'settings'} Remedy
 */

/**
 * What a card about a failure shows.
 * @typedef {object} Problem
 * @property {string} title
 * @property {string} text the error's message, word for word
 * @property {string} advice what it means and what to do; empty if there is nothing to add
 * @property {Remedy[]} remedies the buttons
 */

/** @type {Record<Remedy, string>} what the buttons say */
export const remedyNames = {
  retry: 'Try again',
  'smaller-context': 'Load with a smaller context',
  'other-model': 'Choose another model',
  'reload-model': 'Load the model again',
  'new-chat': 'Begin a new chat',
  settings: 'Open settings',
}

/** @type {Record<string, Remedy[]>} by code */
const remedies = {
  out_of_memory: ['smaller-context', 'other-model'],
  memory_budget_exceeded: ['smaller-context', 'settings', 'other-model'],
  truncated_file: ['retry', 'other-model'],
  io_error: ['retry', 'other-model'],
  busy: ['retry'],
  gpu_lost: ['reload-model', 'other-model'],
  gpu_unavailable: ['settings', 'other-model'],
  internal_error: ['retry', 'reload-model'],
  worker_failed: ['reload-model', 'other-model'],
  disposed: ['reload-model'],
  version_mismatch: ['reload-model'],
  context_length_exceeded: ['new-chat', 'settings'],
  invalid_argument: ['settings'],
  non_finite_logits: ['retry', 'other-model'],
  template_raised: ['new-chat'],
}

/** @param {unknown} error of loading @param {string} [title] */
export const loadProblem = (error, title = 'The model could not be loaded') =>
  describe(error, title, ['other-model'])

/** @param {unknown} error of an answer @returns {Problem} */
export const answerProblem = (error) =>
  error instanceof EmptyAnswer
    ? describe(error, 'There is no answer', ['retry', 'settings'])
    : describe(error, 'The answer failed', ['retry'])

/** Nothing failed, and there is nothing to show. */
export class EmptyAnswer extends Error {
  constructor() {
    super('The model ended before its first word. Other words or another temperature may help.')
  }
}

/**
 * @param {unknown} error
 * @param {string} title
 * @param {Remedy[]} usual
 * @returns {Problem}
 */
function describe(error, title, usual) {
  const text = error instanceof Error ? error.message : String(error)
  if (!(error instanceof SottoError)) return { title, text, advice: '', remedies: usual }
  const plan = planOf(error)
  const advice = `${ERROR_CODES[error.code]}${plan ? ` ${planText(plan)}${wayOut(plan)}` : ''}`
  const known = remedies[error.code] ?? usual
  const hopeless = plan && !plan.fits && plan.alternatives.length === 0
  const useful = known.filter((remedy) => !(hopeless && remedy === 'smaller-context'))
  return { title, text, advice, remedies: useful }
}

/** @param {unknown} error @returns {MemoryPlan | undefined} of a model that does not fit */
export const planOf = (error) => (error instanceof SottoError ? error.details.plan : undefined)

/** @param {MemoryPlan} plan */
function wayOut({ fits, alternatives: [best] }) {
  if (fits) return ''
  if (!best) return ' It fits with no context.'
  const { n_ctx, cache_type_k } = best.options
  const type = cache_type_k === 'q8_0' ? ', kept in 8 bits' : ''
  return ` It fits with ${count(n_ctx)} tokens of context${type}: ${bytes(best.total)}.`
}
