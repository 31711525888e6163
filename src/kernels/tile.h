/* Where the parts of a quantised tile (see packed.h) lie, its scales, and one weight of it. Every
 * kernel is written once for this description and compiled for each format. */
#ifndef SOTTO_KERNELS_TILE_H
#define SOTTO_KERNELS_TILE_H

#include "tensor/blocks.h"
#include "tensor/dtype.h"

typedef enum sotto_tile_scales {
  SOTTO_SCALES_F16,      /* a scale, and a minimum, for 32 weights */
  SOTTO_SCALES_SIX_BITS, /* six bits each, times a scale and a minimum for 256; the latter is
                            subtracted */
  SOTTO_SCALES_INT8,     /* a scale for 16 weights, times one for 256 */
} sotto_tile_scales;

typedef struct sotto_tile_layout {
  int bits;   /* of a quant: 4, 5, 6 or 8; 8 have a sign */
  int offset; /* taken from each quant */
  bool has_min;
  sotto_tile_scales scales;
  bool halves;                 /* the halves of a block of 32 have scales of their own */
  int blocks;                  /* of 32 weights in a tile */
  int min, sub_scales, quants; /* byte offsets; eight f16 scales come first */
  int block_bytes;             /* of a block's quants */
  int bytes;                   /* of the tile */
} sotto_tile_layout;

/* Bytes 32 * j + 4 * r + u share two quants of up to 8 bits; what does not fit lies behind them. */
#define SOTTO_TILE_SHARED 128
static inline int sotto_tile_rest_bits(int bits) {
  return 2 * bits - 8;
}

enum { /* bytes of the scales besides f16, and blocks, of a tile */
       SOTTO_SUB_SCALES_F16 = 0,
       SOTTO_SUB_SCALES_SIX_BITS = 96,
       SOTTO_SUB_SCALES_INT8 = 128,
       SOTTO_TILE_BLOCKS_F16 = 1,
       SOTTO_TILE_BLOCKS_SIX_BITS = 8,
       SOTTO_TILE_BLOCKS_INT8 = 8,
};

#define T(NAME, bits_, offset_, has_min_, scales_)                                                 \
  static const sotto_tile_layout sotto_tile_##NAME = {                                             \
      .bits = (bits_),                                                                             \
      .offset = (offset_),                                                                         \
      .has_min = (has_min_),                                                                       \
      .scales = SOTTO_SCALES_##scales_,                                                            \
      .halves = SOTTO_SCALES_##scales_ == SOTTO_SCALES_INT8,                                       \
      .blocks = SOTTO_TILE_BLOCKS_##scales_,                                                       \
      .min = 16,                                                                                   \
      .sub_scales = 16 + 16 * (has_min_),                                                          \
      .quants = 16 + 16 * (has_min_) + SOTTO_SUB_SCALES_##scales_,                                 \
      .block_bytes = 32 * (bits_),                                                                 \
      .bytes = 16 + 16 * (has_min_) + SOTTO_SUB_SCALES_##scales_ +                                 \
               32 * (bits_) * SOTTO_TILE_BLOCKS_##scales_,                                         \
  };
#include "kernels/tiles.def"
#undef T

/* The quant (offset not yet taken) of row r (0..7), weight k of the tile. */
static inline int sotto_tile_quant(sotto_tile_layout layout, const uint8_t *tile, int r, int k) {
  const uint8_t *byte = tile + layout.quants + k / 32 * layout.block_bytes + 4 * r + k % 4;
  const int j = k % 16 / 4, n_rest = sotto_tile_rest_bits(layout.bits), at = n_rest * j;
  int quant = byte[32 * j];
  if (k % 32 < 16) {
    quant &= (1 << layout.bits) - 1;
  } else {
    quant = quant >> layout.bits << n_rest;
    if (n_rest) quant |= byte[SOTTO_TILE_SHARED + 32 * (at / 8)] >> at % 8 & ((1 << n_rest) - 1);
  }
  return layout.bits == 8 ? (int8_t)quant : quant;
}

static inline float sotto_tile_half(const uint8_t *tile, int at, int r) {
  return sotto_f16_to_f32((uint16_t)(tile[at + 2 * r] | tile[at + 2 * r + 1] << 8));
}

/* The scale of row r's weights from 16 * s on; the products are exact. */
static inline float sotto_tile_scale(sotto_tile_layout layout, const uint8_t *tile, int r, int s) {
  const uint8_t *sub = tile + layout.sub_scales + r;
  const float d = sotto_tile_half(tile, 0, r);
  switch (layout.scales) {
  case SOTTO_SCALES_SIX_BITS: return d * (float)sotto_k_scale(sub, 8, s / 2, false);
  case SOTTO_SCALES_INT8: return d * (float)(int8_t)sub[8 * s];
  default: return d;
  }
}

/* What is added to row r's weights of block b. */
static inline float sotto_tile_min(sotto_tile_layout layout, const uint8_t *tile, int r, int b) {
  const float m = sotto_tile_half(tile, layout.min, r);
  if (layout.scales == SOTTO_SCALES_F16) return m;
  return -m * (float)sotto_k_scale(tile + layout.sub_scales + r, 8, b, true);
}

#endif
