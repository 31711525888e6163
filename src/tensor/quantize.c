/* Rows from float32. ggml-quants.c (quantize_row_*_ref) is the specification; where it leaves a
 * conversion of non-finite or overflowing values undefined, the quant is clamped into its range,
 * NaN to 0. */
#include <float.h>
#include <string.h>

#include "tensor/blocks.h"
#include "tensor/dtype.h"
#include "tensor/quantize_k.h"
#include "tensor/quantize_values.h"

/* Truncated into 0..most. */
static uint8_t to_quant(float v, int most) {
  if (!(v > 0.0f)) return 0;
  return v >= (float)most ? (uint8_t)most : (uint8_t)v;
}

/* Nearest, ties away from zero (C's roundf), into -127..127. */
static int8_t round_away(float v) {
  if (!(v > -127.0f)) return v <= -127.0f ? -127 : 0;
  if (v >= 127.0f) return 127;
  int whole = (int)v;
  float rest = v - (float)whole;
  return (int8_t)(whole + (rest >= 0.5f) - (rest <= -0.5f));
}

/* The value of x[32] with the largest magnitude, sign kept; the first one of equals. */
static float extreme(const float *x) {
  float most = 0.0f, value = 0.0f;
  for (int j = 0; j < 32; j++) {
    float a = __builtin_fabsf(x[j]);
    if (most < a) {
      most = a;
      value = x[j];
    }
  }
  return value;
}

static void range(const float *x, float *min, float *max) {
  *min = FLT_MAX;
  *max = -FLT_MAX;
  for (int j = 0; j < 32; j++) {
    if (x[j] < *min) *min = x[j];
    if (x[j] > *max) *max = x[j];
  }
}

static float inverse(float d) {
  return d != 0.0f ? 1.0f / d : 0.0f;
}

/* q[32] = trunc((x - shift) * scale + bias), clamped to 0..most, into the 4- and 5-bit layout. */
static void pack(const float *x, float shift, float scale, float bias, int most, uint8_t qs[16],
                 uint8_t qh[4]) {
  uint32_t fifth = 0;
  for (int j = 0; j < 16; j++) {
    uint8_t low = to_quant((x[j] - shift) * scale + bias, most);
    uint8_t high = to_quant((x[j + 16] - shift) * scale + bias, most);
    qs[j] = (uint8_t)((low & 15) | (high & 15) << 4);
    fifth |= (uint32_t)(low >> 4) << j | (uint32_t)(high >> 4) << (j + 16);
  }
  if (qh) memcpy(qh, &fifth, sizeof fifth);
}

static void quantize_block(sotto_dtype type, const float *x, void *out) {
  float min, max, d;
  switch (type) {
  case SOTTO_Q4_0: {
    d = extreme(x) / -8.0f;
    sotto_block_q4_0 b = {.d = sotto_f32_to_f16(d)};
    pack(x, 0.0f, inverse(d), 8.5f, 15, b.qs, NULL);
    memcpy(out, &b, sizeof b);
    break;
  }
  case SOTTO_Q4_1: {
    range(x, &min, &max);
    d = (max - min) / 15.0f;
    sotto_block_q4_1 b = {.d = sotto_f32_to_f16(d), .m = sotto_f32_to_f16(min)};
    pack(x, min, inverse(d), 0.5f, 15, b.qs, NULL);
    memcpy(out, &b, sizeof b);
    break;
  }
  case SOTTO_Q5_0: {
    d = extreme(x) / -16.0f;
    sotto_block_q5_0 b = {.d = sotto_f32_to_f16(d)};
    pack(x, 0.0f, inverse(d), 16.5f, 31, b.qs, b.qh);
    memcpy(out, &b, sizeof b);
    break;
  }
  case SOTTO_Q5_1: {
    range(x, &min, &max);
    d = (max - min) / 31.0f;
    sotto_block_q5_1 b = {.d = sotto_f32_to_f16(d), .m = sotto_f32_to_f16(min)};
    pack(x, min, inverse(d), 0.5f, 31, b.qs, b.qh);
    memcpy(out, &b, sizeof b);
    break;
  }
  default: { /* Q8_0 */
    d = __builtin_fabsf(extreme(x)) / 127.0f;
    sotto_block_q8_0 b = {.d = sotto_f32_to_f16(d)};
    float scale = inverse(d);
    for (int j = 0; j < 32; j++) b.qs[j] = round_away(x[j] * scale);
    memcpy(out, &b, sizeof b);
  }
  }
}

void sotto_quantize_row(sotto_dtype type, const float *x, void *row, size_t n) {
  unsigned char *bytes = row;
  switch (type) {
  case SOTTO_F32: memcpy(row, x, n * sizeof *x); break;
  case SOTTO_F16:
  case SOTTO_BF16:
    for (size_t i = 0; i < n; i++) {
      uint16_t h = type == SOTTO_F16 ? sotto_f32_to_f16(x[i]) : sotto_f32_to_bf16(x[i]);
      memcpy(bytes + 2 * i, &h, sizeof h);
    }
    break;
  case SOTTO_Q2_K:
  case SOTTO_Q3_K:
  case SOTTO_Q4_K:
  case SOTTO_Q5_K:
  case SOTTO_Q6_K:
    for (size_t i = 0; i < n; i += SOTTO_K_BLOCK_WEIGHTS, bytes += sotto_dtype_block_bytes(type))
      sotto_quantize_k_block(type, x + i, bytes);
    break;
  case SOTTO_IQ4_NL:
  case SOTTO_IQ4_XS:
  case SOTTO_MXFP4:
    for (size_t i = 0; i < n; i += sotto_dtype_block_weights(type)) {
      sotto_quantize_values_block(type, x + i, bytes);
      bytes += sotto_dtype_block_bytes(type);
    }
    break;
  default:
    for (size_t i = 0; i < n; i += SOTTO_BLOCK_WEIGHTS, bytes += sotto_dtype_block_bytes(type)) {
      quantize_block(type, x + i, bytes);
    }
  }
}
