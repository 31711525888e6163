/* sotto.h: a language model behind a handful of functions.
 *
 * The core never waits: it reads no file, opens no socket and starts no process. The host pushes a
 * model's bytes in, adds requests, calls sotto_engine_step again and again and takes events out:
 *
 *   sotto_engine_new → feed_header … → plan → start_load → (next_range → feed …)
 *   → add_request → step / next_event … → free
 *
 * Steps may begin while weights are still arriving. One engine belongs to one thread at a time.
 *
 * Ownership: arguments are borrowed for the call. Pointers handed out (events, text, logits, ranges)
 * belong to the engine; each says until when they are valid.
 * Errors: functions returning sotto_status leave the reason in sotto_engine_message(); the engine
 * stays usable after every failure of a request, and can only be freed after a failure of loading.
 * Struct layouts and constants are available to JavaScript as JSON: sotto_layout_json(). */
#ifndef SOTTO_H
#define SOTTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "engine/request.h"

#define SOTTO_API __attribute__((used, visibility("default")))

/* Raised whenever a struct below or the meaning of a call changes; JavaScript checks it. */
#define SOTTO_API_VERSION 4

typedef struct sotto_engine sotto_engine;

typedef enum sotto_backend_kind {
  SOTTO_BACKEND_CPU = 0,   /* quantised kernels: the product */
  SOTTO_BACKEND_NAIVE = 1, /* plain float32 over dequantised weights: the reference */
} sotto_backend_kind;

/* SOTTO_VARIANT_SCALAR, _SIMD128, _RELAXED and so on: kernels/variants.def. */
typedef enum sotto_variant {
  SOTTO_VARIANT_AUTO = 0, /* of all but scalar whatever measures fastest, format by format */
#define VARIANT(NAME, name, family) SOTTO_VARIANT_##NAME,
#define FAMILY(NAME, name)          SOTTO_VARIANT_##NAME,
#include "kernels/variants.def"
#undef VARIANT
#undef FAMILY
  SOTTO_N_VARIANTS
} sotto_variant;

/* What the KV cache keeps keys and values in: SOTTO_CACHE_F16 and so on, kernels/kv_types.def. */
typedef enum sotto_cache_type {
#define K(NAME, name) SOTTO_CACHE_##NAME,
#include "kernels/kv_types.def"
#undef K
  SOTTO_N_CACHE_TYPES
} sotto_cache_type;

typedef struct sotto_engine_options { /* ranges: base/limits.def */
  uint32_t n_ctx;   /* positions in the KV cache, shared by all sequences; 0: min(trained, 4096) */
  uint32_t n_batch; /* most tokens in one pass; 0: 128 */
  uint32_t n_parallel;    /* most sequences generating at once; 0: 4 */
  uint32_t backend;       /* sotto_backend_kind */
  uint32_t variant;       /* sotto_variant */
  uint32_t n_threads;     /* that compute; 0: 1; fewer where the host has fewer */
  uint32_t adapt_threads; /* 1: decode with fewer of them where that measures faster */
  uint32_t cache_type_k;  /* sotto_cache_type; the naive backend always keeps float32 */
  uint32_t cache_type_v;  /* sotto_cache_type */
  uint64_t memory_budget; /* bytes the engine may use in all; 0: no limit but the host's */
} sotto_engine_options;

/* What an engine will need, known from the headers alone. Bytes. */
typedef struct sotto_memory_plan {
  uint64_t weights;  /* packed */
  uint64_t kv;       /* KV cache for n_ctx positions */
  uint64_t scratch;  /* activations, logits, sampler */
  uint64_t staging;  /* rows that wait for their neighbours while loading */
  uint64_t metadata; /* header, vocabulary, template */
  uint64_t total;
  uint64_t file;         /* bytes of the model's files */
  uint64_t limit;        /* the budget it was held against; 0: none */
  uint64_t per_position; /* KV bytes of one position: how much a smaller n_ctx saves */
  uint32_t n_ctx;        /* after defaults were filled in */
  uint32_t fits;         /* 1 when total <= limit or there is no limit */
} sotto_memory_plan;

/* A stretch of a file the loader still wants. */
typedef struct sotto_range {
  uint64_t offset, length;
  uint32_t file;
  uint32_t reserved;
} sotto_range;

/* Whether one part of a model would run. */
typedef struct sotto_check {
  const char
      *part; /* "types", "architecture", "tokenizer", "chat_template", "memory"; "" behind them */
  const char *message; /* why not; valid until the next failure */
  uint32_t status;     /* sotto_status; chat_template: the model runs all the same, but for chat */
} sotto_check;

typedef struct sotto_model_info { /* valid once headers are complete; text until free */
  const char *architecture, *name;
  uint64_t n_params;
  uint32_t n_vocab, n_ctx_train, n_embd, n_layer, n_head, n_head_kv, n_ff;
  uint32_t n_files, n_tensors;
  int32_t bos, eos; /* -1: none */
  uint32_t has_chat_template;
} sotto_model_info;

/* ---- life ---- */
SOTTO_API uint32_t sotto_api_version(void);
/* JSON of constants (status codes, enums) and struct layouts (offset, size, type of each field). */
SOTTO_API const char *sotto_layout_json(void);
/* Stable text of a status, e.g. "out_of_memory". */
SOTTO_API const char *sotto_status_name(uint32_t status);
SOTTO_API void sotto_engine_options_default(sotto_engine_options *options);
/* NULL only when there is no memory even for the engine's own struct. */
SOTTO_API sotto_engine *sotto_engine_new(const sotto_engine_options *options);
/* The same with the host's allocator (sotto_ctx_init in base/ctx.h); ctx is copied. */
struct sotto_ctx;
sotto_engine *sotto_engine_new_with(const struct sotto_ctx *ctx,
                                    const sotto_engine_options *options);
SOTTO_API void sotto_engine_free(sotto_engine *engine);
/* The last failure's message: names the thing and the next step. Valid until the next failure. */
SOTTO_API const char *sotto_engine_message(const sotto_engine *engine);
/* The option or the part of a request that it is about, by its name in JavaScript: "n_ctx", "stop"; "" where it
 * is about none. Numbers have their ranges in base/limits.def. */
SOTTO_API const char *sotto_engine_error_field(const sotto_engine *engine);
SOTTO_API uint64_t sotto_engine_bytes_in_use(const sotto_engine *engine);
SOTTO_API uint64_t sotto_engine_bytes_peak(const sotto_engine *engine);

/* ---- header ---- */
/* How many files the model has (a split's count); before the first feed. Default 1. */
SOTTO_API sotto_status sotto_engine_set_files(sotto_engine *engine, uint32_t n_files);
/* A file's size where it is known; lets every length be checked before memory is asked for. */
SOTTO_API sotto_status sotto_engine_set_file_size(sotto_engine *engine, uint32_t file,
                                                  uint64_t size);
/* Push the next bytes of a file from its start on. *done: its header is complete, and *consumed of
 * these bytes belonged to it. */
SOTTO_API sotto_status sotto_engine_feed_header(sotto_engine *engine, uint32_t file,
                                                const void *data, uint32_t len, uint32_t *consumed,
                                                uint32_t *done);
/* The source ended: an incomplete header is an error. */
SOTTO_API sotto_status sotto_engine_end_header(sotto_engine *engine, uint32_t file);
/* split.count of the first header (1: not split). */
SOTTO_API uint32_t sotto_engine_split_count(const sotto_engine *engine);
/* All headers complete: checks the architecture, builds tokenizer and program, fills the plan.
 * A plan that does not fit is no failure here: plan->fits is 0 and the message says what would. */
SOTTO_API sotto_status sotto_engine_plan(sotto_engine *engine, sotto_memory_plan *plan);
/* The plan that fits with a KV cache of these types (sotto_cache_type) and as much of the n_ctx that was
 * asked for as the budget allows; plan->n_ctx is 0 where no context fits. The engine's own plan stays. */
SOTTO_API sotto_status sotto_engine_plan_fitting(sotto_engine *engine, uint32_t cache_type_k,
                                                 uint32_t cache_type_v, sotto_memory_plan *plan);
SOTTO_API sotto_status sotto_engine_info(const sotto_engine *engine, sotto_model_info *info);
/* What may be wrong with the model or with the options for it and does not keep it from running, one by
 * one; NULL behind the last. Complete after plan; valid until free. */
SOTTO_API const char *sotto_engine_warning(const sotto_engine *engine, uint32_t index);
/* Text views for people: the metadata and tensor table, and the program. Valid until the next call
 * that returns text. */
SOTTO_API sotto_status sotto_engine_describe(sotto_engine *engine, uint32_t as_json,
                                             const char **text, uint32_t *len);
/* The index-th part of a model whose headers are complete, whatever else is wrong with it. */
SOTTO_API sotto_status sotto_engine_check(sotto_engine *engine, uint32_t index, sotto_check *check);
SOTTO_API sotto_status sotto_engine_print_program(sotto_engine *engine, const char **text,
                                                  uint32_t *len);

/* A prompt of n_tokens will be added while the weights arrive: plan for all of it to go through the model
 * in one batch, layer by layer as the layers come, so that little is left when the last one is there. Of
 * what the prompt needs then, one row of each token stays in memory (plan->scratch). Where that is over
 * the budget, batches stay at n_batch and more of the prompt is left. Between plan and start_load; the
 * last call counts, 0 takes it back. ERR_CONTEXT_LENGTH when the context is too short for the prompt. */
SOTTO_API sotto_status sotto_engine_plan_prefill(sotto_engine *engine, uint32_t n_tokens,
                                                 sotto_memory_plan *plan);

/* ---- body ---- */
/* Allocate everything the plan lists. ERR_MEMORY_BUDGET with the numbers when it does not fit. */
SOTTO_API sotto_status sotto_engine_start_load(sotto_engine *engine);
/* The next stretch to fetch, in the order in which the program needs it, at most max_length bytes
 * (>= 64 KiB is sensible). length 0: everything has been handed out. Each range is fed from its
 * start to its end; several may be in flight (at most 16). */
SOTTO_API sotto_status sotto_engine_next_range(sotto_engine *engine, uint64_t max_length,
                                               sotto_range *range);
/* The same in the order of the files, in fewer and longer ranges: for a host that waits for the whole
 * model anyway. */
SOTTO_API sotto_status sotto_engine_next_file_range(sotto_engine *engine, uint64_t max_length,
                                                    sotto_range *range);
/* One range over all of a file's tensor data, for a source that only streams. Instead of next_range.
 */
SOTTO_API sotto_status sotto_engine_stream_range(sotto_engine *engine, uint32_t file,
                                                 sotto_range *range);
/* Bytes of a handed-out range; `offset` is that of data[0] in the file and must follow what this range
 * got before. Cut anywhere. */
SOTTO_API sotto_status sotto_engine_feed(sotto_engine *engine, uint32_t file, uint64_t offset,
                                         const void *data, uint32_t len);
/* Bytes of weights in place and in all. */
SOTTO_API void sotto_engine_load_progress(const sotto_engine *engine, uint64_t *loaded,
                                          uint64_t *total);

/* ---- text ---- */
typedef enum sotto_tokenize_flags {
  SOTTO_TOKENIZE_ADD_SPECIAL = 1,   /* BOS/EOS as the model wants them */
  SOTTO_TOKENIZE_PARSE_SPECIAL = 2, /* the text is trusted: special tokens in it are recognised */
} sotto_tokenize_flags;
/* Ids are valid until the next call that returns ids. */
SOTTO_API sotto_status sotto_engine_tokenize(sotto_engine *engine, const char *text, uint32_t len,
                                             uint32_t flags, const int32_t **ids, uint32_t *n_ids);
typedef enum sotto_detokenize_flags {
  SOTTO_DETOKENIZE_SPECIAL = 1, /* control tokens appear as their text */
  SOTTO_DETOKENIZE_WHOLE = 2, /* a text from its start: the space that tokenizing put there goes */
  SOTTO_DETOKENIZE_BYTES = 4, /* the tokens' own bytes, of half a character too; without: UTF-8 */
} sotto_detokenize_flags;
/* Valid until the next call that returns text. */
SOTTO_API sotto_status sotto_engine_detokenize(sotto_engine *engine, const int32_t *ids,
                                               uint32_t n_ids, uint32_t flags, const char **text,
                                               uint32_t *len);
/* A conversation to prompt ids through the model's own template. `json` is an object:
 * {"messages": […], "tools": […], "add_generation_prompt": true, "chat_template": "…",
 * "chat_template_kwargs": {…}}. chat_template: Jinja, or the name of one of the model's templates
 * ("default", "tool_use", "rag"); left out it is "tool_use", where there is such and tools are given,
 * else "default". `arguments` of tool calls may be objects or strings of JSON. now: Unix seconds for
 * templates that print the date. The rendered text comes along. */
SOTTO_API sotto_status sotto_engine_apply_chat_template(sotto_engine *engine, const char *json,
                                                        uint32_t json_len, int64_t now,
                                                        const int32_t **ids, uint32_t *n_ids,
                                                        const char **text, uint32_t *text_len);

/* ---- generation ---- */
SOTTO_API void sotto_request_default(sotto_request *request);
/* Queue a request; *id is > 0. It is admitted when a sequence is free. ERR_BUSY: 64 are waiting. */
SOTTO_API sotto_status sotto_engine_add_request(sotto_engine *engine, const sotto_request *request,
                                                uint32_t *id);
/* A DONE event with FINISH_CANCELLED follows; what was computed stays in the cache. */
SOTTO_API sotto_status sotto_engine_cancel(sotto_engine *engine, uint32_t id);
/* Prompt tokens that are in the cache, and of those in the batch under way as many as is done of its
 * work. Of a request that is waiting or running. */
SOTTO_API sotto_status sotto_engine_prompt_progress(sotto_engine *engine, uint32_t id,
                                                    uint32_t *n_done);
/* Work for about budget_ms (0: one operation), then say why it stopped. All events must have been taken
 * before. */
SOTTO_API sotto_step_result sotto_engine_step(sotto_engine *engine, double budget_ms);
/* The oldest event, or false. */
SOTTO_API bool sotto_engine_next_event(sotto_engine *engine, sotto_event *event);

/* ---- KV state ---- */
/* Snapshot of the longest cached prefix of these tokens (n_tokens 0: of the sequence used last), in
 * a form that any host and variant of the same model and cache types reads. Valid until the next call that returns
 * text. ERR_INVALID_STATE when nothing is cached. */
SOTTO_API sotto_status sotto_engine_save_state(sotto_engine *engine, const int32_t *tokens,
                                               uint32_t n_tokens, const char **data, uint32_t *len);
/* Put a snapshot into the cache: requests that begin with its tokens start behind them. A snapshot of
 * another model or cache type, a damaged or a truncated one is ERR_INVALID_STATE and changes nothing. */
SOTTO_API sotto_status sotto_engine_load_state(sotto_engine *engine, const char *data, uint32_t len,
                                               uint32_t *n_tokens);
/* Forget all cached sequences. */
SOTTO_API void sotto_engine_clear_cache(sotto_engine *engine);

/* Name of the kernel variant in use, e.g. "simd128"; of the one that AUTO would pick before plan. */
SOTTO_API const char *sotto_engine_variant(const sotto_engine *engine);
/* Threads that compute, after start_load: as many as asked for, or as the host gave. 1 before. */
SOTTO_API uint32_t sotto_engine_n_threads(const sotto_engine *engine);

/* ---- memory for hosts that cannot allocate on their own (JavaScript) ---- */
SOTTO_API void *sotto_host_alloc(uint32_t size);
SOTTO_API void sotto_host_free(void *ptr);

/* ---- hash ---- */
/* SHA-256 (FIPS 180-4), added to as bytes arrive. state: sotto_hash_state_bytes() bytes of the caller's,
 * aligned to 8; digest: 32 bytes. */
SOTTO_API uint32_t sotto_hash_state_bytes(void);
SOTTO_API void sotto_hash_begin(void *state);
SOTTO_API void sotto_hash_add(void *state, const void *data, uint32_t len);
SOTTO_API void sotto_hash_end(void *state, unsigned char *digest);

#endif
