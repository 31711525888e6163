// What chat and text completions have in common on their way in: OpenAI's and llama-server's
// parameters, checked and put into the core's terms. What is left out stays the core's default.
import { boolean, check, integer, number, object, oneOf, show, string } from '../check.js'
import { invalidArgument } from '../errors.js'

/** @import { Rule } from '../check.js' */
/** @import { CoreRequest, Prompt } from '../protocol.js' */

const TO_CONTEXT_END = 0xffffffff
const MAX_STOPS = 64

/** @type {Rule} */
const maxTokens = (value, field) => {
  if (value === -1) return TO_CONTEXT_END
  return integer(1, TO_CONTEXT_END - 1)(value, field)
}

/** @type {Rule} where a prompt alone is of use, too */
export const maxTokensOrNone = (value, field) => (value === 0 ? 0 : maxTokens(value, field))

/** @type {Rule} any integer of 64 bits; -1 is a random one, as in llama.cpp */
const seed = (value, field) => {
  const ok = typeof value === 'bigint' || Number.isSafeInteger(value)
  if (!ok) throw invalidArgument(field, `must be an integer, not ${show(value)}`)
  return BigInt(value) === -1n ? undefined : BigInt.asUintN(64, BigInt(value))
}

/** @type {Rule} */
const stops = (value, field) => {
  const list = Array.isArray(value) ? value : [value]
  const ok = list.every((text) => typeof text === 'string' && text !== '' && !text.includes('\0'))
  if (ok && list.length <= MAX_STOPS) return list
  throw invalidArgument(
    field,
    `must be up to ${MAX_STOPS} non-empty strings without NUL characters`,
  )
}

/** @type {Rule} */
const logitBias = (value, field) =>
  Object.entries(object(value, field)).map(([token, bias]) => {
    if (!/^\d{1,9}$/.test(token)) throw invalidArgument(field, `${show(token)} is no token id`)
    if (typeof bias === 'number' && bias < Infinity) return [Number(token), bias]
    throw invalidArgument(field, `the bias of ${token} must be a number, not ${show(bias)}`)
  })

/** @type {Rule} a signal of another realm will do */
const abortSignal = (value, field) => {
  if (typeof value.aborted === 'boolean' && value.addEventListener) return value
  throw invalidArgument(field, 'must be an AbortSignal')
}

/** @type {Rule} */
const streamOptions = (value, field) => check(object(value, field), { include_usage: boolean })

/** Fields of sotto_request under their own names. */
const coreFields = {
  temperature: number(0, 100),
  top_k: integer(0, 0x7fffffff),
  top_p: number(0, 1),
  min_p: number(0, 1),
  typical_p: number(0, 1),
  repeat_penalty: number(0, 100),
  repeat_last_n: integer(-1, 0x7fffffff),
  presence_penalty: number(-100, 100),
  frequency_penalty: number(-100, 100),
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
  // For OpenAI's sake: fine where they ask for what happens anyway.
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
