/* sample/: against the picks of tests/golden/generate_sampler.py, distribution, ties, arguments. */
#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "sample/sampler.h"
#include "test.h"

/* As make_logits in generate_sampler.py. */
static float *make_logits(uint32_t n, uint32_t seed, bool coarse) {
  float *logits = malloc(n * sizeof *logits);
  uint32_t state = seed;
  for (uint32_t i = 0; i < n; i++) {
    state = state * 1664525u + 1013904223u;
    int32_t value = (int32_t)(state >> 8) - (1 << 23);
    if (coarse) value &= ~0x7FFFF;
    logits[i] = (float)value * 0x1p-20f;
  }
  return logits;
}

static sotto_sampler *new_sampler(sotto_ctx *ctx, uint32_t n_vocab) {
  sotto_ctx_init(ctx, NULL, NULL);
  sotto_sampler *sampler;
  CHECK(sotto_sampler_new(ctx, n_vocab, &sampler) == SOTTO_OK);
  CHECK(ctx->bytes_in_use == sotto_sampler_bytes(n_vocab));
  return sampler;
}

/* Everything off: the plain softmax. */
static sotto_sampling plain(uint64_t seed) {
  sotto_sampling s;
  sotto_sampling_default(&s);
  s.temperature = 1;
  s.top_k = 0;
  s.top_p = 1;
  s.min_p = 0;
  s.seed = seed;
  return s;
}

static sotto_token pick(sotto_sampler *sampler, const sotto_sampling *s, uint64_t position,
                        const float *logits) {
  sotto_token token;
  CHECK(sotto_sampler_pick(sampler, s, NULL, 0, NULL, 0, position, logits, &token) == SOTTO_OK);
  return token;
}

/* ---- random numbers -------------------------------------------------------------------------- */

/* The known answers published with the paper (Random123, kat_vectors, philox4x32
 * with 10 rounds). */
TEST(random_philox_known_answers) {
  static const uint32_t cases[3][10] = {
      {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
      {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
      {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
       0x94fdcceb, 0x5001e420, 0x24126ea1}};
  for (int c = 0; c < 3; c++) {
    uint32_t out[4];
    sotto_philox4x32(cases[c], cases[c] + 4, out);
    CHECK(memcmp(out, cases[c] + 6, sizeof out) == 0);
  }
  CHECK(sotto_random_u64(0, 0) == 0xe169c58d6627e8d5);
  double sum = 0;
  for (uint64_t i = 0; i < 20000; i++) {
    double u = sotto_random_uniform(7, i);
    if (!CHECK(u >= 0 && u < 1)) break;
    sum += u;
  }
  CHECK(fabs(sum / 20000 - 0.5) < 0.01);
}

/* ---- golden ---------------------------------------------------------------------------------- */

typedef struct golden {
  sotto_ctx ctx;
  sotto_arena arena;
  char *text;
  const sotto_json *root;
} golden;

static bool open_golden(golden *g) {
  size_t len;
  sotto_ctx_init(&g->ctx, NULL, NULL);
  sotto_arena_init(&g->arena, &g->ctx);
  g->text = test_read_file("tests/golden/sampler.json", &len);
  sotto_json *root = NULL;
  if (g->text) CHECK(sotto_json_parse(&g->arena, (sotto_slice){g->text, len}, &root) == SOTTO_OK);
  g->root = root;
  return root != NULL;
}

static void close_golden(golden *g) {
  sotto_arena_free(&g->arena);
  free(g->text);
}

static double number(const sotto_json *object, const char *key) {
  const sotto_json *value = sotto_json_get(object, key);
  CHECK(value != NULL);
  return value ? value->number : 0;
}

static sotto_sampling read_sampling(const sotto_json *o) {
  return (sotto_sampling){.temperature = (float)number(o, "temperature"),
                          .top_k = (int32_t)number(o, "top_k"),
                          .top_p = (float)number(o, "top_p"),
                          .min_p = (float)number(o, "min_p"),
                          .typical_p = (float)number(o, "typical_p"),
                          .repeat_penalty = (float)number(o, "repeat_penalty"),
                          .repeat_last_n = (int32_t)number(o, "repeat_last_n"),
                          .presence_penalty = (float)number(o, "presence_penalty"),
                          .frequency_penalty = (float)number(o, "frequency_penalty"),
                          .seed = (uint64_t)sotto_json_get(o, "seed")->integer};
}

/* With a temperature that makes all equal, every token the filters leave turns up, and no other. */
static void check_n_left(sotto_sampler *sampler, sotto_sampling s, const sotto_bias *bias,
                         size_t n_bias, const sotto_token *history, size_t n_history,
                         const float *logits, uint32_t n_vocab, size_t n_left) {
  bool *seen = calloc(n_vocab, sizeof *seen);
  size_t n_seen = 0;
  if (s.temperature > 0) s.temperature = 1e9f;
  for (uint64_t position = 0; position < 30 * n_left; position++) {
    sotto_token token;
    REQUIRE(sotto_sampler_pick(sampler, &s, bias, n_bias, history, n_history, position, logits,
                               &token) == SOTTO_OK);
    n_seen += !seen[token];
    seen[token] = true;
  }
  CHECK(n_seen == n_left);
  free(seen);
}

TEST(sampler_picks_as_the_reference) {
  golden g;
  if (!open_golden(&g)) return;
  size_t n_cases = 0;
  for (const sotto_json *c = sotto_json_get(g.root, "cases")->first; c; c = c->next, n_cases++) {
    uint32_t n_vocab = (uint32_t)number(c, "n_vocab");
    float *logits = make_logits(n_vocab, (uint32_t)number(c, "logits_seed"),
                                sotto_json_get(c, "coarse")->boolean);
    sotto_sampling sampling = read_sampling(sotto_json_get(c, "sampling"));
    sotto_bias bias[32];
    sotto_token history[128];
    size_t n_bias = 0, n_history = 0;
    for (const sotto_json *b = sotto_json_get(c, "bias")->first; b; b = b->next) {
      const sotto_json *value = b->first->next;
      bias[n_bias++] =
          (sotto_bias){(sotto_token)b->first->integer,
                       value->type == SOTTO_JSON_NULL ? -INFINITY : (float)value->number};
    }
    for (const sotto_json *t = sotto_json_get(c, "history")->first; t; t = t->next) {
      history[n_history++] = (sotto_token)t->integer;
    }
    sotto_ctx ctx;
    sotto_sampler *sampler = new_sampler(&ctx, n_vocab);
    uint64_t position = 0;
    bool same = true;
    for (const sotto_json *t = sotto_json_get(c, "tokens")->first; t; t = t->next) {
      sotto_token token;
      CHECK(sotto_sampler_pick(sampler, &sampling, bias, n_bias, history, n_history, position++,
                               logits, &token) == SOTTO_OK);
      same = same && token == t->integer;
    }
    size_t n_left = (size_t)number(c, "n_left");
    if (n_left <= 64) {
      check_n_left(sampler, sampling, bias, n_bias, history, n_history, logits, n_vocab, n_left);
    }
    if (!CHECK(same)) {
      printf("    case: %.*s\n", SOTTO_SLICE_ARG(sotto_json_get(c, "name")->string));
    }
    sotto_sampler_free(sampler);
    CHECK(ctx.bytes_in_use == 0);
    free(logits);
  }
  CHECK(n_cases >= 60);
  close_golden(&g);
}

static uint64_t hex(sotto_slice s) {
  char text[17] = {0};
  memcpy(text, s.data, s.len < 16 ? s.len : 16);
  return strtoull(text, NULL, 16);
}

TEST(sampler_random_numbers_and_logprobs_as_the_reference) {
  golden g;
  if (!open_golden(&g)) return;
  for (const sotto_json *r = sotto_json_get(g.root, "random")->first; r; r = r->next) {
    uint64_t seed = hex(r->first->string), position = hex(r->first->next->string);
    CHECK(sotto_random_u64(seed, position) == hex(r->first->next->next->string));
  }
  for (const sotto_json *c = sotto_json_get(g.root, "logprobs")->first; c; c = c->next) {
    uint32_t n_vocab = (uint32_t)number(c, "n_vocab"), k = (uint32_t)number(c, "k"), n_top;
    float *logits = make_logits(n_vocab, (uint32_t)number(c, "logits_seed"),
                                sotto_json_get(c, "coarse")->boolean);
    for (const sotto_json *t = sotto_json_get(c, "targets")->first; t; t = t->next) {
      float logprob = sotto_logprob(logits, n_vocab, (sotto_token)t->first->integer);
      CHECK(fabs((double)logprob - t->first->next->number) < 1e-6);
    }
    sotto_top_logprob top[64];
    sotto_top_logprobs(logits, n_vocab, k, top, &n_top);
    uint32_t i = 0;
    for (const sotto_json *t = sotto_json_get(c, "top")->first; t; t = t->next, i++) {
      REQUIRE(i < n_top);
      CHECK(top[i].token == t->first->integer);
      CHECK(fabs((double)top[i].logprob - t->first->next->number) < 1e-6);
    }
    CHECK(i == n_top && n_top == (k < n_vocab ? k : n_vocab));
    free(logits);
  }
  close_golden(&g);
}

/* ---- distribution, ties, determinism --------------------------------------------------------- */

/* Pearson's test with 15 degrees of freedom: 37.7 is exceeded once in 1,000 seeds. */
static double chi_square(sotto_sampler *sampler, const sotto_sampling *s, const float *logits,
                         double temperature, const bool *allowed) {
  double p[16], sum = 0, chi = 0;
  int counts[16] = {0}, n = 20000;
  for (int i = 0; i < 16; i++) {
    sum += p[i] = allowed[i] ? exp((double)logits[i] / temperature) : 0;
  }
  for (int i = 0; i < n; i++) counts[pick(sampler, s, (uint64_t)i, logits)]++;
  for (int i = 0; i < 16; i++) {
    double expected = n * p[i] / sum;
    if (expected > 0)
      chi += (counts[i] - expected) * (counts[i] - expected) / expected;
    else
      CHECK(counts[i] == 0);
  }
  return chi;
}

TEST(sampler_draws_from_the_distribution) {
  float logits[16];
  bool all[16], best[16];
  for (int i = 0; i < 16; i++) {
    logits[i] = (float)((i * 7) % 16) * 0.25f;
    all[i] = true;
    best[i] = (i * 7) % 16 >= 10; /* the best six */
  }
  sotto_ctx ctx;
  sotto_sampler *sampler = new_sampler(&ctx, 16);
  for (uint64_t seed = 0; seed < 5; seed++) {
    sotto_sampling s = plain(seed);
    CHECK(chi_square(sampler, &s, logits, 1, all) < 37.7);
    s.temperature = 2.5f;
    CHECK(chi_square(sampler, &s, logits, 2.5, all) < 37.7);
    s.temperature = 0.5f;
    s.top_k = 6;
    CHECK(chi_square(sampler, &s, logits, 0.5, best) < 20.6); /* 5 degrees of freedom */
  }
  sotto_sampler_free(sampler);
}

TEST(sampler_ties_go_to_the_lower_id) {
  static float logits[3000];
  sotto_ctx ctx;
  sotto_sampler *sampler = new_sampler(&ctx, 3000);
  sotto_sampling s = plain(1);
  s.temperature = 0;
  for (int i = 0; i < 3000; i++) logits[i] = i % 100 == 57 ? 2.0f : -1.0f;
  CHECK(pick(sampler, &s, 0, logits) == 57);
  s.temperature = 1;
  s.top_k = 1;
  CHECK(pick(sampler, &s, 0, logits) == 57);
  s.top_k = 3; /* 57, 157, 257 */
  for (uint64_t i = 0; i < 50; i++) CHECK(pick(sampler, &s, i, logits) <= 257);
  s.top_k = 0;
  s.min_p = 1; /* the best and its equals */
  bool others = false;
  for (uint64_t i = 0; i < 50; i++) {
    sotto_token token = pick(sampler, &s, i, logits);
    CHECK(token % 100 == 57);
    others = others || token != 57;
  }
  CHECK(others);
  s.min_p = 0;
  s.top_p = 0.0001f;
  CHECK(pick(sampler, &s, 0, logits) == 57);
  memset(logits, 0, sizeof logits); /* all equal */
  CHECK(pick(sampler, &s, 3, logits) == 0);
  s.temperature = 0;
  CHECK(pick(sampler, &s, 3, logits) == 0);
  s = plain(1);
  s.typical_p = 0.0001f;
  CHECK(pick(sampler, &s, 3, logits) == 0);
  /* -0 and 0 are equal */
  logits[0] = -0.0f;
  s.temperature = 0;
  CHECK(pick(sampler, &s, 3, logits) == 0);
  sotto_top_logprob top[3];
  uint32_t n_top;
  sotto_top_logprobs(logits, 3000, 3, top, &n_top);
  CHECK(n_top == 3 && top[0].token == 0 && top[1].token == 1 && top[2].token == 2);
  sotto_sampler_free(sampler);
}

TEST(sampler_depends_on_nothing_but_its_arguments) {
  enum { N = 700 };
  float *first = make_logits(N, 5, false), *other = make_logits(N, 6, true), before[N];
  memcpy(before, first, sizeof before);
  sotto_ctx ctx, ctx2;
  sotto_sampler *used = new_sampler(&ctx, N), *fresh = new_sampler(&ctx2, N);
  sotto_sampling s = plain(9), noise = plain(10);
  s.typical_p = 0.95f;
  s.repeat_penalty = 1.1f;
  s.repeat_last_n = -1;
  noise.frequency_penalty = 3;
  noise.top_p = 0.3f;
  static const sotto_token history[] = {1, 2, 3, 1, 699, 0, -1, 700, INT32_MIN, INT32_MAX};
  sotto_bias bias = {4, -INFINITY};
  for (uint64_t position = 100; position-- > 0;) {
    sotto_token a, b, c;
    CHECK(sotto_sampler_pick(used, &s, NULL, 0, history, 10, position, first, &a) == SOTTO_OK);
    CHECK(sotto_sampler_pick(used, &noise, &bias, 1, history, 5, position, other, &c) == SOTTO_OK);
    sotto_sampler_free(fresh);
    fresh = new_sampler(&ctx2, N);
    CHECK(sotto_sampler_pick(fresh, &s, NULL, 0, history, 10, position, first, &b) == SOTTO_OK);
    CHECK(a == b);
  }
  CHECK(memcmp(before, first, sizeof before) == 0);
  CHECK(ctx.bytes_in_use == sotto_sampler_bytes(N) && ctx.bytes_peak == ctx.bytes_in_use);
  sotto_sampler_free(used);
  sotto_sampler_free(fresh);
  free(first);
  free(other);
}

/* ---- arguments and hopeless input ------------------------------------------------------------ */

TEST(sampler_refuses_every_invalid_argument) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  static const struct {
    const char *name;
    size_t offset;
    float bad[4];
    int n_bad;
  } fields[] = {
      {"temperature", offsetof(sotto_sampling, temperature), {NAN, INFINITY, -INFINITY, NAN}, 3},
      {"top_p", offsetof(sotto_sampling, top_p), {NAN, -0.1f, 1.1f, INFINITY}, 4},
      {"min_p", offsetof(sotto_sampling, min_p), {NAN, -0.1f, 1.1f, -INFINITY}, 4},
      {"typical_p", offsetof(sotto_sampling, typical_p), {NAN, -0.1f, 1.1f, INFINITY}, 4},
      {"repeat_penalty", offsetof(sotto_sampling, repeat_penalty), {NAN, 0, -1, INFINITY}, 4},
      {"presence_penalty",
       offsetof(sotto_sampling, presence_penalty),
       {NAN, INFINITY, -INFINITY, 0},
       3},
      {"frequency_penalty",
       offsetof(sotto_sampling, frequency_penalty),
       {NAN, INFINITY, -INFINITY, 0},
       3},
  };
  for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
    for (int b = 0; b < fields[f].n_bad; b++) {
      sotto_sampling s;
      sotto_sampling_default(&s);
      memcpy((char *)&s + fields[f].offset, &fields[f].bad[b], sizeof(float));
      CHECK(sotto_sampling_check(&ctx, &s, NULL, 0, 10) == SOTTO_ERR_INVALID_ARGUMENT);
      CHECK(strncmp(ctx.message, fields[f].name, strlen(fields[f].name)) == 0);
      CHECK_STR(ctx.field, fields[f].name);
    }
  }
  sotto_sampling s;
  sotto_sampling_default(&s);
  CHECK(sotto_sampling_check(&ctx, &s, NULL, 0, 10) == SOTTO_OK);
  s.repeat_last_n = -2;
  CHECK(sotto_sampling_check(&ctx, &s, NULL, 0, 10) == SOTTO_ERR_INVALID_ARGUMENT);
  CHECK(strstr(ctx.message, "repeat_last_n") != NULL);
  s.repeat_last_n = -1;
  static const sotto_bias bad[] = {{-1, 0}, {10, 0}, {INT32_MIN, 0}, {3, NAN}, {3, INFINITY}};
  for (int b = 0; b < 5; b++) {
    sotto_bias two[] = {{3, -INFINITY}, bad[b]};
    CHECK(sotto_sampling_check(&ctx, &s, two, 1, 10) == SOTTO_OK);
    CHECK(sotto_sampling_check(&ctx, &s, two, 2, 10) == SOTTO_ERR_INVALID_ARGUMENT);
    CHECK(strstr(ctx.message, "logit_bias") != NULL);
  }
  sotto_sampler *none;
  CHECK(sotto_sampler_new(&ctx, 0, &none) == SOTTO_ERR_INVALID_ARGUMENT && !none);
  CHECK(sotto_sampler_new(&ctx, 0x80000000, &none) == SOTTO_ERR_INVALID_ARGUMENT && !none);
  sotto_sampler_free(NULL);
  CHECK(ctx.bytes_in_use == 0);
}

TEST(sampler_refuses_non_finite_logits) {
  enum { N = 200 };
  sotto_ctx ctx;
  sotto_sampler *sampler = new_sampler(&ctx, N);
  float logits[N];
  sotto_token token;
  for (float temperature = 0; temperature < 2; temperature++) {
    sotto_sampling s = plain(1);
    s.temperature = temperature;
    static const float bad[] = {NAN, -NAN, INFINITY};
    for (int b = 0; b < 3; b++) {
      for (int at = 0; at < N; at += 199) {
        memset(logits, 0, sizeof logits);
        logits[at] = bad[b];
        CHECK(sotto_sampler_pick(sampler, &s, NULL, 0, NULL, 0, 0, logits, &token) ==
              SOTTO_ERR_NON_FINITE_LOGITS);
        CHECK(token == SOTTO_TOKEN_NONE && strstr(ctx.message, at ? "token 199" : "token 0"));
      }
    }
    for (int i = 0; i < N; i++) logits[i] = -INFINITY;
    CHECK(sotto_sampler_pick(sampler, &s, NULL, 0, NULL, 0, 0, logits, &token) ==
          SOTTO_ERR_NON_FINITE_LOGITS);
    CHECK(strstr(ctx.message, "banned") != NULL);
    logits[77] = -3e38f; /* one is left */
    CHECK(pick(sampler, &s, 0, logits) == 77);
    s.typical_p = 0.5f;
    CHECK(pick(sampler, &s, 0, logits) == 77);
    /* Finite logits pushed over the edge by bias or penalties. */
    memset(logits, 0, sizeof logits);
    logits[3] = 3e38f;
    sotto_bias bias = {3, 3e38f};
    CHECK(sotto_sampler_pick(sampler, &s, &bias, 1, NULL, 0, 0, logits, &token) ==
          SOTTO_ERR_NON_FINITE_LOGITS);
    CHECK(strstr(ctx.message, "logit_bias") != NULL);
    s.repeat_penalty = 1e-30f;
    CHECK(sotto_sampler_pick(sampler, &s, NULL, 0, &(sotto_token){3}, 1, 0, logits, &token) ==
          SOTTO_ERR_NON_FINITE_LOGITS);
    CHECK(strstr(ctx.message, "penalties") != NULL);
  }
  sotto_sampler_free(sampler);
}

/* The widest logits and temperatures: some token comes out, never one that is banned. */
TEST(sampler_survives_extreme_values) {
  static const float values[] = {3.4e38f, -3.4e38f, 1e-45f, 0, 88, -INFINITY, 1, -1e30f};
  static const float temperatures[] = {1e-45f, 1e-6f, 1, 3.4e38f};
  sotto_ctx ctx;
  sotto_sampler *sampler = new_sampler(&ctx, 100);
  float logits[100];
  for (int shift = 0; shift < 8; shift++) {
    for (int i = 0; i < 100; i++) logits[i] = values[(i * i + shift) % 8];
    logits[shift] = 5;
    for (int t = 0; t < 4; t++) {
      sotto_sampling s = plain(3);
      s.temperature = temperatures[t];
      for (int mode = 0; mode < 5; mode++) {
        s.top_p = mode == 1 ? 0.5f : 1;
        s.min_p = mode == 2 ? 0.5f : 0;
        s.typical_p = mode >= 3 ? 0.5f : 1;
        s.top_k = mode == 4 ? 10 : 0;
        for (uint64_t position = 0; position < 20; position++) {
          sotto_token token = pick(sampler, &s, position, logits);
          CHECK(token >= 0 && token < 100 && logits[token] > -INFINITY);
        }
      }
    }
  }
  sotto_sampler_free(sampler);
}

TEST(sampler_logprobs_of_odd_arguments) {
  float logits[] = {1, -INFINITY, 3};
  CHECK(sotto_logprob(logits, 3, 1) == -INFINITY);
  CHECK(sotto_logprob(logits, 3, -1) == -INFINITY && sotto_logprob(logits, 3, 3) == -INFINITY);
  CHECK(fabsf(sotto_logprob(logits, 3, 2) + 0.126928f) < 1e-6f);
  sotto_top_logprob top[8];
  uint32_t n_top = 9;
  sotto_top_logprobs(logits, 3, 0, top, &n_top);
  CHECK(n_top == 0);
  sotto_top_logprobs(logits, 3, 8, top, &n_top);
  CHECK(n_top == 3 && top[0].token == 2 && top[1].token == 0 && top[2].token == 1);
  CHECK(top[2].logprob == -INFINITY);
}

static void *failing_alloc(void *user, void *ptr, size_t old_size, size_t new_size) {
  (void)old_size;
  if (new_size && (*(int *)user)-- <= 0) return NULL;
  if (new_size) return realloc(ptr, new_size);
  free(ptr);
  return NULL;
}

TEST(sampler_survives_every_failed_allocation) {
  for (int n = 0; n < 5; n++) {
    int left = n;
    sotto_ctx ctx;
    sotto_ctx_init(&ctx, failing_alloc, &left);
    sotto_sampler *sampler;
    sotto_status status = sotto_sampler_new(&ctx, 100, &sampler);
    CHECK(status == (n < 4 ? SOTTO_ERR_OUT_OF_MEMORY : SOTTO_OK) && (n >= 4) == (sampler != NULL));
    sotto_sampler_free(sampler);
    CHECK(ctx.bytes_in_use == 0);
  }
}
