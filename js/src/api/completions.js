// engine.completions: text goes on where the prompt ends, without a template.
import { boolean, limitedInteger, oneOf } from '../check.js'
import { invalidArgument } from '../errors.js'
import { collect, finishOf, replyHead, stream, timingsOf, usageOf } from './reply.js'
import { checkRequest, coreRequest, tokenList } from './request.js'

/** @import { Connection } from '../connection.js' */
/** @import { Generation } from './generation.js' */
/** @import { CompletionStream } from './reply.js' */
/** @import { Completion, CompletionChunk, CompletionRequest, TextLogprobs } from '../types.js' */
/** @import { EngineEvent, Prompt } from '../protocol.js' */

export const promptRules = {
  prompt: (/** @type {any} */ value, /** @type {string} */ field) =>
    typeof value === 'string' ? value : tokenList(value, field),
  add_special: boolean,
  parse_special: boolean,
}

const rules = {
  ...promptRules,
  logprobs: limitedInteger('top_logprobs'),
  echo: oneOf(false),
  best_of: oneOf(1),
}

/**
 * @param {Record<string, any>} values checked
 * @returns {Prompt}
 */
export function promptOf({ prompt, add_special = true, parse_special = false }) {
  if (prompt === undefined) throw invalidArgument('prompt', 'is missing')
  if (typeof prompt !== 'string') return { kind: 'tokens', tokens: prompt }
  return { kind: 'text', text: prompt, add_special, parse_special }
}

export class Completions {
  #connection
  #model

  /**
   * @param {Connection} connection
   * @param {string} model its name
   */
  constructor(connection, model) {
    this.#connection = connection
    this.#model = model
  }

  /**
   * @overload
   * @param {CompletionRequest & { stream: true }} request
   * @returns {Promise<CompletionStream<CompletionChunk>>}
   */
  /**
   * @overload
   * @param {CompletionRequest & { stream?: false | null }} request
   * @returns {Promise<Completion>}
   */
  /**
   * @overload
   * @param {CompletionRequest} request
   * @returns {Promise<Completion | CompletionStream<CompletionChunk>>}
   */
  /**
   * @param {CompletionRequest} request
   * @returns {Promise<Completion | CompletionStream<CompletionChunk>>}
   */
  async create(request) {
    const values = checkRequest(request, rules)
    const core = coreRequest(promptOf(values), values, { logprobs: values.logprobs })
    if (values.stream) {
      const usage = values.stream_options?.include_usage
      return stream(this.#connection, core, values.signal, (events) => this.#chunks(events, usage))
    }
    const { events, done, text } = await collect(this.#connection, core, values.signal)
    const logprobs = values.logprobs === undefined ? null : logprobsOf(events, 0)
    return {
      ...replyHead('cmpl', this.#model),
      object: 'text_completion',
      choices: [{ index: 0, text, logprobs, finish_reason: finishOf(done) }],
      usage: usageOf(done),
      timings: timingsOf(done),
    }
  }

  /**
   * @param {Generation} events
   * @param {boolean | undefined} includeUsage
   * @returns {AsyncGenerator<CompletionChunk, undefined>}
   */
  async *#chunks(events, includeUsage) {
    const object = /** @type {const} */ ('text_completion')
    const head = { ...replyHead('cmpl', this.#model), object }
    const usage = includeUsage ? { usage: null } : {}
    /** @type {(text: string, more?: object) => CompletionChunk} */
    const chunk = (text, more = {}) => ({
      ...head,
      choices: [{ index: 0, text, logprobs: null, finish_reason: null, ...more }],
      ...usage,
    })
    let offset = 0
    for await (const event of events) {
      const logprobs = event.token_logprob ? logprobsOf([event], offset) : null
      offset += event.text.length
      if (event.text || logprobs) yield chunk(event.text, { logprobs })
      if (event.kind !== 'done') continue
      const timings = timingsOf(event)
      yield { ...chunk('', { finish_reason: finishOf(event) }), timings }
      if (includeUsage) yield { ...head, choices: [], usage: usageOf(event), timings }
    }
  }
}

/**
 * @param {EngineEvent[]} events
 * @param {number} offset of the first event's text in the whole
 * @returns {TextLogprobs}
 */
function logprobsOf(events, offset) {
  /** @type {TextLogprobs} */
  const result = { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] }
  let at = offset
  for (const { text, token_logprob, top_logprobs } of events) {
    if (token_logprob) {
      result.tokens.push(token_logprob.token)
      result.token_logprobs.push(token_logprob.logprob)
      result.top_logprobs.push(
        Object.fromEntries(top_logprobs.map((top) => [top.token, top.logprob])),
      )
      result.text_offset.push(at)
    }
    at += text.length
  }
  return result
}
