/* Many tokens through a piece of eight rows that is unpacked once for all of them; see
 * gemm_quant.inc.h, which includes this. */
#include "kernels/simd128/gemv_quant.inc.h"

/* Eight rows of weights as the dots take them, for many tokens: of each half (4 rows) and each
 * block the vectors of prepare(), or of each row in all lanes; scales and minima. */
#define PIECE             24 /* blocks of a row that are unpacked at a time */
#define GROUPS_FOR_SPLATS 4
#define GROUPS            16 /* of four tokens, which a panel serves: 35 KB of stack in all */
typedef struct panel {
  v128_t quants[2][PIECE * 32], scales[2][2 * PIECE], minima[2][PIECE];
} panel;

ALWAYS_INLINE int panel_vectors(sotto_tile_layout layout, bool splats) {
  return splats ? 4 : n_vectors(layout);
}

ALWAYS_INLINE void unpack_half(sotto_tile_layout layout, const uint8_t *tile, size_t n_tiles,
                               int half, panel *out, bool splats) {
  const quant_masks quant_masks = hold_quant_masks(layout);
  f16_constants f16 = hold_f16();
  masks held_masks = hold_masks();
  const int n = panel_vectors(layout, splats);
  v128_t *to = out->quants[half];
  v128_t *scales = out->scales[half], *minima = out->minima[half];
  for (size_t t = 0; t < n_tiles; t++, tile += layout.bytes) {
    uint8_t bytes[128];
    const uint8_t *sub = unpack_sub_scales(layout, tile, bytes);
    const uint8_t *quants = tile + layout.quants + 16 * half;
    tile_scales tile_scales = load_scales(layout, tile, half, f16);
#pragma clang loop unroll(disable)
    for (int b = 0; b < layout.blocks; b++, to += 8 * n, quants += layout.block_bytes) {
      v128_t rest;
      for (int j = 0; j < 4; j++) {
        if (j % groups_of_rest(layout) == 0) rest = load_rest(layout, quants, j);
        v128_t shared = wasm_v128_load(quants + 32 * j);
        for (int part = 0; part < 2; part++) {
          weights w = prepare(layout, unpack(layout, shared, part, quant_masks, &rest), held_masks);
          for (int i = 0; i < n; i++)
            to[(4 * part + j) * n + i] = splats ? splat_lane(w.v[0], i) : w.v[i];
        }
      }
      block_scales c = scales_of(layout, tile_scales, sub, b, half);
      for (int i = 0; i <= layout.halves; i++) *scales++ = c.d[i];
      if (layout.has_min) *minima++ = c.m;
    }
  }
}

ALWAYS_INLINE weights row_of(sotto_tile_layout layout, const uint8_t *w, int r, bool splats) {
  weights row;
  if (splats)
    row.v[0] = wasm_v128_load(w + 16 * r);
  else
    for (int i = 0; i < n_vectors(layout); i++)
      row.v[i] = splat_lane(wasm_v128_load(w + 16 * i), r);
  return row;
}

/* s += the dots of half a block, its first or second by `part`, a constant; w and a advance. */
ALWAYS_INLINE const uint8_t *add_dots(sotto_tile_layout layout, act_layout act, const uint8_t *w,
                                      const uint8_t *a[2], sums s[2][4], int n, bool splats,
                                      int part) {
  const int at_once = flush_after(layout), step = 16 * panel_vectors(layout, splats);
#pragma clang loop unroll(disable)
  for (int i = 0; i < 4; i += at_once) {
    for (int r = 0; r < 4; r++) {
      for (int j = 0; j < at_once; j++) {
        weights row = row_of(layout, w + step * j, r, splats);
        for (int v = 0; v < n; v++) {
          v128_t x[2];
          for (int k = 0; k < act.words; k++) x[k] = act_word(act, a[v], act.words * j + k);
          s[v][r] =
              part ? dot_high(layout, act, s[v][r], row, x) : dot_low(layout, act, s[v][r], row, x);
        }
      }
      for (int v = 0; v < n; v++) s[v][r] = flush(layout, act, s[v][r], part);
    }
    w = next(w, step * at_once);
    for (int v = 0; v < n; v++) a[v] = next(a[v], 16 * act.words * at_once);
  }
  return w;
}

ALWAYS_INLINE const uint8_t *add_half(sotto_tile_layout layout, act_layout act, const uint8_t *w,
                                      const uint8_t *const x[2], const uint8_t *a[2], sums s[2][4],
                                      int n, bool splats, int part) {
  for (int v = 0; v < n; v++)
    for (int r = 0; r < 4; r++) s[v][r] = start(layout, act, s[v][r], x[v], part);
  return add_dots(layout, act, w, a, s, n, splats, part);
}

/* y[group][row] += half a panel · x, for n groups of four tokens; n and splats are constants. */
ALWAYS_INLINE void multiply(sotto_tile_layout layout, act_layout act, const panel *panel, int half,
                            size_t n_blocks, const uint8_t *const groups[2], v128_t *const y[2],
                            int n, bool splats) {
  const uint8_t *w = (const uint8_t *)panel->quants[half], *x[2];
  v128_t acc[2][4];
  for (int v = 0; v < n; v++) {
    x[v] = groups[v];
    for (int r = 0; r < 4; r++) acc[v][r] = y[v][r];
  }
  for (size_t b = 0; b < n_blocks; b++) {
    sums s[2][4];
    const uint8_t *a[2];
    for (int v = 0; v < n; v++) a[v] = x[v];
    w = add_half(layout, act, w, x, a, s, n, splats, 0);
    w = add_half(layout, act, w, x, a, s, n, splats, 1);
    const float *d = (const float *)&panel->scales[half][b * (1 + (size_t)layout.halves)];
    const float *m = (const float *)&panel->minima[half][b];
    for (int r = 0; r < 4; r++) {
      block_scales c;
      for (int i = 0; i <= layout.halves; i++) c.d[i] = wasm_v128_load32_splat(d + 4 * i + r);
      if (layout.has_min) c.m = wasm_v128_load32_splat(m + r);
      for (int v = 0; v < n; v++) acc[v][r] = add_block(layout, acc[v][r], s[v][r], c, act, x[v]);
    }
    for (int v = 0; v < n; v++) x[v] += act_block_bytes(act);
  }
  for (int v = 0; v < n; v++)
    for (int r = 0; r < 4; r++) y[v][r] = acc[v][r];
}
