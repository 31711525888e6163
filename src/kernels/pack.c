/* Packs rows of the file into tile rows and back. A quantised format's bytes are moved whole (the
 * fifth bits apart), so both ways are exact for any bytes. */
#include "kernels/packed.h"

#include <string.h>

#include "base/bytes.h"
#include "kernels/tile.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

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
static ALWAYS_INLINE void pack_high(const uint8_t *file, uint8_t *tile) {
  uint32_t bits = sotto_read_u32(file);
  for (int u = 0; u < 4; u++) {
    uint32_t x = bits >> u & 0x11111111; /* the lowest bits of nibbles move together */
    x = (x | x >> 3) & 0x03030303;
    x = (x | x >> 6) & 0x000F000F;
    tile[u] = (uint8_t)(x | x >> 12);
  }
}

static void unpack_high(const uint8_t *tile, uint8_t *file) {
  uint32_t bits = 0;
  for (int u = 0; u < 4; u++)
    for (int j = 0; j < 8; j++) bits |= (uint32_t)(tile[u] >> j & 1) << (4 * j + u);
  memcpy(file, &bits, 4);
}

static ALWAYS_INLINE void pack_block(const sotto_tile_layout *layout, const uint8_t *block, int r,
                                     uint8_t *tile) {
  block_layout file = block_of(layout);
  memcpy(tile + 2 * r, block, 2);
  if (layout->has_min) memcpy(tile + layout->min + 2 * r, block + file.min, 2);
  if (layout->has_high) pack_high(block + file.high, tile + layout->high + 4 * r);
  for (int j = 0; j < layout->quant_bytes / 32; j++)
    memcpy(tile + layout->quants + 32 * j + 4 * r, block + file.quants + 4 * j, 4);
}

static void unpack_block(const sotto_tile_layout *layout, const uint8_t *tile, int r,
                         uint8_t *block) {
  block_layout file = block_of(layout);
  memcpy(block, tile + 2 * r, 2);
  if (layout->has_min) memcpy(block + file.min, tile + layout->min + 2 * r, 2);
  if (layout->has_high) unpack_high(tile + layout->high + 4 * r, block + file.high);
  for (int j = 0; j < layout->quant_bytes / 32; j++)
    memcpy(block + file.quants + 4 * j, tile + layout->quants + 32 * j + 4 * r, 4);
}

/* The two below have a format's constants where they are called, so that every move is of a known
 * size to a known place. */
static ALWAYS_INLINE void pack_blocks(const sotto_tile_layout *layout, const uint8_t *rows,
                                      size_t n_rows, size_t row_bytes, uint8_t *out) {
  const size_t block_bytes = (size_t)layout->bytes / SOTTO_TILE_ROWS;
  const size_t n_blocks = row_bytes / block_bytes;
  if (n_rows < SOTTO_TILE_ROWS) memset(out, 0, SOTTO_TILE_ROWS * row_bytes);
  for (size_t b = 0; b < n_blocks; b++)
    for (size_t r = 0; r < n_rows; r++)
      pack_block(layout, rows + r * row_bytes + b * block_bytes, (int)r,
                 out + b * (size_t)layout->bytes);
}

/* Four of 16 bits from each of two rows, element by element. */
static ALWAYS_INLINE void interleave(const uint8_t *even, const uint8_t *odd, uint8_t *out) {
  for (int half = 0; half < 2; half++) {
    uint64_t a = sotto_read_u32(even + 4 * half), b = sotto_read_u32(odd + 4 * half);
    uint64_t both = (a & 0xFFFF) | (b & 0xFFFF) << 16 | (a >> 16) << 32 | (b >> 16) << 48;
    memcpy(out + 8 * half, &both, 8);
  }
}

/* A constant size. */
static ALWAYS_INLINE void pack_elements(size_t size, const uint8_t *rows, size_t n_rows, size_t k,
                                        uint8_t *out) {
  size_t i = 0;
  if (n_rows < SOTTO_TILE_ROWS) {
    memset(out, 0, SOTTO_TILE_ROWS * k * size);
  } else {
    for (; i + 4 <= k; i += 4) {
      const uint8_t *in = rows + i * size;
      uint8_t *to = out + SOTTO_TILE_ROWS * i * size;
      if (size == 4)
        for (size_t r = 0; r < SOTTO_TILE_ROWS; r++) memcpy(to + 16 * r, in + r * k * 4, 16);
      else
        for (size_t r = 0; r < SOTTO_TILE_ROWS; r += 2)
          interleave(in + r * k * 2, in + (r + 1) * k * 2, to + 8 * r);
    }
  }
  for (; i < k; i++)
    for (size_t r = 0; r < n_rows; r++)
      memcpy(out + sotto_packed_index(size, k, r, i) * size, rows + (r * k + i) * size, size);
}

static void unpack_elements(size_t size, const uint8_t *in, size_t n_rows, size_t k,
                            uint8_t *rows) {
  for (size_t r = 0; r < n_rows; r++)
    for (size_t i = 0; i < k; i++)
      memcpy(rows + (r * k + i) * size, in + sotto_packed_index(size, k, r, i) * size, size);
}

void sotto_pack_tile_row(sotto_dtype type, const void *rows, size_t n_rows, size_t k,
                         void *packed) {
  const size_t row_bytes = (size_t)sotto_dtype_row_bytes(type, k);
  switch (type) {
#define T(NAME, offset, has_min, has_high, quant_bytes)                                            \
  case SOTTO_##NAME: pack_blocks(&sotto_tile_##NAME, rows, n_rows, row_bytes, packed); break;
#include "kernels/tiles.def"
#undef T
  case SOTTO_F32: pack_elements(4, rows, n_rows, k, packed); break;
  case SOTTO_F16:
  case SOTTO_BF16: pack_elements(2, rows, n_rows, k, packed); break;
  }
}

void sotto_unpack_tile_row(sotto_dtype type, const void *packed, size_t n_rows, size_t k,
                           void *rows) {
  const sotto_tile_layout *layout = layout_of(type);
  size_t row_bytes = (size_t)sotto_dtype_row_bytes(type, k);
  const uint8_t *in = packed;
  if (!layout) {
    unpack_elements(sotto_dtype_block_bytes(type), in, n_rows, k, rows);
    return;
  }
  for (size_t r = 0; r < n_rows; r++) {
    uint8_t *row = (uint8_t *)rows + r * row_bytes;
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
      sotto_dequantize_row(type, in + sotto_packed_index(size, k, r, i) * size, out + i, 1);
    return;
  }
  for (size_t b = 0; b < k / 32; b++) {
    unpack_block(layout, in + b * (size_t)layout->bytes, (int)r, block);
    sotto_dequantize_row(type, block, out + 32 * b, 32);
  }
}
