// What a loaded engine answers with: OpenAI's replies and chunks, scores, logits. Types only.

/** @import { GpuInfo } from './loading.js' */

/** @typedef {'stop' | 'length'} FinishReason */

/**
 * @typedef {object} Usage
 * @property {number} prompt_tokens
 * @property {number} completion_tokens
 * @property {number} total_tokens
 * @property {{ cached_tokens: number }} prompt_tokens_details
 */

/**
 * llama-server's statistics. prompt_n leaves out the cache_n tokens found in the cache.
 * @typedef {object} Timings
 * @property {number} cache_n
 * @property {number} prompt_n
 * @property {number} prompt_ms
 * @property {number} prompt_per_second
 * @property {number} predicted_n
 * @property {number} predicted_ms
 * @property {number} predicted_per_second
 * @property {number} draft_n tokens drafted by prompt lookup
 * @property {number} draft_n_accepted of them in the answer
 */

/**
 * `bytes` are the token's own, also where they are only part of a character.
 * @typedef {{ token: string, logprob: number, bytes: number[] }} TokenLogprob
 */
/** @typedef {TokenLogprob & { top_logprobs: TokenLogprob[] }} ChatLogprob */
/** @typedef {{ content: ChatLogprob[], refusal: null }} ChatLogprobs */

/**
 * @typedef {object} TextLogprobs
 * @property {string[]} tokens
 * @property {number[]} token_logprobs
 * @property {Record<string, number>[]} top_logprobs
 * @property {number[]} text_offset
 */

/** @typedef {{ role: 'assistant', content: string, refusal: null }} AssistantMessage */
/**
 * @typedef {{ index: 0, message: AssistantMessage, logprobs: ChatLogprobs | null,
 *   finish_reason: FinishReason }} ChatChoice
 */
/** @typedef {{ role?: 'assistant', content?: string }} ChatDelta */
/**
 * @typedef {{ index: 0, delta: ChatDelta, logprobs: ChatLogprobs | null,
 *   finish_reason: FinishReason | null }} ChatChunkChoice
 */
/**
 * @typedef {{ index: 0, text: string, logprobs: TextLogprobs | null, finish_reason: FinishReason }}
 *   TextChoice
 */
/**
 * @typedef {{ index: 0, text: string, logprobs: TextLogprobs | null,
 *   finish_reason: FinishReason | null }} TextChunkChoice
 */

/**
 * @typedef {object} ReplyHead
 * @property {string} id
 * @property {number} created Unix seconds
 * @property {string} model
 */

/**
 * @typedef {ReplyHead & { object: 'chat.completion', choices: [ChatChoice], usage: Usage,
 *   timings: Timings }} ChatCompletion
 */
/**
 * @typedef {ReplyHead & { object: 'chat.completion.chunk', choices: ChatChunkChoice[],
 *   usage?: Usage | null, timings?: Timings }} ChatCompletionChunk
 */
/**
 * @typedef {ReplyHead & { object: 'text_completion', choices: [TextChoice], usage: Usage,
 *   timings: Timings }} Completion
 */
/**
 * @typedef {ReplyHead & { object: 'text_completion', choices: TextChunkChoice[],
 *   usage?: Usage | null, timings?: Timings }} CompletionChunk
 */

/**
 * OpenAI's reply. Vectors have the length 1, so a dot product is their cosine.
 * @template {number[] | string} [Vector=number[]]
 * @typedef {object} EmbeddingList
 * @property {'list'} object
 * @property {{ object: 'embedding', index: number, embedding: Vector }[]} data in the order of the
 *   inputs
 * @property {string} model
 * @property {{ prompt_tokens: number, total_tokens: number }} usage
 */

/**
 * @typedef {object} Score
 * @property {number[]} tokens the text's, without the first: there is nothing to predict it from
 * @property {number[]} logprobs of each token given those before it
 * @property {number} nll the mean of the negative log-probabilities
 * @property {number} perplexity
 */

/**
 * @typedef {object} LogitsStep
 * @property {'prompt' | 'predicted'} kind
 * @property {number} position
 * @property {number} token of a prompt the one that comes next, -1 behind its last; of an answer
 *   the one that was picked
 * @property {Float32Array} logits
 */

/**
 * Bytes: what the engine has allocated, the most it ever had, the module's whole memory, and what
 * is in a GPU's.
 * @typedef {{ in_use: number, peak: number, module: number, gpu: number }} MemoryUse
 */

/**
 * What a GPU has and has done for an engine since it was opened.
 * @typedef {object} GpuUse
 * @property {number} buffers for the model
 * @property {number} storage_bytes in them
 * @property {number} uniform_bytes in them
 * @property {number} staging_bytes in buffers that results are read through
 * @property {number} dispatches
 * @property {number} submits
 * @property {number} pipelines compiled
 * @property {number} reads
 * @property {number} readbacks in which they came: so often the GPU was waited for
 * @property {number} bytes_read
 * @property {number} bytes_written
 * @property {number} waited_ms for reads, in all
 * @property {number} last_step_ms from the last dispatches' encoding until their results were there
 * @property {Record<string, { n: number, ms: number }>} [kernels] with gpu.timestamps: the
 *   dispatches of each kernel, by the files that it is made of, and the GPU's time in them
 */
/** @typedef {{ memory: MemoryUse, gpu?: GpuInfo & GpuUse }} EngineStatistics */

export {}
