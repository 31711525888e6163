// engine.chat.completions: a conversation through the model's own template.
import { boolean, check, limitedInteger, object, oneOf, show, string } from '../check.js'
import { invalidArgument } from '../errors.js'
import { collect, finishOf, replyHead, stream, timingsOf, usageOf } from './reply.js'
import { checkRequest, coreRequest, maxTokens } from './request.js'

/** @import { Rule } from '../check.js' */
/** @import { Connection } from '../connection.js' */
/** @import { Generation } from './generation.js' */
/** @import { CompletionStream } from './reply.js' */
/** @import { ChatCompletion, ChatCompletionChunk, ChatCompletionRequest } from '../types.js' */
/** @import { ChatLogprobs } from '../types.js' */
/** @import { ChatTemplateInput, EngineEvent } from '../protocol.js' */

/** @type {Rule} */
const messages = (value, field) => {
  if (!Array.isArray(value) || value.length === 0) {
    throw invalidArgument(field, 'must be a non-empty list of messages')
  }
  return value.map((message, index) => checkMessage(message, `${field}[${index}]`))
}

/** @param {any} message @param {string} field */
function checkMessage(message, field) {
  if (message === null || typeof message !== 'object' || typeof message.role !== 'string') {
    throw invalidArgument(field, `must be an object with a role, not ${show(message)}`)
  }
  const { content } = message
  if (content === undefined || content === null || typeof content === 'string') return message
  if (!Array.isArray(content)) {
    throw invalidArgument(`${field}.content`, 'must be a string or a list of text parts')
  }
  return {
    ...message,
    content: content.map((part, at) => partText(part, `${field}.content[${at}]`)).join(''),
  }
}

/** @param {any} part @param {string} field */
function partText(part, field) {
  if (part?.type === 'text' && typeof part.text === 'string') return part.text
  throw invalidArgument(field, `only text is supported, not ${show(part?.type ?? part)}`)
}

/** @type {Rule} */
const tools = (value, field) => {
  if (Array.isArray(value)) return value
  throw invalidArgument(field, 'must be a list of tool definitions')
}

/** @type {Rule} */
const responseFormat = (value, field) => {
  if (object(value, field).type === 'text') return value
  throw invalidArgument(field, `only { type: 'text' } is supported, not ${show(value)}`)
}

const templateRules = {
  tools,
  chat_template: string,
  chat_template_kwargs: object,
  add_generation_prompt: boolean,
}

const requestRules = {
  tools,
  messages,
  chat_template: string,
  chat_template_kwargs: object,
  tool_choice: oneOf('auto', 'none'),
  response_format: responseFormat,
  max_completion_tokens: maxTokens,
  logprobs: boolean,
  top_logprobs: limitedInteger('top_logprobs'),
}

/**
 * What the core's template interpreter gets.
 * @param {Record<string, any>} values checked
 * @returns {ChatTemplateInput}
 */
function templateInput({
  messages: list,
  tools: definitions,
  add_generation_prompt = true,
  ...values
}) {
  if (!list) throw invalidArgument('messages', 'is missing')
  const { chat_template, chat_template_kwargs } = values
  const input = {
    messages: list,
    tools: definitions,
    add_generation_prompt,
    chat_template,
    chat_template_kwargs,
  }
  let json
  try {
    json = JSON.stringify(input)
  } catch (error) {
    throw invalidArgument('messages', `must be plain data: ${error}`)
  }
  return { json, now: Math.floor(Date.now() / 1000) }
}

/**
 * The same for engine.applyChatTemplate.
 * @param {any[]} list messages
 * @param {object} options
 */
export function checkTemplate(list, options) {
  return templateInput({ ...check(options, templateRules), messages: messages(list, 'messages') })
}

export class ChatCompletions {
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
   * @param {ChatCompletionRequest & { stream: true }} request
   * @returns {Promise<CompletionStream<ChatCompletionChunk>>}
   */
  /**
   * @overload
   * @param {ChatCompletionRequest & { stream?: false | null }} request
   * @returns {Promise<ChatCompletion>}
   */
  /**
   * @overload
   * @param {ChatCompletionRequest} request
   * @returns {Promise<ChatCompletion | CompletionStream<ChatCompletionChunk>>}
   */
  /**
   * @param {ChatCompletionRequest} request
   * @returns {Promise<ChatCompletion | CompletionStream<ChatCompletionChunk>>}
   */
  async create(request) {
    const values = checkRequest(request, requestRules)
    if (values.top_logprobs && !values.logprobs) {
      throw invalidArgument('top_logprobs', 'needs logprobs: true')
    }
    if (values.tool_choice === 'none') delete values.tools
    values.max_tokens = values.max_completion_tokens ?? values.max_tokens
    const prompt = { kind: /** @type {const} */ ('chat'), template: templateInput(values) }
    const logprobs = values.logprobs ? (values.top_logprobs ?? 0) : undefined
    const core = coreRequest(prompt, values, { logprobs })
    if (values.stream) {
      const usage = values.stream_options?.include_usage
      return stream(this.#connection, core, values.signal, (events) => this.#chunks(events, usage))
    }
    return this.#reply(await collect(this.#connection, core, values.signal), values.logprobs)
  }

  /**
   * @param {{ events: EngineEvent[], done: EngineEvent, text: string }} result
   * @param {boolean} withLogprobs
   * @returns {ChatCompletion}
   */
  #reply({ events, done, text }, withLogprobs) {
    return {
      ...replyHead('chatcmpl', this.#model),
      object: 'chat.completion',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: text, refusal: null },
          logprobs: withLogprobs ? logprobsOf(events) : null,
          finish_reason: finishOf(done),
        },
      ],
      usage: usageOf(done),
      timings: timingsOf(done),
    }
  }

  /**
   * @param {Generation} events
   * @param {boolean | undefined} includeUsage
   * @returns {AsyncGenerator<ChatCompletionChunk, undefined>}
   */
  async *#chunks(events, includeUsage) {
    const head = {
      ...replyHead('chatcmpl', this.#model),
      object: /** @type {const} */ ('chat.completion.chunk'),
    }
    const usage = includeUsage ? { usage: null } : {}
    /** @type {(delta: any, more?: object) => ChatCompletionChunk} */
    const chunk = (delta, more = {}) => ({
      ...head,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: null, ...more }],
      ...usage,
    })
    yield chunk({ role: 'assistant', content: '' })
    for await (const event of events) {
      const logprobs = event.token_logprob ? logprobsOf([event]) : null
      if (event.text || logprobs) yield chunk({ content: event.text }, { logprobs })
      if (event.kind !== 'done') continue
      yield { ...chunk({}, { finish_reason: finishOf(event) }), timings: timingsOf(event) }
      if (includeUsage)
        yield { ...head, choices: [], usage: usageOf(event), timings: timingsOf(event) }
    }
  }
}

/** @param {EngineEvent[]} events @returns {ChatLogprobs} */
function logprobsOf(events) {
  const content = events.flatMap(({ token_logprob, top_logprobs }) =>
    token_logprob ? [{ ...token_logprob, top_logprobs }] : [],
  )
  return { content, refusal: null }
}
