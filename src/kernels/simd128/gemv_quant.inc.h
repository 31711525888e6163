/* One token through the tiles of a quantised matrix, and what GEMM shares with that; see
 * gemm_quant.inc.h, which includes this. */
#include "kernels/simd128/act.h"
#include "kernels/tile.h"

/* 16 quants of half a tile, for k = 4 * j … (part 0) or k = 16 + 4 * j … (part 1, a constant). fifth:
 * the fifth bits, shifted right by j. */
ALWAYS_INLINE v128_t unpack(sotto_tile_layout layout, const uint8_t *quants, int part,
                            v128_t nibble, v128_t fifth, v128_t bit) {
  if (layout.quant_bytes == 256) return wasm_v128_load(quants + 128 * part);
  v128_t q = wasm_v128_load(quants);
  q = wasm_v128_and(part ? wasm_u16x8_shr(q, 4) : q, nibble);
  if (!layout.has_high) return q;
  return wasm_v128_or(q, wasm_v128_and(part ? fifth : wasm_i16x8_shl(fifth, 4), bit));
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
  v128_t nibble = held(0x0F0F0F0F), bit = held(0x10101010);
  f16_constants f16 = hold_f16();
  masks held_masks = hold_masks();
  const int rest = act_quant_bytes(act);
  const uint8_t *x = act_group(g->act, g->k, token);
  v128_t acc[2] = {wasm_f32x4_const_splat(0.0f), wasm_f32x4_const_splat(0.0f)};
  for (size_t b = 0; b < g->k / SOTTO_ACT_BLOCK; b++, tile += layout.bytes) {
    v128_t fifth[2];
    sums s[2];
    for (int h = 0; h < 2; h++) {
      fifth[h] = layout.has_high ? wasm_v128_load(tile + layout.high + 16 * h) : nibble;
      s[h] = start(layout, x + rest);
    }
/* Rolled up, engines keep all operands in registers: they load all that a straight stretch of code
 * needs at its beginning. */
#pragma clang loop unroll(disable)
    for (int j = 0; j < 4; j++) {
      weights low[2], high[2];
      for (int h = 0; h < 2; h++) {
        const uint8_t *quants = tile + layout.quants + 32 * j + 16 * h;
        low[h] = prepare(layout, unpack(layout, quants, 0, nibble, fifth[h], bit), held_masks);
        high[h] = prepare(layout, unpack(layout, quants, 1, nibble, fifth[h], bit), held_masks);
        if (layout.has_high) fifth[h] = wasm_u16x8_shr(fifth[h], 1);
      }
      for (int h = 0; h < 2; h++)
        s[h] = dot_low(layout, s[h], low[h], x + act.group_bytes * j, act);
      for (int h = 0; h < 2; h++)
        s[h] = dot_high(layout, s[h], high[h], x + act.group_bytes * (j + 4), act);
    }
    for (int h = 0; h < 2; h++) {
      v128_t m = layout.has_min ? load_f16(tile + layout.min + 8 * h, f16) : nibble;
      acc[h] =
          add_block(layout, acc[h], s[h], load_f16(tile + 8 * h, f16), m, x + rest, act.planes);
    }
    x += act_block_bytes(act);
  }
  for (size_t h = 0; h < 2 && row + 4 * h < g->row1; h++)
    store_rows(g->y + token * g->y_stride + row + 4 * h, g->row1 - row - 4 * h, acc[h]);
}
