/* The check of a variant against scalar at start-up: small, without allocation, on data that hold
 * the extremes of every format. tests/c/test_kernels.c is the thorough one. */
#include <string.h>

#include "base/bytes.h"
#include "kernels/kernels.h"
#include "kernels/tile.h"

enum { K = 64, ROWS = 14, TOKENS = 5, STRIDE = 15, HEAD_DIM = 20, KEYS = 31, N = 53 };
enum { ATTENDING = 4, HEADS = 3, ROWS_WIDTH = HEADS * HEAD_DIM + 3 };

static uint32_t next(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

/* -4 … 4 */
static void fill_floats(uint32_t *state, float *x, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] = ((float)next(state) - 0x1p23f) * 0x1p-21f;
}

/* f16 or bf16 of magnitude below 2. */
static void fill_halves(uint32_t *state, uint16_t *x, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] = (uint16_t)(next(state) & 0xBFFF);
}

static void fill_tiles(uint32_t *state, sotto_tile_layout layout, uint8_t *w, size_t n) {
  for (; n > 0; n--, w += layout.bytes) {
    for (int i = 0; i < layout.bytes; i++) w[i] = (uint8_t)next(state);
    if (next(state) % 4 == 0) memset(w + layout.quants, 0x80, (size_t)layout.quant_bytes);
    uint16_t halves[16];
    fill_halves(state, halves, 16);
    memcpy(w, halves, layout.has_min ? 32 : 16);
  }
}

static void fill_weights(uint32_t *state, sotto_dtype type, void *w, size_t n) {
  switch (type) {
#define T(NAME, offset, has_min, has_high, quant_bytes)                                            \
  case SOTTO_##NAME: fill_tiles(state, sotto_tile_##NAME, w, n / 256); break;
#include "kernels/tiles.def"
#undef T
  case SOTTO_F32: fill_floats(state, w, n); break;
  default: fill_halves(state, w, n);
  }
}

static void run_gemm(const sotto_kernels *kernels, sotto_dtype type, const void *w, const float *x,
                     bool wide, float y[TOKENS * STRIDE]) {
  uint32_t q[TOKENS * K];
  float scale[TOKENS * K / SOTTO_ACT_BLOCK];
  int32_t sum[TOKENS * K / SOTTO_ACT_BLOCK];
  const sotto_act act = {q, scale, sum, wide};
  const sotto_gemm gemm = {y, STRIDE, w, x, K, &act, 0, ROWS, K, TOKENS};
  memset(y, 0, TOKENS * STRIDE * sizeof *y);
  for (size_t t = 0; t < TOKENS; t++) kernels->quantize_act(x + t * K, K, &act, t);
  sotto_kernels_gemm(kernels, type)(&gemm);
}

static bool test_gemm(const sotto_kernels *kernels, sotto_dtype type, bool wide) {
  uint32_t state = 1;
  uint32_t w[16 * K];
  float x[TOKENS * K], y[TOKENS * STRIDE], expected[TOKENS * STRIDE];
  fill_weights(&state, type, w, 16 * K);
  fill_floats(&state, x, TOKENS * K);
  for (int i = 0; i < K; i++) x[i] = i < K / 2 ? 3.0f : -3.0f; /* quants of +-limit */
  run_gemm(&sotto_kernels_scalar, type, w, x, wide, expected);
  run_gemm(kernels, type, w, x, wide, y);
  return memcmp(y, expected, sizeof y) == 0;
}

static void run_attention(const sotto_kernels *kernels, float out[ATTENDING * ROWS_WIDTH]) {
  uint32_t state = 2;
  uint16_t k[2][SOTTO_KV_PAGE * HEAD_DIM], v[2][SOTTO_KV_PAGE * HEAD_DIM];
  float q[ATTENDING * ROWS_WIDTH];
  float scratch[HEADS * ATTENDING * (1 + 2 * SOTTO_KV_PAGE) + SOTTO_KV_PAGE * HEAD_DIM];
  const uint16_t *const k_pages[] = {k[0], k[1]}, *const v_pages[] = {v[0], v[1]};
  fill_halves(&state, k[0], sizeof k / sizeof(uint16_t));
  fill_halves(&state, v[0], sizeof v / sizeof(uint16_t));
  fill_floats(&state, q, ATTENDING * ROWS_WIDTH);
  memset(out, 0, ATTENDING * ROWS_WIDTH * sizeof *out);
  kernels->attention(&(sotto_attention){
      .out = out,
      .q = q,
      .stride = ROWS_WIDTH,
      .k_pages = k_pages,
      .v_pages = v_pages,
      .n_keys = KEYS,
      .n_tokens = ATTENDING,
      .n_rep = HEADS,
      .head_dim = HEAD_DIM,
      .scale = 0.25f,
      .scratch = scratch,
  });
}

/* All results of the kernels on vectors one after the other. */
static void run_vectors(const sotto_kernels *kernels, float out[6 * N]) {
  uint32_t state = 3;
  float x[N], y[N];
  fill_floats(&state, x, N);
  fill_floats(&state, y, N);
  memset(out, 0, 6 * N * sizeof *out);
  kernels->rms_norm(out, x, y, N, 1e-5f);
  kernels->swiglu(out + N, x, y, N);
  kernels->add(out + 2 * N, x, y, N);
  for (int neox = 0; neox < 2; neox++) {
    float *rotated = out + (3 + neox) * N;
    memcpy(rotated, x, sizeof x);
    kernels->rope(rotated, 2, 24, 22, neox, y);
  }
  uint16_t halves[N];
  for (int i = 0; i < N; i++) y[i] = y[i] * (i % 3 == 0 ? 0x1p-16f : i % 3 == 1 ? 0x1p14f : 1.0f);
  kernels->f32_to_f16(y, halves, N);
  for (int i = 0; i < N; i++) out[5 * N + i] = halves[i];
}

bool sotto_kernels_self_test(const sotto_kernels *kernels) {
  bool ok = true;
#define X(NAME, number, text, weights, bytes)                                                      \
  ok = test_gemm(kernels, SOTTO_##NAME, false) && ok;                                              \
  if (sotto_dtype_takes_act(SOTTO_##NAME)) ok = test_gemm(kernels, SOTTO_##NAME, true) && ok;
#include "tensor/dtypes.def"
#undef X
  float out[6 * N], expected[6 * N];
  _Static_assert(6 * N >= ATTENDING * ROWS_WIDTH, "room for the results of attention");
  run_attention(&sotto_kernels_scalar, expected);
  run_attention(kernels, out);
  ok = memcmp(out, expected, ATTENDING * ROWS_WIDTH * sizeof *out) == 0 && ok;
  run_vectors(&sotto_kernels_scalar, expected);
  run_vectors(kernels, out);
  return memcmp(out, expected, sizeof out) == 0 && ok;
}
