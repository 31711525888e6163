/* Models whose output is an embedding, against HF transformers on tiny models
 * (models/tiny/encoders.py): the plain backend nearly the same, the packed one within a stated
 * bound, and with the same bits whatever else is in the batch; what is refused of requests and
 * files. */
#include <math.h>
#include <stdlib.h>

#include "base/ctx.h"
#include "edited_model.h"
#include "engine_support.h"
#include "test.h"

/* Largest difference of a value, in vectors of length 1. */
#define NAIVE  2e-6
#define PACKED 1e-3 /* keys and values are kept as f16 */

#define MAX_TEXTS 8
#define MAX_WIDTH 64

static const struct model {
  const char *name;
  bool whole; /* a text goes through in one batch */
} models[] = {
    {"bert-mean", true},   {"bert-cls", true},   {"nomic-bert", true},
    {"qwen3-last", false}, {"llama-mean", true}, {"llama-cls", true},
};
#define EACH(m)                                                                                    \
  for (const struct model *m = models; m < models + sizeof models / sizeof *models; m++)

/* tests/golden/embed-<name>.golden: "SGEM", u32 version, texts, width, lengths[texts], the ids of
 * all texts, f32 embeddings[texts][width]. */
typedef struct golden {
  char *file;
  uint32_t n_texts, width;
  const uint32_t *lengths;
  const int32_t *ids[MAX_TEXTS];
  const float *embeddings;
} golden;

static bool read_golden(const struct model *m, golden *g) {
  char path[96];
  size_t len;
  snprintf(path, sizeof path, "tests/golden/embed-%s.golden", m->name);
  g->file = test_read_file(path, &len);
  if (!g->file || !CHECK(len > 16 && memcmp(g->file, "SGEM", 4) == 0)) return false;
  const uint32_t *words = (const uint32_t *)g->file;
  g->n_texts = words[2];
  g->width = words[3];
  g->lengths = words + 4;
  const int32_t *at = (const int32_t *)(words + 4 + g->n_texts);
  for (uint32_t i = 0; i < g->n_texts; at += g->lengths[i++]) g->ids[i] = at;
  g->embeddings = (const float *)at;
  return CHECK(len == (size_t)((const char *)(g->embeddings + g->n_texts * g->width) - g->file));
}

static void path_of(const struct model *m, char path[96]) {
  snprintf(path, 96, "models/tiny/embed-%s.gguf", m->name);
}

static sotto_engine *open_one(const struct model *m, sotto_engine_options options) {
  char path[96];
  path_of(m, path);
  return open_model(path, &options, (delivery){0});
}

static sotto_request wants(const int32_t *ids, uint32_t n) {
  return greedy(ids, n, 0, SOTTO_REQUEST_EMBEDDING);
}

/* The embeddings of n texts at once, out[n][MAX_WIDTH]; false and a failed check otherwise. */
static bool embed(sotto_engine *e, const golden *g, uint32_t first, uint32_t n,
                  float out[][MAX_WIDTH]) {
  uint32_t first_id = 0, got = 0, done = 0;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t id;
    const sotto_request request = wants(g->ids[first + i], g->lengths[first + i]);
    if (!CHECK(sotto_engine_add_request(e, &request, &id) == SOTTO_OK)) return false;
    if (i == 0) first_id = id;
  }
  while (done < n) {
    const sotto_step_result result = sotto_engine_step(e, 1e9);
    for (sotto_event event; sotto_engine_next_event(e, &event);) {
      const uint32_t i = event.request - first_id;
      if (event.type == SOTTO_EVENT_EMBEDDING) {
        CHECK(event.logits == NULL && event.prompt_done == g->lengths[first + i]);
        memcpy(out[i], event.embedding, g->width * sizeof(float));
        got++;
      }
      if (event.type != SOTTO_EVENT_DONE) continue;
      CHECK(event.finish_reason == SOTTO_FINISH_LENGTH && event.prompt_n == g->lengths[first + i]);
      done++;
    }
    if (!CHECK(done == n || result != SOTTO_STEP_IDLE)) return false;
  }
  return CHECK(got == n);
}

static const sotto_engine_options small = {.n_ctx = 160, .n_parallel = 4};

static void check_near(uint32_t backend, double bound) {
  EACH(m) {
    golden g;
    if (!read_golden(m, &g)) continue;
    sotto_engine_options options = small;
    options.backend = backend;
    sotto_engine *e = open_one(m, options);
    float out[MAX_TEXTS][MAX_WIDTH];
    double largest = 0;
    if (e && embed(e, &g, 0, g.n_texts, out)) {
      for (uint32_t i = 0; i < g.n_texts; i++) {
        double length = 0;
        for (uint32_t j = 0; j < g.width; j++) {
          largest = fmax(largest, fabs((double)out[i][j] - (double)g.embeddings[i * g.width + j]));
          length += (double)out[i][j] * (double)out[i][j];
        }
        CHECK(fabs(length - 1) < 1e-6);
      }
      printf("    %-12s %s: %.1e\n", m->name, backend ? "naive" : "packed", largest);
      CHECK(largest <= bound);
    }
    if (e) sotto_engine_free(e);
    free(g.file);
  }
}

TEST(embeddings_naive_matches_transformers) {
  check_near(SOTTO_BACKEND_NAIVE, NAIVE);
}

TEST(embeddings_packed_stays_near_transformers) {
  check_near(SOTTO_BACKEND_CPU, PACKED);
}

/* Each text alone in an engine with this n_batch and cache, against all of them at once. */
static void check_same(const struct model *m, uint32_t n_batch, uint32_t n_ctx) {
  golden g;
  if (!read_golden(m, &g)) return;
  sotto_engine_options options = small;
  sotto_engine *together = open_one(m, options);
  options.n_batch = n_batch;
  options.n_ctx = n_ctx;
  sotto_engine *other = open_one(m, options);
  float a[MAX_TEXTS][MAX_WIDTH] = {0}, b[MAX_TEXTS][MAX_WIDTH] = {0};
  if (together && other && embed(together, &g, 0, g.n_texts, a)) {
    for (uint32_t i = 0; i < g.n_texts; i++) embed(other, &g, i, 1, &b[i]);
    CHECK(memcmp(a, b, sizeof a) == 0);
    memset(b, 0, sizeof b);
    embed(other, &g, 0, g.n_texts, b); /* what an engine has done before changes nothing */
    if (!CHECK(memcmp(a, b, sizeof a) == 0)) printf("    %s, n_batch %u\n", m->name, n_batch);
  }
  if (together) sotto_engine_free(together);
  if (other) sotto_engine_free(other);
  free(g.file);
}

TEST(embeddings_have_the_same_bits_in_any_batch) {
  EACH(m) {
    check_same(m, 75, 96); /* room for the longest text alone, and for nothing beside it */
    check_same(m, 128, 128);
    if (m->whole) continue;
    static const uint32_t cuts[] = {1, 7, 32, 33};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) check_same(m, cuts[i], 128);
  }
}

/* A long text that was announced goes through each layer in parts of n_batch tokens, as its weights
 * arrive; texts that are taken whole do not. */
TEST(embeddings_have_the_same_bits_while_the_model_arrives) {
  EACH(m) {
    golden g;
    if (!read_golden(m, &g)) continue;
    char name[96];
    path_of(m, name);
    const char *path = name;
    sotto_engine_options options = small;
    options.n_batch = m->whole ? 0 : 16;
    sotto_engine *plain = open_one(m, small), *early = sotto_engine_new(&options);
    const uint32_t longest = g.n_texts - 1;
    float a[MAX_WIDTH], b[MAX_WIDTH] = {0};
    sotto_memory_plan plan;
    const sotto_request request = wants(g.ids[longest], g.lengths[longest]);
    uint32_t id;
    CHECK(feed_headers(early, &path, 1, (delivery){0}, &plan) == SOTTO_OK);
    CHECK(sotto_engine_plan_prefill(early, request.n_tokens, &plan) == SOTTO_OK);
    CHECK(sotto_engine_start_load(early) == SOTTO_OK);
    CHECK(sotto_engine_add_request(early, &request, &id) == SOTTO_OK);
    CHECK(sotto_engine_step(early, 1e9) == SOTTO_STEP_WAIT_WEIGHTS);
    CHECK(feed_body(early, &path, 1, (delivery){0}) == SOTTO_OK);
    for (bool done = false; !done;) {
      const sotto_step_result result = sotto_engine_step(early, 1e9);
      for (sotto_event event; sotto_engine_next_event(early, &event);) {
        if (event.embedding) memcpy(b, event.embedding, g.width * sizeof *b);
        done |= event.type == SOTTO_EVENT_DONE;
      }
      if (!CHECK(done || result != SOTTO_STEP_IDLE)) break;
    }
    if (plain && embed(plain, &g, longest, 1, &a)) CHECK(memcmp(a, b, g.width * sizeof *a) == 0);
    if (plain) sotto_engine_free(plain);
    sotto_engine_free(early);
    free(g.file);
  }
}

/* One hash a model for all hosts: tests/golden/embeddings-hash.txt, lines of name and hash. */
TEST(embeddings_have_the_hash_of_all_hosts) {
  size_t len;
  char *hashes = test_read_file("tests/golden/embeddings-hash.txt", &len);
  EACH(m) {
    golden g;
    if (!read_golden(m, &g)) continue;
    sotto_engine *e = open_one(m, small);
    float out[MAX_TEXTS][MAX_WIDTH];
    uint64_t hash = HASH_START;
    if (e && embed(e, &g, 0, g.n_texts, out)) {
      for (uint32_t i = 0; i < g.n_texts; i++)
        hash = hash_bytes(hash, out[i], g.width * sizeof(float));
    }
    char line[96];
    snprintf(line, sizeof line, "%s %016llx\n", m->name, (unsigned long long)hash);
    if (!CHECK(hashes && strstr(hashes, line))) printf("    %s", line);
    if (e) sotto_engine_free(e);
    free(g.file);
  }
  free(hashes);
}

/* The ids of a text, with [CLS] and [SEP] around; `flags` more. */
static bool has_ids(sotto_engine *e, const char *text, uint32_t flags, const int32_t *expected,
                    uint32_t n) {
  const int32_t *ids;
  uint32_t n_ids;
  flags |= SOTTO_TOKENIZE_ADD_SPECIAL;
  CHECK(sotto_engine_tokenize(e, text, (uint32_t)strlen(text), flags, &ids, &n_ids) == SOTTO_OK);
  return n_ids == n && memcmp(ids, expected, n * sizeof *ids) == 0;
}

TEST(embeddings_texts_stand_between_special_tokens_and_hold_trusted_ones_only) {
  enum { UNK = 1, CLS = 2, SEP = 3, MASK = 4, A = 5, B = 6 };
  sotto_engine *e = open_one(&models[0], small);
  REQUIRE(e != NULL);
  CHECK(has_ids(e, "", 0, (const int32_t[]){CLS, SEP}, 2));
  CHECK(has_ids(e, "\u00c1 b", 0, (const int32_t[]){CLS, A, B, SEP}, 4));
  CHECK(has_ids(e, "a[MASK]b", SOTTO_TOKENIZE_PARSE_SPECIAL,
                (const int32_t[]){CLS, A, MASK, B, SEP}, 5));
  CHECK(has_ids(e, "a [b", 0, (const int32_t[]){CLS, A, UNK, B, SEP}, 5));
  const int32_t *ids;
  uint32_t n;
  CHECK(sotto_engine_tokenize(e, "[MASK]", 6, 0, &ids, &n) == SOTTO_OK && n > 1);
  for (uint32_t i = 0; i < n; i++) CHECK(ids[i] != MASK);
  sotto_engine_free(e);
}

/* A model for text whose case matters, and one that loses its accents all the same. */
TEST(embeddings_text_is_processed_as_the_file_says) {
  enum { UNK = 1, CLS = 2, SEP = 3, A = 5 };
  for (int strips = 0; strips < 2; strips++) {
    gguf_writer w;
    REQUIRE(edit_model(&w, "models/tiny/embed-bert-mean.gguf", NULL));
    gguf_write_bool(&w, "tokenizer.ggml.normalizer.lowercase", false);
    if (strips) gguf_write_bool(&w, "tokenizer.ggml.normalizer.strip_accents", true);
    size_t len, header;
    char *bytes = (char *)gguf_writer_finish(&w, &len, &header);
    sotto_engine *e = sotto_engine_new(&small);
    CHECK(load_bytes(e, bytes, len) == SOTTO_OK);
    CHECK(has_ids(e, "a \u00e1 A", 0, (const int32_t[]){CLS, A, strips ? A : UNK, UNK, SEP}, 5));
    sotto_engine_free(e);
    free(bytes);
  }
}

/* ---- what is refused ---- */

static void refused(sotto_engine *e, sotto_request request, sotto_status expected,
                    const char *word) {
  uint32_t id;
  if (!CHECK(sotto_engine_add_request(e, &request, &id) == expected) ||
      !CHECK(strstr(sotto_engine_message(e), word) != NULL))
    printf("    %s\n", sotto_engine_message(e));
}

TEST(embeddings_requests_that_a_model_cannot_answer_are_refused) {
  static int32_t ids[128];
  for (int i = 0; i < 128; i++) ids[i] = 5 + i;
  sotto_engine *e = open_one(&models[0], (sotto_engine_options){.n_ctx = 128});
  REQUIRE(e != NULL);
  const sotto_status invalid = SOTTO_ERR_INVALID_ARGUMENT;
  refused(e, greedy(ids, 5, 3, 0), invalid, "pooling_type");
  refused(e, greedy(ids, 5, 0, SOTTO_REQUEST_PROMPT_LOGITS), invalid, "pooling_type");
  refused(e, greedy(ids, 5, 3, SOTTO_REQUEST_EMBEDDING), invalid, "max_tokens");
  refused(e, greedy(ids, 5, 0, SOTTO_REQUEST_EMBEDDING | SOTTO_REQUEST_PROMPT_LOGPROBS), invalid,
          "alone");
  refused(e, wants(ids, 0), invalid, "no tokens");
  refused(e, wants(ids, 76), SOTTO_ERR_CONTEXT_LENGTH, "75 positions");
  uint32_t id;
  const sotto_request longest = wants(ids, 75);
  CHECK(sotto_engine_add_request(e, &longest, &id) == SOTTO_OK);
  CHECK(sotto_engine_cancel(e, id) == SOTTO_OK);
  sotto_engine_free(e);
  e = open_one(&models[0], (sotto_engine_options){.n_ctx = 128, .n_batch = 32});
  refused(e, wants(ids, 33), SOTTO_ERR_CONTEXT_LENGTH, "n_batch = 32");
  sotto_engine_free(e);
  e = open_model("models/tiny/tiny-f32.gguf", &small, (delivery){0});
  refused(e, wants(ids, 5), invalid, "pooling_type");
  sotto_engine_free(e);
}

/* The status of a file of the model with a key less or changed, and whether it names `word`. */
static void check_file(const char *model, const char *without, uint32_t pooling,
                       sotto_status expected, const char *word) {
  const struct model m = {.name = model};
  char path[96];
  path_of(&m, path);
  gguf_writer w;
  REQUIRE(edit_model(&w, path, without));
  char key[64];
  snprintf(key, sizeof key, "%s.pooling_type",
           strncmp(model, "bert", 4) == 0 ? "bert"
           : strncmp(model, "qwen3", 5)   ? "llama"
                                          : "qwen3");
  if (strcmp(without, key) == 0 && pooling != UINT32_MAX) gguf_write_u32(&w, key, pooling);
  size_t len, header;
  char *bytes = (char *)gguf_writer_finish(&w, &len, &header);
  sotto_engine *e = sotto_engine_new(&small);
  const sotto_status status = load_bytes(e, bytes, len);
  if (!CHECK(status == expected) || !CHECK(!word || strstr(sotto_engine_message(e), word)))
    printf("    %s without %s: %s\n", model, without, sotto_engine_message(e));
  sotto_engine_free(e);
  free(bytes);
}

TEST(embeddings_files_that_are_not_understood_are_refused) {
  const sotto_status unsupported = SOTTO_ERR_UNSUPPORTED_ARCHITECTURE;
  check_file("bert-mean", "bert.pooling_type", UINT32_MAX, unsupported, "bert.pooling_type");
  check_file("bert-mean", "bert.pooling_type", 0, unsupported, "bert.pooling_type");
  check_file("bert-mean", "bert.pooling_type", 4, unsupported, "reranker");
  check_file("bert-mean", "bert.pooling_type", 77, unsupported, "is 77");
  check_file("bert-mean", "bert.pooling_type", 3, SOTTO_OK, NULL);
  check_file("qwen3-last", "qwen3.pooling_type", 4, unsupported, "reranker");
  check_file("qwen3-last", "qwen3.pooling_type", UINT32_MAX, SOTTO_OK, NULL);
  const sotto_status invalid = SOTTO_ERR_INVALID_MODEL;
  check_file("bert-mean", "bert.attention.layer_norm_epsilon", 0, invalid, "layer_norm_epsilon");
  check_file("bert-mean", "position_embd.weight", 0, invalid, "position_embd.weight");
  check_file("bert-mean", "token_embd_norm.bias", 0, invalid, "token_embd_norm.bias");
  check_file("bert-mean", "token_types.weight", 0, SOTTO_OK, NULL);
}

static sotto_status load_and_embed(sotto_engine *e, const char *path) {
  const char text[] = "H\u00e9llo \u4e16\u754c, unseen w\u00f6rlds";
  sotto_memory_plan plan;
  const int32_t *ids;
  uint32_t n_ids, id;
  SOTTO_TRY(feed_headers(e, &path, 1, (delivery){0}, &plan));
  SOTTO_TRY(sotto_engine_start_load(e));
  SOTTO_TRY(feed_body(e, &path, 1, (delivery){0}));
  SOTTO_TRY(
      sotto_engine_tokenize(e, text, sizeof text - 1, SOTTO_TOKENIZE_ADD_SPECIAL, &ids, &n_ids));
  const sotto_request request = wants(ids, n_ids);
  SOTTO_TRY(sotto_engine_add_request(e, &request, &id));
  outcome o = {.hash = HASH_START};
  while (!drain(e, &o, id, 1)) sotto_engine_step(e, 1e9);
  return (sotto_status)o.status;
}

TEST(embeddings_survive_every_failed_allocation) {
  survive_failed_allocations(&small, load_and_embed, "models/tiny/embed-bert-mean.gguf", 0);
}
