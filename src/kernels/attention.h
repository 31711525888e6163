/* Attention and the KV cache's rows, as kernels see them; kernels.h has the rules for all
 * kernels. */
#ifndef SOTTO_KERNELS_ATTENTION_H
#define SOTTO_KERNELS_ATTENTION_H

#include "tensor/dtype.h"

#define SOTTO_KV_PAGE 32 /* positions in a page of the KV cache */

/* Attention of n_tokens consecutive tokens of one sequence, n_rep query heads that share a KV head
 * each; token t sees the keys 0 <= i < n_keys + t, of them with a window only the last `window`, or
 * all n_keys where attention is bidirectional. For each of these rows:
 *   s[i] = fold over 4 lanes (lane = d mod 4, d ascending) of q[d] * k[i][d], then * scale;
 *     with a softcap then softcap * sotto_tanhf(s[i] / softcap)
 *   p[i] = sotto_expf(s[i] - max s); sum: lane i mod 4, i ascending, fold
 *   out[d] = (sum over i ascending of p[i] * v[i][d]) / sum
 * k and v are those of sotto_dequantize_row. Sums start at +0. Keys and values are finite; head_dim
 * is a multiple of 4 and of their blocks. out must not overlap q. */
typedef struct sotto_attention {
  float *out;                 /* out[t * stride + head * head_dim + d] */
  const float *q;             /* q[t * stride + head * head_dim + d] */
  size_t stride;              /* >= n_rep * head_dim */
  const void *const *k_pages; /* page p holds positions 32 * p …: [32][head_dim] of this head */
  const void *const *v_pages;
  sotto_dtype k_type, v_type; /* of kv_types.def */
  size_t n_keys;              /* visible to the first token, from position 0 on, >= 1 */
  bool bidirectional;         /* and to all others */
  size_t window;              /* most keys that a token sees; 0: all. Not where bidirectional */
  size_t n_tokens, n_rep, head_dim;
  float scale;
  float softcap;  /* scores stay below it; 0: none */
  float *scratch; /* sotto_attention_scratch floats */
} sotto_attention;

/* Keys that token t sees. */
static inline size_t sotto_attention_keys(const sotto_attention *a, size_t t) {
  return a->bidirectional ? a->n_keys : a->n_keys + t;
}

/* The first of them. */
static inline size_t sotto_attention_first_key(const sotto_attention *a, size_t t) {
  const size_t n_keys = sotto_attention_keys(a, t);
  return a->window && n_keys > a->window ? n_keys - a->window : 0;
}

/* Floats of scratch: [rows] sums, [32][head_dim] of a page, [rows][most keys, rounded up to pages]
 * scores. */
static inline uint64_t sotto_attention_scratch(uint64_t n_rows, uint64_t most_keys,
                                               uint64_t head_dim) {
  const uint64_t n_pages = (most_keys + SOTTO_KV_PAGE - 1) / SOTTO_KV_PAGE;
  return n_rows + SOTTO_KV_PAGE * (head_dim + n_rows * n_pages);
}

/* row = x[n] in a type of the cache, as sotto_quantize_row has it. False when a value of x or of
 * the row is NaN or infinite. n is a multiple of the type's block. */
typedef bool sotto_kv_write_fn(const float *x, void *row, size_t n);

#endif
