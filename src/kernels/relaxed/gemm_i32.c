/* Quantised GEMM by i32x4.relaxed_dot_i8x16_i7x16_add. The first operand holds activations
 * (-128..127), the second quants of 0..63, or of Q8_0 the low seven bits and the sign bit
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
  v128_t low[2], sign[2]; /* Q8_0 */
  v128_t high[2];         /* the second half, where it has a scale of its own */
} sums;

ALWAYS_INLINE sums start(sotto_tile_layout layout, sums s, const uint8_t *first, int part) {
  v128_t zero = wasm_i32x4_const_splat(0);
  if (part == 0) {
    s = (sums){{zero, zero}, {zero, zero}, {zero, zero}};
    if (layout.halves)
      s.low[0] = half_correction(first, layout.offset, 0);
    else if (layout.offset)
      s.low[0] = correction(first, layout.offset);
  } else if (layout.halves) {
    s.high[0] = half_correction(first, layout.offset, 1);
  }
  return s;
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

ALWAYS_INLINE sums dot_high(sotto_tile_layout layout, sums s, weights w, const uint8_t *x,
                            act_layout act) {
  if (!layout.halves) return dot_low(layout, s, w, x, act);
  for (int p = 0; p < act.planes; p++) {
    v128_t a = wasm_v128_load(x + act_plane_bytes(act) * p);
    s.high[p] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(a, w.v[0], s.high[p]);
  }
  return s;
}

ALWAYS_INLINE sums flush(sotto_tile_layout layout, sums s, int planes, int part) {
  (void)layout, (void)planes, (void)part;
  return s;
}
ALWAYS_INLINE int flush_after(sotto_tile_layout layout) {
  (void)layout;
  return 1;
}

ALWAYS_INLINE v128_t of_planes(const v128_t sum[2], int planes) {
  return planes == 1 ? sum[0] : wasm_i32x4_add(sum[0], wasm_i32x4_shl(sum[1], 8));
}

ALWAYS_INLINE v128_t total(sotto_tile_layout layout, sums s, const uint8_t *first, int planes,
                           int part) {
  (void)first;
  v128_t sum = of_planes(part ? s.high : s.low, planes);
  if (layout.bits < 8) return sum;
  return wasm_i32x4_sub(sum, wasm_i32x4_shl(of_planes(s.sign, planes), 7));
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
