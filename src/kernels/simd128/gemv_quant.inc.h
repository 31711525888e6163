/* A quantised matrix times one token, and the parts of that which more tokens need as well.
 * gemm_quant.inc.h includes this. */
#include "kernels/simd128/act.h"
#include "kernels/simd128/streams.h"
#include "kernels/simd128/unpack_quant.inc.h"

/* p + step, which the compiler then does not know to be related to p: it would compute addresses
 * from a counter, one addition for each. */
ALWAYS_INLINE const uint8_t *next(const uint8_t *p, int step) {
  p += step;
  __asm__("" : "+r"(p));
  return p;
}

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

/* s[h] = the integer sums of a block for half h of the tile. */
ALWAYS_INLINE void gemv_block(sotto_tile_layout layout, act_layout act, const uint8_t *quants,
                              const uint8_t *x, quant_masks quant_masks, masks masks, sums s[2]) {
  const int at_once = layout.bits == 6 ? 2 : 1; /* groups that a vector of rest serves */
  const uint8_t *beyond = quants;               /* moves with the rest's bytes */
  v128_t rest[2];
  for (int h = 0; h < 2; h++) {
    if (layout.bits == 5) rest[h] = load_rest(layout, quants + 16 * h, 0);
    s[h] = start(layout, s[h], x + act_quant_bytes(act), 0);
    s[h] = start(layout, s[h], x + act_quant_bytes(act), 1);
  }
/* Kept as a loop: engines load everything that a straight stretch of code needs at its beginning,
 * and an unrolled one would need more registers than there are. */
#pragma clang loop unroll(disable)
  for (int i = 0; i < 4; i += at_once) {
    for (int h = 0; h < 2 && layout.bits != 5; h++) rest[h] = load_rest(layout, beyond + 16 * h, 0);
    for (int j = 0; j < at_once; j++) {
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
    quants = next(quants, 32 * at_once);
    beyond = next(beyond, 32);
    x = next(x, act.group_bytes * at_once);
    for (int h = 0; h < 2; h++)
      s[h] = flush(layout, flush(layout, s[h], act.planes, 0), act.planes, 1);
  }
}

/* Constants of a GEMV, held in registers. */
typedef struct gemv_held {
  quant_masks quants;
  f16_constants f16;
  masks masks;
} gemv_held;

/* sum += n tiles · x, half by half. */
ALWAYS_INLINE void add_tiles(sotto_tile_layout layout, act_layout act, const uint8_t *tile,
                             size_t n, const uint8_t *x, gemv_held held, v128_t sum[2]) {
  v128_t acc[2] = {sum[0], sum[1]};
  for (; n > 0; n--, tile += layout.bytes) {
    uint8_t bytes[128];
    const uint8_t *sub = unpack_sub_scales(layout, tile, bytes), *quants = tile + layout.quants;
    tile_scales scales[2];
    for (int h = 0; h < 2 && layout.blocks > 1; h++)
      scales[h] = load_scales(layout, tile, h, held.f16);
#pragma clang loop unroll(disable)
    for (int i = 0; i < layout.blocks; i++) {
      sums s[2];
      gemv_block(layout, act, quants, x, held.quants, held.masks, s);
      for (int h = 0; h < 2; h++) {
        if (layout.blocks == 1) scales[h] = load_scales(layout, tile, h, held.f16);
        block_scales c = scales_of(layout, scales[h], sub, i, h);
        acc[h] = add_block(layout, acc[h], s[h], c, x + act_quant_bytes(act), act.planes);
      }
      quants += layout.block_bytes;
      x += act_block_bytes(act);
    }
  }
  sum[0] = acc[0];
  sum[1] = acc[1];
}

/* y[row + n * 8 * apart …] = tile row n * apart · x, n < n_streams, of one token. Tile by tile in
 * turn, because the processor fetches several streams ahead at the same time, and loses each of
 * them at the end of a page of memory. */
ALWAYS_INLINE void gemv_streams(const sotto_gemm *g, sotto_tile_layout layout, act_layout act,
                                const uint8_t *tile, size_t n_streams, size_t apart, size_t token,
                                size_t row) {
  const gemv_held held = {hold_quant_masks(layout), hold_f16(), hold_masks()};
  const size_t n_tiles = g->k / SOTTO_ACT_BLOCK / (size_t)layout.blocks;
  const size_t stream_bytes = apart * n_tiles * (size_t)layout.bytes;
  const size_t turn = n_streams > 1 ? 1 : n_tiles;
  const uint8_t *x = act_group(g->act, g->k, token);
  v128_t sums[SOTTO_MAX_STREAMS][2];
  memset(sums, 0, n_streams * sizeof *sums);
  for (size_t b = 0; b < n_tiles; b += turn) {
    const uint8_t *at = tile + b * (size_t)layout.bytes;
    for (size_t n = 0; n < n_streams; n++, at += stream_bytes)
      add_tiles(layout, act, at, turn, x, held, sums[n]);
    x += turn * (size_t)(layout.blocks * act_block_bytes(act));
  }
  for (size_t n = 0; n < n_streams; n++, row += SOTTO_TILE_ROWS * apart)
    for (size_t h = 0; h < 2 && row + 4 * h < g->row1; h++)
      store_rows(g->y + token * g->y_stride + row + 4 * h, g->row1 - row - 4 * h, sums[n][h]);
}
