/* The relaxed-SIMD kernels: integer dot products only, so that every engine gives the same bits.
 * Activations: int8 in plain order, wide ones two such planes a block. All else is the SIMD128
 * variant's. */
#ifndef SOTTO_KERNELS_RELAXED_RELAXED_H
#define SOTTO_KERNELS_RELAXED_RELAXED_H

#include "kernels/kernels.h"
#include "kernels/simd128/simd128.h"

#define T(NAME, offset, has_min, has_high, quant_bytes) sotto_gemm_fn sotto_gemm_##NAME##__relaxed;
#include "kernels/tiles.def"
#undef T
void sotto_quantize_act__relaxed(const float *x, size_t k, const sotto_act *act, size_t token);

#endif
