/* The engine through its public API, on the tiny models: right against HF transformers, the same
 * bits whatever the cuts and the company, and sound in every corner of a request's life. */
#include <math.h>
#include <stdlib.h>

#include "base/ctx.h"
#include "engine_support.h"
#include "test.h"

#define TINY(type) "models/tiny/tiny-" type ".gguf"

static const char *const types[] = {"f32", "f16", "bf16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0"};
#define N_TYPES (sizeof types / sizeof *types)

static const sotto_engine_options small = {.n_ctx = 128, .n_batch = 32, .n_parallel = 3};
static const delivery whole = {0};

/* tests/golden/tiny-<type>.golden: "SGLL", u32 version, P, V, i32 ids[P], f32 logits[P][V]. */
typedef struct golden {
  char *file;
  uint32_t n, n_vocab;
  const int32_t *ids;
  const float *logits;
} golden;

static bool read_golden(const char *type, golden *g) {
  char path[64];
  size_t len;
  snprintf(path, sizeof path, "tests/golden/tiny-%s.golden", type);
  g->file = test_read_file(path, &len);
  if (!g->file || !CHECK(len > 16 && memcmp(g->file, "SGLL", 4) == 0)) return false;
  const uint32_t *words = (const uint32_t *)g->file;
  g->n = words[2];
  g->n_vocab = words[3];
  g->ids = (const int32_t *)(words + 4);
  g->logits = (const float *)(words + 4 + g->n);
  return CHECK(len == 16 + 4ull * g->n + 4ull * g->n * g->n_vocab);
}

static char *tiny_path(const char *type) {
  static char path[64];
  snprintf(path, sizeof path, TINY("%s"), type);
  return path;
}

/* Distance of the log-probabilities from the reference's over all positions. */
typedef struct distance {
  double largest, mean_kl;
} distance;

static distance measure(const char *type, uint32_t backend) {
  golden g;
  distance d = {0, 0};
  if (!read_golden(type, &g)) return (distance){INFINITY, INFINITY};
  sotto_engine_options options = small;
  options.backend = backend;
  sotto_engine *e = open_model(tiny_path(type), &options, whole);
  if (!e) return (distance){INFINITY, INFINITY};
  sotto_request request = greedy(g.ids, g.n, 0, SOTTO_REQUEST_PROMPT_LOGITS);
  uint32_t id, rows = 0;
  CHECK(sotto_engine_add_request(e, &request, &id) == SOTTO_OK);
  for (bool done = false; !done;) {
    sotto_engine_step(e, 1e9);
    for (sotto_event event; sotto_engine_next_event(e, &event);) {
      done |= event.type == SOTTO_EVENT_DONE;
      if (event.type != SOTTO_EVENT_LOGITS) continue;
      const float *reference = g.logits + (size_t)event.position * g.n_vocab;
      double sums[2] = {0, 0};
      for (uint32_t v = 0; v < g.n_vocab; v++) {
        sums[0] += exp((double)event.logits[v]);
        sums[1] += exp((double)reference[v]);
      }
      for (uint32_t v = 0; v < g.n_vocab; v++) {
        double ours = (double)event.logits[v] - log(sums[0]);
        double theirs = (double)reference[v] - log(sums[1]);
        if (!(fabs(ours - theirs) <= d.largest)) d.largest = fabs(ours - theirs);
        d.mean_kl += exp(theirs) * (theirs - ours) / g.n;
      }
      rows++;
    }
  }
  CHECK(rows == g.n);
  sotto_engine_free(e);
  free(g.file);
  return d;
}

TEST(engine_naive_matches_transformers) {
  for (size_t i = 0; i < N_TYPES; i++) {
    distance d = measure(types[i], SOTTO_BACKEND_NAIVE);
    if (!CHECK(d.largest < 1e-4)) printf("    %s: %g\n", types[i], d.largest);
  }
}

/* int8 activations cost the quantised types some accuracy; the float types only the f16 cache. */
TEST(engine_cpu_stays_near_transformers) {
  for (size_t i = 0; i < N_TYPES; i++) {
    distance d = measure(types[i], SOTTO_BACKEND_CPU);
    if (!CHECK(d.mean_kl < (i < 3 ? 1e-5 : 5e-3))) printf("    %s: %g\n", types[i], d.mean_kl);
  }
}

static const int32_t prompt[] = {5,  17, 42, 99, 120, 7,  33, 64, 200, 210, 3,  80, 81, 82,
                                 83, 84, 90, 91, 92,  93, 94, 95, 96,  97,  1,  2,  3,  4,
                                 5,  6,  7,  8,  9,   10, 11, 12, 13,  14,  15, 16};
#define N_PROMPT   (sizeof prompt / sizeof *prompt)
#define ALL_LOGITS (SOTTO_REQUEST_PROMPT_LOGITS | SOTTO_REQUEST_LOGITS | SOTTO_REQUEST_IGNORE_EOS)

/* The log-probabilities of the prompt are those of its logits, no logits come along, and they
 * have the same bits on every host, however the prompt is cut: tests/golden/score-hash.txt,
 * for JavaScript too. */
TEST(engine_prompt_logprobs) {
  size_t len;
  char *golden_hash = test_read_file("tests/golden/score-hash.txt", &len);
  REQUIRE(golden_hash != NULL && len >= 16);
  for (uint32_t n_batch = 7; n_batch <= 64; n_batch += 57) {
    sotto_engine_options options = small;
    options.n_batch = n_batch;
    sotto_engine *e = open_model(TINY("q4_0"), &options, whole);
    REQUIRE(e != NULL);
    sotto_model_info info;
    CHECK(sotto_engine_info(e, &info) == SOTTO_OK);
    double expected[N_PROMPT] = {0};
    float logprobs[N_PROMPT] = {0};
    const uint32_t flags[] = {SOTTO_REQUEST_PROMPT_LOGITS, SOTTO_REQUEST_PROMPT_LOGPROBS};
    for (int pass = 0; pass < 2; pass++) {
      sotto_request request = greedy(prompt, N_PROMPT, 0, flags[pass]);
      request.top_logprobs = pass; /* the likeliest token of each position */
      uint32_t id, events = 0;
      REQUIRE(sotto_engine_add_request(e, &request, &id) == SOTTO_OK);
      for (bool done = false; !done;) {
        sotto_engine_step(e, 1e9);
        for (sotto_event event; sotto_engine_next_event(e, &event);) {
          done |= event.type == SOTTO_EVENT_DONE;
          if (event.type != SOTTO_EVENT_LOGITS) continue;
          events++;
          CHECK((event.logits != NULL) == (pass == 0));
          CHECK(event.n_top_logprobs == (uint32_t)pass);
          if (event.position + 1 == N_PROMPT) continue;
          CHECK(event.token == prompt[event.position + 1]);
          if (pass == 1) {
            logprobs[event.position] = event.logprob;
            CHECK(event.top_logprobs[0].logprob >= event.logprob);
            continue;
          }
          double sum = 0;
          for (uint32_t v = 0; v < info.n_vocab; v++) sum += exp((double)event.logits[v]);
          expected[event.position] = (double)event.logits[event.token] - log(sum);
        }
      }
      CHECK(events == N_PROMPT - (uint32_t)pass);
    }
    for (uint32_t i = 0; i + 1 < N_PROMPT; i++)
      CHECK(fabs((double)logprobs[i] - expected[i]) < 1e-6);
    char hash[17];
    snprintf(hash, sizeof hash, "%016llx",
             (unsigned long long)hash_bytes(HASH_START, logprobs, sizeof(float) * (N_PROMPT - 1)));
    if (!CHECK(memcmp(hash, golden_hash, 16) == 0)) printf("    %s\n", hash);
    sotto_engine_free(e);
  }
  free(golden_hash);
}

/* A text and bytes: half a character is what it is in the one, U+FFFD in the other. */
TEST(engine_detokenize_bytes) {
  sotto_engine *e = open_model(TINY("q4_0"), &small, whole);
  REQUIRE(e != NULL);
  const char *text = "a\xf0\x9f\x91\x8b";
  const int32_t *ids;
  uint32_t n, n_len, partial = 0;
  const char *bytes;
  char joined[16] = "";
  size_t at = 0;
  REQUIRE(sotto_engine_tokenize(e, text, 5, 0, &ids, &n) == SOTTO_OK && n <= 5);
  int32_t copy[5];
  memcpy(copy, ids, n * sizeof *ids);
  for (uint32_t i = 0; i < n; i++) {
    REQUIRE(sotto_engine_detokenize(e, copy + i, 1, SOTTO_DETOKENIZE_BYTES, &bytes, &n_len) ==
            SOTTO_OK);
    REQUIRE(at + n_len < sizeof joined);
    memcpy(joined + at, bytes, n_len);
    at += n_len;
    partial += n_len == 1 && (*bytes & 0x80);
    REQUIRE(sotto_engine_detokenize(e, copy + i, 1, 0, &bytes, &n_len) == SOTTO_OK);
    CHECK(i == 0 || (n_len == 3 && memcmp(bytes, "\xef\xbf\xbd", 3) == 0));
  }
  CHECK(partial > 0 && strcmp(joined, text) == 0);
  sotto_engine_free(e);
}

static outcome run_one(sotto_engine *e, sotto_request request) {
  outcome o;
  run_requests(e, &request, 1, &o);
  return o;
}

TEST(engine_gives_the_same_bits_for_any_batch_cut) {
  for (size_t i = 0; i < N_TYPES; i++) {
    uint64_t first = 0;
    for (uint32_t n_batch = 3; n_batch <= 48; n_batch = n_batch * 2 + 1) {
      sotto_engine_options options = small;
      options.n_batch = n_batch;
      sotto_engine *e = open_model(tiny_path(types[i]), &options, whole);
      REQUIRE(e != NULL);
      outcome o = run_one(e, greedy(prompt, N_PROMPT, 12, ALL_LOGITS));
      CHECK(o.n_logits == N_PROMPT + 12);
      if (!first) first = o.hash;
      CHECK(o.hash == first);
      sotto_engine_free(e);
    }
  }
}

TEST(engine_gives_the_same_bits_for_any_number_of_threads) {
  for (size_t i = 0; i < N_TYPES; i++) {
    uint64_t first = 0;
    for (uint32_t n_threads = 1; n_threads <= 5; n_threads++) {
      sotto_engine_options options = small;
      options.n_threads = n_threads;
      options.n_batch = 16 + 7 * n_threads;
      sotto_engine *e = open_model(tiny_path(types[i]), &options, whole);
      REQUIRE(e != NULL);
      outcome o[2];
      sotto_request requests[2] = {greedy(prompt, N_PROMPT, 12, ALL_LOGITS),
                                   greedy(prompt + 3, 20, 9, ALL_LOGITS)};
      run_requests(e, requests, 2, o);
      if (!first) first = o[0].hash ^ o[1].hash;
      CHECK((o[0].hash ^ o[1].hash) == first);
      sotto_engine_free(e);
    }
  }
}

TEST(engine_gives_the_same_bits_alone_and_beside_others) {
  sotto_engine *e = open_model(TINY("q4_0"), &small, whole);
  REQUIRE(e != NULL);
  outcome alone[3], together[3];
  sotto_request requests[3];
  for (uint32_t i = 0; i < 3; i++) {
    requests[i] = greedy(prompt + i * 3, 10 + i * 9, 12, ALL_LOGITS | SOTTO_REQUEST_NO_CACHE);
    alone[i] = run_one(e, requests[i]);
  }
  run_requests(e, requests, 3, together);
  for (int i = 0; i < 3; i++) {
    CHECK(alone[i].hash == together[i].hash);
    CHECK(alone[i].n_logits == together[i].n_logits);
    CHECK(memcmp(alone[i].tokens, together[i].tokens, sizeof alone[i].tokens) == 0);
  }
  sotto_engine_free(e);
}

TEST(engine_loads_the_same_model_however_it_is_delivered) {
  static const char *const split[] = {"models/tiny/tiny-f16-00001-of-00003.gguf",
                                      "models/tiny/tiny-f16-00002-of-00003.gguf",
                                      "models/tiny/tiny-f16-00003-of-00003.gguf"};
  uint64_t expected = 0;
  for (uint32_t seed = 0; seed < 24; seed++) {
    delivery how = {.stream = seed & 1, .seed = seed / 2 * 77, .max_range = 1000u << seed % 9};
    bool parts = seed % 3 == 2;
    const char *single = TINY("f16");
    const char *const *paths = parts ? split : &single;
    sotto_engine *e = sotto_engine_new(&small);
    sotto_memory_plan plan;
    CHECK(feed_headers(e, paths, parts ? 3 : 1, how, &plan) == SOTTO_OK);
    CHECK(sotto_engine_split_count(e) == (parts ? 3u : 1u));
    CHECK(sotto_engine_start_load(e) == SOTTO_OK);
    if (!CHECK(feed_body(e, paths, parts ? 3 : 1, how) == SOTTO_OK)) puts(sotto_engine_message(e));
    uint64_t loaded, total;
    sotto_engine_load_progress(e, &loaded, &total);
    CHECK(loaded == total && total > 100000);
    outcome o = run_one(e, greedy(prompt, N_PROMPT, 4, ALL_LOGITS));
    if (!expected) expected = o.hash;
    CHECK(o.hash == expected);
    sotto_engine_free(e);
  }
}

TEST(engine_prefill_waits_for_weights_and_goes_on) {
  sotto_engine *e = sotto_engine_new(&small);
  const char *path = TINY("q8_0");
  sotto_memory_plan plan;
  size_t len;
  char *data = test_read_file(path, &len);
  REQUIRE(feed_headers(e, &path, 1, whole, &plan) == SOTTO_OK);
  REQUIRE(sotto_engine_start_load(e) == SOTTO_OK);
  sotto_request request = greedy(prompt, N_PROMPT, 4, ALL_LOGITS);
  uint32_t id, waits = 0;
  outcome o = {.hash = HASH_START};
  REQUIRE(sotto_engine_add_request(e, &request, &id) == SOTTO_OK);
  for (sotto_range range;;) {
    while (sotto_engine_step(e, 1e9) != SOTTO_STEP_WAIT_WEIGHTS) {
      if (drain(e, &o, id, 1)) goto finished;
    }
    waits++;
    REQUIRE(sotto_engine_next_range(e, 2048, &range) == SOTTO_OK);
    REQUIRE(range.length > 0);
    REQUIRE(sotto_engine_feed(e, range.file, range.offset, data + range.offset,
                              (uint32_t)range.length) == SOTTO_OK);
  }
finished:
  CHECK(waits > 10);
  free(data);
  sotto_engine *ready = open_model(path, &small, whole);
  REQUIRE(ready != NULL);
  CHECK(run_one(ready, request).hash == o.hash);
  sotto_engine_free(ready);
  sotto_engine_free(e);
}

/* Given up in the middle of loading, with ranges open and a request waiting: nothing leaks. */
TEST(engine_can_be_freed_at_any_point_of_loading) {
  const char *path = TINY("q5_0");
  size_t len;
  char *data = test_read_file(path, &len);
  REQUIRE(data != NULL);
  for (uint32_t stop_at = 0; stop_at < 40; stop_at++) {
    sotto_engine *e = sotto_engine_new(&small);
    sotto_memory_plan plan;
    sotto_request request = greedy(prompt, N_PROMPT, 4, 0);
    uint32_t id;
    REQUIRE(feed_headers(e, &path, 1, whole, &plan) == SOTTO_OK);
    REQUIRE(sotto_engine_start_load(e) == SOTTO_OK);
    REQUIRE(sotto_engine_add_request(e, &request, &id) == SOTTO_OK);
    for (uint32_t i = 0; i < stop_at; i++) {
      sotto_range range;
      REQUIRE(sotto_engine_next_range(e, 1500, &range) == SOTTO_OK);
      if (range.length == 0) break;
      uint32_t n = (uint32_t)range.length - (i % 7 == 6); /* every seventh stays open */
      REQUIRE(sotto_engine_feed(e, range.file, range.offset, data + range.offset, n) == SOTTO_OK);
      sotto_engine_step(e, 0);
    }
    sotto_engine_free(e);
  }
  free(data);
}

TEST(engine_reuses_prefixes_without_changing_bits) {
  sotto_engine *e = open_model(TINY("q5_1"), &small, whole);
  REQUIRE(e != NULL);
  const uint32_t flags = SOTTO_REQUEST_LOGITS | SOTTO_REQUEST_IGNORE_EOS;
  outcome cold = run_one(e, greedy(prompt, N_PROMPT, 6, flags | SOTTO_REQUEST_NO_CACHE));
  CHECK(cold.cache_n == 0);
  run_one(e, greedy(prompt, 35, 6, flags));
  outcome warm = run_one(e, greedy(prompt, N_PROMPT, 6, flags));
  CHECK(warm.cache_n == 35);
  CHECK(warm.hash == cold.hash);
  outcome again = run_one(e, greedy(prompt, N_PROMPT, 6, flags));
  CHECK(again.cache_n == N_PROMPT - 1);
  CHECK(again.hash == cold.hash);
  /* A branch shares the beginning and leaves the other branch as it was. */
  int32_t branch[N_PROMPT];
  memcpy(branch, prompt, sizeof prompt);
  branch[20] = 123;
  outcome other = run_one(e, greedy(branch, N_PROMPT, 6, flags));
  CHECK(other.cache_n == 20);
  CHECK(other.hash != cold.hash);
  outcome first = run_one(e, greedy(prompt, N_PROMPT, 6, flags));
  CHECK(first.cache_n == N_PROMPT - 1);
  CHECK(first.hash == cold.hash);
  sotto_engine_clear_cache(e);
  CHECK(run_one(e, greedy(prompt, N_PROMPT, 6, flags)).cache_n == 0);
  sotto_engine_free(e);
}

/* Six streams of up to 72 positions in a pool of 128: cached sequences are evicted, young requests
 * are sent back and computed again, and nobody's bits change. */
TEST(engine_survives_a_pool_that_is_too_small) {
  sotto_engine *e = open_model(TINY("q4_1"), &small, whole);
  REQUIRE(e != NULL);
  sotto_request requests[6];
  outcome alone[6], together[6];
  for (uint32_t i = 0; i < 6; i++) {
    requests[i] = greedy(prompt + i, 30 + i, 40, SOTTO_REQUEST_LOGITS | SOTTO_REQUEST_IGNORE_EOS);
    alone[i] = run_one(e, requests[i]);
    CHECK(alone[i].finish_reason == SOTTO_FINISH_LENGTH && alone[i].n_tokens == 40);
  }
  run_requests(e, requests, 6, together);
  for (int i = 0; i < 6; i++) {
    CHECK(together[i].hash == alone[i].hash);
    CHECK(together[i].n_tokens == 40);
  }
  sotto_engine_free(e);
}

TEST(engine_ends_at_the_context_limit) {
  sotto_engine_options options = small;
  options.n_ctx = 64;
  sotto_engine *e = open_model(TINY("q8_0"), &options, whole);
  REQUIRE(e != NULL);
  outcome o = run_one(e, greedy(prompt, N_PROMPT, UINT32_MAX, SOTTO_REQUEST_IGNORE_EOS));
  CHECK(o.finish_reason == SOTTO_FINISH_LENGTH);
  CHECK(o.n_tokens == 64 - N_PROMPT + 1);
  int32_t long_prompt[65] = {0};
  sotto_request request = greedy(long_prompt, 65, 1, 0);
  uint32_t id;
  CHECK(sotto_engine_add_request(e, &request, &id) == SOTTO_ERR_CONTEXT_LENGTH);
  CHECK(strstr(sotto_engine_message(e), "65 tokens") && strstr(sotto_engine_message(e), "64"));
  sotto_engine_free(e);
}

TEST(engine_cancels_at_any_point) {
  sotto_engine *e = open_model(TINY("q4_0"), &small, whole);
  REQUIRE(e != NULL);
  outcome expected = run_one(e, greedy(prompt, N_PROMPT, 8, ALL_LOGITS));
  for (uint32_t stop_at = 0; stop_at < 60; stop_at++) {
    sotto_request requests[2] = {greedy(prompt, N_PROMPT, 100, SOTTO_REQUEST_IGNORE_EOS),
                                 greedy(prompt, N_PROMPT, 8, ALL_LOGITS)};
    uint32_t first, second, done = 0;
    outcome o[2] = {{.hash = HASH_START}, {.hash = HASH_START}};
    REQUIRE(sotto_engine_add_request(e, &requests[0], &first) == SOTTO_OK);
    REQUIRE(sotto_engine_add_request(e, &requests[1], &second) == SOTTO_OK);
    for (uint32_t step = 0; done < 2 && step < 100000; step++) {
      if (step == stop_at) CHECK(sotto_engine_cancel(e, first) == SOTTO_OK);
      sotto_engine_step(e, 0);
      done += drain(e, o, first, 2);
    }
    CHECK(o[0].finish_reason == SOTTO_FINISH_CANCELLED);
    CHECK(o[1].finish_reason == SOTTO_FINISH_LENGTH);
    CHECK(o[1].hash == expected.hash);
    CHECK(sotto_engine_cancel(e, first) == SOTTO_ERR_INVALID_ARGUMENT);
  }
  sotto_engine_free(e);
}

TEST(engine_stops_at_stop_strings_without_leaking_them) {
  sotto_engine *e = open_model(TINY("q8_0"), &small, whole);
  REQUIRE(e != NULL);
  outcome full = run_one(e, greedy(prompt, N_PROMPT, 40, SOTTO_REQUEST_IGNORE_EOS));
  REQUIRE(full.text_len > 12);
  for (uint32_t at = 1; at + 6 < full.text_len; at += 5) {
    for (uint32_t len = 1; len <= 6; len++) {
      char stop[32] = "never in the text";
      uint32_t second = (uint32_t)strlen(stop) + 1;
      memcpy(stop + second, full.text + at, len);
      stop[second + len] = 0;
      char *found = strstr(full.text, stop + second);
      sotto_request request = greedy(prompt, N_PROMPT, 40, SOTTO_REQUEST_IGNORE_EOS);
      request.stop = stop;
      request.n_stop = 2;
      outcome o = run_one(e, request);
      CHECK(o.finish_reason == SOTTO_FINISH_STOP);
      CHECK(o.text_len == (uint32_t)(found - full.text));
      CHECK(memcmp(o.text, full.text, o.text_len) == 0);
    }
  }
  sotto_engine_free(e);
}

TEST(engine_state_moves_between_engines) {
  sotto_engine *a = open_model(TINY("q4_1"), &small, whole);
  sotto_engine_options options = small;
  options.n_batch = 7;
  options.variant = SOTTO_VARIANT_SCALAR;
  sotto_engine *b = open_model(TINY("q4_1"), &options, whole);
  sotto_engine *other = open_model(TINY("q4_0"), &options, whole);
  REQUIRE(a && b && other);
  const uint32_t flags = SOTTO_REQUEST_LOGITS | SOTTO_REQUEST_IGNORE_EOS;
  const char *data;
  uint32_t len, n;
  CHECK(sotto_engine_save_state(a, NULL, 0, &data, &len) == SOTTO_ERR_INVALID_STATE);
  outcome cold = run_one(a, greedy(prompt, N_PROMPT, 6, flags));
  REQUIRE(sotto_engine_save_state(a, prompt, N_PROMPT, &data, &len) == SOTTO_OK);
  char *copy = malloc(len);
  memcpy(copy, data, len);
  CHECK(sotto_engine_load_state(b, copy, len, &n) == SOTTO_OK);
  CHECK(n == N_PROMPT);
  outcome warm = run_one(b, greedy(prompt, N_PROMPT, 6, flags));
  CHECK(warm.cache_n == N_PROMPT - 1);
  CHECK(warm.hash == cold.hash);
  CHECK(sotto_engine_load_state(other, copy, len, &n) == SOTTO_ERR_INVALID_STATE);
  for (uint32_t cut = 0; cut < len; cut += 97) {
    CHECK(sotto_engine_load_state(b, copy, cut, &n) == SOTTO_ERR_INVALID_STATE);
    copy[cut] ^= 1;
    CHECK(sotto_engine_load_state(b, copy, len, &n) == SOTTO_ERR_INVALID_STATE);
    copy[cut] ^= 1;
  }
  free(copy);
  sotto_engine_free(a);
  sotto_engine_free(b);
  sotto_engine_free(other);
}

TEST(engine_refuses_bad_requests) {
  sotto_engine *e = open_model(TINY("q4_0"), &small, whole);
  REQUIRE(e != NULL);
  const int32_t bad_token[] = {5, 300}, negative[] = {-1};
  const struct {
    sotto_request request;
    sotto_status status;
    const char *names;
  } cases[] = {
      {greedy(prompt, 0, 1, 0), SOTTO_ERR_INVALID_ARGUMENT, "no tokens"},
      {greedy(bad_token, 2, 1, 0), SOTTO_ERR_INVALID_ARGUMENT, "token 1 is 300"},
      {greedy(negative, 1, 1, 0), SOTTO_ERR_INVALID_ARGUMENT, "token 0 is -1"},
  };
  uint32_t id;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK(sotto_engine_add_request(e, &cases[i].request, &id) == cases[i].status);
    CHECK(id == 0 && strstr(sotto_engine_message(e), cases[i].names));
  }
  sotto_request request = greedy(prompt, 4, 1, 0);
  request.sampling.temperature = NAN;
  CHECK(sotto_engine_add_request(e, &request, &id) == SOTTO_ERR_INVALID_ARGUMENT);
  request = greedy(prompt, 4, 1, 0);
  request.top_logprobs = 21;
  CHECK(sotto_engine_add_request(e, &request, &id) == SOTTO_ERR_INVALID_ARGUMENT);
  request = greedy(prompt, 4, 1, 0);
  request.stop = "\0";
  request.n_stop = 1;
  CHECK(sotto_engine_add_request(e, &request, &id) == SOTTO_ERR_INVALID_ARGUMENT);
  request = greedy(prompt, 4, 1, 0);
  for (int i = 0; i < 64; i++) CHECK(sotto_engine_add_request(e, &request, &id) == SOTTO_OK);
  CHECK(sotto_engine_add_request(e, &request, &id) == SOTTO_ERR_BUSY);
  sotto_engine_free(e);
}

TEST(engine_plan_refuses_what_does_not_fit) {
  sotto_engine_options options = small;
  options.memory_budget = 200000;
  sotto_engine *e = sotto_engine_new(&options);
  const char *path = TINY("q8_0");
  sotto_memory_plan plan;
  REQUIRE(feed_headers(e, &path, 1, whole, &plan) == SOTTO_OK);
  CHECK(!plan.fits && plan.limit == 200000 && plan.total > 200000);
  CHECK(plan.total == plan.weights + plan.kv + plan.scratch + plan.staging + plan.metadata);
  CHECK(sotto_engine_start_load(e) == SOTTO_ERR_MEMORY_BUDGET);
  CHECK(strstr(sotto_engine_message(e), "0.2 MB are allowed") != NULL);
  sotto_engine_free(e);
}

/* Whether a fresh engine with these options has a plan that fits. */
static bool fits_with(sotto_engine_options options) {
  sotto_engine *e = sotto_engine_new(&options);
  const char *path = TINY("q8_0");
  sotto_memory_plan plan;
  const bool fits = feed_headers(e, &path, 1, whole, &plan) == SOTTO_OK && plan.fits;
  sotto_engine_free(e);
  return fits;
}

TEST(engine_plan_says_what_would_fit) {
  sotto_engine_options options = small;
  options.n_ctx = 4096;
  sotto_engine *e = sotto_engine_new(&options);
  const char *path = TINY("q8_0");
  sotto_memory_plan asked, plan;
  REQUIRE(feed_headers(e, &path, 1, whole, &asked) == SOTTO_OK);
  REQUIRE(sotto_engine_plan_fitting(e, SOTTO_CACHE_F16, SOTTO_CACHE_F16, &plan) == SOTTO_OK);
  CHECK(memcmp(&plan, &asked, sizeof plan) == 0); /* there is no limit */
  sotto_engine_free(e);

  const uint64_t fixed = asked.total - asked.kv;
  for (uint64_t budget = fixed; budget < asked.total + 1000; budget += asked.kv / 7) {
    options.n_ctx = 4096;
    options.memory_budget = budget;
    e = sotto_engine_new(&options);
    REQUIRE(feed_headers(e, &path, 1, whole, &asked) == SOTTO_OK);
    uint32_t n_ctx[SOTTO_N_CACHE_TYPES] = {0};
    for (uint32_t type = SOTTO_CACHE_F16; type <= SOTTO_CACHE_F32; type += 2) {
      REQUIRE(sotto_engine_plan_fitting(e, type, type, &plan) == SOTTO_OK);
      CHECK(plan.n_ctx <= 4096 && plan.n_ctx % 32 == 0 && plan.limit == budget);
      CHECK(plan.n_ctx == 0 || plan.total <= budget);
      n_ctx[type] = options.n_ctx = plan.n_ctx;
      options.cache_type_k = options.cache_type_v = type;
      if (plan.n_ctx) CHECK(fits_with(options));
      options.n_ctx += 32;
      if (plan.n_ctx < 4096) CHECK(!fits_with(options));
      options.cache_type_k = options.cache_type_v = SOTTO_CACHE_F16;
    }
    CHECK(n_ctx[SOTTO_CACHE_F16] >= n_ctx[SOTTO_CACHE_F32]);
    sotto_memory_plan again;
    REQUIRE(sotto_engine_plan(e, &again) == SOTTO_OK);
    CHECK(memcmp(&again, &asked, sizeof again) == 0);
    if (!asked.fits) {
      char advice[64] = "no context fits; use a smaller";
      if (n_ctx[0]) snprintf(advice, sizeof advice, "n_ctx %u would fit", n_ctx[0]);
      CHECK(strstr(sotto_engine_message(e), advice) != NULL);
    }
    /* There is no such type; its blocks are longer than this model's heads are wide. */
    CHECK(sotto_engine_plan_fitting(e, 9, 0, &plan) == SOTTO_ERR_INVALID_ARGUMENT);
    CHECK(sotto_engine_plan_fitting(e, 0, SOTTO_CACHE_Q8_0, &plan) == SOTTO_ERR_INVALID_ARGUMENT);
    sotto_engine_free(e);
  }
}

TEST(engine_plan_foretells_the_memory_used) {
  for (size_t i = 0; i < N_TYPES; i++) {
    sotto_engine *e = sotto_engine_new(&small);
    const char *path = tiny_path(types[i]);
    sotto_memory_plan plan;
    REQUIRE(feed_headers(e, &path, 1, whole, &plan) == SOTTO_OK);
    REQUIRE(sotto_engine_start_load(e) == SOTTO_OK);
    REQUIRE(feed_body(e, &path, 1, whole) == SOTTO_OK);
    run_one(e, greedy(prompt, N_PROMPT, 8, ALL_LOGITS));
    uint64_t used = sotto_engine_bytes_peak(e);
    CHECK(used <= plan.total + plan.total / 50 + 8192);
    CHECK(used + plan.total / 4 >= plan.total);
    sotto_engine_free(e);
  }
}

/* Loads, and answers a conversation, or without a template a prompt of token ids. */
static sotto_status load_and_answer(sotto_engine *e, const char *path) {
  const bool has_template = strcmp(path, TINY("q4_0")) == 0;
  const char json[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"hi <|im_end|>\"}],"
                      "\"add_generation_prompt\":true}";
  sotto_memory_plan plan;
  const int32_t *ids = prompt;
  const char *text;
  uint32_t n_ids = N_PROMPT, len, id;
  SOTTO_TRY(feed_headers(e, &path, 1, whole, &plan));
  SOTTO_TRY(sotto_engine_plan_prefill(e, 100, &plan));
  SOTTO_TRY(sotto_engine_start_load(e));
  SOTTO_TRY(feed_body(e, &path, 1, whole));
  if (has_template) {
    SOTTO_TRY(
        sotto_engine_apply_chat_template(e, json, sizeof json - 1, 0, &ids, &n_ids, &text, &len));
  }
  const sotto_request request = greedy(ids, n_ids, 5, SOTTO_REQUEST_IGNORE_EOS);
  SOTTO_TRY(sotto_engine_add_request(e, &request, &id));
  outcome o = {.hash = HASH_START};
  while (!drain(e, &o, id, 1)) sotto_engine_step(e, 1e9);
  return (sotto_status)o.status;
}

/* Where the plan for a long prompt cannot have its three tables, the usual batches do. */
#define MENDED 3

TEST(engine_survives_every_failed_allocation) {
  survive_failed_allocations(&small, load_and_answer, TINY("q4_0"), MENDED);
  survive_failed_allocations(&small, load_and_answer, "models/tiny/family-qwen3moe-mixed.gguf",
                             MENDED);
}
