#include "kernels/simd128/simd128.h"

const sotto_kernels sotto_kernels_simd128 = {
    .name = "simd128",
    .family = "simd128",
    .quantize_act = sotto_quantize_act__simd128,
#define X(NAME, number, text, weights, bytes) .gemm_##NAME = sotto_gemm_##NAME##__simd128,
#include "tensor/dtypes.def"
#undef X
    .attention = sotto_attention__simd128,
    .rms_norm = sotto_rms_norm__simd128,
    .layer_norm = sotto_layer_norm__simd128,
    .rope = sotto_rope__simd128,
    .swiglu = sotto_swiglu__simd128,
    .geglu = sotto_geglu__simd128,
    .gelu = sotto_gelu__simd128,
    .softcap = sotto_softcap__simd128,
    .add = sotto_add__simd128,
#define K(NAME, name) .kv_write_##NAME = sotto_kv_write_##NAME##__simd128,
#include "kernels/kv_types.def"
#undef K
};
