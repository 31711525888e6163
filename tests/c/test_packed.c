/* Packed weights: the layout as packed.h words it, the way back, and single rows. */
#include <stdlib.h>

#include "block_support.h"
#include "kernels/packed.h"
#include "tensor/blocks.h"
#include "test.h"

static const sotto_dtype types[] = {
#define X(NAME, number, text, weights, bytes) SOTTO_##NAME,
#include "tensor/dtypes.def"
#undef X
};
#define N_TYPES (sizeof types / sizeof *types)

static uint32_t next(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

static void fill(uint32_t *state, unsigned char *bytes, size_t n) {
  for (size_t i = 0; i < n; i++) bytes[i] = (unsigned char)next(state);
}

TEST(packed_round_trip_is_exact) {
  uint32_t state = 1;
  for (size_t i = 0; i < N_TYPES; i++) {
    sotto_dtype type = types[i];
    size_t block = sotto_dtype_block_weights(type);
    for (size_t k = block; k <= (block == 256 ? 768 : 160); k += block == 1 ? 13 : block) {
      for (size_t n_rows = 1; n_rows <= 8; n_rows++) {
        size_t row = (size_t)sotto_dtype_row_bytes(type, k);
        CHECK(sotto_packed_tile_row_bytes(type, k) == 8 * row);
        /* Exact sizes, so that a sanitizer sees a step too far; odd addresses. */
        unsigned char *rows = malloc(n_rows * row + 1), *packed = malloc(8 * row + 1);
        unsigned char *back = malloc(n_rows * row + 1), *again = malloc(8 * row + 1);
        fill(&state, rows, n_rows * row + 1);
        memset(packed, 0xAA, 8 * row + 1);
        sotto_pack_tile_row(type, rows + 1, n_rows, k, packed + 1);
        sotto_unpack_tile_row(type, packed + 1, n_rows, k, back + 1);
        CHECK(memcmp(rows + 1, back + 1, n_rows * row) == 0);
        CHECK(packed[0] == 0xAA);
        /* Missing rows are zero rows. */
        unsigned char *whole = calloc(8, row);
        memcpy(whole, rows + 1, n_rows * row);
        sotto_pack_tile_row(type, whole, 8, k, again);
        CHECK(memcmp(again, packed + 1, 8 * row) == 0);
        free(rows), free(packed), free(back), free(again), free(whole);
      }
    }
  }
}

TEST(packed_bytes_round_up_to_tile_rows) {
  CHECK(sotto_packed_bytes(SOTTO_Q4_0, 1, 64) == 8 * 36);
  CHECK(sotto_packed_bytes(SOTTO_Q4_0, 8, 64) == 8 * 36);
  CHECK(sotto_packed_bytes(SOTTO_Q4_0, 9, 64) == 16 * 36);
  CHECK(sotto_packed_bytes(SOTTO_F16, 3, 7) == 8 * 14);
}

/* Bits [at, at + n) of a string of bytes that lie 32 apart. */
static int bits_at(const unsigned char *byte, int at, int n) {
  int bits = 0;
  for (int i = 0; i < n; i++) bits |= (byte[32 * ((at + i) / 8)] >> (at + i) % 8 & 1) << i;
  return bits;
}

/* The bits of weight k of a block of 32; `byte` is the first of its row and k % 4. */
static int quant_at(const unsigned char *byte, int bits, int k) {
  const int j = k % 16 / 4, second = k >= 16;
  if (bits == 2) return byte[32 * (j / 2)] >> (2 * second + 4 * (j % 2)) & 3;
  if (bits == 3 && j < 3) return byte[32 * j] >> 4 * second & 7;
  if (bits == 3) {
    const int at = 4 * second + 3;
    return (byte[0] >> at & 1) + 2 * (byte[32] >> at & 1) + 4 * (byte[64] >> at & 1);
  }
  if (!second) return byte[32 * j] & ((1 << bits) - 1);
  const int n_rest = 2 * bits - 8;
  return byte[32 * j] >> bits << n_rest | (n_rest ? bits_at(byte + 128, n_rest * j, n_rest) : 0);
}

/* Where the layout has a format's sub-scales in its block of the file, and scales of 1 there,
 * without minima. */
typedef struct sub_scales {
  size_t at, n;
  unsigned char ones[16];
} sub_scales;
#define ONES_4  1, 1, 1, 1
#define ONES_16 ONES_4, ONES_4, ONES_4, ONES_4
static const sub_scales none = {0, 0, {0}}, six_bits = {4, 12, {ONES_4, 0, 0, 0, 0, ONES_4}},
                        four_bits = {0, 16, {ONES_16}}, whole_bytes = {192, 16, {ONES_16}};
static const sub_scales q3_k_scales = {
    96, 12, {0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0xAA, 0xAA, 0xAA, 0xAA}};
static const sub_scales iq4_xs_scales = {2, 6, {0xAA, 0xAA, 0x11, 0x11, 0x11, 0x11}};

/* Scales are 1 and minima 0, so that dequantised weights are the quants less their offset, or the
 * values that they are the indices of. */
TEST(packed_layout_is_the_documented_one) {
  static const struct {
    sotto_dtype type;
    int bits, offset, head; /* head: bytes of scales in the tile */
    const sub_scales *sub;
    const int8_t *values;
  } cases[] = {
      {SOTTO_Q4_0, 4, 8, 16, &none, NULL},
      {SOTTO_Q4_1, 4, 0, 32, &none, NULL},
      {SOTTO_Q5_0, 5, 16, 16, &none, NULL},
      {SOTTO_Q5_1, 5, 0, 32, &none, NULL},
      {SOTTO_Q8_0, 8, 0, 16, &none, NULL},
      {SOTTO_Q2_K, 2, 0, 160, &four_bits, NULL},
      {SOTTO_Q3_K, 3, 4, 112, &q3_k_scales, NULL},
      {SOTTO_Q4_K, 4, 0, 128, &six_bits, NULL},
      {SOTTO_Q5_K, 5, 0, 128, &six_bits, NULL},
      {SOTTO_Q6_K, 6, 32, 144, &whole_bytes, NULL},
      {SOTTO_IQ4_NL, 4, 0, 16, &none, sotto_iq4_values},
      {SOTTO_IQ4_XS, 4, 0, 64, &iq4_xs_scales, sotto_iq4_values},
      {SOTTO_MXFP4, 4, 0, 8, &none, sotto_fp4_values},
  };
  uint32_t state = 2;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const sotto_dtype type = cases[i].type;
    const sub_scales *sub = cases[i].sub;
    const int n = (int)sotto_dtype_block_weights(type), bits = cases[i].bits;
    const size_t block = sotto_dtype_block_bytes(type);
    size_t halves[2];
    const int n_halves = test_halves_of(type, halves);
    unsigned char rows[8 * 256], tile[8 * 256];
    fill(&state, rows, 8 * block);
    for (size_t r = 0; r < 8; r++) {
      unsigned char *row = rows + r * block;
      for (int h = 0; h < n_halves; h++) memcpy(row + halves[h], &(uint16_t){h ? 0 : 0x3C00}, 2);
      if (type == SOTTO_MXFP4) row[0] = 128;
      memcpy(row + sub->at, sub->ones, sub->n);
    }
    sotto_pack_tile_row(type, rows, 8, (size_t)n, tile);
    for (int r = 0; r < 8; r++) {
      float weights[256];
      sotto_dequantize_row(type, rows + (size_t)r * block, weights, (size_t)n);
      for (int k = 0; k < n; k++) {
        int quant =
            quant_at(tile + cases[i].head + k / 32 * 32 * bits + 4 * r + k % 4, bits, k % 32);
        if (bits == 8) quant = (signed char)quant;
        if (cases[i].values) quant = cases[i].values[quant];
        CHECK((float)(quant - cases[i].offset) == weights[k]);
      }
      if (type == SOTTO_MXFP4)
        CHECK(tile[r] == 128);
      else
        CHECK(memcmp(tile + 2 * r, &(uint16_t){0x3C00}, 2) == 0);
    }
    /* Sub-scales: byte s of all rows side by side, or of halves bytes s and s + 1. */
    const bool halves_differ = type == SOTTO_Q2_K || type == SOTTO_Q3_K;
    fill(&state, rows, 8 * block);
    sotto_pack_tile_row(type, rows, 8, (size_t)n, tile);
    const unsigned char *packed = tile + cases[i].head - 8 * sub->n;
    for (size_t s = 0; s < sub->n; s++)
      for (size_t r = 0; r < 8; r++) {
        const size_t at = halves_differ ? s / 2 * 16 + 2 * r + s % 2 : 8 * s + r;
        CHECK(packed[at] == rows[r * block + sub->at + s]);
      }
  }
}

TEST(packed_row_is_the_dequantised_row) {
  uint32_t state = 3;
  enum { MOST = 512, ROWS = 13 };
  for (size_t i = 0; i < N_TYPES; i++) {
    sotto_dtype type = types[i];
    const size_t n = sotto_dtype_block_weights(type) == 256 ? MOST : 96;
    size_t row = (size_t)sotto_dtype_row_bytes(type, n);
    unsigned char *rows = malloc(ROWS * row);
    unsigned char *packed = malloc((size_t)sotto_packed_bytes(type, ROWS, n) + 1);
    float x[MOST], expected[MOST], actual[MOST + 1];
    for (size_t r = 0; r < ROWS; r++) {
      for (size_t k = 0; k < n; k++) x[k] = ((float)next(&state) - 0x1p23f) * 0x1p-22f;
      sotto_quantize_row(type, x, rows + r * row, n);
    }
    for (size_t r = 0; r < ROWS; r += 8)
      sotto_pack_tile_row(type, rows + r * row, ROWS - r < 8 ? ROWS - r : 8, n,
                          packed + 1 + r * row);
    for (size_t r = 0; r < ROWS; r++) {
      actual[n] = 7.0f;
      sotto_dequantize_row(type, rows + r * row, expected, n);
      sotto_packed_row(type, packed + 1, r, n, actual);
      CHECK(memcmp(expected, actual, n * sizeof *expected) == 0);
      CHECK(actual[n] == 7.0f);
    }
    free(rows), free(packed);
  }
}
