/* Prompt lookup: what it finds and believes, and that an engine says the same with
 * and without it. */
#include <stdlib.h>

#include "api/engine.h"
#include "engine/internal.h"
#include "engine_support.h"
#include "test.h"

/* ---- the search ---- */

/* The expected tokens behind `tokens`, up to three; "" when nothing is expected. */
static const char *expected(const char *tokens, sotto_lookup *l) {
  static char text[4];
  sotto_token ids[64];
  uint32_t n = (uint32_t)strlen(tokens), i = 0;
  for (uint32_t t = 0; t < n; t++) ids[t] = tokens[t];
  sotto_lookup_init(l);
  sotto_lookup_find(l, ids, n);
  for (; sotto_lookup_chance(l, i) > 0 && i < 3; i++) {
    text[i] = (char)sotto_lookup_token(l, ids, n, i);
  }
  text[i] = 0;
  return text;
}

TEST(lookup_expects_what_followed_the_longest_latest_match) {
  sotto_lookup l;
  CHECK_STR(expected("", &l), "");
  CHECK_STR(expected("a", &l), "");
  CHECK_STR(expected("abcdefgh", &l), "");
  CHECK_STR(expected("abxyzb", &l), ""); /* one token is no match */
  CHECK_STR(expected("abxyzab", &l), "xyz");
  CHECK(l.length == 2);
  CHECK_STR(expected("abxabyzab", &l), "yza");    /* the later one of equals */
  CHECK_STR(expected("cabxyabzwcab", &l), "xya"); /* the longer one, though earlier */
  CHECK(l.length == 3);
  CHECK_STR(expected("123456789x23456789y123456789", &l), "y12"); /* 8 are as good as 9 */
  CHECK(l.length == SOTTO_LOOKUP_LONGEST);
  /* Behind the last token come the expected ones. */
  CHECK_STR(expected("xabab", &l), "aba");
  CHECK_STR(expected("xaaa", &l), "aaa");
  CHECK_STR(expected("abcdabcd", &l), "abc");
  CHECK_STR(expected("abcabc", &l), "abc");
}

TEST(lookup_goes_on_while_it_is_right) {
  sotto_token ids[] = {1, 2, 3, 4, 5, 1, 2, 3, 4, 9, 9};
  sotto_lookup l;
  sotto_lookup_init(&l);
  const float before = l.belief[3];
  sotto_lookup_find(&l, ids, 7);
  CHECK(l.source == 2 && l.length == 2);
  sotto_lookup_learn(&l, ids, 8);
  CHECK(l.source == 3 && l.length == 3 && l.belief[2] > before && l.belief[3] == before);
  sotto_lookup_find(&l, ids, 8);
  CHECK(l.source == 3 && l.length == 3);
  sotto_lookup_learn(&l, ids, 9);
  sotto_lookup_learn(&l, ids, 10); /* 9 instead of 5 */
  CHECK(l.source == 0 && l.belief[4] < before && sotto_lookup_chance(&l, 0) == 0);
  sotto_lookup_learn(&l, ids, 11);
  CHECK(l.source == 0);
}

/* ---- the price ---- */

static float chances(const sotto_lookup *l, uint32_t n) {
  float sum = 0;
  for (uint32_t i = 0; i < n; i++) sum += sotto_lookup_chance(l, i);
  return sum;
}

/* A period of 5 tokens, with every `wrong`-th token another one (0: none): at how many of the
 * positions [first, last) would a sequence alone draft? */
static uint32_t drafting(uint32_t wrong, uint32_t first, uint32_t last) {
  static sotto_token ids[2000];
  sotto_lookup l;
  uint32_t count = 0;
  sotto_lookup_init(&l);
  for (uint32_t n = 0; n < last;) {
    sotto_lookup_find(&l, ids, n);
    count += n >= first && sotto_lookup_pays(1, 3, chances(&l, 3));
    ids[n] = wrong && n % wrong == 0 ? (int32_t)(100 + n) : (int32_t)(n % 5);
    sotto_lookup_learn(&l, ids, ++n);
  }
  return count;
}

TEST(lookup_backs_off_where_it_is_wrong_and_comes_back) {
  CHECK(drafting(0, 0, 10) == 0); /* not on a first guess */
  CHECK(drafting(0, 40, 140) == 100);
  CHECK(drafting(4, 0, 2000) < 20);
  CHECK(drafting(40, 1000, 2000) > 300);
  /* Wrong for long, then right for long. */
  sotto_token ids[200];
  sotto_lookup l;
  sotto_lookup_init(&l);
  for (uint32_t i = 0; i < 100; i++) l.belief[2 + i % 7] *= 0.9f;
  CHECK(chances(&l, 3) == 0);
  uint32_t drafts = 0;
  for (uint32_t n = 0; n < 200;) {
    sotto_lookup_find(&l, ids, n);
    drafts += sotto_lookup_pays(1, 3, chances(&l, 3));
    ids[n] = (int32_t)(n % 4);
    sotto_lookup_learn(&l, ids, ++n);
  }
  CHECK(drafts > 100 && drafts < 190);
}

TEST(lookup_fills_tiles) {
  for (uint32_t n = 1; n < 20; n++) {
    CHECK((n + sotto_lookup_room(n)) % 4 == 0 && sotto_lookup_room(n) < 4);
    CHECK(!sotto_lookup_pays(n, 0, 0));
    CHECK(!sotto_lookup_pays(n, sotto_lookup_room(n), 0));
  }
  CHECK(!sotto_lookup_pays(1, 3, 2.0f) && sotto_lookup_pays(1, 3, 2.9f));
  CHECK(!sotto_lookup_pays(1, 1, 1.0f) && !sotto_lookup_pays(1, 2, 2.0f));
  CHECK(!sotto_lookup_pays(4, 4, 4.0f));
  CHECK(sotto_lookup_pays(3, 1, 0.5f)); /* the tile is nearly full anyway */
}

/* ---- the engine ---- */

#define TINY   "models/tiny/tiny-q4_0.gguf"
#define MOST   8
#define ALWAYS SOTTO_REQUEST_IGNORE_EOS

/* Everything a request said, but when it said it. */
typedef struct trace {
  uint64_t hash;
  uint32_t n_tokens, draft_n, draft_n_accepted;
  bool done;
} trace;

static uint64_t hash_event(uint64_t hash, const sotto_event *e, uint32_t n_vocab) {
  const uint32_t numbers[] = {e->type,     (uint32_t)e->token, e->position,
                              e->text_len, e->finish_reason,   e->status,
                              e->prompt_n, e->predicted_n,     e->n_top_logprobs};
  hash = hash_bytes(hash, numbers, sizeof numbers);
  hash = hash_bytes(hash, e->text, e->text_len);
  hash = hash_bytes(hash, &e->logprob, sizeof e->logprob);
  hash = hash_bytes(hash, e->top_logprobs, e->n_top_logprobs * sizeof *e->top_logprobs);
  return e->logits ? hash_bytes(hash, e->logits, n_vocab * sizeof(float)) : hash;
}

static uint32_t take_events(sotto_engine *e, trace *traces, uint32_t first_id) {
  uint32_t done = 0;
  for (sotto_event event; sotto_engine_next_event(e, &event);) {
    trace *t = &traces[event.request - first_id];
    if (event.type == SOTTO_EVENT_PROMPT) continue;
    CHECK(!t->done);
    t->hash = hash_event(t->hash, &event, e->generator_config.n_vocab);
    t->n_tokens += event.type == SOTTO_EVENT_TOKEN;
    CHECK(event.draft_n >= t->draft_n && event.draft_n_accepted >= t->draft_n_accepted);
    CHECK(event.draft_n_accepted <= event.draft_n);
    t->draft_n = event.draft_n;
    t->draft_n_accepted = event.draft_n_accepted;
    if (event.type == SOTTO_EVENT_DONE) {
      CHECK(t->n_tokens == event.predicted_n);
      t->done = true;
      done++;
    }
  }
  return done;
}

/* Between batches nobody holds more pages than its tokens need. */
static void check_pages(const sotto_generator *g) {
  for (uint32_t i = 0; i < g->n_slots && !g->in_flight; i++) {
    const sotto_kv_seq *seq = &g->slots[i].seq;
    CHECK(seq->groups[0].end == (seq->n_tokens + SOTTO_KV_PAGE - 1) / SOTTO_KV_PAGE);
  }
}

/* Runs requests with `flags` more; the cancel_at-th step cancels the first one. */
static uint32_t run_all(sotto_engine *e, const sotto_request *requests, uint32_t n, uint32_t flags,
                        double budget, long cancel_at, trace *traces) {
  uint32_t first = 0, id, done = 0;
  long steps = 0;
  memset(traces, 0, n * sizeof *traces);
  for (uint32_t i = 0; i < n; i++) {
    sotto_request request = requests[i];
    request.flags |= flags;
    traces[i].hash = HASH_START;
    CHECK(sotto_engine_add_request(e, &request, &id) == SOTTO_OK);
    if (i == 0) first = id;
  }
  for (; done < n && CHECK(steps < 100000); steps++) {
    if (steps == cancel_at && !traces[0].done) CHECK(sotto_engine_cancel(e, first) == SOTTO_OK);
    sotto_engine_step(e, budget);
    done += take_events(e, traces, first);
    check_pages(e->generator);
  }
  return (uint32_t)steps;
}

/* Drafts of all comparisons of a test. */
typedef struct totals {
  uint32_t drafted, accepted;
} totals;

/* The same requests with and without, in a fresh cache. */
static void compare(sotto_engine *e, const sotto_request *requests, uint32_t n, totals *totals) {
  trace with[MOST], without[MOST];
  sotto_engine_clear_cache(e);
  run_all(e, requests, n, SOTTO_REQUEST_NO_LOOKUP, 1e9, -1, without);
  sotto_engine_clear_cache(e);
  run_all(e, requests, n, 0, 1e9, -1, with);
  for (uint32_t i = 0; i < n; i++) {
    CHECK(with[i].hash == without[i].hash);
    CHECK(with[i].n_tokens == without[i].n_tokens);
    CHECK(without[i].draft_n == 0);
    totals->drafted += with[i].draft_n;
    totals->accepted += with[i].draft_n_accepted;
  }
  sotto_engine_clear_cache(e);
  CHECK(sotto_kv_free_pages(e->kv, 0) == e->kv_shape.groups[0].n_pages);
}

static void check_totals(totals totals) {
  if (!CHECK(totals.accepted > 50 && totals.drafted - totals.accepted > 10)) {
    printf("    %u drafted, %u accepted\n", totals.drafted, totals.accepted);
  }
}

static const delivery whole = {0};

static sotto_engine *open_tiny(uint32_t n_ctx, uint32_t n_batch, uint32_t n_parallel) {
  sotto_engine_options options = {.n_ctx = n_ctx, .n_batch = n_batch, .n_parallel = n_parallel};
  return open_model(TINY, &options, whole);
}

/* A prompt that repeats itself with changes. */
static const int32_t prompt[] = {5,  17, 42, 99, 120, 7, 33, 64, 5,  17, 42, 99, 120, 8,
                                 33, 64, 5,  17, 42,  9, 33, 64, 64, 5,  17, 42, 99,  120};
#define N_PROMPT (sizeof prompt / sizeof *prompt)

/* Few tokens to choose from, so that there is much to find and little to rely on. */
static const sotto_bias few[] = {{5, 60}, {17, 60}, {42, 58}, {99, 57}};

/* Request number `kind` of many kinds. */
static sotto_request make(uint32_t kind) {
  static const char stops[] = "never\0to be found";
  sotto_request r = greedy(prompt + kind % 5, N_PROMPT - 4 - kind % 3, 70, ALWAYS);
  r.flags |= SOTTO_REQUEST_LOGITS;
  if (kind & 1) {
    r.sampling.temperature = 0.4f + 0.2f * (float)(kind % 4);
    r.sampling.seed = kind;
  }
  if (kind & 2) {
    r.sampling.repeat_penalty = 1.05f;
    r.sampling.frequency_penalty = 0.1f;
    r.sampling.repeat_last_n = 20;
  }
  if (kind & 4) {
    r.flags |= SOTTO_REQUEST_LOGPROBS;
    r.top_logprobs = 5;
  }
  if (kind & 8) {
    r.logit_bias = few;
    r.n_logit_bias = sizeof few / sizeof *few;
  }
  if (kind & 16) {
    r.stop = stops;
    r.n_stop = 2;
  }
  if (kind & 32) r.flags |= SOTTO_REQUEST_PROMPT_LOGITS;
  if (kind & 64) r.flags |= SOTTO_REQUEST_NO_CACHE;
  return r;
}

TEST(lookup_changes_nothing_for_one_sequence) {
  sotto_engine *e = open_tiny(160, 32, 1);
  REQUIRE(e != NULL);
  totals totals = {0, 0};
  for (uint32_t kind = 0; kind < 128; kind += 5) {
    sotto_request request = make(kind);
    compare(e, &request, 1, &totals);
  }
  check_totals(totals);
  sotto_engine_free(e);
}

TEST(lookup_changes_nothing_for_several_sequences) {
  totals totals = {0, 0};
  for (uint32_t n = 2; n <= MOST; n++) {
    sotto_engine *e = open_tiny(1024, 7 + n, n < 5 ? n : 3);
    REQUIRE(e != NULL);
    sotto_request requests[MOST];
    for (uint32_t round = 0; round < 2; round++) {
      for (uint32_t i = 0; i < n; i++) requests[i] = make(round * 31 + i * 11);
      compare(e, requests, n, &totals);
    }
    sotto_engine_free(e);
  }
  check_totals(totals);
}

/* Drafts get what is left of pages, batch and outputs, down to nothing. */
TEST(lookup_changes_nothing_where_room_is_short) {
  totals totals = {0, 0};
  for (uint32_t n_batch = 1; n_batch <= 6; n_batch++) {
    sotto_engine *e = open_tiny(160 + 32 * (n_batch % 3), n_batch, 1 + n_batch % 3);
    REQUIRE(e != NULL);
    sotto_request requests[4];
    for (uint32_t i = 0; i < 4; i++) requests[i] = make(i + 8 * n_batch);
    compare(e, requests, 4, &totals);
    sotto_engine_free(e);
  }
  check_totals(totals);
}

TEST(lookup_changes_nothing_at_the_end) {
  totals totals = {0, 0};
  sotto_engine *e = open_tiny(96, 32, 1);
  REQUIRE(e != NULL);
  for (uint32_t max_tokens = 40; max_tokens <= 75; max_tokens++) {
    sotto_request request = make(max_tokens % 2 * 8);
    request.max_tokens = max_tokens;
    compare(e, &request, 1, &totals);
  }
  CHECK(totals.accepted > 50);
  sotto_engine_free(e);
}

TEST(lookup_changes_nothing_about_stop_strings) {
  sotto_engine *e = open_tiny(160, 32, 1);
  REQUIRE(e != NULL);
  totals totals = {0, 0};
  sotto_request request = make(0);
  outcome full;
  run_requests(e, &request, 1, &full);
  REQUIRE(full.text_len > 60);
  for (uint32_t at = 1; at + 9 < full.text_len; at += 7) {
    char stop[16] = {0};
    memcpy(stop, full.text + at, 1 + at % 9);
    if (!stop[0] || (unsigned char)stop[0] >= 0x80) continue;
    request.stop = stop;
    request.n_stop = 1;
    compare(e, &request, 1, &totals);
  }
  sotto_engine_free(e);
}

/* Cancelled at any step, in the middle of drafts too: the others and the cache do not notice. */
TEST(lookup_survives_cancelling) {
  sotto_engine *e = open_tiny(512, 16, 3);
  REQUIRE(e != NULL);
  sotto_request requests[3] = {make(64), make(64 + 1), make(64 + 8)};
  trace expected_traces[3], traces[3];
  run_all(e, requests, 3, SOTTO_REQUEST_NO_LOOKUP, 1e9, -1, expected_traces);
  for (long at = 0; at < 700; at += 41) {
    run_all(e, requests, 3, 0, 0, at * 5, traces);
    for (int i = 1; i < 3; i++) CHECK(traces[i].hash == expected_traces[i].hash);
    CHECK(sotto_kv_free_pages(e->kv, 0) == e->kv_shape.groups[0].n_pages);
  }
  sotto_engine_free(e);
}

TEST(lookup_leaves_the_same_state) {
  sotto_engine *e = open_tiny(160, 32, 1);
  REQUIRE(e != NULL);
  for (uint32_t kind = 0; kind < 12; kind++) {
    const sotto_request request = make(kind);
    trace t;
    uint64_t hashes[2];
    for (int without = 0; without < 2; without++) {
      const char *data;
      uint32_t len;
      sotto_engine_clear_cache(e);
      run_all(e, &request, 1, without ? SOTTO_REQUEST_NO_LOOKUP : 0, 1e9, -1, &t);
      REQUIRE(sotto_engine_save_state(e, NULL, 0, &data, &len) == SOTTO_OK);
      hashes[without] = hash_bytes(HASH_START, data, len);
    }
    CHECK(hashes[0] == hashes[1]);
  }
  sotto_engine_free(e);
}

TEST(lookup_saves_passes) {
  sotto_engine *e = open_tiny(160, 32, 1);
  REQUIRE(e != NULL);
  sotto_request request = make(0);
  trace with, without;
  uint32_t passes = run_all(e, &request, 1, SOTTO_REQUEST_NO_LOOKUP, 1e9, -1, &without);
  uint32_t fewer = run_all(e, &request, 1, SOTTO_REQUEST_NO_CACHE, 1e9, -1, &with);
  CHECK(passes - fewer == with.draft_n_accepted && fewer < passes - 20);
  sotto_engine_free(e);
}

/* ---- a draft that overflows ---- */

static struct {
  uint32_t failures;
  bool failed;
} overflow;

static void begin(sotto_backend *b, const sotto_batch *batch) {
  overflow.failed = batch->n_tokens > 1 && batch->n_outputs == batch->n_tokens;
  b->failed_seq = batch->seqs[0];
  sotto_backend_cpu.begin(b, batch);
}

static sotto_run_result run(sotto_backend *b, const bool *ready, double deadline) {
  if (!overflow.failed) return sotto_backend_cpu.run(b, ready, deadline);
  overflow.failures++;
  return SOTTO_RUN_NON_FINITE;
}

TEST(lookup_fails_no_request_because_of_a_draft) {
  sotto_engine *e = open_tiny(160, 32, 1);
  REQUIRE(e != NULL);
  sotto_backend_type failing = sotto_backend_cpu;
  failing.begin = begin;
  failing.run = run;
  e->backend->type = &failing;
  totals totals = {0, 0};
  const sotto_request request = make(0);
  compare(e, &request, 1, &totals);
  CHECK(overflow.failures == 1 && totals.drafted == 3 && totals.accepted == 0);
  e->backend->type = &sotto_backend_cpu;
  sotto_engine_free(e);
}
