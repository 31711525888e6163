// What loadModel and planModel take, what a model will need, and what is known of it when it
// is loaded. Types only.

/** @import { SottoError } from '../errors.js' */
/** @import { ModelSource } from '../source/source.js' */
/** @import { ChatMessage, TemplateOptions, TokenizeOptions } from './requests.js' */

/**
 * One file of a model: URL, path (Node.js), File or Blob, stream, bytes, a file on a hub,
 * or an object that reads.
 * @typedef {string | URL | Blob | ReadableStream | ArrayBuffer | ArrayBufferView |
 *   HubFile | ModelSource} ModelFile
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
 * How often and how long a URL is tried again. A connection that drops or keeps silent, and the
 * statuses 408, 429 and 5xx, are followed by another request for the bytes that are missing. Pauses
 * double, vary by chance, and are at least as long as the server's Retry-After asks for. Failures
 * while a browser is offline do not count.
 * @typedef {object} RetryOptions
 * @property {number} [attempts] failures in a row after which loading fails; 64 KB of progress
 *   begin a new row. Default 8; for the first answer at most 4 count
 * @property {number} [pauseMs] milliseconds before the second attempt; default 250
 * @property {number} [longestPauseMs] no pause is longer, whatever the server asks for; default
 *   60 000
 * @property {number} [stallMs] milliseconds without a byte after which a connection counts as
 *   dropped; default 30 000
 */

/**
 * @typedef {object} Progress
 * @property {'header' | 'weights' | 'prefill' | 'verify' | 'ready'} status what is being read,
 *   computed or checked
 * @property {number} loaded bytes; prefill: tokens of the prompt
 * @property {number} total the same; 0 while unknown
 */

/** @typedef {'auto' | keyof typeof import('../tables.js').VARIANTS} Variant */
/**
 * What the KV cache keeps keys or values in.
 * @typedef {typeof import('../tables.js').CACHE_TYPES[number]} CacheType
 */

/**
 * What an engine will need, in bytes, known before its weights are fetched. The module's stack and
 * data and the requests take some MB more, which are not counted.
 * @typedef {object} MemoryPlanNumbers
 * @property {number} weights packed
 * @property {number} kv KV cache for n_ctx positions
 * @property {number} scratch activations, logits, sampler
 * @property {number} staging rows that wait for their neighbours while loading
 * @property {number} metadata header, vocabulary, template
 * @property {number} total
 * @property {number} file the model's files
 * @property {number} limit what it was held against, one of `limits`
 * @property {number} per_position KV bytes of one position more or less of `n_ctx`
 * @property {number} gpu_weights on the GPU, and in no other number; 0 without one
 * @property {number} gpu_kv
 * @property {number} gpu_scratch
 * @property {number} gpu_total
 * @property {number} gpu_limit what gpu_total was held against; 0: none
 * @property {number} cpu_total what `total` would be on the CPU
 * @property {number} n_ctx after defaults were filled in
 * @property {boolean} fits
 */

/**
 * In bytes; 0: not known, or not given.
 * @typedef {object} MemoryLimits
 * @property {number} address_space what a 32-bit module reaches, less what the plan does not count
 * @property {number} device memory that the device has: navigator.deviceMemory, which browsers
 *   round; in Node.js the machine's, or the container's if that is less
 * @property {number} budget memory_budget; it takes the device's place
 * @property {number} gpu gpu.memory_budget: of the GPU's own memory
 */

/**
 * Options with which a model would fit, and the total with them.
 * @typedef {object} MemoryAlternative
 * @property {{ n_ctx: number, cache_type_k: CacheType, cache_type_v: CacheType }}
 *   options for loadModel
 * @property {number} total bytes
 */

/**
 * @typedef {MemoryPlanNumbers & MemoryPlanVerdict} MemoryPlan
 *
 * @typedef {object} MemoryPlanVerdict
 * @property {MemoryLimits} limits
 * @property {'address_space' | 'device' | 'budget' | 'gpu'} limited_by which of them counts
 * @property {MemoryAlternative[]} alternatives what would fit instead, the longest context first:
 *   with the KV cache as it was asked for, and in q8_0. Empty if the plan fits,
 *   and if no context does
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
 * How the cache is used, by the names of fetch's RequestCache:
 * - default: what is there is used if the server still has the same file; the rest is fetched and
 *   kept
 * - force-cache: a file that is complete is used without asking the server
 * - only-if-cached: nothing is fetched
 * - reload: all is fetched and kept
 * - no-store: the cache is neither read nor written
 * @typedef {'default' | 'force-cache' | 'only-if-cached' | 'reload' | 'no-store'} CacheMode
 */

/**
 * What the cache had of a model.
 * @typedef {object} CacheUse
 * @property {'hit' | 'partial' | 'miss' | 'bypass'} status bypass: it was not used
 * @property {number} cached_bytes that came from it
 * @property {number} fetched_bytes that came from the server
 * @property {boolean} verified the bytes have the sha256 that was stated
 * @property {'etag' | 'last-modified' | 'size' | 'none'} validated_by what told that the server has
 *   the same file; none: it was not asked, or there was nothing to compare
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
 * A GPU as WebGPU describes it. Texts are empty where the browser does not tell.
 * @typedef {object} GpuInfo
 * @property {string} vendor
 * @property {string} architecture
 * @property {string} device
 * @property {string} description the driver's words
 * @property {boolean} software a processor that plays a GPU
 * @property {string[]} features that are in use
 * @property {Record<string, number>} limits
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
 * @property {'none' | 'mean' | 'cls' | 'last'} pooling how the tokens of a text become its
 *   embedding; none: the model gives text instead
 * @property {string[]} warnings what may be wrong with the model or the options, although it runs
 * @property {number} n_threads that compute
 * @property {string} n_threads_reason why they are fewer than asked for; empty if they are not
 * @property {LoadTimes} load_ms
 * @property {CacheUse} cache
 * @property {GpuInfo} [gpu] that computes now
 * @property {string} gpu_refusal why none computes, where one might have; else empty
 */

/**
 * Which GPU may be used.
 * @typedef {object} GpuOptions
 * @property {boolean} [allowSoftware] a processor that plays a GPU will do; it is slower than
 *   backend cpu
 * @property {string | URL} [module] Node.js: a module whose export `gpu` is used instead of what
 *   the package webgpu makes
 * @property {number} [memory_budget] bytes that may be taken of the GPU's memory
 * @property {boolean} [timestamps] `engine.statistics()` tells the time of each kernel, where the
 *   GPU has the feature timestamp-query; computing takes longer then
 * @property {number} [ahead_ms] where the best token is picked (temperature 0) the GPU finds some
 *   by itself before anybody looks at them, of so many milliseconds; 0: each is waited for;
 *   default 20
 */

/**
 * The beginning of a conversation.
 * @typedef {TemplateOptions & { messages: ChatMessage[] }} PrefillChat
 */
/**
 * Text or token ids. add_special is true if left out.
 * @typedef {TokenizeOptions & { prompt: string | ArrayLike<number> }} PrefillText
 */
/**
 * @typedef {object} LoadModelOptions
 * @property {number} [n_ctx] positions in the KV cache, shared by all sequences
 * @property {number} [n_batch] most tokens in one pass
 * @property {number} [n_parallel] most sequences generating at once
 * @property {number | 'auto'} [n_threads] that compute; auto: one a processor, at most 8
 * @property {'auto' | 'cpu' | 'webgpu' | 'naive'} [backend] what computes; auto: a GPU where there
 *   is one that measures faster than the CPU; webgpu: a GPU, with `gpu_unavailable` where there is
 *   none; naive is the slow float32 reference
 * @property {GpuOptions} [gpu] for backends auto and webgpu
 * @property {Variant} [variant] kernels, all of which give the same bits; auto: those that measure
 *   fastest while the engine works; relaxed: the fastest of the four with relaxed SIMD
 * @property {CacheType} [cache_type_k] what the KV cache keeps keys in; default f16
 * @property {CacheType} [cache_type_v] the same for values
 * @property {number} [memory_budget] bytes that the engine may use in all, instead
 *   of what the device has
 * @property {PrefillChat | PrefillText} [prefill] a prompt that is computed while weights arrive;
 *   requests that begin alike find it in the cache
 * @property {(plan: MemoryPlan) => unknown} [onPlan] is told what the model needs, whether it fits
 *   or not, before its body is asked for; loading waits for it, and ends with what it throws
 * @property {(progress: Progress) => void} [onProgress]
 * @property {AbortSignal} [signal]
 * @property {CacheMode} [cache] of URLs; default: 'default'
 * @property {string} [cacheDir] Node.js: the cache's folder; default: the environment's
 *   SOTTO_CACHE_DIR, or the system's folder for caches
 * @property {string | string[]} [sha256] of the file or files of a URL, in hexadecimal; loading
 *   fails if the bytes have another
 * @property {(warning: SottoError) => void} [onWarning] is told what went wrong without stopping
 *   the load; left out: console.warn
 * @property {RequestInit} [fetchOptions] for URLs: headers, credentials, cache …
 * @property {RetryOptions} [retry] for URLs
 * @property {typeof fetch} [fetch] for URLs, instead of the worker's own
 * @property {string | URL} [workerUrl] where the worker's file is
 * @property {string | URL} [wasmUrl] a .wasm file, or a folder (ending in "/") with all
 */

export {}
