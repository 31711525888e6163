/* Kernels that multiply with weights. Weights are read by the functions of one file of formats/,
 * 32 or eight of a row at a time, whose columns the format chooses so that each word is read once
 * (quants.wgsl, floats.wgsl). Their planes (planes.def) lie behind each other in binding `w`, an
 * array<u32>, in words from the beginning of the binding: plane 0 at 0, the others at p.plane_1 and
 * so on. Columns are a multiple of 4. */
#ifndef SOTTO_BACKEND_GPU_KERNELS_MATRIX_H
#define SOTTO_BACKEND_GPU_KERNELS_MATRIX_H

#include <stdint.h>

#define GPU_BLOCK          16 /* columns of a block of packed activations, and rows that make it */
#define GPU_TEAM           32 /* invocations that make two rows of a block */
#define GPU_MATVEC_ROWS    4  /* of a workgroup of matmul_experts */
#define GPU_MATVEC_COLUMNS 4  /* rows of x that matvec_4 takes together */
#define GPU_MATMUL_M       64
#define GPU_MATMUL_N       64

/* Packed activations: a row of `dim` float32 as int16, so that products with quantised weights are
 * dots of bytes. A row is three parts, each an array of a vec4u for each of its n blocks, n = dim /
 * BLOCK rounded up to an even number; block b is number b / 2 + (b odd ? n / 2 : 0) of each part:
 *
 *   the upper bytes of q + 128, sixteen i8;
 *   what is left, q - 256 * upper, sixteen i8;
 *   scale, scale * the sum of q, the sum of x * x, all float32; and a word that is not used.
 *
 * Numbers are q * scale with |q| <= 127 * 256, so that they are off by at most 2^-15.9 of the
 * block's largest. What is to be normed is packed as x times the norm's weights, before the row's
 * root mean square is known: that is a factor of products, and follows from the sums of x * x. A
 * block with a number that is not finite has NaN as scale. */
typedef enum gpu_packs {
  GPU_PACKS_PLAIN = 1, /* 0: nothing is packed */
  GPU_PACKS_NORMED,    /* times `norm` */
} gpu_packs;

static inline uint64_t gpu_packed_bytes(uint32_t dim) {
  return (dim + 2 * GPU_BLOCK - 1) / (2 * GPU_BLOCK) * 2 * 48;
}

/* x, norm (x where there is none), packed (written). Workgroups: (fours of the row with its last
 * block / WORKGROUP, rows). */
typedef struct gpu_pack_rows_params {
  uint32_t dim, packs;
} gpu_pack_rows_params;

/* Of all kernels with weights; the rows [first_row, first_row + n_rows) are in the binding. */
#define GPU_WEIGHT_PARAMS uint32_t first_row, n_rows, cols, plane_1, plane_2, plane_3

/* out[t] = row of w, of the token, the position or the first; nothing where the row is not in this
 * binding. batch, w, out. embed_pack packs it too: norm (batch where there is none), packed.
 * Workgroups: (eights of a row / WORKGROUP, tokens), a row's eights being 4 for each 32 columns or
 * a rest. */
typedef struct gpu_embed_params {
  GPU_WEIGHT_PARAMS;
  uint32_t row; /* sotto_embed_row */
  uint32_t packs;
} gpu_embed_params;

/* For many rows of x; matmul_packed is for quantised weights, and its x is packed. Rows row_at + r
 * of the binding are the weight's: others may be in front of it, and bias_at numbers in front of
 * its bias. Of these, out[t][first_row + r] = w[r] · x[t] + bias[first_row + r]. batch, w, bias (x
 * where there is none), x, out. A workgroup (x, y) makes MATMUL_N rows, from MATMUL_N * x on, for
 * MATMUL_M rows of x, from MATMUL_M * y on; rows behind the batch's are not touched. */
typedef struct gpu_matmul_params {
  GPU_WEIGHT_PARAMS;
  uint32_t row_at;
  uint32_t out_dim;    /* of a row of out: rows of all of the matrix */
  uint32_t per_output; /* rows of x: 0 the batch's tokens, 1 its outputs */
  uint32_t has_bias, bias_at;
} gpu_matmul_params;

/* For a few rows, x packed and perhaps to be normed. out[t][first_row + r] = scale * (w[r] · x[t] +
 * bias[first_row + r]) + residual[t][first_row + r]. w, x, bias (x where there is none), residual
 * (x where there is none), out. A workgroup (x, y, z) makes BLOCK rows of x[z], from BLOCK * (x + y
 * * number of x) on. matvec_pack packs them too: norm (w where there is none), packed. matvec_4 and
 * matvec_4_pack make them of MATVEC_COLUMNS rows of x, from MATVEC_COLUMNS * z on: there is room
 * for all of these in the buffers, whatever is in those behind the batch's. */
typedef struct gpu_matvec_params {
  GPU_WEIGHT_PARAMS;
  uint32_t row_at, out_dim;
  uint32_t has_norm; /* 1: x is to be divided by its root mean square */
  float eps;
  uint32_t has_bias, bias_at;
  uint32_t has_residual;
  float scale;
  uint32_t packs;
} gpu_matvec_params;

/* out[t][r] = the activation of gate[r] · x[t] + bias[r] times the same with up. In w the rows of
 * up lie behind the n_rows of gate, and so do their biases. w, x, bias, out. As matvec, with
 * matvec_glu_4 and the others. */
typedef struct gpu_matvec_glu_params {
  GPU_WEIGHT_PARAMS;
  uint32_t has_norm;
  float eps;
  uint32_t has_bias, bias_at;
  uint32_t kind; /* GPU_SILU_MUL or GPU_GELU_MUL */
  uint32_t packs;
} gpu_matvec_glu_params;

/* out[i] = expert routes' · x: row i is token i / n_used's for its expert i % n_used, whose number
 * is routes[i / n_used][i % n_used], a float; its rows are from that times `dim` on. x[i / n_used]
 * with per_token, else x[i]. Rows that are not in this binding are left alone. batch, w, x, routes,
 * out. A workgroup (x, y, i) makes MATVEC_ROWS rows. routes is [tokens][2 * n_used]. */
typedef struct gpu_matmul_experts_params {
  GPU_WEIGHT_PARAMS;
  uint32_t dim, n_used, per_token; /* dim: rows of one expert */
} gpu_matmul_experts_params;

#endif
