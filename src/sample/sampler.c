/* What a request may ask of a sampler, and a pick from a whole row of logits. The chain itself:
 * changes.c (bias and penalties), then chain.c. */
#include "sample/sampler.h"

#include "base/limits.h"
#include "sample/internal.h"

void sotto_sampling_default(sotto_sampling *sampling) {
  *sampling = (sotto_sampling){.temperature = 0.8f,
                               .top_k = 40,
                               .top_p = 0.95f,
                               .min_p = 0.05f,
                               .typical_p = 1.0f,
                               .repeat_penalty = 1.0f,
                               .repeat_last_n = 64};
}

/* ---- arguments ------------------------------------------------------------------------------- */

sotto_status sotto_sampling_check(sotto_ctx *ctx, const sotto_sampling *s, const sotto_bias *bias,
                                  size_t n_bias, uint32_t n_vocab) {
#define CHECK_F32(name) SOTTO_TRY(sotto_check_limit_f32(ctx, SOTTO_LIMIT_##name, s->name))
  CHECK_F32(temperature);
  CHECK_F32(top_p);
  CHECK_F32(min_p);
  CHECK_F32(typical_p);
  CHECK_F32(repeat_penalty);
  CHECK_F32(presence_penalty);
  CHECK_F32(frequency_penalty);
#undef CHECK_F32
  SOTTO_TRY(sotto_check_limit(ctx, SOTTO_LIMIT_top_k, s->top_k));
  SOTTO_TRY(sotto_check_limit(ctx, SOTTO_LIMIT_repeat_last_n, s->repeat_last_n));
  SOTTO_TRY(sotto_check_limit_of(ctx, "logit_bias", SOTTO_LIMIT_n_logit_bias, (double)n_bias));
  for (size_t i = 0; i < n_bias; i++) {
    if (bias[i].token < 0 || (uint32_t)bias[i].token >= n_vocab) {
      return sotto_fail_field(ctx, "logit_bias", "logit_bias names token %d: give ids from 0 to %u",
                              (int)bias[i].token, n_vocab ? n_vocab - 1 : 0);
    }
    if (bias[i].bias == -__builtin_inff()) continue;
    SOTTO_TRY(sotto_check_limit_f32(ctx, SOTTO_LIMIT_logit_bias, bias[i].bias));
  }
  return SOTTO_OK;
}

sotto_status sotto_sampler_new(sotto_ctx *ctx, uint32_t n_vocab, sotto_sampler **out) {
  *out = NULL;
  if (n_vocab == 0 || n_vocab > INT32_MAX) {
    return sotto_fail(ctx, SOTTO_ERR_INVALID_ARGUMENT, "a vocabulary of %u tokens", n_vocab);
  }
  sotto_sampler *s = sotto_alloc_zero(ctx, sizeof *s);
  if (!s) return SOTTO_ERR_OUT_OF_MEMORY;
  s->ctx = ctx;
  s->n_vocab = n_vocab;
  size_t floats, candidates;
  if (!sotto_size_mul(n_vocab, sizeof *s->logits, &floats)) floats = SIZE_MAX;
  if (!sotto_size_mul(n_vocab, sizeof *s->sorted, &candidates)) candidates = SIZE_MAX;
  s->logits = sotto_alloc(ctx, floats);
  if (s->logits) s->sorted = sotto_alloc(ctx, candidates);
  if (s->sorted) s->second = sotto_alloc(ctx, candidates);
  if (!s->second) {
    sotto_sampler_free(s);
    return SOTTO_ERR_OUT_OF_MEMORY;
  }
  *out = s;
  return SOTTO_OK;
}

void sotto_sampler_free(sotto_sampler *s) {
  if (!s) return;
  sotto_free(s->ctx, s->logits, s->n_vocab * sizeof *s->logits);
  sotto_free(s->ctx, s->sorted, s->n_vocab * sizeof *s->sorted);
  sotto_free(s->ctx, s->second, s->n_vocab * sizeof *s->second);
  sotto_free(s->ctx, s, sizeof *s);
}

size_t sotto_sampler_bytes(uint32_t n_vocab) {
  return sizeof(sotto_sampler) + (size_t)n_vocab * (sizeof(float) + 2 * sizeof(sotto_candidate));
}

/* ---- a pick ---------------------------------------------------------------------------------- */

static sotto_token greedy(const sotto_sampler *s, float highest) {
  sotto_token best = 0;
  while (s->logits[best] != highest) best++;
  return best;
}

sotto_status sotto_sampler_pick(sotto_sampler *s, const sotto_sampling *sampling,
                                const sotto_bias *bias, size_t n_bias, const sotto_token *history,
                                size_t n_history, uint64_t position, const float *logits,
                                sotto_token *out) {
  *out = SOTTO_TOKEN_NONE;
  for (uint32_t i = 0; i < s->n_vocab; i++) {
    if (!sotto_usable(logits[i])) return sotto_not_finite(s, (sotto_token)i, "");
    s->logits[i] = logits[i];
  }
  SOTTO_TRY(sotto_sampler_change(s, sampling, bias, n_bias, history, n_history));
  float highest = sotto_highest(s->logits, s->n_vocab);
  if (!(highest >= -FLT_MAX)) return sotto_all_banned(s);
  if (sampling->temperature <= 0) {
    *out = greedy(s, highest);
    return SOTTO_OK;
  }
  size_t n_all = 0;
  for (uint32_t i = 0; i < s->n_vocab; i++) n_all += s->logits[i] >= -FLT_MAX;
  s->summary = NULL;
  s->n_sorted = 0;
  s->n_all = n_all;
  s->highest = (double)highest;
  sotto_sampler_chain(s, sampling, position, out); /* a row decides everything */
  return SOTTO_OK;
}
