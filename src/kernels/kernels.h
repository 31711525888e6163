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
#include "kernels/gemm.h"
#include "kernels/packed.h"

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
