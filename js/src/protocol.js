// What the main thread and the worker say to each other. Plain data only; bytes are transferred.
// Every message has a `type`; `id` is the number of the call or request that it belongs to. `plan`
// and `gpu-open` are the worker's: it waits for `go-on` with the same number.
// PROTOCOL rises with every change: both sides compare it before anything else, because caches can
// bring files of two versions together.
//
// Flow control is by credits in both directions: who wants data grants a number of messages, and
// grants more as it has used them up.

/** @import { ErrorMessage, SottoErrorCode } from './errors.js' */
/** @import { SourceFacts } from './source/validator.js' */
/** @import { CacheMode, CacheType, GpuInfo, RetryOptions, Variant } from './types.js' */
/** @import { LoadModelOptions, MemoryPlan, ModelInfo, Progress, TokenLogprob } from './types.js' */

export const PROTOCOL = 11

/** Pieces of a source that may be on their way for one read; of at most 1 MB each. */
export const SOURCE_CREDIT = 4
/** Events of a stream that may be on their way or unread. */
export const STREAM_CREDIT = 64
/** The same where each event carries logits. */
export const LOGITS_CREDIT = 8

/**
 * How the worker reaches a file: by itself, or through the main thread (`remote`).
 * @typedef {{ kind: 'url', url: string, init: RequestInit, retry?: RetryOptions }
 *   | { kind: 'path', path: string }
 *   | { kind: 'blob', blob: Blob }
 *   | { kind: 'remote', index: number, name: string }} SourceDescriptor
 */

/**
 * @typedef {{ type: 'load', id: number, protocol: number, sources: SourceDescriptor[],
 *     options: LoadOptions }
 *   | { type: 'call', id: number, method: string, args: any[] }
 *   | { type: 'go-on', id: number }
 *   | { type: 'generate', id: number, request: CoreRequest, credit: number }
 *   | { type: 'credit', id: number, n: number }
 *   | { type: 'cancel', id: number }
 *   | { type: 'end', id: number }
 *   | { type: 'source-opened', id: number, size: number | undefined, supportsRanges: boolean,
 *     facts?: SourceFacts, once?: boolean }
 *   | { type: 'source-piece', id: number, data: Uint8Array }
 *   | { type: 'source-end', id: number }
 *   | { type: 'source-error', id: number, error: ErrorMessage }
 *   | { type: 'helper-failed', id: number, text: string }} ToWorker
 */

/**
 * `port` is a MessagePort, which Node.js's types do not name.
 * @typedef {{ type: 'ready', protocol: number }
 *   | { type: 'result', id: number, value: any }
 *   | { type: 'error', id: number, error: ErrorMessage }
 *   | { type: 'progress', progress: Progress }
 *   | { type: 'plan', id: number, plan: MemoryPlan }
 *   | { type: 'gpu-open', id: number }
 *   | { type: 'moved', place: Place }
 *   | { type: 'warning', warning: ErrorMessage }
 *   | { type: 'events', id: number, events: EngineEvent[] }
 *   | { type: 'source-open', id: number, index: number, firstLength: number }
 *   | { type: 'source-read', id: number, index: number, offset: number, length: number,
 *     credit: number }
 *   | { type: 'source-credit', id: number, n: number }
 *   | { type: 'source-cancel', id: number }
 *   | { type: 'source-close', index: number }
 *   | { type: 'helper-start', id: number, url: string, port: any }
 *   | { type: 'helper-end', id: number }
 *   | { type: 'ended' }
 *   | { type: 'fatal', error: ErrorMessage }} FromWorker
 */

// ---- what the messages carry --------------------------------------------------------------------

/**
 * The part of the options that goes to the worker.
 * @typedef {object} LoadOptions
 * @property {Record<string, number>} core fields of sotto_engine_options that are plain numbers
 * @property {NonNullable<LoadModelOptions['backend']>} backend
 * @property {{ allowSoftware?: boolean, module?: string, memory_budget?: number,
 *   timestamps?: boolean, ahead_ms?: number }} gpu
 * @property {Variant} variant
 * @property {CacheType} cache_type_k
 * @property {CacheType} cache_type_v
 * @property {number | 'auto'} n_threads
 * @property {string} [wasmUrl]
 * @property {CacheMode} cache
 * @property {string} [cacheDir]
 * @property {string[]} sha256 of each file; empty: not known
 * @property {Prompt} [prefill] to be computed while weights arrive
 * @property {number} device_memory bytes; 0: not known
 * @property {boolean} [plan_only] the answer is the plan, and nothing is loaded
 * @property {boolean} [waits] the plan is shown, and loading goes on when it was seen
 */

/** @typedef {{ variant: string, info: ModelInfo, plan: MemoryPlan }} LoadedModel */

/**
 * Where the engine computes now, and what that takes.
 * @typedef {{ gpu: GpuInfo | undefined, gpu_refusal: string, plan: MemoryPlan }} Place
 */

/** @typedef {{ json: string, now: number }} ChatTemplateInput */

/**
 * @typedef {{ kind: 'chat', template: ChatTemplateInput }
 *   | { kind: 'text', text: string, add_special: boolean, parse_special: boolean }
 *   | { kind: 'tokens', tokens: Int32Array }} Prompt
 */

/**
 * @typedef {object} CoreRequest
 * @property {Prompt} prompt
 * @property {Record<string, number | bigint>} fields of sotto_request
 * @property {string[]} flags SOTTO_REQUEST_… without the prefix
 * @property {string[]} stop
 * @property {[number, number][]} logit_bias
 */

/**
 * @typedef {object} EngineEvent
 * @property {number} type SOTTO_EVENT_…
 * @property {string} kind the same as a word: prompt, logits, token, done, embedding
 * @property {number} token
 * @property {number} position
 * @property {string} text
 * @property {number} logprob
 * @property {TokenLogprob} [token_logprob]
 * @property {TokenLogprob[]} top_logprobs
 * @property {Float32Array<ArrayBuffer>} [logits]
 * @property {Float32Array<ArrayBuffer>} [embedding]
 * @property {'none' | 'stop' | 'length' | 'cancelled' | 'error'} finish_reason
 * @property {{ code: SottoErrorCode, message: string }} [error]
 * @property {number} prompt_n
 * @property {number} cache_n
 * @property {number} prompt_done
 * @property {number} predicted_n
 * @property {number} prompt_ms
 * @property {number} predicted_ms
 * @property {number} draft_n
 * @property {number} draft_n_accepted
 */
