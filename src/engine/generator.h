/* The generation loop, the only one, for the command, JavaScript and services alike: requests go
 * in, events come out. It admits requests to slots, reuses every prefix that is in the cache, forms
 * batches of decodes and prompt chunks, samples, makes text of tokens, finds stop strings and
 * cancels.
 *
 * When the KV cache has no free page left, idle slots lose theirs, least recently used first; then
 * the youngest running request is preempted: it goes back into the queue, and its tokens are
 * computed again later (as vLLM's preemption by recomputation). Results do not depend on it. */
#ifndef SOTTO_ENGINE_GENERATOR_H
#define SOTTO_ENGINE_GENERATOR_H

#include "backend/backend.h"
#include "engine/request.h"
#include "sample/sampler.h"
#include "tokenizer/tokenizer.h"

typedef struct sotto_generator sotto_generator;

typedef struct sotto_generator_config {
  uint32_t n_ctx, n_batch, n_outputs, n_parallel;
  uint32_t n_vocab;
  uint32_t n_embd;      /* width of embeddings, where the model's output is one; 0: it is logits */
  uint32_t n_positions; /* most of a sequence, whatever n_ctx is */
  /* Most tokens of a batch that begins while weights are missing, at least n_batch. Such a batch
   * takes all tokens that are waiting as far as the weights are; a short one would keep the others
   * waiting. */
  uint32_t n_batch_loading;
  /* Milliseconds of tokens that a backend may find itself (backend.h) before they are looked at. */
  uint32_t ahead_ms;
  /* Attention is not causal, or all tokens are pooled: a text goes through in one batch, no part
   * of it is reused for another text, and nothing is generated behind it. n_outputs is at least
   * n_batch then, unless the output is an embedding. */
  bool whole_texts;
} sotto_generator_config;

#define SOTTO_MAX_WAITING 64 /* requests in the queue */

/* Slots, running and idle ones, of a generator for so many requests at once. */
static inline uint32_t sotto_generator_slots(uint32_t n_parallel) {
  return n_parallel * 2;
}
/* Bytes that a generator allocates, for the memory plan. */
uint64_t sotto_generator_bytes(const sotto_generator_config *config,
                               const sotto_kv_shape *kv_shape);

/* backend, ready[n_weights] (the loader's flags), kv and tokenizer are borrowed until free. */
sotto_status sotto_generator_new(sotto_ctx *ctx, const sotto_generator_config *config,
                                 sotto_backend *backend, const bool *ready, sotto_kv *kv,
                                 const sotto_tokenizer *tokenizer, sotto_generator **out);
void sotto_generator_free(sotto_generator *generator);

/* Go on with another backend for the same program, and a cache of its, as with the one before or
 * with one that has no summaries. What the cache has is
 * forgotten, and running jobs go back into the queue. ERR_OUT_OF_MEMORY: nothing has changed. */
sotto_status sotto_generator_move(sotto_generator *generator, sotto_backend *backend,
                                  const bool *ready, sotto_kv *kv);

void sotto_request_init(sotto_request *request);
/* ERR_CONTEXT_LENGTH when a prompt of n_tokens is longer than the context, or than the positions
 * that the model has learned. */
sotto_status sotto_generator_check_length(sotto_ctx *ctx, const sotto_generator_config *config,
                                          uint32_t n_tokens);
/* These do what their namesakes in api/sotto.h say: sotto_engine_add_request, _cancel,
 * _prompt_progress, _step, _next_event. */
sotto_status sotto_generator_add(sotto_generator *generator, const sotto_request *request,
                                 uint32_t *id);
sotto_status sotto_generator_cancel(sotto_generator *generator, uint32_t id);
sotto_status sotto_generator_prompt_progress(const sotto_generator *generator, uint32_t id,
                                             uint32_t *n_done);
sotto_step_result sotto_generator_step(sotto_generator *generator, double budget_ms);
bool sotto_generator_next_event(sotto_generator *generator, sotto_event *event);

/* As sotto_engine_save_state, but without sotto_kv_seal, _load_state and _clear_cache in
 * api/sotto.h. `model` is the fingerprint of program and weights. */
sotto_status sotto_generator_save(sotto_generator *generator, uint64_t model,
                                  const sotto_token *tokens, uint32_t n, sotto_str *out);
sotto_status sotto_generator_load(sotto_generator *generator, uint64_t model, const void *data,
                                  size_t len, uint32_t *n_tokens);
void sotto_generator_clear_cache(sotto_generator *generator);

#endif
