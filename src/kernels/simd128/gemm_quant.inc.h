/* Quantised weights times quantised activations, 4 rows x 4 tokens or x 1 token, and the
 * quantisation: the bodies of the SIMD128 and the relaxed variant, gemm() and quantize(), for
 * activations in `planes` planes a block, a constant. The includer has defined how 4 rows x 4
 * weights meet 4 activations:
 *   GROUP_BYTES              bytes of 4 activations in a plane
 *   masks, hold_masks()      constants of the next
 *   weights, prepare()       16 quants (byte 4 * r + u: row r, weight u), ready for all tokens
 *   sums, start(), dot(), total()   exact int32 sums of a block, lane r for row r
 *   store_quants()           32 quantised activations to the buffer */
#include "kernels/simd128/simd.h"
#include "kernels/tile.h"

/* Quants of a tile for k = 4 * j … and for k = 16 + 4 * j …. high: fifth bits, shifted right by j. */
typedef struct quant_pair {
  v128_t low, high;
} quant_pair;

ALWAYS_INLINE quant_pair unpack(sotto_tile_layout layout, const uint8_t *quants, int j,
                                v128_t nibble, v128_t fifth, v128_t bit) {
  v128_t q = wasm_v128_load(quants + 16 * j);
  if (layout.quant_bytes == 128) return (quant_pair){q, wasm_v128_load(quants + 64 + 16 * j)};
  quant_pair pair = {wasm_v128_and(q, nibble), wasm_v128_and(wasm_u16x8_shr(q, 4), nibble)};
  if (layout.has_high) {
    pair.low = wasm_v128_or(pair.low, wasm_v128_and(wasm_i16x8_shl(fifth, 4), bit));
    pair.high = wasm_v128_or(pair.high, wasm_v128_and(fifth, bit));
  }
  return pair;
}

/* y[u][0..n_rows) = tile row · x[u], u < n_tokens (a constant, as planes is). */
ALWAYS_INLINE void gemm_tile(const sotto_gemm *g, sotto_tile_layout layout, const uint8_t *tile,
                             size_t t0, size_t row, size_t n_tokens, int planes) {
  size_t n_blocks = g->k / SOTTO_ACT_BLOCK;
  v128_t nibble = held(0x0F0F0F0F), bit = held(0x10101010);
  f16_constants f16 = hold_f16();
  masks held_masks = hold_masks();
  const uint8_t *x[4];
  const float *scale[4];
  const int32_t *sum[4];
  v128_t acc[4];
  for (size_t u = 0; u < n_tokens; u++) {
    x[u] = (const uint8_t *)g->act->q + (t0 + u) * g->k * 2;
    scale[u] = g->act->scale + (t0 + u) * n_blocks;
    sum[u] = g->act->sum + (t0 + u) * n_blocks;
    acc[u] = wasm_f32x4_const_splat(0.0f);
  }
  for (size_t b = 0; b < n_blocks; b++, tile += layout.bytes) {
    v128_t fifth = layout.has_high ? wasm_v128_load(tile + layout.high) : nibble;
    sums s[4];
    for (size_t u = 0; u < n_tokens; u++) s[u] = start(layout, wasm_v128_load32_splat(sum[u] + b));
/* Rolled up, engines keep all operands in registers: 40 % faster with four tokens. */
#pragma clang loop unroll(disable)
    for (int j = 0; j < 4; j++) {
      quant_pair q = unpack(layout, tile + layout.quants, j, nibble, fifth, bit);
      weights low = prepare(layout, q.low, held_masks), high = prepare(layout, q.high, held_masks);
      for (size_t u = 0; u < n_tokens; u++) {
        s[u] = dot(layout, s[u], low, x[u] + GROUP_BYTES * j, planes);
        s[u] = dot(layout, s[u], high, x[u] + GROUP_BYTES * (j + 4), planes);
      }
      if (layout.has_high) fifth = wasm_u16x8_shr(fifth, 1);
    }
    v128_t d = load_f16(tile, f16);
    for (size_t u = 0; u < n_tokens; u++) {
      v128_t splat = wasm_v128_load32_splat(scale[u] + b);
      v128_t i = wasm_f32x4_convert_i32x4(total(layout, s[u], planes));
      acc[u] = mul_add(acc[u], i, wasm_f32x4_mul(d, splat));
      if (layout.has_min)
        acc[u] = mul_add(acc[u], load_f16(tile + layout.min, f16),
                         wasm_f32x4_splat(scale[u][b] * (float)sum[u][b]));
      x[u] += planes * GROUP_BYTES * SOTTO_ACT_BLOCK / 4;
    }
  }
  size_t n_rows = g->row1 - row;
  for (size_t u = 0; u < n_tokens; u++) {
    float *y = g->y + (t0 + u) * g->y_stride + row;
    if (n_rows >= 4)
      wasm_v128_store(y, acc[u]);
    else
      memcpy(y, &acc[u], n_rows * sizeof *y);
  }
}

ALWAYS_INLINE void gemm(const sotto_gemm *g, sotto_tile_layout layout, int planes) {
  size_t tile_row_bytes = g->k / SOTTO_ACT_BLOCK * (size_t)layout.bytes;
  for (size_t row = g->row0; row < g->row1; row += 4) {
    const uint8_t *tiles = (const uint8_t *)g->w + row / 4 * tile_row_bytes;
    size_t t = 0;
    for (; t + 4 <= g->n_tokens; t += 4) gemm_tile(g, layout, tiles, t, row, 4, planes);
    for (; t < g->n_tokens; t++) gemm_tile(g, layout, tiles, t, row, 1, planes);
  }
}

ALWAYS_INLINE void quantize(const float *x, size_t k, const sotto_act *act, size_t token,
                            int planes) {
  uint8_t *q = (uint8_t *)act->q + token * k * 2;
  float *scale = act->scale + token * (k / SOTTO_ACT_BLOCK);
  int32_t *sum = act->sum + token * (k / SOTTO_ACT_BLOCK);
  float limit = sotto_act_limit(act);
  v128_t magic = held(0x4B400000); /* 1.5 * 2^23 */
  v128_t magnitude = held(0x7FFFFFFF);
  for (size_t b = 0; b < k / SOTTO_ACT_BLOCK; b++, x += SOTTO_ACT_BLOCK) {
    v128_t v[8], most = wasm_u32x4_const_splat(0);
    for (int i = 0; i < 8; i++) {
      v[i] = wasm_v128_load(x + 4 * i);
      most = wasm_u32x4_max(most, wasm_v128_and(v[i], magnitude));
    }
    most = wasm_u32x4_max(most, wasm_i32x4_shuffle(most, most, 2, 3, 0, 1));
    most = wasm_u32x4_max(most, wasm_i32x4_shuffle(most, most, 1, 0, 3, 2));
    float max = wasm_f32x4_extract_lane(most, 0);
    bool finite = wasm_u32x4_extract_lane(most, 0) < 0x7F800000;
    float inv = limit / max;
    bool zero = inv > 0x1.fffffep127f;
    scale[b] = finite ? zero ? 0.0f : max / limit : sotto_float_from_bits(0x7FC00000);
    /* Where nothing is to be kept the values, which may be NaN, become 0. */
    v128_t keep = wasm_i32x4_splat(finite && !zero ? -1 : 0), splat = wasm_f32x4_splat(inv);
    v128_t added = wasm_i32x4_const_splat(0);
    for (int i = 0; i < 8; i++) {
      v128_t shifted = wasm_f32x4_add(wasm_f32x4_mul(v[i], splat), magic);
      v[i] = wasm_v128_and(wasm_i32x4_sub(shifted, magic), keep);
      added = wasm_i32x4_add(added, v[i]);
    }
    added = wasm_i32x4_add(added, wasm_i32x4_shuffle(added, added, 2, 3, 0, 1));
    sum[b] = wasm_i32x4_extract_lane(added, 0) + wasm_i32x4_extract_lane(added, 1);
    store_quants(q, v, planes);
    q += planes * GROUP_BYTES * SOTTO_ACT_BLOCK / 4;
  }
}
