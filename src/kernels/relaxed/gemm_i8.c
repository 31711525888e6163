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

ALWAYS_INLINE int n_vectors(sotto_panel_kind kind) {
  (void)kind;
  return 1;
}

typedef struct masks {
  v128_t sign;
} masks;

ALWAYS_INLINE masks hold_masks(void) {
  return (masks){held(0x80808080)};
}

/* The offset tells the two apart: 128 or 0. */
ALWAYS_INLINE int second_shift(sotto_panel_kind kind) {
  (void)kind;
  return 0;
}

#define N_SUB_SCALES   1
#define takes_index(k) false

ALWAYS_INLINE weights prepare(sotto_panel_kind kind, v128_t q, masks m) {
  return (weights){{kind.offset == 128 ? wasm_v128_xor(q, m.sign) : q}};
}

/* Of each word of four activations. */
typedef struct sums {
  v128_t word[2];
} sums;

ALWAYS_INLINE sums start(sotto_panel_kind kind, act_layout act, sums s, const uint8_t *block,
                         int part) {
  if (part) return s;
  v128_t zero = wasm_i32x4_const_splat(0);
  return (sums){{kind.offset == 0 ? zero : correction(act, block, kind.offset), zero}};
}

ALWAYS_INLINE sums dot_low(sotto_panel_kind kind, act_layout act, sums s, weights w,
                           const v128_t x[2]) {
  (void)kind;
  for (int p = 0; p < act.words; p++) {
    s.word[p] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(x[p], w.v[0], s.word[p]);
  }
  return s;
}
#define dot_high dot_low

ALWAYS_INLINE sums flush(sotto_panel_kind kind, act_layout act, sums s, int part) {
  (void)kind, (void)act, (void)part;
  return s;
}
ALWAYS_INLINE int flush_after(sotto_panel_kind kind) {
  (void)kind;
  return 1;
}

ALWAYS_INLINE v128_t total(sotto_panel_kind kind, act_layout act, sums s, const uint8_t *block,
                           int part) {
  (void)kind, (void)block, (void)part;
  return act.words == 1 ? s.word[0] : wasm_i32x4_add(s.word[0], wasm_i32x4_shl(s.word[1], 8));
}

ALWAYS_INLINE v128_t total_of_halves(sotto_panel_kind kind, act_layout act, sums s,
                                     const v128_t *sub, const uint8_t *block) {
  (void)kind, (void)act, (void)sub, (void)block; /* bytes have one scale for both */
  return s.word[0];
}

ALWAYS_INLINE int n_groups(sotto_panel_kind kind, act_layout act) {
  (void)kind;
  return act.words == 1 ? 2 : 1;
}

ALWAYS_INLINE bool has_splats(sotto_panel_kind kind, act_layout act) {
  (void)kind, (void)act;
  return false;
}

#include "kernels/simd128/gemm_quant.inc.h"

static const sotto_panel_kind u8_kind = {8, 128, false, SOTTO_PANEL_WHOLE};
ALWAYS_INLINE sotto_tile_layout u8_layout(sotto_tile_layout layout) {
  layout.panel = u8_kind;
  return layout;
}

MULTIPLY_BOTH(u8, u8_kind, int8s_broadcast)
MULTIPLY_BOTH(s8, sotto_panel_Q8_0, int8s_broadcast)
#define T(NAME, ...)
#define T_BYTES(NAME, ...)                                                                         \
  UNPACK_AND_GEMV(NAME##_u8, u8_layout(sotto_tile_##NAME), int8s_broadcast)                        \
  UNPACK_AND_GEMV(NAME##_s8, sotto_tile_##NAME, int8s_broadcast)                                   \
  void sotto_gemm_##NAME##__relaxed_u8(const sotto_gemm *g) {                                      \
    GEMM_NARROW_OR_WIDE(g, NAME##_u8, u8, sotto_tile_##NAME, u8_kind, int8s_broadcast);            \
  }                                                                                                \
  void sotto_gemm_##NAME##__relaxed_s8(const sotto_gemm *g) {                                      \
    GEMM_NARROW_OR_WIDE(g, NAME##_s8, s8, sotto_tile_##NAME, sotto_panel_Q8_0, int8s_broadcast);   \
  }
#include "kernels/tiles.def"
#undef T
#undef T_BYTES
