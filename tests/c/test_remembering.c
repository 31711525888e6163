/* Models whose layers remember differently: all positions, a window of them, a recurrent state.
 * Texts are longer than a window and several pages, in caches whose windows cannot hold them; and
 * whatever happens to a sequence, its logits have the bits of a plain run. */
#include <stdlib.h>

#include "api/engine.h"
#include "engine_support.h"
#include "test.h"

enum { N_TEXT = 400, N_CTX = 640, N_VOCAB = 288 };
#define FLAGS (SOTTO_REQUEST_LOGITS | SOTTO_REQUEST_IGNORE_EOS)

static const char *const models[] = {"models/tiny/family-gemma3.gguf",
                                     "models/tiny/family-lfm2.gguf", NULL};
#define EACH(path) for (const char *const *m = models, *path; (path = *m) != NULL; m++)

static const sotto_engine_options narrow = {.n_ctx = N_CTX, .n_batch = 48, .n_parallel = 2};

static uint32_t next_random(uint32_t *seed) {
  return *seed = *seed * 1664525 + 1013904223, *seed >> 8;
}

/* n tokens; some follow each other again and again, so that there is something to draft. */
static void make_text(int32_t *tokens, uint32_t n, uint32_t seed) {
  for (uint32_t i = 0; i < n; i++) {
    const bool repeats = i > 40 && i / 40 % 2;
    tokens[i] = repeats ? tokens[i - 9] : 3 + (int32_t)(next_random(&seed) % (N_VOCAB - 3));
  }
}

static outcome run_one(sotto_engine *e, sotto_request request) {
  outcome o;
  run_requests(e, &request, 1, &o);
  return o;
}

/* An engine for plain runs. */
static sotto_engine *open_plain(const char *path) {
  const sotto_engine_options options = {.n_ctx = N_CTX, .n_batch = N_CTX, .n_parallel = 1};
  return open_model(path, &options, (delivery){0});
}

/* The request in one batch and an empty cache. */
static outcome plain_run(sotto_engine *plain, sotto_request request) {
  sotto_engine_clear_cache(plain);
  request.flags |= SOTTO_REQUEST_NO_LOOKUP;
  const outcome o = run_one(plain, request);
  CHECK(o.n_logits == request.max_tokens && o.cache_n == 0);
  return o;
}

static bool same(const outcome *a, const outcome *b) {
  return a->hash == b->hash && a->n_tokens == b->n_tokens &&
         memcmp(a->tokens, b->tokens, a->n_tokens * sizeof *a->tokens) == 0;
}

/* Nothing is held but by sequences: with an empty cache everything is free. */
static void check_empty(sotto_engine *e) {
  sotto_engine_clear_cache(e);
  for (uint32_t g = 0; g < e->kv_shape.n_groups; g++)
    CHECK(sotto_kv_free_pages(e->kv, g) == e->kv_shape.groups[g].n_pages);
  CHECK(sotto_kv_free_states(e->kv) == e->kv_shape.n_states);
}

TEST(remembering_windows_take_less_than_the_context) {
  sotto_engine *e = open_model(models[0], &narrow, (delivery){0});
  REQUIRE(e != NULL);
  const sotto_kv_shape *s = &e->kv_shape;
  REQUIRE(s->n_groups == 2);
  for (uint32_t g = 0; g < 2; g++)
    CHECK(s->groups[g].window ? s->groups[g].n_pages == 14 : s->groups[g].n_pages == N_CTX / 32);
  sotto_engine_free(e);
}

/* Conversations that go on, are edited, begin like others, in random order. */
TEST(remembering_sequences_can_be_cut_and_resumed) {
  EACH(path) {
    sotto_engine *e = open_model(path, &narrow, (delivery){0}), *fresh = open_plain(path);
    REQUIRE(e && fresh);
    int32_t text[N_TEXT], prompt[N_TEXT];
    make_text(text, N_TEXT, 1);
    uint32_t seed = 7, n_reused = 0;
    for (int i = 0; i < 24; i++) {
      const uint32_t n = 1 + next_random(&seed) % (N_TEXT - 60), more = next_random(&seed) % 60;
      memcpy(prompt, text, n * sizeof *prompt);
      make_text(prompt + n, more, seed);
      const sotto_request request = greedy(prompt, n + more, 12, FLAGS);
      const outcome resumed = run_one(e, request), plain = plain_run(fresh, request);
      if (!CHECK(same(&resumed, &plain)))
        printf("    %s: %u + %u, %u cached\n", path, n, more, resumed.cache_n);
      n_reused += resumed.cache_n > 0;
      if (i % 3) continue;
      /* Another answer to the same prompt. */
      const outcome again = run_one(e, request);
      CHECK(same(&again, &plain));
      if (e->kv_shape.n_states && n + more > 32) CHECK(again.cache_n + 33 >= n + more);
    }
    CHECK(n_reused > 3);
    check_empty(e);
    sotto_engine_free(fresh);
    sotto_engine_free(e);
  }
}

/* Four at once, of which two run at a time, more than the pages for both. */
TEST(remembering_sequences_can_be_preempted) {
  EACH(path) {
    sotto_engine *e = open_model(path, &narrow, (delivery){0}), *fresh = open_plain(path);
    REQUIRE(e && fresh);
    int32_t texts[4][N_TEXT];
    sotto_request requests[4];
    outcome together[4];
    for (uint32_t i = 0; i < 4; i++) {
      make_text(texts[i], N_TEXT, 11 + i / 2); /* two and two are alike */
      requests[i] = greedy(texts[i], N_TEXT - 60 * i, 40 + 80 * (i == 0), FLAGS);
    }
    run_requests(e, requests, 4, together);
    for (uint32_t i = 0; i < 4; i++) {
      const outcome plain = plain_run(fresh, requests[i]);
      if (!CHECK(same(&together[i], &plain))) printf("    %s: %u\n", path, i);
    }
    check_empty(e);
    sotto_engine_free(fresh);
    sotto_engine_free(e);
  }
}

/* Drafts that are picked and drafts that are not: an answer of few different tokens repeats itself
 * now and then. */
TEST(remembering_sequences_can_draft) {
  EACH(path) {
    const sotto_engine_options alone = {.n_ctx = N_CTX, .n_batch = 48, .n_parallel = 1};
    sotto_engine *e = open_model(path, &alone, (delivery){0}), *fresh = open_plain(path);
    REQUIRE(e && fresh);
    int32_t text[N_TEXT];
    uint32_t drafted = 0, accepted = 0;
    static const sotto_bias few[] = {{20, 50}, {40, 50}, {60, 50}, {80, 50}};
    for (uint32_t i = 0; i < 6; i++) {
      make_text(text, N_TEXT, 21 + i);
      sotto_request request = greedy(text, 80 + 53 * i, 200, FLAGS);
      request.sampling.temperature = 0.7f;
      request.sampling.frequency_penalty = i % 2 ? 0.3f : 0;
      request.sampling.seed = i;
      request.logit_bias = few;
      request.n_logit_bias = sizeof few / sizeof *few;
      const outcome plain = plain_run(fresh, request);
      const outcome o = run_one(e, request);
      CHECK(same(&o, &plain));
      drafted += o.draft_n;
      accepted += o.draft_n_accepted;
    }
    if (!CHECK(drafted > accepted + 10 && accepted > 30)) printf("    %u, %u\n", drafted, accepted);
    check_empty(e);
    sotto_engine_free(fresh);
    sotto_engine_free(e);
  }
}

/* The first is cancelled at some step; the second goes on, and what the first has left in the cache
 * serves a third. */
TEST(remembering_sequences_can_be_cancelled) {
  EACH(path) {
    sotto_engine *e = open_model(path, &narrow, (delivery){0}), *fresh = open_plain(path);
    REQUIRE(e && fresh);
    int32_t texts[2][N_TEXT];
    make_text(texts[0], N_TEXT, 31);
    make_text(texts[1], N_TEXT, 32);
    const sotto_request requests[3] = {greedy(texts[0], 230, 100, FLAGS),
                                       greedy(texts[1], 120, 20, FLAGS),
                                       greedy(texts[0], 240, 12, FLAGS)};
    outcome plain[3];
    for (int i = 1; i < 3; i++) plain[i] = plain_run(fresh, requests[i]);
    for (uint32_t cancel_at = 1; cancel_at < 500; cancel_at += 1 + cancel_at / 3) {
      uint32_t first, second, done = 0;
      outcome o[2] = {{.hash = HASH_START}, {.hash = HASH_START}};
      REQUIRE(sotto_engine_add_request(e, &requests[0], &first) == SOTTO_OK);
      REQUIRE(sotto_engine_add_request(e, &requests[1], &second) == SOTTO_OK);
      for (uint32_t step = 0; done < 2 && CHECK(step < 100000); step++) {
        if (step == cancel_at && !o[0].finish_reason)
          CHECK(sotto_engine_cancel(e, first) == SOTTO_OK);
        sotto_engine_step(e, 0);
        done += drain(e, o, first, 2);
      }
      CHECK(same(&o[1], &plain[1]));
      const outcome third = run_one(e, requests[2]);
      CHECK(same(&third, &plain[2]));
      sotto_engine_clear_cache(e);
    }
    check_empty(e);
    sotto_engine_free(fresh);
    sotto_engine_free(e);
  }
}

/* States of several lengths in another engine, with other batches; the state that this one saves
 * again is the same. */
TEST(remembering_sequences_can_be_saved) {
  EACH(path) {
    sotto_engine *from = open_model(path, &narrow, (delivery){0});
    const sotto_engine_options other = {.n_ctx = N_CTX, .n_batch = 7, .n_parallel = 1};
    sotto_engine *to = open_model(path, &other, (delivery){0});
    sotto_engine *fresh = open_plain(path);
    REQUIRE(from && to && fresh);
    int32_t text[N_TEXT];
    make_text(text, N_TEXT, 41);
    for (uint32_t n = 1; n < N_TEXT - 20; n = n * 2 + 5) {
      const sotto_request request = greedy(text, n + 9, 12, FLAGS);
      const outcome plain = plain_run(fresh, request);
      const char *state;
      uint32_t len, again, n_tokens;
      run_one(from, greedy(text, n, 0, 0));
      REQUIRE(sotto_engine_save_state(from, text, n, &state, &len) == SOTTO_OK);
      char *copy = memcpy(malloc(len), state, len);
      sotto_engine_clear_cache(to);
      REQUIRE(sotto_engine_load_state(to, copy, len, &n_tokens) == SOTTO_OK && n_tokens == n);
      REQUIRE(sotto_engine_save_state(to, text, n, &state, &again) == SOTTO_OK);
      CHECK(len == again && memcmp(copy, state, len) == 0);
      const outcome resumed = run_one(to, request);
      CHECK(resumed.cache_n == n && same(&resumed, &plain));
      free(copy);
    }
    check_empty(from);
    check_empty(to);
    sotto_engine_free(fresh);
    sotto_engine_free(from);
    sotto_engine_free(to);
  }
}

/* A long context is where a plan that counts every position would be far off. */
TEST(remembering_plan_foretells_the_memory_used) {
  EACH(path) {
    const sotto_engine_options options = {.n_ctx = 32768, .n_batch = 128, .n_parallel = 1};
    sotto_engine *e = sotto_engine_new(&options);
    sotto_memory_plan plan;
    REQUIRE(feed_headers(e, &path, 1, (delivery){0}, &plan) == SOTTO_OK);
    REQUIRE(sotto_engine_start_load(e) == SOTTO_OK);
    REQUIRE(feed_body(e, &path, 1, (delivery){0}) == SOTTO_OK);
    int32_t text[N_TEXT];
    make_text(text, N_TEXT, 51);
    run_one(e, greedy(text, N_TEXT, 40, FLAGS));
    const double used = (double)sotto_engine_bytes_peak(e), planned = (double)plan.total;
    if (!CHECK(used < planned * 1.02 && used > planned * 0.98))
      printf("    %s: %.0f of %.0f\n", path, used, planned);
    sotto_engine_free(e);
  }
}

/* From the header to a state that moved. */
static sotto_status load_and_resume(sotto_engine *e, const char *path) {
  int32_t text[120];
  make_text(text, 120, 61);
  sotto_memory_plan plan;
  const char *state;
  uint32_t id, len, n_tokens;
  SOTTO_TRY(feed_headers(e, &path, 1, (delivery){0}, &plan));
  SOTTO_TRY(sotto_engine_start_load(e));
  SOTTO_TRY(feed_body(e, &path, 1, (delivery){0}));
  const sotto_request request = greedy(text, 120, 5, FLAGS);
  SOTTO_TRY(sotto_engine_add_request(e, &request, &id));
  outcome o = {.hash = HASH_START};
  while (!drain(e, &o, id, 1)) sotto_engine_step(e, 1e9);
  SOTTO_TRY((sotto_status)o.status);
  SOTTO_TRY(sotto_engine_save_state(e, text, 96, &state, &len));
  return sotto_engine_load_state(e, state, len, &n_tokens);
}

TEST(remembering_survives_every_failed_allocation) {
  EACH(path) survive_failed_allocations(&narrow, load_and_resume, path, 0);
}
