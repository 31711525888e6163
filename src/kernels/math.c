/* exp, tanh, log, sin, cos, pow from basic operations. The reductions are Cody and Waite's
 * ("Software Manual for the Elementary Functions", 1980); the double series are Taylor's, long
 * enough that what is cut off stays below a quarter of the last bit. */
#include "kernels/math.h"

#include <stdint.h>
#include <string.h>

#include "kernels/expf_steps.h"

#define ROUND_MAGIC 0x1.8p+52       /* adding it rounds to an integer, nearest even */
#define LN2_HI      0x1.62e42feep-1 /* ln 2 to 32 bits: n * LN2_HI is exact for |n| < 2^21 */
#define LN2_LO      0x1.a39ef35793c76p-33
#define LOG2E       0x1.71547652b82fep+0
#define SQRT_HALF   0x1.6a09e667f3bcdp-1
/* pi/2 in parts on grids of 2^-21, 2^-43, 2^-65: n times a part is exact for |n| <= 2^30. */
#define PIO2_1      0x1.921fbp+0
#define PIO2_2      0x1.5110bp-22
#define PIO2_3      0x1.1846980000000p-44
#define PIO2_4      0x1.3198a2e037073p-69
#define TWO_OVER_PI 0x1.45f306dc9c883p-1

static double double_from_bits(uint64_t u) {
  double d;
  memcpy(&d, &u, sizeof d);
  return d;
}

static uint64_t double_bits(double d) {
  uint64_t u;
  memcpy(&u, &d, sizeof u);
  return u;
}

float sotto_expf(float x) {
  return sotto_expf_steps(x);
}
float sotto_tanhf(float x) {
  return sotto_tanhf_steps(x);
}
float sotto_geluf(float x) {
  return sotto_geluf_steps(x);
}

/* 2^n for n in -1022..1023. */
static double power_of_two(int n) {
  return double_from_bits((uint64_t)(n + 1023) << 52);
}

double sotto_exp(double x) {
  static const double inverse_factorial[] = {
      /* of 2 to 13 */
      1 / 2.0,     1 / 6.0,      1 / 24.0,      1 / 120.0,      1 / 720.0,       1 / 5040.0,
      1 / 40320.0, 1 / 362880.0, 1 / 3628800.0, 1 / 39916800.0, 1 / 479001600.0, 1 / 6227020800.0};
  if (x != x) return x;
  if (x > 709.8) return double_from_bits(0x7FF0000000000000);
  if (x < -745.2) return 0.0;
  double n = (x * LOG2E + ROUND_MAGIC) - ROUND_MAGIC;
  double r = (x - n * LN2_HI) - n * LN2_LO;
  double p = 0.0;
  for (int i = 11; i >= 0; i--) p = p * r + inverse_factorial[i];
  double y = 1.0 + (r + r * r * p);
  int k = (int)n, half = k / 2; /* in two steps: 2^k alone can lie outside the normal range */
  return y * power_of_two(half) * power_of_two(k - half);
}

double sotto_log(double x) {
  uint64_t bits = double_bits(x);
  if (x != x || bits == 0x7FF0000000000000) return x;
  if (x == 0.0) return double_from_bits(0xFFF0000000000000);
  if (x < 0.0) return double_from_bits(0x7FF8000000000000);
  int k = 0;
  if (bits < (uint64_t)1 << 52) { /* subnormal */
    bits = double_bits(x * 0x1p54);
    k = -54;
  }
  k += (int)(bits >> 52) - 1022;
  double m = double_from_bits((bits & 0xFFFFFFFFFFFFF) | (uint64_t)1022 << 52); /* [0.5, 1) */
  if (m < SQRT_HALF) {
    m = m + m;
    k--;
  }
  /* log(1 + f) = 2 atanh(s), s = f / (2 + f); as f - (f^2/2 - s (f^2/2 + tail)) it keeps f exact.
   */
  double f = m - 1.0, s = f / (2.0 + f), z = s * s, tail = 0.0;
  for (int i = 23; i >= 3; i -= 2) tail = (tail + 2.0 / i) * z;
  double half = 0.5 * f * f, n = k;
  return n * LN2_HI - ((half - (s * (half + tail) + n * LN2_LO)) - f);
}

void sotto_sincos(double x, double *sine, double *cosine) {
  if (!(x > -0x1p30 && x < 0x1p30)) {
    *sine = *cosine = double_from_bits(0x7FF8000000000000);
    return;
  }
  /* x = n pi/2 + r + tail: the first two subtractions are exact, the error of the third is kept. */
  double n = (x * TWO_OVER_PI + ROUND_MAGIC) - ROUND_MAGIC;
  double y = (x - n * PIO2_1) - n * PIO2_2;
  double third = n * PIO2_3, a = y - third;
  double back = a - y, error = (y - (a - back)) - (third + back);
  double rest = error - n * PIO2_4;
  double r = a + rest, tail = (a - r) + rest;

  double z = r * r, p = 0.0, q = 0.0;
  for (int i = 17; i >= 3; i -= 2) p = (1.0 - p) * z / (double)(i * (i - 1));
  for (int i = 18; i >= 4; i -= 2) q = (1.0 - q) * z / (double)(i * (i - 1));
  /* p = 1 - sin(r)/r and q = 1 - 2 (1 - cos(r))/r^2, both small */
  double s = r + (tail * (1.0 - 0.5 * z) - r * p);
  double half = 0.5 * z, w = 1.0 - half;
  double c = w + (((1.0 - w) - half) + (half * q - r * tail));
  switch ((int)n & 3) {
  case 0: *sine = s, *cosine = c; break;
  case 1: *sine = c, *cosine = -s; break;
  case 2: *sine = -s, *cosine = -c; break;
  default: *sine = -c, *cosine = s;
  }
}

double sotto_pow(double base, double exponent) {
  return sotto_exp(exponent * sotto_log(base));
}
