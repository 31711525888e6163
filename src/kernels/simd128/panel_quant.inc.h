/* Many tokens through a piece of eight rows that is unpacked once for all of them; see
 * gemm_quant.inc.h, which includes this. Unpacking knows the format, multiplying the kind of panel:
 * both are functions of their own, which formats share. */
#include "kernels/simd128/gemv_quant.inc.h"

/* Eight rows of weights as the dots take them, for many tokens: of each half (4 rows) and each
 * block the vectors of prepare(), or of each row in all lanes; scales and minima. */
#define PIECE             24 /* blocks of a row that are unpacked at a time */
#define GROUPS_FOR_SPLATS 4
#define GROUPS            16 /* of four tokens, which a panel serves: 37 KB of stack in all */
#define MOST_SCALES       6
typedef struct panel {
  v128_t quants[2][PIECE * 32];
  v128_t scales[2][MOST_SCALES * PIECE];
} panel;

ALWAYS_INLINE int panel_vectors(sotto_panel_kind kind, bool splats) {
  return splats ? 4 : n_vectors(kind);
}

/* What a panel keeps of a block's scales, one vector after the other, and back, for the row at
 * `from` in all lanes. */
ALWAYS_INLINE int n_scales(sotto_panel_kind kind) {
  if (kind.scales == SOTTO_PANEL_INTEGERS) return kind.has_min ? 6 : 3;
  return 1 + (kind.scales == SOTTO_PANEL_HALVES) + kind.has_min;
}
ALWAYS_INLINE void store_scales(sotto_panel_kind kind, v128_t *to, block_scales c) {
  *to++ = c.d[0];
  if (kind.scales == SOTTO_PANEL_HALVES) *to++ = c.d[1];
  if (kind.has_min) *to++ = c.m;
  for (int i = 0; i < 2 && kind.scales == SOTTO_PANEL_INTEGERS; i++) {
    *to++ = c.sub[i];
    if (kind.has_min) *to++ = c.min[i];
  }
}
ALWAYS_INLINE block_scales load_scales_of_row(sotto_panel_kind kind, const uint8_t *from) {
  block_scales c;
  c.d[0] = wasm_v128_load32_splat(from);
  if (kind.scales == SOTTO_PANEL_HALVES) c.d[1] = wasm_v128_load32_splat(from += 16);
  if (kind.has_min) c.m = wasm_v128_load32_splat(from += 16);
  for (int i = 0; i < 2 && kind.scales == SOTTO_PANEL_INTEGERS; i++) {
    c.sub[i] = wasm_v128_load32_splat(from += 16);
    if (kind.has_min) c.min[i] = wasm_v128_load32_splat(from += 16);
  }
  return c;
}

/* Of each of eight vectors the four rows, in all lanes. */
NEVER_INLINE void splat_rows(const v128_t rows[8], v128_t *to) {
  for (int i = 0; i < 8; i++, to += 4)
    for (int r = 0; r < 4; r++) to[r] = splat_lane(rows[i], r);
}

ALWAYS_INLINE void unpack_half(sotto_tile_layout layout, const uint8_t *tile, size_t n_tiles,
                               int half, panel *out, bool splats) {
  const held_constants held = hold(layout);
  const int n = n_vectors(layout.panel);
  v128_t *to = out->quants[half], *scales = out->scales[half];
  for (size_t t = 0; t < n_tiles; t++, tile += layout.bytes) {
    uint8_t bytes[SUB_SCALE_BYTES];
    const uint8_t *sub = unpack_sub_scales(layout, tile, bytes);
    const uint8_t *quants = tile + layout.quants + 16 * half;
    tile_scales tile_scales = load_scales(layout, tile, half, held.f16);
#pragma clang loop unroll(disable)
    for (int b = 0; b < layout.blocks; b++, quants += layout.block_bytes) {
      v128_t rest, rows[8 * 2], *block = splats ? rows : to;
      for (int j = 0; j < 4; j++) {
        if (j % groups_of_rest(layout) == 0) rest = load_rest(layout, quants, j);
        v128_t shared = load_shared(layout, quants, j, held.quants, &rest);
        for (int part = 0; part < 2; part++) {
          v128_t q = unpack(layout, shared, j, part, held.quants, &rest);
          weights w = weights_of(layout, q, held);
          for (int i = 0; i < n; i++) block[(4 * part + j) * n + i] = w.v[i];
        }
      }
      if (splats) splat_rows(rows, to);
      to += 8 * panel_vectors(layout.panel, splats);
      store_scales(layout.panel, scales, scales_of(layout, tile_scales, sub + 4 * half, b, 0));
      scales += n_scales(layout.panel);
    }
  }
}

ALWAYS_INLINE weights row_of(sotto_panel_kind kind, const uint8_t *w, int r, bool splats) {
  weights row;
  if (splats)
    row.v[0] = wasm_v128_load(w + 16 * r);
  else
    for (int i = 0; i < n_vectors(kind); i++) row.v[i] = splat_lane(wasm_v128_load(w + 16 * i), r);
  return row;
}

/* s += the dots of half a block, its first or second by `part`, a constant; w and a advance. */
ALWAYS_INLINE const uint8_t *add_dots(sotto_panel_kind kind, act_layout act, const uint8_t *w,
                                      const uint8_t *a[2], sums s[2][4], int n, bool splats,
                                      int part) {
  const int at_once = flush_after(kind), step = 16 * panel_vectors(kind, splats);
#pragma clang loop unroll(disable)
  for (int i = 0; i < 4; i += at_once) {
    for (int r = 0; r < 4; r++) {
      for (int j = 0; j < at_once; j++) {
        weights row = row_of(kind, w + step * j, r, splats);
        for (int v = 0; v < n; v++) {
          v128_t x[2];
          for (int k = 0; k < act.words; k++) x[k] = act_word(act, a[v], act.words * j + k);
          s[v][r] =
              part ? dot_high(kind, act, s[v][r], row, x) : dot_low(kind, act, s[v][r], row, x);
        }
      }
      for (int v = 0; v < n; v++) s[v][r] = flush(kind, act, s[v][r], part);
    }
    w = next(w, step * at_once);
    for (int v = 0; v < n; v++) a[v] = next(a[v], 16 * act.words * at_once);
  }
  return w;
}

ALWAYS_INLINE const uint8_t *add_half(sotto_panel_kind kind, act_layout act, const uint8_t *w,
                                      const uint8_t *const x[2], const uint8_t *a[2], sums s[2][4],
                                      int n, bool splats, int part) {
  for (int v = 0; v < n; v++)
    for (int r = 0; r < 4; r++) s[v][r] = start(kind, act, s[v][r], x[v], part);
  return add_dots(kind, act, w, a, s, n, splats, part);
}

/* y[group][row] += half a panel · x, for n groups of four tokens; n and splats are constants. */
ALWAYS_INLINE void multiply_groups(sotto_panel_kind kind, act_layout act, const panel *from,
                                   int half, size_t n_blocks, const uint8_t *const groups[2],
                                   v128_t *const y[2], int n, bool splats) {
  const uint8_t *w = (const uint8_t *)from->quants[half], *x[2];
  const uint8_t *scales = (const uint8_t *)from->scales[half];
  v128_t acc[2][4];
  for (int v = 0; v < n; v++) {
    x[v] = groups[v];
    for (int r = 0; r < 4; r++) acc[v][r] = y[v][r];
  }
  for (size_t b = 0; b < n_blocks; b++) {
    sums s[2][4];
    const uint8_t *a[2];
    for (int v = 0; v < n; v++) a[v] = x[v];
    w = add_half(kind, act, w, x, a, s, n, splats, 0);
    w = add_half(kind, act, w, x, a, s, n, splats, 1);
    for (int r = 0; r < 4; r++) {
      block_scales c = load_scales_of_row(kind, scales + 4 * r);
      for (int v = 0; v < n; v++) acc[v][r] = add_block(kind, acc[v][r], s[v][r], c, act, x[v]);
    }
    scales += 16 * n_scales(kind);
    for (int v = 0; v < n; v++) x[v] += act_block_bytes(act);
  }
  for (int v = 0; v < n; v++)
    for (int r = 0; r < 4; r++) y[v][r] = acc[v][r];
}

/* The same for n = 1 or 2, of which the latter comes only where n_groups() has it. */
ALWAYS_INLINE void multiply(sotto_panel_kind kind, act_layout act, const panel *from, int half,
                            size_t n_blocks, const uint8_t *const x[2], v128_t *const y[2], int n,
                            bool splats) {
  const bool pairs = n_groups(kind, act) == 2, can_splat = has_splats(kind, act);
  if (pairs && n == 2 && can_splat && splats)
    multiply_groups(kind, act, from, half, n_blocks, x, y, 2, true);
  else if (pairs && n == 2)
    multiply_groups(kind, act, from, half, n_blocks, x, y, 2, false);
  else if (can_splat && splats)
    multiply_groups(kind, act, from, half, n_blocks, x, y, 1, true);
  else
    multiply_groups(kind, act, from, half, n_blocks, x, y, 1, false);
}
