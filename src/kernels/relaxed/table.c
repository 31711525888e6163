#include "kernels/relaxed/relaxed.h"

#define K(NAME, name) .kv_write_##NAME = sotto_kv_write_##NAME##__simd128,
#define SHARED                                                                                     \
  .family = "relaxed", .quantize_act = sotto_quantize_act__relaxed,                                \
  .attention = sotto_attention__simd128, .rms_norm = sotto_rms_norm__simd128,                      \
  .rope = sotto_rope__simd128, .swiglu = sotto_swiglu__simd128, .geglu = sotto_geglu__simd128,     \
  .layer_norm = sotto_layer_norm__simd128, .gelu = sotto_gelu__simd128,                            \
  .softcap = sotto_softcap__simd128, .add = sotto_add__simd128,                                    \
  .gemm_F32 = sotto_gemm_F32__simd128, .gemm_F16 = sotto_gemm_F16__simd128,                        \
  .gemm_BF16 = sotto_gemm_BF16__simd128

const sotto_kernels sotto_kernels_relaxed_i16 = {
    .name = "relaxed_i16",
    .splits_bytes = true,
    SHARED,
#include "kernels/kv_types.def"
#define T(NAME, ...) .gemm_##NAME = sotto_gemm_##NAME##__relaxed_i16,
#include "kernels/tiles.def"
#undef T
};

const sotto_kernels sotto_kernels_relaxed_i32 = {
    .name = "relaxed_i32",
    .splits_bytes = true,
    SHARED,
#include "kernels/kv_types.def"
#define T(NAME, ...) .gemm_##NAME = sotto_gemm_##NAME##__relaxed_i32,
#include "kernels/tiles.def"
#undef T
};

/* Other quants fit seven bits: only those of eight differ from relaxed_i32. */
#define T(NAME, ...) .gemm_##NAME = sotto_gemm_##NAME##__relaxed_i32,

const sotto_kernels sotto_kernels_relaxed_u8 = {
    .name = "relaxed_u8",
    .available = sotto_relaxed_dot_is_u8,
    SHARED,
#include "kernels/kv_types.def"
#define T_BYTES(NAME, ...) .gemm_##NAME = sotto_gemm_##NAME##__relaxed_u8,
#include "kernels/tiles.def"
#undef T_BYTES
};

const sotto_kernels sotto_kernels_relaxed_s8 = {
    .name = "relaxed_s8",
    .available = sotto_relaxed_dot_is_s8,
    SHARED,
#include "kernels/kv_types.def"
#define T_BYTES(NAME, ...) .gemm_##NAME = sotto_gemm_##NAME##__relaxed_s8,
#include "kernels/tiles.def"
#undef T_BYTES
};
#undef T
