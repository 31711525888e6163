/* Blocks of 256 weights from float32: sub-blocks are fitted by least squares, their scales then
 * rounded, and the quants chosen anew for the rounded scales. ggml-quants.c (quantize_row_q4_K_ref
 * and so on) is the specification, and the order of its sums is kept: the bytes are the same.
 * Whatever is not finite gives quants within their range. */
#include "tensor/quantize_k.h"

#include <string.h>

#include "tensor/blocks.h"

/* Nearest, ties to even, in low..high; NaN gives low. */
static int nearest(float v, int low, int high) {
  if (!(v > (float)low)) return low;
  if (v >= (float)high) return high;
  return (int)((v + 0x1.8p23f) - 0x1.8p23f);
}

static float magnitude(float x) {
  return __builtin_fabsf(x);
}

/* ---- Q2_K, Q4_K, Q5_K: x = scale * q - minimum ---- */

/* Steps of the search for a scale: the highest quant times 1 + (first + i / 10) / most. */
typedef struct search {
  int most, n_steps;
  float first;
  int n;         /* values of a sub-block */
  bool absolute; /* errors count by their magnitudes, not their squares */
} search;

static float error_of(search s, float off) {
  return s.absolute ? magnitude(off) : off * off;
}

/* Scale and minimum (not negative) of a sub-block, by weighted least squares around several
 * guesses. */
static float fit_line(const float *x, const float *weight, search s, uint8_t *q, float *minimum) {
  float min = x[0], max = x[0], sum_w = weight[0], sum_x = weight[0] * x[0];
  for (int i = 1; i < s.n; i++) {
    if (x[i] < min) min = x[i];
    if (x[i] > max) max = x[i];
    sum_w += weight[i];
    sum_x += weight[i] * x[i];
  }
  if (min > 0.0f) min = 0.0f;
  if (max == min) {
    memset(q, 0, (size_t)s.n);
    *minimum = -min;
    return 0.0f;
  }
  float inverse = (float)s.most / (max - min), scale = 1.0f / inverse, best = 0.0f;
  for (int i = 0; i < s.n; i++) {
    q[i] = (uint8_t)nearest(inverse * (x[i] - min), 0, s.most);
    best += weight[i] * error_of(s, scale * (float)q[i] + min - x[i]);
  }
  for (int step = 0; step <= s.n_steps; step++) { /* from the best minimum so far */
    inverse = (s.first + 0.1f * (float)step + (float)s.most) / (max - min);
    uint8_t tried[32];
    float sum_q = 0.0f, sum_q2 = 0.0f, sum_xq = 0.0f;
    for (int i = 0; i < s.n; i++) {
      tried[i] = (uint8_t)nearest(inverse * (x[i] - min), 0, s.most);
      const float l = (float)tried[i];
      sum_q += weight[i] * l;
      sum_q2 += weight[i] * l * l;
      sum_xq += weight[i] * l * x[i];
    }
    float determinant = sum_w * sum_q2 - sum_q * sum_q;
    if (!(determinant > 0.0f)) continue;
    float new_scale = (sum_w * sum_xq - sum_x * sum_q) / determinant;
    float new_min = (sum_q2 * sum_x - sum_q * sum_xq) / determinant;
    if (new_min > 0.0f) {
      new_min = 0.0f;
      new_scale = sum_xq / sum_q2;
    }
    float error = 0.0f;
    for (int i = 0; i < s.n; i++)
      error += weight[i] * error_of(s, new_scale * (float)tried[i] + new_min - x[i]);
    if (error < best) {
      memcpy(q, tried, (size_t)s.n);
      best = error;
      scale = new_scale;
      min = new_min;
    }
  }
  *minimum = -min;
  return scale;
}

static float largest(const float *values, int n) {
  float most = 0.0f;
  for (int b = 0; b < n; b++)
    if (values[b] > most) most = values[b];
  return most;
}

/* What Q4_K and Q5_K have in common, and all 256 quants. */
static void quantize_lines(const float *x, search s, uint16_t *d, uint16_t *dmin,
                           uint8_t scales[12], uint8_t q[256]) {
  float fitted[8], minima[8];
  for (int b = 0; b < 8; b++) {
    const float *sub = x + 32 * b;
    float squares = 0.0f, weight[32];
    for (int i = 0; i < 32; i++) squares += sub[i] * sub[i];
    float mean = __builtin_sqrtf(squares / 32.0f);
    for (int i = 0; i < 32; i++) weight[i] = mean + magnitude(sub[i]);
    fitted[b] = fit_line(sub, weight, s, q + 32 * b, &minima[b]);
  }
  const float most = largest(fitted, 8), most_min = largest(minima, 8);
  const float inverse = most > 0.0f ? 63.0f / most : 0.0f;
  const float inverse_min = most_min > 0.0f ? 63.0f / most_min : 0.0f;
  memset(scales, 0, 12);
  for (int b = 0; b < 8; b++) {
    const int scale = nearest(inverse * fitted[b], 0, 63);
    const int minimum = nearest(inverse_min * minima[b], 0, 63);
    if (b < 4) {
      scales[b] = (uint8_t)scale;
      scales[4 + b] = (uint8_t)minimum;
    } else {
      scales[4 + b] = (uint8_t)((scale & 15) | (minimum & 15) << 4);
      scales[b - 4] |= (uint8_t)(scale >> 4 << 6);
      scales[b] |= (uint8_t)(minimum >> 4 << 6);
    }
  }
  *d = sotto_f32_to_f16(most / 63.0f);
  *dmin = sotto_f32_to_f16(most_min / 63.0f);
  for (int b = 0; b < 8; b++) {
    const float step = sotto_f16_to_f32(*d) * (float)sotto_k_scale(scales, b, false);
    const float minimum = sotto_f16_to_f32(*dmin) * (float)sotto_k_scale(scales, b, true);
    if (step == 0.0f) continue; /* whatever q is: ggml keeps it, and so do we */
    for (int i = 32 * b; i < 32 * b + 32; i++)
      q[i] = (uint8_t)nearest((x[i] + minimum) / step, 0, s.most);
  }
}

static void quantize_q2_k(const float *x, sotto_block_q2_k *out) {
  const search s = {.most = 3, .n_steps = 15, .first = -0.5f, .n = 16, .absolute = true};
  uint8_t q[256];
  float fitted[16], minima[16];
  memset(out, 0, sizeof *out);
  for (int b = 0; b < 16; b++) {
    float weight[16];
    for (int i = 0; i < 16; i++) weight[i] = magnitude(x[16 * b + i]);
    fitted[b] = fit_line(x + 16 * b, weight, s, q + 16 * b, &minima[b]);
  }
  const float most = largest(fitted, 16), most_min = largest(minima, 16);
  const float inverse = most > 0.0f ? 15.0f / most : 0.0f;
  const float inverse_min = most_min > 0.0f ? 15.0f / most_min : 0.0f;
  out->d = sotto_f32_to_f16(most / 15.0f);
  out->dmin = sotto_f32_to_f16(most_min / 15.0f);
  for (int b = 0; b < 16; b++) {
    const int scale = nearest(inverse * fitted[b], 0, 15);
    const int minimum = nearest(inverse_min * minima[b], 0, 15);
    out->scales[b] = (uint8_t)(scale | minimum << 4);
    const float step = sotto_f16_to_f32(out->d) * (float)scale;
    const float taken = sotto_f16_to_f32(out->dmin) * (float)minimum;
    if (step == 0.0f) continue;
    for (int i = 16 * b; i < 16 * b + 16; i++) q[i] = (uint8_t)nearest((x[i] + taken) / step, 0, 3);
  }
  for (int j = 0; j < 256; j++)
    out->qs[j / 128 * 32 + j % 32] |= (uint8_t)(q[j] << 2 * (j / 32 % 4));
}

/* ---- Q3_K: x = scale * q, q in -4..3 ---- */

/* Scale of 16 values: the quants of a first guess are changed one by one while that lessens the
 * squared error, each weighed by its own square. */
static float fit_three_bits(const float *x, int8_t *q) {
  float extreme = 0.0f, most = 0.0f, sum_xq = 0.0f, sum_q2 = 0.0f;
  for (int i = 0; i < 16; i++) {
    if (!(magnitude(x[i]) > most)) continue;
    most = magnitude(x[i]);
    extreme = x[i];
  }
  memset(q, -4, 16); /* as ggml leaves them */
  if (most < 1e-15f) return 0.0f;
  for (int i = 0; i < 16; i++) {
    const float w = x[i] * x[i];
    q[i] = (int8_t)nearest(-4.0f / extreme * x[i], -4, 3);
    sum_xq += w * x[i] * (float)q[i];
    sum_q2 += w * (float)q[i] * (float)q[i];
  }
  bool changed = true;
  for (int round = 0; round < 5 && changed; round++) {
    changed = false;
    for (int i = 0; i < 16; i++) {
      const float w = x[i] * x[i];
      float xq = sum_xq - w * x[i] * (float)q[i];
      if (!(xq > 0.0f)) continue;
      float q2 = sum_q2 - w * (float)q[i] * (float)q[i];
      const int better = nearest(x[i] * q2 / xq, -4, 3);
      if (better == q[i]) continue;
      xq += w * x[i] * (float)better;
      q2 += w * (float)better * (float)better;
      if (!(q2 > 0.0f && xq * xq * sum_q2 > sum_xq * sum_xq * q2)) continue;
      q[i] = (int8_t)better, sum_xq = xq, sum_q2 = q2;
      changed = true;
    }
  }
  return sum_q2 > 0.0f ? sum_xq / sum_q2 : 0.0f;
}

static void quantize_q3_k(const float *x, sotto_block_q3_k *out) {
  int8_t q[256];
  float fitted[16], extreme = 0.0f;
  memset(out, 0, sizeof *out);
  for (int b = 0; b < 16; b++) {
    fitted[b] = fit_three_bits(x + 16 * b, q + 16 * b);
    if (magnitude(fitted[b]) > magnitude(extreme)) extreme = fitted[b];
  }
  const float inverse = extreme != 0.0f ? -32.0f / extreme : 0.0f;
  if (extreme != 0.0f) out->d = sotto_f32_to_f16(1.0f / inverse);
  for (int b = 0; b < 16; b++) {
    const int scale = nearest(inverse * fitted[b], -32, 31) + 32;
    const float step = sotto_f16_to_f32(out->d) * (float)(scale - 32);
    if (extreme != 0.0f) {
      out->scales[b % 8] |= (uint8_t)((scale & 15) << 4 * (b / 8));
      out->scales[8 + b % 4] |= (uint8_t)(scale >> 4 << 2 * (b / 4));
    }
    for (int i = 16 * b; i < 16 * b + 16 && step != 0.0f; i++)
      q[i] = (int8_t)nearest(x[i] / step, -4, 3);
  }
  for (int j = 0; j < 256; j++) {
    const int quant = q[j] + 4;
    out->qs[j / 128 * 32 + j % 32] |= (uint8_t)((quant & 3) << 2 * (j / 32 % 4));
    out->hmask[j % 32] |= (uint8_t)(quant >> 2 << j / 32);
  }
}

/* ---- Q6_K: x = scale * q, q in -32..31 ---- */

/* Scale of 16 values with the least squared error, each weighed by its own square. */
static float fit_scale(const float *x, uint8_t *q) {
  float extreme = 0.0f, most = 0.0f;
  for (int i = 0; i < 16; i++) {
    if (magnitude(x[i]) <= most || x[i] != x[i]) continue;
    most = magnitude(x[i]);
    extreme = x[i];
  }
  memset(q, 0, 16);
  if (most < 1e-15f) return 0.0f;
  float scale = 0.0f, best = 0.0f;
  for (int step = 0; step < 19; step++) { /* 0 first, then -9 … 9 without it */
    const int tenths = step == 0 ? 0 : step <= 9 ? step - 10 : step - 9;
    const float inverse = -(32.0f + 0.1f * (float)tenths) / extreme;
    float sum_xq = 0.0f, sum_q2 = 0.0f;
    uint8_t tried[16];
    for (int i = 0; i < 16; i++) {
      const int l = nearest(inverse * x[i], -32, 31);
      const float w = x[i] * x[i];
      tried[i] = (uint8_t)(l + 32);
      sum_xq += w * x[i] * (float)l;
      sum_q2 += w * (float)l * (float)l;
    }
    const bool better = sum_q2 > 0.0f && sum_xq * sum_xq > best * sum_q2;
    if (step > 0 && !better) continue;
    memcpy(q, tried, sizeof tried);
    scale = sum_q2 != 0.0f ? sum_xq / sum_q2 : 0.0f;
    best = scale * sum_xq;
  }
  return scale;
}

static void quantize_q6_k(const float *x, sotto_block_q6_k *out) {
  uint8_t q[256];
  float fitted[16], extreme = 0.0f;
  memset(out, 0, sizeof *out);
  for (int b = 0; b < 16; b++) {
    fitted[b] = fit_scale(x + 16 * b, q + 16 * b);
    if (magnitude(fitted[b]) > magnitude(extreme)) extreme = fitted[b];
  }
  if (magnitude(extreme) < 1e-15f) return;
  const float inverse = -128.0f / extreme;
  out->d = sotto_f32_to_f16(1.0f / inverse);
  for (int b = 0; b < 16; b++) {
    out->scales[b] = (int8_t)nearest(inverse * fitted[b], -128, 127);
    const float step = sotto_f16_to_f32(out->d) * (float)out->scales[b];
    if (step == 0.0f) continue;
    for (int i = 16 * b; i < 16 * b + 16; i++) q[i] = (uint8_t)(nearest(x[i] / step, -32, 31) + 32);
  }
  for (int j = 0; j < 256; j++) {
    const int h = j / 128, g = j / 32 % 4, l = j % 32;
    out->ql[64 * h + 32 * (g % 2) + l] |= (uint8_t)((q[j] & 15) << 4 * (g / 2));
    out->qh[32 * h + l] |= (uint8_t)(q[j] >> 4 << 2 * g);
  }
}

void sotto_quantize_k_block(sotto_dtype type, const float *x, void *block) {
  uint8_t q[256];
  if (type == SOTTO_Q2_K) {
    sotto_block_q2_k out;
    quantize_q2_k(x, &out);
    memcpy(block, &out, sizeof out);
  } else if (type == SOTTO_Q3_K) {
    sotto_block_q3_k out;
    quantize_q3_k(x, &out);
    memcpy(block, &out, sizeof out);
  } else if (type == SOTTO_Q6_K) {
    sotto_block_q6_k out;
    quantize_q6_k(x, &out);
    memcpy(block, &out, sizeof out);
  } else if (type == SOTTO_Q5_K) {
    sotto_block_q5_k out = {.d = 0};
    quantize_lines(x, (search){31, 15, -0.5f, 32, false}, &out.d, &out.dmin, out.scales, q);
    for (int j = 0; j < 256; j++) {
      out.qs[j / 64 * 32 + j % 32] |= (uint8_t)((q[j] & 15) << 4 * (j / 32 % 2));
      out.qh[j % 32] |= (uint8_t)(q[j] >> 4 << j / 32);
    }
    memcpy(block, &out, sizeof out);
  } else {
    sotto_block_q4_k out = {.d = 0};
    quantize_lines(x, (search){15, 20, -1.0f, 32, false}, &out.d, &out.dmin, out.scales, q);
    for (int j = 0; j < 256; j++)
      out.qs[j / 64 * 32 + j % 32] |= (uint8_t)(q[j] << 4 * (j / 32 % 2));
    memcpy(block, &out, sizeof out);
  }
}
