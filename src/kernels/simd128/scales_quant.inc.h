/* Unpacks a tile's scales and minima: to float32, or where those of a block's halves are integers,
 * to what multiplies sums. */
#include "kernels/simd128/act.h"
#include "kernels/tile.h"

/* Of the four rows in half a tile: scales and, where there are any, minima. In K types these are
 * the factors of the sub-scales. */
typedef struct tile_scales {
  v128_t d, m;
} tile_scales;

ALWAYS_INLINE tile_scales load_scales(sotto_tile_layout layout, const uint8_t *tile, int half,
                                      f16_constants f16) {
  const uint8_t *d = tile + layout.min / 2 * half, *m = tile + layout.min + 8 * half;
  tile_scales t = {.m = wasm_i32x4_const_splat(0)};
  if (layout.scales == SOTTO_SCALES_E8M0) {
    t.d = load_e8m0(d);
    return t;
  }
  /* Factors of sub-scales are so small that many are subnormal. */
  const bool small = layout.scales != SOTTO_SCALES_F16;
  t.d = small ? load_small_f16(d) : load_f16(d, f16);
  if (layout.panel.has_min) t.m = small ? load_small_f16(m) : load_f16(m, f16);
  if (layout.scales == SOTTO_SCALES_SIX_BITS) t.m = wasm_f32x4_neg(t.m);
  /* Their minima meet -8 times the sums of the activations. */
  if (layout.scales == SOTTO_SCALES_FOUR_BITS)
    t.m = wasm_f32x4_mul(t.m, wasm_f32x4_const_splat(0.125f));
  return t;
}

#define SUB_SCALE_BYTES 128

/* Eight rows' bytes lie in each half of a vector. */
ALWAYS_INLINE void store_halves(uint8_t *first, uint8_t *second, v128_t v) {
  wasm_v128_store64_lane(first, v, 0);
  wasm_v128_store64_lane(second, v, 1);
}

ALWAYS_INLINE void unpack_six_bits(const uint8_t *sub, uint8_t bytes[SUB_SCALE_BYTES]) {
  const v128_t six = wasm_i8x16_const_splat(63), four = wasm_i8x16_const_splat(15);
  const v128_t top = wasm_i8x16_const_splat(48);
  for (int i = 0; i < 32; i += 16) {
    v128_t low = wasm_v128_load(sub + i), low_min = wasm_v128_load(sub + 32 + i);
    v128_t rest = wasm_v128_load(sub + 64 + i), rest_min = wasm_u16x8_shr(rest, 4);
    v128_t high = wasm_v128_and(wasm_u16x8_shr(low, 2), top);
    v128_t high_min = wasm_v128_and(wasm_u16x8_shr(low_min, 2), top);
    wasm_v128_store(bytes + i, wasm_v128_and(low, six));
    wasm_v128_store(bytes + 32 + i, wasm_v128_or(high, wasm_v128_and(rest, four)));
    wasm_v128_store(bytes + 64 + i, wasm_v128_and(low_min, six));
    wasm_v128_store(bytes + 96 + i, wasm_v128_or(high_min, wasm_v128_and(rest_min, four)));
  }
}

/* Low bits, and in bits 4 and 5 high ones, less 32. */
ALWAYS_INLINE v128_t signed_six(v128_t low, v128_t high) {
  low = wasm_v128_and(low, wasm_i8x16_const_splat(15));
  high = wasm_v128_and(high, wasm_i8x16_const_splat(48));
  return wasm_i8x16_sub(wasm_v128_or(low, high), wasm_i8x16_const_splat(32));
}

ALWAYS_INLINE void unpack_six_bits_32(const uint8_t *sub, uint8_t bytes[SUB_SCALE_BYTES]) {
  for (int i = 0; i < 2; i++, bytes += 32) { /* scales 4 * i to 4 * i + 3 */
    v128_t low = wasm_v128_load(sub + 16 + 16 * i), high = wasm_v128_load64_splat(sub + 8 * i);
    /* the first's and, behind it, the third's two bits */
    high = wasm_i64x2_shuffle(wasm_i16x8_shl(high, 4), high, 0, 2);
    store_halves(bytes, bytes + 16, signed_six(low, high));
    store_halves(bytes + 8, bytes + 24,
                 signed_six(wasm_u16x8_shr(low, 4), wasm_u16x8_shr(high, 2)));
  }
}

ALWAYS_INLINE void unpack_six_bits_16(const uint8_t *sub, uint8_t bytes[SUB_SCALE_BYTES]) {
  for (int b = 0; b < 4; b++) {
    v128_t low = wasm_v128_load(sub + 16 * b), high = wasm_v128_load(sub + 64 + 16 * (b % 2));
    if (b >= 2) high = wasm_u16x8_shr(high, 2);
    wasm_v128_store(bytes + 16 * b, signed_six(low, wasm_i16x8_shl(high, 4)));
    wasm_v128_store(bytes + 16 * (b + 4), signed_six(wasm_u16x8_shr(low, 4), high));
  }
}

/* The sub-scales byte by byte, eight rows of each, in order; in `bytes`, where they are packed
 * closer. Minima follow, or of four bits share the bytes. */
ALWAYS_INLINE const uint8_t *unpack_sub_scales(sotto_tile_layout layout, const uint8_t *tile,
                                               uint8_t bytes[SUB_SCALE_BYTES]) {
  const uint8_t *sub = tile + layout.sub_scales;
  switch (layout.scales) {
  case SOTTO_SCALES_SIX_BITS: unpack_six_bits(sub, bytes); return bytes;
  case SOTTO_SCALES_SIX_BITS_32: unpack_six_bits_32(sub, bytes); return bytes;
  case SOTTO_SCALES_SIX_BITS_16: unpack_six_bits_16(sub, bytes); return bytes;
  default: return sub;
  }
}

/* d times four rows' bytes: the first (half 0) or last four of eight. */
ALWAYS_INLINE v128_t times_bytes(v128_t d, const uint8_t *bytes, int half) {
  v128_t v = wasm_i16x8_load8x8(bytes);
  v = half ? wasm_i32x4_extend_high_i16x8(v) : wasm_i32x4_extend_low_i16x8(v);
  return wasm_f32x4_mul(wasm_f32x4_convert_i32x4(v), d);
}

/* Scales and minima of block b of a tile, of four rows. */
typedef struct block_scales {
  v128_t d[2], m; /* the second d: of the second half, where it has its own */
  /* Where the halves' are integers, times d and m: int16, a row's two side by side; or scales in
   * two vectors, each twice. */
  v128_t sub[N_SUB_SCALES], min;
} block_scales;

/* The integers of a block's halves: each lane of `pairs` has a row's two. */
ALWAYS_INLINE void set_pairs(block_scales *c, v128_t pairs) {
  c->sub[0] = pairs;
  if (N_SUB_SCALES == 1) return;
  c->sub[0] = wasm_i16x8_shuffle(pairs, pairs, 0, 0, 2, 2, 4, 4, 6, 6);
  c->sub[N_SUB_SCALES - 1] = wasm_i16x8_shuffle(pairs, pairs, 1, 1, 3, 3, 5, 5, 7, 7);
}

ALWAYS_INLINE block_scales scales_of(sotto_tile_layout layout, tile_scales t, const uint8_t *sub,
                                     int b, int half, v128_t nibble) {
  block_scales c = {.d = {t.d, t.d}, .m = t.m};
  if (layout.scales == SOTTO_SCALES_FOUR_BITS) {
    v128_t both = wasm_u16x8_load8x8(sub + 16 * b + 8 * half);
    set_pairs(&c, wasm_v128_and(both, nibble));
    c.min = wasm_u16x8_shr(both, 4);
  } else if (layout.scales == SOTTO_SCALES_SIX_BITS_16) {
    set_pairs(&c, wasm_i16x8_load8x8(sub + 16 * b + 8 * half));
  } else if (layout.scales == SOTTO_SCALES_INT8) {
    for (int i = 0; i < 2; i++) c.d[i] = times_bytes(t.d, sub + 16 * b + 8 * i, half);
  } else if (layout.sub_scales < layout.quants) {
    c.d[0] = times_bytes(t.d, sub + 8 * b, half);
    if (layout.panel.has_min) c.m = times_bytes(t.m, sub + 64 + 8 * b, half);
  }
  return c;
}

/* -8 times a block's minima that are integers of halves, times the activations' sums of these. */
ALWAYS_INLINE v128_t minima(act_layout act, block_scales c, const uint8_t *block) {
  if (act.words == 1) return wasm_i32x4_dot_i16x8(pair_correction(act, block, 8), c.min);
  return times_pairs(half_correction(act, block, 8, 0), half_correction(act, block, 8, 1), 0,
                     c.min);
}
