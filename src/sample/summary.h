/* A pick from a summary of the logits, for backends from which a row is slow to read: the token
 * that sotto_sampler_pick would pick from the row, or the answer that only the row can tell. */
#ifndef SOTTO_SAMPLE_SUMMARY_H
#define SOTTO_SAMPLE_SUMMARY_H

#include "sample/sampler.h"

#define SOTTO_SUMMARY_BEST  256  /* how many of the best a summary has, in a larger vocabulary */
#define SOTTO_SUMMARY_NAMED 1024 /* how many tokens can be named */

/* Of raw logits, before bias and penalties. Logits compare as floats do: -0 equals 0, subnormals
 * differ. */
typedef struct sotto_logits_summary {
  /* The best in descending order, ties to the lower id: no other token comes before the last of
   * them in this order. -inf may be among them. */
  const sotto_token *best; /* [n_best] */
  const float *best_logits;
  uint32_t n_best;
  const sotto_token *named; /* [n_named] as sotto_sampler_named has them */
  const float *named_logits;
  uint32_t n_named;
  uint32_t n_banned; /* how many of all logits are -inf */
  bool not_finite;   /* one is NaN or +inf: then nothing else here counts */
  /* log sum exp of all logits is proven to lie between these. */
  double lse_low, lse_high;
} sotto_logits_summary;

/* ids[*n_ids] = the tokens whose logits bias and penalties change: those of the bias in their
 * order, then those of the history. False if there are more than fit: the row is needed. */
bool sotto_sampler_named(sotto_sampler *sampler, const sotto_sampling *sampling,
                         const sotto_bias *bias, size_t n_bias, const sotto_token *history,
                         size_t n_history, sotto_token ids[SOTTO_SUMMARY_NAMED], uint32_t *n_ids);

/* As sotto_sampler_pick, to the same token or failure, unless *needs_row (with SOTTO_OK and
 * SOTTO_TOKEN_NONE): the summary does not prove what the row gives, or has not what this request
 * names. */
sotto_status sotto_sampler_pick_summary(sotto_sampler *sampler, const sotto_sampling *sampling,
                                        const sotto_bias *bias, size_t n_bias,
                                        const sotto_token *history, size_t n_history,
                                        uint64_t position, const sotto_logits_summary *summary,
                                        sotto_token *out, bool *needs_row);

#endif
