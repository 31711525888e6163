/* tensor/: every format against ggml's results and against its definition. */
#include <math.h>
#include <stdlib.h>

#include "block_support.h"
#include "tensor/blocks.h"
#include "tensor/dtype.h"
#include "test.h"

#define N 8192

static const sotto_dtype all_types[] = {
#define X(name, number, text, weights, bytes) SOTTO_##name,
#include "tensor/dtypes.def"
#undef X
};
#define N_TYPES (sizeof all_types / sizeof *all_types)

static uint64_t fnv1a(const void *data, size_t n) {
  const unsigned char *p = data;
  uint64_t h = 0xCBF29CE484222325;
  while (n--) h = (h ^ *p++) * 0x100000001B3;
  return h;
}

/* Rows whose blocks span forty binades, with ties, constant, zero and all-negative blocks. */
static void fill(float *x) {
  uint32_t state = 1;
  for (int i = 0; i < N; i++) {
    int block = i / 32;
    state = state * 1664525u + 1013904223u;
    float v = (float)((int32_t)(state >> 8) - (1 << 23)) * 0x1p-22f;
    x[i] = v * ldexpf(1, block % 40 - 26);
    if (block % 16 == 15) x[i] = (float)((int)(v * 8)) * 0.5f;
    if (block % 64 == 33) x[i] = 0;
    if (block % 64 == 34) x[i] = 1.5f;
    if (block % 64 == 35) x[i] = -fabsf(x[i]);
  }
}

/* The hashes are those of ggml's quantize_row_*_ref and dequantize_row_* (ggml-quants.c, compiled
 * with -ffp-contract=off) on fill()'s row; in an IQ4_NL block of zeros, where ggml keeps the
 * indices of the block before, they are 0. */
TEST(dtype_quantises_to_the_bytes_of_ggml) {
  static const struct {
    sotto_dtype type;
    uint64_t quantized, dequantized;
  } cases[] = {
      {SOTTO_Q4_0, 0x7206A04B95F92B5E, 0xD2C2281DBE8483E2},
      {SOTTO_Q4_1, 0xDEE7ADF4B1E28E39, 0x48A8C353FDA98F01},
      {SOTTO_Q5_0, 0x704A86976CA7213D, 0xA235CCE5E6C805C3},
      {SOTTO_Q5_1, 0x21D92A14EC5A055B, 0xD527E35FCF359D27},
      {SOTTO_Q8_0, 0xDAACF1564D96FC6C, 0x018DE515BD404989},
      {SOTTO_Q4_K, 0xEF2A3706C52FD5E1, 0xA0EDC79F2DAA9FF2},
      {SOTTO_Q5_K, 0x0AEBD009319BCD25, 0xD7EDD290E074D177},
      {SOTTO_Q6_K, 0x5FED76C51D976308, 0xE8B4FBB59DBD951F},
      {SOTTO_Q2_K, 0xB16C9208FD9884EC, 0x21E63F8EB2E9E202},
      {SOTTO_Q3_K, 0x766F7EF1C8889E4C, 0xC4F78EC819F6C428},
      {SOTTO_IQ4_NL, 0x4EDA7BBD0AF502A1, 0x402AC1DC83A99CA5},
      {SOTTO_IQ4_XS, 0x8361147416BECB74, 0xADC5FFB16C4D79D4},
      {SOTTO_MXFP4, 0xFC3B03167E159B42, 0x418FE5A11BC2CE9D},
  };
  static float x[N], y[N];
  static unsigned char row[4 * N + 1];
  fill(x);
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    size_t bytes = sotto_dtype_row_bytes(cases[c].type, N);
    for (int misaligned = 0; misaligned < 2; misaligned++) {
      sotto_quantize_row(cases[c].type, x, row + misaligned, N);
      CHECK(fnv1a(row + misaligned, bytes) == cases[c].quantized);
      sotto_dequantize_row(cases[c].type, row + misaligned, y, N);
      CHECK(fnv1a(y, sizeof y) == cases[c].dequantized);
      CHECK(sotto_row_is_finite(cases[c].type, row + misaligned, N));
    }
  }
}

TEST(dtype_error_stays_within_the_step) {
  static float x[N], y[N];
  static unsigned char row[4 * N];
  fill(x);
  for (size_t t = 0; t < N_TYPES; t++) {
    sotto_quantize_row(all_types[t], x, row, N);
    sotto_dequantize_row(all_types[t], row, y, N);
    /* largest error over largest magnitude of a block; scales below 2^-14 have few bits left */
    float worst = 0;
    const int weights = sotto_dtype_block_weights(all_types[t]) == 256 ? 256 : 32;
    for (int block = 0; block < N / weights; block++) {
      float most = 0, error = 0;
      for (int j = weights * block; j < weights * (block + 1); j++) {
        most = fmaxf(most, fabsf(x[j]));
        error = fmaxf(error, fabsf(x[j] - y[j]));
      }
      if (most > 0.01f) worst = fmaxf(worst, error / most);
    }
    static const float bound[] = {
        [SOTTO_F32] = 0,       [SOTTO_F16] = 0.0005f,  [SOTTO_BF16] = 0.004f,
        [SOTTO_Q4_0] = 0.126f, [SOTTO_Q4_1] = 0.07f,   [SOTTO_Q5_0] = 0.064f,
        [SOTTO_Q5_1] = 0.035f, [SOTTO_Q8_0] = 0.0045f, [SOTTO_Q2_K] = 0.34f,
        [SOTTO_Q3_K] = 0.22f,  [SOTTO_Q4_K] = 0.2f,    [SOTTO_Q5_K] = 0.1f,
        [SOTTO_Q6_K] = 0.05f,  [SOTTO_IQ4_NL] = 0.13f, [SOTTO_IQ4_XS] = 0.11f,
        [SOTTO_MXFP4] = 0.25f};
    if (!CHECK(worst <= bound[all_types[t]])) {
      printf("    %s %g\n", sotto_dtype_name(all_types[t]), (double)worst);
    }
  }
}

TEST(dtype_blocks_mean_what_their_drawings_say) {
  float y[32];
  sotto_block_q4_0 q4_0 = {.d = 0x3C00 /* 1 */, .qs = {[0] = 0xF0, [15] = 0x1A}};
  sotto_dequantize_row(SOTTO_Q4_0, &q4_0, y, 32);
  CHECK(y[0] == -8 && y[16] == 7 && y[15] == 2 && y[31] == -7 && y[1] == -8);
  sotto_block_q4_1 q4_1 = {.d = 0x4000 /* 2 */, .m = 0xBC00 /* -1 */, .qs = {[0] = 0xF0}};
  sotto_dequantize_row(SOTTO_Q4_1, &q4_1, y, 32);
  CHECK(y[0] == -1 && y[16] == 29 && y[1] == -1);
  sotto_block_q5_0 q5_0 = {.d = 0x3C00, .qh = {1, 0, 0, 0x80}, .qs = {[0] = 0x21, [15] = 0x43}};
  sotto_dequantize_row(SOTTO_Q5_0, &q5_0, y, 32);
  CHECK(y[0] == 1 && y[16] == -14 && y[15] == -13 && y[31] == 4);
  sotto_block_q5_1 q5_1 = {.d = 0x3C00, .m = 0x3C00, .qh = {0, 0, 1, 0}, .qs = {[0] = 0xF1}};
  sotto_dequantize_row(SOTTO_Q5_1, &q5_1, y, 32);
  CHECK(y[0] == 2 && y[16] == 32 && y[1] == 1);
  sotto_block_q8_0 q8_0 = {.d = 0x3800 /* 0.5 */, .qs = {-128, 127, [31] = -1}};
  sotto_dequantize_row(SOTTO_Q8_0, &q8_0, y, 32);
  CHECK(y[0] == -64 && y[1] == 63.5f && y[31] == -0.5f);
}

TEST(dtype_k_blocks_mean_what_their_drawings_say) {
  float y[256];
  /* Scales 1, 0, 0, 0, 63, 0, 0, 0 and minima 0, 2, 0, 0, 0, 33, 0, 0. */
  sotto_block_q4_k q4_k = {.d = 0x3C00 /* 1 */, .dmin = 0x3800 /* 0.5 */};
  q4_k.scales[0] = 1 | 3 << 6, q4_k.scales[8] = 15;
  q4_k.scales[4 + 1] = 2 | 2 << 6, q4_k.scales[8 + 1] = 1 << 4;
  q4_k.qs[0] = 0x5A, q4_k.qs[64 + 31] = 0x3C;
  sotto_dequantize_row(SOTTO_Q4_K, &q4_k, y, 256);
  CHECK(y[0] == 10 && y[1] == 0 && y[32] == -1 && y[63] == -1 && y[64] == 0);
  CHECK(y[128 + 31] == 63 * 12 && y[160 + 31] == -16.5f && y[160] == -16.5f && y[255] == 0);
  sotto_block_q5_k q5_k = {.d = 0x3C00, .dmin = 0x3800};
  memcpy(q5_k.scales, q4_k.scales, sizeof q4_k.scales);
  memcpy(q5_k.qs, q4_k.qs, sizeof q4_k.qs);
  q5_k.qh[0] = 1, q5_k.qh[31] = 1 << 4;
  sotto_dequantize_row(SOTTO_Q5_K, &q5_k, y, 256);
  CHECK(y[0] == 26 && y[32] == -1 && y[128 + 31] == 63 * 28 && y[160 + 31] == -16.5f);
  sotto_block_q6_k q6_k = {.d = 0x3C00, .scales = {1, -128, [15] = 127}};
  q6_k.ql[0] = 0x0F, q6_k.qh[0] = 3;                       /* weight 0: 63 */
  q6_k.ql[64 + 32 + 31] = 0x90, q6_k.qh[32 + 31] = 2 << 6; /* weight 255: 41 */
  sotto_dequantize_row(SOTTO_Q6_K, &q6_k, y, 256);
  CHECK(y[0] == 31 && y[1] == -32 && y[16] == 4096 && y[32] == 0 && y[255] == 9 * 127);
  sotto_block_q2_k q2_k = {.d = 0x3C00, .dmin = 0x3800, .scales = {0xF1, [15] = 0x2F}};
  q2_k.qs[0] = 0x03, q2_k.qs[32 + 31] = 0x80; /* weight 0: 3, weight 255: 2 */
  sotto_dequantize_row(SOTTO_Q2_K, &q2_k, y, 256);
  CHECK(y[0] == 3 - 7.5f && y[1] == -7.5f && y[16] == 0 && y[240] == -1 && y[255] == 29);
  /* Scales 33, 32, … and 63 at the end, less 32. */
  sotto_block_q3_k q3_k = {.d = 0x3C00, .scales = {1, [7] = 0xF0, 0xAA, 0xAA, 0xAA, 0xEA}};
  q3_k.qs[0] = 0x03, q3_k.qs[32 + 31] = 0x80, q3_k.hmask[0] = 1, q3_k.hmask[1] = 1;
  sotto_dequantize_row(SOTTO_Q3_K, &q3_k, y, 256);
  CHECK(y[0] == 3 && y[1] == 0 && y[2] == -4 && y[16] == 0 && y[254] == -124 && y[255] == -62);
  sotto_block_iq4_xs xs = {.d = 0x3C00, .scales_h = {0xA9, 0xEA}, .scales_l = {0x0F, [3] = 0xF0}};
  xs.qs[0] = 0xF0, xs.qs[112 + 15] = 0x70; /* scales 31, 32, … and 63, less 32 */
  sotto_dequantize_row(SOTTO_IQ4_XS, &xs, y, 256);
  CHECK(y[0] == 127 && y[16] == -113 && y[1] == 127 && y[32] == 0);
  CHECK(y[224] == -127 * 31 && y[255] == -10 * 31);
}

TEST(dtype_indices_mean_what_their_drawings_say) {
  float y[32];
  sotto_block_iq4_nl nl = {.d = 0x3C00, .qs = {[0] = 0xF0, [15] = 0x87}};
  sotto_dequantize_row(SOTTO_IQ4_NL, &nl, y, 32);
  CHECK(y[0] == -127 && y[16] == 113 && y[1] == -127 && y[15] == -10 && y[31] == 1);
  /* 1.5, 2, 3, 4, 6 and their negatives, at the scale 2^3. */
  sotto_block_mxfp4 fp4 = {.e = 127 + 3, .qs = {0xB3, 0xC4, 0xD5, 0xE6, 0xF7, 0x98}};
  sotto_dequantize_row(SOTTO_MXFP4, &fp4, y, 32);
  CHECK(y[0] == 12 && y[1] == 16 && y[2] == 24 && y[3] == 32 && y[4] == 48 && y[5] == 0);
  CHECK(y[16] == -12 && y[17] == -16 && y[18] == -24 && y[19] == -32 && y[20] == -48);
  CHECK(y[21] == -4 && y[6] == 0);
  static const float least[] = {0x1p-128f, 0x1p-127f, 0x1p-126f};
  for (int e = 0; e < 3; e++) {
    fp4 = (sotto_block_mxfp4){.e = (uint8_t)e, .qs = {1}};
    sotto_dequantize_row(SOTTO_MXFP4, &fp4, y, 32);
    CHECK(y[0] == least[e]);
  }
}

/* ---- blocks of any bytes ---- */

enum { ANY_BLOCKS = 2048 };

static void fill_blocks(sotto_dtype type, unsigned char *out, size_t size) {
  const unsigned exponent = type == SOTTO_BF16 ? 0x7F80 : 0x7C00;
  size_t halves[2];
  const int n_halves = test_halves_of(type, halves);
  uint32_t state = 1;
  for (int block = 0; block < ANY_BLOCKS; block++, out += size) {
    for (size_t i = 0; i < size; i++) {
      state = state * 1664525u + 1013904223u;
      out[i] = (unsigned char)(state >> 24);
    }
    if (block % 16 == 3) memset(out, 0xFF, size);
    if (block % 16 == 7) memset(out, 0, size);
    for (int h = 0; h < n_halves; h++) {
      unsigned char *half = out + halves[h];
      if (((unsigned)(half[1] << 8 | half[0]) & exponent) == exponent) half[1] &= 0xBF;
    }
    if (type == SOTTO_MXFP4 && out[0] > SOTTO_E8M0_HIGHEST) out[0] = SOTTO_E8M0_HIGHEST;
  }
}

/* tests/golden/generate_blocks.py */
TEST(dtype_dequantises_any_bytes_as_the_gguf_package_does) {
  size_t len;
  char *hashes = test_read_file("tests/golden/blocks-hash.txt", &len);
  if (!CHECK(hashes != NULL)) return;
  for (size_t t = 0; t < N_TYPES; t++) {
    const sotto_dtype type = all_types[t];
    if (type == SOTTO_F32) continue;
    const uint32_t weights = sotto_dtype_block_weights(type);
    const size_t size = sotto_dtype_row_bytes(type, weights);
    unsigned char *blocks = malloc(ANY_BLOCKS * size);
    float *values = malloc(ANY_BLOCKS * weights * sizeof *values);
    REQUIRE(blocks && values);
    fill_blocks(type, blocks, size);
    CHECK(sotto_row_is_finite(type, blocks, ANY_BLOCKS * weights));
    sotto_dequantize_row(type, blocks, values, ANY_BLOCKS * weights);
    char line[64];
    snprintf(line, sizeof line, "%s %016llx\n", sotto_dtype_name(type),
             (unsigned long long)fnv1a(values, ANY_BLOCKS * weights * sizeof *values));
    if (!CHECK(strstr(hashes, line))) printf("    %s", line);
    free(blocks);
    free(values);
  }
  free(hashes);
}

/* What ggml leaves undefined: any result, but no trap, no undefined behaviour and the same bytes.
 */
TEST(dtype_quantises_any_float) {
  static const float odd[] = {NAN, INFINITY, -INFINITY, 3.4e38f, -3.4e38f, 1e-45f, -1e-45f, 1e-40f};
  for (size_t t = 0; t < N_TYPES; t++) {
    for (size_t first = 0; first < 8; first++) {
      for (size_t second = 0; second < 8; second++) {
        float x[256], y[256];
        for (int j = 0; j < 256; j++) x[j] = j & 1 ? odd[first] : odd[second];
        unsigned char row[1024], again[1024];
        sotto_quantize_row(all_types[t], x, row, 256);
        sotto_quantize_row(all_types[t], x, again, 256);
        CHECK(!memcmp(row, again, sotto_dtype_row_bytes(all_types[t], 256)));
        sotto_dequantize_row(all_types[t], row, y, 256);
      }
    }
  }
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

static float f16_by_definition(uint16_t h) {
  int exponent = h >> 10 & 31, mantissa = h & 1023;
  float sign = h & 0x8000 ? -1.0f : 1.0f;
  if (exponent == 31) return mantissa ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * ldexpf((float)mantissa, -24);
  return sign * ldexpf((float)(1024 + mantissa), exponent - 25);
}

TEST(dtype_f16_every_value_both_ways) {
  bool same = true;
  for (uint32_t h = 0; h < 65536; h++) {
    float expected = f16_by_definition((uint16_t)h), f = sotto_f16_to_f32((uint16_t)h);
    uint16_t back = sotto_f32_to_f16(f);
    if (isnan(expected))
      same = same && isnan(f) && (back & 0x7FFF) > 0x7C00;
    else
      same = same && bits_of(f) == bits_of(expected) && back == h;
    if (!same) break;
  }
  CHECK(same);
}

TEST(dtype_f16_rounds_to_nearest_even) {
  bool right = true;
  for (uint32_t h = 0; h < 0x7C00 && right; h++) {
    /* the middle between two neighbours, and one step to either side of it */
    float low = f16_by_definition((uint16_t)h);
    float high = h == 0x7BFF ? 65536.0f : f16_by_definition((uint16_t)(h + 1));
    float middle = low + (high - low) * 0.5f;
    uint16_t even = (uint16_t)(h & 1 ? h + 1 : h);
    right = sotto_f32_to_f16(middle) == even && sotto_f32_to_f16(-middle) == (even | 0x8000) &&
            sotto_f32_to_f16(float_of(bits_of(middle) - 1)) == h &&
            sotto_f32_to_f16(float_of(bits_of(middle) + 1)) == h + 1;
  }
  CHECK(right);
  CHECK(sotto_f32_to_f16(65520.0f) == 0x7C00 && sotto_f32_to_f16(65519.99f) == 0x7BFF);
  CHECK(sotto_f32_to_f16(-INFINITY) == 0xFC00 && sotto_f32_to_f16(1e-45f) == 0);
  CHECK((sotto_f32_to_f16(float_of(0x7F800001)) & 0x7FFF) > 0x7C00); /* a NaN of one low bit */
}

TEST(dtype_bf16_every_value_and_rounding) {
  bool right = true;
  for (uint32_t h = 0; h < 65536 && right; h++) {
    float f = sotto_bf16_to_f32((uint16_t)h);
    uint16_t back = sotto_f32_to_bf16(f);
    if ((h & 0x7FFF) > 0x7F80) {
      right = isnan(f) && isnan(sotto_bf16_to_f32(back));
    } else {
      right = bits_of(f) == h << 16 && back == h;
      if ((h & 0x7FFF) < 0x7F80) {
        right = right && sotto_f32_to_bf16(float_of(h << 16 | 0x7FFF)) == h &&
                sotto_f32_to_bf16(float_of(h << 16 | 0x8001)) == h + 1 &&
                sotto_f32_to_bf16(float_of(h << 16 | 0x8000)) == (h & 1 ? h + 1 : h);
      }
    }
  }
  CHECK(right);
  CHECK(isnan(sotto_bf16_to_f32(sotto_f32_to_bf16(float_of(0x7F800001)))));
}

TEST(dtype_finite_looks_at_values_and_scales) {
  static const uint16_t bad_f16[] = {0x7C00, 0xFC00, 0x7E00}, bad_bf16[] = {0x7F80, 0xFF80, 0x7FC0};
  static const float bad_f32[] = {INFINITY, -INFINITY, NAN};
  for (size_t t = 0; t < N_TYPES; t++) {
    const sotto_dtype type = all_types[t];
    const size_t block = sotto_dtype_block_bytes(type), n = 3 * sotto_dtype_block_weights(type);
    size_t at[2];
    if (type == SOTTO_MXFP4) continue; /* the next test */
    const int n_values = type == SOTTO_F32 ? (at[0] = 0, 1) : test_halves_of(type, at);
    unsigned char row[3 * 256] = {0};
    CHECK(sotto_row_is_finite(type, row, n));
    for (int i = 0; i < n_values; i++) {
      for (int b = 0; b < 3; b++) {
        const void *bad = type == SOTTO_F32    ? (const void *)&bad_f32[b]
                          : type == SOTTO_BF16 ? (const void *)&bad_bf16[b]
                                               : (const void *)&bad_f16[b];
        /* in the last block only */
        memcpy(row + 2 * block + at[i], bad, type == SOTTO_F32 ? 4 : 2);
        CHECK(!sotto_row_is_finite(type, row, n));
        CHECK(sotto_row_is_finite(type, row, n / 3 * 2));
        memset(row, 0, sizeof row);
      }
    }
    /* Quants and small scales of all ones are no error, whatever the f16 beside them. */
    if (sotto_dtype_block_weights(type) == 1) continue;
    memset(row, 0xFF, block);
    for (int i = 0; i < n_values; i++) memcpy(row + at[i], &(uint16_t){0x7BFF}, 2);
    CHECK(sotto_row_is_finite(type, row, n));
    float weights[256];
    sotto_dequantize_row(type, row, weights, n / 3);
    for (size_t i = 0; i < n / 3; i++) CHECK(isfinite(weights[i]));
  }
}

/* An exponent of 255 is no number, and with 253 and 254 the larger values are infinite. */
TEST(dtype_finite_looks_at_exponents) {
  unsigned char row[3 * sizeof(sotto_block_mxfp4)];
  float weights[32];
  memset(row, 0xFF, sizeof row);
  for (int e = 0; e < 256; e++) {
    row[0] = row[17] = 0, row[34] = (unsigned char)e;
    sotto_dequantize_row(SOTTO_MXFP4, row + 34, weights, 32);
    CHECK(sotto_row_is_finite(SOTTO_MXFP4, row, 96) == (e < 253));
    CHECK(isfinite(weights[0]) == (e < 253));
    CHECK(sotto_row_is_finite(SOTTO_MXFP4, row, 64));
  }
}

TEST(dtype_table) {
  CHECK(sotto_dtype_supported(3) && !sotto_dtype_supported(4) && !sotto_dtype_supported(16));
  CHECK(sotto_dtype_supported(30) && !sotto_dtype_supported(31) && !sotto_dtype_supported(~0u));
  CHECK_STR(sotto_dtype_name(SOTTO_BF16), "BF16");
  CHECK_STR(sotto_dtype_name((sotto_dtype)16), "unknown");
  CHECK(sotto_dtype_row_bytes(SOTTO_Q5_1, 64) == 48 && sotto_dtype_row_bytes(SOTTO_F16, 7) == 14);
  CHECK(sotto_dtype_block_bytes(SOTTO_Q8_0) == 34 && sotto_dtype_block_weights(SOTTO_F32) == 1);
}
