/* Packed weights: the one layout that every kernel variant reads. Packing changes the order of the
 * bits, not their values and not their number: eight rows of a matrix ("a tile row") take exactly
 * eight times the bytes of a row in the file. A vector of 16 bytes holds four rows; with eight rows
 * in one stream of reads, the sums of a single token keep the processor busy.
 *
 * Quantised types: a tile is 8 rows by one block of the file, 32 or (K types, IQ4_XS) 256 weights.
 * Tiles of a tile row follow each other along k. A tile is
 *   [8 x scale][8 x minimum, where there are any][sub-scales, of 256 weights][quants of 32, …]
 *   Scales and minima: f16, or MXFP4's byte of exponent.
 *   Sub-scales: byte 8*i + r is byte i of row r's 12 (Q4_K, Q5_K: scales and minima of six bits),
 *   of its 16 (Q6_K: int8) or of its six (IQ4_XS). Of Q2_K's 16 and Q3_K's 12, which have a scale
 *   for each half of a block, two bytes of a row stay together: 16*(i/2) + 2*r + i%2.
 *   Quants of n bits, 4 and more, be they the index of a value: byte 32*j + 4*r + u (j = 0..3)
 *   belongs to row r. Its n low bits are the quant of k = 4*j + u, its 8 - n high bits those of
 *   k = 16 + 4*j + u. The latter's other 2n - 8 bits are found in the bytes 128 + 4*r + u,
 *   160 + 4*r + u, …, from bit (2n - 8) * j on.
 *   So one vector gives four rows' quants of the first half by a mask, and those of the second half
 *   by a shift, a mask and the bits that lie behind.
 *   Of two bits: byte 32*t + 4*r + u (t = 0, 1) has those of k = 8*t + u, 8*t + 16 + u,
 *   8*t + 4 + u and 8*t + 20 + u, the first in its lowest bits.
 *   Of three: byte 32*j + 4*r + u (j = 0..2) has those of k = 4*j + u and k = 16 + 4*j + u in its
 *   bits 0..2 and 4..6, and in its bits 3 and 7 bit j of those of k = 12 + u and k = 28 + u.
 * F32, F16, BF16: see sotto_packed_index. Four weights of a row lie side by side, so that the lanes
 * of a vector are the four chains of a sum (kernels.h).
 * Rows that the last tile row lacks are zero (scale 0). */
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

/* Where row r's weight i lies in a tile row of F32 (size 4: fours of a row, row after row) or F16
 * and BF16 (size 2: fours of two rows, element by element; the even row is the low half of 32
 * bits), in elements. What k leaves over after fours follows row by row. */
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
