/* Rows to float32: what the bytes of each quantised format mean. ggml-quants.c (dequantize_row_*) is the
 * specification. */
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
