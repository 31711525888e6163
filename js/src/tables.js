// Made by `npm run format` of tables of the core: do not edit.

/** What numbers may be, both ends included; src/base/limits.def. */
export const LIMITS = Object.freeze({
  n_ctx: { min: 0, max: 16777216 },
  n_batch: { min: 0, max: 4096 },
  n_parallel: { min: 0, max: 256 },
  n_threads: { min: 1, max: 64 },
  memory_budget: { min: 0, max: 9007199254740991 },
  max_tokens: { min: -1, max: 1000000000 },
  temperature: { min: 0, max: 100 },
  top_k: { min: 0, max: 2147483647 },
  top_p: { min: 0, max: 1 },
  min_p: { min: 0, max: 1 },
  typical_p: { min: 0, max: 1 },
  repeat_penalty: { min: 0.01, max: 100 },
  repeat_last_n: { min: -1, max: 2147483647 },
  presence_penalty: { min: -100, max: 100 },
  frequency_penalty: { min: -100, max: 100 },
  top_logprobs: { min: 0, max: 20 },
  n_logit_bias: { min: 0, max: 1048576 },
  logit_bias: { min: -1e30, max: 1e30 },
  n_stop: { min: 0, max: 64 },
  stop_bytes: { min: 1, max: 1024 },
})

/** Kernels that can be asked for, each with its family; src/kernels/variants.def. */
export const VARIANTS = /** @type {const} */ ({
  scalar: 'scalar',
  simd128: 'simd128',
  relaxed: 'relaxed',
  relaxed_i32: 'relaxed',
  relaxed_i16: 'relaxed',
  relaxed_s8: 'relaxed',
  relaxed_u8: 'relaxed',
})

/** What the KV cache keeps keys and values in, the default first; src/kernels/kv_types.def. */
export const CACHE_TYPES = /** @type {const} */ (['f16', 'q8_0', 'f32'])
