/* exp and tanh on four lanes. */
#ifndef SOTTO_KERNELS_SIMD128_EXP_H
#define SOTTO_KERNELS_SIMD128_EXP_H

#include "kernels/expf_steps.h"
#include "kernels/simd128/simd.h"

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
