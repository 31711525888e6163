// A loaded model as its users hold it. Everything happens in the worker; what fails there comes
// back as a SottoError, and no failure of a request spoils the engine.
import { ChatCompletions, checkTemplate } from './api/chat.js'
import { Completions, promptOf, promptRules } from './api/completions.js'
import { Embeddings } from './api/embeddings.js'
import { Generation } from './api/generation.js'
import { collect } from './api/reply.js'
import { checkRequest, coreRequest, maxTokensOrNone, tokenList } from './api/request.js'
import { boolean, check, string } from './check.js'
import { invalidArgument, SottoError } from './errors.js'
import { LOGITS_CREDIT } from './protocol.js'
import { asBytes } from './source/source.js'

/** @import { Connection } from './connection.js' */
/** @import { ChatMessage, Score, TemplateOptions, TokenizeOptions } from './types.js' */
/** @import { CompletionRequest, EngineStatistics, LogitsStep, MemoryUse } from './types.js' */
/** @import { LoadedModel } from './protocol.js' */

const tokenizeRules = { add_special: boolean, parse_special: boolean }

export class Engine {
  #connection
  #disposed = false

  /**
   * Made by loadModel.
   * @param {Connection} connection
   * @param {LoadedModel} loaded
   */
  constructor(connection, { variant, info, plan }) {
    this.#connection = connection
    /** What the file says about itself, and the number of threads. */
    this.info = Object.freeze(info)
    /** What the engine needs, in bytes. */
    this.plan = Object.freeze(plan)
    connection.onMoved = (moved) => {
      const { gpu, gpu_refusal } = moved
      this.info = Object.freeze({ ...this.info, gpu, gpu_refusal })
      this.plan = Object.freeze(moved.plan)
    }
    /** Kernels in use: scalar, simd128 or relaxed. */
    this.variant = variant
    const model = info.name || info.architecture
    this.chat = Object.freeze({ completions: new ChatCompletions(connection, model) })
    this.completions = new Completions(connection, model)
    this.embeddings = new Embeddings(connection, model, info.n_embd)
  }

  /**
   * @param {string} text
   * @param {TokenizeOptions} [options] both false if left out
   * @returns {Promise<number[]>}
   */
  async tokenize(text, options = {}) {
    const { add_special = false, parse_special = false } = check(options, tokenizeRules)
    const flags = { add_special, parse_special }
    return Array.from(await this.#connection.call('tokenize', string(text, 'text'), flags))
  }

  /**
   * Bytes that are no whole characters come out as U+FFFD.
   * @param {ArrayLike<number>} tokens
   * @param {{ special?: boolean }} [options] special: control tokens appear as their text
   * @returns {Promise<string>}
   */
  async detokenize(tokens, options = {}) {
    const { special = false } = check(options, { special: boolean })
    if (tokens.length === 0) return ''
    const ids = tokenList(tokens, 'tokens')
    const bytes = await this.#connection.call('detokenize', ids, { special, whole: true })
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  }

  /**
   * What the model would get to read for these messages.
   * @param {ChatMessage[]} messages
   * @param {TemplateOptions} [options]
   * @returns {Promise<{ text: string, tokens: number[] }>}
   */
  async applyChatTemplate(messages, options = {}) {
    const input = checkTemplate(messages, options)
    const { text, tokens } = await this.#connection.call('applyChatTemplate', input)
    return { text, tokens: Array.from(tokens) }
  }

  /**
   * How likely the model finds a text, token by token. Log-probabilities are the core's own, the
   * same bits on every host, and so is their mean; the perplexity is the host's exponential of it.
   * @param {string | ArrayLike<number>} prompt
   * @param {TokenizeOptions & { signal?: AbortSignal }} [options] add_special is true if left out
   * @returns {Promise<Score>}
   */
  async score(prompt, options = {}) {
    const values = checkRequest({ ...options, prompt }, promptRules)
    const flags = ['PROMPT_LOGPROBS', 'NO_CACHE']
    const core = coreRequest(promptOf(values), values, { flags })
    core.fields.max_tokens = 0
    const { events } = await collect(this.#connection, core, values.signal)
    const tokens = events.filter(({ kind }) => kind === 'logits')
    if (tokens.length === 0) throw invalidArgument('prompt', 'must have at least two tokens')
    const logprobs = tokens.map(({ logprob }) => logprob)
    const nll = -logprobs.reduce((sum, logprob) => sum + logprob, 0) / logprobs.length
    return {
      tokens: tokens.map(({ token }) => token),
      logprobs,
      nll,
      perplexity: Math.exp(nll),
    }
  }

  /**
   * Every logit of a request, prompt and answer: for measuring and comparing.
   * The engine waits for the reader. Takes what completions.create takes, but not stream;
   * max_tokens 0: the prompt alone.
   * @param {Omit<CompletionRequest, 'stream' | 'stream_options' | 'logprobs'>} request
   * @returns {AsyncGenerator<LogitsStep, void>}
   */
  async *logits(request) {
    const values = checkRequest(request, { ...promptRules, max_tokens: maxTokensOrNone })
    const flags = ['PROMPT_LOGITS', 'LOGITS']
    const core = coreRequest(promptOf(values), values, { flags })
    const events = await Generation.start(this.#connection, core, LOGITS_CREDIT, values.signal)
    for await (const { kind, position, token, logits } of events) {
      if (logits) yield { kind: kind === 'token' ? 'predicted' : 'prompt', position, token, logits }
    }
  }

  /**
   * A snapshot of what the engine has computed, for loadState on any host.
   * @param {{ tokens?: ArrayLike<number> }} [options] of the longest cached beginning of these
   *   tokens; of the sequence used last if left out
   * @returns {Promise<Uint8Array>}
   */
  async saveState(options = {}) {
    const { tokens = new Int32Array(0) } = check(options, { tokens: tokenList })
    return this.#connection.call('saveState', tokens)
  }

  /**
   * Puts a snapshot into the cache: requests that begin with its tokens go on behind them.
   * @param {Uint8Array | ArrayBuffer} state
   * @returns {Promise<{ n_tokens: number }>}
   */
  async loadState(state) {
    const bytes = typeof state === 'object' && state !== null ? state : undefined
    if (!bytes) throw invalidArgument('state', 'must be the bytes that saveState returned')
    return { n_tokens: await this.#connection.call('loadState', asBytes(bytes, 'state')) }
  }

  /** Forgets every cached sequence. */
  async clearCache() {
    await this.#connection.call('clearCache')
  }

  /** @returns {Promise<MemoryUse>} bytes: used by the engine now and at most, and its memory */
  memory() {
    return this.#connection.call('memory')
  }

  /** @returns {Promise<EngineStatistics>} the same, and what a GPU has and has done */
  statistics() {
    return this.#connection.call('statistics')
  }

  /** @returns {Promise<any>} metadata and tensors */
  async describe() {
    return JSON.parse(await this.#connection.call('describe', true))
  }

  /** @returns {Promise<string>} the operations that the engine runs for one pass, for people */
  printProgram() {
    return this.#connection.call('printProgram')
  }

  /** Ends the worker and frees its memory. Requests under way are rejected. */
  async dispose() {
    if (this.#disposed) return
    this.#disposed = true
    await this.#connection.end(new SottoError('disposed', 'The engine has been disposed'))
  }

  [Symbol.asyncDispose]() {
    return this.dispose()
  }
}
