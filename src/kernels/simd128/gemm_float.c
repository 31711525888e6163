/* F32, F16 and BF16 weights times float32 activations. Vector lanes are the four chains of a sum,
 * eight rows go together. One token takes weights as they come; for more, a piece of the rows is
 * converted once for up to 64 tokens. */
#include "base/bytes.h"
#include "kernels/scalar/scalar.h"
#include "kernels/simd128/simd.h"
#include "kernels/simd128/simd128.h"
#include "kernels/simd128/streams.h"

#define PIECE  128 /* weights of a row that go together: converted, or read by a stream */
#define TOKENS 64  /* that a converted piece serves: 12 KB of stack in all */

/* f16 comes out times 2^-112: its bits in place, with the bias of another exponent. */
typedef struct constants {
  v128_t high;        /* BF16: a mask */
  v128_t low_by_2_13; /* F16: factors of low and high halves */
  v128_t f16_bits, f16_bias;
} constants;

ALWAYS_INLINE constants hold_constants(void) {
  f16_constants f16 = hold_f16();
  return (constants){held(0xFFFF0000), held(0x00002000), f16.bits, f16.bias};
}

/* Four weights each of rows 2 * p and 2 * p + 1, as sotto_packed_index has them; type and p are
 * constants. */
ALWAYS_INLINE void load_pair(sotto_dtype type, const uint8_t *w, int p, constants c,
                             v128_t pair[2]) {
  if (type == SOTTO_F32) {
    pair[0] = wasm_v128_load(w + 32 * p), pair[1] = wasm_v128_load(w + 32 * p + 16);
    return;
  }
  v128_t both = wasm_v128_load(w + 16 * p);
  if (type == SOTTO_BF16) {
    pair[0] = wasm_i32x4_shl(both, 16), pair[1] = wasm_v128_and(both, c.high);
  } else {
    pair[0] = wasm_v128_and(wasm_i32x4_dot_i16x8(both, c.low_by_2_13), c.f16_bits);
    pair[1] = wasm_v128_and(wasm_i32x4_shr(both, 3), c.f16_bits);
  }
}

ALWAYS_INLINE v128_t load_some(const float *x, size_t n) {
  float four[4] = {0.0f};
  memcpy(four, x, n * sizeof *x);
  return wasm_v128_load(four);
}

/* What k leaves over after fours is added with zeros, which change nothing: no chain is ever -0. */
ALWAYS_INLINE v128_t load_rest(sotto_dtype type, size_t size, const sotto_gemm *g, size_t row) {
  float rest[4] = {0.0f};
  const size_t n = g->k % 4, first = row / SOTTO_TILE_ROWS * SOTTO_TILE_ROWS;
  const uint8_t *w = (const uint8_t *)g->w + first * g->k * size;
  sotto_dequantize_row(type, w + sotto_packed_index(size, g->k, row - first, g->k - n) * size, rest,
                       n);
  return wasm_v128_load(rest);
}

ALWAYS_INLINE void store_sums(const sotto_gemm *g, size_t token, size_t row, const v128_t sums[8]) {
  for (size_t half = 0; half < 8 && row + half < g->row1; half += 4)
    store_rows(g->y + token * g->y_stride + row + half, g->row1 - row - half,
               fold_rows(sums + half));
}

/* sums += n fours of eight rows · x of one token. For F16, |x| is below 2^16. */
ALWAYS_INLINE void add_fours(sotto_dtype type, size_t size, const uint8_t *w, const float *x,
                             size_t n, constants c, v128_t sums[8]) {
  const float *end = x + 4 * n;
  v128_t s[8];
  for (int r = 0; r < 8; r++) s[r] = sums[r];
/* Cranelift takes all sums to memory and back in each turn of the loop: fewer turns. */
#pragma clang loop unroll_count(2)
  for (; x < end; x += 4, w += 4 * SOTTO_TILE_ROWS * size) {
    v128_t four = wasm_v128_load(x);
    if (type == SOTTO_F16) four = wasm_f32x4_mul(four, c.f16_bias); /* exact */
    for (int p = 0; p < 4; p++) {
      v128_t pair[2];
      load_pair(type, w, p, c, pair);
      s[2 * p] = mul_add(s[2 * p], pair[0], four);
      s[2 * p + 1] = mul_add(s[2 * p + 1], pair[1], four);
    }
  }
  for (int r = 0; r < 8; r++) sums[r] = s[r];
}

/* Eight rows from tile row `tile` on of each stream · x of one token. */
ALWAYS_INLINE void gemv_rows(sotto_dtype type, size_t size, const sotto_gemm *g, streams of,
                             size_t tile) {
  const constants c = hold_constants();
  const size_t n_fours = g->k / 4, row_bytes = SOTTO_TILE_ROWS * g->k * size;
  const size_t turn = of.n > 1 ? PIECE / 4 : n_fours;
  v128_t sums[SOTTO_MAX_STREAMS][8];
  memset(sums, 0, of.n * sizeof *sums);
  for (size_t first = 0; first < n_fours; first += turn) {
    const size_t n = n_fours - first < turn ? n_fours - first : turn;
    const uint8_t *w =
        (const uint8_t *)g->w + tile * row_bytes + first * 4 * SOTTO_TILE_ROWS * size;
    for (size_t i = 0; i < of.n; i++, w += of.apart * row_bytes)
      add_fours(type, size, w, g->x + 4 * first, n, c, sums[i]);
  }
  for (size_t i = 0; i < of.n; i++) {
    const size_t row = (tile + i * of.apart) * SOTTO_TILE_ROWS;
    if (g->k % 4) {
      v128_t four = load_some(g->x + 4 * n_fours, g->k % 4);
      for (size_t r = 0; r < 8; r++)
        sums[i][r] = mul_add(sums[i][r], load_rest(type, size, g, row + r), four);
    }
    store_sums(g, 0, row, sums[i]);
  }
}

static bool is_below_2_16(const float *x, size_t k) {
  const v128_t limit = wasm_f32x4_const_splat(65536.0f);
  v128_t below = wasm_i32x4_const_splat(-1);
  size_t i = 0;
  for (; i + 4 <= k; i += 4)
    below = wasm_v128_and(below, wasm_f32x4_lt(wasm_f32x4_abs(wasm_v128_load(x + i)), limit));
  below = wasm_v128_and(below, wasm_f32x4_lt(wasm_f32x4_abs(load_some(x + i, k - i)), limit));
  return wasm_i32x4_all_true(below);
}

ALWAYS_INLINE void gemv(sotto_dtype type, size_t size, const sotto_gemm *g) {
  if (type == SOTTO_F16 && !is_below_2_16(g->x, g->k)) {
    sotto_gemm_F16__scalar(g); /* rare: they would not fit into f16 either */
    return;
  }
  streams s = {0};
  while (next_streams(g, g->n_streams, &s))
    for (size_t i = s.first; i < s.first + s.apart; i++) gemv_rows(type, size, g, s, i);
}

/* n fours of eight rows as float32. */
ALWAYS_INLINE void convert(sotto_dtype type, size_t size, const uint8_t *w, size_t n,
                           v128_t (*out)[8]) {
  const constants c = hold_constants();
  for (size_t i = 0; i < n; i++, w += 4 * SOTTO_TILE_ROWS * size) {
    for (int p = 0; p < 4; p++) {
      v128_t pair[2];
      load_pair(type, w, p, c, pair);
      for (int r = 0; r < 2; r++)
        out[i][2 * p + r] = type == SOTTO_F16 ? wasm_f32x4_mul(pair[r], c.f16_bias) : pair[r];
    }
  }
}

/* sums[token][row] += w · x for the four rows from `first` on and n tokens, a constant. */
ALWAYS_INLINE void multiply(v128_t (*w)[8], size_t n_fours, int first, const float *x,
                            size_t x_stride, v128_t (*sums)[8], int n) {
  v128_t s[2][4];
  for (int t = 0; t < n; t++)
    for (int r = 0; r < 4; r++) s[t][r] = sums[t][first + r];
  for (size_t i = 0; i < n_fours; i++, x += 4) {
    v128_t four[2];
    for (int t = 0; t < n; t++) four[t] = wasm_v128_load(x + (size_t)t * x_stride);
    for (int r = 0; r < 4; r++)
      for (int t = 0; t < n; t++) s[t][r] = mul_add(s[t][r], w[i][first + r], four[t]);
  }
  for (int t = 0; t < n; t++)
    for (int r = 0; r < 4; r++) sums[t][first + r] = s[t][r];
}

/* Eight rows and up to TOKENS tokens. */
ALWAYS_INLINE void gemm_rows(sotto_dtype type, size_t size, const sotto_gemm *g, size_t token,
                             size_t n_tokens, size_t row) {
  v128_t sums[TOKENS][8], w[PIECE / 4][8];
  memset(sums, 0, n_tokens * sizeof *sums);
  const uint8_t *packed = (const uint8_t *)g->w + row * g->k * size;
  const float *x = g->x + token * g->x_stride;
  for (size_t k = 0; k + 4 <= g->k; k += PIECE) {
    const size_t n = (g->k - k < PIECE ? g->k - k : PIECE) / 4;
    convert(type, size, packed + SOTTO_TILE_ROWS * k * size, n, w);
    size_t t = 0;
    for (; t + 2 <= n_tokens; t += 2)
      for (int first = 0; first < 8; first += 4)
        multiply(w, n, first, x + t * g->x_stride + k, g->x_stride, sums + t, 2);
    for (; t < n_tokens; t++)
      for (int first = 0; first < 8; first += 4)
        multiply(w, n, first, x + t * g->x_stride + k, g->x_stride, sums + t, 1);
  }
  const size_t n_rest = g->k % 4;
  for (size_t r = 0; r < 8 && n_rest; r++) w[0][r] = load_rest(type, size, g, row + r);
  for (size_t t = 0; t < n_tokens; t++) {
    if (n_rest) {
      v128_t four = load_some(x + t * g->x_stride + g->k - n_rest, n_rest);
      for (size_t r = 0; r < 8; r++) sums[t][r] = mul_add(sums[t][r], w[0][r], four);
    }
    store_sums(g, token + t, row, sums[t]);
  }
}

ALWAYS_INLINE void gemm(sotto_dtype type, size_t size, const sotto_gemm *g) {
  if (g->n_tokens == 1) {
    gemv(type, size, g);
    return;
  }
  for (size_t row = g->row0; row < g->row1; row += SOTTO_TILE_ROWS) {
    for (size_t t = 0; t < g->n_tokens; t += TOKENS) {
      const size_t left = g->n_tokens - t;
      gemm_rows(type, size, g, t, left < TOKENS ? left : TOKENS, row);
    }
  }
}

void sotto_gemm_F32__simd128(const sotto_gemm *g) {
  gemm(SOTTO_F32, 4, g);
}
void sotto_gemm_F16__simd128(const sotto_gemm *g) {
  gemm(SOTTO_F16, 2, g);
}
void sotto_gemm_BF16__simd128(const sotto_gemm *g) {
  gemm(SOTTO_BF16, 2, g);
}
