/* Quantised GEMM by i16x8.relaxed_dot_i8x16_i7x16: pairs of products are summed in int16 and
 * widened once a block. The first operand holds activations (-128..127), the second quants of
 * 0..63, or of Q8_0 the two nibbles of w + 128. In int16 fit eight dots of quants up to 15 (8 * 2 *
 * 128 * 15), four up to 31 (4 * 2 * 128 * 31), two up to 63 (2 * 2 * 128 * 63): five-bit quants
 * have a sum for each half of a block, six-bit ones are widened after every two.
 * IQ4's values plus 128 are 15 times their index and 1 to 19: of one narrow token that is one
 * look-up and two dots. */
#include <string.h>

#include "kernels/relaxed/relaxed.h"
#include "kernels/tile.h"

typedef struct weights {
  v128_t v[2]; /* low and, Q8_0 only, high nibbles; or what is left of values, and indices */
} weights;

ALWAYS_INLINE int n_vectors(sotto_panel_kind kind) {
  return kind.bits < 8 ? 1 : 2;
}

typedef struct masks {
  v128_t nibble, sign;
} masks;

ALWAYS_INLINE masks hold_masks(void) {
  return (masks){held(0x0F0F0F0F), held(0x80808080)};
}

/* IQ4 for one token: indices and what is left. */
static const sotto_panel_kind indexed_kind = {5, 128, false, SOTTO_PANEL_WHOLE};
ALWAYS_INLINE bool takes_index(sotto_panel_kind kind) {
  return kind.bits == indexed_kind.bits && kind.offset == indexed_kind.offset;
}
ALWAYS_INLINE sotto_tile_layout indexed(sotto_tile_layout layout) {
  if (layout.values && layout.panel.bits == 8) layout.panel = indexed_kind;
  return layout;
}

/* Where second halves' quants stay too far left, that saves a shift for each vector of them:
 * four dots of 4 * 3 fit int16. */
ALWAYS_INLINE int second_shift(sotto_panel_kind kind) {
  return kind.bits == 2 ? 2 : 0;
}

#define N_SUB_SCALES 2

ALWAYS_INLINE weights prepare(sotto_panel_kind kind, v128_t q, masks m) {
  if (takes_index(kind)) {
    return (weights){{wasm_i8x16_sub(q, wasm_u8x16_const(0, 15, 30, 45, 60, 75, 90, 105, 120, 135,
                                                         150, 165, 180, 195, 210, 225))}};
  }
  if (kind.bits < 8) return (weights){{q}};
  q = wasm_v128_xor(q, m.sign);
  return (weights){{wasm_v128_and(q, m.nibble), wasm_v128_and(wasm_u16x8_shr(q, 4), m.nibble)}};
}

/* Of each word of four activations: the first and the second half of a block (five and six bits),
 * the nibbles (Q8_0), or one sum. */
typedef struct sums {
  v128_t low[2], high[2];
  v128_t index;      /* of one word */
  v128_t wide[2][2]; /* six bits: int32, by half and word */
} sums;

/* The offset's part of half a block in sums of int16, of which that has the first. A sum is below
 * 4 * 16 * 127 without its dots, of at most 4 * 2 * 128 * 7. */
ALWAYS_INLINE sums correct(sotto_panel_kind kind, act_layout act, sums s, const uint8_t *block,
                           int part) {
  v128_t *narrow = part ? s.high : s.low;
  if (act.words == 1) { /* either of two int16 */
    narrow[0] = wasm_v128_and(pair_correction(act, block, kind.offset),
                              wasm_u32x4_splat(part ? 0xFFFF0000 : 0xFFFF));
    return s;
  }
  word_corrections(act, block, kind.offset, part, narrow);
  for (int p = 0; p < act.words; p++)
    narrow[p] = wasm_v128_and(narrow[p], wasm_u32x4_const_splat(0xFFFF));
  return s;
}

ALWAYS_INLINE sums start(sotto_panel_kind kind, act_layout act, sums s, const uint8_t *block,
                         int part) {
  v128_t zero = wasm_i32x4_const_splat(0);
  if (part == 0) s.low[0] = s.low[1] = s.high[0] = s.high[1] = s.index = zero;
  if (kind.scales == SOTTO_PANEL_INTEGERS && kind.offset) return correct(kind, act, s, block, part);
  if (kind.scales != SOTTO_PANEL_HALVES) return s;
  s.wide[part][0] = half_correction(act, block, kind.offset, part);
  s.wide[part][1] = zero;
  return s;
}

ALWAYS_INLINE sums dot_index(sotto_panel_kind kind, sums s, weights w, v128_t x) {
  if (takes_index(kind))
    s.index = wasm_i16x8_add(s.index, wasm_i16x8_relaxed_dot_i8x16_i7x16(x, w.v[1]));
  return s;
}

ALWAYS_INLINE sums dot_low(sotto_panel_kind kind, act_layout act, sums s, weights w,
                           const v128_t x[2]) {
  for (int p = 0; p < act.words; p++) {
    s.low[p] = wasm_i16x8_add(s.low[p], wasm_i16x8_relaxed_dot_i8x16_i7x16(x[p], w.v[0]));
    if (kind.bits == 8)
      s.high[p] = wasm_i16x8_add(s.high[p], wasm_i16x8_relaxed_dot_i8x16_i7x16(x[p], w.v[1]));
  }
  return dot_index(kind, s, w, x[0]);
}

ALWAYS_INLINE sums dot_high(sotto_panel_kind kind, act_layout act, sums s, weights w,
                            const v128_t x[2]) {
  if (kind.bits == 4 || kind.bits == 8) return dot_low(kind, act, s, w, x);
  for (int p = 0; p < act.words; p++)
    s.high[p] = wasm_i16x8_add(s.high[p], wasm_i16x8_relaxed_dot_i8x16_i7x16(x[p], w.v[0]));
  return dot_index(kind, s, w, x[0]);
}

ALWAYS_INLINE sums flush(sotto_panel_kind kind, act_layout act, sums s, int part) {
  for (int p = 0; p < act.words && kind.bits == 6; p++) {
    v128_t *narrow = part ? &s.high[p] : &s.low[p];
    s.wide[part][p] = wasm_i32x4_add(s.wide[part][p], wasm_i32x4_extadd_pairwise_i16x8(*narrow));
    *narrow = wasm_i32x4_const_splat(0);
  }
  return s;
}
ALWAYS_INLINE int flush_after(sotto_panel_kind kind) {
  return kind.bits == 6 ? 2 : 1;
}

ALWAYS_INLINE v128_t total(sotto_panel_kind kind, act_layout act, sums s, const uint8_t *block,
                           int part) {
  const int offset = kind.bits == 8 ? 128 : kind.offset;
  v128_t sum[2];
  for (int p = 0; p < act.words; p++) {
    if (kind.bits == 6) {
      sum[p] = s.wide[part][p];
      continue;
    }
    sum[p] = wasm_i32x4_extadd_pairwise_i16x8(s.low[p]);
    v128_t high = wasm_i32x4_extadd_pairwise_i16x8(s.high[p]);
    if (kind.bits == 8) high = wasm_i32x4_shl(high, 4);
    if (kind.bits != 4) sum[p] = wasm_i32x4_add(sum[p], high);
  }
  if (takes_index(kind))
    sum[0] = wasm_i32x4_add(sum[0], wasm_i32x4_dot_i16x8(s.index, wasm_i16x8_const_splat(15)));
  if (act.words == 2) sum[0] = wasm_i32x4_add(sum[0], wasm_i32x4_shl(sum[1], 8));
  if (offset == 0 || kind.scales == SOTTO_PANEL_HALVES) return sum[0];
  return wasm_i32x4_add(sum[0], correction(act, block, offset));
}

ALWAYS_INLINE v128_t total_of_halves(sotto_panel_kind kind, act_layout act, sums s,
                                     const v128_t *sub, const uint8_t *block) {
  (void)block;
  v128_t sum[2];
  for (int p = 0; p < act.words; p++) {
    v128_t high = wasm_i16x8_shr(s.high[p], (uint32_t)second_shift(kind));
    sum[p] =
        wasm_i32x4_add(wasm_i32x4_dot_i16x8(s.low[p], sub[0]), wasm_i32x4_dot_i16x8(high, sub[1]));
  }
  return act.words == 1 ? sum[0] : wasm_i32x4_add(sum[0], wasm_i32x4_shl(sum[1], 8));
}

ALWAYS_INLINE int n_groups(sotto_panel_kind kind, act_layout act) {
  return act.words == 1 && kind.bits == 4 ? 2 : 1;
}

ALWAYS_INLINE bool has_splats(sotto_panel_kind kind, act_layout act) {
  return act.words == 1 && n_vectors(kind) == 1;
}

#include "kernels/simd128/gemm_quant.inc.h"

#define P(NAME, ...) MULTIPLY_BOTH(NAME, sotto_panel_##NAME, int8s)
#include "kernels/panels.def"
#undef P
#define T(NAME, PANEL, ...)                                                                        \
  UNPACK(NAME, sotto_tile_##NAME)                                                                  \
  GEMV(NAME##_narrow, indexed(sotto_tile_##NAME), int8s(1))                                        \
  GEMV(NAME##_wide, sotto_tile_##NAME, int8s(2))                                                   \
  void sotto_gemm_##NAME##__relaxed_i16(const sotto_gemm *g) {                                     \
    GEMM_NARROW_OR_WIDE(g, NAME, PANEL, sotto_tile_##NAME, sotto_panel_##PANEL, int8s);            \
  }
#include "kernels/tiles.def"
#undef T
