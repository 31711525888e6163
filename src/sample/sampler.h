/* From logits to one token. The chain, in this order (llama.cpp's default order):
 *   logit bias, penalties (repeat, frequency, presence), top-k, typical, top-p, min-p, temperature,
 *   draw.  temperature <= 0 is greedy: the highest logit after bias and penalties.
 *
 *   bias       l += bias
 *   penalties  for a token that occurs c > 0 times in the last repeat_last_n of the history:
 *              l = l > 0 ? l / repeat : l * repeat;  l -= c * frequency + presence
 *   top-k      the k highest logits
 *   typical    the tokens whose surprise |-log p - entropy| is smallest, until their p sum up to
 *              typical_p (Meister et al., "Locally Typical Sampling", 2023)
 *   top-p      the likeliest tokens until their p sum up to top_p (Holtzman et al., 2020)
 *   min-p      the tokens with p >= min_p * max p (Nguyen et al., 2024)
 *   draw       with p = softmax(l / temperature) over what is left, in descending order of p: the
 *              first token whose cumulated p is above a uniform number
 *
 * Each filter sees the probabilities renormalised over what the one before it left, and leaves at
 * least one token. Ties always go to the lower id. Random numbers are counter-based: a function of
 * seed and position only, so a token does not depend on what else runs in the engine. All
 * arithmetic is our own, in double from the softmax on, so the same logits give the same token on
 * every host. */
#ifndef SOTTO_SAMPLE_SAMPLER_H
#define SOTTO_SAMPLE_SAMPLER_H

#include "base/ctx.h"
#include "sample/random.h"
#include "sample/sampling.h"
#include "tokenizer/tokenizer.h"

void sotto_sampling_default(sotto_sampling *sampling);
/* Once for each request, by base/limits.def: ERR_INVALID_ARGUMENT names the field and its range. */
sotto_status sotto_sampling_check(sotto_ctx *ctx, const sotto_sampling *sampling,
                                  const sotto_bias *bias, size_t n_bias, uint32_t n_vocab);

typedef struct sotto_sampler sotto_sampler; /* scratch for one vocabulary, reused between calls */
sotto_status sotto_sampler_new(sotto_ctx *ctx, uint32_t n_vocab, sotto_sampler **out);
void sotto_sampler_free(sotto_sampler *sampler);
/* All the memory a sampler takes; picking allocates nothing. */
size_t sotto_sampler_bytes(uint32_t n_vocab);

/* Pick the token for `position` from logits[n_vocab] (not modified). history[n_history] are all
 * tokens of the sequence so far, prompt included; ids outside the vocabulary are skipped.
 * ERR_NON_FINITE_LOGITS if a logit is NaN or +inf (also: becomes so by bias or penalties), or
 * nothing is left to pick. sotto_sampling_check has passed what the caller was given. */
sotto_status sotto_sampler_pick(sotto_sampler *sampler, const sotto_sampling *sampling,
                                const sotto_bias *bias, size_t n_bias, const sotto_token *history,
                                size_t n_history, uint64_t position, const float *logits,
                                sotto_token *out);

/* log-softmax of one token, and of the k most likely ones (top[k]; sorted, ties to the lower id;
 * *n_top is min(k, n_vocab); meant for small k). Sums in double, in order of ids. The logits are
 * finite or -inf, not all -inf; a token outside the vocabulary gives -inf. */
float sotto_logprob(const float *logits, uint32_t n_vocab, sotto_token token);
void sotto_top_logprobs(const float *logits, uint32_t n_vocab, uint32_t k, sotto_top_logprob *top,
                        uint32_t *n_top);

#endif
