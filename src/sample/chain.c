/* The sampler chain behind the penalties. The candidates left by the filters are kept as a prefix
 * of the list of all tokens in descending order of their logits; that list is sorted only as far as
 * it is looked at, so that one pass over the vocabulary is all that the usual settings cost.
 *
 * Of a summary the list is there as far as it is known, and where all tokens count, their sum lies
 * between bounds. What is computed from the row would lie between them too, and every step is
 * monotone in it, rounding included: a decision that is the same at both ends is the row's. */
#include "sample/internal.h"

#define FIRST_PREFIX 64 /* tokens sorted at first when there is no top-k */

/* ---- the sorted prefix ----------------------------------------------------------------------- */

/* Make sure that candidate i (< n_left) is sorted; false if only the row can tell which it is. */
static bool reach(sotto_sampler *s, size_t i) {
  if (i < s->n_sorted) return true;
  if (s->summary) return false;
  size_t m = s->n_sorted ? s->n_sorted * 8 : FIRST_PREFIX;
  while (m <= i) m *= 8;
  if (m > s->n_left) m = s->n_left;
  s->n_sorted = sotto_select_top(s->logits, s->n_vocab, m, s->sorted);
  return true;
}

/* The sum of the weights of all that is left: in the list's order where a filter has cut it, else
 * in order of ids. */
static bool total_weight(sotto_sampler *s, double temperature, sotto_bounds *total) {
  double sum = 0;
  if (s->n_left < s->n_all) {
    if (!reach(s, s->n_left - 1)) return false;
    for (size_t i = 0; i < s->n_left; i++) sum += sotto_weight(s, s->sorted[i].value, temperature);
  } else if (s->summary) {
    *total = sotto_summary_total(s, temperature);
    return true;
  } else {
    for (size_t i = 0; i < s->n_vocab; i++) sum += sotto_weight(s, s->logits[i], temperature);
  }
  *total = (sotto_bounds){sum, sum};
  return true;
}

/* ---- filters --------------------------------------------------------------------------------- */

static bool filter_typical(sotto_sampler *s, double typical_p) {
  size_t n = s->n_left;
  if (!reach(s, n - 1)) return false;
  double sum = 0, entropy = 0;
  for (size_t i = 0; i < n; i++) sum += sotto_weight(s, s->sorted[i].value, 1.0);
  double log_of_sum = sotto_log(sum);
  for (size_t i = 0; i < n; i++) {
    double surprise = log_of_sum - ((double)s->sorted[i].value - s->highest);
    entropy += sotto_weight(s, s->sorted[i].value, 1.0) / sum * surprise;
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
    kept += sotto_weight(s, s->sorted[which].value, 1.0);
    if (kept >= wanted) break;
  }
  s->n_left = 0;
  for (size_t i = 0; i < n; i++) {
    if (s->logits[i] != 0) s->sorted[s->n_left++] = s->sorted[i];
  }
  s->n_sorted = s->n_left;
  s->highest = (double)s->sorted[0].value;
  s->n_all = SIZE_MAX; /* `logits` is used up: only the list counts from here on */
  return true;
}

/* Top-p and min-p in one go along the list, to where the first of them cuts it: min-p compares with
 * the best alone, so it leaves the same before top-p as behind it. */
static bool filter_tail(sotto_sampler *s, double top_p, double min_p) {
  sotto_bounds wanted = {DBL_MAX, DBL_MAX};
  double sum = 0;
  if (top_p < 1) {
    if (!total_weight(s, 1.0, &wanted)) return false;
    wanted = (sotto_bounds){top_p * wanted.low, top_p * wanted.high};
  }
  for (size_t i = 0; i < s->n_left; i++) {
    if (!reach(s, i)) return false;
    double w = sotto_weight(s, s->sorted[i].value, 1.0);
    if (w < min_p) { /* never the best, which has weight 1 */
      s->n_left = i;
      break;
    }
    sum += w;
    if (sum < wanted.low) continue;
    if (sum < wanted.high) return false;
    s->n_left = i + 1;
  }
  return true;
}

/* ---- draw ------------------------------------------------------------------------------------ */

static bool draw(sotto_sampler *s, double temperature, double uniform, sotto_token *out) {
  sotto_bounds total;
  double sum = 0;
  if (!total_weight(s, temperature, &total)) return false;
  const sotto_bounds wanted = {uniform * total.low, uniform * total.high};
  for (size_t i = 0; i < s->n_left; i++) {
    if (!reach(s, i)) return false;
    sum += sotto_weight(s, s->sorted[i].value, temperature);
    if (sum <= wanted.low) continue;
    if (sum <= wanted.high) return false;
    *out = s->sorted[i].id;
    return true;
  }
  *out = s->sorted[s->n_left - 1].id; /* by rounding only */
  return true;
}

bool sotto_sampler_chain(sotto_sampler *s, const sotto_sampling *sampling, uint64_t position,
                         sotto_token *out) {
  s->n_left = s->n_all;
  if (sampling->top_k > 0 && (size_t)sampling->top_k < s->n_all)
    s->n_left = (size_t)sampling->top_k;
  if (sampling->typical_p < 1 && !filter_typical(s, (double)sampling->typical_p)) return false;
  if ((sampling->top_p < 1 || sampling->min_p > 0) &&
      !filter_tail(s, (double)sampling->top_p, (double)sampling->min_p))
    return false;
  double uniform = sotto_random_uniform(sampling->seed, position);
  return draw(s, (double)sampling->temperature, uniform, out);
}
