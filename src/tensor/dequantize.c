/* Rows to float32: what the bytes of each quantised format mean. ggml-quants.c (dequantize_row_*)
 * is the specification. */
#include "base/bytes.h"
#include "tensor/blocks.h"
#include "tensor/dtype.h"

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

/* Sub-block b: 32 weights from quants (or their low bits) at qs and fifth bits at qh, or NULL. */
static void dequantize_sub_block(uint16_t d_half, uint16_t dmin_half, const uint8_t scales[12],
                                 const uint8_t *qs, const uint8_t *qh, int b, float out[32]) {
  float d = sotto_f16_to_f32(d_half) * (float)sotto_k_scale(scales, b, false);
  float m = sotto_f16_to_f32(dmin_half) * (float)sotto_k_scale(scales, b, true);
  for (int l = 0; l < 32; l++) {
    int q = qs[32 * (b / 2) + l] >> 4 * (b % 2) & 15;
    if (qh) q |= (qh[l] >> b & 1) << 4;
    out[l] = (float)q * d - m;
  }
}

static void dequantize_q4_k(const unsigned char *row, float *out, size_t n) {
  for (size_t i = 0; i < n; i += SOTTO_K_BLOCK_WEIGHTS, row += sizeof(sotto_block_q4_k)) {
    sotto_block_q4_k k;
    memcpy(&k, row, sizeof k);
    for (int b = 0; b < 8; b++)
      dequantize_sub_block(k.d, k.dmin, k.scales, k.qs, NULL, b, out + i + 32 * b);
  }
}

static void dequantize_q5_k(const unsigned char *row, float *out, size_t n) {
  for (size_t i = 0; i < n; i += SOTTO_K_BLOCK_WEIGHTS, row += sizeof(sotto_block_q5_k)) {
    sotto_block_q5_k k;
    memcpy(&k, row, sizeof k);
    for (int b = 0; b < 8; b++)
      dequantize_sub_block(k.d, k.dmin, k.scales, k.qs, k.qh, b, out + i + 32 * b);
  }
}

static void dequantize_q6_k(const unsigned char *row, float *out, size_t n) {
  for (size_t i = 0; i < n; i += SOTTO_K_BLOCK_WEIGHTS, row += sizeof(sotto_block_q6_k)) {
    sotto_block_q6_k k;
    memcpy(&k, row, sizeof k);
    for (int j = 0; j < SOTTO_K_BLOCK_WEIGHTS; j++) {
      int h = j / 128, g = j / 32 % 4, l = j % 32;
      int q = k.ql[64 * h + 32 * (g % 2) + l] >> 4 * (g / 2) & 15;
      q |= (k.qh[32 * h + l] >> 2 * g & 3) << 4;
      out[i + j] = (float)(q - 32) * (sotto_f16_to_f32(k.d) * (float)k.scales[j / 16]);
    }
  }
}

static void dequantize_q2_k(const unsigned char *row, float *out, size_t n) {
  for (size_t i = 0; i < n; i += SOTTO_K_BLOCK_WEIGHTS, row += sizeof(sotto_block_q2_k)) {
    sotto_block_q2_k k;
    memcpy(&k, row, sizeof k);
    for (int j = 0; j < SOTTO_K_BLOCK_WEIGHTS; j++) {
      int q = k.qs[j / 128 * 32 + j % 32] >> j / 32 % 4 * 2 & 3, scale = k.scales[j / 16];
      float d = sotto_f16_to_f32(k.d) * (float)(scale & 15);
      out[i + j] = (float)q * d - sotto_f16_to_f32(k.dmin) * (float)(scale >> 4);
    }
  }
}

static void dequantize_q3_k(const unsigned char *row, float *out, size_t n) {
  for (size_t i = 0; i < n; i += SOTTO_K_BLOCK_WEIGHTS, row += sizeof(sotto_block_q3_k)) {
    sotto_block_q3_k k;
    memcpy(&k, row, sizeof k);
    for (int j = 0; j < SOTTO_K_BLOCK_WEIGHTS; j++) {
      int q = k.qs[j / 128 * 32 + j % 32] >> j / 32 % 4 * 2 & 3;
      q |= (k.hmask[j % 32] >> j / 32 & 1) << 2;
      float d = sotto_f16_to_f32(k.d) * (float)sotto_q3_k_scale(k.scales, j / 16);
      out[i + j] = (float)(q - 4) * d;
    }
  }
}

/* 32 weights. */
static void dequantize_indices(const int8_t values[16], const uint8_t qs[16], float d, float *out) {
  for (int j = 0; j < 16; j++) {
    out[j] = (float)values[qs[j] & 15] * d;
    out[j + 16] = (float)values[qs[j] >> 4] * d;
  }
}

static void dequantize_iq4_nl(const unsigned char *row, float *out, size_t n) {
  for (size_t i = 0; i < n; i += 32, row += sizeof(sotto_block_iq4_nl)) {
    sotto_block_iq4_nl b;
    memcpy(&b, row, sizeof b);
    dequantize_indices(sotto_iq4_values, b.qs, sotto_f16_to_f32(b.d), out + i);
  }
}

static void dequantize_iq4_xs(const unsigned char *row, float *out, size_t n) {
  for (size_t i = 0; i < n; i += SOTTO_K_BLOCK_WEIGHTS, row += sizeof(sotto_block_iq4_xs)) {
    sotto_block_iq4_xs k;
    memcpy(&k, row, sizeof k);
    for (int b = 0; b < 8; b++) {
      float d = sotto_f16_to_f32(k.d) * (float)sotto_iq4_xs_scale(k.scales_h, k.scales_l, b);
      dequantize_indices(sotto_iq4_values, k.qs + 16 * b, d, out + i + 32 * b);
    }
  }
}

static void dequantize_mxfp4(const unsigned char *row, float *out, size_t n) {
  for (size_t i = 0; i < n; i += 32, row += sizeof(sotto_block_mxfp4)) {
    sotto_block_mxfp4 b;
    memcpy(&b, row, sizeof b);
    dequantize_indices(sotto_fp4_values, b.qs, sotto_e8m0_half(b.e), out + i);
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
  case SOTTO_Q2_K: dequantize_q2_k(bytes, out, n); break;
  case SOTTO_Q3_K: dequantize_q3_k(bytes, out, n); break;
  case SOTTO_Q4_K: dequantize_q4_k(bytes, out, n); break;
  case SOTTO_Q5_K: dequantize_q5_k(bytes, out, n); break;
  case SOTTO_Q6_K: dequantize_q6_k(bytes, out, n); break;
  case SOTTO_IQ4_NL: dequantize_iq4_nl(bytes, out, n); break;
  case SOTTO_IQ4_XS: dequantize_iq4_xs(bytes, out, n); break;
  case SOTTO_MXFP4: dequantize_mxfp4(bytes, out, n); break;
  }
}
