// From the worker's events to OpenAI's replies and chunks: what chat and text completions share.
import { abortError } from '../errors.js'
import { STREAM_CREDIT } from '../protocol.js'
import { Generation } from './generation.js'

/** @import { Connection } from '../connection.js' */
/** @import { FinishReason, ReplyHead, Timings, Usage } from '../types.js' */
/** @import { CoreRequest, EngineEvent } from '../protocol.js' */

/** @param {EngineEvent} done @returns {Usage} */
export const usageOf = ({ prompt_n, predicted_n, cache_n }) => ({
  prompt_tokens: prompt_n,
  completion_tokens: predicted_n,
  total_tokens: prompt_n + predicted_n,
  prompt_tokens_details: { cached_tokens: cache_n },
})

/** @param {EngineEvent} done @returns {Timings} */
export function timingsOf({ prompt_n, cache_n, prompt_ms, predicted_n, predicted_ms, ...drafts }) {
  const computed = prompt_n - cache_n
  return {
    cache_n,
    prompt_n: computed,
    prompt_ms,
    prompt_per_second: perSecond(computed, prompt_ms),
    predicted_n,
    predicted_ms,
    predicted_per_second: perSecond(predicted_n, predicted_ms),
    draft_n: drafts.draft_n,
    draft_n_accepted: drafts.draft_n_accepted,
  }
}

/** @param {number} count @param {number} ms */
const perSecond = (count, ms) => (ms > 0 ? (count / ms) * 1000 : 0)

/** @param {string} prefix @param {string} model @returns {ReplyHead} */
export const replyHead = (prefix, model) => ({
  id: `${prefix}-${crypto.getRandomValues(new Uint32Array(4)).join('')}`,
  created: Math.floor(Date.now() / 1000),
  model,
})

/** @param {EngineEvent} done */
export const finishOf = (done) => /** @type {FinishReason} */ (done.finish_reason)

/**
 * All events of a request that is not streamed; the last is the done event.
 * @param {Connection} connection
 * @param {CoreRequest} request
 * @param {AbortSignal} [signal]
 */
export async function collect(connection, request, signal) {
  const generation = await Generation.start(connection, request, Infinity, signal)
  /** @type {EngineEvent[]} */
  const events = []
  for await (const event of generation) events.push(event)
  const done = /** @type {EngineEvent} */ (events.at(-1))
  return { events, done, text: events.map((event) => event.text).join('') }
}

/**
 * A streamed reply: iterate over it once. Leaving the loop early cancels the request; `abort` and
 * the request's signal do so from outside, and make the loop throw an AbortError.
 * @template Chunk
 * @implements {AsyncIterableIterator<Chunk>}
 */
export class CompletionStream {
  #generation
  #chunks

  /**
   * @param {Generation} generation
   * @param {(events: Generation) => AsyncGenerator<Chunk, undefined>} toChunks
   */
  constructor(generation, toChunks) {
    this.#generation = generation
    this.#chunks = toChunks(generation)
  }

  /** @returns {Promise<IteratorResult<Chunk, undefined>>} */
  next() {
    return this.#chunks.next()
  }

  /** @returns {Promise<IteratorResult<Chunk, undefined>>} */
  async return() {
    await this.#generation.return()
    return this.#chunks.return(undefined)
  }

  /** @param {unknown} [reason] what the reader gets to see instead of an AbortError */
  abort(reason = abortError('The stream was aborted')) {
    this.#generation.abort(reason)
  }

  [Symbol.asyncIterator]() {
    return this
  }

  async [Symbol.asyncDispose]() {
    await this.return()
  }
}

/**
 * @template Chunk
 * @param {Connection} connection
 * @param {CoreRequest} request
 * @param {AbortSignal | undefined} signal
 * @param {(events: Generation) => AsyncGenerator<Chunk, undefined>} toChunks
 */
export async function stream(connection, request, signal, toChunks) {
  const generation = await Generation.start(connection, request, STREAM_CREDIT, signal)
  return new CompletionStream(generation, toChunks)
}
