/* Quantised GEMM with strict instructions: quants widen to int16 by masks and shifts, and
 * i32x4.dot_i16x8_s adds pairs. Activations: int16, each group of four in the order 0, 2, 1, 3,
 * narrow or wide: all that is 16 bits are they and the quants, every product and sum has 32. */
#include <string.h>

#include "kernels/simd128/simd.h"
#include "kernels/simd128/simd128.h"
#include "kernels/tile.h"

#define GROUP_BYTES 8

/* int16 lane 2 * r + i: weights 0 and 2, weights 1 and 3 of row r. */
typedef struct weights {
  v128_t even, odd;
} weights;

typedef struct masks {
  v128_t byte;
} masks;

ALWAYS_INLINE masks hold_masks(void) {
  return (masks){held(0x00FF00FF)};
}

ALWAYS_INLINE weights prepare(sotto_tile_layout layout, v128_t q, masks m) {
  if (layout.quant_bytes == 128)
    return (weights){wasm_i16x8_shr(wasm_i16x8_shl(q, 8), 8), wasm_i16x8_shr(q, 8)};
  return (weights){wasm_v128_and(q, m.byte), wasm_u16x8_shr(q, 8)};
}

typedef v128_t sums;

/* offset * sum of the activations is taken away first. */
ALWAYS_INLINE sums start(sotto_tile_layout layout, v128_t sum) {
  if (layout.offset == 0) return wasm_i32x4_const_splat(0);
  return wasm_i32x4_neg(wasm_i32x4_shl(sum, layout.offset == 8 ? 3 : 4));
}

ALWAYS_INLINE sums dot(sotto_tile_layout layout, sums s, weights w, const uint8_t *x, int planes) {
  (void)layout, (void)planes;
  s = wasm_i32x4_add(s, wasm_i32x4_dot_i16x8(w.even, wasm_v128_load32_splat(x)));
  return wasm_i32x4_add(s, wasm_i32x4_dot_i16x8(w.odd, wasm_v128_load32_splat(x + 4)));
}

ALWAYS_INLINE v128_t total(sotto_tile_layout layout, sums s, int planes) {
  (void)layout, (void)planes;
  return s;
}

ALWAYS_INLINE void store_quants(uint8_t *q, const v128_t v[8], int planes) {
  (void)planes;
  for (int i = 0; i < 4; i++) {
    v128_t plain = wasm_i16x8_narrow_i32x4(v[2 * i], v[2 * i + 1]);
    wasm_v128_store(q + 16 * i, act_order(plain));
  }
}

#include "kernels/simd128/gemm_quant.inc.h"

#define T(NAME, offset, has_min, has_high, quant_bytes)                                            \
  void sotto_gemm_##NAME##__simd128(const sotto_gemm *g) {                                         \
    gemm(g, sotto_tile_##NAME, 1);                                                                 \
  }
#include "kernels/tiles.def"
#undef T

void sotto_quantize_act__simd128(const float *x, size_t k, const sotto_act *act, size_t token) {
  quantize(x, k, act, token, 1);
}
