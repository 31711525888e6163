/* Quantised weights times quantised activations: gemm(), the body of every vector variant, for
 * layouts that are constants. A single token goes through the two halves of a tile (4 rows each)
 * side by side; a lane is a row. Tokens in groups of four have a lane each: eight rows of weights
 * are unpacked once and serve up to 64 tokens.
 *
 * The includer defines how weights meet activations:
 *   masks, hold_masks()   constants that prepare() needs
 *   weights, prepare()    16 quants (byte 4 * r + u: weight u of row r) in the form that the dots
 *                         take, once for all tokens
 *   n_vectors()           vectors in `weights`
 *   has_splats()          whether rows are copied to all lanes once for all tokens
 *   sums, start(), dot_low(), dot_high(), flush(), total()
 *                         the exact int32 sums of a block, a lane each: dot_low() adds k = 0..15,
 *                         dot_high() k = 16..31; total() keeps them apart where the halves of a
 *                         block have scales of their own. `block` is the activations' (act.h);
 *                         flush() comes after each of the two
 *   flush_after()         how many dots a narrow sum has room for
 *   n_groups()            groups of tokens at a time: as many as the engines' registers hold */
#include "kernels/simd128/panel_quant.inc.h"

/* Four tokens' results for four rows, a token a lane. */
ALWAYS_INLINE void store_group(const sotto_gemm *g, size_t token, size_t row, const v128_t acc[4]) {
  v128_t tokens[4];
  transpose(acc, tokens);
  for (size_t u = 0; u < 4; u++)
    store_rows(g->y + (token + u) * g->y_stride + row, g->row1 - row, tokens[u]);
}

/* y of eight rows for n groups of four tokens, at most GROUPS. */
ALWAYS_INLINE void gemm_rows(const sotto_gemm *g, sotto_tile_layout layout, act_layout act,
                             size_t token, size_t n, size_t row, bool splats) {
  const size_t blocks = (size_t)layout.blocks, n_tiles = g->k / SOTTO_ACT_BLOCK / blocks;
  const size_t most = PIECE / blocks, n_pieces = (n_tiles + most - 1) / most;
  const uint8_t *tiles =
      (const uint8_t *)g->w + row / SOTTO_TILE_ROWS * n_tiles * (size_t)layout.bytes;
  panel panel;
  v128_t y[GROUPS][2][4];
  memset(y, 0, n * sizeof *y);
  for (size_t p = 0; p < n_pieces; p++) {
    const size_t first = n_tiles * p / n_pieces, length = n_tiles * (p + 1) / n_pieces - first;
    for (int half = 0; half < 2; half++)
      unpack_half(layout, tiles + first * (size_t)layout.bytes, length, half, &panel, splats);
    const bool pairs = n_groups(layout, act) == 2;
    for (size_t i = 0; i < n;) {
      const size_t two = pairs && i + 2 <= n;
      const uint8_t *x[2];
      for (size_t v = 0; v <= two; v++)
        x[v] = act_group(g->act, g->k, token + 4 * (i + v)) +
               first * blocks * (size_t)act_block_bytes(act);
      for (int half = 0; half < 2; half++) {
        v128_t *to[2] = {y[i][half], y[i + two][half]};
        if (two)
          multiply(layout, act, &panel, half, length * blocks, x, to, 2, splats);
        else
          multiply(layout, act, &panel, half, length * blocks, x, to, 1, splats);
      }
      i += 1 + two;
    }
  }
  for (size_t i = 0; i < n; i++)
    for (size_t half = 0; half < 2 && row + 4 * half < g->row1; half++)
      store_group(g, token + 4 * i, row + 4 * half, y[i][half]);
}

/* y of eight rows for the tokens in groups of four. */
ALWAYS_INLINE void gemm_fours(const sotto_gemm *g, sotto_tile_layout layout, act_layout act,
                              size_t fours, size_t row) {
  for (size_t t = 0; t < fours; t += 4 * GROUPS) {
    const size_t n = fours - t < 4 * GROUPS ? (fours - t) / 4 : GROUPS;
    if (has_splats(layout, act) && n >= GROUPS_FOR_SPLATS)
      gemm_rows(g, layout, act, t, n, row, true);
    else
      gemm_rows(g, layout, act, t, n, row, false);
  }
}

ALWAYS_INLINE void gemm(const sotto_gemm *g, sotto_tile_layout layout, act_layout act) {
  const size_t fours = act_in_fours(g->act);
  streams s = {0};
  while (next_streams(g, fours ? 1 : g->n_streams, &s)) {
    for (size_t i = s.first; i < s.first + s.apart; i++) {
      gemm_fours(g, layout, act, fours, i * SOTTO_TILE_ROWS);
      for (size_t t = fours; t < g->n_tokens; t++) gemv(g, layout, act_of_one(act), s, i, t);
    }
  }
}
