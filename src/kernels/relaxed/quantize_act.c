/* Activations for the relaxed kernels: int8 in one plane a block, or in two. */
#include <string.h>

#include "kernels/relaxed/relaxed.h"

/* 32 int16 that fit int8. */
ALWAYS_INLINE void store_plane(uint8_t *q, const v128_t v[4], int lane) {
  for (int i = 0; i < 2; i++)
    store_lanes(q + 64 * i, 16, wasm_i8x16_narrow_i16x8(v[2 * i], v[2 * i + 1]), lane);
}

ALWAYS_INLINE void store_quants(uint8_t *q, const v128_t v[8], act_layout layout, int lane) {
  v128_t low[4], high[4];
  for (int i = 0; i < 4; i++) {
    low[i] = wasm_i16x8_narrow_i32x4(v[2 * i], v[2 * i + 1]);
    high[i] = wasm_i16x8_shr(wasm_i16x8_add(low[i], wasm_i16x8_const_splat(128)), 8);
    if (layout.planes == 2) low[i] = wasm_i16x8_shr(wasm_i16x8_shl(low[i], 8), 8);
  }
  store_plane(q, low, lane);
  if (layout.planes == 2) store_plane(q + act_plane_bytes(layout), high, lane);
}

#include "kernels/simd128/quantize_act.inc.h"

void sotto_quantize_act__relaxed(const float *x, size_t k, const sotto_act *act, size_t token) {
  if (act->wide)
    quantize(x, k, act, token, act_planes(true));
  else
    quantize(x, k, act, token, act_planes(false));
}
