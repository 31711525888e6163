/* Blocks whose quants are indices of values, from float32. ggml-quants.c (quantize_row_iq4_nl_impl,
 * quantize_row_mxfp4_ref) is the specification, and the order of its sums is kept: the bytes are
 * the same, but for indices where IQ4_NL's scale is 0. Whatever is not finite gives some index. */
#include "tensor/quantize_values.h"

#include <string.h>

#include "tensor/blocks.h"

static float magnitude(float x) {
  return __builtin_fabsf(x);
}

/* Nearest, ties to even, in low..high; NaN gives low. */
static int nearest(float v, int low, int high) {
  if (!(v > (float)low)) return low;
  if (v >= (float)high) return high;
  return (int)((v + 0x1.8p23f) - 0x1.8p23f);
}

/* qs of 32 indices. */
static void pack(const uint8_t q[32], uint8_t qs[16]) {
  for (int j = 0; j < 16; j++) qs[j] = (uint8_t)(q[j] | q[j + 16] << 4);
}

/* ---- IQ4_NL, IQ4_XS ---- */

/* Index of the value nearest to x, the higher one of equals. */
static uint8_t nearest_value(float x) {
  const int8_t *values = sotto_iq4_values;
  if (x <= (float)values[0]) return 0;
  int i = 1;
  while (i < 15 && !(x < (float)values[i])) i++;
  return (uint8_t)(x - (float)values[i - 1] < (float)values[i] - x ? i - 1 : i);
}

typedef struct fit {
  float xq, q2; /* sums of x * value and of value * value, each weighed by the square of its x */
} fit;

static fit fit_values(const float x[32], float inverse, uint8_t q[32]) {
  fit f = {0.0f, 0.0f};
  for (int j = 0; j < 32; j++) {
    q[j] = nearest_value(inverse * x[j]);
    const float w = x[j] * x[j], value = sotto_iq4_values[q[j]];
    f.xq += w * value * x[j];
    f.q2 += w * value * value;
  }
  return f;
}

/* Scale of 32 values by least squares: around the guess that maps the largest magnitude to the
 * lowest value, or where there are `more` guesses to its opposite, and around these. q: by the
 * first. */
static float fit_scale(const float x[32], int more, uint8_t q[32]) {
  float extreme = 0.0f, most = 0.0f; /* two, or clang 19 makes a wrong choice for wasm */
  for (int j = 0; j < 32; j++) {
    if (!(magnitude(x[j]) > most)) continue;
    most = magnitude(x[j]);
    extreme = x[j];
  }
  memset(q, 0, 32);
  if (most < 1e-15f) return 0.0f;
  const float lowest = sotto_iq4_values[0];
  fit f = fit_values(x, 1.0f / (more ? -extreme / lowest : extreme / lowest), q);
  float scale = f.q2 > 0.0f ? f.xq / f.q2 : 0.0f, best = scale * f.xq;
  for (int i = -more; more && i <= more; i++) {
    uint8_t tried[32];
    f = fit_values(x, ((float)i + lowest) / extreme, tried);
    if (!(f.q2 > 0.0f && f.xq * f.xq > best * f.q2)) continue;
    scale = f.xq / f.q2;
    best = scale * f.xq;
  }
  return scale;
}

static void quantize_iq4_xs(const float x[256], sotto_block_iq4_xs *out) {
  uint8_t q[32];
  float scales[8], extreme = 0.0f;
  memset(out, 0, sizeof *out);
  for (int b = 0; b < 8; b++) {
    scales[b] = fit_scale(x + 32 * b, 7, q);
    if (magnitude(scales[b]) > magnitude(extreme)) extreme = scales[b];
  }
  const float d = -extreme / 32.0f, inverse = d != 0.0f ? 1.0f / d : 0.0f;
  out->d = sotto_f32_to_f16(d);
  for (int b = 0; b < 8; b++) {
    int scale = nearest(inverse * scales[b], -32, 31);
    const float step = d * (float)scale, by = step != 0.0f ? 1.0f / step : 0.0f;
    for (int j = 0; j < 32; j++) q[j] = nearest_value(by * x[32 * b + j]);
    pack(q, out->qs + 16 * b);
    scale += 32;
    out->scales_l[b / 2] |= (uint8_t)((scale & 15) << 4 * (b % 2));
    out->scales_h[b / 4] |= (uint8_t)(scale >> 4 << 2 * (b % 4));
  }
}

/* ---- MXFP4 ---- */

static void quantize_mxfp4(const float x[32], sotto_block_mxfp4 *out) {
  float most = 0.0f;
  for (int j = 0; j < 32; j++)
    if (magnitude(x[j]) > most) most = magnitude(x[j]);
  uint32_t bits;
  memcpy(&bits, &most, sizeof bits);
  const int exponent = (int)(bits >> 23) - 2; /* the largest value is 1.5 * 2^2 */
  out->e = (uint8_t)(exponent < 0                    ? 0
                     : exponent > SOTTO_E8M0_HIGHEST ? SOTTO_E8M0_HIGHEST
                                                     : exponent);
  const float d = sotto_e8m0_half(out->e);
  uint8_t q[32];
  for (int j = 0; j < 32; j++) {
    float best = magnitude((float)sotto_fp4_values[0] * d - x[j]);
    q[j] = 0;
    for (int i = 1; i < 16; i++) {
      const float error = magnitude((float)sotto_fp4_values[i] * d - x[j]);
      if (!(error < best)) continue;
      best = error;
      q[j] = (uint8_t)i;
    }
  }
  pack(q, out->qs);
}

void sotto_quantize_values_block(sotto_dtype type, const float *x, void *block) {
  if (type == SOTTO_MXFP4) {
    sotto_block_mxfp4 out;
    quantize_mxfp4(x, &out);
    memcpy(block, &out, sizeof out);
  } else if (type == SOTTO_IQ4_XS) {
    sotto_block_iq4_xs out;
    quantize_iq4_xs(x, &out);
    memcpy(block, &out, sizeof out);
  } else {
    uint8_t q[32];
    sotto_block_iq4_nl out = {.d = sotto_f32_to_f16(fit_scale(x, 0, q))};
    pack(q, out.qs);
    memcpy(block, &out, sizeof out);
  }
}
