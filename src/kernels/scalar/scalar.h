/* The scalar kernels: the oracle of all others, each line an operation that kernels.h states. */
#ifndef SOTTO_KERNELS_SCALAR_SCALAR_H
#define SOTTO_KERNELS_SCALAR_SCALAR_H

#include "kernels/kernels.h"

#define X(NAME, number, text, weights, bytes) sotto_gemm_fn sotto_gemm_##NAME##__scalar;
#include "tensor/dtypes.def"
#undef X
void sotto_quantize_act__scalar(const float *x, size_t k, const sotto_act *act, size_t token);
void sotto_attention__scalar(const sotto_attention *attention);
void sotto_rms_norm__scalar(float *out, const float *x, const float *weight, size_t n, float eps);
void sotto_layer_norm__scalar(float *out, const float *x, const float *weight, const float *bias,
                              size_t n, float eps);
void sotto_rope__scalar(float *x, size_t n_heads, size_t head_dim, size_t n_rot, int neox,
                        const float *cos_sin);
void sotto_swiglu__scalar(float *out, const float *gate, const float *up, size_t n);
void sotto_geglu__scalar(float *out, const float *gate, const float *up, size_t n);
void sotto_gelu__scalar(float *out, const float *x, size_t n);
void sotto_softcap__scalar(float *x, size_t n, float cap);
void sotto_add__scalar(float *out, const float *a, const float *b, size_t n);
#define K(NAME, name) sotto_kv_write_fn sotto_kv_write_##NAME##__scalar;
#include "kernels/kv_types.def"
#undef K

#endif
