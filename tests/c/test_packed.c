/* Packed weights: the layout as packed.h words it, the way back, and single rows. */
#include <stdlib.h>

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

/* Scales are 1 and minima 0, so that dequantised weights are the quants less their offset. */
TEST(packed_layout_is_the_documented_one) {
  static const struct {
    sotto_dtype type;
    int bits, offset, head; /* head: bytes of scales in the tile */
  } cases[] = {
      {SOTTO_Q4_0, 4, 8, 16},  {SOTTO_Q4_1, 4, 0, 32},   {SOTTO_Q5_0, 5, 16, 16},
      {SOTTO_Q5_1, 5, 0, 32},  {SOTTO_Q8_0, 8, 0, 16},   {SOTTO_Q4_K, 4, 0, 128},
      {SOTTO_Q5_K, 5, 0, 128}, {SOTTO_Q6_K, 6, 32, 144},
  };
  uint32_t state = 2;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const sotto_dtype type = cases[i].type;
    const int n = (int)sotto_dtype_block_weights(type), bits = cases[i].bits;
    const size_t block = sotto_dtype_block_bytes(type);
    const size_t scale = type == SOTTO_Q6_K ? offsetof(sotto_block_q6_k, d) : 0;
    const size_t sub = type == SOTTO_Q6_K ? offsetof(sotto_block_q6_k, scales) : 4;
    const size_t n_sub = type == SOTTO_Q6_K ? 16 : n == 256 ? 12 : 0;
    unsigned char rows[8 * 256], tile[8 * 256];
    fill(&state, rows, 8 * block);
    for (size_t r = 0; r < 8; r++) {
      unsigned char *row = rows + r * block;
      memcpy(row + scale, &(uint16_t){0x3C00}, 2);
      if (cases[i].offset == 0 && bits < 8) memset(row + 2, 0, 2);
      for (size_t s = 0; s < n_sub; s++) row[sub + s] = 1;
      if (n_sub == 12) row[sub + 8] = row[sub + 9] = row[sub + 10] = row[sub + 11] = 0x11;
    }
    sotto_pack_tile_row(type, rows, 8, (size_t)n, tile);
    for (int r = 0; r < 8; r++) {
      float weights[256];
      sotto_dequantize_row(type, rows + (size_t)r * block, weights, (size_t)n);
      for (int k = 0; k < n; k++) {
        const unsigned char *byte = tile + cases[i].head + k / 32 * 32 * bits + 4 * r + k % 4;
        int j = k % 16 / 4, quant = byte[32 * j];
        if (k % 32 < 16)
          quant &= (1 << bits) - 1;
        else
          quant = quant >> bits << (2 * bits - 8) |
                  (bits > 4 ? bits_at(byte + 128, (2 * bits - 8) * j, 2 * bits - 8) : 0);
        if (bits == 8) quant = (signed char)quant;
        CHECK((float)(quant - cases[i].offset) == weights[k]);
      }
      CHECK(memcmp(tile + 2 * r, &(uint16_t){0x3C00}, 2) == 0);
    }
    /* Sub-scales: byte s of all rows side by side. */
    fill(&state, rows, 8 * block);
    sotto_pack_tile_row(type, rows, 8, (size_t)n, tile);
    const unsigned char *sub_scales = tile + cases[i].head - 8 * n_sub;
    for (size_t s = 0; s < n_sub; s++)
      for (size_t r = 0; r < 8; r++) CHECK(sub_scales[8 * s + r] == rows[r * block + sub + s]);
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
