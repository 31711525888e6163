/* Quantised GEMM with strict instructions: quants widen to int16 by masks and shifts, and
 * i32x4.dot_i16x8_s adds pairs. Activations: int16, narrow or wide; of four values the first word
 * has 0 and 2, the second 1 and 3. All that is 16 bits are they and the quants, every product and
 * sum has 32. */
#include <string.h>

#include "kernels/simd128/act.h"
#include "kernels/simd128/simd128.h"
#include "kernels/tile.h"

static const act_layout int16s = {.lanes = 4, .words = 2};

/* int16 lane 2 * r + i: weights 0 and 2, weights 1 and 3 of row r. */
typedef struct weights {
  v128_t v[2]; /* even, odd */
} weights;

ALWAYS_INLINE int n_vectors(sotto_panel_kind kind) {
  (void)kind;
  return 2;
}

typedef struct masks {
  v128_t byte;
} masks;

ALWAYS_INLINE masks hold_masks(void) {
  return (masks){held(0x00FF00FF)};
}

/* Where second halves' quants stay too far left, that saves a shift for each vector of them:
 * sums have room. */
ALWAYS_INLINE int second_shift(sotto_panel_kind kind) {
  return kind.bits == 2 ? 2 : kind.bits == 3 ? 4 : 0;
}

#define PREPARES_BYTES false
#define N_SUB_SCALES   1
#define takes_index(k) false
#define look_up        wasm_i8x16_swizzle

/* Values of eight bits, for one token: 128 more, they need one shift less. */
ALWAYS_INLINE sotto_tile_layout without_signs(sotto_tile_layout layout) {
  if (layout.values && layout.panel.bits == 8) layout.panel.offset = 128;
  return layout;
}

ALWAYS_INLINE weights prepare(sotto_panel_kind kind, v128_t q, masks m) {
  if (kind.bits == 8 && kind.offset == 0)
    return (weights){{wasm_i16x8_shr(wasm_i16x8_shl(q, 8), 8), wasm_i16x8_shr(q, 8)}};
  return (weights){{wasm_v128_and(q, m.byte), wasm_u16x8_shr(q, 8)}};
}

typedef struct sums {
  v128_t half[2]; /* the second: where it has a scale of its own */
} sums;

ALWAYS_INLINE sums start(sotto_panel_kind kind, act_layout act, sums s, const uint8_t *block,
                         int part) {
  if (kind.offset == 0)
    s.half[part] = wasm_i32x4_const_splat(0);
  else if (kind.scales != SOTTO_PANEL_WHOLE)
    s.half[part] =
        half_correction(act, block, kind.offset << (part ? second_shift(kind) : 0), part);
  else if (part == 0)
    s.half[0] = correction(act, block, kind.offset);
  return s;
}

ALWAYS_INLINE v128_t add_dot(v128_t sum, weights w, const v128_t x[2]) {
  sum = wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(w.v[0], x[0]));
  return wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(w.v[1], x[1]));
}

ALWAYS_INLINE sums dot_low(sotto_panel_kind kind, act_layout act, sums s, weights w,
                           const v128_t x[2]) {
  (void)kind, (void)act;
  s.half[0] = add_dot(s.half[0], w, x);
  return s;
}

ALWAYS_INLINE sums dot_high(sotto_panel_kind kind, act_layout act, sums s, weights w,
                            const v128_t x[2]) {
  (void)act;
  const int half = kind.scales == SOTTO_PANEL_WHOLE ? 0 : 1;
  s.half[half] = add_dot(s.half[half], w, x);
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

ALWAYS_INLINE v128_t total(sotto_panel_kind kind, act_layout act, sums s, const uint8_t *block,
                           int part) {
  (void)kind, (void)act, (void)block;
  return s.half[part];
}

ALWAYS_INLINE v128_t total_of_halves(sotto_panel_kind kind, act_layout act, sums s,
                                     const v128_t *sub, const uint8_t *block) {
  (void)act, (void)block;
  return times_pairs(s.half[0], s.half[1], second_shift(kind), sub[0]);
}

ALWAYS_INLINE int n_groups(sotto_panel_kind kind, act_layout act) {
  (void)kind, (void)act;
  return 2;
}

ALWAYS_INLINE bool has_splats(sotto_panel_kind kind, act_layout act) {
  (void)kind, (void)act;
  return false;
}

#include "kernels/simd128/gemm_quant.inc.h"

#define P(NAME, ...) MULTIPLY(NAME, sotto_panel_##NAME, int16s)
#include "kernels/panels.def"
#undef P
#define T(NAME, PANEL, ...)                                                                        \
  UNPACK(NAME, sotto_tile_##NAME)                                                                  \
  GEMV(NAME, without_signs(sotto_tile_##NAME), int16s)                                             \
  void sotto_gemm_##NAME##__simd128(const sotto_gemm *g) {                                         \
    GEMM(g, NAME, PANEL, sotto_tile_##NAME, sotto_panel_##PANEL, int16s, );                        \
  }
#include "kernels/tiles.def"
#undef T

ALWAYS_INLINE void to_words(act_layout layout, const v128_t v[8], v128_t words[2][2]) {
  (void)layout;
  for (int part = 0; part < 2; part++) {
    v128_t low = wasm_i16x8_narrow_i32x4(v[4 * part], v[4 * part + 1]);
    v128_t high = wasm_i16x8_narrow_i32x4(v[4 * part + 2], v[4 * part + 3]);
    words[0][part] = wasm_i16x8_shuffle(low, high, 0, 2, 4, 6, 8, 10, 12, 14);
    words[1][part] = wasm_i16x8_shuffle(low, high, 1, 3, 5, 7, 9, 11, 13, 15);
  }
}

#include "kernels/simd128/quantize_act.inc.h"

void sotto_quantize_act__simd128(const float *x, size_t k, const sotto_act *act, size_t token) {
  quantize_token(x, k, act, token, int16s);
}
