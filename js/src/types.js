// The shapes that callers see. No code.

/** @typedef {import('./source/source.js').ModelSource} ModelSource */
/** @typedef {import('./errors.js').SottoErrorCode} SottoErrorCode */
/** @typedef {import('./errors.js').SottoError} SottoError */
/**
 * @template Chunk
 * @typedef {import('./api/reply.js').CompletionStream<Chunk>} CompletionStream
 */

// ---- loading -------------------------------------------------------------------------------------

/**
 * One file of a model: URL, path (Node.js), File or Blob, stream, bytes, a file on a hub, or an object
 * that reads.
 * @typedef {string | URL | Blob | ReadableStream | ArrayBuffer | ArrayBufferView | HubFile | ModelSource} ModelFile
 */

/**
 * What browsers call a FileSystemFileHandle: of OPFS or of a picker.
 * @typedef {{ readonly name: string, getFile(): Promise<Blob> }} FileHandle
 */

/**
 * A file in a repository of Hugging Face, or of a server with the same paths:
 * `${baseUrl}/${repo}/resolve/${revision}/${file}`. A token goes into `fetchOptions.headers`.
 * @typedef {object} HubFile
 * @property {string} repo owner/name
 * @property {string} file path in the repository; the first of a split finds the others
 * @property {string} [revision] branch, tag or commit; default main
 * @property {string | URL} [baseUrl] default https://huggingface.co
 */

/**
 * How patient reading a URL is. Connections that drop or keep silent, and the statuses 408, 429 and 5xx,
 * are tried again, where the last byte came from; pauses double and vary, and are as long as the
 * server's Retry-After asks for. While a browser is offline, attempts wait.
 * @typedef {object} RetryOptions
 * @property {number} [attempts] that bring less than 64 KB, together; default 8; at most 4 for the first answer
 * @property {number} [pauseMs] before the second attempt, default 250
 * @property {number} [longestPauseMs] whatever the server asks for, default 60 000
 * @property {number} [stallMs] without a byte: counts as a drop, default 30 000
 */

/**
 * @typedef {object} Progress
 * @property {'header' | 'weights' | 'prefill' | 'verify' | 'ready'} status what is being read, computed or
 *   checked
 * @property {number} loaded bytes; prefill: tokens of the prompt
 * @property {number} total the same; 0 while unknown
 */

/** @typedef {'auto' | keyof typeof import('./tables.js').VARIANTS} Variant */
/** @typedef {typeof import('./tables.js').CACHE_TYPES[number]} CacheType what the KV cache keeps keys or values in */

/**
 * What an engine will need, in bytes, known before its weights are fetched. What is left over, stack, code and
 * requests, takes some MB more.
 * @typedef {object} MemoryPlanNumbers
 * @property {number} weights packed
 * @property {number} kv KV cache for n_ctx positions
 * @property {number} scratch activations, logits, sampler
 * @property {number} staging rows that wait for their neighbours while loading
 * @property {number} metadata header, vocabulary, template
 * @property {number} total
 * @property {number} file the model's files
 * @property {number} limit what it was held against, one of `limits`
 * @property {number} per_position KV bytes of one position: what a smaller n_ctx saves
 * @property {number} n_ctx after defaults were filled in
 * @property {boolean} fits
 */

/**
 * In bytes; 0: not known, or not given.
 * @typedef {object} MemoryLimits
 * @property {number} address_space what a 32-bit module reaches, less what the plan does not count
 * @property {number} device memory that the device has: navigator.deviceMemory, which browsers round; in
 *   Node.js the machine's, or the container's if that is less
 * @property {number} budget memory_budget; it takes the device's place
 */

/**
 * Options with which a model would fit, and the total with them.
 * @typedef {object} MemoryAlternative
 * @property {{ n_ctx: number, cache_type_k: CacheType, cache_type_v: CacheType }} options for loadModel
 * @property {number} total bytes
 */

/**
 * @typedef {MemoryPlanNumbers & MemoryPlanVerdict} MemoryPlan
 *
 * @typedef {object} MemoryPlanVerdict
 * @property {MemoryLimits} limits
 * @property {'address_space' | 'device' | 'budget'} limited_by which of them counts
 * @property {MemoryAlternative[]} alternatives what would fit instead, the longest context first: with the KV
 *   cache as it was asked for, and in q8_0. Empty if the plan fits, and if no context does
 */

/**
 * Where the time of loadModel() went, in milliseconds.
 * @typedef {object} LoadTimes
 * @property {number} worker until the worker's own files were there
 * @property {number} module until the module, its threads and the first bytes of the model were
 * @property {number} header until header and vocabulary were read and memory was allocated
 * @property {number} weights until the rest was in place
 * @property {number} prefill until the prompt given at load time was computed too; 0 without one
 * @property {number} total
 */

/**
 * How the cache is used, after fetch's RequestCache. default: what is there is asked about and used, the
 * rest is fetched and kept; force-cache: what is complete is used without asking; only-if-cached: nothing is
 * fetched; reload: all is fetched and kept; no-store: the cache is left alone.
 * @typedef {'default' | 'force-cache' | 'only-if-cached' | 'reload' | 'no-store'} CacheMode
 */

/**
 * What the cache had of a model.
 * @typedef {object} CacheUse
 * @property {'hit' | 'partial' | 'miss' | 'bypass'} status bypass: it was not used
 * @property {number} cached_bytes that came from it
 * @property {number} fetched_bytes that came from the server
 * @property {boolean} verified the bytes have the sha256 that was stated
 * @property {'etag' | 'last-modified' | 'size' | 'none'} validated_by what told that the server has the
 *   same file; none: it was not asked, or there was nothing to compare
 */

/**
 * A file in the cache.
 * @typedef {object} CachedFile
 * @property {string} url
 * @property {number} size bytes; -1: not known yet
 * @property {number} loaded bytes that are there
 * @property {boolean} complete
 * @property {boolean} verified its sha256 is what was stated
 * @property {string} sha256 empty: nobody stated one
 * @property {Date} used last
 */

/**
 * What the file says about itself, the threads that run it, and how long loading took.
 * @typedef {object} ModelInfo
 * @property {string} architecture
 * @property {string} name
 * @property {number} n_params
 * @property {number} n_vocab
 * @property {number} n_ctx_train
 * @property {number} n_embd
 * @property {number} n_layer
 * @property {number} n_head
 * @property {number} n_head_kv
 * @property {number} n_ff
 * @property {number} n_files
 * @property {number} n_tensors
 * @property {number} bos -1: none
 * @property {number} eos -1: none
 * @property {boolean} has_chat_template
 * @property {string[]} warnings what may be wrong with model or options and does not keep it from running
 * @property {number} n_threads that compute
 * @property {string} n_threads_reason why they are fewer than asked for; empty if they are not
 * @property {LoadTimes} load_ms
 * @property {CacheUse} cache
 */

/** @typedef {TemplateOptions & { messages: ChatMessage[] }} PrefillChat the beginning of a conversation */
/** @typedef {TokenizeOptions & { prompt: string | ArrayLike<number> }} PrefillText add_special is true if left out */
/**
 * @typedef {object} LoadModelOptions
 * @property {number} [n_ctx] positions in the KV cache, shared by all sequences
 * @property {number} [n_batch] most tokens in one pass
 * @property {number} [n_parallel] most sequences generating at once
 * @property {number | 'auto'} [n_threads] that compute; auto: one a processor, at most 8
 * @property {'cpu' | 'naive'} [backend] naive is the slow float32 reference
 * @property {Variant} [variant] kernels, all of which give the same bits; auto: whatever measures fastest
 *   while it works; relaxed: the same among the next four
 * @property {CacheType} [cache_type_k] what the KV cache keeps keys in; default f16
 * @property {CacheType} [cache_type_v] the same for values
 * @property {number} [memory_budget] bytes that the engine may use in all, instead of what the device has
 * @property {PrefillChat | PrefillText} [prefill] a prompt that is computed while weights arrive;
 *   requests that begin alike find it in the cache
 * @property {(plan: MemoryPlan) => unknown} [onPlan] what the model needs, fits or not, before its body is
 *   asked for; awaited; what it throws ends loading
 * @property {(progress: Progress) => void} [onProgress]
 * @property {AbortSignal} [signal]
 * @property {CacheMode} [cache] of URLs; default: 'default'
 * @property {string} [cacheDir] Node.js: where the cache is; default: SOTTO_CACHE_DIR or the system's place
 * @property {string | string[]} [sha256] of the file or files of a URL, in hexadecimal: no model is handed out
 *   whose bytes are others
 * @property {(warning: SottoError) => void} [onWarning] what went wrong without stopping the load; else console.warn
 * @property {RequestInit} [fetchOptions] for URLs: headers, credentials, cache …
 * @property {RetryOptions} [retry] for URLs
 * @property {typeof fetch} [fetch] for URLs, instead of the worker's own
 * @property {string | URL} [workerUrl] where the worker's file is
 * @property {string | URL} [wasmUrl] a .wasm file, or a folder (ending in "/") with all
 */

// ---- requests ------------------------------------------------------------------------------------

/** @typedef {{ type: 'text', text: string }} TextPart */

/**
 * @typedef {object} ChatMessage
 * @property {string} role system, user, assistant, tool …
 * @property {string | TextPart[] | null} [content]
 * @property {string} [name]
 * @property {any[]} [tool_calls]
 * @property {string} [tool_call_id]
 */

/**
 * What sampling and length have in common. Left out is the core's default.
 * @typedef {object} SamplingOptions
 * @property {string} [model] accepted for OpenAI's sake
 * @property {string} [user] accepted for OpenAI's sake
 * @property {1 | null} [n]
 * @property {number | null} [temperature] 0: always the likeliest token
 * @property {number | null} [top_k] 0: off
 * @property {number | null} [top_p] 1: off
 * @property {number | null} [min_p] 0: off
 * @property {number | null} [typical_p] 1: off
 * @property {number | null} [repeat_penalty] 1: off
 * @property {number | null} [repeat_last_n] tokens that penalties look back; -1: all
 * @property {number | null} [presence_penalty]
 * @property {number | null} [frequency_penalty]
 * @property {Record<string, number> | null} [logit_bias] by token id; -Infinity bans
 * @property {number | bigint | null} [seed]
 * @property {string | string[] | null} [stop]
 * @property {number | null} [max_tokens] -1 or left out: to the end of the context
 * @property {boolean | null} [ignore_eos]
 * @property {boolean | null} [cache_prompt] false: neither reuse nor keep this request's KV state
 * @property {boolean | null} [prompt_lookup] false: no drafts from earlier tokens; the answer is the same
 * @property {AbortSignal} [signal]
 * @property {{ include_usage?: boolean } | null} [stream_options]
 */

/**
 * @typedef {object} ChatOptions
 * @property {ChatMessage[]} messages
 * @property {any[] | null} [tools] definitions, for the template
 * @property {'auto' | 'none' | null} [tool_choice]
 * @property {{ type: 'text' } | null} [response_format]
 * @property {string | null} [chat_template] Jinja, or the name of one of the model's: `tool_use`, `rag` …
 * @property {Record<string, any> | null} [chat_template_kwargs] variables for the template
 * @property {number | null} [max_completion_tokens] the same as max_tokens
 * @property {boolean | null} [logprobs]
 * @property {number | null} [top_logprobs] 0 to 20
 */

/**
 * @typedef {object} TextOptions
 * @property {string | number[] | Int32Array} prompt text or token ids
 * @property {boolean | null} [add_special] BOS as the model wants it; true if left out
 * @property {boolean | null} [parse_special] the prompt is trusted: special tokens in it count
 * @property {number | null} [logprobs] how many of the likeliest tokens to list, 0 to 20
 */

/** @typedef {ChatOptions & SamplingOptions & { stream?: boolean | null }} ChatCompletionRequest */
/** @typedef {TextOptions & SamplingOptions & { stream?: boolean | null }} CompletionRequest */

/**
 * How text becomes tokens.
 * @typedef {object} TokenizeOptions
 * @property {boolean} [add_special] BOS and EOS as the model wants them
 * @property {boolean} [parse_special] the text is trusted: special tokens in it are recognised
 */

/**
 * @typedef {object} TemplateOptions
 * @property {any[] | null} [tools]
 * @property {boolean | null} [add_generation_prompt] true if left out
 * @property {string | null} [chat_template] Jinja, or the name of one of the model's: `tool_use`, `rag` …
 * @property {Record<string, any> | null} [chat_template_kwargs]
 */

// ---- replies -------------------------------------------------------------------------------------

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

/** @typedef {{ token: string, logprob: number, bytes: number[] }} TokenLogprob bytes: its own, of half a character too */
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
/** @typedef {{ index: 0, message: AssistantMessage, logprobs: ChatLogprobs | null, finish_reason: FinishReason }} ChatChoice */
/** @typedef {{ role?: 'assistant', content?: string }} ChatDelta */
/** @typedef {{ index: 0, delta: ChatDelta, logprobs: ChatLogprobs | null, finish_reason: FinishReason | null }} ChatChunkChoice */
/** @typedef {{ index: 0, text: string, logprobs: TextLogprobs | null, finish_reason: FinishReason }} TextChoice */
/** @typedef {{ index: 0, text: string, logprobs: TextLogprobs | null, finish_reason: FinishReason | null }} TextChunkChoice */

/**
 * @typedef {object} ReplyHead
 * @property {string} id
 * @property {number} created Unix seconds
 * @property {string} model
 */

/** @typedef {ReplyHead & { object: 'chat.completion', choices: [ChatChoice], usage: Usage, timings: Timings }} ChatCompletion */
/** @typedef {ReplyHead & { object: 'chat.completion.chunk', choices: ChatChunkChoice[], usage?: Usage | null, timings?: Timings }} ChatCompletionChunk */
/** @typedef {ReplyHead & { object: 'text_completion', choices: [TextChoice], usage: Usage, timings: Timings }} Completion */
/** @typedef {ReplyHead & { object: 'text_completion', choices: TextChunkChoice[], usage?: Usage | null, timings?: Timings }} CompletionChunk */

/**
 * @typedef {object} Score
 * @property {number[]} tokens without the first, which nothing comes before
 * @property {number[]} logprobs of each token given those before it
 * @property {number} nll the mean of the negative log-probabilities
 * @property {number} perplexity
 */

/**
 * @typedef {object} LogitsStep
 * @property {'prompt' | 'predicted'} kind
 * @property {number} position
 * @property {number} token prompt: the one that comes next, -1 behind the last; predicted: the one picked
 * @property {Float32Array} logits
 */

/** @typedef {{ in_use: number, peak: number, module: number }} MemoryUse */

export {}
