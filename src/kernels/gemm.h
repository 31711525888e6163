/* Quantised activations, and products of matrices, as kernels see them; kernels.h has the rules for
 * all kernels. */
#ifndef SOTTO_KERNELS_GEMM_H
#define SOTTO_KERNELS_GEMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOTTO_ACT_BLOCK 32 /* activations that share a scale */

/* Quantised activations of some tokens, k values each (k a multiple of 32), narrow or wide:
 *   limit = 127 (narrow: 8 bits), 127 * 256 = 32512 (wide: 16 bits)
 *   inv = limit / max|x| of each block, q = nearest-even(x * inv), clamped to +-limit;
 *   scale = max|x| / limit. Both quotients and the product are float32.
 * A block whose inv is infinite (all values zero, or a maximum below about limit * 2^-128) counts
 * as zero: q = 0, scale = +0. NaN or infinite activations give their block q = 0 and scale NaN
 * (0x7FC00000), which reaches the logits. */
typedef struct sotto_act {
  /* sotto_act_bytes; what lies in there is the variant's affair, and may lie there by fours of
   * tokens */
  void *q;
  float *scale;    /* [n][k/32] */
  int32_t *sum;    /* [n][k/32]: sum of q, below 2^24 and so exact in float32 */
  bool wide;       /* of all tokens, from quantize_act to the last GEMM that reads them */
  size_t n_tokens; /* that will be there; the same all the time, too */
} sotto_act;

/* A block of four tokens, or of one of those left over, in the form that needs most. */
#define SOTTO_ACT_GROUP_BYTES 320
static inline uint64_t sotto_act_bytes(uint64_t k, uint64_t n_tokens) {
  return (n_tokens / 4 + 3) * (k / SOTTO_ACT_BLOCK) * SOTTO_ACT_GROUP_BYTES;
}

static inline float sotto_act_limit(const sotto_act *act) {
  return act->wide ? 32512.0f : 127.0f;
}

/* Where one stream of reads does not keep the memory busy, so many do: on Intel's Sapphire Rapids
 * eight took nearly half of one's time away, on AMD's Zen 5 they cost a tenth. */
#define SOTTO_MAX_STREAMS 8

/* y[t][row] = sum over k of W[row, k] * x[t, k] for rows row0 <= row < row1 (row0 a multiple of 8).
 *
 * Quantised types, blocks b ascending, in float32:
 *   acc = acc + (float)i_b * (d_b * scale_b)        i_b = sum of q_w * q_x, exact int32
 *   acc = acc + m_b * (scale_b * (float)sum_b)      with minima only, after the line above
 * where the halves of a block have scales of their own (Q6_K), instead of these
 *   acc = acc + ((float)i_b0 * d_b0 + (float)i_b1 * d_b1) * scale_b
 * and where these scales, and any minima, are small integers (Q2_K, Q3_K)
 *   acc = acc + ((float)i_b * d) * scale_b                                            Q3_K
 *   acc = acc + ((float)i_b * d + (float)(min_b0 * sum_b0 + min_b1 * sum_b1) * -dmin) * scale_b
 *                                                     i_b = i_b0 * sub_b0 + i_b1 * sub_b1
 *   Q4_K, Q5_K: d_b = d * scale, m_b = -dmin * minimum; Q6_K: d_b0, d_b1 = d * scale; IQ4_XS: d_b =
 *   d * scale. Exact: a float16 times a small integer.
 *   q_w: the quant less its offset, 8 for Q4_0, 16 for Q5_0, 4 for Q3_K, 32 for Q6_K; or its value
 *   (IQ4_NL, IQ4_XS, MXFP4). acc starts at +0.
 *   |i_b| <= 32 * 128 * 32512 < 2^27: no sum of a block leaves int32, in any order. Q2_K, Q3_K: at
 *   most 32 * 4 * 32 * 32512 < 2^27, and minima at most 32 * 15 * 32512 < 2^24.
 *   |i_b0| <= 16 * 32 * 32512 < 2^24: exact in float32.
 * All tokens of `act` go through each GEMM: n_tokens is the same there.
 * F32, F16, BF16: four chains, chain c takes k = c, c + 4, … ascending: a[c] = a[c] + w * x from
 * +0; then the fold.
 * Scales and weights are finite: sotto_row_is_finite is asked at load. */
typedef struct sotto_gemm {
  float *y; /* y[t * y_stride + row] */
  size_t y_stride;
  const void *w;  /* packed, all rows from 0 on */
  const float *x; /* x[t * x_stride + k]; F32, F16, BF16 weights */
  size_t x_stride;
  const sotto_act *act; /* quantised weights */
  size_t row0, row1, k, n_tokens;
  /* Without groups of four tokens: how many parts of the rows are read by turns, 1 to MAX; 0 is
   * 1. */
  uint32_t n_streams;
} sotto_gemm;
typedef void sotto_gemm_fn(const sotto_gemm *gemm);

#endif
