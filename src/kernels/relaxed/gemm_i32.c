/* Quantised GEMM by i32x4.relaxed_dot_i8x16_i7x16_add. The first operand holds activations
 * (-128..127), the second quants of 0..63, or of Q8_0 the low seven bits and the sign bit
 * (w = low - 128 * sign), so that no pair of products leaves int16. */
#include <string.h>

#include "kernels/relaxed/relaxed.h"
#include "kernels/tile.h"

typedef struct weights {
  v128_t v[2]; /* low bits and, Q8_0 only, signs */
} weights;

ALWAYS_INLINE int n_vectors(sotto_panel_kind kind) {
  return kind.bits < 8 ? 1 : 2;
}

typedef struct masks {
  v128_t low, sign;
} masks;

ALWAYS_INLINE masks hold_masks(void) {
  return (masks){held(0x7F7F7F7F), held(0x01010101)};
}

/* Where second halves' quants stay too far left, that saves a shift for each vector of them:
 * 16 * 7 fit seven bits. */
ALWAYS_INLINE int second_shift(sotto_panel_kind kind) {
  return kind.bits == 2 ? 2 : kind.bits == 3 ? 4 : 0;
}

#define N_SUB_SCALES   1
#define takes_index(k) false

ALWAYS_INLINE weights prepare(sotto_panel_kind kind, v128_t q, masks m) {
  if (kind.bits < 8) return (weights){{q}};
  return (weights){{wasm_v128_and(q, m.low), wasm_v128_and(wasm_u16x8_shr(q, 7), m.sign)}};
}

/* Of each word of four activations. */
typedef struct sums {
  v128_t low[2], sign[2]; /* Q8_0 */
  v128_t high[2];         /* the second half, where it has a scale of its own */
} sums;

ALWAYS_INLINE sums start(sotto_panel_kind kind, act_layout act, sums s, const uint8_t *block,
                         int part) {
  v128_t zero = wasm_i32x4_const_splat(0), *half = part ? s.high : s.low;
  if (part == 0) s = (sums){{zero, zero}, {zero, zero}, {zero, zero}};
  if (kind.offset == 0) return s;
  if (kind.scales == SOTTO_PANEL_INTEGERS) {
    if (act.words == 1) return s; /* total_of_halves() */
    word_corrections(act, block, kind.offset, part, half);
    for (int p = 0; part && p < act.words; p++)
      half[p] = wasm_i32x4_shl(half[p], (uint32_t)second_shift(kind));
  } else if (kind.scales == SOTTO_PANEL_HALVES) {
    half[0] = half_correction(act, block, kind.offset, part);
  } else if (part == 0) {
    s.low[0] = correction(act, block, kind.offset);
  }
  return s;
}

ALWAYS_INLINE sums dot_low(sotto_panel_kind kind, act_layout act, sums s, weights w,
                           const v128_t x[2]) {
  for (int p = 0; p < act.words; p++) {
    s.low[p] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(x[p], w.v[0], s.low[p]);
    if (kind.bits == 8) s.sign[p] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(x[p], w.v[1], s.sign[p]);
  }
  return s;
}

ALWAYS_INLINE sums dot_high(sotto_panel_kind kind, act_layout act, sums s, weights w,
                            const v128_t x[2]) {
  if (kind.scales == SOTTO_PANEL_WHOLE) return dot_low(kind, act, s, w, x);
  for (int p = 0; p < act.words; p++) {
    s.high[p] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(x[p], w.v[0], s.high[p]);
  }
  return s;
}

ALWAYS_INLINE sums flush(sotto_panel_kind kind, act_layout act, sums s, int part) {
  (void)kind, (void)act, (void)part;
  return s;
}
ALWAYS_INLINE int flush_after(sotto_panel_kind kind) {
  (void)kind;
  return 1;
}

ALWAYS_INLINE v128_t of_words(act_layout act, const v128_t sum[2]) {
  return act.words == 1 ? sum[0] : wasm_i32x4_add(sum[0], wasm_i32x4_shl(sum[1], 8));
}

ALWAYS_INLINE v128_t total(sotto_panel_kind kind, act_layout act, sums s, const uint8_t *block,
                           int part) {
  (void)block;
  v128_t sum = of_words(act, part ? s.high : s.low);
  if (kind.bits < 8) return sum;
  return wasm_i32x4_sub(sum, wasm_i32x4_shl(of_words(act, s.sign), 7));
}

ALWAYS_INLINE v128_t total_of_halves(sotto_panel_kind kind, act_layout act, sums s,
                                     const v128_t *sub, const uint8_t *block) {
  v128_t sum[2]; /* of words, with corrections: 16 * 7 * 128 + 4 * 16 * 127 < 2^15 */
  for (int p = 0; p < act.words; p++) {
    sum[p] = pairs_of(s.low[p], s.high[p], second_shift(kind));
    if (kind.offset && act.words == 1)
      sum[p] = wasm_i16x8_add(sum[p], pair_correction(act, block, kind.offset));
    sum[p] = wasm_i32x4_dot_i16x8(sum[p], sub[0]);
  }
  return of_words(act, sum);
}

ALWAYS_INLINE int n_groups(sotto_panel_kind kind, act_layout act) {
  return act.words == 1 && kind.bits < 8 && !(kind.has_min && kind.bits == 2) ? 2 : 1;
}

ALWAYS_INLINE bool has_splats(sotto_panel_kind kind, act_layout act) {
  (void)kind, (void)act;
  return false;
}

#include "kernels/simd128/gemm_quant.inc.h"

#define P(NAME, ...) MULTIPLY_BOTH(NAME, sotto_panel_##NAME, int8s_broadcast)
#include "kernels/panels.def"
#undef P
#define T(NAME, PANEL, ...)                                                                        \
  UNPACK_AND_GEMV(NAME, sotto_tile_##NAME, int8s_broadcast)                                        \
  void sotto_gemm_##NAME##__relaxed_i32(const sotto_gemm *g) {                                     \
    GEMM_NARROW_OR_WIDE(g, NAME, PANEL, sotto_tile_##NAME, sotto_panel_##PANEL, int8s_broadcast);  \
  }
#include "kernels/tiles.def"
#undef T
