/* Every family and K-quant mixture against HF transformers on its tiny model
 * (models/tiny/families.py, kquants.py): the plain float32 backend nearly the same, the packed one
 * within a stated bound, and with the same bits however a sequence came to be. */
#include <math.h>
#include <stdlib.h>

#include "engine_support.h"
#include "test.h"

/* Bounds of the largest difference, relative to the largest logit. Float32 weights in the
 * packed backend meet float32 activations: what remains is the cache in f16. Quantised ones meet
 * activations of 8 bits. */
#define NAIVE     1e-4
#define FLOATS    5e-3
#define QUANTISED 5e-2

static const struct family {
  const char *name;
  double packed;
  bool whole; /* not causal: takes whole texts, which are cut and shared nowhere */
} families[] = {
    {"family-llama-biases", FLOATS, false},
    {"family-llama-fused-qkv", FLOATS, false},
    {"family-llama-rope-linear", FLOATS, false},
    {"family-llama-rope-llama3", FLOATS, false},
    {"family-llama-rope-yarn", FLOATS, false},
    {"family-llama-rope-short", FLOATS, false},
    {"family-llama-rope-long", FLOATS, false},
    {"family-llama-noncausal", FLOATS, true},
    {"family-llama-per-layer", FLOATS, false},
    {"family-mistral", FLOATS, false},
    {"family-mixtral", FLOATS, false},
    {"family-gemma", FLOATS, false},
    {"family-gemma2", FLOATS, false},
    {"family-gemma3", FLOATS, false},
    {"family-granite", FLOATS, false},
    {"family-lfm2", FLOATS, false},
    {"family-phi3", FLOATS, false},
    {"family-smollm3", FLOATS, false},
    {"family-qwen2", FLOATS, false},
    {"family-qwen2-tied", FLOATS, false},
    {"family-qwen2moe", FLOATS, false},
    {"family-qwen3", FLOATS, false},
    {"family-qwen3-yarn", FLOATS, false},
    {"family-qwen3moe", FLOATS, false},
    {"family-qwen3moe-mixed", QUANTISED, false},
    {"kquant-q4_k_s", QUANTISED, false},
    {"kquant-q4_k_m", QUANTISED, false},
    {"kquant-q5_k_m", QUANTISED, false},
    {"kquant-q6_k", QUANTISED, false},
    {"kquant-odd-q4_k_m", QUANTISED, false},
    {"kquant-odd-q5_k_m", QUANTISED, false},
};
#define N_FAMILIES (sizeof families / sizeof *families)

#define ALL_LOGITS (SOTTO_REQUEST_PROMPT_LOGITS | SOTTO_REQUEST_LOGITS | SOTTO_REQUEST_IGNORE_EOS)

/* tests/golden/<name>.golden (transformers) or .llama.golden (llama.cpp): "SGLL", u32 version, P,
 * V, i32 ids[P], f32 logits[P][V]. */
typedef struct golden {
  char *file;
  uint32_t n, n_vocab;
  const int32_t *ids;
  const float *logits;
} golden;

static bool read_golden_of(const struct family *f, const char *kind, golden *g) {
  char path[96];
  size_t len;
  snprintf(path, sizeof path, "tests/golden/%s%s", f->name, kind);
  g->file = test_read_file(path, &len);
  if (!g->file || !CHECK(len > 16 && memcmp(g->file, "SGLL", 4) == 0)) return false;
  const uint32_t *words = (const uint32_t *)g->file;
  g->n = words[2];
  g->n_vocab = words[3];
  g->ids = (const int32_t *)(words + 4);
  g->logits = (const float *)(words + 4 + g->n);
  return CHECK(len == 16 + 4ull * g->n + 4ull * g->n * g->n_vocab);
}

static bool read_golden(const struct family *f, golden *g) {
  return read_golden_of(f, ".golden", g);
}

static sotto_engine *open_family(const struct family *f, sotto_engine_options options) {
  char path[96];
  snprintf(path, sizeof path, "models/tiny/%s.gguf", f->name);
  return open_model(path, &options, (delivery){0});
}

static uint32_t best_of(const float *logits, uint32_t n) {
  uint32_t best = 0;
  for (uint32_t v = 1; v < n; v++)
    if (logits[v] > logits[best]) best = v;
  return best;
}

/* Largest difference from the reference over all positions, relative to the largest logit;
 * printed with how often the best token is the same. */
static double measure(const struct family *f, const char *kind, uint32_t backend) {
  golden g;
  if (!read_golden_of(f, kind, &g)) return INFINITY;
  uint32_t same_best = 0;
  sotto_engine *e =
      open_family(f, (sotto_engine_options){.n_ctx = 128, .n_batch = 128, .backend = backend});
  double largest = 0, scale = 0;
  uint32_t id, rows = 0;
  sotto_request request = greedy(g.ids, g.n, 0, SOTTO_REQUEST_PROMPT_LOGITS);
  bool done = !e || !CHECK(sotto_engine_add_request(e, &request, &id) == SOTTO_OK);
  while (!done) {
    sotto_step_result result = sotto_engine_step(e, 1e9);
    for (sotto_event event; sotto_engine_next_event(e, &event);) {
      done |= event.type == SOTTO_EVENT_DONE;
      if (event.type != SOTTO_EVENT_LOGITS) continue;
      const float *reference = g.logits + (size_t)event.position * g.n_vocab;
      for (uint32_t v = 0; v < g.n_vocab; v++) {
        double d = fabs((double)event.logits[v] - (double)reference[v]);
        if (!(d <= largest)) largest = d;
        if (fabs((double)reference[v]) > scale) scale = fabs((double)reference[v]);
      }
      rows++;
      same_best += best_of(event.logits, g.n_vocab) == best_of(reference, g.n_vocab);
    }
    done |= !CHECK(done || result != SOTTO_STEP_IDLE);
  }
  if (e && !CHECK(rows == g.n)) largest = INFINITY;
  printf("    %-25s %s, %s: %.1e, best token %u of %u\n", f->name,
         backend == SOTTO_BACKEND_NAIVE ? "naive" : "packed", kind + 1, largest / scale, same_best,
         g.n);
  if (e) sotto_engine_free(e);
  free(g.file);
  return e ? largest / scale : INFINITY;
}

TEST(families_naive_matches_transformers) {
  for (size_t i = 0; i < N_FAMILIES; i++) {
    double d = measure(&families[i], ".golden", SOTTO_BACKEND_NAIVE);
    if (!CHECK(d <= NAIVE)) printf("    %s: %g\n", families[i].name, d);
  }
}

TEST(families_packed_stays_near_transformers) {
  for (size_t i = 0; i < N_FAMILIES; i++) {
    double d = measure(&families[i], ".golden", SOTTO_BACKEND_CPU);
    if (!CHECK(d <= families[i].packed)) printf("    %s: %g\n", families[i].name, d);
  }
}

/* llama.cpp rounds activations in blocks of 256, as far from transformers as ours in blocks of 32:
 * the two roundings add up. */
TEST(families_packed_stays_near_llama_cpp_with_quantised_weights) {
  for (size_t i = 0; i < N_FAMILIES; i++) {
    if (strncmp(families[i].name, "kquant-", 7) != 0) continue;
    double d = measure(&families[i], ".llama.golden", SOTTO_BACKEND_CPU);
    if (!CHECK(d <= 2 * QUANTISED)) printf("    %s: %g\n", families[i].name, d);
  }
}

/* ---- the same bits ---- */

static const sotto_engine_options small = {.n_ctx = 128, .n_batch = 128, .n_parallel = 3};

static outcome run_one(sotto_engine *e, sotto_request request) {
  outcome o;
  run_requests(e, &request, 1, &o);
  return o;
}

/* All logits of the golden's ids and 8 more tokens, in one batch of an engine of its own. */
static outcome plain_run(const struct family *f, const golden *g, uint32_t flags) {
  outcome o = {0};
  sotto_engine *e = open_family(f, small);
  if (!e) return o;
  o = run_one(e, greedy(g->ids, g->n, 8, flags));
  sotto_engine_free(e);
  return o;
}

#define EACH(f)                                                                                    \
  for (const struct family *f = families; f < families + N_FAMILIES; f++)                          \
    if (!f->whole)

static void same(const struct family *f, const char *what, const outcome *a, const outcome *b) {
  bool ok = a->hash == b->hash && a->n_tokens == b->n_tokens &&
            memcmp(a->tokens, b->tokens, a->n_tokens * sizeof *a->tokens) == 0;
  if (!CHECK(ok && a->n_logits > 0)) printf("    %s: %s\n", f->name, what);
}

TEST(families_give_the_same_bits_for_any_batch) {
  EACH(f) {
    golden g;
    if (!read_golden(f, &g)) continue;
    outcome plain = plain_run(f, &g, ALL_LOGITS);
    static const uint32_t batches[] = {1, 7, 32, 33, 64};
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
      sotto_engine_options options = small;
      options.n_batch = batches[i];
      sotto_engine *e = open_family(f, options);
      if (!e) break;
      outcome o = run_one(e, greedy(g.ids, g.n, 8, ALL_LOGITS));
      same(f, "another n_batch", &o, &plain);
      sotto_engine_free(e);
    }
    free(g.file);
  }
}

/* A prefix of the same engine, a branch beside it, and a state from another engine. */
TEST(families_give_the_same_bits_behind_a_prefix) {
  const uint32_t flags = SOTTO_REQUEST_LOGITS | SOTTO_REQUEST_IGNORE_EOS;
  EACH(f) {
    golden g;
    if (!read_golden(f, &g)) continue;
    outcome plain = plain_run(f, &g, flags);
    sotto_engine *first = open_family(f, small), *second = open_family(f, small);
    if (first && second) {
      run_one(first, greedy(g.ids, 33, 0, flags));
      outcome shared = run_one(first, greedy(g.ids, g.n, 8, flags));
      CHECK(shared.cache_n == 33);
      same(f, "behind a shared prefix", &shared, &plain);
      int32_t branch[128];
      memcpy(branch, g.ids, g.n * sizeof *branch);
      branch[35] = branch[35] == 100 ? 101 : 100;
      CHECK(run_one(first, greedy(branch, g.n, 4, flags)).hash != plain.hash);
      outcome again = run_one(first, greedy(g.ids, g.n, 8, flags));
      same(f, "beside a branch", &again, &plain);

      const char *state;
      uint32_t len, n;
      run_one(first, greedy(g.ids, 37, 0, flags));
      if (CHECK(sotto_engine_save_state(first, g.ids, 37, &state, &len) == SOTTO_OK) &&
          CHECK(sotto_engine_load_state(second, state, len, &n) == SOTTO_OK)) {
        CHECK(n == 37);
        outcome resumed = run_one(second, greedy(g.ids, g.n, 8, flags));
        CHECK(resumed.cache_n == 37);
        same(f, "resumed from a state", &resumed, &plain);
      }
    }
    if (first) sotto_engine_free(first);
    if (second) sotto_engine_free(second);
    free(g.file);
  }
}

/* A state goes into nothing that would have computed other keys: a context with other factors of
 * frequencies, or the same weights with other positions. */
static void check_state(const char *from, uint32_t n_ctx, const char *to, uint32_t to_ctx,
                        bool fits) {
  const struct family a = {.name = from}, b = {.name = to};
  golden g;
  if (!read_golden(&a, &g)) return;
  sotto_engine *first = open_family(&a, (sotto_engine_options){.n_ctx = n_ctx});
  sotto_engine *second = open_family(&b, (sotto_engine_options){.n_ctx = to_ctx});
  if (first && second) {
    const char *state;
    uint32_t len, n;
    run_one(first, greedy(g.ids, 33, 0, SOTTO_REQUEST_IGNORE_EOS));
    CHECK(sotto_engine_save_state(first, g.ids, 33, &state, &len) == SOTTO_OK);
    const sotto_status status = sotto_engine_load_state(second, state, len, &n);
    if (!CHECK(fits ? status == SOTTO_OK : status != SOTTO_OK)) printf("    %s to %s\n", from, to);
  }
  if (first) sotto_engine_free(first);
  if (second) sotto_engine_free(second);
  free(g.file);
}

TEST(families_keep_states_of_other_positions_out) {
  check_state("family-llama-rope-long", 64, "family-llama-rope-long", 128, false);
  check_state("family-llama-rope-long", 128, "family-llama-rope-long", 96, true);
  check_state("family-llama-rope-short", 64, "family-llama-rope-short", 128, true);
  check_state("family-llama-rope-yarn", 64, "family-llama-rope-yarn", 128, true);
}

/* Three at once, and then in a pool that is too small for them, so that the youngest
 * is sent back. */
TEST(families_give_the_same_bits_in_company) {
  const uint32_t flags = SOTTO_REQUEST_LOGITS | SOTTO_REQUEST_IGNORE_EOS | SOTTO_REQUEST_NO_CACHE;
  EACH(f) {
    golden g;
    if (!read_golden(f, &g)) continue;
    for (uint32_t pool = 0; pool < 2; pool++) {
      sotto_engine_options options = small;
      options.n_ctx = pool ? 128 : 384;
      options.n_batch = 24;
      sotto_engine *e = open_family(f, options);
      if (!e) break;
      sotto_request requests[3];
      outcome alone[3], together[3];
      for (uint32_t i = 0; i < 3; i++) {
        requests[i] = greedy(g.ids + 2 * i, 24 + 6 * i, 40, flags);
        alone[i] = run_one(e, requests[i]);
      }
      run_requests(e, requests, 3, together);
      for (int i = 0; i < 3; i++) same(f, "in company", &together[i], &alone[i]);
      sotto_engine_free(e);
    }
    free(g.file);
  }
}

/* A family that is not causal takes a text as a whole: another engine gives the same bits,
 * and the same engine again. */
TEST(families_that_are_not_causal_take_whole_texts) {
  for (const struct family *f = families; f < families + N_FAMILIES; f++) {
    golden g;
    if (!f->whole || !read_golden(f, &g)) continue;
    sotto_engine *e = open_family(f, small);
    if (e) {
      outcome first = run_one(e, greedy(g.ids, g.n, 0, SOTTO_REQUEST_PROMPT_LOGITS));
      outcome again = run_one(e, greedy(g.ids, g.n, 0, SOTTO_REQUEST_PROMPT_LOGITS));
      CHECK(again.cache_n == 0);
      same(f, "again", &again, &first);
      sotto_engine_free(e);
    }
    free(g.file);
  }
}

/* One hash a family for all hosts: tests/golden/families-hash.txt, lines of name and hash. */
TEST(families_have_the_hash_of_all_hosts) {
  size_t len;
  char *hashes = test_read_file("tests/golden/families-hash.txt", &len);
  EACH(f) {
    golden g;
    if (!read_golden(f, &g)) continue;
    outcome o = plain_run(f, &g, ALL_LOGITS);
    char line[96];
    snprintf(line, sizeof line, "%s %016llx\n", f->name, (unsigned long long)o.hash);
    if (!CHECK(hashes && strstr(hashes, line))) printf("    %s", line);
    free(g.file);
  }
  free(hashes);
}
