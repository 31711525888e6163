/* The exact operations of our float32 exp, tanh and GELU, in order. Scalar code calls these
 * functions; a SIMD kernel repeats every line on all lanes, with the same constants, and gets the
 * same bits. Only add, sub, mul, div, comparisons, selects and integer operations on the bits are
 * used, each rounded on its own (no fused multiply-add), so a line is one vector instruction.
 *
 * * SIMD twins: `a ? b : c` is a bit-select on a lane mask; `bits(x)` costs nothing; comparisons
 * with NaN are false, as in C. All lanes may run all lines: nothing traps, and lanes that a
 * select throws away may hold anything. */
#ifndef SOTTO_KERNELS_EXPF_STEPS_H
#define SOTTO_KERNELS_EXPF_STEPS_H

#include <stdint.h>
#include <string.h>

#define SOTTO_EXPF_LOG2E  0x1.715476p+0f  /* 1 / ln 2 */
#define SOTTO_EXPF_MAGIC  0x1.8p+23f      /* adding it rounds to an integer, nearest even */
#define SOTTO_EXPF_LN2_HI 0x1.62e4p-1f    /* ln 2 to 15 bits: n * LN2_HI is exact */
#define SOTTO_EXPF_LN2_LO 0x1.7f7d1cp-20f /* the rest */
#define SOTTO_EXPF_C2     0x1p-1f         /* (e^r - 1 - r) / r^2, Chebyshev on |r| <= ln 2 / 2 */
#define SOTTO_EXPF_C3     0x1.5554dcp-3f
#define SOTTO_EXPF_C4     0x1.55551ap-5f
#define SOTTO_EXPF_C5     0x1.120ba2p-7f
#define SOTTO_EXPF_C6     0x1.6d113cp-10f
/* The least x whose e^x is a normal number (2^-126), and the largest whose e^x is finite. */
#define SOTTO_EXPF_LOWEST  -0x1.5d589ep+6f /* -87.33654 */
#define SOTTO_EXPF_HIGHEST 0x1.62e42ep+6f  /* 88.722832 */

/* (tanh(a) / a - 1) / a^2 in a^2, Chebyshev on a <= TANHF_SMALL */
#define SOTTO_TANHF_SMALL 0x1.4p-1f
#define SOTTO_TANHF_C1    -0x1.555556p-2f
#define SOTTO_TANHF_C2    0x1.1110eap-3f
#define SOTTO_TANHF_C3    -0x1.ba08c4p-5f
#define SOTTO_TANHF_C4    0x1.64a976p-6f
#define SOTTO_TANHF_C5    -0x1.116a16p-7f
#define SOTTO_TANHF_C6    0x1.2c83c0p-9f

/* Half of erfc(z) e^(z^2) / t for t = 1 / (1 + 0.45 z) in t, minimax: what erfc is multiplied by
 * it, Phi's error stays below 2^-29. SLOPE is 0.45 / sqrt(2), as z = |x| / sqrt(2). */
#define SOTTO_GELUF_SLOPE 0x1.45d5b6p-2f
#define SOTTO_GELUF_C0    0x1.09352p-3f
#define SOTTO_GELUF_C1    0x1.9ba2e6p-4f
#define SOTTO_GELUF_C2    0x1.d74322p-3f
#define SOTTO_GELUF_C3    -0x1.80e644p-3f
#define SOTTO_GELUF_C4    0x1.b6e7b6p-2f
#define SOTTO_GELUF_C5    -0x1.f9ff2cp-3f
#define SOTTO_GELUF_C6    0x1.7b313ep-5f

static inline uint32_t sotto_float_bits(float f) {
  uint32_t u;
  memcpy(&u, &f, sizeof u);
  return u;
}

static inline float sotto_float_from_bits(uint32_t u) {
  float f;
  memcpy(&f, &u, sizeof f);
  return f;
}

/* e^x = 2^n e^r with n = nearest integer to x / ln 2 and |r| <= ln 2 / 2. Results below the normal
 * range are 0, above it +inf; NaN gives NaN. Never computes with subnormal numbers. */
static inline float sotto_expf_steps(float x) {
  float t = x * SOTTO_EXPF_LOG2E;
  t = t + SOTTO_EXPF_MAGIC; /* its low bits hold n in two's complement */
  float n = t - SOTTO_EXPF_MAGIC;
  float hi = n * SOTTO_EXPF_LN2_HI;
  float r = x - hi;
  float lo = n * SOTTO_EXPF_LN2_LO;
  r = r - lo;
  float p = SOTTO_EXPF_C6;
  p = p * r;
  p = p + SOTTO_EXPF_C5;
  p = p * r;
  p = p + SOTTO_EXPF_C4;
  p = p * r;
  p = p + SOTTO_EXPF_C3;
  p = p * r;
  p = p + SOTTO_EXPF_C2;
  float z = r * r;
  p = p * z;
  p = p + r;
  p = p + 1.0f;
  /* times 2^n: n is added to the exponent field (32-bit shift and wrapping add). */
  float y = sotto_float_from_bits(sotto_float_bits(p) + (sotto_float_bits(t) << 23));
  y = x < SOTTO_EXPF_LOWEST ? 0.0f : y;
  y = x > SOTTO_EXPF_HIGHEST ? sotto_float_from_bits(0x7F800000) : y;
  return x != x ? x : y;
}

/* With a = |x|: a polynomial below 0.625, else 1 - 2 / (e^2a + 1); then the sign of x. */
static inline float sotto_tanhf_steps(float x) {
  float a = sotto_float_from_bits(sotto_float_bits(x) & 0x7FFFFFFF);
  float z = a * a;
  float p = SOTTO_TANHF_C6;
  p = p * z;
  p = p + SOTTO_TANHF_C5;
  p = p * z;
  p = p + SOTTO_TANHF_C4;
  p = p * z;
  p = p + SOTTO_TANHF_C3;
  p = p * z;
  p = p + SOTTO_TANHF_C2;
  p = p * z;
  p = p + SOTTO_TANHF_C1;
  p = p * z;
  p = p * a;
  p = p + a;
  float e = sotto_expf_steps(a + a);
  e = e + 1.0f;
  e = 2.0f / e;
  e = 1.0f - e;
  float y = a < SOTTO_TANHF_SMALL ? p : e; /* NaN takes e, which is NaN */
  return sotto_float_from_bits(sotto_float_bits(y) | (sotto_float_bits(x) & 0x80000000));
}

/* x Phi(x), with Phi(-|x|) = erfc(|x| / sqrt(2)) / 2 and Phi(x) = 1 - Phi(-x). */
static inline float sotto_geluf_steps(float x) {
  float a = sotto_float_from_bits(sotto_float_bits(x) & 0x7FFFFFFF);
  float t = a * SOTTO_GELUF_SLOPE;
  t = 1.0f + t;
  t = 1.0f / t;
  float q = SOTTO_GELUF_C6;
  q = q * t;
  q = q + SOTTO_GELUF_C5;
  q = q * t;
  q = q + SOTTO_GELUF_C4;
  q = q * t;
  q = q + SOTTO_GELUF_C3;
  q = q * t;
  q = q + SOTTO_GELUF_C2;
  q = q * t;
  q = q + SOTTO_GELUF_C1;
  q = q * t;
  q = q + SOTTO_GELUF_C0;
  q = q * t;
  float h = a * -0.5f;
  h = h * a;
  q = q * sotto_expf_steps(h);
  float tail = x * q;
  float rest = x - tail;
  return x < 0.0f ? tail : rest;
}

#endif
