/* Quantised weights times quantised activations: the body of every vector variant, gemm(), for
 * layouts that are constants. One token goes through the two halves of a tile (4 rows each) side by
 * side, a row a lane. Groups of four tokens have a token a lane: eight rows of weights are unpacked
 * once for up to 64 tokens. The includer has defined how weights meet activations:
 *   masks, hold_masks()      constants of the next
 *   weights, prepare()       16 quants (byte 4 * r + u: row r, weight u), ready for all tokens, in
 *   n_vectors()              so many vectors of 4 bytes a row
 *   load_row()               of such a vector, one row in all lanes
 *   has_splats()             whether that is better done once for all tokens
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

/* Eight rows of weights as the dots take them, for many tokens: of each half (4 rows) and each block
 * the vectors of prepare(), or of each row in all lanes; scales and minima. */
#define PIECE             24 /* blocks of a row at a time */
#define GROUPS_FOR_SPLATS 4
#define GROUPS            16 /* of tokens, for which they stay: 35 KB on the stack in all */
typedef struct panel {
  v128_t quants[2][PIECE * 32], scales[2][PIECE], minima[2][PIECE];
} panel;

ALWAYS_INLINE int panel_vectors(sotto_tile_layout layout, bool splats) {
  return splats ? 4 : n_vectors(layout);
}

ALWAYS_INLINE void unpack_half(sotto_tile_layout layout, const uint8_t *tile, size_t n_blocks,
                               int half, panel *out, bool splats) {
  v128_t nibble = held(0x0F0F0F0F), bit = held(0x10101010);
  f16_constants f16 = hold_f16();
  masks held_masks = hold_masks();
  const int n = panel_vectors(layout, splats);
  v128_t *to = out->quants[half];
  for (size_t b = 0; b < n_blocks; b++, tile += layout.bytes, to += 8 * n) {
    v128_t fifth = layout.has_high ? wasm_v128_load(tile + layout.high + 16 * half) : nibble;
    for (int j = 0; j < 4; j++) {
      const uint8_t *q = tile + layout.quants + 32 * j + 16 * half;
      for (int part = 0; part < 2; part++) {
        weights w = prepare(layout, unpack(layout, q, part, nibble, fifth, bit), held_masks);
        for (int i = 0; i < n; i++)
          to[(4 * part + j) * n + i] = splats ? splat_lane(w.v[0], i) : w.v[i];
      }
      if (layout.has_high) fifth = wasm_u16x8_shr(fifth, 1);
    }
    out->scales[half][b] = load_f16(tile + 8 * half, f16);
    if (layout.has_min) out->minima[half][b] = load_f16(tile + layout.min + 8 * half, f16);
  }
}

ALWAYS_INLINE weights row_of(sotto_tile_layout layout, const uint8_t *w, int r, bool splats) {
  weights row;
  if (splats)
    row.v[0] = wasm_v128_load(w + 16 * r);
  else
    for (int i = 0; i < n_vectors(layout); i++) row.v[i] = load_row(w + 16 * i, r);
  return row;
}

/* y[group][row] += half a panel · x, for n groups of four tokens; n and splats are constants. */
ALWAYS_INLINE void multiply(sotto_tile_layout layout, act_layout act, const panel *panel, int half,
                            size_t n_blocks, const uint8_t *const groups[2], v128_t *const y[2],
                            int n, bool splats) {
  const int rest = act_quant_bytes(act), step = 16 * panel_vectors(layout, splats);
  const uint8_t *w = (const uint8_t *)panel->quants[half], *x[2];
  v128_t acc[2][4];
  for (int v = 0; v < n; v++) {
    x[v] = groups[v];
    for (int r = 0; r < 4; r++) acc[v][r] = y[v][r];
  }
  for (size_t b = 0; b < n_blocks; b++) {
    sums s[2][4];
    const uint8_t *a[2];
    for (int v = 0; v < n; v++) {
      a[v] = x[v];
      for (int r = 0; r < 4; r++) s[v][r] = start(layout, x[v] + rest);
    }
#pragma clang loop unroll(disable)
    for (int j = 0; j < 4; j++) {
      for (int r = 0; r < 4; r++) {
        weights row = row_of(layout, w, r, splats);
        for (int v = 0; v < n; v++) s[v][r] = dot_low(layout, s[v][r], row, a[v], act);
      }
      w = next(w, step);
      for (int v = 0; v < n; v++) a[v] = next(a[v], act.group_bytes);
    }
#pragma clang loop unroll(disable)
    for (int j = 0; j < 4; j++) {
      for (int r = 0; r < 4; r++) {
        weights row = row_of(layout, w, r, splats);
        for (int v = 0; v < n; v++) s[v][r] = dot_high(layout, s[v][r], row, a[v], act);
      }
      w = next(w, step);
      for (int v = 0; v < n; v++) a[v] = next(a[v], act.group_bytes);
    }
    const float *d = (const float *)&panel->scales[half][b];
    const float *m = (const float *)&panel->minima[half][b];
    for (int r = 0; r < 4; r++) {
      v128_t scale = wasm_v128_load32_splat(d + r);
      v128_t minimum = layout.has_min ? wasm_v128_load32_splat(m + r) : scale;
      for (int v = 0; v < n; v++)
        acc[v][r] = add_block(layout, acc[v][r], s[v][r], scale, minimum, x[v] + rest, act.planes);
    }
    for (int v = 0; v < n; v++) x[v] += act_block_bytes(act);
  }
  for (int v = 0; v < n; v++)
    for (int r = 0; r < 4; r++) y[v][r] = acc[v][r];
}

/* y of eight rows for n groups of four tokens, at most GROUPS. */
ALWAYS_INLINE void gemm_rows(const sotto_gemm *g, sotto_tile_layout layout, act_layout act,
                             size_t token, size_t n, size_t row, bool splats) {
  const size_t n_blocks = g->k / SOTTO_ACT_BLOCK, n_pieces = (n_blocks + PIECE - 1) / PIECE;
  const uint8_t *tiles =
      (const uint8_t *)g->w + row / SOTTO_TILE_ROWS * n_blocks * (size_t)layout.bytes;
  panel panel;
  v128_t y[GROUPS][2][4];
  memset(y, 0, n * sizeof *y);
  for (size_t p = 0; p < n_pieces; p++) {
    const size_t first = n_blocks * p / n_pieces, length = n_blocks * (p + 1) / n_pieces - first;
    for (int half = 0; half < 2; half++)
      unpack_half(layout, tiles + first * (size_t)layout.bytes, length, half, &panel, splats);
    const bool pairs = n_groups(layout, act.planes) == 2;
    for (size_t i = 0; i < n;) {
      const size_t two = pairs && i + 2 <= n;
      const uint8_t *x[2];
      for (size_t v = 0; v <= two; v++)
        x[v] = act_group(g->act, g->k, token + 4 * (i + v)) + first * (size_t)act_block_bytes(act);
      for (int half = 0; half < 2; half++) {
        v128_t *to[2] = {y[i][half], y[i + two][half]};
        if (two)
          multiply(layout, act, &panel, half, length, x, to, 2, splats);
        else
          multiply(layout, act, &panel, half, length, x, to, 1, splats);
      }
      i += 1 + two;
    }
  }
  for (size_t i = 0; i < n; i++)
    for (size_t half = 0; half < 2 && row + 4 * half < g->row1; half++)
      store_group(g, token + 4 * i, row + 4 * half, y[i][half]);
}

ALWAYS_INLINE void gemm(const sotto_gemm *g, sotto_tile_layout layout, act_layout act) {
  const size_t tile_row_bytes = g->k / SOTTO_ACT_BLOCK * (size_t)layout.bytes;
  const size_t fours = act_in_fours(g->act);
  for (size_t row = g->row0; row < g->row1; row += SOTTO_TILE_ROWS) {
    for (size_t t = 0; t < fours; t += 4 * GROUPS) {
      const size_t n = fours - t < 4 * GROUPS ? (fours - t) / 4 : GROUPS;
      if (has_splats(layout, act.planes) && n >= GROUPS_FOR_SPLATS)
        gemm_rows(g, layout, act, t, n, row, true);
      else
        gemm_rows(g, layout, act, t, n, row, false);
    }
    for (size_t t = fours; t < g->n_tokens; t++)
      gemv_tiles(g, layout, act, (const uint8_t *)g->w + row / SOTTO_TILE_ROWS * tile_row_bytes, t,
                 row);
  }
}
