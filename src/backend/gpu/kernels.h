/* What each kernel (kernels.def) is given, which its WGSL repeats: parameters at binding 0, a
 * uniform `p: Params` that is the same for all batches; where it needs it the batch at binding 1;
 * then what is listed. All that is not `w` or K, V is float32, [rows][dim]. ELEMENTS workgroups are
 * dim / WORKGROUP, rounded up.
 *
 * Weights are read by the functions of one file of formats/, eight of a row at a time, whose
 * columns the format chooses so that each word is read once (weights.wgsl). Their planes
 * (planes.def) lie behind each other in binding `w`, an array<u32>, in words from the beginning of
 * the binding: plane 0 at 0, the others at p.plane_1 and so on. Columns are a multiple of 4. */
#ifndef SOTTO_BACKEND_GPU_KERNELS_H
#define SOTTO_BACKEND_GPU_KERNELS_H

#include <stdint.h>

#define GPU_MATVEC_ROWS  4
#define GPU_MATMUL_M     64
#define GPU_MATMUL_N     64
#define GPU_MANY_ROWS    8 /* from so many rows on matmul takes the place of matvec */
#define GPU_MAX_HEAD_DIM 512

/* Of all kernels with weights; the rows [first_row, first_row + n_rows) are in the binding. */
#define GPU_WEIGHT_PARAMS uint32_t first_row, n_rows, cols, plane_1, plane_2, plane_3

/* out[t] = row of w, of the token, the position or the first; nothing where the row is not in this
 * binding. batch, w, out. Workgroups: tokens. */
typedef struct gpu_embed_params {
  GPU_WEIGHT_PARAMS;
  uint32_t row; /* sotto_embed_row */
} gpu_embed_params;

/* out[t][first_row + r] = w[r] · x[t] + bias[first_row + r]. batch, w, bias (x where there is
 * none), x, out. For a few rows of x matvec's workgroup (x, y, z) makes MATVEC_ROWS rows of x[z],
 * from MATVEC_ROWS * (x + y * number of x) on. matmul's makes MATMUL_N rows, from MATMUL_N * x on,
 * for MATMUL_M rows of x, from MATMUL_M * y on; rows behind the batch's are not touched. */
typedef struct gpu_matmul_params {
  GPU_WEIGHT_PARAMS;
  uint32_t out_dim;    /* of a row of out: rows of all of the matrix */
  uint32_t per_output; /* rows of x: 0 the batch's tokens, 1 its outputs */
  uint32_t has_bias;
} gpu_matmul_params;

/* out[i] = expert routes' · x: row i is token i / n_used's for its expert i % n_used, whose number
 * is routes[i / n_used][i % n_used], a float; its rows are from that times `dim` on. x[i / n_used]
 * with per_token, else x[i]. Rows that are not in this binding are left alone. batch, w, x, routes,
 * out. Workgroups as matvec's, z is i. routes is [tokens][2 * n_used]. */
typedef struct gpu_matmul_experts_params {
  GPU_WEIGHT_PARAMS;
  uint32_t dim, n_used, per_token; /* dim: rows of one expert */
} gpu_matmul_experts_params;

/* out[t] = x[t] / sqrt(mean of squares + eps) * weight, each `width` of a row by itself. x, weight
 * [width], out. Workgroups: (rows, dim / width). */
typedef struct gpu_rms_norm_params {
  uint32_t dim, width;
  float eps;
} gpu_rms_norm_params;

/* out[t] = (x[t] - mean) / deviation * weight + bias. x, weight, bias, out. Workgroups: rows. */
typedef struct gpu_layer_norm_params {
  uint32_t dim;
  float eps;
} gpu_layer_norm_params;

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

/* out[t][head] = softmax(softcap(q · K * scale)) · V over the positions that the token sees
 * (naive.c has it). batch, q, K, V, out. Workgroups: (n_head, tokens). K_TYPE, V_TYPE. head_dim is
 * a multiple of 4, at most 512. Positions behind the sequence's end hold anything, NaN too. */
typedef struct gpu_attention_params {
  uint32_t n_head, n_head_kv, head_dim, group, n_pages;
  float scale, softcap;    /* softcap 0: none */
  uint32_t window, causal; /* window 0: all */
} gpu_attention_params;

typedef enum gpu_binary_kind {
  GPU_ADD,
  GPU_MUL,
  GPU_SILU_MUL, /* a / (1 + exp(-a)) * b */
  GPU_GELU_MUL, /* gelu_tanh(a) * b */
  GPU_GATE,     /* a / (1 + exp(-b)), b [rows][1] */
} gpu_binary_kind;

/* a, b, out. Workgroups: (ELEMENTS, rows). */
typedef struct gpu_binary_params {
  uint32_t dim, kind;
} gpu_binary_params;

typedef enum gpu_unary_kind {
  GPU_GELU,    /* with the error function */
  GPU_SCALE,   /* x * value */
  GPU_SOFTCAP, /* value * tanh(x / value) */
} gpu_unary_kind;

/* x, out. Workgroups: (ELEMENTS, rows). */
typedef struct gpu_unary_params {
  uint32_t dim, kind;
  float value;
} gpu_unary_params;

/* out[o] = x[outputs[o]]. batch, x, out. Workgroups: (ELEMENTS, outputs). */
typedef struct gpu_take_outputs_params {
  uint32_t dim;
} gpu_take_outputs_params;

/* sotto_program_route (program/build.h). logits, out [rows][2 * n_used]. Workgroups: rows. With NaN
 * among the logits the indices are of experts and the weights NaN. n_experts at most 1024. */
typedef struct gpu_route_params {
  uint32_t n_experts, n_used, normalise;
} gpu_route_params;

/* out[t] = sum over i of routes[t][n_used + i] * x[t * n_used + i], x, routes, out. Workgroups:
 * (ELEMENTS, tokens). */
typedef struct gpu_combine_params {
  uint32_t dim, n_used;
} gpu_combine_params;

/* sotto_program_short_conv. The state before the batch is at slot * (n_taps - 1) * dim of `state`,
 * its oldest row first; 0xffffffff: zeros. Where batch[ENDS_AT] + t is a slot, the state behind the
 * token goes there. batch, taps [dim][n_taps], x, state (written), out. Workgroups: (ELEMENTS,
 * tokens). */
typedef struct gpu_short_conv_params {
  uint32_t dim, n_taps;
} gpu_short_conv_params;

/* out[o] = of the text that ends at token outputs[o] the mean (1), first (2) or last (3) row of x.
 * batch, x, out. Workgroups: (ELEMENTS, outputs). */
typedef struct gpu_pool_params {
  uint32_t dim, pooling;
} gpu_pool_params;

/* out[t] = x[t] / its length; zeros where it is 0. x, out. Workgroups: rows. */
typedef struct gpu_l2_norm_params {
  uint32_t dim;
} gpu_l2_norm_params;

#endif
