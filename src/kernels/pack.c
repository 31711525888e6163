/* Packs rows of the file into tile rows and back. A quantised format's scales are moved whole and
 * its quants bit by bit, so both ways are exact for any bytes. */
#include "kernels/packed.h"

#include <string.h>

#include "base/bytes.h"
#include "kernels/tile.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

/* NULL for types without blocks. */
static const sotto_tile_layout *layout_of(sotto_dtype type) {
  switch (type) {
#define T(NAME, ...)                                                                               \
  case SOTTO_##NAME: return &sotto_tile_##NAME;
#include "kernels/tiles.def"
#undef T
  default: return NULL;
  }
}

/* ---- quants: four of a row, k = 4 * i …, are the bytes of word i (0..7)
 * ------------------------- */

#define EACH_BYTE(byte) (0x01010101u * (byte))

static ALWAYS_INLINE uint32_t ones(int bits) {
  return EACH_BYTE((1u << bits) - 1);
}

static ALWAYS_INLINE void write_u32(uint8_t *to, uint32_t word) {
  memcpy(to, &word, sizeof word);
}

/* A row's quants into the tile; `to` is at 4 * r. */
static ALWAYS_INLINE void write_quants(int bits, const uint32_t q[8], uint8_t *to) {
  for (int i = 0; i < 2 && bits == 2; i++)
    write_u32(to + 32 * i, q[2 * i] | q[2 * i + 4] << 2 | q[2 * i + 1] << 4 | q[2 * i + 5] << 6);
  for (int j = 0; j < 3 && bits == 3; j++)
    write_u32(to + 32 * j,
              q[j] | (q[3] >> j & ones(1)) << 3 | q[4 + j] << 4 | (q[7] >> j & ones(1)) << 7);
  if (bits < 4) return;
  const int n_rest = sotto_tile_rest_bits(bits);
  uint32_t rest = 0;
  for (int j = 0, at = 0; j < 4; j++) {
    write_u32(to + 32 * j, q[j] | (q[4 + j] >> n_rest & ones(8 - bits)) << bits % 8);
    rest |= (q[4 + j] & ones(n_rest)) << at % 8;
    at += n_rest;
    if (n_rest == 0 || at % 8) continue;
    write_u32(to + SOTTO_TILE_SHARED + 32 * (at / 8 - 1), rest);
    rest = 0;
  }
}

static void read_quants(int bits, const uint8_t *from, uint32_t q[8]) {
  if (bits < 4) memset(q, 0, 8 * sizeof *q);
  for (int i = 0; i < 8 && bits == 2; i++)
    q[i] = sotto_read_u32(from + 32 * (i % 4 / 2)) >> (4 * (i % 2) + 2 * (i / 4)) & ones(2);
  for (int j = 0; j < 3 && bits == 3; j++) {
    const uint32_t word = sotto_read_u32(from + 32 * j);
    q[j] = word & ones(3), q[4 + j] = word >> 4 & ones(3);
    q[3] |= (word >> 3 & ones(1)) << j, q[7] |= (word >> 7 & ones(1)) << j;
  }
  if (bits < 4) return;
  const int n_rest = sotto_tile_rest_bits(bits);
  for (int j = 0; j < 4; j++) {
    const uint32_t shared = sotto_read_u32(from + 32 * j);
    const int at = n_rest * j;
    q[j] = shared & ones(bits);
    q[4 + j] = (shared >> bits % 8 & ones(8 - bits)) << n_rest % 8;
    if (n_rest)
      q[4 + j] |= sotto_read_u32(from + SOTTO_TILE_SHARED + 32 * (at / 8)) >> at % 8 & ones(n_rest);
  }
}

/* Four bits to the lowest bits of four bytes, and back. */
static ALWAYS_INLINE uint32_t spread(uint32_t bits) {
  return (bits & 15) * 0x00204081u & EACH_BYTE(1);
}
static uint32_t gather(uint32_t bytes) {
  return (bytes & EACH_BYTE(1)) * 0x10204080u >> 28;
}

/* Where four quants are in the file's block: their low bits are at `shift` of the bytes from `low`
 * on; the others at `high_shift` of the bytes from `high` on, or where `strung` one after the other
 * from bit `high_shift` of the word there on. */
typedef struct place {
  int low, shift, high, high_shift;
  bool strung;
} place;

static ALWAYS_INLINE place place_of(const sotto_tile_layout *layout, int b, int i) {
  const int bits = layout->bits, h = b / 4, g = b % 4;
  const int head = (layout->min + 16 * layout->panel.has_min) / SOTTO_TILE_ROWS;
  switch (layout->scales) {
  case SOTTO_SCALES_FOUR_BITS: return (place){16 + 32 * h + 4 * i, 2 * g, 0, 0, false};
  case SOTTO_SCALES_SIX_BITS_16: return (place){32 + 32 * h + 4 * i, 2 * g, 4 * i, b, false};
  case SOTTO_SCALES_SIX_BITS_32: return (place){8 + 16 * b + 4 * (i % 4), 4 * (i / 4), 0, 0, false};
  case SOTTO_SCALES_SIX_BITS: {
    const int high = head + 12, low = bits == 5 ? high + 32 : high;
    return (place){low + 32 * (b / 2) + 4 * i, 4 * (b % 2), high + 4 * i, b, false};
  }
  case SOTTO_SCALES_INT8:
    return (place){64 * h + 32 * (g % 2) + 4 * i, 4 * (g / 2), 128 + 32 * h + 4 * i, 2 * g, false};
  default:
    if (bits == 8) return (place){head + 4 * i, 0, 0, 0, false};
    return (place){head + 4 * (bits == 5) + 4 * (i % 4), 4 * (i / 4), head, 4 * i, true};
  }
}

/* Of a quant, how many bits are not among the high ones. */
static ALWAYS_INLINE int n_low_bits(int bits) {
  return bits < 4 ? 2 : bits < 8 ? 4 : 8;
}

static ALWAYS_INLINE uint32_t read_file_quants(int bits, const uint8_t *block, place p) {
  const int n = n_low_bits(bits);
  uint32_t low = sotto_read_u32(block + p.low) >> p.shift;
  if (bits == 8) return low;
  if (bits == n) return low & ones(n);
  uint32_t high = sotto_read_u32(block + p.high) >> p.high_shift;
  return (low & ones(n)) | (p.strung ? spread(high) : high & ones(bits - n)) << n;
}

/* Into a block whose quants were zero. */
static void write_file_quants(int bits, uint32_t q, place p, uint8_t *block) {
  const int n = n_low_bits(bits);
  uint32_t low = n == 8 ? q : q & ones(n), high = q >> n % 8 & ones(bits - n);
  write_u32(block + p.low, sotto_read_u32(block + p.low) | low << p.shift);
  if (bits == n) return;
  if (p.strung) high = gather(high);
  write_u32(block + p.high, sotto_read_u32(block + p.high) | high << p.high_shift);
}

/* Of the file's block: where the scale is (a minimum follows), and the sub-scales. */
static ALWAYS_INLINE int file_scale(const sotto_tile_layout *layout) {
  switch (layout->scales) {
  case SOTTO_SCALES_FOUR_BITS: return offsetof(sotto_block_q2_k, d);
  case SOTTO_SCALES_SIX_BITS_16: return offsetof(sotto_block_q3_k, d);
  case SOTTO_SCALES_INT8: return offsetof(sotto_block_q6_k, d);
  default: return 0;
  }
}
static ALWAYS_INLINE int file_sub_scales(const sotto_tile_layout *layout) {
  switch (layout->scales) {
  case SOTTO_SCALES_FOUR_BITS: return offsetof(sotto_block_q2_k, scales);
  case SOTTO_SCALES_SIX_BITS_16: return offsetof(sotto_block_q3_k, scales);
  case SOTTO_SCALES_SIX_BITS_32: return offsetof(sotto_block_iq4_xs, scales_h);
  case SOTTO_SCALES_INT8: return offsetof(sotto_block_q6_k, scales);
  default: return offsetof(sotto_block_q4_k, scales);
  }
}
static ALWAYS_INLINE int n_sub_scales(const sotto_tile_layout *layout) {
  return (layout->quants - layout->sub_scales) / SOTTO_TILE_ROWS;
}
/* Bytes of a scale, and of a minimum. */
static ALWAYS_INLINE size_t scale_bytes(const sotto_tile_layout *layout) {
  return (size_t)layout->min / SOTTO_TILE_ROWS;
}

static ALWAYS_INLINE void pack_block(const sotto_tile_layout *layout, const uint8_t *block, int r,
                                     uint8_t *tile) {
  const uint8_t *scale = block + file_scale(layout), *sub = block + file_sub_scales(layout);
  const size_t n = scale_bytes(layout);
  memcpy(tile + n * (size_t)r, scale, n);
  if (layout->panel.has_min) memcpy(tile + layout->min + 2 * r, scale + 2, 2);
  for (int i = 0; i < n_sub_scales(layout); i++)
    tile[layout->sub_scales + sotto_tile_sub_scale_at(*layout, r, i)] = sub[i];
  for (int b = 0; b < layout->blocks; b++) {
    uint32_t q[8];
    for (int i = 0; i < 8; i++)
      q[i] = read_file_quants(layout->bits, block, place_of(layout, b, i));
    write_quants(layout->bits, q, tile + layout->quants + b * layout->block_bytes + 4 * r);
  }
}

static void unpack_block(const sotto_tile_layout *layout, const uint8_t *tile, int r,
                         uint8_t *block) {
  uint8_t *scale = block + file_scale(layout), *sub = block + file_sub_scales(layout);
  const size_t n = scale_bytes(layout);
  memset(block, 0, (size_t)layout->bytes / SOTTO_TILE_ROWS);
  memcpy(scale, tile + n * (size_t)r, n);
  if (layout->panel.has_min) memcpy(scale + 2, tile + layout->min + 2 * r, 2);
  for (int i = 0; i < n_sub_scales(layout); i++)
    sub[i] = tile[layout->sub_scales + sotto_tile_sub_scale_at(*layout, r, i)];
  for (int b = 0; b < layout->blocks; b++) {
    uint32_t q[8];
    read_quants(layout->bits, tile + layout->quants + b * layout->block_bytes + 4 * r, q);
    for (int i = 0; i < 8; i++)
      write_file_quants(layout->bits, q[i], place_of(layout, b, i), block);
  }
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
#define T(NAME, ...)                                                                               \
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
  uint8_t block[256];
  if (!layout) {
    size_t size = sotto_dtype_block_bytes(type);
    for (size_t i = 0; i < k; i++)
      sotto_dequantize_row(type, in + sotto_packed_index(size, k, r, i) * size, out + i, 1);
    return;
  }
  const size_t weights = sotto_dtype_block_weights(type);
  for (size_t b = 0; b < k / weights; b++) {
    unpack_block(layout, in + b * (size_t)layout->bytes, (int)r, block);
    sotto_dequantize_row(type, block, out + weights * b, weights);
  }
}
