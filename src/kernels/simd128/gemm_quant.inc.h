/* Quantised weights times quantised activations: the body of every vector variant, gemm(), for
 * layouts that are constants. It works on both halves of a tile (4 rows each) or on one after the
 * other, and on 4 tokens or 1 at a time. The includer has defined how 4 rows x 4 weights meet 4
 * activations:
 *   masks, hold_masks()      constants of the next
 *   weights, prepare()       16 quants (byte 4 * r + u: row r, weight u), ready for all tokens
 *   sums, start(), dot_low(), dot_high(), total()
 *                            exact int32 sums of a block, lane r for row r; low: k = 0..15, high:
 *                            k = 16..31; `first` is -8 * sum of the activations
 *   n_halves()               how many at a time keep the engines' registers busy, not spilled */
#include "kernels/simd128/act.h"
#include "kernels/tile.h"

/* Quants of a tile for k = 4 * j … and for k = 16 + 4 * j …. high: fifth bits, shifted right by j. */
typedef struct quant_pair {
  v128_t low, high;
} quant_pair;

ALWAYS_INLINE quant_pair unpack(sotto_tile_layout layout, const uint8_t *quants, int j,
                                v128_t nibble, v128_t fifth, v128_t bit) {
  v128_t q = wasm_v128_load(quants + 32 * j);
  if (layout.quant_bytes == 256) return (quant_pair){q, wasm_v128_load(quants + 128 + 32 * j)};
  quant_pair pair = {wasm_v128_and(q, nibble), wasm_v128_and(wasm_u16x8_shr(q, 4), nibble)};
  if (layout.has_high) {
    pair.low = wasm_v128_or(pair.low, wasm_v128_and(wasm_i16x8_shl(fifth, 4), bit));
    pair.high = wasm_v128_or(pair.high, wasm_v128_and(fifth, bit));
  }
  return pair;
}

/* y[u][row …] = n_halves (a constant, 1 or 2) halves of a tile row, from `half` on, · x[u], for
 * u < n_tokens, a constant. */
ALWAYS_INLINE void gemm_tiles(const sotto_gemm *g, sotto_tile_layout layout, act_layout act,
                              const uint8_t *tile, size_t t0, size_t row, int half, int n_halves,
                              size_t n_tokens) {
  size_t n_blocks = g->k / SOTTO_ACT_BLOCK;
  v128_t nibble = held(0x0F0F0F0F), bit = held(0x10101010);
  f16_constants f16 = hold_f16();
  masks held_masks = hold_masks();
  const int rest = act_quant_bytes(act);
  const uint8_t *x[4];
  v128_t acc[2][4];
  for (size_t u = 0; u < n_tokens; u++) {
    x[u] = act_token(g->act, g->k, t0 + u);
    for (int h = 0; h < n_halves; h++) acc[h][u] = wasm_f32x4_const_splat(0.0f);
  }
  tile += 8 * half; /* to its scales; the other parts of a tile are 16 bytes apart */
  const int to_min = layout.min, to_high = layout.high + 8 * half,
            to_quants = layout.quants + 8 * half;
  for (size_t b = 0; b < n_blocks; b++, tile += layout.bytes) {
    v128_t fifth[2];
    sums s[2][4];
    for (int h = 0; h < n_halves; h++) {
      fifth[h] = layout.has_high ? wasm_v128_load(tile + to_high + 16 * h) : nibble;
      for (size_t u = 0; u < n_tokens; u++) s[h][u] = start(layout, x[u] + rest);
    }
/* Rolled up, engines keep all operands in registers: 40 % faster with four tokens. */
#pragma clang loop unroll(disable)
    for (int j = 0; j < 4; j++) {
      weights low[2], high[2];
      for (int h = 0; h < n_halves; h++) {
        quant_pair q = unpack(layout, tile + to_quants + 16 * h, j, nibble, fifth[h], bit);
        low[h] = prepare(layout, q.low, held_masks), high[h] = prepare(layout, q.high, held_masks);
        if (layout.has_high) fifth[h] = wasm_u16x8_shr(fifth[h], 1);
      }
      for (size_t u = 0; u < n_tokens; u++)
        for (int h = 0; h < n_halves; h++)
          s[h][u] = dot_low(layout, s[h][u], low[h], x[u] + act.group_bytes * j, act.planes);
      for (size_t u = 0; u < n_tokens; u++)
        for (int h = 0; h < n_halves; h++)
          s[h][u] =
              dot_high(layout, s[h][u], high[h], x[u] + act.group_bytes * (j + 4), act.planes);
    }
    for (int h = 0; h < n_halves; h++) {
      v128_t d = load_f16(tile + 8 * h, f16);
      for (size_t u = 0; u < n_tokens; u++) {
        const uint8_t *first = x[u] + rest;
        v128_t i = wasm_f32x4_convert_i32x4(total(layout, s[h][u], first, act.planes));
        acc[h][u] = mul_add(acc[h][u], i, wasm_f32x4_mul(d, wasm_v128_load(first + 16)));
        if (layout.has_min)
          acc[h][u] =
              mul_add(acc[h][u], load_f16(tile + to_min + 8 * h, f16), wasm_v128_load(first + 32));
      }
    }
    for (size_t u = 0; u < n_tokens; u++) x[u] += act_block_bytes(act);
  }
  row += 4 * (size_t)half;
  for (int h = 0; h < n_halves && row < g->row1; h++, row += 4) {
    for (size_t u = 0; u < n_tokens; u++) {
      float *y = g->y + (t0 + u) * g->y_stride + row;
      if (g->row1 - row >= 4)
        wasm_v128_store(y, acc[h][u]);
      else
        memcpy(y, &acc[h][u], (g->row1 - row) * sizeof *y);
    }
  }
}

/* Weights that are gone through once for every four tokens, where tiles are taken whole: they stay in
 * the second-level cache, and the tokens' activations in the first. */
#define BLOCK_OF_WEIGHTS (64 << 10)

/* Rows [row0, row1), tokens [t0, t1) in steps of 4 or of 1, a constant. */
ALWAYS_INLINE void gemm_block(const sotto_gemm *g, sotto_tile_layout layout, act_layout act,
                              size_t row0, size_t row1, size_t t0, size_t t1, size_t step) {
  const int halves = n_halves(layout, act.planes, step);
  const size_t tile_row_bytes = g->k / SOTTO_ACT_BLOCK * (size_t)layout.bytes;
  const uint8_t *w = (const uint8_t *)g->w;
  if (halves == 2) {
    const size_t rows = (BLOCK_OF_WEIGHTS / tile_row_bytes + 1) * SOTTO_TILE_ROWS;
    for (size_t first = row0; first < row1; first += rows)
      for (size_t t = t0; t < t1; t += step)
        for (size_t row = first; row < row1 && row < first + rows; row += SOTTO_TILE_ROWS)
          gemm_tiles(g, layout, act, w + row / SOTTO_TILE_ROWS * tile_row_bytes, t, row, 0, 2,
                     step);
    return;
  }
  for (size_t row = row0; row < row1; row += SOTTO_TILE_ROWS)
    for (int half = 0; half < 2; half++)
      for (size_t t = t0; t < t1; t += step)
        gemm_tiles(g, layout, act, w + row / SOTTO_TILE_ROWS * tile_row_bytes, t, row, half, 1,
                   step);
}

ALWAYS_INLINE void gemm(const sotto_gemm *g, sotto_tile_layout layout, act_layout act) {
  const size_t fours = g->n_tokens / 4 * 4;
  if (fours) gemm_block(g, layout, act, g->row0, g->row1, 0, fours, 4);
  if (fours < g->n_tokens) gemm_block(g, layout, act, g->row0, g->row1, fours, g->n_tokens, 1);
}
