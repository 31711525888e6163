/* kernels/math: against the C library in wider precision, over dense sweeps and special values. */
#include <float.h>
#include <math.h>
#include <stdint.h>

#include "kernels/expf_steps.h"
#include "kernels/math.h"
#include "test.h"

/* |actual - expected| in units of the last place of a float of that size. */
static double ulps_f(float actual, double expected) {
  int exponent;
  frexp(expected, &exponent);
  if (exponent < -125) exponent = -125;
  return fabs((double)actual - expected) / ldexp(1.0, exponent - 24);
}

static double relative(double actual, long double expected) {
  return (double)(fabsl((long double)actual - expected) / fabsl(expected));
}

TEST(math_expf_error_and_never_subnormal) {
  double worst = 0;
  bool range = true;
  for (uint64_t u = 0; u < 0x100000000; u += 997) { /* all binades, both signs */
    float x = sotto_float_from_bits((uint32_t)u), y = sotto_expf(x);
    if (x != x) {
      range = range && y != y;
    } else if (x < -87.33654f) {
      range = range && y == 0;
    } else if (x > 88.72283f) {
      range = range && isinf(y) && y > 0;
    } else {
      range = range && y >= FLT_MIN && y <= FLT_MAX;
      worst = fmax(worst, ulps_f(y, exp(x)));
    }
  }
  for (int i = -8800000; i <= 8800000; i += 7) {
    float x = (float)i * 1e-5f;
    if (x > -87.33f) worst = fmax(worst, ulps_f(sotto_expf(x), exp(x)));
  }
  CHECK(range);
  if (!CHECK(worst < 1.1)) printf("    worst %g ulp\n", worst);
  CHECK(sotto_expf(0.0f) == 1.0f && sotto_expf(-0.0f) == 1.0f && sotto_expf(1e-30f) == 1.0f);
  CHECK(sotto_expf(-INFINITY) == 0.0f && sotto_expf(INFINITY) == INFINITY);
  CHECK(isnan(sotto_expf(NAN)));
  CHECK(sotto_expf(SOTTO_EXPF_LOWEST) >= FLT_MIN && exp(SOTTO_EXPF_LOWEST) >= FLT_MIN);
  CHECK(exp(nextafterf(SOTTO_EXPF_LOWEST, -100)) < FLT_MIN);
  CHECK(sotto_expf(nextafterf(SOTTO_EXPF_LOWEST, -100)) == 0.0f);
  CHECK(exp(SOTTO_EXPF_HIGHEST) <= FLT_MAX && exp(nextafterf(SOTTO_EXPF_HIGHEST, 100)) > FLT_MAX);
  CHECK(isfinite(sotto_expf(SOTTO_EXPF_HIGHEST)));
}

TEST(math_tanhf_error) {
  double worst = 0;
  bool shape = true;
  for (uint64_t u = 0; u < 0x7F800000; u += 499) {
    float x = sotto_float_from_bits((uint32_t)u), y = sotto_tanhf(x);
    shape = shape && y <= 1.0f && sotto_tanhf(-x) == -y;
    if (x > 1e-30f)
      worst = fmax(worst, ulps_f(y, tanh(x)));
    else
      shape = shape && y == x;
  }
  CHECK(shape);
  if (!CHECK(worst < 1.5)) printf("    worst %g ulp\n", worst);
  CHECK(sotto_tanhf(INFINITY) == 1.0f && sotto_tanhf(-INFINITY) == -1.0f);
  CHECK(signbit(sotto_tanhf(-0.0f)) && isnan(sotto_tanhf(NAN)) && sotto_tanhf(9.1f) == 1.0f);
}

TEST(math_geluf_error) {
  double worst = 0;
  for (int i = -130000; i <= 130000; i++) {
    const float x = (float)(i * 1e-4);
    const double expected = (double)x * 0.5 * erfc(-(double)x * sqrt(0.5));
    if (x != 0.0f) worst = fmax(worst, fabs((double)sotto_geluf(x) - expected) / fabs((double)x));
  }
  if (!CHECK(worst < 0x1p-22)) printf("    worst %g of x\n", worst);
  CHECK(sotto_geluf(100.0f) == 100.0f && sotto_geluf(-100.0f) == 0.0f && isnan(sotto_geluf(NAN)));
}

TEST(math_exp_relative_error) {
  double worst = 0;
  for (int i = -708000; i <= 709000; i += 3) {
    double x = i * 1e-3 + 1.3e-7 * (i % 1000);
    worst = fmax(worst, relative(sotto_exp(x), expl((long double)x)));
  }
  for (int e = -60; e < 0; e++) {
    worst = fmax(worst, relative(sotto_exp(ldexp(1.37, e)), expl(ldexpl(1.37, e))));
    worst = fmax(worst, relative(sotto_exp(-ldexp(1.37, e)), expl(-ldexpl(1.37, e))));
  }
  if (!CHECK(worst < 5e-16)) printf("    worst %g\n", worst);
  CHECK(sotto_exp(0.0) == 1.0 && sotto_exp(-INFINITY) == 0.0 && sotto_exp(-800.0) == 0.0);
  CHECK(sotto_exp(INFINITY) == INFINITY && sotto_exp(710.0) == INFINITY && isnan(sotto_exp(NAN)));
  CHECK(isfinite(sotto_exp(709.78)) && fabs(sotto_exp(-744.0) - exp(-744.0)) <= 0x1p-1074);
}

TEST(math_log_relative_error) {
  double worst = 0;
  for (int i = 1; i < 200000; i++) {
    double near_one = 1.0 + (i - 100000) * 3.7e-6; /* where log is small */
    if (near_one != 1.0) worst = fmax(worst, relative(sotto_log(near_one), logl(near_one)));
    double x = ldexp(1.0 + i / 200000.0, i % 2046 - 1022);
    worst = fmax(worst, relative(sotto_log(x), logl(x)));
  }
  for (int e = 1; e <= 52; e++) {
    double up = 1.0 + ldexp(1.0, -e), down = 1.0 - ldexp(1.0, -e);
    worst = fmax(worst, relative(sotto_log(up), logl(up)));
    worst = fmax(worst, relative(sotto_log(down), logl(down)));
    worst = fmax(worst, relative(sotto_log(ldexp(1.7, -1024 - e)), logl(ldexp(1.7, -1024 - e))));
  }
  if (!CHECK(worst < 5e-16)) printf("    worst %g\n", worst);
  CHECK(sotto_log(1.0) == 0.0 && sotto_log(0.0) == -INFINITY && sotto_log(INFINITY) == INFINITY);
  CHECK(isnan(sotto_log(-1.0)) && isnan(sotto_log(NAN)));
}

TEST(math_sincos_absolute_error) {
  double worst = 0, worst_small = 0, s, c;
  for (int i = 0; i < 400000; i++) {
    /* magnitudes from 2^-20 to 2^30, both signs */
    double x = ldexp(1.0 + (i * 7919LL % 400000) / 400000.0, i % 50 - 20);
    if (i & 1) x = -x;
    sotto_sincos(x, &s, &c);
    worst = fmax(worst, (double)fabsl((long double)s - sinl(x)));
    worst = fmax(worst, (double)fabsl((long double)c - cosl(x)));
    if (fabs(x) < 0.7) worst_small = fmax(worst_small, relative(s, sinl(x)));
  }
  /* Next to multiples of pi/2, where the reduction cancels nearly everything. */
  for (int i = 1; i < 600000000; i += 2999) {
    double x = (double)(i * 1.57079632679489661923132169163975144L);
    sotto_sincos(x, &s, &c);
    worst = fmax(worst, (double)fabsl((long double)s - sinl(x)));
    worst = fmax(worst, (double)fabsl((long double)c - cosl(x)));
    double small = fabs(s) < fabs(c) ? s : c;
    long double exact = fabs(s) < fabs(c) ? sinl(x) : cosl(x);
    worst_small = fmax(worst_small, relative(small, exact));
  }
  if (!CHECK(worst < 0x1p-52)) printf("    worst %g\n", worst);
  if (!CHECK(worst_small < 1e-14)) printf("    worst relative %g\n", worst_small);
  sotto_sincos(0.0, &s, &c);
  CHECK(s == 0.0 && c == 1.0);
  sotto_sincos(0x1p30, &s, &c);
  CHECK(isnan(s) && isnan(c));
  sotto_sincos(INFINITY, &s, &c);
  CHECK(isnan(s));
  sotto_sincos(NAN, &s, &c);
  CHECK(isnan(s));
}

TEST(math_pow_for_rope_frequencies) {
  static const double bases[] = {1.5, 10000.0, 100000.0, 500000.0, 1e6, 1e9};
  double worst = 0;
  for (size_t b = 0; b < sizeof bases / sizeof *bases; b++) {
    for (int i = -1000; i <= 1000; i++) {
      double e = i / 1000.0;
      worst = fmax(worst, relative(sotto_pow(bases[b], e), powl(bases[b], e)));
    }
  }
  if (!CHECK(worst < 1e-14)) printf("    worst %g\n", worst);
  CHECK(sotto_pow(10000.0, 0.0) == 1.0);
}
