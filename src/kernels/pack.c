/* Packs rows of the file into tile rows and back. A quantised format's bytes are moved whole (the
 * fifth bits apart), so both ways are exact for any bytes. */
#include "kernels/packed.h"

#include <string.h>

#include "base/bytes.h"
#include "kernels/tile.h"

/* NULL for types without blocks. */
static const sotto_tile_layout *layout_of(sotto_dtype type) {
  switch (type) {
#define T(NAME, offset, has_min, has_high, quant_bytes)                                            \
  case SOTTO_##NAME: return &sotto_tile_##NAME;
#include "kernels/tiles.def"
#undef T
  default: return NULL;
  }
}

/* The parts of a block in the file: [f16 scale][f16 minimum][4 B high bits][quants]. */
typedef struct block_layout {
  int min, high, quants;
} block_layout;

static block_layout block_of(const sotto_tile_layout *layout) {
  int high = 2 + 2 * layout->has_min;
  return (block_layout){2, high, high + 4 * layout->has_high};
}

/* Bit 4 * j + u of the file is bit j of byte u in the tile. */
static void pack_high(const uint8_t *file, uint8_t *tile) {
  uint32_t bits = sotto_read_u32(file);
  for (int u = 0; u < 4; u++) {
    uint32_t byte = 0;
    for (int j = 0; j < 8; j++) byte |= (bits >> (4 * j + u) & 1) << j;
    tile[u] = (uint8_t)byte;
  }
}

static void unpack_high(const uint8_t *tile, uint8_t *file) {
  uint32_t bits = 0;
  for (int u = 0; u < 4; u++)
    for (int j = 0; j < 8; j++) bits |= (uint32_t)(tile[u] >> j & 1) << (4 * j + u);
  memcpy(file, &bits, 4);
}

static void pack_block(const sotto_tile_layout *layout, const uint8_t *block, int r,
                       uint8_t *tile) {
  block_layout file = block_of(layout);
  memcpy(tile + 2 * r, block, 2);
  if (layout->has_min) memcpy(tile + layout->min + 2 * r, block + file.min, 2);
  if (layout->has_high) pack_high(block + file.high, tile + layout->high + 4 * r);
  for (int j = 0; j < layout->quant_bytes / 16; j++)
    memcpy(tile + layout->quants + 16 * j + 4 * r, block + file.quants + 4 * j, 4);
}

static void unpack_block(const sotto_tile_layout *layout, const uint8_t *tile, int r,
                         uint8_t *block) {
  block_layout file = block_of(layout);
  memcpy(block, tile + 2 * r, 2);
  if (layout->has_min) memcpy(block + file.min, tile + layout->min + 2 * r, 2);
  if (layout->has_high) unpack_high(tile + layout->high + 4 * r, block + file.high);
  for (int j = 0; j < layout->quant_bytes / 16; j++)
    memcpy(block + file.quants + 4 * j, tile + layout->quants + 16 * j + 4 * r, 4);
}

/* Copies n elements of `size` bytes that lie `from_step` and `to_step` elements apart. */
static void copy_strided(uint8_t *to, size_t to_step, const uint8_t *from, size_t from_step,
                         size_t n, size_t size) {
  if (size == 4)
    for (size_t i = 0; i < n; i++) memcpy(to + 4 * to_step * i, from + 4 * from_step * i, 4);
  else
    for (size_t i = 0; i < n; i++) memcpy(to + 2 * to_step * i, from + 2 * from_step * i, 2);
}

void sotto_pack_tile_row(sotto_dtype type, const void *rows, size_t n_rows, size_t k,
                         void *packed) {
  const sotto_tile_layout *layout = layout_of(type);
  size_t row_bytes = (size_t)sotto_dtype_row_bytes(type, k);
  uint8_t *out = packed;
  if (n_rows < SOTTO_TILE_ROWS) memset(out, 0, SOTTO_TILE_ROWS * row_bytes);
  for (size_t r = 0; r < n_rows; r++) {
    const uint8_t *row = (const uint8_t *)rows + r * row_bytes;
    if (!layout) {
      size_t size = sotto_dtype_block_bytes(type);
      copy_strided(out + r * size, SOTTO_TILE_ROWS, row, 1, k, size);
      continue;
    }
    size_t block_bytes = (size_t)layout->bytes / SOTTO_TILE_ROWS;
    for (size_t b = 0; b < row_bytes / block_bytes; b++)
      pack_block(layout, row + b * block_bytes, (int)r, out + b * (size_t)layout->bytes);
  }
}

void sotto_unpack_tile_row(sotto_dtype type, const void *packed, size_t n_rows, size_t k,
                           void *rows) {
  const sotto_tile_layout *layout = layout_of(type);
  size_t row_bytes = (size_t)sotto_dtype_row_bytes(type, k);
  const uint8_t *in = packed;
  for (size_t r = 0; r < n_rows; r++) {
    uint8_t *row = (uint8_t *)rows + r * row_bytes;
    if (!layout) {
      size_t size = sotto_dtype_block_bytes(type);
      copy_strided(row, 1, in + r * size, SOTTO_TILE_ROWS, k, size);
      continue;
    }
    size_t block_bytes = (size_t)layout->bytes / SOTTO_TILE_ROWS;
    for (size_t b = 0; b < row_bytes / block_bytes; b++)
      unpack_block(layout, in + b * (size_t)layout->bytes, (int)r, row + b * block_bytes);
  }
}

void sotto_packed_row(sotto_dtype type, const void *packed, size_t row, size_t k, float *out) {
  const sotto_tile_layout *layout = layout_of(type);
  size_t r = row % SOTTO_TILE_ROWS;
  const uint8_t *in =
      (const uint8_t *)packed + row / SOTTO_TILE_ROWS * sotto_packed_tile_row_bytes(type, k);
  uint8_t block[64];
  if (!layout) {
    size_t size = sotto_dtype_block_bytes(type);
    for (size_t i = 0; i < k; i++)
      sotto_dequantize_row(type, in + (SOTTO_TILE_ROWS * i + r) * size, out + i, 1);
    return;
  }
  for (size_t b = 0; b < k / 32; b++) {
    unpack_block(layout, in + b * (size_t)layout->bytes, (int)r, block);
    sotto_dequantize_row(type, block, out + 32 * b, 32);
  }
}
