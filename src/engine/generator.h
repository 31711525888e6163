/* The only generation loop, for the command, JavaScript and services alike: requests in, steps, events
 * out. Admits requests to sequences, reuses every cached prefix, forms batches of decodes and prompt
 * chunks, samples, turns tokens to text, finds stop strings, cancels.
 *
 * When the KV cache has no free page left, idle slots lose theirs, least recently used first; then the
 * youngest running request is preempted: it goes back into the queue, and its tokens are computed again
 * later (as vLLM's preemption by recomputation). Results do not depend on it. */
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
  uint32_t n_batch_loading; /* most tokens of a batch made while weights are missing, >= n_batch */
  bool
      whole_texts; /* attention is not causal: a text goes through in one batch, shares nothing with
                     * another and is followed by nothing. n_outputs >= n_batch */
} sotto_generator_config;

#define SOTTO_MAX_WAITING 64

/* Sequences (running and cached) that the KV tables are made for. */
static inline uint32_t sotto_generator_slots(uint32_t n_parallel) {
  return n_parallel * 2;
}
/* Bytes that a generator of this shape allocates, for the memory plan. */
uint64_t sotto_generator_bytes(const sotto_generator_config *config);

/* backend, ready (the loader's flags), kv and tokenizer are borrowed until free.
 * While weights are missing, batches may be longer: all tokens that are waiting go as far as the weights
 * are, where a short batch would stop for all that are behind it. */
sotto_status sotto_generator_new(sotto_ctx *ctx, const sotto_generator_config *config,
                                 sotto_backend *backend, const bool *ready, sotto_kv *kv,
                                 const sotto_tokenizer *tokenizer, sotto_generator **out);
void sotto_generator_free(sotto_generator *generator);

void sotto_request_init(sotto_request *request);
/* ERR_CONTEXT_LENGTH when a prompt of so many tokens does not fit. */
sotto_status sotto_generator_check_length(sotto_ctx *ctx, const sotto_generator_config *config,
                                          uint32_t n_tokens);
sotto_status sotto_generator_add(sotto_generator *generator, const sotto_request *request,
                                 uint32_t *id);
sotto_status sotto_generator_cancel(sotto_generator *generator, uint32_t id);
/* See sotto_engine_prompt_progress. */
sotto_status sotto_generator_prompt_progress(const sotto_generator *generator, uint32_t id,
                                             uint32_t *n_done);
sotto_step_result sotto_generator_step(sotto_generator *generator, double budget_ms);
bool sotto_generator_next_event(sotto_generator *generator, sotto_event *event);

/* See sotto_engine_save_state and its siblings in sotto.h; `model` is the weights' fingerprint. */
sotto_status sotto_generator_save(sotto_generator *generator, uint64_t model,
                                  const sotto_token *tokens, uint32_t n, sotto_str *out);
sotto_status sotto_generator_load(sotto_generator *generator, uint64_t model, const void *data,
                                  size_t len, uint32_t *n_tokens);
void sotto_generator_clear_cache(sotto_generator *generator);

#endif
