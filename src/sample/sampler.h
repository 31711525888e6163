/* From logits to one token. The chain, in this order (llama.cpp's default order):
 *   logit bias, penalties (repeat, frequency, presence), top-k, typical, top-p, min-p, temperature,
 *   draw.  temperature <= 0 is greedy: the highest logit after bias and penalties.
 * Ties always go to the lower id. Random numbers are counter-based: a function of seed and position
 * only, so a token does not depend on what else runs in the engine. All arithmetic is our own, so the
 * same logits give the same token on every host. */
#ifndef SOTTO_SAMPLE_SAMPLER_H
#define SOTTO_SAMPLE_SAMPLER_H

#include "base/ctx.h"
#include "tokenizer/tokenizer.h"

typedef struct sotto_sampling {
  float temperature;       /* default 0.8; 0 is greedy */
  int32_t top_k;           /* default 40; <= 0 is off */
  float top_p;             /* default 0.95; 1 is off */
  float min_p;             /* default 0.05; 0 is off */
  float typical_p;         /* default 1: off */
  float repeat_penalty;    /* default 1: off */
  int32_t repeat_last_n;   /* tokens the penalties look back; default 64; 0 off, -1 all */
  float presence_penalty;  /* default 0 */
  float frequency_penalty; /* default 0 */
  uint64_t seed;
} sotto_sampling;

typedef struct sotto_logit_bias {
  sotto_token token;
  float bias; /* -INFINITY bans the token */
} sotto_logit_bias;

void sotto_sampling_default(sotto_sampling *sampling);
/* ERR_INVALID_ARGUMENT names the field and its range (NaN is never in range). */
sotto_status sotto_sampling_check(sotto_ctx *ctx, const sotto_sampling *sampling,
                                  const sotto_logit_bias *bias, size_t n_bias, uint32_t n_vocab);

typedef struct sotto_sampler sotto_sampler; /* scratch for one vocabulary, reused between calls */
sotto_status sotto_sampler_new(sotto_ctx *ctx, uint32_t n_vocab, sotto_sampler **out);
void sotto_sampler_free(sotto_sampler *sampler);

/* Pick the token for `position` from logits[n_vocab] (not modified). history[n_history] are all
 * tokens of the sequence so far, prompt included. ERR_NON_FINITE_LOGITS if a logit is NaN or +inf,
 * or nothing is left to pick. */
sotto_status sotto_sampler_pick(sotto_sampler *sampler, const sotto_sampling *sampling,
                                const sotto_logit_bias *bias, size_t n_bias,
                                const sotto_token *history, size_t n_history, uint64_t position,
                                const float *logits, sotto_token *out);

typedef struct sotto_token_logprob {
  sotto_token token;
  float logprob; /* natural logarithm, of the raw logits' softmax (as OpenAI's logprobs) */
} sotto_token_logprob;

/* log-softmax of one token, and of the k most likely ones (sorted, ties to the lower id; *n_top is
 * min(k, n_vocab)). Accumulates in double. */
float sotto_logprob(const float *logits, uint32_t n_vocab, sotto_token token);
void sotto_top_logprobs(const float *logits, uint32_t n_vocab, uint32_t k,
                        sotto_token_logprob *top, uint32_t *n_top);

/* The counter-based generator: 64 bits from (seed, position), uniform double in [0, 1). */
uint64_t sotto_random_u64(uint64_t seed, uint64_t position);
double sotto_random_uniform(uint64_t seed, uint64_t position);

#endif
