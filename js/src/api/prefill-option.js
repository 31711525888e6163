// The prompt that loadModel computes while weights arrive: the beginning of a conversation,
// or of a text.
import { check, object } from '../check.js'
import { invalidArgument } from '../errors.js'
import { checkTemplate } from './chat.js'
import { promptOf, promptRules } from './completions.js'

/** @import { Rule } from '../check.js' */

/** @type {Rule} gives the protocol's Prompt */
export const prefill = (value, field) => {
  const { messages, ...options } = object(value, field)
  if ((messages === undefined) === (options.prompt === undefined)) {
    throw invalidArgument(field, 'must have either messages or a prompt')
  }
  if (messages === undefined) return promptOf(check(options, promptRules))
  return { kind: 'chat', template: checkTemplate(messages, options) }
}
