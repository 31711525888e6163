/* Where the parts of a quantised tile (8 rows x 32 weights, see packed.h) lie, and one weight of
 * it. Every kernel is written once for this description and compiled for each format. */
#ifndef SOTTO_KERNELS_TILE_H
#define SOTTO_KERNELS_TILE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sotto_tile_layout {
  int offset;             /* taken from each quant */
  bool has_min, has_high; /* [8 x f16 minimum], [32 B high bits] */
  int quant_bytes;        /* 128 with two quants a byte, 256 with one */
  int min, high, quants;  /* byte offsets; the 8 scales come first */
  int bytes;              /* of the tile */
} sotto_tile_layout;

#define T(NAME, offset_, min_, high_, quant_bytes_)                                                \
  static const sotto_tile_layout sotto_tile_##NAME = {                                             \
      .offset = (offset_),                                                                         \
      .has_min = (min_),                                                                           \
      .has_high = (high_),                                                                         \
      .quant_bytes = (quant_bytes_),                                                               \
      .min = 16,                                                                                   \
      .high = 16 + 16 * (min_),                                                                    \
      .quants = 16 + 16 * (min_) + 32 * (high_),                                                   \
      .bytes = 16 + 16 * (min_) + 32 * (high_) + (quant_bytes_),                                   \
  };
#include "kernels/tiles.def"
#undef T

/* The quant (offset not yet taken) of row r (0..7), weight k (0..31). */
static inline int sotto_tile_quant(sotto_tile_layout layout, const uint8_t *tile, int r, int k) {
  const uint8_t *quants = tile + layout.quants;
  if (layout.quant_bytes == 256) return (int8_t)quants[32 * (k / 4) + 4 * r + k % 4];
  int half = k / 16, j = k % 16 / 4, u = k % 4;
  int quant = quants[32 * j + 4 * r + u] >> (4 * half) & 15;
  if (layout.has_high) quant |= (tile[layout.high + 4 * r + u] >> (4 * half + j) & 1) << 4;
  return quant;
}

#endif
