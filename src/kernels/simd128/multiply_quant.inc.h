/* Many tokens through a panel; gemm_quant.inc.h includes this. */
#include "kernels/simd128/panel_quant.inc.h"

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
