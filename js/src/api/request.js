// What chat and text completions have in common on their way in: OpenAI's and llama-server's
// parameters, checked and put into the core's terms. What is left out stays the core's default.
import {
  boolean,
  check,
  limitedInteger,
  limitedNumber,
  object,
  oneOf,
  show,
  string,
} from '../check.js'
import { invalidArgument } from '../errors.js'
import { LIMITS } from '../tables.js'

/** @import { Rule } from '../check.js' */
/** @import { CoreRequest, Prompt } from '../protocol.js' */

const TO_CONTEXT_END = 0xffffffff
const encoder = new TextEncoder()

/** @type {Rule} where a prompt alone is of use, too */
export const maxTokensOrNone = (value, field) => {
  const count = limitedInteger('max_tokens')(value, field)
  return count === -1 ? TO_CONTEXT_END : count
}

/** @type {Rule} */
export const maxTokens = (value, field) => {
  if (value !== 0) return maxTokensOrNone(value, field)
  throw invalidArgument(field, 'must be at least 1, or -1: to the end of the context')
}

/** @type {Rule} any integer of 64 bits; -1 is a random one, as in llama.cpp */
const seed = (value, field) => {
  const ok = typeof value === 'bigint' || Number.isSafeInteger(value)
  if (!ok) throw invalidArgument(field, `must be an integer, not ${show(value)}`)
  return BigInt(value) === -1n ? undefined : BigInt.asUintN(64, BigInt(value))
}

/** @type {Rule} */
const stops = (value, field) => {
  const list = Array.isArray(value) ? value : [value]
  const { n_stop: count, stop_bytes: bytes } = LIMITS
  if (list.length <= count.max && list.every(isStop)) return list
  const what = `${bytes.min} to ${bytes.max} bytes, without NUL characters`
  throw invalidArgument(field, `must be up to ${count.max} strings of ${what}`)
}

/** @param {unknown} text */
function isStop(text) {
  if (typeof text !== 'string' || text.includes('\0')) return false
  const { length } = encoder.encode(text)
  return length >= LIMITS.stop_bytes.min && length <= LIMITS.stop_bytes.max
}

/** @type {Rule} */
const logitBias = (value, field) => {
  const list = Object.entries(object(value, field))
  const { max } = LIMITS.n_logit_bias
  if (list.length > max) throw invalidArgument(field, `must name at most ${max} tokens`)
  return list.map(([token, bias]) => {
    if (!/^\d{1,9}$/.test(token)) throw invalidArgument(field, `${show(token)} is no token id`)
    if (bias !== -Infinity) limitedNumber('logit_bias')(bias, field)
    return [Number(token), bias]
  })
}

/** @type {Rule} a signal of another realm will do */
export const abortSignal = (value, field) => {
  if (typeof value.aborted === 'boolean' && value.addEventListener) return value
  throw invalidArgument(field, 'must be an AbortSignal')
}

/** @type {Rule} */
const streamOptions = (value, field) => check(object(value, field), { include_usage: boolean })

/** Fields of sotto_request under their own names. */
const coreFields = {
  temperature: limitedNumber('temperature'),
  top_k: limitedInteger('top_k'),
  top_p: limitedNumber('top_p'),
  min_p: limitedNumber('min_p'),
  typical_p: limitedNumber('typical_p'),
  repeat_penalty: limitedNumber('repeat_penalty'),
  repeat_last_n: limitedInteger('repeat_last_n'),
  presence_penalty: limitedNumber('presence_penalty'),
  frequency_penalty: limitedNumber('frequency_penalty'),
}

const common = {
  ...coreFields,
  max_tokens: maxTokens,
  seed,
  stop: stops,
  logit_bias: logitBias,
  stream: boolean,
  stream_options: streamOptions,
  ignore_eos: boolean,
  cache_prompt: boolean,
  prompt_lookup: boolean,
  signal: abortSignal,
  // Fields of OpenAI's that are accepted if they ask for what happens anyway.
  model: string,
  user: string,
  n: oneOf(1),
}

/** Token ids of a prompt. */
export const tokenList = (/** @type {any} */ value, /** @type {string} */ field) => {
  const list = value instanceof Int32Array ? value : Array.from(value)
  const ok = list.every((/** @type {any} */ id) => Number.isInteger(id) && id >= 0 && id < 2 ** 31)
  if (ok && list.length > 0) return Int32Array.from(list)
  throw invalidArgument(field, 'must be text or a non-empty list of token ids')
}

/**
 * @param {object} input the caller's object
 * @param {Record<string, Rule>} rules of the fields that only this kind of request has
 * @returns {Record<string, any>} the checked fields
 */
export function checkRequest(input, rules) {
  return check(input, { ...common, ...rules })
}

/**
 * @param {Prompt} prompt
 * @param {Record<string, any>} values checked
 * @param {{ logprobs?: number, flags?: string[] }} [more] how many log-probabilities; further flags
 * @returns {CoreRequest}
 */
export function coreRequest(prompt, values, { logprobs, flags = [] } = {}) {
  /** @type {CoreRequest['fields']} */
  const fields = {}
  for (const field of Object.keys(coreFields)) {
    if (values[field] !== undefined) fields[field] = values[field]
  }
  const wanted = {
    IGNORE_EOS: values.ignore_eos,
    NO_CACHE: values.cache_prompt === false,
    NO_LOOKUP: values.prompt_lookup === false,
    LOGPROBS: logprobs !== undefined,
  }
  fields.max_tokens = values.max_tokens ?? TO_CONTEXT_END
  fields.seed = values.seed ?? randomSeed()
  if (logprobs !== undefined) fields.top_logprobs = logprobs
  const own = Object.entries(wanted).filter(([, on]) => on)
  return {
    prompt,
    fields,
    flags: [...own.map(([flag]) => flag), ...flags],
    stop: values.stop ?? [],
    logit_bias: values.logit_bias ?? [],
  }
}

const randomSeed = () => crypto.getRandomValues(new BigUint64Array(1))[0]
