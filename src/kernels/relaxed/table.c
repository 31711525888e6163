#include "kernels/relaxed/relaxed.h"

const sotto_kernels sotto_kernels_relaxed = {
    .name = "relaxed",
    .quantize_act = sotto_quantize_act__relaxed,
#define T(NAME, offset, has_min, has_high, quant_bytes) .gemm_##NAME = sotto_gemm_##NAME##__relaxed,
#include "kernels/tiles.def"
#undef T
    .gemm_F32 = sotto_gemm_F32__simd128,
    .gemm_F16 = sotto_gemm_F16__simd128,
    .gemm_BF16 = sotto_gemm_BF16__simd128,
    .attention = sotto_attention__simd128,
    .rms_norm = sotto_rms_norm__simd128,
    .rope = sotto_rope__simd128,
    .swiglu = sotto_swiglu__simd128,
    .add = sotto_add__simd128,
    .f32_to_f16 = sotto_f32_to_f16__simd128,
};
