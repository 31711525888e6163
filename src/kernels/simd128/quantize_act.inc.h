/* The quantisation of activations for the vector kernels: quantize_token(), for a layout of four
 * tokens that is a constant. The includer has defined to_words(), which turns 32 int32 into what
 * store_quants() takes. */
#include "kernels/expf_steps.h"
#include "kernels/simd128/act.h"

/* The sum of four lanes. */
ALWAYS_INLINE v128_t in_all_lanes(v128_t v) {
  v = wasm_i32x4_add(v, wasm_i32x4_shuffle(v, v, 2, 3, 0, 1));
  return wasm_i32x4_add(v, wasm_i32x4_shuffle(v, v, 1, 0, 3, 2));
}

ALWAYS_INLINE void quantize(const float *x, size_t k, const sotto_act *act, size_t token,
                            act_layout layout) {
  uint8_t *q = act_group(act, k, token) + (layout.lanes == 4 ? token % 4 * 4 : 0);
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
    v128_t halves[2] = {wasm_i32x4_const_splat(0), wasm_i32x4_const_splat(0)};
    for (int i = 0; i < 8; i++) {
      v128_t shifted = wasm_f32x4_add(wasm_f32x4_mul(v[i], splat), magic);
      v[i] = wasm_v128_and(wasm_i32x4_sub(shifted, magic), keep);
      halves[i / 4] = wasm_i32x4_add(halves[i / 4], v[i]);
    }
    v128_t low = in_all_lanes(halves[0]), high = in_all_lanes(halves[1]);
    v128_t added = wasm_i32x4_add(low, high);
    sum[b] = wasm_i32x4_extract_lane(added, 0);
    v128_t sums = wasm_i32x4_neg(wasm_i32x4_shl(added, 3));
    low = wasm_i32x4_neg(wasm_i32x4_shl(low, 3));
    if (layout.words == 1) /* what int16 take from the low half, they give to the high one */
      low = wasm_i16x8_shuffle(low, wasm_i32x4_sub(sums, low), 0, 8, 0, 8, 0, 8, 0, 8);
    v128_t scales = wasm_f32x4_make(0, scale[b], scale[b] * (float)sum[b], 0);
    v128_t words[2][2];
    to_words(layout, v, words);
    store_quants(layout, q, words);
    sums = wasm_i32x4_shuffle(sums, low, 0, 0, 0, 4);
    store_words(layout, q + act_quant_bytes(layout), wasm_i32x4_shuffle(sums, scales, 0, 5, 6, 3));
    q += act_block_bytes(layout);
  }
}

ALWAYS_INLINE void quantize_token(const float *x, size_t k, const sotto_act *act, size_t token,
                                  act_layout fours) {
  if (token < act_in_fours(act))
    quantize(x, k, act, token, fours);
  else
    quantize(x, k, act, token, act_of_one(fours));
}
