/* Quantised GEMM with strict instructions: quants widen to int16 by masks and shifts, and
 * i32x4.dot_i16x8_s adds pairs. Activations: one plane of int16, narrow or wide, a group of four as
 * values 0 and 2 of all lanes, then 1 and 3: all that is 16 bits are they and the quants, every
 * product and sum has 32. */
#include <string.h>

#include "kernels/simd128/act.h"
#include "kernels/simd128/simd128.h"
#include "kernels/tile.h"

static const act_layout int16s = {.group_bytes = 32, .planes = 1};

/* int16 lane 2 * r + i: weights 0 and 2, weights 1 and 3 of row r. */
typedef struct weights {
  v128_t v[2]; /* even, odd */
} weights;

ALWAYS_INLINE int n_vectors(sotto_tile_layout layout) {
  (void)layout;
  return 2;
}

typedef struct masks {
  v128_t byte;
} masks;

ALWAYS_INLINE masks hold_masks(void) {
  return (masks){held(0x00FF00FF)};
}

ALWAYS_INLINE weights prepare(sotto_tile_layout layout, v128_t q, masks m) {
  if (layout.bits == 8)
    return (weights){{wasm_i16x8_shr(wasm_i16x8_shl(q, 8), 8), wasm_i16x8_shr(q, 8)}};
  return (weights){{wasm_v128_and(q, m.byte), wasm_u16x8_shr(q, 8)}};
}

typedef struct sums {
  v128_t half[2]; /* the second: where it has a scale of its own */
} sums;

ALWAYS_INLINE sums start(sotto_tile_layout layout, sums s, const uint8_t *first, int part) {
  if (layout.halves)
    s.half[part] = half_correction(first, layout.offset, part);
  else if (part == 0)
    s.half[0] = layout.offset == 0 ? wasm_i32x4_const_splat(0) : correction(first, layout.offset);
  return s;
}

ALWAYS_INLINE v128_t add_dot(v128_t sum, weights w, const uint8_t *x) {
  sum = wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(w.v[0], wasm_v128_load(x)));
  return wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(w.v[1], wasm_v128_load(x + 16)));
}

ALWAYS_INLINE sums dot_low(sotto_tile_layout layout, sums s, weights w, const uint8_t *x,
                           act_layout act) {
  (void)layout, (void)act;
  s.half[0] = add_dot(s.half[0], w, x);
  return s;
}

ALWAYS_INLINE sums dot_high(sotto_tile_layout layout, sums s, weights w, const uint8_t *x,
                            act_layout act) {
  (void)act;
  const int half = layout.halves ? 1 : 0;
  s.half[half] = add_dot(s.half[half], w, x);
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

ALWAYS_INLINE v128_t total(sotto_tile_layout layout, sums s, const uint8_t *first, int planes,
                           int part) {
  (void)layout, (void)first, (void)planes;
  return s.half[part];
}

ALWAYS_INLINE int n_groups(sotto_tile_layout layout, int planes) {
  (void)layout, (void)planes;
  return 2;
}

ALWAYS_INLINE bool has_splats(sotto_tile_layout layout, int planes) {
  (void)layout, (void)planes;
  return false;
}

#include "kernels/simd128/gemm_quant.inc.h"

#define T(NAME, ...)                                                                               \
  void sotto_gemm_##NAME##__simd128(const sotto_gemm *g) {                                         \
    gemm(g, sotto_tile_##NAME, int16s);                                                            \
  }
#include "kernels/tiles.def"
#undef T

ALWAYS_INLINE void store_quants(uint8_t *q, const v128_t v[8], act_layout layout, int lane) {
  (void)layout;
  for (int i = 0; i < 4; i++) {
    v128_t plain = wasm_i16x8_narrow_i32x4(v[2 * i], v[2 * i + 1]);
    store_lanes(q + 64 * i, 16, act_order(plain), lane);
  }
}

#include "kernels/simd128/quantize_act.inc.h"

void sotto_quantize_act__simd128(const float *x, size_t k, const sotto_act *act, size_t token) {
  quantize(x, k, act, token, int16s);
}
