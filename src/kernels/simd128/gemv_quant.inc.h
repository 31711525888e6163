/* One token through the tiles of a quantised matrix, and what GEMM shares with that; see
 * gemm_quant.inc.h, which includes this. */
#include "kernels/simd128/act.h"
#include "kernels/simd128/unpack_quant.inc.h"

/* One block's sums, times its scales, are added to acc: see kernels.h. */
ALWAYS_INLINE v128_t add_block(sotto_tile_layout layout, v128_t acc, sums s, block_scales c,
                               const uint8_t *first, int planes) {
  v128_t scale = wasm_v128_load(first + 16);
  v128_t i = wasm_f32x4_convert_i32x4(total(layout, s, first, planes, 0));
  if (layout.halves) {
    v128_t high = wasm_f32x4_convert_i32x4(total(layout, s, first, planes, 1));
    return mul_add(acc, mul_add(wasm_f32x4_mul(i, c.d[0]), high, c.d[1]), scale);
  }
  acc = mul_add(acc, i, wasm_f32x4_mul(c.d[0], scale));
  return layout.has_min ? mul_add(acc, c.m, wasm_v128_load(first + 32)) : acc;
}

/* The sums of a block, for each half of the tile. */
ALWAYS_INLINE void gemv_block(sotto_tile_layout layout, act_layout act, const uint8_t *quants,
                              const uint8_t *x, quant_masks quant_masks, masks masks, sums s[2]) {
  const int at_once = layout.bits == 6 ? 2 : 1; /* what a vector of rest is for */
  v128_t rest[2];
  for (int h = 0; h < 2; h++) {
    if (layout.bits == 5) rest[h] = load_rest(layout, quants + 16 * h, 0);
    s[h] = start(layout, s[h], x + act_quant_bytes(act), 0);
    s[h] = start(layout, s[h], x + act_quant_bytes(act), 1);
  }
/* Rolled up, engines keep all operands in registers: they load all that a straight stretch of code
 * needs at its beginning. */
#pragma clang loop unroll(disable)
  for (int i = 0; i < 4; i += at_once) {
    for (int h = 0; h < 2 && layout.bits != 5; h++) rest[h] = load_rest(layout, quants + 16 * h, i);
    for (int j = i; j < i + at_once; j++) {
      weights low[2], high[2];
      for (int h = 0; h < 2; h++) {
        v128_t shared = wasm_v128_load(quants + 32 * j + 16 * h);
        low[h] = prepare(layout, unpack(layout, shared, 0, quant_masks, NULL), masks);
        high[h] = prepare(layout, unpack(layout, shared, 1, quant_masks, &rest[h]), masks);
      }
      for (int h = 0; h < 2; h++)
        s[h] = dot_low(layout, s[h], low[h], x + act.group_bytes * j, act);
      for (int h = 0; h < 2; h++)
        s[h] = dot_high(layout, s[h], high[h], x + act.group_bytes * (j + 4), act);
    }
    for (int h = 0; h < 2; h++)
      s[h] = flush(layout, flush(layout, s[h], act.planes, 0), act.planes, 1);
  }
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
  for (size_t b = 0; b < g->k / SOTTO_ACT_BLOCK; b += (size_t)layout.blocks) {
    uint8_t bytes[128];
    const uint8_t *sub = unpack_sub_scales(layout, tile, bytes), *quants = tile + layout.quants;
    tile_scales scales[2];
    for (int h = 0; h < 2 && layout.blocks > 1; h++) scales[h] = load_scales(layout, tile, h, f16);
#pragma clang loop unroll(disable)
    for (int i = 0; i < layout.blocks; i++) {
      sums s[2];
      gemv_block(layout, act, quants, x, quant_masks, held_masks, s);
      for (int h = 0; h < 2; h++) {
        if (layout.blocks == 1) scales[h] = load_scales(layout, tile, h, f16);
        block_scales c = scales_of(layout, scales[h], sub, i, h);
        acc[h] = add_block(layout, acc[h], s[h], c, x + rest, act.planes);
      }
      quants += layout.block_bytes;
      x += act_block_bytes(act);
    }
    tile += layout.bytes;
  }
  for (size_t h = 0; h < 2 && row + 4 * h < g->row1; h++)
    store_rows(g->y + token * g->y_stride + row + 4 * h, g->row1 - row - 4 * h, acc[h]);
}
