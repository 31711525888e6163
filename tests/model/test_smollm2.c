/* The default model against HF transformers: teacher-forced over 512 tokens of mixed
 * text (tests/golden/README.md). These take minutes without optimisation, so they run
 * in release builds. */
#include <math.h>
#include <stdlib.h>

#include "engine_support.h"
#include "test.h"

#define MODEL "models/cache/SmolLM2-135M-Instruct.Q4_1.gguf"

/* tests/golden/<name>.golden, "SGLD". */
typedef struct golden {
  char *file;
  uint32_t n, n_best;
  float perplexity;
  const int32_t *ids;
  const char *records; /* [n] of: ids[n_best], log-probabilities[n_best], rest, target, scale */
} golden;

static bool read_golden(const char *path, golden *g) {
  size_t len;
  g->file = test_read_file(path, &len);
  if (!g->file || !CHECK(len > 32 && memcmp(g->file, "SGLD", 4) == 0)) return false;
  const uint32_t *words = (const uint32_t *)g->file;
  g->n = words[2];
  g->n_best = words[4];
  memcpy(&g->perplexity, &words[7], sizeof(float));
  g->ids = (const int32_t *)(words + 8);
  g->records = (const char *)(words + 8 + g->n);
  return CHECK(len == 32 + 4ull * g->n + g->n * (8ull * g->n_best + 12));
}

typedef struct agreement {
  double largest; /* of |log-probability - reference| over the best and the target */
  double top1;    /* share of positions with the same best token */
  double mean_kl; /* KL(reference || ours) over the best and the rest bucket */
  double perplexity;
  double ms;
} agreement;

/* Fold one position's logits into the agreement. */
static void compare(agreement *a, const golden *g, uint32_t position, const float *logits,
                    uint32_t n_vocab) {
  const char *record = g->records + (size_t)position * (8 * g->n_best + 12);
  const uint32_t *ids = (const uint32_t *)record;
  const float *lp = (const float *)(ids + g->n_best);
  const float rest = lp[g->n_best], target = lp[g->n_best + 1];
  uint32_t best = 0;
  double max = -INFINITY, sum = 0, mass = 0, kl = 0;
  for (uint32_t v = 0; v < n_vocab; v++) {
    if ((double)logits[v] > max) {
      max = (double)logits[v];
      best = v;
    }
  }
  for (uint32_t v = 0; v < n_vocab; v++) sum += exp((double)logits[v] - max);
  const double log_sum = max + log(sum);
  for (uint32_t i = 0; i < g->n_best; i++) {
    double ours = (double)logits[ids[i]] - log_sum, theirs = (double)lp[i];
    mass += exp(ours);
    kl += exp(theirs) * (theirs - ours);
    if (!(fabs(ours - theirs) <= a->largest)) a->largest = fabs(ours - theirs);
  }
  if (mass < 1) kl += exp((double)rest) * ((double)rest - log(1 - mass));
  a->mean_kl += kl / g->n;
  a->top1 += (best == ids[0]) / (double)g->n;
  if (position + 1 == g->n) return;
  double ours = (double)logits[g->ids[position + 1]] - log_sum;
  if (!(fabs(ours - (double)target) <= a->largest)) a->largest = fabs(ours - (double)target);
  a->perplexity -= ours / (g->n - 1);
}

static agreement measure(const char *model, const char *path, uint32_t backend, uint32_t variant) {
  agreement a = {0};
  golden g;
  sotto_engine_options options = {.n_ctx = 512, .backend = backend, .variant = variant};
  sotto_engine *e = open_model(model, &options, (delivery){0});
  if (!e || !read_golden(path, &g)) return (agreement){.largest = INFINITY};
  sotto_model_info info;
  sotto_engine_info(e, &info);
  sotto_request request = greedy(g.ids, g.n, 0, SOTTO_REQUEST_PROMPT_LOGITS);
  uint32_t id, rows = 0;
  CHECK(sotto_engine_add_request(e, &request, &id) == SOTTO_OK);
  for (bool done = false; !done;) {
    CHECK(sotto_engine_step(e, 1e9) != SOTTO_STEP_IDLE);
    for (sotto_event event; sotto_engine_next_event(e, &event);) {
      if (event.type == SOTTO_EVENT_DONE) {
        done = true;
        a.ms = event.prompt_ms;
        CHECK(event.finish_reason == SOTTO_FINISH_LENGTH);
      }
      if (event.type != SOTTO_EVENT_LOGITS) continue;
      CHECK(event.position == rows++);
      compare(&a, &g, event.position, event.logits, info.n_vocab);
    }
  }
  CHECK(rows == g.n);
  a.perplexity = exp(a.perplexity);
  printf("  %s %s: largest %.3g, top-1 %.2f %%, mean KL %.3g, perplexity %.4f (reference %.4f), "
         "%.1f s\n",
         model, backend == SOTTO_BACKEND_NAIVE ? "naive" : sotto_engine_variant(e), a.largest,
         100 * a.top1, a.mean_kl, a.perplexity, (double)g.perplexity, a.ms / 1e3);
  CHECK(fabs(a.perplexity / (double)g.perplexity - 1) <= 0.005);
  sotto_engine_free(e);
  free(g.file);
  return a;
}

TEST(smollm2_naive_matches_transformers) {
  agreement a = measure(MODEL, "tests/golden/smollm2-q4_1.golden", SOTTO_BACKEND_NAIVE, 0);
  CHECK(a.largest <= 1e-4);
  CHECK(a.top1 >= 0.998); /* an exact tie may fall either way */
}

TEST(smollm2_quantised_agrees_with_transformers) {
  agreement a = measure(MODEL, "tests/golden/smollm2-q4_1.golden", SOTTO_BACKEND_CPU, 0);
  CHECK(a.top1 >= 0.97);
  CHECK(a.mean_kl <= 0.005);
}

#ifdef OTHER_MODELS /* a folder with the requantised models (tests/golden/requantize.py) */
TEST(smollm2_other_types_agree) {
  static const char *const types[][2] = {{"F16", "f16"},   {"BF16", "bf16"}, {"Q8_0", "q8_0"},
                                         {"Q5_1", "q5_1"}, {"Q5_0", "q5_0"}, {"Q4_0", "q4_0"}};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    char model[512], path[64];
    snprintf(model, sizeof model, OTHER_MODELS "/SmolLM2-135M-Instruct.%s.gguf", types[i][0]);
    snprintf(path, sizeof path, "tests/golden/smollm2-%s.golden", types[i][1]);
    agreement a = measure(model, path, SOTTO_BACKEND_CPU, 0);
    CHECK(a.mean_kl <= 0.005);
  }
}
#endif
