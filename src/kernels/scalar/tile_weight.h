/* One weight of a quantised tile (tile.h), and its scales. */
#ifndef SOTTO_KERNELS_SCALAR_TILE_WEIGHT_H
#define SOTTO_KERNELS_SCALAR_TILE_WEIGHT_H

#include "kernels/tile.h"

/* The bits (a quant, or its value's index) of row r (0..7), weight k of the tile. */
static inline int tile_bits(sotto_tile_layout layout, const uint8_t *tile, int r, int k) {
  const uint8_t *byte = tile + layout.quants + k / 32 * layout.block_bytes + 4 * r + k % 4;
  const int j = k % 16 / 4, part = k % 32 / 16;
  if (layout.bits == 2) return byte[32 * (j / 2)] >> (4 * (j % 2) + 2 * part) & 3;
  if (layout.bits == 3) {
    if (j < 3) return byte[32 * j] >> 4 * part & 7;
    const int at = 3 + 4 * part;
    return (byte[0] >> at & 1) | (byte[32] >> at & 1) << 1 | (byte[64] >> at & 1) << 2;
  }
  const int n_rest = sotto_tile_rest_bits(layout.bits), at = n_rest * j;
  if (part == 0) return byte[32 * j] & ((1 << layout.bits) - 1);
  int quant = byte[32 * j] >> layout.bits << n_rest;
  if (n_rest) quant |= byte[SOTTO_TILE_SHARED + 32 * (at / 8)] >> at % 8 & ((1 << n_rest) - 1);
  return quant;
}

/* The weight that the scale multiplies, less the minimum. */
static inline int tile_quant(sotto_tile_layout layout, const uint8_t *tile, int r, int k) {
  const int bits = tile_bits(layout, tile, r, k);
  if (layout.values) return layout.values[bits];
  return (layout.bits == 8 ? (int8_t)bits : bits) - layout.panel.offset;
}

static inline float tile_half(const uint8_t *tile, int at, int r) {
  return sotto_f16_to_f32((uint16_t)(tile[at + 2 * r] | tile[at + 2 * r + 1] << 8));
}

/* Row r's scale and minimum for the whole tile. */
static inline float tile_scale(sotto_tile_layout layout, const uint8_t *tile, int r) {
  if (layout.scales == SOTTO_SCALES_E8M0) return sotto_e8m0_half(tile[r]);
  return tile_half(tile, 0, r);
}
static inline float tile_min(sotto_tile_layout layout, const uint8_t *tile, int r) {
  const float m = tile_half(tile, layout.min, r);
  return layout.scales == SOTTO_SCALES_F16 ? m : -m;
}

/* What row r's weights from 16 * s on multiply these two with. */
typedef struct sub_scale {
  int scale, min;
} sub_scale;
static inline sub_scale tile_sub_scale(sotto_tile_layout layout, const uint8_t *tile, int r,
                                       int s) {
  uint8_t bytes[16]; /* as in the file */
  const int n = (layout.quants - layout.sub_scales) / SOTTO_TILE_ROWS;
  for (int i = 0; i < n; i++)
    bytes[i] = tile[layout.sub_scales + sotto_tile_sub_scale_at(layout, r, i)];
  switch (layout.scales) {
  case SOTTO_SCALES_SIX_BITS:
    return (sub_scale){sotto_k_scale(bytes, s / 2, false), sotto_k_scale(bytes, s / 2, true)};
  case SOTTO_SCALES_SIX_BITS_32: return (sub_scale){sotto_iq4_xs_scale(bytes, bytes + 2, s / 2), 0};
  case SOTTO_SCALES_SIX_BITS_16: return (sub_scale){sotto_q3_k_scale(bytes, s), 0};
  case SOTTO_SCALES_FOUR_BITS: return (sub_scale){bytes[s] & 15, bytes[s] >> 4};
  case SOTTO_SCALES_INT8: return (sub_scale){(int8_t)bytes[s], 0};
  default: return (sub_scale){1, 1};
  }
}

#endif
