/* Quantised GEMM by i32x4.relaxed_dot_i8x16_i7x16_add. The first operand holds activations
 * (-128..127), the second quants of 0..31, or of Q8_0 the low seven bits and the sign bit
 * (w = low - 128 * sign), so that no pair of products leaves int16. */
#include <string.h>

#include "kernels/relaxed/relaxed.h"
#include "kernels/tile.h"

typedef struct weights {
  v128_t v[2]; /* low bits and, Q8_0 only, signs */
} weights;

ALWAYS_INLINE int n_vectors(sotto_tile_layout layout) {
  return layout.bits < 8 ? 1 : 2;
}

typedef struct masks {
  v128_t low, sign;
} masks;

ALWAYS_INLINE masks hold_masks(void) {
  return (masks){held(0x7F7F7F7F), held(0x01010101)};
}

ALWAYS_INLINE weights prepare(sotto_tile_layout layout, v128_t q, masks m) {
  if (layout.bits < 8) return (weights){{q}};
  return (weights){{wasm_v128_and(q, m.low), wasm_v128_and(wasm_u16x8_shr(q, 7), m.sign)}};
}

/* Of each plane of activations. */
typedef struct sums {
  v128_t low[2], sign[2];
} sums;

ALWAYS_INLINE sums start(sotto_tile_layout layout, const uint8_t *first) {
  v128_t zero = wasm_i32x4_const_splat(0);
  return (sums){{layout.offset == 0 ? zero : correction(first, layout.offset), zero}, {zero, zero}};
}

ALWAYS_INLINE sums dot_low(sotto_tile_layout layout, sums s, weights w, const uint8_t *x,
                           act_layout act) {
  for (int p = 0; p < act.planes; p++) {
    v128_t a = wasm_v128_load(x + act_plane_bytes(act) * p);
    s.low[p] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(a, w.v[0], s.low[p]);
    if (layout.bits == 8) s.sign[p] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(a, w.v[1], s.sign[p]);
  }
  return s;
}
#define dot_high dot_low

ALWAYS_INLINE v128_t total(sotto_tile_layout layout, sums s, const uint8_t *first, int planes) {
  (void)first;
  v128_t sum = s.low[0];
  if (planes == 2) sum = wasm_i32x4_add(sum, wasm_i32x4_shl(s.low[1], 8));
  if (layout.bits < 8) return sum;
  v128_t sign = s.sign[0];
  if (planes == 2) sign = wasm_i32x4_add(sign, wasm_i32x4_shl(s.sign[1], 8));
  return wasm_i32x4_sub(sum, wasm_i32x4_shl(sign, 7));
}

ALWAYS_INLINE int n_groups(sotto_tile_layout layout, int planes) {
  return planes == 1 && layout.bits < 8 ? 2 : 1;
}

ALWAYS_INLINE bool has_splats(sotto_tile_layout layout, int planes) {
  (void)layout, (void)planes;
  return false;
}

#include "kernels/simd128/gemm_quant.inc.h"

#define T(NAME, ...)                                                                               \
  void sotto_gemm_##NAME##__relaxed_i32(const sotto_gemm *g) {                                     \
    GEMM_NARROW_OR_WIDE(g, sotto_tile_##NAME);                                                     \
  }
#include "kernels/tiles.def"
#undef T
