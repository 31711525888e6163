/* The CPU's arithmetic. One struct of function pointers per variant (scalar, simd128, relaxed); all
 * variants give the same bits, because this file states the order of every sum and no variant uses
 * fused multiply-add. The scalar kernels are the oracle: short, obvious, never optimised.
 *
 * Notation: (a0 + a1) + (a2 + a3) is the fold of four lanes; 16 lanes fold as v[i] = (l[i] + l[4 +
 * i]) + (l[8 + i] + l[12 + i]), i = 0..3, then the fold of v. Kernels cannot fail: callers have
 * checked shapes. Pointers need no alignment beyond their element's, packed weights none. */
#ifndef SOTTO_KERNELS_KERNELS_H
#define SOTTO_KERNELS_KERNELS_H

#include <stdint.h>

#include "kernels/attention.h"
#include "kernels/packed.h"

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

typedef struct sotto_kernels {
  const char *name, *family; /* "relaxed_i16", "relaxed" */
  bool (*available)(void);   /* on this engine; NULL: wherever the module loads */
  bool splits_bytes; /* its dots do not take quants of eight bits: where there is a choice, a last
                        one */
  /* act (of token t in the block's buffers) = quantised x[k]. */
  void (*quantize_act)(const float *x, size_t k, const sotto_act *act, size_t token);
#define X(NAME, number, text, weights, bytes) sotto_gemm_fn *gemm_##NAME;
#include "tensor/dtypes.def"
#undef X
  void (*attention)(const sotto_attention *attention);
  /* out[i] = (x[i] * r) * weight[i], r = 1 / sqrt(sum / n + eps), sum of x*x over 16 lanes
   * (lane = i mod 16, ascending, fold). out may be x. */
  void (*rms_norm)(float *out, const float *x, const float *weight, size_t n, float eps);
  /* m = sum / n; d[i] = x[i] - m; r = 1 / sqrt(squares / n + eps); out[i] = (d[i] * r) *
   * weight[i] + bias[i]. sum of x and squares of d*d over 16 lanes as above. out may be x. */
  void (*layer_norm)(float *out, const float *x, const float *weight, const float *bias, size_t n,
                     float eps);
  /* Rotate pairs of x[n_heads][head_dim] in place: (a, b) -> (a*cos - b*sin, a*sin + b*cos).
   * Pair p is (2p, 2p + 1), or with neox (p, p + n_rot/2); values past n_rot are left alone.
   * cos_sin[2p], cos_sin[2p + 1]: cosine and sine of pair p. */
  void (*rope)(float *x, size_t n_heads, size_t head_dim, size_t n_rot, int neox,
               const float *cos_sin);
  /* out[i] = (g / (1 + sotto_expf(-g))) * up[i], g = gate[i]. out may be gate. */
  void (*swiglu)(float *out, const float *gate, const float *up, size_t n);
  /* out[i] = (g / (1 + sotto_expf(-(g * (SOTTO_GELU_1 + SOTTO_GELU_3 * (g * g)))))) * up[i], which
   * is the tanh form of GELU. out may be gate. */
  void (*geglu)(float *out, const float *gate, const float *up, size_t n);
  /* out[i] = sotto_geluf(x[i]). out may be x. */
  void (*gelu)(float *out, const float *x, size_t n);
  /* x[i] = cap * sotto_tanhf(x[i] / cap) */
  void (*softcap)(float *x, size_t n, float cap);
  /* out[i] = a[i] + b[i]. out may be a. */
  void (*add)(float *out, const float *a, const float *b, size_t n);
#define K(NAME, name) sotto_kv_write_fn *kv_write_##NAME;
#include "kernels/kv_types.def"
#undef K
} sotto_kernels;

sotto_gemm_fn *sotto_kernels_gemm(const sotto_kernels *kernels, sotto_dtype type);
/* NULL for a type that is not in kv_types.def. */
sotto_kv_write_fn *sotto_kernels_kv_write(const sotto_kernels *kernels, sotto_dtype type);
/* True for types whose GEMM takes quantised activations. */
static inline bool sotto_dtype_takes_act(sotto_dtype type) {
  return type != SOTTO_F32 && type != SOTTO_F16 && type != SOTTO_BF16;
}

/* True for types whose quants, or the values that they are the indices of, have eight bits. */
bool sotto_dtype_has_bytes(sotto_dtype type);

/* All variants; a module has some of them. */
#define VARIANT(NAME, name, family) extern const sotto_kernels sotto_kernels_##name;
#define FAMILY(NAME, name)
#include "kernels/variants.def"
#undef VARIANT
#undef FAMILY
#define SOTTO_MAX_VARIANTS 8
size_t sotto_kernels_count(void);
const sotto_kernels *sotto_kernels_at(size_t index);

/* Variants to choose from at run time; the first is the best guess. */
typedef struct sotto_kernel_set {
  const sotto_kernels *members[SOTTO_MAX_VARIANTS];
  uint32_t n;
} sotto_kernel_set;
/* The available variants of that name or family, or with NULL all but scalar (scalar where there is
 * no other). Empty when this module or this engine has none. */
sotto_kernel_set sotto_kernels_select(const char *name);

/* Runs every kernel of the variant on fixed data and compares with scalar bit by bit: false where
 * the engine miscompiles or implements an instruction in another way. A few milliseconds. */
bool sotto_kernels_self_test(const sotto_kernels *kernels);

#endif
