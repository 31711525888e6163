/* The sampler chain. The candidates left by the filters are kept as a prefix of the list of all
 * tokens in descending order of their logits; that list is sorted only as far as it is looked at,
 * so that one pass over the vocabulary is all that the usual settings cost. */
#include "sample/sampler.h"

#include <float.h>

#include "base/limits.h"
#include "kernels/math.h"
#include "sample/internal.h"

#define FIRST_PREFIX 64 /* tokens sorted at first when there is no top-k */

struct sotto_sampler {
  sotto_ctx *ctx;
  uint32_t n_vocab;
  float *logits;           /* [n_vocab] after bias and penalties */
  sotto_candidate *sorted; /* [n_vocab] the best n_sorted tokens */
  sotto_candidate *second; /* [n_vocab] the typical filter's other order */
  /* Of the pick being made. */
  size_t n_sorted;
  size_t n_left;  /* how many candidates the filters have left */
  double highest; /* logit of the best */
};

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

/* ---- bias and penalties ---------------------------------------------------------------------- */

static bool usable(float logit) {
  return logit <= FLT_MAX;
} /* not NaN, not +inf */

static sotto_status not_finite(const sotto_sampler *s, sotto_token token, const char *when) {
  return sotto_fail(
      s->ctx, SOTTO_ERR_NON_FINITE_LOGITS,
      "the logit of token %d is NaN or infinite%s: the model file may be damaged, or a "
      "bias or penalty too large",
      (int)token, when);
}

static sotto_status apply_bias(sotto_sampler *s, const sotto_bias *bias, size_t n) {
  for (size_t i = 0; i < n; i++) {
    float *logit = &s->logits[bias[i].token];
    *logit += bias[i].bias;
    if (!usable(*logit)) return not_finite(s, bias[i].token, " after logit_bias");
  }
  return SOTTO_OK;
}

static sotto_status apply_penalties(sotto_sampler *s, const sotto_sampling *sampling,
                                    const sotto_token *history, size_t n) {
  bool off = sampling->repeat_penalty == 1.0f && sampling->presence_penalty == 0.0f &&
             sampling->frequency_penalty == 0.0f;
  if (off) return SOTTO_OK;
  if (sampling->repeat_last_n >= 0 && n > (size_t)sampling->repeat_last_n) {
    history += n - (size_t)sampling->repeat_last_n;
    n = (size_t)sampling->repeat_last_n;
  }
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
    if (!usable(*logit)) return not_finite(s, history[i], " after the penalties");
  }
  return SOTTO_OK;
}

/* ---- the sorted prefix ----------------------------------------------------------------------- */

/* Make sure that candidate i (< n_left) is sorted. */
static void reach(sotto_sampler *s, size_t i) {
  if (i < s->n_sorted) return;
  size_t m = s->n_sorted ? s->n_sorted * 8 : FIRST_PREFIX;
  while (m <= i) m *= 8;
  if (m > s->n_left) m = s->n_left;
  s->n_sorted = sotto_select_top(s->logits, s->n_vocab, m, s->sorted);
}

static double weight(const sotto_sampler *s, float logit, double temperature) {
  return sotto_exp(((double)logit - s->highest) / temperature);
}

/* The sum of the weights of all that is left: in the list's order where a filter has cut it, else
 * in order of ids. */
static double total_weight(sotto_sampler *s, size_t n_all, double temperature) {
  double sum = 0;
  if (s->n_left < n_all) {
    reach(s, s->n_left - 1);
    for (size_t i = 0; i < s->n_left; i++) sum += weight(s, s->sorted[i].value, temperature);
  } else {
    for (size_t i = 0; i < s->n_vocab; i++) sum += weight(s, s->logits[i], temperature);
  }
  return sum;
}

/* ---- filters --------------------------------------------------------------------------------- */

static void filter_top_p(sotto_sampler *s, size_t n_all, double top_p) {
  double wanted = top_p * total_weight(s, n_all, 1.0), sum = 0;
  for (size_t i = 0; i < s->n_left; i++) {
    reach(s, i);
    sum += weight(s, s->sorted[i].value, 1.0);
    if (sum >= wanted) s->n_left = i + 1;
  }
}

static void filter_min_p(sotto_sampler *s, double min_p) {
  for (size_t i = 1; i < s->n_left; i++) { /* the best has weight 1 */
    reach(s, i);
    if (weight(s, s->sorted[i].value, 1.0) < min_p) s->n_left = i;
  }
}

static void filter_typical(sotto_sampler *s, double typical_p) {
  size_t n = s->n_left;
  reach(s, n - 1);
  double sum = 0, entropy = 0;
  for (size_t i = 0; i < n; i++) sum += weight(s, s->sorted[i].value, 1.0);
  double log_of_sum = sotto_log(sum);
  for (size_t i = 0; i < n; i++) {
    double surprise = log_of_sum - ((double)s->sorted[i].value - s->highest);
    entropy += weight(s, s->sorted[i].value, 1.0) / sum * surprise;
  }
  /* The logits live on in `sorted`; their array takes the distances, then the marks. */
  for (size_t i = 0; i < n; i++) {
    double surprise = log_of_sum - ((double)s->sorted[i].value - s->highest);
    double distance = surprise < entropy ? entropy - surprise : surprise - entropy;
    s->logits[i] = distance < (double)FLT_MAX ? (float)-distance : -FLT_MAX;
  }
  size_t n_second = sotto_select_top(s->logits, n, n, s->second);
  for (size_t i = 0; i < n; i++) s->logits[i] = 0;
  double kept = 0, wanted = typical_p * sum;
  for (size_t i = 0; i < n_second; i++) {
    int32_t which = s->second[i].id;
    s->logits[which] = 1;
    kept += weight(s, s->sorted[which].value, 1.0);
    if (kept >= wanted) break;
  }
  s->n_left = 0;
  for (size_t i = 0; i < n; i++) {
    if (s->logits[i] != 0) s->sorted[s->n_left++] = s->sorted[i];
  }
  s->n_sorted = s->n_left;
  s->highest = (double)s->sorted[0].value;
}

/* ---- draw ------------------------------------------------------------------------------------ */

static sotto_token draw(sotto_sampler *s, size_t n_all, double temperature, double uniform) {
  double wanted = uniform * total_weight(s, n_all, temperature), sum = 0;
  for (size_t i = 0; i < s->n_left; i++) {
    reach(s, i);
    sum += weight(s, s->sorted[i].value, temperature);
    if (sum > wanted) return s->sorted[i].id;
  }
  return s->sorted[s->n_left - 1].id; /* by rounding only */
}

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
    if (!usable(logits[i])) return not_finite(s, (sotto_token)i, "");
    s->logits[i] = logits[i];
  }
  SOTTO_TRY(apply_bias(s, bias, n_bias));
  SOTTO_TRY(apply_penalties(s, sampling, history, n_history));
  float highest = sotto_highest(s->logits, s->n_vocab);
  if (!(highest >= -FLT_MAX)) {
    return sotto_fail(
        s->ctx, SOTTO_ERR_NON_FINITE_LOGITS,
        "every token is banned (logit -infinity): allow some in logit_bias or the grammar");
  }
  if (sampling->temperature <= 0) {
    *out = greedy(s, highest);
    return SOTTO_OK;
  }
  s->highest = (double)highest;
  s->n_sorted = 0;
  size_t n_all = 0;
  for (uint32_t i = 0; i < s->n_vocab; i++) n_all += s->logits[i] >= -FLT_MAX;
  s->n_left = n_all;
  if (sampling->top_k > 0 && (size_t)sampling->top_k < n_all) s->n_left = (size_t)sampling->top_k;
  if (sampling->typical_p < 1) {
    filter_typical(s, (double)sampling->typical_p);
    n_all = SIZE_MAX; /* `logits` is used up: only the list counts from here on */
  }
  if (sampling->top_p < 1) filter_top_p(s, n_all, (double)sampling->top_p);
  if (sampling->min_p > 0) filter_min_p(s, (double)sampling->min_p);
  double uniform = sotto_random_uniform(sampling->seed, position);
  *out = draw(s, n_all, (double)sampling->temperature, uniform);
  return SOTTO_OK;
}
