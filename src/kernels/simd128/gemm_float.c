/* F32, F16 and BF16 weights times float32 activations: 8 rows x 1 token with the four chains side by
 * side, or 4 rows x 4 tokens with one chain after the other, which keeps all sums in registers. */
#include <string.h>

#include "kernels/simd128/simd.h"
#include "kernels/simd128/simd128.h"

typedef v128_t load_fn(const uint8_t *w, f16_constants f16);

/* Four weights as f32. */
ALWAYS_INLINE v128_t from_f32(const uint8_t *w, f16_constants f16) {
  (void)f16;
  return wasm_v128_load(w);
}
ALWAYS_INLINE v128_t from_f16(const uint8_t *w, f16_constants f16) {
  return load_f16(w, f16);
}
ALWAYS_INLINE v128_t from_bf16(const uint8_t *w, f16_constants f16) {
  (void)f16;
  return wasm_i32x4_shl(wasm_u32x4_load16x4(w), 16);
}

ALWAYS_INLINE v128_t fold_chains(const v128_t a[4]) {
  return wasm_f32x4_add(wasm_f32x4_add(a[0], a[1]), wasm_f32x4_add(a[2], a[3]));
}

/* y[h] = half h of the tile row · x */
ALWAYS_INLINE void dot_1(const uint8_t *w, const float *x, size_t k, size_t size, load_fn *load,
                         v128_t y[2]) {
  f16_constants f16 = hold_f16();
  v128_t a[2][4];
  for (int c = 0; c < 4; c++) a[0][c] = a[1][c] = wasm_f32x4_const_splat(0.0f);
  for (size_t i = 0; i < k; i += 4) {
    for (size_t c = 0; c < 4 && i + c < k; c++, w += 8 * size) {
      v128_t splat = wasm_v128_load32_splat(x + i + c);
      a[0][c] = mul_add(a[0][c], load(w, f16), splat);
      a[1][c] = mul_add(a[1][c], load(w + 4 * size, f16), splat);
    }
  }
  y[0] = fold_chains(a[0]), y[1] = fold_chains(a[1]);
}

/* y[u] = half a tile row · x[u], u = 0..3 */
ALWAYS_INLINE void dot_4(const uint8_t *w, const float *x, size_t x_stride, size_t k, size_t size,
                         load_fn *load, v128_t y[4]) {
  f16_constants f16 = hold_f16();
  v128_t chains[4][4];
  for (size_t c = 0; c < 4; c++) {
    v128_t a[4];
    for (int u = 0; u < 4; u++) a[u] = wasm_f32x4_const_splat(0.0f);
    for (size_t i = c; i < k; i += 4) {
      v128_t weights = load(w + 8 * i * size, f16);
      for (size_t u = 0; u < 4; u++)
        a[u] = mul_add(a[u], weights, wasm_v128_load32_splat(x + u * x_stride + i));
    }
    for (int u = 0; u < 4; u++) chains[u][c] = a[u];
  }
  for (int u = 0; u < 4; u++) y[u] = fold_chains(chains[u]);
}

ALWAYS_INLINE void store_rows(const sotto_gemm *g, size_t token, size_t row, v128_t y) {
  size_t n = row >= g->row1 ? 0 : g->row1 - row < 4 ? g->row1 - row : 4;
  memcpy(g->y + token * g->y_stride + row, &y, n * sizeof(float));
}

ALWAYS_INLINE void gemm(const sotto_gemm *g, size_t size, load_fn *load) {
  for (size_t row = g->row0; row < g->row1; row += SOTTO_TILE_ROWS) {
    const uint8_t *w = (const uint8_t *)g->w + row * g->k * size;
    size_t t = 0;
    v128_t y[4];
    for (; t + 4 <= g->n_tokens; t += 4) {
      for (size_t half = 0; half < 2; half++) {
        dot_4(w + 4 * half * size, g->x + t * g->x_stride, g->x_stride, g->k, size, load, y);
        for (size_t u = 0; u < 4; u++) store_rows(g, t + u, row + 4 * half, y[u]);
      }
    }
    for (; t < g->n_tokens; t++) {
      dot_1(w, g->x + t * g->x_stride, g->k, size, load, y);
      store_rows(g, t, row, y[0]), store_rows(g, t, row + 4, y[1]);
    }
  }
}

void sotto_gemm_F32__simd128(const sotto_gemm *g) {
  gemm(g, 4, from_f32);
}
void sotto_gemm_F16__simd128(const sotto_gemm *g) {
  gemm(g, 2, from_f16);
}
void sotto_gemm_BF16__simd128(const sotto_gemm *g) {
  gemm(g, 2, from_bf16);
}
