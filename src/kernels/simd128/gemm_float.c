/* F32, F16 and BF16 weights times float32 activations: 4 rows x 1 token with the four chains side by
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

ALWAYS_INLINE v128_t dot_1(const uint8_t *w, const float *x, size_t k, size_t size, load_fn *load) {
  f16_constants f16 = hold_f16();
  v128_t a[4];
  for (int c = 0; c < 4; c++) a[c] = wasm_f32x4_const_splat(0.0f);
  size_t i = 0;
  for (; i + 4 <= k; i += 4, w += 16 * size)
    for (size_t c = 0; c < 4; c++)
      a[c] = mul_add(a[c], load(w + 4 * c * size, f16), wasm_v128_load32_splat(x + i + c));
  for (size_t c = 0; i + c < k; c++)
    a[c] = mul_add(a[c], load(w + 4 * c * size, f16), wasm_v128_load32_splat(x + i + c));
  return fold_chains(a);
}

/* y[u] = tile row · x[u], u = 0..3 */
ALWAYS_INLINE void dot_4(const uint8_t *w, const float *x, size_t x_stride, size_t k, size_t size,
                         load_fn *load, v128_t y[4]) {
  f16_constants f16 = hold_f16();
  v128_t chains[4][4];
  for (size_t c = 0; c < 4; c++) {
    v128_t a[4];
    for (int u = 0; u < 4; u++) a[u] = wasm_f32x4_const_splat(0.0f);
    for (size_t i = c; i < k; i += 4) {
      v128_t weights = load(w + 4 * i * size, f16);
      for (size_t u = 0; u < 4; u++)
        a[u] = mul_add(a[u], weights, wasm_v128_load32_splat(x + u * x_stride + i));
    }
    for (int u = 0; u < 4; u++) chains[u][c] = a[u];
  }
  for (int u = 0; u < 4; u++) y[u] = fold_chains(chains[u]);
}

ALWAYS_INLINE void gemm(const sotto_gemm *g, size_t size, load_fn *load) {
  for (size_t row = g->row0; row < g->row1; row += 4) {
    const uint8_t *w = (const uint8_t *)g->w + row * g->k * size;
    size_t n_rows = g->row1 - row < 4 ? g->row1 - row : 4;
    for (size_t t = 0; t < g->n_tokens;) {
      const float *x = g->x + t * g->x_stride;
      size_t n = g->n_tokens - t < 4 ? 1 : 4;
      v128_t y[4];
      if (n == 4)
        dot_4(w, x, g->x_stride, g->k, size, load, y);
      else
        y[0] = dot_1(w, x, g->k, size, load);
      for (size_t u = 0; u < n; u++, t++)
        memcpy(g->y + t * g->y_stride + row, &y[u], n_rows * sizeof(float));
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
