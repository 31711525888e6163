/* The SIMD128 kernels. Activations: int16, each group of four in the order 0, 2, 1, 3. */
#ifndef SOTTO_KERNELS_SIMD128_SIMD128_H
#define SOTTO_KERNELS_SIMD128_SIMD128_H

#include "kernels/kernels.h"

#define X(NAME, number, text, weights, bytes) sotto_gemm_fn sotto_gemm_##NAME##__simd128;
#include "tensor/dtypes.def"
#undef X
void sotto_quantize_act__simd128(const float *x, size_t k, const sotto_act *act, size_t token);
void sotto_attention__simd128(const sotto_attention *attention);
void sotto_rms_norm__simd128(float *out, const float *x, const float *weight, size_t n, float eps);
void sotto_layer_norm__simd128(float *out, const float *x, const float *weight, const float *bias,
                               size_t n, float eps);
void sotto_rope__simd128(float *x, size_t n_heads, size_t head_dim, size_t n_rot, int neox,
                         const float *cos_sin);
void sotto_swiglu__simd128(float *out, const float *gate, const float *up, size_t n);
void sotto_geglu__simd128(float *out, const float *gate, const float *up, size_t n);
void sotto_gelu__simd128(float *out, const float *x, size_t n);
void sotto_softcap__simd128(float *x, size_t n, float cap);
void sotto_add__simd128(float *out, const float *a, const float *b, size_t n);
#define K(NAME, name) sotto_kv_write_fn sotto_kv_write_##NAME##__simd128;
#include "kernels/kv_types.def"
#undef K

#endif
