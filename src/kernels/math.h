/* Elementary functions of our own: the C library's differ between hosts in the last bit, ours are
 * plain mul/add/div in a fixed order and so give the same bits everywhere. */
#ifndef SOTTO_KERNELS_MATH_H
#define SOTTO_KERNELS_MATH_H

/* e^x; error below 1.1 ulp. 0 below -87.33654 (where the result would be subnormal), +inf
 * above 88.72283; NaN stays NaN. The operations, for SIMD kernels to repeat: expf_steps.h. */
float sotto_expf(float x);
/* Error below 1.5 ulp; odd, keeps the sign of 0; +-1 from |x| = 9.1 on; NaN stays NaN. */
float sotto_tanhf(float x);

/* x * Phi(x), which is GELU with the error function; error below 2^-22 |x|; NaN stays NaN. */
float sotto_geluf(float x);

/* tanh(u) = 2 / (1 + exp(-2u)) - 1, so GELU's tanh form is x / (1 + exp(-x * (1 + 3 * x^2))) with
 * these for 1 and 3: 2 * sqrt(2 / pi), and that times 0.044715. */
#define SOTTO_GELU_1 1.5957691216f
#define SOTTO_GELU_3 0.0713548163f

/* Double precision, relative error below 1e-15: for sampling, log-probabilities and rope angles. */
double sotto_exp(double x); /* +inf above 709.78; subnormal, then 0, below -708.39; NaN stays NaN */
double sotto_log(double x); /* x > 0; -inf for 0, NaN for less and for NaN, +inf for +inf */
/* |x| < 2^30, absolute error below 2^-52; NaN for any other x. */
void sotto_sincos(double x, double *sine, double *cosine);
/* base^exponent as exp(exponent * log(base)), base > 0. The relative error is below
 * 3e-16 * (1 + 2 |exponent * log(base)|): under 1e-14 for rope's 1e9^[-1, 1]. */
double sotto_pow(double base, double exponent);

#endif
