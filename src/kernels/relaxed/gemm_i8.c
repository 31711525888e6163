/* Q8_0 by one i32x4.relaxed_dot_i8x16_i7x16_add, on engines that give all eight bits of the second
 * operand a meaning and add without saturation: without a sign (u8: V8 on x86 with VNNI), where w +
 * 128 goes in and 128 * sum of the activations is taken away; or with a sign (s8: ARM with dot
 * products). */
#include <string.h>

#include "kernels/relaxed/relaxed.h"
#include "kernels/tile.h"

/* The dot product of (a, a, a, a) and (b, b, b, b). From memory, or tools that optimise would
 * compute it instead of the engine. */
static int32_t dot_of(uint8_t a, uint8_t b) {
  volatile uint32_t x = 0x01010101u * a, y = 0x01010101u * b;
  v128_t sum = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(wasm_u32x4_splat(x), wasm_u32x4_splat(y),
                                                      wasm_i32x4_const_splat(0));
  return wasm_i32x4_extract_lane(sum, 0);
}

bool sotto_relaxed_dot_is_u8(void) {
  return dot_of(127, 255) == 4 * 127 * 255 && dot_of(128, 255) == -4 * 128 * 255 &&
         dot_of(128, 128) == -4 * 128 * 128;
}

bool sotto_relaxed_dot_is_s8(void) {
  return dot_of(127, 128) == -4 * 127 * 128 && dot_of(128, 128) == 4 * 128 * 128 &&
         dot_of(128, 255) == 4 * 128;
}

typedef struct weights {
  v128_t v[1];
} weights;

ALWAYS_INLINE int n_vectors(sotto_tile_layout layout) {
  (void)layout;
  return 1;
}

typedef struct masks {
  v128_t sign;
} masks;

ALWAYS_INLINE masks hold_masks(void) {
  return (masks){held(0x80808080)};
}

/* layout.offset tells the two apart: 128 or 0. */
ALWAYS_INLINE weights prepare(sotto_tile_layout layout, v128_t q, masks m) {
  return (weights){{layout.offset == 128 ? wasm_v128_xor(q, m.sign) : q}};
}

/* Of each word of four activations. */
typedef struct sums {
  v128_t word[2];
} sums;

ALWAYS_INLINE sums start(sotto_tile_layout layout, act_layout act, sums s, const uint8_t *block,
                         int part) {
  if (part) return s;
  v128_t zero = wasm_i32x4_const_splat(0);
  return (sums){{layout.offset == 0 ? zero : correction(act, block, layout.offset), zero}};
}

ALWAYS_INLINE sums dot_low(sotto_tile_layout layout, act_layout act, sums s, weights w,
                           const v128_t x[2]) {
  (void)layout;
  for (int p = 0; p < act.words; p++) {
    s.word[p] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(x[p], w.v[0], s.word[p]);
  }
  return s;
}
#define dot_high dot_low

ALWAYS_INLINE sums flush(sotto_tile_layout layout, act_layout act, sums s, int part) {
  (void)layout, (void)act, (void)part;
  return s;
}
ALWAYS_INLINE int flush_after(sotto_tile_layout layout) {
  (void)layout;
  return 1;
}

ALWAYS_INLINE v128_t total(sotto_tile_layout layout, act_layout act, sums s, const uint8_t *block,
                           int part) {
  (void)layout, (void)block, (void)part;
  return act.words == 1 ? s.word[0] : wasm_i32x4_add(s.word[0], wasm_i32x4_shl(s.word[1], 8));
}

ALWAYS_INLINE int n_groups(sotto_tile_layout layout, act_layout act) {
  (void)layout;
  return act.words == 1 ? 2 : 1;
}

ALWAYS_INLINE bool has_splats(sotto_tile_layout layout, act_layout act) {
  (void)layout, (void)act;
  return false;
}

#include "kernels/simd128/gemm_quant.inc.h"

void sotto_gemm_Q8_0__relaxed_u8(const sotto_gemm *g) {
  sotto_tile_layout layout = sotto_tile_Q8_0;
  layout.offset = 128;
  GEMM_NARROW_OR_WIDE(g, layout, int8s_broadcast);
}

void sotto_gemm_Q8_0__relaxed_s8(const sotto_gemm *g) {
  GEMM_NARROW_OR_WIDE(g, sotto_tile_Q8_0, int8s_broadcast);
}
