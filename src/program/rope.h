/* Rotary positions (Su et al. 2021, arXiv 2104.09864), and the ways in which models are extended to
 * longer contexts than they were first trained with: linear interpolation (arXiv 2306.15595), YaRN
 * (2309.00071), and tensors of factors (Llama 3, LongRoPE 2402.13753). A table is computed once for
 * a batch, however many operations use it. */
#ifndef SOTTO_PROGRAM_ROPE_H
#define SOTTO_PROGRAM_ROPE_H

#include <stdbool.h>
#include <stdint.h>

typedef int32_t sotto_weight_id;

typedef struct sotto_rope {
  uint32_t n_rot;  /* rotated dimensions of a head, even */
  bool neox;       /* pairs (p, p + n_rot/2) instead of (2p, 2p + 1) */
  float base;      /* frequency of pair p: base^(-2p / n_rot) */
  float scale;     /* frequencies are multiplied by it: 1 / factor of the extension; with YaRN only
                    * those of slow pairs */
  float magnitude; /* cosines and sines are multiplied by it */
  /* YaRN: pairs that make fewer than beta_slow rotations in n_ctx_orig positions are scaled, those
   * that make more than beta_fast are not, and the others are scaled in part. */
  bool yarn;
  float beta_fast, beta_slow;
  uint32_t n_ctx_orig; /* trained context before the extension, in positions */
  /* [n_rot/2] divisors of the frequencies, as a weight, or SOTTO_NONE: for contexts up to
   * n_ctx_orig, and for longer ones */
  sotto_weight_id factors, long_factors;
} sotto_rope;

/* The divisors for a context of n_ctx positions, or SOTTO_NONE. They depend on the size of the
 * context, not on the length of a sequence, so that keys in the cache stay valid as it grows. */
static inline sotto_weight_id sotto_rope_factors(const sotto_rope *rope, uint32_t n_ctx) {
  return n_ctx > rope->n_ctx_orig ? rope->long_factors : rope->factors;
}

/* Fills in frequencies[n_rot/2], in radians per position; factors[n_rot/2] may be NULL. Frequencies
 * and angles are rounded to float32, as in transformers, where the models were trained: at position
 * 500 that changes logits more than all other rounding of a float32 forward pass together. */
void sotto_rope_frequencies(const sotto_rope *rope, const float *factors, float *frequencies);
/* cos_sin[n_rot]: for each pair the cosine and the sine of the angle position * frequency, both
 * times the magnitude. frequencies[n_rot/2]. */
void sotto_rope_table(const sotto_rope *rope, const float *frequencies, uint32_t position,
                      float *cos_sin);

#endif
