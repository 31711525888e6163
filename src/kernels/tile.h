/* Where the parts of a quantised tile (see packed.h) lie. Every kernel is written once for this
 * description and compiled for each format, and what comes behind the unpacking once for each kind
 * of panel. */
#ifndef SOTTO_KERNELS_TILE_H
#define SOTTO_KERNELS_TILE_H

#include "tensor/blocks.h"
#include "tensor/dtype.h"

typedef enum sotto_tile_scales {
  SOTTO_SCALES_F16,         /* a scale, and a minimum, for 32 weights */
  SOTTO_SCALES_E8M0,        /* a power of two for 32 weights */
  SOTTO_SCALES_SIX_BITS,    /* six bits each, times a scale and a minimum for 256; the latter is
                               subtracted */
  SOTTO_SCALES_SIX_BITS_32, /* six bits with a sign, times one for 256 */
  SOTTO_SCALES_SIX_BITS_16, /* the same for 16 weights */
  SOTTO_SCALES_FOUR_BITS,   /* four bits each for 16 weights, times a scale and a minimum for 256;
                               the latter is subtracted */
  SOTTO_SCALES_INT8,        /* a scale for 16 weights, times one for 256 */
} sotto_tile_scales;

typedef enum sotto_panel_scales {
  SOTTO_PANEL_WHOLE,
  SOTTO_PANEL_HALVES,
  SOTTO_PANEL_INTEGERS
} sotto_panel_scales;

typedef struct sotto_panel_kind { /* panels.def */
  int bits;                       /* of a quant: 2 to 6, or 8 with a sign */
  int offset;                     /* taken from each quant */
  bool has_min;
  sotto_panel_scales scales;
} sotto_panel_kind;

typedef struct sotto_tile_layout {
  sotto_panel_kind panel;
  int bits; /* of a quant, or of its value's index */
  sotto_tile_scales scales;
  const int8_t *values;        /* less the offset; NULL: the quants are themselves */
  int blocks;                  /* of 32 weights in a tile */
  int min, sub_scales, quants; /* byte offsets; the scales of eight rows come first */
  int block_bytes;             /* of a block's quants */
  int bytes;                   /* of the tile */
} sotto_tile_layout;

/* Bytes 32 * j + 4 * r + u share two quants of 4 to 8 bits; what does not fit lies behind them. */
#define SOTTO_TILE_SHARED 128
static inline int sotto_tile_rest_bits(int bits) {
  return bits < 4 ? 0 : 2 * bits - 8;
}

enum { /* bytes of eight rows' scales, of what there is besides, and blocks of a tile */
       SOTTO_TILE_SCALES_F16 = 16,
       SOTTO_TILE_SCALES_E8M0 = 8,
       SOTTO_TILE_SCALES_SIX_BITS = 16,
       SOTTO_TILE_SCALES_SIX_BITS_32 = 16,
       SOTTO_TILE_SCALES_SIX_BITS_16 = 16,
       SOTTO_TILE_SCALES_FOUR_BITS = 16,
       SOTTO_TILE_SCALES_INT8 = 16,
       SOTTO_SUB_SCALES_F16 = 0,
       SOTTO_SUB_SCALES_E8M0 = 0,
       SOTTO_SUB_SCALES_SIX_BITS = 96,
       SOTTO_SUB_SCALES_SIX_BITS_32 = 48,
       SOTTO_SUB_SCALES_SIX_BITS_16 = 96,
       SOTTO_SUB_SCALES_FOUR_BITS = 128,
       SOTTO_SUB_SCALES_INT8 = 128,
       SOTTO_TILE_BLOCKS_F16 = 1,
       SOTTO_TILE_BLOCKS_E8M0 = 1,
       SOTTO_TILE_BLOCKS_SIX_BITS = 8,
       SOTTO_TILE_BLOCKS_SIX_BITS_32 = 8,
       SOTTO_TILE_BLOCKS_SIX_BITS_16 = 8,
       SOTTO_TILE_BLOCKS_FOUR_BITS = 8,
       SOTTO_TILE_BLOCKS_INT8 = 8,
};

#define P(NAME, bits_, offset_, has_min_, scales_)                                                 \
  enum {                                                                                           \
    SOTTO_PANEL_##NAME##_BITS = (bits_),                                                           \
    SOTTO_PANEL_##NAME##_OFFSET = (offset_),                                                       \
    SOTTO_PANEL_##NAME##_HAS_MIN = (has_min_),                                                     \
    SOTTO_PANEL_##NAME##_SCALES = SOTTO_PANEL_##scales_                                            \
  };                                                                                               \
  static const sotto_panel_kind sotto_panel_##NAME = {(bits_), (offset_), (has_min_),              \
                                                      SOTTO_PANEL_##scales_};
#include "kernels/panels.def"
#undef P

#define T(NAME, PANEL, bits_, scales_, values_)                                                    \
  enum {                                                                                           \
    SOTTO_TILE_##NAME##_SUB_SCALES =                                                               \
        SOTTO_TILE_SCALES_##scales_ * (1 + SOTTO_PANEL_##PANEL##_HAS_MIN),                         \
    SOTTO_TILE_##NAME##_QUANTS = SOTTO_TILE_##NAME##_SUB_SCALES + SOTTO_SUB_SCALES_##scales_       \
  };                                                                                               \
  static const sotto_tile_layout sotto_tile_##NAME = {                                             \
      .panel = {SOTTO_PANEL_##PANEL##_BITS, SOTTO_PANEL_##PANEL##_OFFSET,                          \
                SOTTO_PANEL_##PANEL##_HAS_MIN, SOTTO_PANEL_##PANEL##_SCALES},                      \
      .bits = (bits_),                                                                             \
      .scales = SOTTO_SCALES_##scales_,                                                            \
      .values = (values_),                                                                         \
      .blocks = SOTTO_TILE_BLOCKS_##scales_,                                                       \
      .min = SOTTO_TILE_SCALES_##scales_,                                                          \
      .sub_scales = SOTTO_TILE_##NAME##_SUB_SCALES,                                                \
      .quants = SOTTO_TILE_##NAME##_QUANTS,                                                        \
      .block_bytes = 32 * (bits_),                                                                 \
      .bytes = SOTTO_TILE_##NAME##_QUANTS + 32 * (bits_) * SOTTO_TILE_BLOCKS_##scales_,            \
  };
#include "kernels/tiles.def"
#undef T

/* Byte i of row r's sub-scales; of integers of halves a block's two lie side by side. */
static inline int sotto_tile_sub_scale_at(sotto_tile_layout layout, int r, int i) {
  if (layout.panel.scales == SOTTO_PANEL_INTEGERS)
    return 2 * SOTTO_TILE_ROWS * (i / 2) + 2 * r + i % 2;
  return SOTTO_TILE_ROWS * i + r;
}

#endif
