/* Rotary positions (Su et al. 2021, arXiv 2104.09864), with the ways in which models reach further than
 * they were trained: linear interpolation (arXiv 2306.15595), YaRN (2309.00071), and tensors of factors
 * (Llama 3, LongRoPE 2402.13753). A table is computed once for a batch, however many operations use it. */
#ifndef SOTTO_PROGRAM_ROPE_H
#define SOTTO_PROGRAM_ROPE_H

#include <stdbool.h>
#include <stdint.h>

typedef int32_t sotto_weight_id;

typedef struct sotto_rope {
  uint32_t n_rot;  /* rotated dimensions of a head, even */
  bool neox;       /* pairs (p, p + n_rot/2) instead of (2p, 2p + 1) */
  float base;      /* frequency of pair p: base^(-2p / n_rot) */
  float scale;     /* positions are multiplied by it: 1 / factor; with YaRN the slow pairs' only */
  float magnitude; /* cosines and sines are multiplied by it */
  bool yarn; /* pairs that turn fewer times than beta_slow in n_ctx_orig are scaled, those that
                      * turn more often than beta_fast are not, the rest in between */
  float beta_fast, beta_slow;
  uint32_t n_ctx_orig; /* positions before the model was stretched */
  /* [n_rot/2] divisors of the frequencies, or SOTTO_NONE: for contexts up to n_ctx_orig, and beyond */
  sotto_weight_id factors, long_factors;
} sotto_rope;

/* The divisors that a context of n_ctx positions takes; SOTTO_NONE without any. One context, one choice:
 * a cache stays valid however long its sequences grow. */
static inline sotto_weight_id sotto_rope_factors(const sotto_rope *rope, uint32_t n_ctx) {
  return n_ctx > rope->n_ctx_orig ? rope->long_factors : rope->factors;
}

/* frequencies[p], p < n_rot / 2. factors [n_rot/2] may be NULL. Frequencies and angles are rounded to
 * float32, as where the models were trained (transformers); at position 500 that is worth more than all
 * other rounding of a float32 forward pass together. */
void sotto_rope_frequencies(const sotto_rope *rope, const float *factors, float *frequencies);
/* cos_sin[n_rot] = cosine, sine of the angle position * frequency of each pair, times the magnitude. */
void sotto_rope_table(const sotto_rope *rope, const float *frequencies, uint32_t position,
                      float *cos_sin);

#endif
