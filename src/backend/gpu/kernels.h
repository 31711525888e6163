/* What each kernel (kernels.def) is given, which its WGSL repeats: parameters at binding 0, a
 * uniform `p: Params` that is the same for all batches; where it needs it the batch at binding 1;
 * then what is listed. All that is not `w` or K, V is float32, [rows][dim]. ELEMENTS workgroups are
 * dim / WORKGROUP, rounded up. Here are those that go row by row; kernels_matrix.h and
 * kernels_attention.h have the others. */
#ifndef SOTTO_BACKEND_GPU_KERNELS_H
#define SOTTO_BACKEND_GPU_KERNELS_H

#include "backend/gpu/kernels_attention.h"
#include "backend/gpu/kernels_matrix.h"

#define GPU_MANY_ROWS 24 /* from so many rows on operations are taken one by one (units.h) */

/* out[t] = x[t] / sqrt(mean of squares + eps) * weight, each `width` of a row by itself. x, weight
 * [width], out. Workgroups: (rows, dim / width). */
typedef struct gpu_rms_norm_params {
  uint32_t dim, width;
  float eps;
} gpu_rms_norm_params;

/* out[t] = scale * norm(x[t]) + residual[t]. x, weight, residual, out. Workgroups: rows. */
typedef struct gpu_norm_add_params {
  uint32_t dim;
  float eps, scale;
} gpu_norm_add_params;

/* out[t] = (x[t] - mean) / deviation * weight + bias. x, weight, bias, out. Workgroups: rows. */
typedef struct gpu_layer_norm_params {
  uint32_t dim;
  float eps;
} gpu_layer_norm_params;

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

/* out[o] = x[outputs[o]]. batch, x, out. take_outputs_pack packs it too (kernels_matrix.h): norm (x
 * where there is none), packed. Workgroups: (dim / 4 / WORKGROUP rounded up, outputs). */
typedef struct gpu_take_outputs_params {
  uint32_t dim, packs;
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
