/* What a backend says of an output's logits where the row itself is slow to read. */
#ifndef SOTTO_BACKEND_SUMMARY_H
#define SOTTO_BACKEND_SUMMARY_H

#include "tokenizer/tokenizer.h"

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
  /* In front of a token that the batch did not know: which it was. NONE where the cache cannot hold
   * it, or there is no such token. */
  sotto_token next;
  /* log sum exp of all logits is proven to lie between these. */
  double lse_low, lse_high;
} sotto_logits_summary;

/* What is wanted of an output: the row, or a summary with the logits of these tokens. */
typedef struct sotto_output_wish {
  bool row;
  const sotto_token *named; /* [n_named], at most SOTTO_SUMMARY_NAMED */
  uint32_t n_named;
} sotto_output_wish;

#endif
