/* What a request changes of the logits before the filters see them: bias and penalties. */
#include "sample/internal.h"

sotto_status sotto_not_finite(const sotto_sampler *s, sotto_token token, const char *when) {
  return sotto_fail(
      s->ctx, SOTTO_ERR_NON_FINITE_LOGITS,
      "the logit of token %d is NaN or infinite%s: the model file may be damaged, or a "
      "bias or penalty too large",
      (int)token, when);
}

sotto_status sotto_all_banned(const sotto_sampler *s) {
  return sotto_fail(
      s->ctx, SOTTO_ERR_NON_FINITE_LOGITS,
      "every token is banned (logit -infinity): allow some in logit_bias or the grammar");
}

static sotto_status apply_bias(sotto_sampler *s, const sotto_bias *bias, size_t n) {
  for (size_t i = 0; i < n; i++) {
    float *logit = &s->logits[bias[i].token];
    *logit += bias[i].bias;
    if (!sotto_usable(*logit)) return sotto_not_finite(s, bias[i].token, " after logit_bias");
  }
  return SOTTO_OK;
}

const sotto_token *sotto_penalised(const sotto_sampling *sampling, const sotto_token *history,
                                   size_t *n) {
  bool off = sampling->repeat_penalty == 1.0f && sampling->presence_penalty == 0.0f &&
             sampling->frequency_penalty == 0.0f;
  size_t last = off ? 0 : sampling->repeat_last_n < 0 ? *n : (size_t)sampling->repeat_last_n;
  if (last >= *n) return history;
  history += *n - last;
  *n = last;
  return history;
}

static sotto_status apply_penalties(sotto_sampler *s, const sotto_sampling *sampling,
                                    const sotto_token *history, size_t n) {
  history = sotto_penalised(sampling, history, &n);
  /* How often each token occurs is counted in `sorted`, which is not in use yet. */
  for (size_t i = 0; i < n; i++) {
    if ((uint32_t)history[i] < s->n_vocab) s->sorted[history[i]].id = 0;
  }
  for (size_t i = 0; i < n; i++) {
    if ((uint32_t)history[i] < s->n_vocab) s->sorted[history[i]].id++;
  }
  for (size_t i = 0; i < n; i++) {
    if ((uint32_t)history[i] >= s->n_vocab) continue;
    int32_t count = s->sorted[history[i]].id;
    if (count == 0) continue; /* done at an earlier occurrence */
    s->sorted[history[i]].id = 0;
    float *logit = &s->logits[history[i]];
    *logit = *logit > 0.0f ? *logit / sampling->repeat_penalty : *logit * sampling->repeat_penalty;
    *logit = *logit - ((float)count * sampling->frequency_penalty + sampling->presence_penalty);
    if (!sotto_usable(*logit)) return sotto_not_finite(s, history[i], " after the penalties");
  }
  return SOTTO_OK;
}

sotto_status sotto_sampler_change(sotto_sampler *s, const sotto_sampling *sampling,
                                  const sotto_bias *bias, size_t n_bias, const sotto_token *history,
                                  size_t n_history) {
  SOTTO_TRY(apply_bias(s, bias, n_bias));
  return apply_penalties(s, sampling, history, n_history);
}
