/* The table of data types, float16 and bfloat16, and what of a row is finite. Rows are converted in
 * dequantize.c and quantize.c. */
#include "tensor/dtype.h"

#include "base/bytes.h"
#include "tensor/blocks.h"

static const struct {
  const char *name;
  uint16_t weights, bytes;
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

/* ---- finite ------------------------------------------------------------------------------------
 */

static bool f16_is_finite(const unsigned char *p) {
  return (sotto_read_u16(p) & 0x7C00) != 0x7C00;
}

/* How many f16 a block has, and where: its scale and any minimum. */
static int halves_of(sotto_dtype type, size_t at[2]) {
  at[0] = 0, at[1] = 2;
  switch (type) {
  case SOTTO_Q4_1:
  case SOTTO_Q5_1:
  case SOTTO_Q4_K:
  case SOTTO_Q5_K: return 2;
  case SOTTO_Q2_K:
    at[0] = offsetof(sotto_block_q2_k, d), at[1] = offsetof(sotto_block_q2_k, dmin);
    return 2;
  case SOTTO_Q3_K: at[0] = offsetof(sotto_block_q3_k, d); return 1;
  case SOTTO_Q6_K: at[0] = offsetof(sotto_block_q6_k, d); return 1;
  default: return 1;
  }
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
  case SOTTO_MXFP4: /* the weights would not be finite, either */
    for (size_t i = 0; i < n; i += types[type].weights, bytes += types[type].bytes)
      finite &= bytes[offsetof(sotto_block_mxfp4, e)] <= SOTTO_E8M0_HIGHEST;
    return finite;
  default: {
    size_t at[2];
    const int n_halves = halves_of(type, at);
    const size_t first = at[0], second = at[n_halves - 1];
    for (size_t i = 0; i < n; i += types[type].weights, bytes += types[type].bytes)
      finite &= f16_is_finite(bytes + first), finite &= f16_is_finite(bytes + second);
    return finite;
  }
  }
}
