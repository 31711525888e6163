/* Quantised GEMM by i32x4.relaxed_dot_i8x16_i7x16_add. What is relaxed is how a second operand with
 * bit 7 set counts, and whether pairs of products saturate int16: neither can happen here. The first
 * operand holds activations (-128..127), the second quants of 0..31, or of Q8_0 the low seven bits
 * and the sign bit (w = low - 128 * sign), so that |pairs| <= 2 * 128 * 127.
 * Activations: int8 in plain order. Wide ones are two such planes a block, low then high, with
 * q = low + 256 * high, high = (q + 128) >> 8 in -127..127, low in -128..127. */
#include <string.h>

#include "kernels/relaxed/relaxed.h"
#include "kernels/simd128/simd.h"
#include "kernels/tile.h"

#define GROUP_BYTES 4
#define PLANE_BYTES 32

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

/* Of each plane of activations. */
typedef struct sums {
  v128_t low[2], sign[2];
} sums;

/* offset * sum of the activations is taken away first. */
ALWAYS_INLINE sums start(sotto_tile_layout layout, v128_t sum) {
  v128_t zero = wasm_i32x4_const_splat(0), first = zero;
  if (layout.offset != 0) first = wasm_i32x4_neg(wasm_i32x4_shl(sum, layout.offset == 8 ? 3 : 4));
  return (sums){{first, zero}, {zero, zero}};
}

ALWAYS_INLINE sums dot(sotto_tile_layout layout, sums s, weights w, const uint8_t *x, int planes) {
  for (int p = 0; p < planes; p++) {
    v128_t splat = wasm_v128_load32_splat(x + PLANE_BYTES * p);
    s.low[p] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(splat, w.low, s.low[p]);
    if (layout.quant_bytes == 128)
      s.sign[p] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(splat, w.sign, s.sign[p]);
  }
  return s;
}

ALWAYS_INLINE v128_t total(sotto_tile_layout layout, sums s, int planes) {
  v128_t sum = s.low[0];
  if (planes == 2) sum = wasm_i32x4_add(sum, wasm_i32x4_shl(s.low[1], 8));
  if (layout.quant_bytes == 64) return sum;
  v128_t sign = s.sign[0];
  if (planes == 2) sign = wasm_i32x4_add(sign, wasm_i32x4_shl(s.sign[1], 8));
  return wasm_i32x4_sub(sum, wasm_i32x4_shl(sign, 7));
}

/* 32 int16 that fit int8. */
ALWAYS_INLINE void store_plane(uint8_t *q, const v128_t v[4]) {
  for (int i = 0; i < 2; i++)
    wasm_v128_store(q + 16 * i, wasm_i8x16_narrow_i16x8(v[2 * i], v[2 * i + 1]));
}

ALWAYS_INLINE void store_quants(uint8_t *q, const v128_t v[8], int planes) {
  v128_t low[4], high[4];
  for (int i = 0; i < 4; i++) {
    low[i] = wasm_i16x8_narrow_i32x4(v[2 * i], v[2 * i + 1]);
    high[i] = wasm_i16x8_shr(wasm_i16x8_add(low[i], wasm_i16x8_const_splat(128)), 8);
    if (planes == 2) low[i] = wasm_i16x8_shr(wasm_i16x8_shl(low[i], 8), 8);
  }
  store_plane(q, low);
  if (planes == 2) store_plane(q + PLANE_BYTES, high);
}

#include "kernels/simd128/gemm_quant.inc.h"

/* Q8_0 with wide activations would take four relaxed dots where two strict ones do: the planes are
 * put together again and the SIMD128 kernel runs, as long as the result fits on the stack. */
enum { MAX_INT16 = 16384 };

static void restore_int16(const uint8_t *planes, size_t n, int16_t *q) {
  for (size_t i = 0; i < n; i += 16, q += 16) {
    const uint8_t *x = planes + i / 32 * (2 * PLANE_BYTES) + i % 32;
    v128_t low = wasm_v128_load(x), high = wasm_v128_load(x + PLANE_BYTES);
    v128_t first = wasm_i16x8_shl(wasm_i16x8_extend_low_i8x16(high), 8);
    v128_t last = wasm_i16x8_shl(wasm_i16x8_extend_high_i8x16(high), 8);
    first = wasm_i16x8_add(first, wasm_i16x8_extend_low_i8x16(low));
    last = wasm_i16x8_add(last, wasm_i16x8_extend_high_i8x16(low));
    wasm_v128_store(q, act_order(first));
    wasm_v128_store(q + 8, act_order(last));
  }
}

/* False where not even a tile's tokens fit. */
static bool gemm_int16(const sotto_gemm *g) {
  int16_t q[MAX_INT16];
  size_t max_tokens = MAX_INT16 / g->k;
  if (max_tokens < g->n_tokens) max_tokens = max_tokens / 4 * 4;
  if (max_tokens == 0) return false;
  for (size_t t = 0; t < g->n_tokens; t += max_tokens) {
    size_t n_tokens = g->n_tokens - t < max_tokens ? g->n_tokens - t : max_tokens;
    size_t block = t * (g->k / SOTTO_ACT_BLOCK);
    restore_int16((const uint8_t *)g->act->q + t * g->k * 2, n_tokens * g->k, q);
    sotto_act act = {q, g->act->scale + block, g->act->sum + block, true};
    sotto_gemm part = *g;
    part.y += t * g->y_stride;
    part.act = &act;
    part.n_tokens = n_tokens;
    sotto_gemm_Q8_0__simd128(&part);
  }
  return true;
}

ALWAYS_INLINE void gemm_narrow_or_wide(const sotto_gemm *g, sotto_tile_layout layout) {
  if (!g->act->wide)
    gemm(g, layout, 1);
  else if (layout.quant_bytes != 128 || !gemm_int16(g))
    gemm(g, layout, 2);
}

#define T(NAME, offset, has_min, has_high, quant_bytes)                                            \
  void sotto_gemm_##NAME##__relaxed(const sotto_gemm *g) {                                         \
    gemm_narrow_or_wide(g, sotto_tile_##NAME);                                                     \
  }
#include "kernels/tiles.def"
#undef T

void sotto_quantize_act__relaxed(const float *x, size_t k, const sotto_act *act, size_t token) {
  if (act->wide)
    quantize(x, k, act, token, 2);
  else
    quantize(x, k, act, token, 1);
}
