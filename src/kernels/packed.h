/* Packed weights: the one layout every kernel variant reads. Packing changes order, not values, and
 * not size: eight rows ("a tile row") take exactly eight times a row's bytes in the file. Four rows fill
 * a vector; eight, in one stream that processors prefetch, keep them busy with one token.
 *
 * Quantised types: a tile is 8 rows x a block of the file, 32 or (K types) 256 weights; tiles of a tile
 * row follow each other along k:
 *   [8 x f16 scale][8 x f16 minimum: Q4_1, Q5_1, Q4_K, Q5_K][sub-scales: K types][quants of 32, …]
 *   sub-scales: byte 8*i + r is byte i of row r's 12 (Q4_K, Q5_K: scales and minima of six bits) or 16
 *     (Q6_K: int8)
 *   quants of n bits: byte 32*j + 4*r + u (j = 0..3) holds for row r in its n low bits the quant of
 *     k = 4*j + u, and above them the 8 - n high bits of that of k = 16 + 4*j + u. The latter's other
 *     2n - 8 bits are those from (2n - 8) * j on of bytes 128 + 4*r + u, 160 + 4*r + u, ...
 *   So a vector of 16 bytes gives four rows' quants by one mask, and four more by a shift, a mask and what
 *   lies behind.
 * F32, F16, BF16: sotto_packed_index; four weights of a row side by side, so that lanes are the four
 * chains of a sum.
 * Missing rows of the last tile row are zero (scale 0). */
#ifndef SOTTO_KERNELS_PACKED_H
#define SOTTO_KERNELS_PACKED_H

#include "tensor/dtype.h"

#define SOTTO_TILE_ROWS 8

/* Bytes of a tile row, and of a packed matrix of n_rows x k. */
static inline uint64_t sotto_packed_tile_row_bytes(sotto_dtype type, uint64_t k) {
  return SOTTO_TILE_ROWS * sotto_dtype_row_bytes(type, k);
}
static inline uint64_t sotto_packed_bytes(sotto_dtype type, uint64_t n_rows, uint64_t k) {
  return (n_rows + SOTTO_TILE_ROWS - 1) / SOTTO_TILE_ROWS * sotto_packed_tile_row_bytes(type, k);
}

/* Where row r's weight i lies in a tile row of F32 (size 4: fours of a row, row after row) or F16 and
 * BF16 (size 2: fours of two rows, element by element; the even row is the low half of 32 bits), in
 * elements. What k leaves over after fours follows row by row. */
static inline size_t sotto_packed_index(size_t size, size_t k, size_t r, size_t i) {
  const size_t fours = k / 4 * 4, first = SOTTO_TILE_ROWS * (i / 4 * 4);
  if (i >= fours) return first + r * (k - fours) + i % 4;
  return first + (size == 4 ? 4 * r + i % 4 : 8 * (r / 2) + 2 * (i % 4) + r % 2);
}

/* Pack n_rows (1..8) consecutive rows of the file into one tile row. rows: n_rows x row bytes. */
void sotto_pack_tile_row(sotto_dtype type, const void *rows, size_t n_rows, size_t k, void *packed);
/* The inverse, for tests and for saving. */
void sotto_unpack_tile_row(sotto_dtype type, const void *packed, size_t n_rows, size_t k,
                           void *rows);
/* out[k] = the float values of one row of a packed matrix (embedding look-up); same values as
 * sotto_dequantize_row of the file's row. */
void sotto_packed_row(sotto_dtype type, const void *packed, size_t row, size_t k, float *out);

#endif
