/* A quantised matrix times one token, and the parts of that which more tokens need as well.
 * gemm_quant.inc.h includes this. */
#include "kernels/simd128/act.h"
#include "kernels/simd128/scales_quant.inc.h"
#include "kernels/simd128/streams.h"
#include "kernels/simd128/unpack_quant.inc.h"

/* One block's sums, times its scales, are added to acc: see kernels.h. */
ALWAYS_INLINE v128_t add_block(sotto_panel_kind kind, v128_t acc, sums s, block_scales c,
                               act_layout act, const uint8_t *block) {
  v128_t scale = act_rest_word(act, block, ACT_SCALE);
  if (kind.scales == SOTTO_PANEL_INTEGERS) {
    v128_t i = wasm_f32x4_convert_i32x4(total_of_halves(kind, act, s, c.sub, block));
    i = wasm_f32x4_mul(i, c.d[0]);
    if (kind.has_min) i = mul_add(i, wasm_f32x4_convert_i32x4(minima(act, c, block)), c.m);
    return mul_add(acc, i, scale);
  }
  v128_t i = wasm_f32x4_convert_i32x4(total(kind, act, s, block, 0));
  if (kind.scales == SOTTO_PANEL_HALVES) {
    v128_t high = wasm_f32x4_convert_i32x4(total(kind, act, s, block, 1));
    return mul_add(acc, mul_add(wasm_f32x4_mul(i, c.d[0]), high, c.d[1]), scale);
  }
  acc = mul_add(acc, i, wasm_f32x4_mul(c.d[0], scale));
  return kind.has_min ? mul_add(acc, c.m, act_rest_word(act, block, ACT_SCALED_SUM)) : acc;
}

/* To s[h] are added, for each half h of the tile, four k and as many 16 further on, or of these
 * parts those from `first` up to `end`; `beyond`: where the rest's bytes are. */
ALWAYS_INLINE void gemv_four(sotto_tile_layout layout, act_layout act, const uint8_t *quants,
                             const uint8_t *beyond, const uint8_t *x, int j, held_constants held,
                             int first, int end, v128_t rest[2], sums s[2]) {
  v128_t a[2][2]; /* by part and word */
  for (int w = first * act.words; w < end * act.words; w++)
    a[w / act.words][w % act.words] = act_word(act, x, 2 * act.words * j + w);
  weights w[2][2]; /* by part and half */
  for (int h = 0; h < 2; h++) {
    if (groups_of_rest(layout) < 4 && j % groups_of_rest(layout) == 0)
      rest[h] = load_rest(layout, beyond + 16 * h, j);
    v128_t shared = load_shared(layout, quants + 16 * h, j, held.quants, &rest[h]);
    for (int part = first; part < end; part++)
      w[part][h] = weights_of(layout, unpack(layout, shared, j, part, held.quants, &rest[h]), held);
  }
  for (int h = 0; h < 2 && first == 0; h++) s[h] = dot_low(layout.panel, act, s[h], w[0][h], a[0]);
  for (int h = 0; h < 2 && end == 2; h++) s[h] = dot_high(layout.panel, act, s[h], w[1][h], a[1]);
}

/* s[h] = the integer sums of a block, of these parts; the first leaves the second its rest. */
ALWAYS_INLINE void gemv_parts(sotto_tile_layout layout, act_layout act, const uint8_t *quants,
                              const uint8_t *x, held_constants held, int first, int end,
                              v128_t rest[2], sums s[2]) {
  const sotto_panel_kind kind = layout.panel;
  /* Fours of a turn of the loop, and that a vector of rest serves. */
  const bool two = (act.words == 1 && layout.bits != 3) || layout.bits == 2 || layout.bits == 6;
  const int at_once = takes_index(kind) ? 4 : two ? 2 : 1, of_rest = groups_of_rest(layout);
  const int n = layout.bits == 3 ? 3 : 4; /* the last comes from the rest */
  const uint8_t *beyond = quants;         /* moves with the rest's bytes */
  for (int h = 0; h < 2; h++) {
    if (of_rest == 4 && first == 0) rest[h] = load_rest(layout, quants + 16 * h, 0);
    for (int part = first; part < end; part++) s[h] = start(kind, act, s[h], x, part);
  }
  const v128_t last[2] = {rest[0], rest[1]};
/* Kept as a loop: engines load everything that a straight stretch of code needs at its beginning,
 * and an unrolled one would need more registers than there are; but where a loop has six sums,
 * they are in memory. */
#pragma clang loop unroll(disable)
  for (int i = 0; i < n; i += at_once) {
    for (int j = 0; j < at_once; j++)
      gemv_four(layout, act, quants, beyond, x, j, held, first, end, rest, s);
    quants = next(quants, quants_at(layout, at_once));
    beyond = next(beyond, 32 * at_once / of_rest);
    x = next(x, 8 * act.words * at_once);
    for (int h = 0; h < 2; h++) s[h] = flush(kind, act, flush(kind, act, s[h], 0), 1);
  }
  x -= 24 * act.words;
  for (int h = 0; h < 2 && first == 1; h++) rest[h] = last[h];
  if (n == 3) gemv_four(layout, act, quants, beyond, x, 3, held, first, end, rest, s);
}

/* Both parts share the loads of weights. Where activations are loads, too, and the sums with them
 * more than fit the engines' registers, one comes after the other. */
ALWAYS_INLINE void gemv_block(sotto_tile_layout layout, act_layout act, const uint8_t *quants,
                              const uint8_t *x, held_constants held, sums s[2]) {
  v128_t rest[2];
  if (act.broadcast && act.words == 2 && layout.panel.scales == SOTTO_PANEL_INTEGERS) {
    gemv_parts(layout, act, quants, x, held, 0, 1, rest, s);
    gemv_parts(layout, act, quants, x, held, 1, 2, rest, s);
  } else {
    gemv_parts(layout, act, quants, x, held, 0, 2, rest, s);
  }
}

/* sum[8] = n tiles · x, added to what is there or to nothing. */
ALWAYS_INLINE void add_tiles(sotto_tile_layout layout, act_layout act, const uint8_t *tile,
                             size_t n, const uint8_t *x, held_constants held, bool from_zero,
                             float *sum) {
  v128_t acc[2] = {wasm_i32x4_const_splat(0), wasm_i32x4_const_splat(0)};
  if (!from_zero)
    for (int h = 0; h < 2; h++) acc[h] = wasm_v128_load(sum + 4 * h);
  for (; n > 0; n--, tile += layout.bytes) {
    uint8_t bytes[SUB_SCALE_BYTES];
    const uint8_t *sub = unpack_sub_scales(layout, tile, bytes), *quants = tile + layout.quants;
    tile_scales scales[2];
    for (int h = 0; h < 2 && layout.blocks > 1; h++)
      scales[h] = load_scales(layout, tile, h, held.f16);
#pragma clang loop unroll(disable)
    for (int i = 0; i < layout.blocks; i++) {
      sums s[2];
      gemv_block(layout, act, quants, x, held, s);
      for (int h = 0; h < 2; h++) {
        if (layout.blocks == 1) scales[h] = load_scales(layout, tile, h, held.f16);
        block_scales c = scales_of(layout, scales[h], sub, i, h, held.nibble);
        acc[h] = add_block(layout.panel, acc[h], s[h], c, act, x);
      }
      quants += layout.block_bytes;
      x += act_block_bytes(act);
    }
  }
  wasm_v128_store(sum, acc[0]);
  wasm_v128_store(sum + 4, acc[1]);
}

/* y of the tile rows first, first + s.apart, … of s.n streams, of one token. Tile by tile in turn,
 * because some processors fetch several streams ahead at the same time, and lose each of them at
 * the end of a page of memory. */
ALWAYS_INLINE void gemv(const sotto_gemm *g, sotto_tile_layout layout, act_layout act, streams s,
                        size_t first, size_t token) {
  const held_constants held = hold(layout);
  const size_t n_tiles = g->k / SOTTO_ACT_BLOCK / (size_t)layout.blocks;
  const size_t row_bytes = n_tiles * (size_t)layout.bytes, stream_bytes = s.apart * row_bytes;
  const size_t turn = s.n > 1 ? 1 : n_tiles;
  const uint8_t *tiles = (const uint8_t *)g->w + first * row_bytes;
  const uint8_t *x = act_group(g->act, g->k, token);
  float *y = g->y + token * g->y_stride, last[SOTTO_TILE_ROWS];
  for (size_t b = 0; b < n_tiles; b += turn) {
    const uint8_t *tile = tiles + b * (size_t)layout.bytes;
    size_t row = first * SOTTO_TILE_ROWS;
    for (size_t n = s.n; n > 0; n--) {
      float *sum = row + SOTTO_TILE_ROWS > g->row1 ? last : y + row;
      add_tiles(layout, act, tile, turn, x, held, b == 0, sum);
      tile += stream_bytes;
      row += s.apart * SOTTO_TILE_ROWS;
    }
    x += turn * (size_t)(layout.blocks * act_block_bytes(act));
  }
  const size_t row = (first + (s.n - 1) * s.apart) * SOTTO_TILE_ROWS;
  if (row + SOTTO_TILE_ROWS > g->row1) memcpy(y + row, last, (g->row1 - row) * sizeof *y);
}
