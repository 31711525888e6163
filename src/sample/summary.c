/* From a summary of the logits to the list that the chain picks from, and what it says about the
 * sum over all tokens. Known tokens are the named and the best; of the others nothing is changed,
 * so they come behind the last of the best as they do in the raw logits. */
#include "sample/summary.h"

#include "sample/internal.h"

static bool is_nan(float x) {
  return x != x;
}

static sotto_candidate last_best(const sotto_logits_summary *summary) {
  const uint32_t last = summary->n_best - 1;
  return (sotto_candidate){summary->best_logits[last], summary->best[last]};
}

/* ---- which tokens are named ------------------------------------------------------------------ */

typedef struct id_list {
  sotto_token *ids; /* [SOTTO_SUMMARY_NAMED] */
  uint32_t n;
} id_list;

/* Append a token unless it is there; false if the list is full. `sorted`, which is not in use,
 * says what is there. */
static bool name(sotto_sampler *s, id_list *list, sotto_token token) {
  if (s->sorted[token].id) return true;
  if (list->n == SOTTO_SUMMARY_NAMED) return false;
  s->sorted[token].id = 1;
  list->ids[list->n++] = token;
  return true;
}

bool sotto_sampler_named(sotto_sampler *s, const sotto_sampling *sampling, const sotto_bias *bias,
                         size_t n_bias, const sotto_token *history, size_t n_history,
                         sotto_token ids[SOTTO_SUMMARY_NAMED], uint32_t *n_ids) {
  id_list list = {ids, 0};
  *n_ids = 0;
  history = sotto_penalised(sampling, history, &n_history);
  for (size_t i = 0; i < n_bias; i++) s->sorted[bias[i].token].id = 0;
  for (size_t i = 0; i < n_history; i++) {
    if ((uint32_t)history[i] < s->n_vocab) s->sorted[history[i]].id = 0;
  }
  for (size_t i = 0; i < n_bias; i++) {
    if (!name(s, &list, bias[i].token)) return false;
  }
  for (size_t i = 0; i < n_history; i++) {
    if ((uint32_t)history[i] < s->n_vocab && !name(s, &list, history[i])) return false;
  }
  *n_ids = list.n;
  return true;
}

/* ---- the list of candidates ------------------------------------------------------------------ */

/* Whether the summary has what a request names, and tokens of the vocabulary as the best. */
static bool fits(sotto_sampler *s, const sotto_sampling *sampling, const sotto_bias *bias,
                 size_t n_bias, const sotto_token *history, size_t n_history) {
  const sotto_logits_summary *summary = s->summary;
  sotto_token ids[SOTTO_SUMMARY_NAMED];
  uint32_t n_ids;
  if (!sotto_sampler_named(s, sampling, bias, n_bias, history, n_history, ids, &n_ids) ||
      n_ids != summary->n_named || summary->n_best == 0)
    return false;
  for (uint32_t i = 0; i < n_ids; i++) {
    if (ids[i] != summary->named[i]) return false;
  }
  for (uint32_t i = 0; i < summary->n_best; i++) {
    if ((uint32_t)summary->best[i] >= s->n_vocab) return false;
  }
  return true;
}

/* second[] = the named tokens that are not banned, sorted by their changed logits; n_all without
 * those that bias or penalties banned. NaN in logits[] marks the named then. Returns how many. */
static size_t sort_named(sotto_sampler *s) {
  const sotto_logits_summary *summary = s->summary;
  size_t n = 0;
  for (uint32_t i = 0; i < summary->n_named; i++) {
    float *logit = &s->logits[summary->named[i]];
    if (*logit >= -FLT_MAX)
      s->second[n++] = (sotto_candidate){*logit, summary->named[i]};
    else if (summary->named_logits[i] >= -FLT_MAX)
      s->n_all--;
    *logit = __builtin_nanf("");
  }
  sotto_sort_candidates(s->second, n);
  return n;
}

/* sorted[n_listed] = all known tokens that are not banned, of which the first n_sorted come before
 * every token that is not known. */
static void list_known(sotto_sampler *s) {
  const sotto_logits_summary *summary = s->summary;
  size_t n_named = sort_named(s), next = 0;
  s->n_listed = 0;
  for (uint32_t i = 0; i < summary->n_best; i++) {
    sotto_candidate best = {summary->best_logits[i], summary->best[i]};
    float *mark = &s->logits[best.id];
    if (is_nan(*mark) || !(best.value >= -FLT_MAX)) continue;
    *mark = __builtin_nanf(""); /* a damaged summary lists none twice */
    while (next < n_named && sotto_worse(best, s->second[next]))
      s->sorted[s->n_listed++] = s->second[next++];
    s->sorted[s->n_listed++] = best;
  }
  while (next < n_named) s->sorted[s->n_listed++] = s->second[next++];
  s->n_sorted = s->n_listed;
  if (s->n_listed == s->n_all) return;
  const sotto_candidate last = last_best(summary);
  while (s->n_sorted > 0 && sotto_worse(s->sorted[s->n_sorted - 1], last)) s->n_sorted--;
}

/* ---- the sum over all tokens ----------------------------------------------------------------- */

/* Relative error of any sum of weights here and in the chain. A sum of n terms, none negative, is
 * off by n * 2^-53; a weight e^x that is not 0 has |x| < 746, of which two roundings make
 * 1492 * 2^-53, and sotto_exp's own error is 1e-15. (Weights that are subnormal are off by more, of
 * no account beside the best one's 1.) So the row's sum, what is known of it, and the factor for
 * the temperature are off by less than (n_vocab + 10000) * 2^-53 together; this is more, for the
 * products below. */
static double rounding(const sotto_sampler *s) {
  return ((double)s->n_vocab + 8192) * 0x1p-52;
}

/* The weight of all tokens that are not known. None is above the last of the best; without
 * temperature it is also what is left of the whole sum without the known ones as they were, where
 * nothing overflows. */
static sotto_bounds weight_of_others(const sotto_sampler *s, double temperature) {
  const sotto_logits_summary *summary = s->summary;
  const sotto_candidate last = last_best(summary);
  const double n_others = (double)(s->n_all - s->n_listed), error = rounding(s);
  sotto_bounds others = {0, n_others * sotto_weight(s, last.value, temperature)};
  if (n_others == 0 || temperature > 1) return others;
  double known = 0;
  for (uint32_t i = 0; i < summary->n_best; i++) {
    known += sotto_weight(s, summary->best_logits[i], 1.0);
  }
  for (uint32_t i = 0; i < summary->n_named; i++) {
    const sotto_candidate named = {summary->named_logits[i], summary->named[i]};
    if (sotto_worse(named, last)) known += sotto_weight(s, named.value, 1.0); /* else counted */
  }
  double low = sotto_exp(summary->lse_low - s->highest) * (1 - error) - known * (1 + error);
  double high = sotto_exp(summary->lse_high - s->highest) * (1 + error) - known * (1 - error);
  /* Below 1, temperature makes e^x to e^(x / t), which is e^(x / t - x) times as much: the less the
   * lower x is, so no more than with the last of the best. */
  const double x = (double)last.value - s->highest;
  high *= sotto_exp(x / temperature - x);
  if (temperature == 1 && low > others.low && low <= others.high) others.low = low;
  if (high >= others.low && high < others.high) others.high = high;
  return others;
}

sotto_bounds sotto_summary_total(const sotto_sampler *s, double temperature) {
  const sotto_bounds others = weight_of_others(s, temperature);
  double known = 0;
  for (size_t i = 0; i < s->n_listed; i++) {
    known += sotto_weight(s, s->sorted[i].value, temperature);
  }
  return (sotto_bounds){(known + others.low) * (1 - rounding(s)),
                        (known + others.high) * (1 + rounding(s))};
}

/* ---- a pick ---------------------------------------------------------------------------------- */

sotto_status sotto_sampler_pick_summary(sotto_sampler *s, const sotto_sampling *sampling,
                                        const sotto_bias *bias, size_t n_bias,
                                        const sotto_token *history, size_t n_history,
                                        uint64_t position, const sotto_logits_summary *summary,
                                        sotto_token *out, bool *needs_row) {
  *out = SOTTO_TOKEN_NONE;
  *needs_row = false;
  if (summary->not_finite) {
    return sotto_fail(s->ctx, SOTTO_ERR_NON_FINITE_LOGITS,
                      "a logit is NaN or infinite: the model file may be damaged");
  }
  s->summary = summary;
  *needs_row = !fits(s, sampling, bias, n_bias, history, n_history);
  if (*needs_row) return SOTTO_OK;
  for (uint32_t i = 0; i < summary->n_best; i++) s->logits[summary->best[i]] = 0; /* not NaN */
  for (uint32_t i = 0; i < summary->n_named; i++) {
    s->logits[summary->named[i]] = summary->named_logits[i];
  }
  SOTTO_TRY(sotto_sampler_change(s, sampling, bias, n_bias, history, n_history));
  s->n_all = s->n_vocab - summary->n_banned;
  list_known(s);
  if (s->n_all == 0) return sotto_all_banned(s);
  *needs_row = s->n_sorted == 0;
  if (*needs_row) return SOTTO_OK;
  s->highest = (double)s->sorted[0].value;
  if (sampling->temperature <= 0)
    *out = s->sorted[0].id;
  else
    *needs_row = !sotto_sampler_chain(s, sampling, position, out);
  return SOTTO_OK;
}
