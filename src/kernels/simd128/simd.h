/* What the vector kernels share: unaligned loads, exact f16, folds, exp, tanh. Plain SIMD128
 * only. */
#ifndef SOTTO_KERNELS_SIMD128_SIMD_H
#define SOTTO_KERNELS_SIMD128_SIMD_H

#include <string.h>
#include <wasm_simd128.h>

#include "kernels/expf_steps.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

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

/* (v0 + v1) + (v2 + v3) */
ALWAYS_INLINE float fold(v128_t v) {
  return (wasm_f32x4_extract_lane(v, 0) + wasm_f32x4_extract_lane(v, 1)) +
         (wasm_f32x4_extract_lane(v, 2) + wasm_f32x4_extract_lane(v, 3));
}

ALWAYS_INLINE v128_t mul_add(v128_t sum, v128_t a, v128_t b) {
  return wasm_f32x4_add(sum, wasm_f32x4_mul(a, b));
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

typedef struct exp_constants {
  v128_t log2e, magic, ln2_hi, ln2_lo, c2, c3, c4, c5, c6, one, lowest;
} exp_constants;

ALWAYS_INLINE exp_constants hold_exp(void) {
#define HELD(f) held(sotto_float_bits(f))
  return (exp_constants){HELD(SOTTO_EXPF_LOG2E),  HELD(SOTTO_EXPF_MAGIC),
                         HELD(SOTTO_EXPF_LN2_HI), HELD(SOTTO_EXPF_LN2_LO),
                         HELD(SOTTO_EXPF_C2),     HELD(SOTTO_EXPF_C3),
                         HELD(SOTTO_EXPF_C4),     HELD(SOTTO_EXPF_C5),
                         HELD(SOTTO_EXPF_C6),     HELD(1.0f),
                         HELD(SOTTO_EXPF_LOWEST)};
#undef HELD
}

/* sotto_expf_steps without its selects for large x and NaN: for x <= 0. NaN gives NaN if the low
 * nine bits of its payload are 0, as they are in whatever arithmetic makes of numbers. */
ALWAYS_INLINE v128_t exp_below_0(v128_t x, exp_constants c) {
  v128_t t = wasm_f32x4_add(wasm_f32x4_mul(x, c.log2e), c.magic);
  v128_t n = wasm_f32x4_sub(t, c.magic);
  v128_t r = wasm_f32x4_sub(x, wasm_f32x4_mul(n, c.ln2_hi));
  r = wasm_f32x4_sub(r, wasm_f32x4_mul(n, c.ln2_lo));
  v128_t p = wasm_f32x4_add(wasm_f32x4_mul(c.c6, r), c.c5);
  p = wasm_f32x4_add(wasm_f32x4_mul(p, r), c.c4);
  p = wasm_f32x4_add(wasm_f32x4_mul(p, r), c.c3);
  p = wasm_f32x4_add(wasm_f32x4_mul(p, r), c.c2);
  p = wasm_f32x4_mul(p, wasm_f32x4_mul(r, r));
  p = wasm_f32x4_add(wasm_f32x4_add(p, r), c.one);
  v128_t y = wasm_i32x4_add(p, wasm_i32x4_shl(t, 23));
  return wasm_v128_andnot(y, wasm_f32x4_lt(x, c.lowest));
}

/* sotto_expf_steps on four lanes, line by line. */
ALWAYS_INLINE v128_t exp_f32(v128_t x) {
  v128_t y = exp_below_0(x, hold_exp());
  y = wasm_v128_bitselect(wasm_u32x4_const_splat(0x7F800000), y,
                          wasm_f32x4_gt(x, wasm_f32x4_const_splat(SOTTO_EXPF_HIGHEST)));
  return wasm_v128_bitselect(x, y, wasm_f32x4_ne(x, x));
}

/* sotto_tanhf_steps on four lanes, line by line. */
ALWAYS_INLINE v128_t tanh_f32(v128_t x) {
  v128_t a = wasm_f32x4_abs(x), z = wasm_f32x4_mul(a, a), one = wasm_f32x4_const_splat(1.0f);
  v128_t p = wasm_f32x4_const_splat(SOTTO_TANHF_C6);
  p = mul_add(wasm_f32x4_const_splat(SOTTO_TANHF_C5), p, z);
  p = mul_add(wasm_f32x4_const_splat(SOTTO_TANHF_C4), p, z);
  p = mul_add(wasm_f32x4_const_splat(SOTTO_TANHF_C3), p, z);
  p = mul_add(wasm_f32x4_const_splat(SOTTO_TANHF_C2), p, z);
  p = mul_add(wasm_f32x4_const_splat(SOTTO_TANHF_C1), p, z);
  p = mul_add(a, wasm_f32x4_mul(p, z), a);
  v128_t e = wasm_f32x4_add(exp_f32(wasm_f32x4_add(a, a)), one);
  e = wasm_f32x4_sub(one, wasm_f32x4_div(wasm_f32x4_const_splat(2.0f), e));
  v128_t y = wasm_v128_bitselect(p, e, wasm_f32x4_lt(a, wasm_f32x4_const_splat(SOTTO_TANHF_SMALL)));
  return wasm_v128_or(y, wasm_v128_and(x, wasm_u32x4_const_splat(0x80000000)));
}

#endif
