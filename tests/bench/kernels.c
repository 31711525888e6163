/* Speed of the matrix kernels: GMAC/s of every format and variant for one token (GEMV) and for 64
 * (GEMM), with narrow and wide activations, the best of several rounds, over 16 MB of weights in
 * matrices of 1536 x 768; of attention over 1024 keys, for one token (decode, of one cache again
 * and again, and of many in turn) and for 8 (prefill), 3 heads each, for every type of the KV
 * cache; and GB/s of packing, with the check of what is packed. Arguments: a part of a format's
 * name, "attention" or "pack", to run only these. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/kernels.h"

enum { ROWS = 1536, K = 768, TOKENS = 64, HEAD_DIM = 64, HEADS = 3, KEYS = 1024, MOST = 8 };
#define WEIGHT_BYTES (16u << 20)
#define CACHE_BYTES  (64 << 20)
#define SECONDS      0.15

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

typedef void work_fn(void *user);

/* The shortest of the rounds that fit into SECONDS, at least three. */
static double best_time(work_fn *work, void *user) {
  double best = 1e9, start = now();
  for (int round = 0; round < 3 || now() - start < SECONDS; round++) {
    double t = now();
    work(user);
    t = now() - t;
    if (t < best) best = t;
  }
  return best;
}

typedef struct gemms {
  sotto_gemm_fn *fn;
  sotto_gemm gemm;
  const unsigned char *weights;
  size_t matrix_bytes, n;
} gemms;

static void run_gemms(void *user) {
  gemms *g = user;
  for (size_t i = 0; i < g->n; i++) {
    g->gemm.w = g->weights + i * g->matrix_bytes;
    g->fn(&g->gemm);
  }
}

static void *fill(size_t n) {
  unsigned char *bytes = malloc(n);
  uint32_t state = 1;
  for (size_t i = 0; i < n; i++) bytes[i] = (unsigned char)((state = state * 1664525u + 7u) >> 24);
  return bytes;
}

static void bench_gemm(const sotto_kernels *kernels, sotto_dtype type, bool wide, const float *x) {
  static float y[TOKENS * ROWS], scale[TOKENS * K / 32];
  static int32_t sum[TOKENS * K / 32];
  static unsigned char q[(TOKENS / 4 + 3) * (K / 32) * SOTTO_ACT_GROUP_BYTES];
  sotto_act act = {q, scale, sum, wide, 1};
  size_t matrix = (size_t)sotto_packed_bytes(type, ROWS, K), n = WEIGHT_BYTES / matrix;
  unsigned char *weights = fill(n * matrix),
                *row = fill((size_t)sotto_dtype_row_bytes(type, SOTTO_TILE_ROWS * K));
  /* Numbers as large as weights are: infinite ones, and how many of the scales are subnormal,
   * change the speed of a processor. */
  static float like_weights[SOTTO_TILE_ROWS * K];
  for (int i = 0; i < SOTTO_TILE_ROWS * K; i++) like_weights[i] = x[i] / 32;
  for (int i = 0; i < SOTTO_TILE_ROWS; i++)
    sotto_quantize_row(type, like_weights + i * K,
                       row + (size_t)sotto_dtype_row_bytes(type, (size_t)i * K), K);
  sotto_pack_tile_row(type, row, SOTTO_TILE_ROWS, K, weights);
  size_t tile_row = (size_t)sotto_packed_tile_row_bytes(type, K);
  for (size_t i = 1; i < n * matrix / tile_row; i++)
    memcpy(weights + i * tile_row, weights, tile_row);
  kernels->quantize_act(x, K, &act, 0);
  gemms g = {.fn = sotto_kernels_gemm(kernels, type),
             .gemm = {y, ROWS, NULL, x, K, &act, 0, ROWS, K, 1, 1},
             .weights = weights,
             .matrix_bytes = matrix,
             .n = n};
  double macs = (double)ROWS * K * (double)n, gemv = macs / best_time(run_gemms, &g) / 1e9;
  g.gemm.n_streams = SOTTO_MAX_STREAMS;
  double streams = macs / best_time(run_gemms, &g) / 1e9;
  g.gemm.n_tokens = act.n_tokens = TOKENS;
  for (size_t t = 0; t < TOKENS; t++) kernels->quantize_act(x + t * K, K, &act, t);
  g.n = 2;
  double gemm = (double)ROWS * K * 2 * TOKENS / best_time(run_gemms, &g) / 1e9;
  printf("%-5s%-5s %-8s  GEMV %6.2f GMAC/s %6.2f GB/s, %d streams %6.2f GB/s   GEMM %6.2f GMAC/s\n",
         sotto_dtype_name(type), wide ? "wide" : "", kernels->name, gemv,
         gemv * (double)matrix / (ROWS * K), SOTTO_MAX_STREAMS,
         streams * (double)matrix / (ROWS * K), gemm);
  free(weights), free(row);
}

/* Calls over n caches, one after the other, as a model's layers and heads have them: each in one
 * piece, keys before values. */
typedef struct attentions {
  const sotto_kernels *kernels;
  sotto_attention args;
  const char *caches;
  size_t n, page_bytes;
} attentions;

static void run_attention(void *user) {
  attentions *a = user;
  const void *k[KEYS / 32], *v[KEYS / 32];
  a->args.k_pages = k, a->args.v_pages = v;
  for (size_t i = 0; i < a->n; i++) {
    for (size_t p = 0; p < KEYS / 32; p++) {
      k[p] = a->caches + (i * (KEYS / 32) + p) * a->page_bytes;
      v[p] = a->caches + ((a->n + i) * (KEYS / 32) + p) * a->page_bytes;
    }
    a->kernels->attention(&a->args);
  }
}

static void bench_attention(const sotto_kernels *kernels, sotto_dtype type, const float *x) {
  static float out[MOST * HEADS * HEAD_DIM];
  const size_t page = (size_t)sotto_dtype_row_bytes(type, 32 * HEAD_DIM);
  const size_t cache = 2 * page * KEYS / 32, most = CACHE_BYTES / cache;
  char *caches = malloc(most * cache);
  for (size_t i = 0; i < most * cache / page; i++)
    sotto_quantize_row(type, x, caches + i * page, 32 * HEAD_DIM);
  float *scratch =
      malloc((size_t)sotto_attention_scratch(MOST * HEADS, KEYS, HEAD_DIM) * sizeof *scratch);
  attentions a = {.kernels = kernels,
                  .args = {.out = out,
                           .q = x,
                           .stride = HEADS * HEAD_DIM,
                           .k_type = type,
                           .v_type = type,
                           .n_rep = HEADS,
                           .head_dim = HEAD_DIM,
                           .scale = 0.125f,
                           .scratch = scratch},
                  .caches = caches,
                  .page_bytes = page};
  double rates[3];
  for (int i = 0; i < 3; i++) {
    a.n = i == 1 ? most : 1;
    a.args.n_tokens = i == 2 ? MOST : 1;
    a.args.n_keys = KEYS + 1 - a.args.n_tokens;
    double macs = 2.0 * KEYS * HEADS * HEAD_DIM * (double)(a.args.n_tokens * a.n);
    rates[i] = macs / best_time(run_attention, &a) / 1e9;
  }
  printf("attention %-5s %-8s  decode %6.2f GMAC/s, over %d MB %6.2f   prefill %6.2f GMAC/s\n",
         sotto_dtype_name(type), kernels->name, rates[0], CACHE_BYTES >> 20, rates[1], rates[2]);
  free(scratch), free(caches);
}

typedef struct packing {
  sotto_dtype type;
  const unsigned char *rows;
  unsigned char *packed;
  size_t n; /* tile rows */
  bool finite;
} packing;

static void run_packing(void *user) {
  packing *p = user;
  size_t row = (size_t)sotto_dtype_row_bytes(p->type, K);
  for (size_t i = 0; i < SOTTO_TILE_ROWS * p->n; i++)
    p->finite &= sotto_row_is_finite(p->type, p->rows + i * row, K);
  for (size_t i = 0; i < p->n; i++)
    sotto_pack_tile_row(p->type, p->rows + i * SOTTO_TILE_ROWS * row, SOTTO_TILE_ROWS, K,
                        p->packed + i * SOTTO_TILE_ROWS * row);
}

static void bench_packing(sotto_dtype type, const float *x) {
  size_t row = (size_t)sotto_dtype_row_bytes(type, K), n = WEIGHT_BYTES / row / SOTTO_TILE_ROWS;
  size_t bytes = n * SOTTO_TILE_ROWS * row;
  unsigned char *rows = malloc(bytes), *packed = malloc(bytes);
  for (size_t i = 0; i < SOTTO_TILE_ROWS * n; i++)
    sotto_quantize_row(type, x + i % TOKENS * K, rows + i * row, K);
  packing p = {type, rows, packed, n, true};
  double seconds = best_time(run_packing, &p);
  printf("%-5spack %6.2f GB/s%s\n", sotto_dtype_name(type), (double)bytes / seconds / 1e9,
         p.finite ? "" : " (not finite)");
  free(rows), free(packed);
}

int main(int argc, char **argv) {
  static float x[TOKENS * K];
  const sotto_kernel_set set = sotto_kernels_select(NULL);
  uint32_t state = 1;
  for (size_t i = 0; i < TOKENS * K; i++)
    x[i] = (float)(int32_t)(state = state * 1664525u + 1013904223u) * 0x1p-31f;
#define X(NAME, number, text, weights, bytes)                                                      \
  for (size_t v = 0; v < set.n; v++)                                                               \
    for (int wide = 0; wide <= sotto_dtype_takes_act(SOTTO_##NAME); wide++)                        \
      if (argc < 2 || strstr(text, argv[1])) bench_gemm(set.members[v], SOTTO_##NAME, wide, x);
#include "tensor/dtypes.def"
#undef X
#define X(NAME, number, text, weights, bytes)                                                      \
  if (argc < 2 || strstr(text, argv[1]) || strstr("pack", argv[1])) bench_packing(SOTTO_##NAME, x);
#include "tensor/dtypes.def"
#undef X
  for (size_t v = 0; v < set.n; v++)
    if (argc < 2 || strstr("attention", argv[1])) {
#define K(NAME, name) bench_attention(set.members[v], SOTTO_##NAME, x);
#include "kernels/kv_types.def"
#undef K
    }
  return 0;
}
