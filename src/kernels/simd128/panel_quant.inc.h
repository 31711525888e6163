/* Panels: a piece of eight rows that is unpacked once for many tokens. */
#include "kernels/simd128/gemv_quant.inc.h"

/* Eight rows of weights as the dots take them, for many tokens: of each half (4 rows) and each
 * block the vectors of prepare(), or of each row in all lanes; scales and minima. */
#define PIECE             24 /* blocks of a row that are unpacked at a time */
#define GROUPS_FOR_SPLATS 4
#define GROUPS            16 /* of four tokens, which a panel serves: 37 KB of stack in all */
#define MOST_SCALES       5
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
  if (kind.scales == SOTTO_PANEL_INTEGERS) return 1 + N_SUB_SCALES + 2 * kind.has_min;
  return 1 + (kind.scales == SOTTO_PANEL_HALVES) + kind.has_min;
}
ALWAYS_INLINE void store_scales(sotto_panel_kind kind, v128_t *to, block_scales c) {
  *to++ = c.d[0];
  if (kind.scales == SOTTO_PANEL_HALVES) *to++ = c.d[1];
  if (kind.has_min) *to++ = c.m;
  if (kind.scales != SOTTO_PANEL_INTEGERS) return;
  for (int i = 0; i < N_SUB_SCALES; i++) *to++ = c.sub[i];
  if (kind.has_min) *to = c.min;
}
ALWAYS_INLINE block_scales load_scales_of_row(sotto_panel_kind kind, const uint8_t *from) {
  block_scales c;
  c.d[0] = wasm_v128_load32_splat(from);
  if (kind.scales == SOTTO_PANEL_HALVES) c.d[1] = wasm_v128_load32_splat(from += 16);
  if (kind.has_min) c.m = wasm_v128_load32_splat(from += 16);
  if (kind.scales != SOTTO_PANEL_INTEGERS) return c;
  for (int i = 0; i < N_SUB_SCALES; i++) c.sub[i] = wasm_v128_load32_splat(from += 16);
  if (kind.has_min) c.min = wasm_v128_load32_splat(from + 16);
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
    sub +=
        (layout.panel.scales == SOTTO_PANEL_INTEGERS ? 8 : 4) * half; /* as if the first half's */
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
      store_scales(layout.panel, scales, scales_of(layout, tile_scales, sub, b, 0, held.nibble));
      scales += n_scales(layout.panel);
    }
  }
}
