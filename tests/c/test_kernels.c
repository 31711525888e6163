/* Every kernel of every variant of this module against scalar, bit for bit:
 * sweeps over sizes around the vectors' and tiles', extreme values, cuts of rows and tokens,
 * and guards around results. */
#include <stdlib.h>

#include "block_support.h"
#include "kernels/kernels.h"
#include "tensor/blocks.h"
#include "test.h"

#define MAX_TOKENS 9
#define GUARD      0xA5

static uint32_t state;

/* Every variant that is available on this engine, scalar included. */
static size_t n_variants(void) {
  return sotto_kernels_select(NULL).n + (sotto_kernels_count() > 1);
}
static const sotto_kernels *variant_at(size_t i) {
  sotto_kernel_set set = sotto_kernels_select(NULL);
  return i < set.n ? set.members[i] : &sotto_kernels_scalar;
}

static uint32_t next(void) {
  state = state * 1664525u + 1013904223u;
  return state >> 8;
}

static float float_of(uint32_t bits) {
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

/* The same bits, or both NaN (whose bits engines may choose). */
static bool same(const float *a, const float *b, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (memcmp(a + i, b + i, sizeof *a) != 0 && !(a[i] != a[i] && b[i] != b[i])) return false;
  return true;
}

static float plain(void) {
  return ((float)next() - 0x1p23f) * 0x1p-21f;
}

static float pick(const float *values, size_t n) {
  return values[next() % n];
}

/* Mostly plain numbers, some extreme ones. */
static float any_float(void) {
  static const float extremes[] = {0.0f,      -0.0f,  1e-45f,  -1e-45f,  1e-38f, -3e-39f, 1e-30f,
                                   1e30f,     -1e30f, 65504.f, -65520.f, 1.0f,   -1.0f,   88.72f,
                                   -87.3366f, 127.0f, 6e-8f,   -3e-8f,   0.5f,   2.5f,    -103.9f};
  return next() % 4 == 0 ? pick(extremes, sizeof extremes / sizeof *extremes) : plain();
}

/* One block of activations; what = 0 plain, else one of the ways to be extreme. */
static void fill_block(float *x, uint32_t what) {
  static const float scales[] = {1e-30f, 1e30f, 1e-38f, 3e-37f, 1e-45f, 1e20f};
  /* Around the ends of the two bytes of a wide quant. */
  static const float wide_ends[] = {32512.0f, 32511.5f, 32384.0f, 32383.0f, 32383.5f, 128.0f,
                                    127.0f,   127.5f,   129.0f,   255.0f,   256.0f,   0.5f};
  float scale = pick(scales, sizeof scales / sizeof *scales);
  for (int i = 0; i < 32; i++) {
    switch (what % 8) {
    case 1: x[i] = i % 2 ? 0.0f : -0.0f; break;
    case 2: x[i] = plain() * scale; break;
    case 3: x[i] = i == 0 ? 127.0f : (float)(int)(next() % 254) - 126.5f; break; /* ties */
    case 4: x[i] = next() % 2 ? 5.0f : -5.0f; break;                             /* +-limit */
    case 5: x[i] = i == 31 ? -1e30f : plain(); break;
    case 6: x[i] = any_float(); break;
    case 7:
      x[i] = pick(wide_ends, i == 0 ? 1 : sizeof wide_ends / sizeof *wide_ends);
      if (next() % 2) x[i] = -x[i];
      break;
    default: x[i] = plain();
    }
  }
}

/* Finite f16; half of them extreme. */
static uint16_t any_half(void) {
  static const uint16_t extremes[] = {0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x83FF, 0x0400,
                                      0x8400, 0x7BFF, 0xFBFF, 0x3C00, 0xBC00, 0x3555, 0x2E66};
  if (next() % 2) return extremes[next() % (sizeof extremes / sizeof *extremes)];
  return (uint16_t)(next() & 0xBFFF);
}

/* Finite, and as often an extreme. */
static uint8_t any_exponent(void) {
  static const uint8_t extremes[] = {0, 1, 2, SOTTO_E8M0_HIGHEST};
  if (next() % 2) return extremes[next() % sizeof extremes];
  return (uint8_t)(100 + next() % 50);
}

/* A row of the file: any quants, finite scales. */
static void fill_row(sotto_dtype type, unsigned char *row, size_t k) {
  size_t block = sotto_dtype_block_bytes(type), n = (size_t)sotto_dtype_row_bytes(type, k) / block;
  for (size_t b = 0; b < n; b++, row += block) {
    if (type == SOTTO_F32) {
      memcpy(row, &(float){any_float()}, 4);
    } else if (type == SOTTO_F16) {
      memcpy(row, &(uint16_t){any_half()}, 2);
    } else if (type == SOTTO_BF16) {
      memcpy(row, &(uint16_t){sotto_f32_to_bf16(any_float())}, 2);
    } else {
      int bytes = (int)next() % 4; /* all quants at an end of their range, or any */
      for (size_t i = 0; i < block; i++)
        row[i] = (unsigned char)(bytes == 0 ? 0x80 : bytes == 1 ? 0x7F : next());
      size_t at[2];
      for (int i = test_halves_of(type, at); i-- > 0;)
        memcpy(row + at[i], &(uint16_t){any_half()}, 2);
      if (type == SOTTO_MXFP4) row[0] = any_exponent();
    }
  }
}

/* One GEMM's data, in blocks of exactly the sizes that kernels.h states. */
typedef struct gemm_case {
  sotto_dtype type;
  size_t rows, k, tokens, y_stride, x_stride;
  unsigned char *packed; /* at an odd address */
  float *x;
  unsigned char *act_q;
  sotto_act act;
  uint32_t n_streams;
} gemm_case;

static void make_case(gemm_case *c, sotto_dtype type, size_t rows, size_t k, size_t tokens,
                      bool extreme, bool wide) {
  *c = (gemm_case){type, rows, k, tokens, rows + next() % 4, k + next() % 3, 0, 0, 0, {0}, 1};
  size_t row = (size_t)sotto_dtype_row_bytes(type, k);
  unsigned char *file = malloc(8 * row);
  c->packed = malloc((size_t)sotto_packed_bytes(type, rows, k) + 1);
  for (size_t r = 0; r < rows; r += 8) {
    size_t n = rows - r < 8 ? rows - r : 8;
    for (size_t i = 0; i < n; i++) fill_row(type, file + i * row, k);
    sotto_pack_tile_row(type, file, n, k, c->packed + 1 + r * row);
  }
  free(file);
  c->x = malloc(tokens * c->x_stride * sizeof(float));
  for (size_t t = 0; t < tokens; t++) {
    float block[32];
    for (size_t i = 0; i < k; i++) {
      if (i % 32 == 0) fill_block(block, extreme ? next() : 0);
      c->x[t * c->x_stride + i] = block[i % 32];
    }
  }
  /* Two bytes past the alignment of malloc: values of 2 bytes may lie anywhere. */
  size_t blocks = tokens * (k / SOTTO_ACT_BLOCK);
  c->act_q = malloc((size_t)sotto_act_bytes(k, tokens) + 2);
  c->act.q = c->act_q + 2;
  c->act.scale = malloc(blocks * sizeof(float) + 1);
  c->act.sum = malloc(blocks * sizeof(int32_t) + 1);
  c->act.wide = wide;
}

static void free_case(gemm_case *c) {
  free(c->packed), free(c->x), free(c->act_q), free(c->act.scale), free(c->act.sum);
}

/* Runs rows [row0, row1) of tokens [t0, t1), as a batch of their own. */
static void run_part(const sotto_kernels *kernels, const gemm_case *c, float *y, size_t row0,
                     size_t row1, size_t t0, size_t t1) {
  sotto_act act = c->act;
  act.n_tokens = t1 - t0;
  for (size_t t = t0; t < t1 && sotto_dtype_takes_act(c->type); t++)
    kernels->quantize_act(c->x + t * c->x_stride, c->k, &act, t - t0);
  sotto_gemm gemm = {
      .y = y + t0 * c->y_stride,
      .y_stride = c->y_stride,
      .w = c->packed + 1,
      .x = c->x + t0 * c->x_stride,
      .x_stride = c->x_stride,
      .act = sotto_dtype_takes_act(c->type) ? &act : NULL,
      .row0 = row0,
      .row1 = row1,
      .k = c->k,
      .n_tokens = t1 - t0,
      .n_streams = c->n_streams,
  };
  sotto_kernels_gemm(kernels, c->type)(&gemm);
}

/* Whole by scalar; whole, in two parts of rows and in two batches by each variant. */
static bool check_case(const gemm_case *c) {
  size_t n = c->tokens * c->y_stride;
  float *expected = malloc(n * sizeof(float) + 1), *y = malloc(n * sizeof(float) + 1);
  memset(expected, GUARD, n * sizeof(float));
  run_part(&sotto_kernels_scalar, c, expected, 0, c->rows, 0, c->tokens);
  bool ok = true;
  for (size_t t = 0; t < c->tokens; t++)
    for (size_t row = c->rows; row < c->y_stride; row++)
      ok = CHECK(memcmp(&expected[t * c->y_stride + row], (uint32_t[]){0xA5A5A5A5}, 4) == 0) && ok;
  for (size_t v = 0; v < n_variants(); v++) {
    const sotto_kernels *kernels = variant_at(v);
    for (int cut = 0; cut < 3; cut++) {
      size_t row = cut == 1 ? c->rows / 2 / 8 * 8 : c->rows;
      size_t token = cut == 2 ? c->tokens / 2 : c->tokens;
      memset(y, GUARD, n * sizeof(float));
      run_part(kernels, c, y, 0, row, 0, token);
      if (token < c->tokens) run_part(kernels, c, y, 0, row, token, c->tokens);
      if (row < c->rows) run_part(kernels, c, y, row, c->rows, 0, c->tokens);
      if (!CHECK(same(expected, y, n))) {
        printf("    %s gemm_%s%s: %zu rows, k %zu, %zu tokens, cut %d\n", kernels->name,
               sotto_dtype_name(c->type), c->act.wide ? " wide" : "", c->rows, c->k, c->tokens,
               cut);
        ok = false;
      }
    }
  }
  free(expected), free(y);
  return ok;
}

static void sweep(sotto_dtype type, const size_t *ks, size_t n_ks, bool extreme, bool wide) {
  static const size_t rows[] = {1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 16, 21};
  for (size_t i = 0; i < n_ks; i++)
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
      for (size_t tokens = 1; tokens <= MAX_TOKENS; tokens++) {
        if (ks[i] > 100 && i > 0 && (r % 3 != 2 || tokens % 4 > 1)) continue;
        gemm_case c;
        make_case(&c, type, rows[r], ks[i], tokens, extreme, wide);
        bool ok = check_case(&c);
        free_case(&c);
        if (!ok) return; /* one report a type is enough */
      }
}

TEST(kernels_gemm_same_bits_in_all_variants) {
  static const size_t float_ks[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 33, 577};
  static const size_t quant_ks[] = {32, 64, 96, 160, 576};
  static const size_t k_ks[] = {256, 512, 768, 1024};
  state = 1;
#define X(NAME, number, text, weights, bytes)                                                      \
  for (int extreme = 0; extreme < 2; extreme++) {                                                  \
    if (weights == 256) {                                                                          \
      for (int wide = 0; wide < 2; wide++)                                                         \
        sweep(SOTTO_##NAME, k_ks, sizeof k_ks / sizeof *k_ks, extreme, wide);                      \
    } else if (sotto_dtype_takes_act(SOTTO_##NAME)) {                                              \
      sweep(SOTTO_##NAME, quant_ks, sizeof quant_ks / sizeof *quant_ks, extreme, false);           \
      sweep(SOTTO_##NAME, quant_ks, sizeof quant_ks / sizeof *quant_ks, extreme, true);            \
    } else {                                                                                       \
      sweep(SOTTO_##NAME, float_ks, sizeof float_ks / sizeof *float_ks, extreme, false);           \
    }                                                                                              \
  }
#include "tensor/dtypes.def"
#undef X
}

/* A row's sum does not depend on when the rows beside it are read. */
TEST(kernels_gemv_same_bits_for_any_number_of_streams) {
  state = 5;
#define X(NAME, number, text, weights, bytes)                                                      \
  for (size_t tokens = 1; tokens <= 6; tokens++) {                                                 \
    const size_t k = weights == 256 ? 512 : weights == 1 ? 262 : 96;                               \
    gemm_case c;                                                                                   \
    make_case(&c, SOTTO_##NAME, 133, k, tokens, false, tokens % 2);                                \
    bool ok = true;                                                                                \
    for (c.n_streams = 0; ok && c.n_streams <= SOTTO_MAX_STREAMS; c.n_streams++)                   \
      ok = check_case(&c);                                                                         \
    if (!ok) printf("    %zu tokens, %u streams\n", tokens, c.n_streams - 1);                      \
    free_case(&c);                                                                                 \
  }
#include "tensor/dtypes.def"
#undef X
}

/* In a block of 256 weights the scale 1 for one sub-block and 0 for the others. */
static void set_sub_scales(sotto_dtype type, uint8_t *block) {
  switch (type) {
  case SOTTO_Q2_K:
    memset(block, 0, 16);
    block[1] = 1;
    break;
  case SOTTO_Q3_K: /* less 32 */
    memset(block + offsetof(sotto_block_q3_k, scales), 0, 8);
    memset(block + offsetof(sotto_block_q3_k, scales) + 8, 0xAA, 4);
    block[offsetof(sotto_block_q3_k, scales) + 1] = 1;
    break;
  case SOTTO_IQ4_XS:
    memset(block + offsetof(sotto_block_iq4_xs, scales_h), 0xAA, 2);
    memset(block + offsetof(sotto_block_iq4_xs, scales_l), 0, 4);
    block[offsetof(sotto_block_iq4_xs, scales_l)] = 1;
    break;
  case SOTTO_Q6_K:
    memset(block + offsetof(sotto_block_q6_k, scales), 0, 16);
    block[offsetof(sotto_block_q6_k, scales) + 1] = 1;
    break;
  default: memset(block + 4, 0, 12); block[4] = 1;
  }
}

/* Activations that are all +-limit against weights that are all alike and extreme:
 * the sum is known without a kernel. Scales are 1, minima 0. */
static void check_extreme_sum(sotto_dtype type, int byte, int signs, bool wide) {
  enum { ROWS = 8, TOKENS = 5, K = 256 };
  const size_t k = sotto_dtype_block_weights(type), row = (size_t)sotto_dtype_row_bytes(type, k);
  unsigned char file[ROWS * 256], packed[ROWS * 256];
  float w[K], x[TOKENS * K], y[TOKENS * ROWS], scale[TOKENS * K / 32];
  const float limit = wide ? 32512.0f : 127.0f;
  int32_t sum[TOKENS * K / 32];
  unsigned char q[(TOKENS / 4 + 3) * (K / 32) * SOTTO_ACT_GROUP_BYTES];
  sotto_act act = {q, scale, sum, wide, TOKENS};
  memset(file, byte, sizeof file);
  for (size_t r = 0; r < ROWS; r++) {
    unsigned char *block = file + r * row;
    size_t at[2];
    for (int i = test_halves_of(type, at); i-- > 0;)
      memcpy(block + at[i], &(uint16_t){i ? 0 : 0x3C00}, 2);
    if (type == SOTTO_MXFP4) block[0] = 128;
    if (k == K) set_sub_scales(type, block);
  }
  sotto_pack_tile_row(type, file, ROWS, k, packed);
  sotto_dequantize_row(type, file, w, k);
  int64_t total = 0;
  for (size_t i = 0; i < k; i++) {
    bool negative = signs == 2 ? w[i] < 0.0f : signs;
    total += (int64_t)w[i] * (int64_t)(negative ? -limit : limit);
    for (size_t t = 0; t < TOKENS; t++) x[t * k + i] = negative ? -limit : limit;
  }
  sotto_gemm gemm = {y, ROWS, packed, x, k, &act, 0, ROWS, k, TOKENS, 1};
  for (size_t v = 0; v < n_variants(); v++) {
    for (size_t t = 0; t < TOKENS; t++) variant_at(v)->quantize_act(x + t * k, k, &act, t);
    sotto_kernels_gemm(variant_at(v), type)(&gemm);
    bool ok = true;
    for (int i = 0; i < TOKENS * ROWS; i++) ok = y[i] == (float)total && ok;
    if (!CHECK(ok))
      printf("    %s gemm_%s%s: bytes %d, signs %d\n", variant_at(v)->name, sotto_dtype_name(type),
             wide ? " wide" : "", byte, signs);
  }
}

TEST(kernels_gemm_extreme_sums_are_exact) {
  static const int bytes[] = {0x00, 0x7F, 0x80, 0x88, 0x0F, 0xF0, 0xFF};
  for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++)
    for (int signs = 0; signs < 3; signs++)
      for (int wide = 0; wide < 2; wide++) {
#define T(NAME, ...) check_extreme_sum(SOTTO_##NAME, bytes[i], signs, wide);
#include "kernels/tiles.def"
#undef T
      }
}

/* k, or where that is no multiple of the type's block, the next smaller one. */
static size_t multiple(sotto_dtype type, size_t k) {
  return k - k % sotto_dtype_block_weights(type);
}

/* Around the length at which the relaxed Q8_0 kernel for wide activations changes its way, and more
 * tokens than that takes at a time. */
TEST(kernels_gemm_same_bits_with_long_rows) {
  static const size_t ks[] = {2048, 4096, 4128, 16384, 16416}, tokens[] = {9, 5, 4, 1, 2};
  state = 7;
  for (size_t i = 0; i < sizeof ks / sizeof *ks; i++) {
#define T(NAME, ...)                                                                               \
  for (int wide = 0; wide < 2; wide++) {                                                           \
    gemm_case c;                                                                                   \
    make_case(&c, SOTTO_##NAME, 14, multiple(SOTTO_##NAME, ks[i]), tokens[i], true, wide);         \
    check_case(&c);                                                                                \
    free_case(&c);                                                                                 \
  }
#include "kernels/tiles.def"
#undef T
  }
}

TEST(kernels_quantize_act_same_bits_in_all_variants) {
  enum { BLOCKS = 5, K = 32 * BLOCKS };
  state = 2;
  for (int round = 0; round < 500; round++) {
    float x[K + 1], scale[BLOCKS], expected_scale[BLOCKS];
    int32_t sum[BLOCKS], expected_sum[BLOCKS];
    unsigned char q[3 * BLOCKS * SOTTO_ACT_GROUP_BYTES];
    for (int b = 0; b < BLOCKS; b++) fill_block(x + 1 + 32 * b, next());
    if (round % 10 < 2) x[1 + next() % K] = float_of(0x7F800000 | (next() % 3) << 30);
    if (round % 10 > 7) x[1 + next() % K] = float_of(0x7FC00000);
    bool wide = round % 2;
    sotto_act expected = {q, expected_scale, expected_sum, wide, 1}, act = {q, scale, sum, wide, 1};
    sotto_kernels_scalar.quantize_act(x + 1, K, &expected, 0);
    for (size_t v = 0; v < n_variants(); v++) {
      variant_at(v)->quantize_act(x + 1, K, &act, 0);
      CHECK(memcmp(scale, expected_scale, sizeof scale) == 0); /* NaN too has stated bits */
      CHECK(memcmp(sum, expected_sum, sizeof sum) == 0);
    }
  }
}

/* Keys or values: pages of exact size, each an element past the alignment of malloc.
 * What lies past n_keys is NaN, and a single sight of it would show. */
typedef struct pages {
  void **at;
  size_t n;
  sotto_dtype type;
} pages;

static size_t misalignment(sotto_dtype type) {
  return type == SOTTO_F32 ? sizeof(float) : sizeof(uint16_t);
}

static pages make_pages(sotto_dtype type, size_t n_keys, size_t head_dim) {
  pages p = {.n = (n_keys + 31) / 32, .type = type};
  size_t row = (size_t)sotto_dtype_row_bytes(type, head_dim);
  p.at = malloc(p.n * sizeof *p.at);
  for (size_t i = 0; i < p.n; i++) {
    unsigned char *page = malloc(SOTTO_KV_PAGE * row + misalignment(type));
    p.at[i] = page + misalignment(type);
    memset(p.at[i], 0xFF, SOTTO_KV_PAGE * row);
    for (size_t key = 0; key < SOTTO_KV_PAGE && 32 * i + key < n_keys; key++)
      fill_row(type, (unsigned char *)p.at[i] + key * row, head_dim);
  }
  return p;
}

static void free_pages(pages p) {
  for (size_t i = 0; i < p.n; i++) free((unsigned char *)p.at[i] - misalignment(p.type));
  free(p.at);
}

typedef struct attention_shape {
  size_t n_keys, n_tokens, n_rep, head_dim;
  float scale;
  sotto_dtype k_type, v_type;
  size_t window;
  float softcap;
} attention_shape;

static sotto_attention attention_of(const attention_shape *s) {
  return (sotto_attention){.n_keys = s->n_keys,
                           .n_tokens = s->n_tokens,
                           .n_rep = s->n_rep,
                           .head_dim = s->head_dim,
                           .scale = s->scale,
                           .window = s->window,
                           .softcap = s->softcap,
                           .k_type = s->k_type,
                           .v_type = s->v_type};
}

static size_t scratch_of(const attention_shape *s) {
  return (size_t)sotto_attention_scratch(s->n_tokens * s->n_rep, s->n_keys + s->n_tokens - 1,
                                         s->head_dim);
}

/* All tokens at once by scalar; by each variant at once, and cut into single tokens and heads. */
static void check_attention(attention_shape s) {
  const size_t n_keys = s.n_keys + s.n_tokens - 1, d = s.head_dim, n_scratch = scratch_of(&s);
  pages k = make_pages(s.k_type, n_keys, d), v = make_pages(s.v_type, n_keys, d);
  sotto_attention args = attention_of(&s);
  for (size_t i = 0; i < sotto_attention_first_key(&args, 0) / SOTTO_KV_PAGE; i++) {
    memset(k.at[i], 0xFF, SOTTO_KV_PAGE * (size_t)sotto_dtype_row_bytes(s.k_type, d));
    memset(v.at[i], 0xFF, SOTTO_KV_PAGE * (size_t)sotto_dtype_row_bytes(s.v_type, d));
  }
  args.stride = s.n_rep * d + next() % 3;
  const size_t n = (s.n_tokens - 1) * args.stride + s.n_rep * d;
  /* One float past the alignment of malloc, and results and scratch end where their blocks end. */
  float *q = malloc((n + 1) * sizeof *q), *scratch = malloc(n_scratch * sizeof *scratch);
  float *out = malloc((n + 1) * sizeof *out), *expected = malloc((n + 1) * sizeof *expected);
  for (size_t i = 0; i <= n; i++) q[i] = s.scale > 1.0f ? any_float() : plain();
  memset(expected, GUARD, (n + 1) * sizeof *expected);
  args.q = q + 1, args.out = expected + 1, args.scratch = scratch;
  args.k_pages = (const void *const *)k.at, args.v_pages = (const void *const *)v.at;
  sotto_kernels_scalar.attention(&args);
  for (size_t i = 0; i < n_variants(); i++) {
    const sotto_kernels *kernels = variant_at(i);
    memset(out, GUARD, (n + 1) * sizeof *out);
    args.out = out + 1;
    kernels->attention(&args);
    bool ok = same(out, expected, n + 1);
    memset(out, GUARD, (n + 1) * sizeof *out);
    for (size_t t = 0; t < s.n_tokens; t++)
      for (size_t head = 0; head < s.n_rep; head++) {
        sotto_attention one = args;
        one.q += t * args.stride + head * d, one.out += t * args.stride + head * d;
        one.n_keys += t, one.n_tokens = one.n_rep = 1;
        kernels->attention(&one);
      }
    if (!CHECK(ok && same(out, expected, n + 1)))
      printf("    %s %s %s: %zu keys, %zu tokens, head_dim %zu, n_rep %zu, window %zu, cap %g\n",
             kernels->name, sotto_dtype_name(s.k_type), sotto_dtype_name(s.v_type), s.n_keys,
             s.n_tokens, d, s.n_rep, s.window, (double)s.softcap);
  }
  free_pages(k), free_pages(v), free(q), free(scratch), free(out), free(expected);
}

static const sotto_dtype kv_types[] = {
#define K(NAME, name) SOTTO_##NAME,
#include "kernels/kv_types.def"
#undef K
};
#define N_KV_TYPES (sizeof kv_types / sizeof *kv_types)

/* The width rounded up to what both types can have; without a window, with one, and with a softcap
 * too. */
static void check_types(attention_shape s, sotto_dtype k_type, sotto_dtype v_type) {
  const bool blocks = sotto_dtype_block_weights(k_type) * sotto_dtype_block_weights(v_type) > 1;
  if (blocks) s.head_dim = (s.head_dim + 31) / 32 * 32;
  s.k_type = k_type;
  s.v_type = v_type;
  check_attention(s);
  s.window = 1 + next() % (s.n_keys + s.n_tokens);
  check_attention(s);
  s.softcap = 1.0f + (float)(next() % 50);
  check_attention(s);
}

TEST(kernels_attention_same_bits_in_all_variants) {
  static const size_t head_dims[] = {4, 8, 12, 16, 20, 64, 68, 128, 256};
  state = 3;
  for (size_t n_keys = 1; n_keys <= 100; n_keys++) {
    const size_t n_rep = 1 + n_keys % 5, n_tokens = 1 + next() % 9;
    const attention_shape shapes[] = {
        {n_keys, n_tokens, n_rep, head_dims[n_keys % 9], 0.0625f, 0, 0, 0, 0},
        {n_keys, 1, n_rep, 4 * (1 + n_keys % 7), 1e-4f, 0, 0, 0, 0},
        {n_keys, n_tokens, 1 + next() % 16, 12, 1e20f, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < 3; i++) {
      for (size_t type = 0; type < N_KV_TYPES; type++)
        check_types(shapes[i], kv_types[type], kv_types[type]);
      check_types(shapes[i], kv_types[n_keys % N_KV_TYPES], kv_types[(n_keys + 1) % N_KV_TYPES]);
    }
  }
  for (size_t d = 4; d <= 256; d += 4)
    for (size_t type = 0; type < N_KV_TYPES; type++)
      check_types((attention_shape){33, 1 + d / 4 % 2, 1 + d / 4 % 3, d, 0.125f, 0, 0, 0, 0},
                  kv_types[type], kv_types[type]);
}

TEST(kernels_vectors_same_bits_in_all_variants) {
  enum { MAX = 80 };
  state = 4;
  for (size_t n = 0; n <= MAX; n++) {
    /* Sources are one float off their buffers' alignment, results end where the buffers end. */
    float *a = malloc((n + 1) * sizeof *a), *b = malloc((n + 1) * sizeof *b);
    float *expected = malloc((n + 1) * sizeof *expected), *out = malloc((n + 1) * sizeof *out);
    for (size_t i = 0; i <= n; i++) a[i] = any_float(), b[i] = any_float();
    expected[n] = 12345.0f;
#define CHECK_ALL(call_scalar, call)                                                               \
  call_scalar;                                                                                     \
  for (size_t v = 0; v < n_variants(); v++) {                                                      \
    const sotto_kernels *kernels = variant_at(v);                                                  \
    out[n] = 12345.0f;                                                                             \
    call;                                                                                          \
    if (!CHECK(same(out, expected, n + 1))) printf("    %s, n %zu\n", kernels->name, n);           \
    memcpy(out, a + 1, n * sizeof *out); /* in place */                                            \
  }
    if (n > 0) {
      CHECK_ALL(sotto_kernels_scalar.rms_norm(expected, a + 1, b + 1, n, 1e-6f),
                kernels->rms_norm(out, a + 1, b + 1, n, 1e-6f));
      CHECK_ALL(
          sotto_kernels_scalar.rms_norm(expected, a + 1, b + 1, n, 1e-6f),
          (memcpy(out, a + 1, n * sizeof *out), kernels->rms_norm(out, out, b + 1, n, 1e-6f)));
    }
    CHECK_ALL(sotto_kernels_scalar.swiglu(expected, a + 1, b + 1, n),
              kernels->swiglu(out, a + 1, b + 1, n));
    CHECK_ALL(sotto_kernels_scalar.swiglu(expected, a + 1, b + 1, n),
              (memcpy(out, a + 1, n * sizeof *out), kernels->swiglu(out, out, b + 1, n)));
    CHECK_ALL(sotto_kernels_scalar.geglu(expected, a + 1, b + 1, n),
              kernels->geglu(out, a + 1, b + 1, n));
    CHECK_ALL(sotto_kernels_scalar.geglu(expected, a + 1, b + 1, n),
              (memcpy(out, a + 1, n * sizeof *out), kernels->geglu(out, out, b + 1, n)));
    if (n > 0) { /* the biases are the weights of the next value */
      CHECK_ALL(sotto_kernels_scalar.layer_norm(expected, a + 1, b + 1, b, n, 1e-12f),
                kernels->layer_norm(out, a + 1, b + 1, b, n, 1e-12f));
      CHECK_ALL(
          sotto_kernels_scalar.layer_norm(expected, a + 1, b + 1, b, n, 1e-6f),
          (memcpy(out, a + 1, n * sizeof *out), kernels->layer_norm(out, out, b + 1, b, n, 1e-6f)));
    }
    CHECK_ALL(sotto_kernels_scalar.gelu(expected, a + 1, n), kernels->gelu(out, a + 1, n));
    CHECK_ALL(sotto_kernels_scalar.gelu(expected, a + 1, n),
              (memcpy(out, a + 1, n * sizeof *out), kernels->gelu(out, out, n)));
    CHECK_ALL((memcpy(expected, a + 1, n * sizeof *out),
               sotto_kernels_scalar.softcap(expected, n, 30.0f)),
              (memcpy(out, a + 1, n * sizeof *out), kernels->softcap(out, n, 30.0f)));
    CHECK_ALL(sotto_kernels_scalar.add(expected, a + 1, b + 1, n),
              kernels->add(out, a + 1, b + 1, n));
    CHECK_ALL(sotto_kernels_scalar.add(expected, a + 1, b + 1, n),
              (memcpy(out, a + 1, n * sizeof *out), kernels->add(out, out, b + 1, n)));
#undef CHECK_ALL
    free(a), free(b), free(expected), free(out);
  }
}

/* swiglu with up = 1 shows every bit of the exp, softcap with cap = 1 of the tanh. */
TEST(kernels_exp_same_bits_in_all_variants) {
  enum { N = 4096 };
  static float gate[N], up[N], expected[N], out[N];
  for (int i = 0; i < N; i++) up[i] = 1.0f;
  for (uint32_t base = 0; base < 64; base++) {
    for (uint32_t i = 0; i < N; i++) gate[i] = float_of((base * N + i) * 16381u);
    sotto_kernels_scalar.swiglu(expected, gate, up, N);
    for (size_t v = 0; v < n_variants(); v++) {
      variant_at(v)->swiglu(out, gate, up, N);
      CHECK(same(out, expected, N));
    }
    sotto_kernels_scalar.geglu(expected, gate, up, N);
    for (size_t v = 0; v < n_variants(); v++) {
      variant_at(v)->geglu(out, gate, up, N);
      CHECK(same(out, expected, N));
    }
    sotto_kernels_scalar.gelu(expected, gate, N);
    for (size_t v = 0; v < n_variants(); v++) {
      variant_at(v)->gelu(out, gate, N);
      CHECK(same(out, expected, N));
    }
    memcpy(expected, gate, sizeof expected);
    sotto_kernels_scalar.softcap(expected, N, 1.0f);
    for (size_t v = 0; v < n_variants(); v++) {
      memcpy(out, gate, sizeof out);
      variant_at(v)->softcap(out, N, 1.0f);
      CHECK(same(out, expected, N));
    }
  }
}

TEST(kernels_rope_same_bits_in_all_variants) {
  enum { HEADS = 3, MAX = 64 + 5 };
  state = 5;
  for (size_t n_rot = 0; n_rot <= 64; n_rot += 2) {
    for (int neox = 0; neox < 2; neox++) {
      size_t head_dim = n_rot + n_rot / 2 % 6;
      float cos_sin[64], x[HEADS * MAX + 1], expected[HEADS * MAX + 1], out[HEADS * MAX + 1];
      for (size_t i = 0; i < n_rot; i++) cos_sin[i] = any_float();
      for (size_t i = 0; i <= HEADS * MAX; i++) x[i] = any_float();
      memcpy(expected, x, sizeof x);
      sotto_kernels_scalar.rope(expected + 1, HEADS, head_dim, n_rot, neox, cos_sin);
      for (size_t v = 0; v < n_variants(); v++) {
        memcpy(out, x, sizeof x);
        variant_at(v)->rope(out + 1, HEADS, head_dim, n_rot, neox, cos_sin);
        CHECK(same(out, expected, HEADS * MAX + 1));
      }
    }
  }
}

TEST(kernels_kv_write_F16_same_bits_in_all_variants) {
  enum { N = 1024 };
  static float x[N + 1];
  static uint16_t expected[N + 1], out[N + 1];
  state = 6;
  /* Around every f16, every half-way point, infinity, and any bits at all. */
  for (uint32_t base = 0; base < 0x10000; base += N / 8) {
    for (uint32_t i = 0; i < N; i++) {
      float f = sotto_f16_to_f32((uint16_t)(base + i / 8));
      uint32_t bits;
      memcpy(&bits, &f, sizeof f);
      bits += i % 8 < 3 ? i % 8 - 1 : i % 8 < 6 ? 0x1000 + i % 8 - 4 : i % 8 == 6 ? 0x800 : 0;
      x[1 + i] = i % 8 == 7 ? float_of(next() << 9 ^ next()) : float_of(bits);
    }
    size_t n = N - base / (N / 8) % 17; /* tails of all lengths */
    bool finite = sotto_kernels_scalar.kv_write_F16(x + 1, expected + 1, n);
    for (size_t v = 0; v < n_variants(); v++) {
      CHECK(variant_at(v)->kv_write_F16(x + 1, out + 1, n) == finite);
      CHECK(memcmp(out + 1, expected + 1, n * sizeof *out) == 0);
    }
  }
  for (size_t n = 0; n < 20; n++) {
    for (size_t bad = 0; bad <= n; bad++) { /* one value too large, at each place, or none */
      for (size_t i = 0; i < n; i++) x[i] = i == bad ? -65520.0f : 65519.0f;
      for (size_t v = 0; v < n_variants(); v++) {
        out[n] = 0x1234;
        CHECK(variant_at(v)->kv_write_F16(x, out, n) == (bad == n));
        CHECK(out[n] == 0x1234);
      }
    }
  }
}

TEST(kernels_kv_write_same_bits_in_all_variants) {
  enum { BLOCKS = 3, N = 32 * BLOCKS };
  static const uint32_t bad[] = {0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC00001};
  state = 8;
  for (int round = 0; round < 2000; round++) {
    float x[N + 1], expected[N + 1],
        row[N + 1]; /* sources and rows misaligned, rows as they may be */
    for (int b = 0; b < BLOCKS; b++) fill_block(x + 1 + 32 * b, next());
    const bool finite = round % 4 != 0;
    if (!finite) x[1 + next() % N] = float_of(bad[next() % 4]);
    for (size_t t = 0; t < N_KV_TYPES; t++) {
      const size_t skip = misalignment(kv_types[t]);
      const size_t n = sotto_dtype_block_weights(kv_types[t]) == 1 ? N - next() % 9 : N;
      memset(expected, GUARD, sizeof expected);
      const bool ok = sotto_kernels_kv_write(&sotto_kernels_scalar,
                                             kv_types[t])(x + 1, (char *)expected + skip, n);
      CHECK(finite || !ok || n < N);
      for (size_t v = 0; v < n_variants(); v++) {
        memset(row, GUARD, sizeof row);
        sotto_kv_write_fn *write = sotto_kernels_kv_write(variant_at(v), kv_types[t]);
        CHECK(write(x + 1, (char *)row + skip, n) == ok);
        if (!CHECK(memcmp(row, expected, sizeof row) == 0))
          printf("    %s %s\n", variant_at(v)->name, sotto_dtype_name(kv_types[t]));
      }
    }
  }
}
