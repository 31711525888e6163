/* The sampler chain behind the penalties. The candidates left by the filters are kept as a prefix
 * of the list of all tokens in descending order of their logits; that list is sorted only as far as
 * it is looked at, so that one pass over the vocabulary is all that the usual settings cost. */
#include "sample/internal.h"

#define FIRST_PREFIX 64 /* tokens sorted at first when there is no top-k */

/* ---- the sorted prefix ----------------------------------------------------------------------- */

/* Make sure that candidate i (< n_left) is sorted. */
static void reach(sotto_sampler *s, size_t i) {
  if (i < s->n_sorted) return;
  size_t m = s->n_sorted ? s->n_sorted * 8 : FIRST_PREFIX;
  while (m <= i) m *= 8;
  if (m > s->n_left) m = s->n_left;
  s->n_sorted = sotto_select_top(s->logits, s->n_vocab, m, s->sorted);
}

/* The sum of the weights of all that is left: in the list's order where a filter has cut it, else
 * in order of ids. */
static double total_weight(sotto_sampler *s, double temperature) {
  double sum = 0;
  if (s->n_left < s->n_all) {
    reach(s, s->n_left - 1);
    for (size_t i = 0; i < s->n_left; i++) sum += sotto_weight(s, s->sorted[i].value, temperature);
  } else {
    for (size_t i = 0; i < s->n_vocab; i++) sum += sotto_weight(s, s->logits[i], temperature);
  }
  return sum;
}

/* ---- filters --------------------------------------------------------------------------------- */

static void filter_typical(sotto_sampler *s, double typical_p) {
  size_t n = s->n_left;
  reach(s, n - 1);
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
}

/* Top-p and min-p in one go along the list, to where the first of them cuts it: min-p compares with
 * the best alone, so it leaves the same before top-p as behind it. */
static void filter_tail(sotto_sampler *s, double top_p, double min_p) {
  double wanted = top_p < 1 ? top_p * total_weight(s, 1.0) : DBL_MAX, sum = 0;
  for (size_t i = 0; i < s->n_left; i++) {
    reach(s, i);
    double w = sotto_weight(s, s->sorted[i].value, 1.0);
    if (w < min_p) { /* never the best, which has weight 1 */
      s->n_left = i;
      break;
    }
    sum += w;
    if (sum >= wanted) s->n_left = i + 1;
  }
}

/* ---- draw ------------------------------------------------------------------------------------ */

static sotto_token draw(sotto_sampler *s, double temperature, double uniform) {
  double wanted = uniform * total_weight(s, temperature), sum = 0;
  for (size_t i = 0; i < s->n_left; i++) {
    reach(s, i);
    sum += sotto_weight(s, s->sorted[i].value, temperature);
    if (sum > wanted) return s->sorted[i].id;
  }
  return s->sorted[s->n_left - 1].id; /* by rounding only */
}

void sotto_sampler_chain(sotto_sampler *s, const sotto_sampling *sampling, uint64_t position,
                         sotto_token *out) {
  s->n_left = s->n_all;
  if (sampling->top_k > 0 && (size_t)sampling->top_k < s->n_all)
    s->n_left = (size_t)sampling->top_k;
  if (sampling->typical_p < 1) filter_typical(s, (double)sampling->typical_p);
  if (sampling->top_p < 1 || sampling->min_p > 0)
    filter_tail(s, (double)sampling->top_p, (double)sampling->min_p);
  double uniform = sotto_random_uniform(sampling->seed, position);
  *out = draw(s, (double)sampling->temperature, uniform);
}
