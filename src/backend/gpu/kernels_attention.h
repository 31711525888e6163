/* Kernels of attention and of the KV cache. */
#ifndef SOTTO_BACKEND_GPU_KERNELS_ATTENTION_H
#define SOTTO_BACKEND_GPU_KERNELS_ATTENTION_H

#include <stdint.h>

#define GPU_MAX_HEAD_DIM  512
#define GPU_SPLITS        16 /* of a head's positions, for a few rows with more of them than */
#define GPU_FEW_POSITIONS 256

/* out = x, of each head the first n_rot rotated: pairs (2 i, 2 i + 1), or with neox (i, i + n_rot /
 * 2), by the cosine and sine at batch[ROPES_AT] + (table * n_tokens + t) * stride + 2 i, as floats'
 * bits. batch, x, out. Workgroups: (tokens, dim / (2 * WORKGROUP), rounded up). Even dimensions. */
typedef struct gpu_rope_params {
  uint32_t dim, head_dim, n_rot, neox, table, stride;
} gpu_rope_params;

/* Keys and values at the tokens' positions. K and V are [page][KV head][32][head_dim] in types
 * K_TYPE and V_TYPE, byte for byte as on the CPU (backend/storage.h), so that saved states need no
 * conversion; two blocks of KV_Q8_0 are 17 words, and head_dim is a multiple of 64 then. Where a
 * key or value is not finite in the cache, atomicMax(status[0], 0xffffffff - t). batch, k, v, K, V,
 * status (written: array<atomic<u32>>). Workgroups: (tokens, n_head_kv). */
typedef struct gpu_kv_write_params {
  uint32_t n_head_kv, head_dim, group, n_pages;
} gpu_kv_write_params;

/* Of x[t] = q[t] | k[t] | v[t]: queries and keys normed head by head, then rotated as by rope;
 * queries go to out, keys and values into the cache as by kv_write. batch, x, q_norm, k_norm (x
 * where there are none), out, K, V, status. Workgroups: (tokens, n_head + n_head_kv). */
typedef struct gpu_heads_params {
  uint32_t n_head, n_head_kv, head_dim, group, n_pages;
  uint32_t has_norm;
  float eps;
  uint32_t n_rot, neox, table, stride; /* n_rot 0: nothing is rotated */
} gpu_heads_params;

/* out[t][head] = softmax(softcap(q · K * scale)) · V over the positions that the token sees
 * (naive.c has it). batch, q, K, V, out. Workgroups: (n_head, tokens). K_TYPE, V_TYPE. head_dim is
 * a multiple of 4, at most 512. Positions behind the sequence's end hold anything, NaN too.
 * attention_pack packs the rows too (kernels_matrix.h): norm (batch where there is none), packed.
 */
typedef struct gpu_attention_params {
  uint32_t n_head, n_head_kv, head_dim, group, n_pages;
  float scale, softcap;    /* softcap 0: none */
  uint32_t window, causal; /* window 0: all */
  uint32_t packs;
} gpu_attention_params;

/* For a few tokens attention_part takes attention's parameters and bindings, with workgroups
 * (n_head, tokens, SPLITS) that each take a share of the positions. Its out is
 * [tokens][n_head][SPLITS] [head_dim + 4]: the weighted sum of values, then the largest score, the
 * sum of weights, and two that are not used. attention_merge makes of these what attention makes.
 * parts, out; attention_merge_pack as attention_pack: norm, packed. Workgroups: (n_head, tokens).
 */
typedef struct gpu_attention_merge_params {
  uint32_t n_head, head_dim, packs;
} gpu_attention_merge_params;

#endif
