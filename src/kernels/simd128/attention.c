/* Attention: a page of keys or values is widened to float32 once and then serves all query rows,
 * two at a time. A row is a query head of a token. */
#include "kernels/simd128/exp.h"
#include "kernels/simd128/simd128.h"
#include "tensor/blocks.h"

/* The work at hand: rows of a call and where their parts lie. */
typedef struct rows {
  const sotto_attention *a;
  size_t n, most_keys, scores_stride;
  float *sums, *page, *scores; /* [n], [32][head_dim], [n][scores_stride] */
} rows;

static size_t row_offset(const sotto_attention *a, size_t row) {
  return row / a->n_rep * a->stride + row % a->n_rep * a->head_dim;
}

static void widen_f16(const uint16_t *x, size_t n, float *out) {
  f16_constants f16 = hold_f16();
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    wasm_v128_store(out + i, load_f16(x + i, f16));
    wasm_v128_store(out + i + 4, load_f16(x + i + 4, f16));
  }
  if (i < n) wasm_v128_store(out + i, load_f16(x + i, f16));
}

static void widen_q8_0(const char *x, size_t n, float *out) {
  f16_constants f16 = hold_f16();
  for (size_t i = 0; i < n; i += SOTTO_BLOCK_WEIGHTS, x += sizeof(sotto_block_q8_0)) {
    v128_t scale = f16_to_f32(wasm_i32x4_extend_low_i16x8(wasm_v128_load16_splat(x)), f16);
    for (size_t j = 0; j < 32; j += 8) {
      v128_t q = wasm_i16x8_load8x8(x + 2 + j);
      v128_t low = wasm_f32x4_convert_i32x4(wasm_i32x4_extend_low_i16x8(q));
      v128_t high = wasm_f32x4_convert_i32x4(wasm_i32x4_extend_high_i16x8(q));
      wasm_v128_store(out + i + j, wasm_f32x4_mul(low, scale));
      wasm_v128_store(out + i + j + 4, wasm_f32x4_mul(high, scale));
    }
  }
}

/* The first n values of a page as float32, in `room` or where they are. */
static const float *widen(sotto_dtype type, const void *page, size_t n, float *room) {
  if (type == SOTTO_F32) return page;
  if (type == SOTTO_Q8_0)
    widen_q8_0(page, n, room);
  else
    widen_f16(page, n, room);
  return room;
}

/* scores[r][0..n) = scale * (q[r] · key[0..n)), n rounded up to a multiple of 4; n_rows (1 or 2) is
 * a constant. */
ALWAYS_INLINE void score(const float *const q[2], const float *key, size_t head_dim, size_t n,
                         float scale, float *const scores[2], int n_rows) {
  v128_t scales = wasm_f32x4_splat(scale);
  for (size_t i = 0; i < n; i += 4, key += 4 * head_dim) {
    v128_t sum[2][4];
    for (int r = 0; r < n_rows; r++)
      for (int j = 0; j < 4; j++) sum[r][j] = wasm_f32x4_const_splat(0.0f);
    for (size_t d = 0; d < head_dim; d += 4) {
      v128_t x[2];
      for (int r = 0; r < n_rows; r++) x[r] = wasm_v128_load(q[r] + d);
      for (size_t j = 0; j < 4; j++) {
        v128_t k = wasm_v128_load(key + j * head_dim + d);
        for (int r = 0; r < n_rows; r++) sum[r][j] = mul_add(sum[r][j], x[r], k);
      }
    }
    for (int r = 0; r < n_rows; r++)
      wasm_v128_store(scores[r] + i, wasm_f32x4_mul(fold_rows(sum[r]), scales));
  }
}

/* All rows' scores with the first n keys of page p; up to three behind them are scored for
 * nothing. */
static void score_page(const rows *w, size_t p, size_t n) {
  const sotto_attention *a = w->a;
  const size_t d = a->head_dim;
  const float *keys = widen(a->k_type, a->k_pages[p], n * d, w->page);
  for (size_t row = 0; row < w->n; row += 2) {
    const size_t other = row + 1 < w->n ? row + 1 : row;
    const float *const q[2] = {a->q + row_offset(a, row), a->q + row_offset(a, other)};
    float *const scores[2] = {w->scores + row * w->scores_stride + p * SOTTO_KV_PAGE,
                              w->scores + other * w->scores_stride + p * SOTTO_KV_PAGE};
    if (other > row)
      score(q, keys, d, n, a->scale, scores, 2);
    else
      score(q, keys, d, n, a->scale, scores, 1);
  }
}

/* s[first] to s[n_keys - 1] become exp(s - max s), what is before and up to s[n] 0; the sum is
 * returned. There is room for n rounded up to a multiple of four. */
static float exponentiate(float *s, size_t first, size_t n_keys, size_t n) {
  for (size_t i = 0; i < first; i++) s[i] = -__builtin_inff(); /* adds +0 */
  for (size_t i = n_keys; i < n || i % 4 != 0; i++) s[i] = -__builtin_inff();
  v128_t max = wasm_v128_load(s);
  for (size_t i = 4; i < n; i += 4) max = wasm_f32x4_pmax(max, wasm_v128_load(s + i));
  max = wasm_f32x4_pmax(max, wasm_i32x4_shuffle(max, max, 2, 3, 0, 1));
  max = wasm_f32x4_pmax(max, wasm_i32x4_shuffle(max, max, 1, 0, 3, 2));
  exp_constants constants = hold_exp();
  v128_t sum = wasm_f32x4_const_splat(0.0f);
  for (size_t i = 0; i < n; i += 4) {
    v128_t p = exp_below_0(wasm_f32x4_sub(wasm_v128_load(s + i), max), constants);
    sum = wasm_f32x4_add(sum, p);
    wasm_v128_store(s + i, p);
  }
  return fold(sum);
}

/* out[r][0..16) += sum over i < n of p[r][i] * value[i]; n_rows (1 or 2) and n_vectors (1 or 4) are
 * constants. */
ALWAYS_INLINE void add_values(float *const out[2], const float *const p[2], const float *value,
                              size_t head_dim, size_t n, int n_rows, int n_vectors) {
  v128_t sum[2][4];
  for (int r = 0; r < n_rows; r++)
    for (int v = 0; v < n_vectors; v++) sum[r][v] = wasm_v128_load(out[r] + 4 * v);
  for (size_t i = 0; i < n; i++, value += head_dim) {
    v128_t x[2];
    for (int r = 0; r < n_rows; r++) x[r] = wasm_v128_load32_splat(p[r] + i);
    for (int v = 0; v < n_vectors; v++) {
      v128_t y = wasm_v128_load(value + 4 * v);
      for (int r = 0; r < n_rows; r++) sum[r][v] = mul_add(sum[r][v], x[r], y);
    }
  }
  for (int r = 0; r < n_rows; r++)
    for (int v = 0; v < n_vectors; v++) wasm_v128_store(out[r] + 4 * v, sum[r][v]);
}

ALWAYS_INLINE void mix(float *out0, float *out1, const float *const p[2], const float *values,
                       size_t head_dim, size_t n, int n_rows) {
  size_t d = 0;
  for (; d + 16 <= head_dim; d += 16)
    add_values((float *const[]){out0 + d, out1 + d}, p, values + d, head_dim, n, n_rows, 4);
  for (; d < head_dim; d += 4)
    add_values((float *const[]){out0 + d, out1 + d}, p, values + d, head_dim, n, n_rows, 1);
}

/* All rows' outputs += p · the first n values of page p. A row that does not see all of them has p
 * = 0 there, which changes no sum: none is ever -0, and values are finite. */
static void mix_page(const rows *w, size_t page, size_t n) {
  const sotto_attention *a = w->a;
  const float *values = widen(a->v_type, a->v_pages[page], n * a->head_dim, w->page);
  for (size_t row = 0; row < w->n; row += 2) {
    const size_t other = row + 1 < w->n ? row + 1 : row;
    const float *const p[2] = {w->scores + row * w->scores_stride + page * SOTTO_KV_PAGE,
                               w->scores + other * w->scores_stride + page * SOTTO_KV_PAGE};
    float *out0 = a->out + row_offset(a, row), *out1 = a->out + row_offset(a, other);
    if (other > row)
      mix(out0, out1, p, values, a->head_dim, n, 2);
    else
      mix(out0, out1, p, values, a->head_dim, n, 1);
  }
}

static size_t page_keys(const rows *w, size_t page) {
  const size_t left = w->most_keys - page * SOTTO_KV_PAGE;
  return left < SOTTO_KV_PAGE ? left : SOTTO_KV_PAGE;
}

void sotto_attention__simd128(const sotto_attention *a) {
  rows w = {
      .a = a, .n = a->n_tokens * a->n_rep, .most_keys = sotto_attention_keys(a, a->n_tokens - 1)};
  const size_t n_pages = (w.most_keys + SOTTO_KV_PAGE - 1) / SOTTO_KV_PAGE, d = a->head_dim;
  const size_t first_page = sotto_attention_first_key(a, 0) / SOTTO_KV_PAGE;
  const size_t unseen = first_page * SOTTO_KV_PAGE; /* keys, by any token */
  w.scores_stride = n_pages * SOTTO_KV_PAGE;
  w.sums = a->scratch;
  w.page = w.sums + w.n;
  w.scores = w.page + SOTTO_KV_PAGE * d;

  for (size_t p = first_page; p < n_pages; p++) score_page(&w, p, page_keys(&w, p));
  for (size_t row = 0; row < w.n; row++) {
    const size_t n_keys = sotto_attention_keys(a, row / a->n_rep) - unseen;
    const size_t first = sotto_attention_first_key(a, row / a->n_rep) - unseen;
    float *scores = w.scores + row * w.scores_stride + unseen;
    if (a->softcap != 0.0f) sotto_softcap__simd128(scores, n_keys, a->softcap);
    w.sums[row] = exponentiate(scores, first, n_keys, w.most_keys - unseen);
    float *out = a->out + row_offset(a, row);
    for (size_t i = 0; i < d; i += 4) wasm_v128_store(out + i, wasm_f32x4_const_splat(0.0f));
  }
  for (size_t p = first_page; p < n_pages; p++) mix_page(&w, p, page_keys(&w, p));
  for (size_t row = 0; row < w.n; row++) {
    float *out = a->out + row_offset(a, row);
    v128_t sum = wasm_f32x4_splat(w.sums[row]);
    for (size_t i = 0; i < d; i += 4)
      wasm_v128_store(out + i, wasm_f32x4_div(wasm_v128_load(out + i), sum));
  }
}
