/* Unpacks a tile: quants to bytes, scales to float32. This is all that differs from one format to
 * another; the multiplications know bits and scales only. */
#include "kernels/simd128/simd.h"
#include "kernels/tile.h"

typedef struct quant_masks {
  v128_t low, top, rest;
} quant_masks;

ALWAYS_INLINE quant_masks hold_quant_masks(sotto_tile_layout layout) {
  const uint32_t each = 0x01010101, low = (1u << layout.bits) - 1;
  const uint32_t rest = (1u << sotto_tile_rest_bits(layout.bits)) - 1;
  v128_t held_low = held(each * low);
  if (layout.bits == 4 || layout.bits == 8) return (quant_masks){held_low, held_low, held_low};
  return (quant_masks){held_low, held(each * (low - rest)), held(each * rest)};
}

/* The vector behind the shared bytes that completes the quants k = 16 + 4 * j … of half a tile. */
ALWAYS_INLINE v128_t load_rest(sotto_tile_layout layout, const uint8_t *quants, int j) {
  const uint8_t *rest = quants + SOTTO_TILE_SHARED;
  if (layout.bits == 4) return wasm_i32x4_const_splat(0);
  return wasm_v128_load(layout.bits == 8 ? rest + 32 * j : layout.bits == 6 ? rest + 16 * j : rest);
}

/* How many groups of four k one such vector serves. */
ALWAYS_INLINE int groups_of_rest(sotto_tile_layout layout) {
  return layout.bits == 8 ? 1 : layout.bits == 6 ? 2 : 4;
}

/* 16 quants of half a tile, for k = 4 * j … (part 0) or k = 16 + 4 * j … (part 1, a constant),
 * which moves on in the rest. */
ALWAYS_INLINE v128_t unpack(sotto_tile_layout layout, v128_t shared, int part, quant_masks m,
                            v128_t *rest) {
  if (layout.bits == 8) return part ? *rest : shared;
  if (part == 0) return wasm_v128_and(shared, m.low);
  v128_t top = wasm_v128_and(wasm_u16x8_shr(shared, 8 - (uint32_t)layout.bits % 8), m.top);
  if (layout.bits == 4) return top;
  top = wasm_v128_or(top, wasm_v128_and(*rest, m.rest));
  *rest = wasm_u16x8_shr(*rest, (uint32_t)sotto_tile_rest_bits(layout.bits));
  return top;
}

/* Of the four rows in half a tile: scales and, where there are any, minima. In K types these are
 * the factors of the sub-scales. */
typedef struct tile_scales {
  v128_t d, m;
} tile_scales;

ALWAYS_INLINE tile_scales load_scales(sotto_tile_layout layout, const uint8_t *tile, int half,
                                      f16_constants f16) {
  /* Factors of sub-scales are so small that many are subnormal. */
  const bool small = layout.scales != SOTTO_SCALES_F16;
  const uint8_t *d = tile + 8 * half, *m = tile + layout.min + 8 * half;
  tile_scales t = {small ? load_small_f16(d) : load_f16(d, f16), wasm_i32x4_const_splat(0)};
  if (layout.has_min) t.m = small ? load_small_f16(m) : load_f16(m, f16);
  if (layout.scales == SOTTO_SCALES_SIX_BITS) t.m = wasm_f32x4_neg(t.m);
  return t;
}

/* The sub-scales byte by byte, eight rows of each: those of six bits in `bytes`, minima from 64 on
 * (see sotto_k_scale). */
ALWAYS_INLINE const uint8_t *unpack_sub_scales(sotto_tile_layout layout, const uint8_t *tile,
                                               uint8_t bytes[128]) {
  const uint8_t *sub = tile + layout.sub_scales;
  if (layout.scales != SOTTO_SCALES_SIX_BITS) return sub;
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
  return bytes;
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
} block_scales;

ALWAYS_INLINE block_scales scales_of(sotto_tile_layout layout, tile_scales t, const uint8_t *sub,
                                     int b, int half) {
  block_scales c = {{t.d, t.d}, t.m};
  if (layout.scales == SOTTO_SCALES_SIX_BITS) {
    c.d[0] = times_bytes(t.d, sub + 8 * b, half);
    c.m = times_bytes(t.m, sub + 64 + 8 * b, half);
  } else if (layout.scales == SOTTO_SCALES_INT8) {
    for (int i = 0; i < 2; i++) c.d[i] = times_bytes(t.d, sub + 16 * b + 8 * i, half);
  }
  return c;
}
