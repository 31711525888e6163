/* The check of a variant against scalar at start-up: small, without allocation, on data that hold
 * the extremes of every format. tests/c/test_kernels.c is the thorough one. */
#include <string.h>

#include "base/bytes.h"
#include "kernels/kernels.h"
#include "kernels/tile.h"
#include "tensor/blocks.h"

enum { K = 256, ROWS = 14, TOKENS = 5, STRIDE = 15, KEYS = 31, N = 53, VECTORS = 9 };
enum { ATTENDING = 4, HEADS = 3, MAX_HEAD_DIM = 32, STRIDE_Q = HEADS * MAX_HEAD_DIM + 3 };

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
    for (int b = 0; b < layout.blocks; b++)
      if (next(state) % 4 == 0)
        memset(w + layout.quants + b * layout.block_bytes, layout.bits == 8 ? 0x80 : 0xFF,
               (size_t)layout.block_bytes);
    uint16_t halves[16];
    fill_halves(state, halves, 16);
    if (layout.scales != SOTTO_SCALES_E8M0) memcpy(w, halves, layout.panel.has_min ? 32 : 16);
    for (int r = 0; r < SOTTO_TILE_ROWS && layout.scales == SOTTO_SCALES_E8M0; r++) w[r] %= 150;
  }
}

static void fill_weights(uint32_t *state, sotto_dtype type, void *w, size_t n) {
  switch (type) {
#define T(NAME, ...)                                                                               \
  case SOTTO_##NAME:                                                                               \
    fill_tiles(state, sotto_tile_##NAME, w, n / (256 * (size_t)sotto_tile_##NAME.blocks));         \
    break;
#include "kernels/tiles.def"
#undef T
  case SOTTO_F32: fill_floats(state, w, n); break;
  default: fill_halves(state, w, n);
  }
}

static void run_gemm(const sotto_kernels *kernels, sotto_dtype type, const void *w, const float *x,
                     bool wide, float y[TOKENS * STRIDE]) {
  unsigned char q[(TOKENS / 4 + 3) * (K / 32) * SOTTO_ACT_GROUP_BYTES];
  float scale[TOKENS * K / SOTTO_ACT_BLOCK];
  int32_t sum[TOKENS * K / SOTTO_ACT_BLOCK];
  const sotto_act act = {q, scale, sum, wide, TOKENS};
  const sotto_gemm gemm = {y, STRIDE, w, x, K, &act, 0, ROWS, K, TOKENS, 1};
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

static void fill_rows(uint32_t *state, sotto_dtype type, void *rows, size_t n) {
  uint8_t *block = rows;
  switch (type) {
  case SOTTO_F32: fill_floats(state, rows, n); break;
  case SOTTO_F16: fill_halves(state, rows, n); break;
  default: /* Q8_0 */
    for (size_t b = 0; b < n / 32; b++, block += sizeof(sotto_block_q8_0)) {
      for (int i = 2; i < (int)sizeof(sotto_block_q8_0); i++) block[i] = (uint8_t)next(state);
      uint16_t scale;
      fill_halves(state, &scale, 1);
      memcpy(block, &scale, sizeof scale);
    }
  }
}

static void run_attention(const sotto_kernels *kernels, sotto_dtype type, float softcap,
                          float out[ATTENDING * STRIDE_Q]) {
  enum { PAGE = SOTTO_KV_PAGE * MAX_HEAD_DIM };
  uint32_t state = 2;
  float k[2][PAGE], v[2][PAGE], q[ATTENDING * STRIDE_Q];
  float scratch[HEADS * ATTENDING * (1 + 2 * SOTTO_KV_PAGE) + PAGE];
  for (int p = 0; p < 2; p++) {
    fill_rows(&state, type, k[p], PAGE);
    fill_rows(&state, type, v[p], PAGE);
  }
  fill_floats(&state, q, ATTENDING * STRIDE_Q);
  memset(out, 0, ATTENDING * STRIDE_Q * sizeof *out);
  kernels->attention(&(sotto_attention){
      .out = out,
      .q = q,
      .stride = STRIDE_Q,
      .k_pages = (const void *const[]){k[0], k[1]},
      .v_pages = (const void *const[]){v[0], v[1]},
      .k_type = type,
      .v_type = type,
      .n_keys = KEYS,
      .n_tokens = ATTENDING,
      .n_rep = HEADS,
      .head_dim = sotto_dtype_block_weights(type) == 1 ? 20 : MAX_HEAD_DIM,
      .scale = 0.25f,
      .softcap = softcap,
      .scratch = scratch,
  });
}

/* A row of the cache for values of all sizes and for one that is infinite. */
static bool test_kv_write(const sotto_kernels *kernels, sotto_dtype type) {
  enum { VALUES = 64 };
  uint32_t state = 4;
  float x[VALUES], row[VALUES], expected[VALUES];
  const size_t n = sotto_dtype_block_weights(type) == 1 ? N : VALUES;
  fill_floats(&state, x, VALUES);
  for (int i = 0; i < VALUES; i++)
    x[i] = x[i] * (i % 3 == 0 ? 0x1p-16f : i % 3 == 1 ? 0x1p13f : 1.0f);
  bool ok = true;
  for (int round = 0; round < 2; round++) {
    memset(row, 0, sizeof row);
    memset(expected, 0, sizeof expected);
    bool finite = sotto_kernels_kv_write(&sotto_kernels_scalar, type)(x, expected, n);
    ok = sotto_kernels_kv_write(kernels, type)(x, row, n) == finite && ok;
    ok = memcmp(row, expected, sizeof row) == 0 && ok;
    x[33] = __builtin_inff();
  }
  return ok;
}

static bool test_attention(const sotto_kernels *kernels, sotto_dtype type, float softcap) {
  float out[ATTENDING * STRIDE_Q], expected[ATTENDING * STRIDE_Q];
  run_attention(&sotto_kernels_scalar, type, softcap, expected);
  run_attention(kernels, type, softcap, out);
  return memcmp(out, expected, sizeof out) == 0;
}

static bool test_kv_type(const sotto_kernels *kernels, sotto_dtype type) {
  return test_attention(kernels, type, 0.0f) && test_attention(kernels, type, 5.0f) &&
         test_kv_write(kernels, type);
}

/* All results of the kernels on vectors one after the other. */
static void run_vectors(const sotto_kernels *kernels, float out[VECTORS * N]) {
  uint32_t state = 3;
  float x[N], y[N];
  fill_floats(&state, x, N);
  fill_floats(&state, y, N);
  memset(out, 0, VECTORS * N * sizeof *out);
  kernels->rms_norm(out, x, y, N, 1e-5f);
  kernels->swiglu(out + N, x, y, N);
  kernels->add(out + 2 * N, x, y, N);
  kernels->geglu(out + 5 * N, x, y, N);
  memcpy(out + 6 * N, x, sizeof x);
  kernels->softcap(out + 6 * N, N, 2.0f);
  kernels->gelu(out + 7 * N, x, N);
  kernels->layer_norm(out + 8 * N, x, y, y + 1, N - 1, 1e-5f);
  for (int neox = 0; neox < 2; neox++) {
    float *rotated = out + (3 + neox) * N;
    memcpy(rotated, x, sizeof x);
    kernels->rope(rotated, 2, 24, 22, neox, y);
  }
}

bool sotto_kernels_self_test(const sotto_kernels *kernels) {
  if (kernels == &sotto_kernels_scalar) return true; /* nothing to hold it against but itself */
  bool ok = true;
#define X(NAME, number, text, weights, bytes)                                                      \
  ok = test_gemm(kernels, SOTTO_##NAME, false) && ok;                                              \
  if (sotto_dtype_takes_act(SOTTO_##NAME)) ok = test_gemm(kernels, SOTTO_##NAME, true) && ok;
#include "tensor/dtypes.def"
#undef X
#define K(NAME, name) ok = test_kv_type(kernels, SOTTO_##NAME) && ok;
#include "kernels/kv_types.def"
#undef K
  float out[VECTORS * N], expected[VECTORS * N];
  run_vectors(&sotto_kernels_scalar, expected);
  run_vectors(kernels, out);
  return memcmp(out, expected, sizeof out) == 0 && ok;
}
