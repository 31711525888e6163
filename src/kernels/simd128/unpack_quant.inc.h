/* Unpacks a tile's quants: to bytes, and these to what the dots take. This and its scales
 * (scales_quant.inc.h) are all that differs from one format to another; the multiplications know
 * kinds of panels only. */
#include "kernels/simd128/simd.h"
#include "kernels/tile.h"

typedef struct quant_masks {
  v128_t low, top, rest;
} quant_masks;

ALWAYS_INLINE quant_masks hold_quant_masks(sotto_tile_layout layout) {
  const uint32_t each = 0x01010101, low = (1u << layout.bits) - 1;
  const uint32_t rest = (1u << sotto_tile_rest_bits(layout.bits)) - 1;
  v128_t held_low = held(each * low);
  if (layout.bits < 4) {
    v128_t second = held(each * (low << second_shift(layout.panel)));
    return (quant_masks){held_low, second, held(each * 0x88)};
  }
  if (layout.bits == 5 || layout.bits == 6)
    return (quant_masks){held_low, held(each * (low - rest)), held(each * rest)};
  return (quant_masks){held_low, held_low, held_low};
}

/* Where the quants k = 4 * j … and k = 16 + 4 * j … are, or most of their bits. */
ALWAYS_INLINE int quants_at(sotto_tile_layout layout, int j) {
  return 32 * (layout.bits == 2 ? j / 2 : j);
}

/* The vector behind the shared bytes that completes the quants k = 16 + 4 * j … of half a tile. */
ALWAYS_INLINE v128_t load_rest(sotto_tile_layout layout, const uint8_t *quants, int j) {
  const uint8_t *rest = quants + SOTTO_TILE_SHARED;
  if (layout.bits <= 4) return wasm_i32x4_const_splat(0);
  return wasm_v128_load(layout.bits == 8 ? rest + 32 * j : layout.bits == 6 ? rest + 16 * j : rest);
}

/* How many groups of four k one such vector serves. */
ALWAYS_INLINE int groups_of_rest(sotto_tile_layout layout) {
  return layout.bits == 8 ? 1 : layout.bits == 6 ? 2 : 4;
}

/* The shared bytes for j. Of three bits the last come from the others, which leave two bits each
 * in the rest; the average of two that have no bit in common, the lowest neither, is one right of
 * both. */
ALWAYS_INLINE v128_t load_shared(sotto_tile_layout layout, const uint8_t *quants, int j,
                                 quant_masks m, v128_t *rest) {
  if (layout.bits == 3 && j == 3) return *rest;
  v128_t shared = wasm_v128_load(quants + quants_at(layout, j));
  if (layout.bits == 3) *rest = wasm_u8x16_avgr(*rest, wasm_v128_and(shared, m.rest));
  return shared;
}

/* 16 quants of half a tile, for k = 4 * j … (part 0) or k = 16 + 4 * j … (part 1, a constant),
 * which moves on in the rest. Of two and three bits those of part 1 stay second_shift() too far
 * left. */
ALWAYS_INLINE v128_t unpack(sotto_tile_layout layout, v128_t shared, int j, int part, quant_masks m,
                            v128_t *rest) {
  if (layout.bits == 8) return part ? *rest : shared;
  if (layout.bits == 2 && j % 2) shared = wasm_u16x8_shr(shared, 4);
  if (part == 0) return wasm_v128_and(shared, m.low);
  const int bits = layout.bits, at = bits < 4 ? 2 * bits - 2 : 8 - bits % 8;
  const int shift = bits < 4 ? at - second_shift(layout.panel) : at;
  v128_t top = wasm_v128_and(wasm_u16x8_shr(shared, (uint32_t)shift), m.top);
  if (bits <= 4) return top;
  top = wasm_v128_or(top, wasm_v128_and(*rest, m.rest));
  *rest = wasm_u16x8_shr(*rest, (uint32_t)sotto_tile_rest_bits(bits));
  return top;
}

/* Constants of the loops, in registers. */
typedef struct held_constants {
  quant_masks quants;
  f16_constants f16;
  v128_t nibble; /* of sub-scales of four bits, as int16 */
  masks masks;
  weights values; /* of each index, prepared where that goes byte by byte */
} held_constants;

ALWAYS_INLINE held_constants hold(sotto_tile_layout layout) {
  held_constants h = {.quants = hold_quant_masks(layout), .f16 = hold_f16(), .masks = hold_masks()};
  if (layout.scales == SOTTO_SCALES_FOUR_BITS) h.nibble = held(0x000F000F);
  if (layout.values) {
    const int8_t *volatile hidden = layout.values; /* see held() */
    h.values.v[0] = wasm_v128_load(hidden);
    if (layout.panel.bits < 8 || !PREPARES_BYTES)
      h.values.v[0] = wasm_i8x16_add(h.values.v[0], wasm_i8x16_splat((int8_t)layout.panel.offset));
    if (PREPARES_BYTES) h.values = prepare(layout.panel, h.values.v[0], h.masks);
  }
  return h;
}

/* 16 quants, or indices of values, as the dots take them. */
ALWAYS_INLINE weights weights_of(sotto_tile_layout layout, v128_t q, held_constants h) {
  if (!layout.values) return prepare(layout.panel, q, h.masks);
  if (!PREPARES_BYTES) return prepare(layout.panel, look_up(h.values.v[0], q), h.masks);
  weights w;
  for (int i = 0; i < n_vectors(layout.panel); i++) w.v[i] = look_up(h.values.v[i], q);
  if (takes_index(layout.panel)) w.v[1] = q;
  return w;
}
