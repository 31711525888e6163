/* What the vector kernels share: unaligned loads, exact f16, folds. Plain SIMD128 only. */
#ifndef SOTTO_KERNELS_SIMD128_SIMD_H
#define SOTTO_KERNELS_SIMD128_SIMD_H

#include <string.h>
#include <wasm_simd128.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define NEVER_INLINE  static __attribute__((noinline))

/* A vector constant whose value is hidden from compiler and optimiser, in memory. Engines build a
 * constant anew at each use; this one is made once, before the loop, and stays in a register. */
ALWAYS_INLINE v128_t held(uint32_t bits) {
  volatile uint32_t hidden = bits;
  return wasm_u32x4_splat(hidden);
}

typedef struct f16_constants {
  v128_t bits, bias;
} f16_constants;

ALWAYS_INLINE f16_constants hold_f16(void) {
  return (f16_constants){held(0x8FFFE000), held(0x77800000)}; /* bias: 2^112 */
}

/* Four finite f16, sign-extended, as f32: the bits in place, then the exponents' other bias. */
ALWAYS_INLINE v128_t f16_to_f32(v128_t h, f16_constants constants) {
  h = wasm_i32x4_shl(h, 13);
  return wasm_f32x4_mul(wasm_v128_and(h, constants.bits), constants.bias);
}

ALWAYS_INLINE v128_t load_f16(const void *p, f16_constants constants) {
  return f16_to_f32(wasm_i32x4_load16x4(p), constants);
}

/* The same by more instructions, and without the subnormal float32 that load_f16 makes of a
 * subnormal f16 and multiplies: processors take many times as long for those. With the other bias
 * added to its exponent of zero, a subnormal 2^-14 * f reads v = 2^-15 * (1 + f); it is
 * v + (v - 2^-14), exactly. */
ALWAYS_INLINE v128_t load_small_f16(const void *p) {
  const v128_t least_normal = wasm_f32x4_const_splat(0x1p-14f);
  v128_t h = wasm_i32x4_load16x4(p), sign = wasm_v128_and(h, wasm_u32x4_const_splat(1u << 31));
  v128_t bits = wasm_v128_and(wasm_i32x4_shl(h, 13), wasm_u32x4_const_splat(0x0FFFE000));
  v128_t v = wasm_i32x4_add(bits, wasm_u32x4_const_splat(112u << 23));
  v128_t below = wasm_f32x4_pmin(wasm_f32x4_sub(v, least_normal), wasm_f32x4_const_splat(0.0f));
  return wasm_v128_or(wasm_f32x4_add(v, below), sign);
}

/* 2^(e - 128) of four exponents. */
ALWAYS_INLINE v128_t load_e8m0(const uint8_t *p) {
  v128_t e = wasm_u32x4_extend_low_u16x8(wasm_u16x8_extend_low_u8x16(wasm_v128_load32_zero(p)));
  const v128_t least = wasm_u32x4_const_splat(1u << 22), half = wasm_f32x4_const_splat(0.5f);
  return wasm_f32x4_mul(wasm_u32x4_max(wasm_i32x4_shl(e, 23), least), half);
}

/* (v0 + v1) + (v2 + v3) */
ALWAYS_INLINE float fold(v128_t v) {
  return (wasm_f32x4_extract_lane(v, 0) + wasm_f32x4_extract_lane(v, 1)) +
         (wasm_f32x4_extract_lane(v, 2) + wasm_f32x4_extract_lane(v, 3));
}

ALWAYS_INLINE v128_t mul_add(v128_t sum, v128_t a, v128_t b) {
  return wasm_f32x4_add(sum, wasm_f32x4_mul(a, b));
}

/* a and b / 2^shift side by side in int16, which they fit; the quotient is whole. */
ALWAYS_INLINE v128_t pairs_of(v128_t a, v128_t b, int shift) {
  b = wasm_i32x4_shl(b, 16 - (uint32_t)shift);
  return wasm_i16x8_shuffle(a, b, 0, 9, 2, 11, 4, 13, 6, 15);
}

/* In int32 a * the first + b / 2^shift * the second of two int16 in each lane of `pairs`. */
ALWAYS_INLINE v128_t times_pairs(v128_t a, v128_t b, int shift, v128_t pairs) {
  a = wasm_i32x4_mul(a, wasm_i32x4_shr(wasm_i32x4_shl(pairs, 16), 16));
  b = wasm_i32x4_shr(b, (uint32_t)shift);
  return wasm_i32x4_add(a, wasm_i32x4_mul(b, wasm_i32x4_shr(pairs, 16)));
}

/* Lane j of out[i] = lane i of in[j]. */
ALWAYS_INLINE void transpose(const v128_t in[4], v128_t out[4]) {
  v128_t low01 = wasm_i32x4_shuffle(in[0], in[1], 0, 4, 1, 5);
  v128_t low23 = wasm_i32x4_shuffle(in[2], in[3], 0, 4, 1, 5);
  v128_t high01 = wasm_i32x4_shuffle(in[0], in[1], 2, 6, 3, 7);
  v128_t high23 = wasm_i32x4_shuffle(in[2], in[3], 2, 6, 3, 7);
  out[0] = wasm_i64x2_shuffle(low01, low23, 0, 2), out[1] = wasm_i64x2_shuffle(low01, low23, 1, 3);
  out[2] = wasm_i64x2_shuffle(high01, high23, 0, 2);
  out[3] = wasm_i64x2_shuffle(high01, high23, 1, 3);
}

/* Lane i = fold of row i. */
ALWAYS_INLINE v128_t fold_rows(const v128_t rows[4]) {
  v128_t lanes[4];
  transpose(rows, lanes);
  return wasm_f32x4_add(wasm_f32x4_add(lanes[0], lanes[1]), wasm_f32x4_add(lanes[2], lanes[3]));
}

/* The first n lanes, or all four. */
ALWAYS_INLINE void store_rows(float *y, size_t n, v128_t v) {
  if (n >= 4)
    wasm_v128_store(y, v);
  else
    memcpy(y, &v, n * sizeof *y);
}

#endif
