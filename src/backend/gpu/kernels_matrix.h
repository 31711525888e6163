/* Kernels that multiply with weights. Weights are read by the functions of one file of formats/,
 * eight of a row at a time, whose columns the format chooses so that each word is read once
 * (weights.wgsl). Their planes (planes.def) lie behind each other in binding `w`, an array<u32>, in
 * words from the beginning of the binding: plane 0 at 0, the others at p.plane_1 and so on. Columns
 * are a multiple of 4. */
#ifndef SOTTO_BACKEND_GPU_KERNELS_MATRIX_H
#define SOTTO_BACKEND_GPU_KERNELS_MATRIX_H

#include <stdint.h>

#define GPU_MATVEC_ROWS 4
#define GPU_MATMUL_M    64
#define GPU_MATMUL_N    64

/* Of all kernels with weights; the rows [first_row, first_row + n_rows) are in the binding. */
#define GPU_WEIGHT_PARAMS uint32_t first_row, n_rows, cols, plane_1, plane_2, plane_3

/* out[t] = row of w, of the token, the position or the first; nothing where the row is not in this
 * binding. batch, w, out. Workgroups: tokens. */
typedef struct gpu_embed_params {
  GPU_WEIGHT_PARAMS;
  uint32_t row; /* sotto_embed_row */
} gpu_embed_params;

/* Rows row_at + r of the binding are the weight's: others may be in front of it, and bias_at
 * numbers in front of its bias.
 *
 * out[t][first_row + r] = scale * (w[r] · x[t] + bias[first_row + r]) + residual[t][first_row + r];
 * matmul has no scale and no residual. batch, w, bias (x where there is none), x, residual (x where
 * there is none), out. For a few rows of x matvec's workgroup (x, y, z) makes MATVEC_ROWS rows of
 * x[z], from MATVEC_ROWS * (x + y * number of x) on. matmul's makes MATMUL_N rows, from MATMUL_N *
 * x on, for MATMUL_M rows of x, from MATMUL_M * y on; rows behind the batch's are not touched. */
typedef struct gpu_matmul_params {
  GPU_WEIGHT_PARAMS;
  uint32_t row_at;
  uint32_t out_dim;    /* of a row of out: rows of all of the matrix */
  uint32_t per_output; /* rows of x: 0 the batch's tokens, 1 its outputs */
  uint32_t has_bias, bias_at;
  uint32_t has_residual;
  float scale;
} gpu_matmul_params;

/* out[t][first_row + r] = w[r] · norm(x[t]) + bias[r], norm as rms_norm's. batch, w, bias (x where
 * there is none), x, weight of the norm, out. Workgroups as matvec's. */
typedef struct gpu_norm_matvec_params {
  GPU_WEIGHT_PARAMS;
  uint32_t row_at;
  uint32_t out_dim;
  uint32_t has_bias, bias_at;
  float eps;
} gpu_norm_matvec_params;

/* out[t][r] = the activation of gate[r] · norm(x[t]) + bias[r] times the same with up. In w the
 * rows of up lie behind the n_rows of gate, and so do their biases. As norm_matvec. */
typedef struct gpu_norm_matvec_glu_params {
  GPU_WEIGHT_PARAMS;
  uint32_t has_bias, bias_at;
  uint32_t kind; /* GPU_SILU_MUL or GPU_GELU_MUL */
  float eps;
} gpu_norm_matvec_glu_params;

/* out[i] = expert routes' · x: row i is token i / n_used's for its expert i % n_used, whose number
 * is routes[i / n_used][i % n_used], a float; its rows are from that times `dim` on. x[i / n_used]
 * with per_token, else x[i]. Rows that are not in this binding are left alone. batch, w, x, routes,
 * out. Workgroups as matvec's, z is i. routes is [tokens][2 * n_used]. */
typedef struct gpu_matmul_experts_params {
  GPU_WEIGHT_PARAMS;
  uint32_t dim, n_used, per_token; /* dim: rows of one expert */
} gpu_matmul_experts_params;

#endif
