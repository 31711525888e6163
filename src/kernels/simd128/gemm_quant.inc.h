/* Quantised weights times quantised activations: the body of every vector variant, gemm(), for
 * layouts that are constants. One token goes through the two halves of a tile (4 rows each) side by
 * side, a row a lane. Groups of four tokens go through the rows of a half, a token a lane; all that
 * the weights need is then done once for eight tokens. The includer has defined how 4 rows x 4 weights
 * meet 4 activations:
 *   masks, hold_masks()      constants of the next
 *   weights, prepare()       16 quants (byte 4 * r + u: row r, weight u), ready for all tokens
 *   splat_row()              those of one row in all lanes
 *   sums, start(), dot_low(), dot_high(), total()
 *                            exact int32 sums of a block in each lane; low: k = 0..15, high: k = 16..31;
 *                            `first` is -8 * sum of the activations
 *   n_groups()               of tokens at a time: what keeps the engines' registers busy, not spilled */
#include "kernels/simd128/gemv_quant.inc.h"

/* p + step, which the compiler then does not know to be related to p: it would compute addresses from a
 * counter, one addition for each. */
ALWAYS_INLINE const uint8_t *next(const uint8_t *p, int step) {
  p += step;
  __asm__("" : "+r"(p));
  return p;
}

/* Four tokens' results for four rows, a token a lane. */
ALWAYS_INLINE void store_group(const sotto_gemm *g, size_t token, size_t row, const v128_t acc[4]) {
  v128_t tokens[4];
  transpose(acc, tokens);
  for (size_t u = 0; u < 4; u++)
    store_rows(g->y + (token + u) * g->y_stride + row, g->row1 - row, tokens[u]);
}

/* y[token …][row …] = half a tile row · x, for n groups of four tokens, a constant. */
ALWAYS_INLINE void gemm_tiles(const sotto_gemm *g, sotto_tile_layout layout, act_layout act,
                              const uint8_t *tile, size_t token, size_t row, int half, int n) {
  v128_t nibble = held(0x0F0F0F0F), bit = held(0x10101010);
  f16_constants f16 = hold_f16();
  masks held_masks = hold_masks();
  const int rest = act_quant_bytes(act);
  const uint8_t *x[2];
  v128_t acc[2][4];
  for (int v = 0; v < n; v++) {
    x[v] = act_group(g->act, g->k, token + 4 * (size_t)v);
    for (int r = 0; r < 4; r++) acc[v][r] = wasm_f32x4_const_splat(0.0f);
  }
  for (size_t b = 0; b < g->k / SOTTO_ACT_BLOCK; b++, tile += layout.bytes) {
    v128_t fifths = layout.has_high ? wasm_v128_load(tile + layout.high + 16 * half) : nibble;
    v128_t fifth = fifths;
    const uint8_t *quants = tile + layout.quants + 16 * half;
    sums s[2][4];
    for (int v = 0; v < n; v++)
      for (int r = 0; r < 4; r++) s[v][r] = start(layout, x[v] + rest);
    const uint8_t *q = quants, *a[2];
    for (int v = 0; v < n; v++) a[v] = x[v];
#pragma clang loop unroll(disable)
    for (int j = 0; j < 4; j++) {
      weights w = prepare(layout, unpack(layout, q, 0, nibble, fifth, bit), held_masks);
      for (int r = 0; r < 4; r++)
        for (int v = 0; v < n; v++) s[v][r] = dot_low(layout, s[v][r], splat_row(w, r), a[v], act);
      if (layout.has_high) fifth = wasm_u16x8_shr(fifth, 1);
      q = next(q, 32);
      for (int v = 0; v < n; v++) a[v] = next(a[v], act.group_bytes);
    }
    fifth = fifths;
    q = quants;
#pragma clang loop unroll(disable)
    for (int j = 0; j < 4; j++) {
      weights w = prepare(layout, unpack(layout, q, 1, nibble, fifth, bit), held_masks);
      for (int r = 0; r < 4; r++)
        for (int v = 0; v < n; v++) s[v][r] = dot_high(layout, s[v][r], splat_row(w, r), a[v], act);
      if (layout.has_high) fifth = wasm_u16x8_shr(fifth, 1);
      q = next(q, 32);
      for (int v = 0; v < n; v++) a[v] = next(a[v], act.group_bytes);
    }
    v128_t d = load_f16(tile + 8 * half, f16);
    v128_t m = layout.has_min ? load_f16(tile + layout.min + 8 * half, f16) : nibble;
    for (int r = 0; r < 4; r++)
      for (int v = 0; v < n; v++)
        acc[v][r] = add_block(layout, acc[v][r], s[v][r], splat_lane(d, r), splat_lane(m, r),
                              x[v] + rest, act.planes);
    for (int v = 0; v < n; v++) x[v] += act_block_bytes(act);
  }
  for (int v = 0; v < n; v++) store_group(g, token + 4 * (size_t)v, row, acc[v]);
}

/* Weights that are gone through once for every eight tokens: they stay in the second-level cache, and
 * the tokens' activations in the first. */
#define BLOCK_OF_WEIGHTS (64 << 10)

/* Tokens [t0, t1), n groups (a constant) at a time. */
ALWAYS_INLINE void gemm_groups(const sotto_gemm *g, sotto_tile_layout layout, act_layout act,
                               size_t t0, size_t t1, int n) {
  const size_t tile_row_bytes = g->k / SOTTO_ACT_BLOCK * (size_t)layout.bytes;
  const size_t rows = (BLOCK_OF_WEIGHTS / tile_row_bytes + 1) * SOTTO_TILE_ROWS;
  const uint8_t *w = (const uint8_t *)g->w;
  for (size_t first = g->row0; first < g->row1; first += rows)
    for (size_t t = t0; t < t1; t += 4 * (size_t)n)
      for (size_t row = first; row < g->row1 && row < first + rows; row += 4)
        gemm_tiles(g, layout, act, w + row / SOTTO_TILE_ROWS * tile_row_bytes, t, row,
                   row % SOTTO_TILE_ROWS != 0, n);
}

ALWAYS_INLINE void gemm(const sotto_gemm *g, sotto_tile_layout layout, act_layout act) {
  const size_t tile_row_bytes = g->k / SOTTO_ACT_BLOCK * (size_t)layout.bytes;
  const size_t fours = act_in_fours(g->act);
  const int n = n_groups(layout, act.planes);
  const size_t many = n == 1 ? 0 : fours / 8 * 8;
  if (many) gemm_groups(g, layout, act, 0, many, 2);
  if (many < fours) gemm_groups(g, layout, act, many, fours, 1);
  for (size_t t = fours; t < g->n_tokens; t++)
    for (size_t row = g->row0; row < g->row1; row += SOTTO_TILE_ROWS)
      gemv_tiles(g, layout, act, (const uint8_t *)g->w + row / SOTTO_TILE_ROWS * tile_row_bytes, t,
                 row);
}
