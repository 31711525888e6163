/* Attention, page by page: each key and value is converted once for two query heads. */
#include "kernels/simd128/simd.h"
#include "kernels/simd128/simd128.h"

/* Lane i = fold of row i. */
ALWAYS_INLINE v128_t fold_rows(const v128_t r[4]) {
  v128_t low01 = wasm_i32x4_shuffle(r[0], r[1], 0, 4, 1, 5);  /* 00 10 01 11 */
  v128_t low23 = wasm_i32x4_shuffle(r[2], r[3], 0, 4, 1, 5);  /* 20 30 21 31 */
  v128_t high01 = wasm_i32x4_shuffle(r[0], r[1], 2, 6, 3, 7); /* 02 12 03 13 */
  v128_t high23 = wasm_i32x4_shuffle(r[2], r[3], 2, 6, 3, 7);
  v128_t lane0 = wasm_i64x2_shuffle(low01, low23, 0, 2),
         lane1 = wasm_i64x2_shuffle(low01, low23, 1, 3);
  v128_t lane2 = wasm_i64x2_shuffle(high01, high23, 0, 2);
  v128_t lane3 = wasm_i64x2_shuffle(high01, high23, 1, 3);
  return wasm_f32x4_add(wasm_f32x4_add(lane0, lane1), wasm_f32x4_add(lane2, lane3));
}

/* scores[h][0..4) = scale * (q[h] · key[0..4)) for n_heads (1 or 2, a constant) heads. */
ALWAYS_INLINE void score_4(const float *q, const uint16_t *const key[4], size_t head_dim,
                           v128_t scale, float *scores, size_t scores_stride, size_t n_heads) {
  f16_constants f16 = hold_f16();
  v128_t sum[2][4];
  for (size_t h = 0; h < n_heads; h++)
    for (int i = 0; i < 4; i++) sum[h][i] = wasm_f32x4_const_splat(0.0f);
  for (size_t d = 0; d < head_dim; d += 4) {
    v128_t q0 = wasm_v128_load(q + d);
    v128_t q1 = n_heads == 2 ? wasm_v128_load(q + head_dim + d) : q0;
    for (int i = 0; i < 4; i++) {
      v128_t k = load_f16(key[i] + d, f16);
      sum[0][i] = mul_add(sum[0][i], q0, k);
      if (n_heads == 2) sum[1][i] = mul_add(sum[1][i], q1, k);
    }
  }
  for (size_t h = 0; h < n_heads; h++)
    wasm_v128_store(scores + h * scores_stride, wasm_f32x4_mul(fold_rows(sum[h]), scale));
}

static void score(const sotto_attention *a, size_t scores_stride) {
  v128_t scale = wasm_f32x4_splat(a->scale);
  for (size_t i = 0; i < a->n_keys; i += 4) {
    const uint16_t *page = a->k_pages[i / SOTTO_KV_PAGE], *key[4];
    for (size_t j = 0; j < 4; j++) { /* past the end the last key stands in */
      size_t position = i + j < a->n_keys ? i + j : a->n_keys - 1;
      key[j] = page + position % SOTTO_KV_PAGE * a->head_dim;
    }
    size_t h = 0;
    for (; h + 2 <= a->n_rep; h += 2)
      score_4(a->q + h * a->head_dim, key, a->head_dim, scale, a->scores + h * scores_stride + i,
              scores_stride, 2);
    if (h < a->n_rep)
      score_4(a->q + h * a->head_dim, key, a->head_dim, scale, a->scores + h * scores_stride + i,
              scores_stride, 1);
  }
}

/* s[n] becomes exp(s - max s); the sum is returned. Room for a multiple of four. */
static float exponentiate(float *s, size_t n) {
  for (size_t i = n; i % 4 != 0; i++) s[i] = -__builtin_inff(); /* adds +0 to the sum */
  v128_t max = wasm_v128_load(s);
  for (size_t i = 4; i < n; i += 4) max = wasm_f32x4_max(max, wasm_v128_load(s + i));
  max = wasm_f32x4_max(max, wasm_i32x4_shuffle(max, max, 2, 3, 0, 1));
  max = wasm_f32x4_max(max, wasm_i32x4_shuffle(max, max, 1, 0, 3, 2));
  v128_t sum = wasm_f32x4_const_splat(0.0f);
  for (size_t i = 0; i < n; i += 4) {
    v128_t p = exp_f32(wasm_f32x4_sub(wasm_v128_load(s + i), max));
    sum = wasm_f32x4_add(sum, p);
    wasm_v128_store(s + i, p);
  }
  return fold(sum);
}

/* out[h][0..4 * n_vectors) += sum over i < n of p[h][i] * value[i]; n_heads (1 or 2) and n_vectors
 * (1 or 4) are constants. */
ALWAYS_INLINE void add_values(float *out, const float *p, size_t scores_stride,
                              const uint16_t *value, size_t head_dim, size_t n, int n_heads,
                              int n_vectors) {
  f16_constants f16 = hold_f16();
  v128_t sum[2][4];
  for (int h = 0; h < n_heads; h++)
    for (int v = 0; v < n_vectors; v++)
      sum[h][v] = wasm_v128_load(out + (size_t)h * head_dim + 4 * v);
  for (size_t i = 0; i < n; i++, value += head_dim) {
    v128_t p0 = wasm_v128_load32_splat(p + i);
    v128_t p1 = n_heads == 2 ? wasm_v128_load32_splat(p + scores_stride + i) : p0;
    for (int v = 0; v < n_vectors; v++) {
      v128_t x = load_f16(value + 4 * v, f16);
      sum[0][v] = mul_add(sum[0][v], p0, x);
      if (n_heads == 2) sum[1][v] = mul_add(sum[1][v], p1, x);
    }
  }
  for (int h = 0; h < n_heads; h++)
    for (int v = 0; v < n_vectors; v++)
      wasm_v128_store(out + (size_t)h * head_dim + 4 * v, sum[h][v]);
}

ALWAYS_INLINE void add_page(float *out, const float *p, size_t scores_stride, const uint16_t *page,
                            size_t head_dim, size_t n, int n_heads) {
  size_t d = 0;
  for (; d + 16 <= head_dim; d += 16)
    add_values(out + d, p, scores_stride, page + d, head_dim, n, n_heads, 4);
  for (; d < head_dim; d += 4)
    add_values(out + d, p, scores_stride, page + d, head_dim, n, n_heads, 1);
}

/* out[n_heads][head_dim] = sum over positions of p[h][i] * value[i], over the sum of p[h]. */
ALWAYS_INLINE void mix(const sotto_attention *a, float *out, float *p, size_t scores_stride,
                       int n_heads) {
  for (size_t d = 0; d < (size_t)n_heads * a->head_dim; d += 4)
    wasm_v128_store(out + d, wasm_f32x4_const_splat(0.0f));
  v128_t sum[2];
  for (int h = 0; h < n_heads; h++)
    sum[h] = wasm_f32x4_splat(exponentiate(p + (size_t)h * scores_stride, a->n_keys));
  for (size_t i = 0; i < a->n_keys; i += SOTTO_KV_PAGE) {
    size_t n = a->n_keys - i < SOTTO_KV_PAGE ? a->n_keys - i : SOTTO_KV_PAGE;
    add_page(out, p + i, scores_stride, a->v_pages[i / SOTTO_KV_PAGE], a->head_dim, n, n_heads);
  }
  for (int h = 0; h < n_heads; h++, out += a->head_dim)
    for (size_t d = 0; d < a->head_dim; d += 4)
      wasm_v128_store(out + d, wasm_f32x4_div(wasm_v128_load(out + d), sum[h]));
}

void sotto_attention__simd128(const sotto_attention *a) {
  size_t stride = (a->n_keys + SOTTO_KV_PAGE - 1) / SOTTO_KV_PAGE * SOTTO_KV_PAGE;
  score(a, stride);
  size_t h = 0;
  for (; h + 2 <= a->n_rep; h += 2)
    mix(a, a->out + h * a->head_dim, a->scores + h * stride, stride, 2);
  if (h < a->n_rep) mix(a, a->out + h * a->head_dim, a->scores + h * stride, stride, 1);
}
