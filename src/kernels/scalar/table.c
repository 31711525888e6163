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
    .layer_norm = sotto_layer_norm__scalar,
    .rope = sotto_rope__scalar,
    .swiglu = sotto_swiglu__scalar,
    .geglu = sotto_geglu__scalar,
    .gelu = sotto_gelu__scalar,
    .softcap = sotto_softcap__scalar,
    .add = sotto_add__scalar,
#define K(NAME, name) .kv_write_##NAME = sotto_kv_write_##NAME##__scalar,
#include "kernels/kv_types.def"
#undef K
};
