/* Where the parts of a quantised tile (8 rows x 32 weights, see packed.h) lie, and one weight of
 * it. Every kernel is written once for this description and compiled for each format. */
#ifndef SOTTO_KERNELS_TILE_H
#define SOTTO_KERNELS_TILE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sotto_tile_layout {
  int bits;        /* of a quant: 4, 5, 6 or 8; 8 have a sign */
  int offset;      /* taken from each quant */
  bool has_min;    /* [8 x f16 minimum] */
  int min, quants; /* byte offsets; the 8 scales come first */
  int bytes;       /* of the tile */
} sotto_tile_layout;

/* Bytes 32 * j + 4 * r + u share two quants of up to 8 bits; what does not fit lies behind them. */
#define SOTTO_TILE_SHARED 128
static inline int sotto_tile_rest_bits(int bits) {
  return 2 * bits - 8;
}

#define T(NAME, bits_, offset_, has_min_)                                                          \
  static const sotto_tile_layout sotto_tile_##NAME = {                                             \
      .bits = (bits_),                                                                             \
      .offset = (offset_),                                                                         \
      .has_min = (has_min_),                                                                       \
      .min = 16,                                                                                   \
      .quants = 16 + 16 * (has_min_),                                                              \
      .bytes = 16 + 16 * (has_min_) + 32 * (bits_),                                                \
  };
#include "kernels/tiles.def"
#undef T

/* The quant (offset not yet taken) of row r (0..7), weight k (0..31). */
static inline int sotto_tile_quant(sotto_tile_layout layout, const uint8_t *tile, int r, int k) {
  const uint8_t *byte = tile + layout.quants + 4 * r + k % 4;
  const int j = k % 16 / 4, n_rest = sotto_tile_rest_bits(layout.bits), at = n_rest * j;
  int quant = byte[32 * j];
  if (k < 16) {
    quant &= (1 << layout.bits) - 1;
  } else {
    quant = quant >> layout.bits << n_rest;
    if (n_rest) quant |= byte[SOTTO_TILE_SHARED + 32 * (at / 8)] >> at % 8 & ((1 << n_rest) - 1);
  }
  return layout.bits == 8 ? (int8_t)quant : quant;
}

#endif
