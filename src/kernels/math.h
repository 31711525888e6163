/* Elementary functions of our own: the C library's differ between hosts in the last bit, ours are
 * plain mul/add/div in a fixed order and so give the same bits everywhere. */
#ifndef SOTTO_KERNELS_MATH_H
#define SOTTO_KERNELS_MATH_H

/* e^x; relative error below 2 ulp. Underflows to 0 below -87.3, saturates to +inf above 88.7;
 * NaN stays NaN. The SIMD kernels repeat these operations lane by lane. */
float sotto_expf(float x);
/* Double precision, relative error below 1e-15: for sampling, log-probabilities and rope angles. */
double sotto_exp(double x);
double sotto_log(double x); /* x > 0; -inf for 0 */
void sotto_sincos(double x, double *sine, double *cosine); /* |x| < 2^30 */

#endif
