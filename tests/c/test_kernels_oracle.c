/* The scalar kernels, which all others repeat, against plain double precision. */
#include <math.h>
#include <stdlib.h>

#include "kernels/kernels.h"
#include "test.h"

#define EPS 0x1p-24 /* half of the last bit of 1.0f */

static uint32_t state;

static float uniform(void) { /* -1 … 1 */
  state = state * 1664525u + 1013904223u;
  return ((float)(state >> 8) - 0x1p23f) * 0x1p-23f;
}

/* x as the GEMM of quantised weights sees it: nearest-even in steps of max / limit a block. */
static void round_activations(const float *x, size_t k, float limit, double *out) {
  for (size_t b = 0; b < k; b += 32) {
    float max = 0.0f;
    for (size_t i = b; i < b + 32; i++) max = fmaxf(max, fabsf(x[i]));
    float inv = limit / max;
    for (size_t i = b; i < b + 32; i++)
      out[i] = max == 0.0f ? 0.0 : nearbyint((double)(x[i] * inv)) * ((double)max / (double)limit);
  }
}

static void check_gemm(sotto_dtype type, size_t rows, size_t k, size_t tokens, bool wide) {
  size_t row = (size_t)sotto_dtype_row_bytes(type, k);
  unsigned char *file = malloc(rows * row),
                *packed = malloc((size_t)sotto_packed_bytes(type, rows, k));
  float *w = malloc(k * sizeof *w), *x = malloc(tokens * k * sizeof *x);
  float *y = malloc(tokens * rows * sizeof *y);
  double *rounded = malloc(k * sizeof *rounded);
  size_t n_blocks = tokens * (k / SOTTO_ACT_BLOCK);
  sotto_act act = {malloc((size_t)sotto_act_bytes(k, tokens)), malloc(n_blocks * sizeof(float) + 1),
                   malloc(n_blocks * sizeof(int32_t) + 1), wide, tokens};
  for (size_t r = 0; r < rows; r++) {
    for (size_t i = 0; i < k; i++) w[i] = uniform() + 0.25f;
    sotto_quantize_row(type, w, file + r * row, k);
  }
  for (size_t r = 0; r < rows; r += 8)
    sotto_pack_tile_row(type, file + r * row, rows - r < 8 ? rows - r : 8, k, packed + r * row);
  for (size_t i = 0; i < tokens * k; i++) x[i] = uniform() * (i / 32 % 3 == 2 ? 1e-3f : 4.0f);
  if (sotto_dtype_takes_act(type))
    for (size_t t = 0; t < tokens; t++) sotto_kernels_scalar.quantize_act(x + t * k, k, &act, t);
  sotto_gemm gemm = {y, rows, packed, x, k, &act, 0, rows, k, tokens, 1};
  sotto_kernels_gemm(&sotto_kernels_scalar, type)(&gemm);
  for (size_t r = 0; r < rows; r++) {
    sotto_dequantize_row(type, file + r * row, w, k);
    for (size_t t = 0; t < tokens; t++) {
      if (sotto_dtype_takes_act(type))
        round_activations(x + t * k, k, wide ? 32512.0f : 127.0f, rounded);
      else
        for (size_t i = 0; i < k; i++) rounded[i] = x[t * k + i];
      double sum = 0.0, magnitude = 0.0;
      for (size_t i = 0; i < k; i++) {
        sum += (double)w[i] * rounded[i];
        magnitude += fabs((double)w[i] * rounded[i]);
      }
      /* Each of the sum's steps and each factor (scale, product) is off by at most EPS of what it
       * holds; minima can make terms larger than their sum: factor 4. */
      double steps = sotto_dtype_takes_act(type) ? 4 * (double)(k / 32 + 8) : (double)k / 4 + 4;
      if (!CHECK(fabs(sum - (double)y[t * rows + r]) <= steps * EPS * magnitude))
        printf("    %s%s, k %zu: %.9g, not %.9g\n", sotto_dtype_name(type), wide ? " wide" : "", k,
               (double)y[t * rows + r], sum);
    }
  }
  free(file), free(packed), free(w), free(x), free(y), free(rounded);
  free(act.q), free(act.scale), free(act.sum);
}

TEST(kernels_scalar_gemm_is_the_dot_product) {
  state = 1;
#define X(NAME, number, text, weights, bytes)                                                      \
  for (int wide = 0; wide <= sotto_dtype_takes_act(SOTTO_##NAME); wide++) {                        \
    check_gemm(SOTTO_##NAME, 7, weights == 256 ? 256 : 96, 3, wide);                               \
    check_gemm(SOTTO_##NAME, 4, weights == 256 ? 768 : 576, 2, wide);                              \
    check_gemm(SOTTO_##NAME, 1, 4096, 1, wide);                                                    \
  }                                                                                                \
  if (!sotto_dtype_takes_act(SOTTO_##NAME)) check_gemm(SOTTO_##NAME, 5, 37, 2, false);
#include "tensor/dtypes.def"
#undef X
}

/* The order and width of quants are the variant's: scalar holds int16 in plain order. */
static void check_quantize_act(bool wide, float limit, float too_small, float large_enough) {
  enum { K = 128 };
  float x[K], scale[K / 32];
  int32_t sum[K / 32];
  int16_t q[K];
  sotto_act act = {q, scale, sum, wide, 1};
  /* Ties go to the even quant, of either sign: the maximum is limit, so that x is the quant. */
  for (int i = 0; i < 32; i++) x[i] = ((float)i + 0.5f) * (i % 3 ? 1.0f : -1.0f);
  x[31] = -limit;
  /* All zero, a maximum whose inverse overflows, and one whose inverse does not. */
  for (int i = 32; i < 64; i++) x[i] = -0.0f;
  for (int i = 64; i < 96; i++) x[i] = too_small;
  for (int i = 96; i < 128; i++) x[i] = i % 2 ? -large_enough : large_enough * 0.5f;
  sotto_kernels_scalar.quantize_act(x, K, &act, 0);
  CHECK(scale[0] == 1.0f && scale[1] == 0.0f && scale[2] == 0.0f);
  CHECK(!signbit(scale[1]) && scale[3] == large_enough / limit && scale[3] > 0.0f);
  int total = 0;
  for (int i = 0; i < 31; i++) {
    int even = (i + i % 2) * (i % 3 ? 1 : -1); /* 0.5 -> 0, 1.5 -> 2, 2.5 -> 2 … */
    CHECK(q[i] == even);
    total += even;
  }
  CHECK(q[31] == -(int)limit && sum[0] == total - (int)limit && sum[1] == 0 && sum[2] == 0);
  for (int i = 32; i < 96; i++) CHECK(q[i] == 0);
  for (int i = 97; i < 128; i += 2) CHECK(q[i] == -(int)limit);
  x[40] = INFINITY;
  x[70] = NAN;
  sotto_kernels_scalar.quantize_act(x, K, &act, 0);
  CHECK(scale[0] == 1.0f && scale[1] != scale[1] && scale[2] != scale[2]);
  for (int i = 32; i < 96; i++) CHECK(q[i] == 0);
}

TEST(kernels_scalar_quantize_act) {
  check_quantize_act(false, 127.0f, 3.7e-37f, 3.8e-37f);
  check_quantize_act(true, 32512.0f, 9.5e-35f, 9.6e-35f);
}

static void check_nan(bool wide) {
  enum { K = 256 };
  float w[K], x[K], scale[K / 32], y[4];
  int32_t sum[K / 32];
  int16_t q[K];
  unsigned char file[2 * K], packed[8 * 2 * K];
  sotto_act act = {q, scale, sum, wide, 1};
  state = 2;
  for (int i = 0; i < K; i++) w[i] = x[i] = uniform();
  x[K - 1] = NAN;
#define X(NAME, number, text, weights, bytes)                                                      \
  if (sotto_dtype_takes_act(SOTTO_##NAME)) {                                                       \
    sotto_quantize_row(SOTTO_##NAME, w, file, K);                                                  \
    sotto_pack_tile_row(SOTTO_##NAME, file, 1, K, packed);                                         \
    sotto_kernels_scalar.quantize_act(x, K, &act, 0);                                              \
    sotto_gemm gemm = {y, 1, packed, x, K, &act, 0, 1, K, 1, 1};                                   \
    sotto_kernels_scalar.gemm_##NAME(&gemm);                                                       \
    CHECK(y[0] != y[0]);                                                                           \
  }
#include "tensor/dtypes.def"
#undef X
}

TEST(kernels_scalar_nan_activation_reaches_the_result) {
  check_nan(false);
  check_nan(true);
}

static void check_attention(sotto_dtype type, size_t first_keys, size_t n_tokens, size_t head_dim,
                            size_t n_rep, size_t window, float softcap) {
  const size_t n_keys = first_keys + n_tokens - 1, n_rows = n_tokens * n_rep;
  size_t n_pages = (n_keys + 31) / 32, page = SOTTO_KV_PAGE * head_dim;
  const size_t page_bytes = (size_t)sotto_dtype_row_bytes(type, page);
  float *k = malloc(n_pages * page * sizeof *k), *v = malloc(n_pages * page * sizeof *v);
  char *k_rows = malloc(n_pages * page_bytes), *v_rows = malloc(n_pages * page_bytes);
  const void **k_pages = malloc(n_pages * sizeof *k_pages);
  const void **v_pages = malloc(n_pages * sizeof *v_pages);
  float *q = malloc(n_rows * head_dim * sizeof *q), *out = malloc(n_rows * head_dim * sizeof *out);
  float *scratch =
      malloc((size_t)sotto_attention_scratch(n_rows, n_keys, head_dim) * sizeof *scratch);
  double *p = malloc(n_keys * sizeof *p);
  for (size_t i = 0; i < n_pages * page; i++) {
    k[i] = uniform() * 3.0f;
    v[i] = uniform();
  }
  for (size_t i = 0; i < n_pages; i++) { /* pages lie in any order */
    k_pages[i] = k_rows + (n_pages - 1 - i) * page_bytes;
    v_pages[i] = v_rows + (n_pages - 1 - i) * page_bytes;
    sotto_quantize_row(type, k + i * page, (void *)(uintptr_t)k_pages[i], page);
    sotto_quantize_row(type, v + i * page, (void *)(uintptr_t)v_pages[i], page);
    sotto_dequantize_row(type, k_pages[i], k + i * page, page);
    sotto_dequantize_row(type, v_pages[i], v + i * page, page);
  }
  for (size_t i = 0; i < n_rows * head_dim; i++) q[i] = uniform() * 2.0f;
  float scale = 1.0f / sqrtf((float)head_dim);
  sotto_kernels_scalar.attention(&(sotto_attention){.out = out,
                                                    .q = q,
                                                    .stride = n_rep * head_dim,
                                                    .k_pages = k_pages,
                                                    .v_pages = v_pages,
                                                    .k_type = type,
                                                    .v_type = type,
                                                    .n_keys = first_keys,
                                                    .n_tokens = n_tokens,
                                                    .n_rep = n_rep,
                                                    .head_dim = head_dim,
                                                    .scale = scale,
                                                    .window = window,
                                                    .softcap = softcap,
                                                    .scratch = scratch});
  for (size_t row = 0; row < n_rows; row++) {
    const size_t visible = first_keys + row / n_rep;
    const size_t first = window && visible > window ? visible - window : 0;
    double max = -INFINITY, sum = 0.0;
    for (size_t i = first; i < visible; i++) {
      const float *key = k + i * head_dim;
      p[i] = 0.0;
      for (size_t d = 0; d < head_dim; d++) p[i] += (double)q[row * head_dim + d] * (double)key[d];
      p[i] *= (double)scale;
      if (softcap != 0.0f) p[i] = (double)softcap * tanh(p[i] / (double)softcap);
      max = fmax(max, p[i]);
    }
    for (size_t i = first; i < visible; i++) sum += p[i] = exp(p[i] - max);
    for (size_t d = 0; d < head_dim; d++) {
      double expected = 0.0;
      for (size_t i = first; i < visible; i++) expected += p[i] * (double)v[i * head_dim + d] / sum;
      /* |v| <= 1, so the result is at most 1; the scores' error moves through exp. */
      CHECK(fabs(expected - (double)out[row * head_dim + d]) < 1e-5);
    }
  }
  free(k), free(v), free(k_rows), free(v_rows), free(k_pages), free(v_pages), free(q), free(out),
      free(scratch), free(p);
}

TEST(kernels_scalar_attention_is_softmax_of_scores) {
  state = 3;
  check_attention(SOTTO_F16, 1, 1, 4, 1, 0, 0);
  check_attention(SOTTO_F16, 5, 1, 8, 2, 0, 0);
  check_attention(SOTTO_F16, 5, 1, 8, 2, 1, 0);
#define K(NAME, name)                                                                              \
  check_attention(SOTTO_##NAME, 32, 1, 64, 3, 0, 0);                                               \
  check_attention(SOTTO_##NAME, 30, 5, 64, 1, 0, 0);                                               \
  check_attention(SOTTO_##NAME, 30, 5, 64, 1, 31, 0);                                              \
  check_attention(SOTTO_##NAME, 100, 2, 128, 4, 0, 0);                                             \
  check_attention(SOTTO_##NAME, 100, 2, 128, 4, 33, 0);                                            \
  check_attention(SOTTO_##NAME, 100, 2, 128, 4, 33, 2.5f);
#include "kernels/kv_types.def"
#undef K
}

TEST(kernels_scalar_vectors) {
  enum { N = 577 };
  static float x[N], y[N], out[N];
  state = 4;
  for (int i = 0; i < N; i++) x[i] = uniform() * 8.0f, y[i] = uniform();
  double squares = 0.0;
  for (int i = 0; i < N; i++) squares += (double)x[i] * (double)x[i];
  double r = 1.0 / sqrt(squares / N + 1e-5);
  sotto_kernels_scalar.rms_norm(out, x, y, N, 1e-5f);
  for (int i = 0; i < N; i++)
    CHECK(fabs((double)out[i] - (double)x[i] * r * (double)y[i]) <= 1e-5 * fabs((double)out[i]));
  sotto_kernels_scalar.swiglu(out, x, y, N);
  for (int i = 0; i < N; i++) {
    double expected = (double)x[i] / (1.0 + exp(-(double)x[i])) * (double)y[i];
    CHECK(fabs((double)out[i] - expected) <= 8 * EPS * fabs(expected));
  }
  sotto_kernels_scalar.geglu(out, x, y, N);
  for (int i = 0; i < N; i++) {
    const double v = (double)x[i], root = sqrt(2.0 / acos(-1.0));
    double expected = 0.5 * v * (1.0 + tanh(root * (v + 0.044715 * v * v * v))) * (double)y[i];
    /* Far below zero 1 + tanh of doubles has few digits left. */
    CHECK(fabs((double)out[i] - expected) <= 32 * EPS * fabs(expected) + 1e-14);
  }
  sotto_kernels_scalar.gelu(out, x, N);
  for (int i = 0; i < N; i++) {
    const double v = (double)x[i], expected = v * 0.5 * erfc(-v * sqrt(0.5));
    CHECK(fabs((double)out[i] - expected) <= 2 * EPS * fabs(v));
  }
  double mean = 0.0, variance = 0.0;
  for (int i = 0; i < N; i++) mean += (double)x[i] / N;
  for (int i = 0; i < N; i++) variance += ((double)x[i] - mean) * ((double)x[i] - mean) / N;
  static float bias[N];
  for (int i = 0; i < N; i++) bias[i] = uniform();
  sotto_kernels_scalar.layer_norm(out, x, y, bias, N, 1e-5f);
  for (int i = 0; i < N; i++) {
    const double v = ((double)x[i] - mean) / sqrt(variance + 1e-5) * (double)y[i];
    CHECK(fabs((double)out[i] - (v + (double)bias[i])) <=
          1e-6 * (fabs(v) + fabs((double)bias[i]) + 1));
  }
  memcpy(out, x, sizeof out);
  sotto_kernels_scalar.softcap(out, N, 3.0f);
  for (int i = 0; i < N; i++) {
    const double expected = 3.0 * tanh((double)x[i] / 3.0);
    CHECK(fabs((double)out[i] - expected) <= 8 * EPS * fabs(expected));
  }
  sotto_kernels_scalar.add(out, x, y, N);
  for (int i = 0; i < N; i++) CHECK(out[i] == x[i] + y[i]);
}

/* Rotation keeps the pairs' lengths and turns by the angle; values past n_rot stay. */
TEST(kernels_scalar_rope_rotates) {
  enum { HEAD_DIM = 12, N_ROT = 8, HEADS = 2 };
  float x[HEADS * HEAD_DIM], turned[HEADS * HEAD_DIM], cos_sin[N_ROT];
  state = 5;
  for (int i = 0; i < HEADS * HEAD_DIM; i++) x[i] = uniform();
  for (int p = 0; p < N_ROT / 2; p++) {
    cos_sin[2 * p] = (float)cos(0.1 + p);
    cos_sin[2 * p + 1] = (float)sin(0.1 + p);
  }
  for (int neox = 0; neox < 2; neox++) {
    memcpy(turned, x, sizeof x);
    sotto_kernels_scalar.rope(turned, HEADS, HEAD_DIM, N_ROT, neox, cos_sin);
    for (int h = 0; h < HEADS; h++) {
      const float *before = x + h * HEAD_DIM, *after = turned + h * HEAD_DIM;
      for (int p = 0; p < N_ROT / 2; p++) {
        int i = neox ? p : 2 * p, j = neox ? p + N_ROT / 2 : 2 * p + 1;
        double length = hypot((double)before[i], (double)before[j]);
        double angle = atan2((double)before[j], (double)before[i]) + 0.1 + p;
        CHECK(fabs((double)after[i] - length * cos(angle)) < 1e-6);
        CHECK(fabs((double)after[j] - length * sin(angle)) < 1e-6);
      }
      CHECK(memcmp(before + N_ROT, after + N_ROT, (HEAD_DIM - N_ROT) * sizeof *x) == 0);
    }
  }
}
