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
 * Ownership: arguments are borrowed for the call. Pointers handed out (events, text, logits, ids)
 * belong to the engine; each function says until when they are valid. Errors: functions returning
 * sotto_status leave the reason in sotto_engine_message(); the engine stays usable after every
 * failure of a request, and can only be freed after a failure of loading. Struct layouts and
 * constants are available to JavaScript as JSON: sotto_layout_json(). */
#ifndef SOTTO_H
#define SOTTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/gpu/device.h"
#include "backend/gpu/records.h"
#include "base/status.h"
#include "engine/request.h"

#define SOTTO_API __attribute__((used, visibility("default")))

/* Raised whenever a struct below or the meaning of a call changes; JavaScript checks it. */
#define SOTTO_API_VERSION 6

typedef struct sotto_engine sotto_engine;

typedef enum sotto_backend_kind {
  SOTTO_BACKEND_CPU = 0,    /* quantised kernels: the product */
  SOTTO_BACKEND_NAIVE = 1,  /* plain float32 over dequantised weights: the reference */
  SOTTO_BACKEND_WEBGPU = 2, /* a GPU, whose work the host does: sotto_engine_set_gpu */
} sotto_backend_kind;

/* SOTTO_VARIANT_SCALAR, _SIMD128, _RELAXED and so on: kernels/variants.def. */
typedef enum sotto_variant {
  SOTTO_VARIANT_AUTO = 0, /* the fastest but scalar, measured for each weight format */
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
  uint32_t n_ctx;         /* positions in the KV cache, shared by all sequences; 0: 4096, or the
                     * trained context where that is shorter */
  uint32_t n_batch;       /* most tokens of a batch; 0: 128, on a GPU 512 */
  uint32_t n_parallel;    /* most requests that run at once; 0: 4 */
  uint32_t backend;       /* sotto_backend_kind */
  uint32_t variant;       /* sotto_variant */
  uint32_t n_threads;     /* threads that compute; 0: 1. Fewer where the host gives fewer */
  uint32_t adapt_threads; /* 1: decode with fewer threads where that measures faster */
  uint32_t cache_type_k;  /* sotto_cache_type; the naive backend always keeps float32 */
  uint32_t cache_type_v;  /* sotto_cache_type */
  uint64_t memory_budget; /* bytes the engine may use in all; 0: no limit but the host's */
} sotto_engine_options;

/* What an engine will need, known from the headers alone. Bytes. */
typedef struct sotto_memory_plan {
  uint64_t weights;  /* in their packed layout */
  uint64_t kv;       /* KV cache for n_ctx positions */
  uint64_t scratch;  /* activations, logits, sampler */
  uint64_t staging;  /* incomplete tile rows while loading */
  uint64_t metadata; /* header, vocabulary, template */
  uint64_t total;
  uint64_t file;         /* bytes of the model's files */
  uint64_t limit;        /* the budget that total was compared with; 0: none */
  uint64_t per_position; /* KV bytes of one position more or less of n_ctx */
  uint64_t gpu_weights, gpu_kv, gpu_scratch, gpu_total; /* on the GPU; 0 without one */
  uint64_t gpu_limit; /* what gpu_total was compared with; 0: none */
  uint64_t cpu_total; /* what total would be on the CPU */
  uint32_t n_ctx;     /* after defaults were filled in */
  uint32_t fits;      /* 1 when total <= limit or there is no limit */
} sotto_memory_plan;

/* Bytes of a file that the loader wants: `length` of them from `offset` on. */
typedef struct sotto_range {
  uint64_t offset, length;
  uint32_t file;
  uint32_t reserved;
} sotto_range;

/* Whether one part of a model (its types, its tokenizer …) would run. */
typedef struct sotto_check {
  /* "types", "architecture", "tokenizer", "chat_template" or "memory"; "" behind the last one */
  const char *part;
  const char *message; /* why not; valid until the next failure */
  uint32_t status; /* sotto_status. A chat_template that fails: the model runs, but cannot chat */
} sotto_check;

typedef struct sotto_model_info { /* strings are valid until free */
  const char *architecture, *name;
  uint64_t n_params;
  uint32_t n_vocab, n_ctx_train, n_embd, n_layer, n_head, n_head_kv, n_ff;
  uint32_t n_files, n_tensors;
  int32_t bos, eos; /* -1: none */
  uint32_t has_chat_template;
  uint32_t pooling; /* <arch>.pooling_type: 1 mean, 2 cls, 3 last: the model gives embeddings and no
                     * text. 0: none, it generates */
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
/* The option or the field of a request that the last failure is about, by its name in JavaScript
 * ("n_ctx", "stop"); "" where it is about none. The ranges of numbers are in base/limits.def. */
SOTTO_API const char *sotto_engine_error_field(const sotto_engine *engine);
/* Bytes the engine has allocated now, and the most it ever had. */
SOTTO_API uint64_t sotto_engine_bytes_in_use(const sotto_engine *engine);
SOTTO_API uint64_t sotto_engine_bytes_peak(const sotto_engine *engine);

/* ---- header ---- */
/* How many files the model has (a split's count); before the first feed. Default 1. */
SOTTO_API sotto_status sotto_engine_set_files(sotto_engine *engine, uint32_t n_files);
/* A file's size in bytes, where it is known, before its first feed: lengths are then checked
 * against it before memory is allocated for them. */
SOTTO_API sotto_status sotto_engine_set_file_size(sotto_engine *engine, uint32_t file,
                                                  uint64_t size);
/* Push the next bytes of a file, from its start on. *done becomes true once its header is complete;
 * *consumed is how many of these bytes belong to the header (all of them before that). */
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
/* The plan with a KV cache of these types (sotto_cache_type) and the largest context that fits the
 * budget, up to the n_ctx that was asked for; plan->n_ctx is 0 where none fits. The engine's own
 * plan does not change. */
SOTTO_API sotto_status sotto_engine_plan_fitting(sotto_engine *engine, uint32_t cache_type_k,
                                                 uint32_t cache_type_v, sotto_memory_plan *plan);
/* What the headers say of the model. ERR_INVALID_ARGUMENT before plan. */
SOTTO_API sotto_status sotto_engine_info(const sotto_engine *engine, sotto_model_info *info);
/* The index-th warning: what may be wrong with the model or its options and does not keep it from
 * running. NULL behind the last one. Complete after plan; valid until free. */
SOTTO_API const char *sotto_engine_warning(const sotto_engine *engine, uint32_t index);
/* Text for people: the metadata and the table of tensors, or as JSON. Valid until the next call
 * that returns text. */
SOTTO_API sotto_status sotto_engine_describe(sotto_engine *engine, uint32_t as_json,
                                             const char **text, uint32_t *len);
/* Whether the index-th part of the model would run, whatever is wrong with the others. The headers
 * must be complete. check->part is "" where index is behind the last part. */
SOTTO_API sotto_status sotto_engine_check(sotto_engine *engine, uint32_t index, sotto_check *check);
/* The program as text, one operation a line. Valid until the next call that returns text. */
SOTTO_API sotto_status sotto_engine_print_program(sotto_engine *engine, const char **text,
                                                  uint32_t *len);

/* Announce a prompt of n_tokens that will be added while the weights arrive. The plan then lets all
 * of it go through the model in one batch, each layer as soon as its weights are there, so that
 * little is left to compute when the last layer has arrived. That takes memory for one row of
 * activations a token (plan->scratch); where it does not fit the budget, batches stay at n_batch
 * and more is left to compute. To be called between plan and start_load; the last call counts, and
 * 0 takes it back. ERR_CONTEXT_LENGTH when the context is too short for the prompt. */
SOTTO_API sotto_status sotto_engine_plan_prefill(sotto_engine *engine, uint32_t n_tokens,
                                                 sotto_memory_plan *plan);

/* ---- body ---- */
/* Allocate everything the plan lists. ERR_MEMORY_BUDGET with the numbers when it does not fit. */
SOTTO_API sotto_status sotto_engine_start_load(sotto_engine *engine);
/* The next range to fetch, in the order in which the program needs the weights, of at most
 * max_length bytes (64 KiB or more is sensible). range->length is 0 when everything has been handed
 * out. Each range is fed from its start to its end; up to 16 may be open at once, and ERR_BUSY
 * refuses more. */
SOTTO_API sotto_status sotto_engine_next_range(sotto_engine *engine, uint64_t max_length,
                                               sotto_range *range);
/* The same in the order of the files, which gives fewer and longer ranges: for a host that waits
 * for the whole model anyway. */
SOTTO_API sotto_status sotto_engine_next_file_range(sotto_engine *engine, uint64_t max_length,
                                                    sotto_range *range);
/* One range over all tensor data of a file, for a source that can only be read from start to end.
 * Instead of the two functions above. */
SOTTO_API sotto_status sotto_engine_stream_range(sotto_engine *engine, uint32_t file,
                                                 sotto_range *range);
/* The next bytes of a range that was handed out, cut anywhere. `offset` is that of data[0] in the
 * file: the range's start, or where the last feed of this range ended. */
SOTTO_API sotto_status sotto_engine_feed(sotto_engine *engine, uint32_t file, uint64_t offset,
                                         const void *data, uint32_t len);
/* Bytes of the weights that are in place, and of all weights. */
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
  SOTTO_DETOKENIZE_WHOLE = 2,   /* a whole text: drops the space that tokenizing put in front */
  SOTTO_DETOKENIZE_BYTES = 4,   /* the tokens' bytes as they are; else U+FFFD for invalid UTF-8 */
} sotto_detokenize_flags;
/* Valid until the next call that returns text. */
SOTTO_API sotto_status sotto_engine_detokenize(sotto_engine *engine, const int32_t *ids,
                                               uint32_t n_ids, uint32_t flags, const char **text,
                                               uint32_t *len);
/* A conversation to prompt ids through the model's own template. `json` is an object: {"messages":
 * […], "tools": […], "add_generation_prompt": true, "chat_template": "…", "chat_template_kwargs":
 * {…}}. chat_template: Jinja, or the name of one of the model's templates ("default", "tool_use",
 * "rag"); left out it is "tool_use", where there is such and tools are given, else "default".
 * `arguments` of tool calls may be objects or strings of JSON. now: Unix seconds for templates that
 * print the date. Ids are valid until the next call that returns ids, the rendered text until the
 * next call of this function. ERR_INVALID_JSON, ERR_INVALID_TEMPLATE, ERR_TEMPLATE_RAISED. */
SOTTO_API sotto_status sotto_engine_apply_chat_template(sotto_engine *engine, const char *json,
                                                        uint32_t json_len, int64_t now,
                                                        const int32_t **ids, uint32_t *n_ids,
                                                        const char **text, uint32_t *text_len);

/* ---- generation ---- */
SOTTO_API void sotto_request_default(sotto_request *request);
/* Put a request into the queue; *id is greater than 0. It runs once fewer than n_parallel others
 * do. ERR_BUSY when 64 are waiting, ERR_CONTEXT_LENGTH when the prompt is longer than n_ctx. */
SOTTO_API sotto_status sotto_engine_add_request(sotto_engine *engine, const sotto_request *request,
                                                uint32_t *id);
/* End a request: a DONE event with FINISH_CANCELLED follows. What was computed stays in the
 * cache. */
SOTTO_API sotto_status sotto_engine_cancel(sotto_engine *engine, uint32_t id);
/* How many of a waiting or running request's prompt tokens are computed: those in the cache, and of
 * those in the batch under way the share of its work that is done. */
SOTTO_API sotto_status sotto_engine_prompt_progress(sotto_engine *engine, uint32_t id,
                                                    uint32_t *n_done);
/* Work for about budget_ms milliseconds (0: for as short as possible), then say why it stopped. All
 * events must have been taken before; while there are any it only returns STEP_EVENTS. */
SOTTO_API sotto_step_result sotto_engine_step(sotto_engine *engine, double budget_ms);
/* Take the oldest event; false when there is none. Its pointers are valid until the next step or
 * next_event. */
SOTTO_API bool sotto_engine_next_event(sotto_engine *engine, sotto_event *event);

/* ---- GPU ---- */
/* The engine is to run on this GPU: after sotto_engine_new with SOTTO_BACKEND_WEBGPU, before
 * plan. */
SOTTO_API sotto_status sotto_engine_set_gpu(sotto_engine *engine, const sotto_gpu_device *device);
/* The commands for the GPU that have gathered: 1, or 0 where there are none. To be called, and the
 * commands to be carried out as far as they look at memory, after each call that may have added
 * some (start_load, feed, step, cancel, save_state, load_state) and before the next one. */
SOTTO_API uint32_t sotto_engine_gpu_take(sotto_engine *engine, sotto_gpu_commands *commands);
/* The commands of this serial are done, and what they read is in memory; serials are reported in
 * order. With another status than SOTTO_OK the GPU is lost to the engine, and all requests fail. */
SOTTO_API void sotto_engine_gpu_report(sotto_engine *engine, uint32_t serial, uint32_t status);
/* Why nothing will be computed on the GPU: ERR_GPU_LOST or ERR_OUT_OF_MEMORY as it was reported,
 * ERR_GPU_UNAVAILABLE where its results were wrong in the test that follows start_load. OK as long
 * as it works; the test is over when nothing is left to be taken and reported. */
SOTTO_API sotto_status sotto_engine_gpu_status(sotto_engine *engine);
/* Between start_load and the first feed: how long a token takes on the GPU, as it was just measured
 * over the model's own buffers, and an estimate for the CPU. Both 0 while there are commands to be
 * taken, carried out and reported; call again then. */
SOTTO_API sotto_status sotto_engine_gpu_trial(sotto_engine *engine, double *gpu_ms, double *cpu_ms);
/* Go on where a GPU was lost: on another device, or with NULL on the CPU. What was computed is
 * forgotten, running requests are computed again from their tokens, and events go on where they
 * stood. The weights are to be fed again, as after start_load; until they are there steps give
 * STEP_WAIT_WEIGHTS. Commands and serials begin anew with another device. plan: what it takes.
 * ERR_MEMORY_BUDGET, ERR_OUT_OF_MEMORY: nothing has changed. */
SOTTO_API sotto_status sotto_engine_recover(sotto_engine *engine, const sotto_gpu_device *device,
                                            sotto_memory_plan *plan);

/* ---- KV state ---- */
/* A snapshot (tokens, keys and values, recurrent states) of the longest prefix of these tokens that
 * the cache can go on from; with n_tokens 0 of all of the sequence used last. Where layers have
 * windows or recurrent states that may be less than what was computed. Any host and variant with
 * the same model and cache types reads it. Valid until the next call of this function. While it is
 * on its way from a GPU, *data is NULL: call again, with the same tokens, when what
 * sotto_engine_gpu_take gives has been reported. ERR_INVALID_STATE when nothing is cached. */
SOTTO_API sotto_status sotto_engine_save_state(sotto_engine *engine, const int32_t *tokens,
                                               uint32_t n_tokens, const char **data, uint32_t *len);
/* Put a snapshot of n_tokens into the cache: requests that begin with its tokens need not compute
 * them. ERR_INVALID_STATE for a snapshot of another model or cache type and a damaged or truncated
 * one; ERR_CONTEXT_LENGTH where it is longer than the room in the cache; ERR_BUSY while all
 * sequences generate. */
SOTTO_API sotto_status sotto_engine_load_state(sotto_engine *engine, const char *data, uint32_t len,
                                               uint32_t *n_tokens);
/* Forget all sequences in the cache that no running request uses. */
SOTTO_API void sotto_engine_clear_cache(sotto_engine *engine);

/* Name of the kernel variant in use, for example "simd128"; before plan, of the one that AUTO would
 * begin with. */
SOTTO_API const char *sotto_engine_variant(const sotto_engine *engine);
/* Threads that compute: as many as asked for or as the host gave. 1 before start_load. */
SOTTO_API uint32_t sotto_engine_n_threads(const sotto_engine *engine);

/* ---- memory for hosts that cannot allocate on their own (JavaScript) ---- */
SOTTO_API void *sotto_host_alloc(uint32_t size);
SOTTO_API void sotto_host_free(void *ptr);

/* ---- hash ---- */
/* SHA-256 (FIPS 180-4), added to as bytes arrive. state: sotto_hash_state_bytes() bytes of the
 * caller's, aligned to 8; digest: 32 bytes. */
SOTTO_API uint32_t sotto_hash_state_bytes(void);
SOTTO_API void sotto_hash_begin(void *state);
SOTTO_API void sotto_hash_add(void *state, const void *data, uint32_t len);
SOTTO_API void sotto_hash_end(void *state, unsigned char *digest);

#endif
