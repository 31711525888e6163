/* Shared by the sampler's files. */
#ifndef SOTTO_SAMPLE_INTERNAL_H
#define SOTTO_SAMPLE_INTERNAL_H

#include "sample/sampler.h"

typedef struct sotto_candidate {
  float value; /* to be ordered by: a logit, or a probability */
  int32_t id;
} sotto_candidate;

/* out[] = the m largest of values[n] in descending order, ties to the lower index; -inf is left
 * out. Returns how many (at most m). A heap of the m best so far: O(n + m log m) on usual logits,
 * never more than O(n log m). */
size_t sotto_select_top(const float *values, size_t n, size_t m, sotto_candidate *out);

/* The highest of logits[n], n >= 1. */
float sotto_highest(const float *logits, size_t n);

#endif
