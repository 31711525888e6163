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
    for (size_t k = block; k <= 160; k += block == 1 ? 13 : block) {
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

/* Values are a power of two times the quant, so that dequantising gives the quant back. */
static int quant_at(sotto_dtype type, const unsigned char *row, int k) {
  float values[32];
  sotto_dequantize_row(type, row, values, 32);
  return (int)values[k] + (type == SOTTO_Q4_0 ? 8 : type == SOTTO_Q5_0 ? 16 : 0);
}

TEST(packed_layout_is_the_documented_one) {
  static const sotto_dtype quantised[] = {SOTTO_Q4_0, SOTTO_Q4_1, SOTTO_Q5_0, SOTTO_Q5_1,
                                          SOTTO_Q8_0};
  uint32_t state = 2;
  for (size_t i = 0; i < sizeof quantised / sizeof *quantised; i++) {
    sotto_dtype type = quantised[i];
    bool has_min = type == SOTTO_Q4_1 || type == SOTTO_Q5_1;
    int bits = type == SOTTO_Q8_0 ? 8 : type == SOTTO_Q5_0 || type == SOTTO_Q5_1 ? 5 : 4;
    size_t row = sotto_dtype_block_bytes(type);
    unsigned char rows[8 * 34], tile[8 * 34];
    fill(&state, rows, 8 * row);
    for (size_t r = 0; r < 8; r++) {
      memcpy(rows + r * row, &(uint16_t){0x3C00}, 2); /* 1.0 */
      if (has_min) memset(rows + r * row + 2, 0, 2);
    }
    sotto_pack_tile_row(type, rows, 8, 32, tile);
    const unsigned char *quants = tile + 16 + 16 * has_min;
    for (int r = 0; r < 8; r++) {
      for (int k = 0; k < 32; k++) {
        int expected = quant_at(type, rows + (size_t)r * row, k), j = k % 16 / 4;
        const unsigned char *byte = quants + 4 * r + k % 4;
        int actual = byte[32 * j];
        if (bits == 8) {
          actual = (signed char)byte[32 * (k / 4)];
        } else if (k < 16) {
          actual &= bits == 4 ? 15 : 31;
        } else {
          actual = bits == 4 ? actual >> 4 : (actual >> 5) << 2 | (byte[128] >> 2 * j & 3);
        }
        CHECK(actual == expected);
      }
    }
    for (int r = 0; r < 8; r++) CHECK(memcmp(tile + 2 * r, &(uint16_t){0x3C00}, 2) == 0);
  }
}

TEST(packed_row_is_the_dequantised_row) {
  uint32_t state = 3;
  enum { K = 96, ROWS = 13 };
  for (size_t i = 0; i < N_TYPES; i++) {
    sotto_dtype type = types[i];
    size_t row = (size_t)sotto_dtype_row_bytes(type, K);
    unsigned char *rows = malloc(ROWS * row);
    unsigned char *packed = malloc((size_t)sotto_packed_bytes(type, ROWS, K) + 1);
    float x[K], expected[K], actual[K + 1];
    for (size_t r = 0; r < ROWS; r++) {
      for (size_t k = 0; k < K; k++) x[k] = ((float)next(&state) - 0x1p23f) * 0x1p-22f;
      sotto_quantize_row(type, x, rows + r * row, K);
    }
    for (size_t r = 0; r < ROWS; r += 8)
      sotto_pack_tile_row(type, rows + r * row, ROWS - r < 8 ? ROWS - r : 8, K,
                          packed + 1 + r * row);
    for (size_t r = 0; r < ROWS; r++) {
      actual[K] = 7.0f;
      sotto_dequantize_row(type, rows + r * row, expected, K);
      sotto_packed_row(type, packed + 1, r, K, actual);
      CHECK(memcmp(expected, actual, sizeof expected) == 0);
      CHECK(actual[K] == 7.0f);
    }
    free(rows), free(packed);
  }
}
