/* Quantised GEMM by i32x4.relaxed_dot_i8x16_i7x16_add. What is relaxed is how a second operand with
 * bit 7 set counts, and whether pairs of products saturate int16: neither can happen here. The first
 * operand holds activations (-127..127), the second quants of 0..31, or of Q8_0 the low seven bits
 * and the sign bit (w = low - 128 * sign), so that |pairs| <= 2 * 127 * 127. */
#include <string.h>

#include "kernels/relaxed/relaxed.h"
#include "kernels/simd128/simd.h"
#include "kernels/tile.h"

#define VARIANT(name) name##__relaxed
#define GROUP_BYTES   4

typedef struct weights {
  v128_t low, sign; /* sign: Q8_0 only */
} weights;

typedef struct masks {
  v128_t low, sign;
} masks;

ALWAYS_INLINE masks hold_masks(void) {
  return (masks){held(0x7F7F7F7F), held(0x01010101)};
}

ALWAYS_INLINE weights prepare(sotto_tile_layout layout, v128_t q, masks m) {
  if (layout.quant_bytes == 64) return (weights){q, q};
  return (weights){wasm_v128_and(q, m.low), wasm_v128_and(wasm_u16x8_shr(q, 7), m.sign)};
}

typedef struct sums {
  v128_t low, sign;
} sums;

/* offset * sum of the activations is taken away first. */
ALWAYS_INLINE sums start(sotto_tile_layout layout, v128_t sum) {
  v128_t zero = wasm_i32x4_const_splat(0);
  if (layout.offset == 0) return (sums){zero, zero};
  return (sums){wasm_i32x4_neg(wasm_i32x4_shl(sum, layout.offset == 8 ? 3 : 4)), zero};
}

ALWAYS_INLINE sums dot(sotto_tile_layout layout, sums s, weights w, const uint8_t *x) {
  v128_t splat = wasm_v128_load32_splat(x);
  s.low = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(splat, w.low, s.low);
  if (layout.quant_bytes == 128)
    s.sign = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(splat, w.sign, s.sign);
  return s;
}

ALWAYS_INLINE v128_t total(sotto_tile_layout layout, sums s) {
  if (layout.quant_bytes == 64) return s.low;
  return wasm_i32x4_sub(s.low, wasm_i32x4_shl(s.sign, 7));
}

ALWAYS_INLINE void store_quants(uint8_t *q, const v128_t v[8]) {
  for (int i = 0; i < 2; i++) {
    v128_t low = wasm_i16x8_narrow_i32x4(v[4 * i], v[4 * i + 1]);
    v128_t high = wasm_i16x8_narrow_i32x4(v[4 * i + 2], v[4 * i + 3]);
    wasm_v128_store(q + 16 * i, wasm_i8x16_narrow_i16x8(low, high));
  }
}

#include "kernels/simd128/gemm_quant.inc.h"
