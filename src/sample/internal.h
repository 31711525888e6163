/* Shared by the sampler's files: its state, and the steps that a pick is made of. */
#ifndef SOTTO_SAMPLE_INTERNAL_H
#define SOTTO_SAMPLE_INTERNAL_H

#include <float.h>

#include "kernels/math.h"
#include "sample/summary.h"

typedef struct sotto_candidate {
  float value; /* to be ordered by: a logit, or a probability */
  int32_t id;
} sotto_candidate;

/* The order of candidates: descending by value, ties to the lower id. */
static inline bool sotto_worse(sotto_candidate a, sotto_candidate b) {
  return a.value < b.value || (a.value == b.value && a.id > b.id);
}

/* What is known of a sum of weights. */
typedef struct sotto_bounds {
  double low, high;
} sotto_bounds;

struct sotto_sampler {
  sotto_ctx *ctx;
  uint32_t n_vocab;
  float *logits;           /* [n_vocab] after bias and penalties */
  sotto_candidate *sorted; /* [n_vocab] the best n_sorted tokens */
  sotto_candidate *second; /* [n_vocab] the typical filter's other order, a summary's named */
  /* Of the pick being made. */
  const sotto_logits_summary *summary; /* all there is to pick from; NULL: `logits` is complete */
  size_t n_listed; /* with a summary: what `sorted` has, behind n_sorted perhaps not all there is */
  size_t n_sorted;
  size_t n_all;   /* tokens that are not banned; SIZE_MAX: only the list counts any more */
  size_t n_left;  /* how many candidates the filters have left */
  double highest; /* logit of the best */
};

/* ---- select.c -------------------------------------------------------------------------------- */

/* out[] = the m largest of values[n] in descending order, ties to the lower index; -inf is left
 * out. Returns how many (at most m). A heap of the m best so far: O(n + m log m) on usual logits,
 * never more than O(n log m). */
size_t sotto_select_top(const float *values, size_t n, size_t m, sotto_candidate *out);

/* The same order for candidates[n], in place. */
void sotto_sort_candidates(sotto_candidate *candidates, size_t n);

/* The highest of logits[n], n >= 1. */
float sotto_highest(const float *logits, size_t n);

/* ---- changes.c ------------------------------------------------------------------------------- */

/* Bias and penalties on logits[], of which nothing but the tokens that they name is touched. */
sotto_status sotto_sampler_change(sotto_sampler *s, const sotto_sampling *sampling,
                                  const sotto_bias *bias, size_t n_bias, const sotto_token *history,
                                  size_t n_history);

/* The part of history[*n] that penalties look at; *n becomes its length, 0 without penalties. */
const sotto_token *sotto_penalised(const sotto_sampling *sampling, const sotto_token *history,
                                   size_t *n);

/* A logit to pick by: not NaN, not +inf. */
static inline bool sotto_usable(float logit) {
  return logit <= FLT_MAX;
}
sotto_status sotto_not_finite(const sotto_sampler *s, sotto_token token, const char *when);
sotto_status sotto_all_banned(const sotto_sampler *s);

/* ---- chain.c --------------------------------------------------------------------------------- */

/* What is left of the chain behind the penalties: filters and the draw, over n_all tokens, one at
 * least. False if a summary does not decide it. */
bool sotto_sampler_chain(sotto_sampler *s, const sotto_sampling *sampling, uint64_t position,
                         sotto_token *out);

/* e^((logit - highest) / temperature): 1 for the best. */
static inline double sotto_weight(const sotto_sampler *s, float logit, double temperature) {
  return sotto_exp(((double)logit - s->highest) / temperature);
}

/* ---- summary.c ------------------------------------------------------------------------------- */

/* Bounds of what the chain would compute from the row as the sum of all n_all weights. */
sotto_bounds sotto_summary_total(const sotto_sampler *s, double temperature);

#endif
