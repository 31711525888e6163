// What to tell when something fails: what it was, what it means, and what can be done about it here.
import { ERROR_CODES, SottoError } from 'sotto'
import { bytes } from './format.js'

/** @typedef {'retry' | 'smaller-context' | 'other-model' | 'reload-model' | 'new-chat' | 'settings'} Remedy */
/** @typedef {{ title: string, text: string, advice: string, remedies: Remedy[] }} Problem */

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

/** @param {unknown} error of an answer */
export const answerProblem = (error) => describe(error, 'The answer failed', ['retry'])

/**
 * @param {unknown} error
 * @param {string} title
 * @param {Remedy[]} usual
 * @returns {Problem}
 */
function describe(error, title, usual) {
  const text = sentence(error instanceof Error ? error.message : String(error))
  if (!(error instanceof SottoError)) return { title, text, advice: '', remedies: usual }
  const { plan } = error.details
  const numbers = plan
    ? ` It needs ${bytes(plan.total)}: ${bytes(plan.weights)} of weights, ${bytes(plan.kv)} for ${plan.n_ctx} tokens of context; the limit is ${bytes(plan.limit)}.`
    : ''
  const advice = `${ERROR_CODES[error.code]}${numbers}`
  return { title, text, advice, remedies: remedies[error.code] ?? usual }
}

/** @param {string} text of an error, which may begin and end as a clause */
const sentence = (text) =>
  text.replace(/^[a-z](?=[a-z]* )/, (letter) => letter.toUpperCase()).replace(/[^.!?…]$/, '$&.')
