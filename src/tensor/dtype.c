/* Data types and the row conversions that define them; ggml-quants.c (quantize_row_*_ref,
 * dequantize_row_*) is the specification. Where ggml leaves a conversion of non-finite or
 * overflowing values undefined, the quant is clamped into its range, NaN to 0. */
#include "tensor/dtype.h"

#include <float.h>

#include "base/bytes.h"
#include "tensor/blocks.h"

static const struct {
  const char *name;
  uint8_t weights, bytes;
} types[] = {
#define X(name, number, text, weights, bytes) [number] = {text, weights, bytes},
#include "tensor/dtypes.def"
#undef X
};

bool sotto_dtype_supported(uint32_t number) {
  return number < sizeof types / sizeof *types && types[number].name;
}

const char *sotto_dtype_name(sotto_dtype type) {
  return sotto_dtype_supported((uint32_t)type) ? types[type].name : "unknown";
}

size_t sotto_dtype_block_weights(sotto_dtype type) {
  return types[type].weights;
}
size_t sotto_dtype_block_bytes(sotto_dtype type) {
  return types[type].bytes;
}

uint64_t sotto_dtype_row_bytes(sotto_dtype type, uint64_t n) {
  return n / types[type].weights * types[type].bytes;
}

/* ---- float16 and bfloat16 ----------------------------------------------------------------------
 */

static uint32_t bits_of(float f) {
  uint32_t u;
  memcpy(&u, &f, sizeof u);
  return u;
}

static float float_of(uint32_t u) {
  float f;
  memcpy(&f, &u, sizeof f);
  return f;
}

float sotto_f16_to_f32(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 0x3FF;
  if (exponent == 31) return float_of(sign | 0x7F800000 | mantissa << 13);
  if (exponent) return float_of(sign | (exponent + 112) << 23 | mantissa << 13);
  /* Subnormal, mantissa * 2^-24: written into the last bits of 0.5, which is then taken away. */
  float magnitude = float_of(0x3F000000 | mantissa) - 0.5f;
  return float_of(sign | bits_of(magnitude));
}

uint16_t sotto_f32_to_f16(float f) {
  uint32_t u = bits_of(f), sign = u >> 16 & 0x8000, magnitude = u & 0x7FFFFFFF;
  uint32_t h;
  if (magnitude > 0x7F800000) {
    h = 0x7E00 | (magnitude >> 13 & 0x3FF); /* NaN stays NaN, quiet */
  } else if (magnitude >= 0x477FF000) {
    h = 0x7C00; /* from 65520, half-way to the next value, on */
  } else if (magnitude < 0x38800000) {
    /* Subnormal: adding 0.5 rounds to multiples of 2^-24. */
    h = bits_of(float_of(magnitude) + 0.5f) - 0x3F000000;
  } else {
    magnitude += 0xFFF + (magnitude >> 13 & 1);
    h = (magnitude - (112u << 23)) >> 13;
  }
  return (uint16_t)(sign | h);
}

uint16_t sotto_f32_to_bf16(float f) {
  uint32_t u = bits_of(f);
  if ((u & 0x7FFFFFFF) > 0x7F800000) return (uint16_t)(u >> 16 | 64); /* NaN stays NaN, quiet */
  return (uint16_t)((u + 0x7FFF + (u >> 16 & 1)) >> 16);
}

/* ---- dequantise --------------------------------------------------------------------------------
 */

static void dequantize_q4_0(const unsigned char *row, float *out, size_t n) {
  for (size_t i = 0; i < n; i += 32, row += sizeof(sotto_block_q4_0)) {
    sotto_block_q4_0 b;
    memcpy(&b, row, sizeof b);
    float d = sotto_f16_to_f32(b.d);
    for (int j = 0; j < 16; j++) {
      out[i + j] = (float)((b.qs[j] & 15) - 8) * d;
      out[i + j + 16] = (float)((b.qs[j] >> 4) - 8) * d;
    }
  }
}

static void dequantize_q4_1(const unsigned char *row, float *out, size_t n) {
  for (size_t i = 0; i < n; i += 32, row += sizeof(sotto_block_q4_1)) {
    sotto_block_q4_1 b;
    memcpy(&b, row, sizeof b);
    float d = sotto_f16_to_f32(b.d), m = sotto_f16_to_f32(b.m);
    for (int j = 0; j < 16; j++) {
      out[i + j] = (float)(b.qs[j] & 15) * d + m;
      out[i + j + 16] = (float)(b.qs[j] >> 4) * d + m;
    }
  }
}

static void dequantize_q5_0(const unsigned char *row, float *out, size_t n) {
  for (size_t i = 0; i < n; i += 32, row += sizeof(sotto_block_q5_0)) {
    sotto_block_q5_0 b;
    memcpy(&b, row, sizeof b);
    float d = sotto_f16_to_f32(b.d);
    uint32_t qh = sotto_read_u32(b.qh);
    for (int j = 0; j < 16; j++) {
      int low = (b.qs[j] & 15) | (int)(qh >> j & 1) << 4;
      int high = b.qs[j] >> 4 | (int)(qh >> (j + 16) & 1) << 4;
      out[i + j] = (float)(low - 16) * d;
      out[i + j + 16] = (float)(high - 16) * d;
    }
  }
}

static void dequantize_q5_1(const unsigned char *row, float *out, size_t n) {
  for (size_t i = 0; i < n; i += 32, row += sizeof(sotto_block_q5_1)) {
    sotto_block_q5_1 b;
    memcpy(&b, row, sizeof b);
    float d = sotto_f16_to_f32(b.d), m = sotto_f16_to_f32(b.m);
    uint32_t qh = sotto_read_u32(b.qh);
    for (int j = 0; j < 16; j++) {
      int low = (b.qs[j] & 15) | (int)(qh >> j & 1) << 4;
      int high = b.qs[j] >> 4 | (int)(qh >> (j + 16) & 1) << 4;
      out[i + j] = (float)low * d + m;
      out[i + j + 16] = (float)high * d + m;
    }
  }
}

static void dequantize_q8_0(const unsigned char *row, float *out, size_t n) {
  for (size_t i = 0; i < n; i += 32, row += sizeof(sotto_block_q8_0)) {
    sotto_block_q8_0 b;
    memcpy(&b, row, sizeof b);
    float d = sotto_f16_to_f32(b.d);
    for (int j = 0; j < 32; j++) out[i + j] = (float)b.qs[j] * d;
  }
}

void sotto_dequantize_row(sotto_dtype type, const void *row, float *out, size_t n) {
  const unsigned char *bytes = row;
  switch (type) {
  case SOTTO_F32: memcpy(out, row, n * sizeof *out); break;
  case SOTTO_F16:
    for (size_t i = 0; i < n; i++) out[i] = sotto_f16_to_f32(sotto_read_u16(bytes + 2 * i));
    break;
  case SOTTO_BF16:
    for (size_t i = 0; i < n; i++) out[i] = sotto_bf16_to_f32(sotto_read_u16(bytes + 2 * i));
    break;
  case SOTTO_Q4_0: dequantize_q4_0(bytes, out, n); break;
  case SOTTO_Q4_1: dequantize_q4_1(bytes, out, n); break;
  case SOTTO_Q5_0: dequantize_q5_0(bytes, out, n); break;
  case SOTTO_Q5_1: dequantize_q5_1(bytes, out, n); break;
  case SOTTO_Q8_0: dequantize_q8_0(bytes, out, n); break;
  }
}

/* ---- quantise ----------------------------------------------------------------------------------
 */

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
  default:
    for (size_t i = 0; i < n; i += SOTTO_BLOCK_WEIGHTS, bytes += types[type].bytes) {
      quantize_block(type, x + i, bytes);
    }
  }
}

/* ---- finite ------------------------------------------------------------------------------------
 */

static bool f16_is_finite(const unsigned char *p) {
  return (sotto_read_u16(p) & 0x7C00) != 0x7C00;
}

bool sotto_row_is_finite(sotto_dtype type, const void *row, size_t n) {
  const unsigned char *bytes = row;
  bool finite = true; /* without a way out early, the loops are vectors */
  switch (type) {
  case SOTTO_F32:
    for (size_t i = 0; i < n; i++)
      finite &= (sotto_read_u32(bytes + 4 * i) & 0x7F800000) != 0x7F800000;
    return finite;
  case SOTTO_F16:
    for (size_t i = 0; i < n; i++) finite &= f16_is_finite(bytes + 2 * i);
    return finite;
  case SOTTO_BF16:
    for (size_t i = 0; i < n; i++) finite &= (sotto_read_u16(bytes + 2 * i) & 0x7F80) != 0x7F80;
    return finite;
  default: { /* a block starts with its scale, and its minimum where it has one */
    size_t second = type == SOTTO_Q4_1 || type == SOTTO_Q5_1 ? 2 : 0;
    for (size_t i = 0; i < n; i += SOTTO_BLOCK_WEIGHTS, bytes += types[type].bytes)
      finite &= f16_is_finite(bytes), finite &= f16_is_finite(bytes + second);
    return finite;
  }
  }
}
