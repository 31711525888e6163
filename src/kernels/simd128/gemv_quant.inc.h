/* One token through the tiles of a quantised matrix, and what GEMM shares with that; see
 * gemm_quant.inc.h, which includes this. */
#include "kernels/simd128/act.h"
#include "kernels/tile.h"

typedef struct quant_masks {
  v128_t low, top, rest;
} quant_masks;

ALWAYS_INLINE quant_masks hold_quant_masks(sotto_tile_layout layout) {
  const uint32_t each = 0x01010101, low = (1u << layout.bits) - 1;
  const uint32_t rest = (1u << sotto_tile_rest_bits(layout.bits)) - 1;
  v128_t held_low = held(each * low);
  if (layout.bits == 4 || layout.bits == 8) return (quant_masks){held_low, held_low, held_low};
  return (quant_masks){held_low, held(each * (low - rest)), held(each * rest)};
}

/* Half a tile's bytes of rest for quants from group j on. */
ALWAYS_INLINE v128_t load_rest(sotto_tile_layout layout, const uint8_t *quants, int j) {
  const uint8_t *rest = quants + SOTTO_TILE_SHARED;
  if (layout.bits == 4) return wasm_i32x4_const_splat(0);
  return wasm_v128_load(layout.bits == 8 ? rest + 32 * j : layout.bits == 6 ? rest + 16 * j : rest);
}

/* For how many groups those are. */
ALWAYS_INLINE int groups_of_rest(sotto_tile_layout layout) {
  return layout.bits == 8 ? 1 : layout.bits == 6 ? 2 : 4;
}

/* 16 quants of half a tile, for k = 4 * j … (part 0) or k = 16 + 4 * j … (part 1, a constant), which
 * moves on in the rest. */
ALWAYS_INLINE v128_t unpack(sotto_tile_layout layout, v128_t shared, int part, quant_masks m,
                            v128_t *rest) {
  if (layout.bits == 8) return part ? *rest : shared;
  if (part == 0) return wasm_v128_and(shared, m.low);
  v128_t top = wasm_v128_and(wasm_u16x8_shr(shared, 8 - (uint32_t)layout.bits % 8), m.top);
  if (layout.bits == 4) return top;
  top = wasm_v128_or(top, wasm_v128_and(*rest, m.rest));
  *rest = wasm_u16x8_shr(*rest, (uint32_t)sotto_tile_rest_bits(layout.bits));
  return top;
}

/* One block's sums, times its scales, are added to acc: see kernels.h. */
ALWAYS_INLINE v128_t add_block(sotto_tile_layout layout, v128_t acc, sums s, v128_t d, v128_t m,
                               const uint8_t *first, int planes) {
  v128_t i = wasm_f32x4_convert_i32x4(total(layout, s, first, planes));
  acc = mul_add(acc, i, wasm_f32x4_mul(d, wasm_v128_load(first + 16)));
  return layout.has_min ? mul_add(acc, m, wasm_v128_load(first + 32)) : acc;
}

/* y[row …] = tile row · x, one token. */
ALWAYS_INLINE void gemv_tiles(const sotto_gemm *g, sotto_tile_layout layout, act_layout act,
                              const uint8_t *tile, size_t token, size_t row) {
  const quant_masks quant_masks = hold_quant_masks(layout);
  const f16_constants f16 = hold_f16();
  const masks held_masks = hold_masks();
  const int rest = act_quant_bytes(act);
  const uint8_t *x = act_group(g->act, g->k, token);
  v128_t acc[2] = {wasm_f32x4_const_splat(0.0f), wasm_f32x4_const_splat(0.0f)};
  for (size_t b = 0; b < g->k / SOTTO_ACT_BLOCK; b++, tile += layout.bytes) {
    const uint8_t *quants = tile + layout.quants;
    v128_t quant_rest[2];
    sums s[2];
    for (int h = 0; h < 2; h++) {
      if (layout.bits == 5) quant_rest[h] = load_rest(layout, quants + 16 * h, 0);
      s[h] = start(layout, x + rest);
    }
/* Rolled up, engines keep all operands in registers: they load all that a straight stretch of code
 * needs at its beginning. */
#pragma clang loop unroll(disable)
    for (int j = 0; j < 4; j++) {
      weights low[2], high[2];
      for (int h = 0; h < 2; h++) {
        if (layout.bits != 5) quant_rest[h] = load_rest(layout, quants + 16 * h, j);
        v128_t shared = wasm_v128_load(quants + 32 * j + 16 * h);
        low[h] = prepare(layout, unpack(layout, shared, 0, quant_masks, NULL), held_masks);
        high[h] =
            prepare(layout, unpack(layout, shared, 1, quant_masks, &quant_rest[h]), held_masks);
      }
      for (int h = 0; h < 2; h++)
        s[h] = dot_low(layout, s[h], low[h], x + act.group_bytes * j, act);
      for (int h = 0; h < 2; h++)
        s[h] = dot_high(layout, s[h], high[h], x + act.group_bytes * (j + 4), act);
    }
    for (int h = 0; h < 2; h++) {
      v128_t m = layout.has_min ? load_f16(tile + layout.min + 8 * h, f16) : acc[h];
      acc[h] =
          add_block(layout, acc[h], s[h], load_f16(tile + 8 * h, f16), m, x + rest, act.planes);
    }
    x += act_block_bytes(act);
  }
  for (size_t h = 0; h < 2 && row + 4 * h < g->row1; h++)
    store_rows(g->y + token * g->y_stride + row + 4 * h, g->row1 - row - 4 * h, acc[h]);
}
