#include "kernels/scalar/scalar.h"

const sotto_kernels sotto_kernels_scalar = {
    .name = "scalar",
    .family = "scalar",
    .quantize_act = sotto_quantize_act__scalar,
#define X(NAME, number, text, weights, bytes) .gemm_##NAME = sotto_gemm_##NAME##__scalar,
#include "tensor/dtypes.def"
#undef X
    .attention = sotto_attention__scalar,
    .rms_norm = sotto_rms_norm__scalar,
    .rope = sotto_rope__scalar,
    .swiglu = sotto_swiglu__scalar,
    .add = sotto_add__scalar,
    .f32_to_f16 = sotto_f32_to_f16__scalar,
};
