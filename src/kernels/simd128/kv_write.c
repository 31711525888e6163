/* Rows of the KV cache. */
#include "kernels/scalar/scalar.h"
#include "kernels/simd128/simd.h"
#include "kernels/simd128/simd128.h"
#include "tensor/blocks.h"

/* sotto_f32_to_f16 on four lanes, in the low half of each. */
ALWAYS_INLINE v128_t to_f16(v128_t f) {
  v128_t sign = wasm_v128_and(wasm_u32x4_shr(f, 16), wasm_u32x4_const_splat(0x8000));
  v128_t magnitude = wasm_v128_and(f, wasm_u32x4_const_splat(0x7FFFFFFF));
  v128_t odd = wasm_v128_and(wasm_u32x4_shr(magnitude, 13), wasm_u32x4_const_splat(1));
  v128_t normal = wasm_i32x4_add(wasm_i32x4_add(magnitude, wasm_u32x4_const_splat(0xFFF)), odd);
  normal = wasm_u32x4_shr(wasm_i32x4_sub(normal, wasm_u32x4_const_splat(112u << 23)), 13);
  /* Adding 0.5 rounds to multiples of 2^-24. */
  v128_t subnormal = wasm_i32x4_sub(wasm_f32x4_add(magnitude, wasm_f32x4_const_splat(0.5f)),
                                    wasm_f32x4_const_splat(0.5f));
  v128_t nan = wasm_v128_and(wasm_u32x4_shr(magnitude, 13), wasm_u32x4_const_splat(0x3FF));
  nan = wasm_v128_or(nan, wasm_u32x4_const_splat(0x7E00));
  v128_t h = wasm_v128_bitselect(subnormal, normal,
                                 wasm_i32x4_lt(magnitude, wasm_u32x4_const_splat(0x38800000)));
  h = wasm_v128_bitselect(wasm_u32x4_const_splat(0x7C00), h,
                          wasm_i32x4_ge(magnitude, wasm_u32x4_const_splat(0x477FF000)));
  h = wasm_v128_bitselect(nan, h, wasm_i32x4_gt(magnitude, wasm_u32x4_const_splat(0x7F800000)));
  return wasm_v128_or(sign, h);
}

bool sotto_kv_write_F16__simd128(const float *x, void *row, size_t n) {
  uint16_t *out = row;
  v128_t exponent = wasm_u16x8_const_splat(0x7C00), overflow = wasm_u16x8_const_splat(0);
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    v128_t h =
        wasm_u16x8_narrow_i32x4(to_f16(wasm_v128_load(x + i)), to_f16(wasm_v128_load(x + i + 4)));
    overflow = wasm_v128_or(overflow, wasm_i16x8_eq(wasm_v128_and(h, exponent), exponent));
    wasm_v128_store(out + i, h);
  }
  return sotto_kv_write_F16__scalar(x + i, out + i, n - i) && !wasm_v128_any_true(overflow);
}

/* All ones in the lanes that are NaN or infinite. */
ALWAYS_INLINE v128_t non_finite(v128_t x, v128_t infinity) {
  return wasm_i32x4_eq(wasm_v128_and(x, infinity), infinity);
}

/* Nearest, ties away from zero, into -127..127; NaN gives 0. */
ALWAYS_INLINE v128_t round_away(v128_t v) {
  v = wasm_f32x4_pmin(wasm_f32x4_pmax(v, wasm_f32x4_const_splat(-127.0f)),
                      wasm_f32x4_const_splat(127.0f));
  v128_t whole = wasm_i32x4_trunc_sat_f32x4(v);
  v128_t rest = wasm_f32x4_sub(v, wasm_f32x4_convert_i32x4(whole));
  whole = wasm_i32x4_sub(whole, wasm_f32x4_ge(rest, wasm_f32x4_const_splat(0.5f)));
  return wasm_i32x4_add(whole, wasm_f32x4_le(rest, wasm_f32x4_const_splat(-0.5f)));
}

bool sotto_kv_write_Q8_0__simd128(const float *x, void *row, size_t n) {
  const v128_t infinity = held(0x7F800000);
  v128_t bad = wasm_i32x4_const_splat(0);
  bool finite = true;
  char *out = row;
  for (size_t i = 0; i < n; i += SOTTO_BLOCK_WEIGHTS, out += sizeof(sotto_block_q8_0)) {
    v128_t most = wasm_f32x4_const_splat(0.0f);
    for (size_t j = 0; j < 32; j += 4) {
      v128_t v = wasm_v128_load(x + i + j);
      bad = wasm_v128_or(bad, non_finite(v, infinity));
      most = wasm_f32x4_pmax(most, wasm_f32x4_abs(v));
    }
    most = wasm_f32x4_pmax(most, wasm_i32x4_shuffle(most, most, 2, 3, 0, 1));
    most = wasm_f32x4_pmax(most, wasm_i32x4_shuffle(most, most, 1, 0, 3, 2));
    const float d = wasm_f32x4_extract_lane(most, 0) / 127.0f;
    const v128_t scale = wasm_f32x4_splat(d != 0.0f ? 1.0f / d : 0.0f);
    const uint16_t half = sotto_f32_to_f16(d);
    memcpy(out, &half, sizeof half);
    if ((half & 0x7C00) == 0x7C00) finite = false;
    for (size_t j = 0; j < 32; j += 16) {
      v128_t q[4];
      for (size_t v = 0; v < 4; v++)
        q[v] = round_away(wasm_f32x4_mul(wasm_v128_load(x + i + j + 4 * v), scale));
      wasm_v128_store(out + 2 + j, wasm_i8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4(q[0], q[1]),
                                                           wasm_i16x8_narrow_i32x4(q[2], q[3])));
    }
  }
  return finite && !wasm_v128_any_true(bad);
}

bool sotto_kv_write_F32__simd128(const float *x, void *row, size_t n) {
  const v128_t infinity = held(0x7F800000);
  v128_t bad = wasm_i32x4_const_splat(0);
  float *out = row;
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    v128_t v = wasm_v128_load(x + i);
    bad = wasm_v128_or(bad, non_finite(v, infinity));
    wasm_v128_store(out + i, v);
  }
  return sotto_kv_write_F32__scalar(x + i, out + i, n - i) && !wasm_v128_any_true(bad);
}
