/* Prompts that are computed while weights arrive: as far as the weights are, with the same bits,
 * and with an end to every way of giving up. */
#include <stdlib.h>

#include "engine_support.h"
#include "test.h"

#define TINY(type) "models/tiny/tiny-" type ".gguf"
enum { N = 100 };

static int32_t prompt[N + 1];

static const int32_t *make_prompt(void) {
  for (int i = 0; i <= N; i++) prompt[i] = 3 + i * 37 % 280;
  return prompt;
}

static const sotto_engine_options small = {.n_ctx = 128, .n_batch = 16, .n_parallel = 3};
static const delivery whole = {0};

/* An engine that has begun to load, with the file that it is fed from. */
typedef struct loading {
  sotto_engine *e;
  char *data;
  size_t len;
} loading;

static bool begin(loading *l, const char *path, const sotto_engine_options *options,
                  uint32_t n_prefill) {
  sotto_memory_plan plan;
  l->data = test_read_file(path, &l->len);
  l->e = sotto_engine_new(options);
  return l->data && CHECK(feed_headers(l->e, &path, 1, whole, &plan) == SOTTO_OK) &&
         CHECK(sotto_engine_plan_prefill(l->e, n_prefill, &plan) == SOTTO_OK) &&
         CHECK(sotto_engine_start_load(l->e) == SOTTO_OK);
}

static void end(loading *l) {
  sotto_engine_free(l->e);
  free(l->data);
}

/* The next tile row in program order; false when there is none. */
static bool feed_piece(loading *l) {
  sotto_range r;
  if (!CHECK(sotto_engine_next_range(l->e, 1, &r) == SOTTO_OK) || r.length == 0) return false;
  return CHECK(sotto_engine_feed(l->e, r.file, r.offset, l->data + r.offset, (uint32_t)r.length) ==
               SOTTO_OK);
}

/* Step and feed in turn until so many requests are done. Returns how many prompt tokens of the
 * first were computed when only the last piece was missing that it needs. */
static uint32_t run_while_loading(loading *l, uint32_t first_id, uint32_t n, outcome *outcomes) {
  uint32_t done = 0, computed = 0;
  for (uint32_t i = 0; i < n; i++) outcomes[i] = (outcome){.hash = HASH_START};
  while (done < n) {
    uint32_t now;
    sotto_step_result result = sotto_engine_step(l->e, 0);
    done += drain(l->e, outcomes, first_id, n);
    if (result != SOTTO_STEP_WAIT_WEIGHTS) continue;
    CHECK(sotto_engine_prompt_progress(l->e, first_id, &now) == SOTTO_OK);
    CHECK(now >= computed && now < N);
    computed = now;
    if (!CHECK(feed_piece(l))) break;
  }
  return computed;
}

static outcome answer(sotto_engine *e) {
  outcome o;
  sotto_request request = greedy(prompt, N + 1, 8, SOTTO_REQUEST_LOGITS | SOTTO_REQUEST_IGNORE_EOS);
  run_requests(e, &request, 1, &o);
  return o;
}

/* A snapshot of the prompt's keys and values; free() it. */
static char *state_of(sotto_engine *e, uint32_t *len) {
  const char *data;
  if (!CHECK(sotto_engine_save_state(e, prompt, N, &data, len) == SOTTO_OK)) return NULL;
  return memcpy(malloc(*len), data, *len);
}

static void check_prefill(const char *path, const sotto_engine_options *options) {
  sotto_request fill = greedy(make_prompt(), N, 0, 0);
  loading l;
  outcome o;
  uint32_t id;
  REQUIRE(begin(&l, path, options, N));
  REQUIRE(sotto_engine_add_request(l.e, &fill, &id) == SOTTO_OK);
  /* All but the second layer's share of one part has been waiting for its last matrix. */
  CHECK(run_while_loading(&l, id, 1, &o) > N * 2 / 5);
  CHECK(o.finish_reason == SOTTO_FINISH_LENGTH && o.n_tokens == 0 && o.text_len == 0);
  uint64_t loaded, total;
  sotto_engine_load_progress(l.e, &loaded, &total);
  CHECK(loaded < total); /* it needs nothing of the output */
  CHECK(sotto_engine_prompt_progress(l.e, id, &id) == SOTTO_ERR_INVALID_ARGUMENT);
  while (feed_piece(&l)) {
  }

  sotto_engine *cold = open_model(path, options, whole);
  REQUIRE(cold != NULL);
  outcome expected = answer(cold), warm = answer(l.e);
  CHECK(expected.cache_n == 0 && warm.cache_n == N);
  CHECK(warm.hash == expected.hash && warm.n_logits == 8);
  uint32_t lens[2] = {0, 0};
  char *states[] = {state_of(cold, &lens[0]), state_of(l.e, &lens[1])};
  CHECK(lens[0] == lens[1] && memcmp(states[0], states[1], lens[0]) == 0);
  free(states[0]);
  free(states[1]);
  sotto_engine_free(cold);
  end(&l);
}

TEST(prefill_goes_as_far_as_the_weights_with_the_same_bits) {
  static const char *const paths[] = {TINY("q8_0"),
                                      TINY("q4_1"),
                                      TINY("f16"),
                                      TINY("f32"),
                                      "models/tiny/family-gemma3.gguf",
                                      "models/tiny/family-lfm2.gguf",
                                      "models/tiny/family-qwen2moe.gguf",
                                      "models/tiny/family-qwen3moe-mixed.gguf"};
  for (uint32_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    for (uint32_t n_batch = 7; n_batch <= 63; n_batch = n_batch * 3) {
      sotto_engine_options options = small;
      options.n_batch = n_batch;
      options.n_threads = 1 + i % 3;
      check_prefill(paths[i], &options);
    }
  }
  sotto_engine_options naive = small;
  naive.backend = SOTTO_BACKEND_NAIVE;
  check_prefill(TINY("q8_0"), &naive);
}

/* Prompts of several requests share the long batch; one of them wants its answer. */
TEST(prefill_of_several_requests_in_one_batch) {
  make_prompt();
  const uint32_t flags = SOTTO_REQUEST_LOGITS | SOTTO_REQUEST_IGNORE_EOS;
  const sotto_request requests[] = {
      greedy(prompt, 37, 0, 0),
      greedy(prompt + 20, 29, 5, flags),
      greedy(prompt + 50, 12, 3, flags | SOTTO_REQUEST_PROMPT_LOGITS),
  };
  loading l;
  outcome o[3], expected[3];
  uint32_t ids[3];
  REQUIRE(begin(&l, TINY("q5_0"), &small, N));
  for (int i = 0; i < 3; i++)
    REQUIRE(sotto_engine_add_request(l.e, &requests[i], &ids[i]) == SOTTO_OK);
  for (int i = 0; i < 3; i++) o[i] = (outcome){.hash = HASH_START};
  for (uint32_t done = 0; done < 3;) {
    const sotto_step_result result = sotto_engine_step(l.e, 1e9);
    done += drain(l.e, o, ids[0], 3);
    if (result == SOTTO_STEP_WAIT_WEIGHTS) REQUIRE(feed_piece(&l));
  }
  sotto_engine *ready = open_model(TINY("q5_0"), &small, whole);
  REQUIRE(ready != NULL);
  run_requests(ready, requests, 3, expected);
  for (int i = 0; i < 3; i++) {
    CHECK(o[i].hash == expected[i].hash && o[i].n_logits == expected[i].n_logits);
    CHECK(o[i].n_tokens == requests[i].max_tokens);
  }
  sotto_engine_free(ready);
  end(&l);
}

/* Without a plan for it, a batch of the usual length waits at the missing weight. */
TEST(prefill_without_a_plan_stops_with_its_first_batch) {
  sotto_request fill = greedy(make_prompt(), N, 0, 0);
  loading l;
  outcome o;
  uint32_t id;
  REQUIRE(begin(&l, TINY("q8_0"), &small, 0));
  REQUIRE(sotto_engine_add_request(l.e, &fill, &id) == SOTTO_OK);
  CHECK(run_while_loading(&l, id, 1, &o) <= 16);
  end(&l);
}

/* With the model there, the plan changes nothing: neighbours wait for short batches only. */
TEST(prefill_plan_leaves_batches_alone_once_loaded) {
  sotto_request fill = greedy(make_prompt(), N, 0, 0);
  loading l;
  sotto_event event;
  uint32_t id;
  REQUIRE(begin(&l, TINY("q8_0"), &small, N));
  while (feed_piece(&l)) {
  }
  REQUIRE(sotto_engine_add_request(l.e, &fill, &id) == SOTTO_OK);
  REQUIRE(sotto_engine_step(l.e, 1e9) == SOTTO_STEP_EVENTS);
  REQUIRE(sotto_engine_next_event(l.e, &event));
  CHECK(event.type == SOTTO_EVENT_PROMPT && event.prompt_done == 16);
  end(&l);
}

TEST(prefill_can_be_cancelled_and_given_up_at_any_point) {
  sotto_request fill = greedy(make_prompt(), N, 0, 0);
  uint64_t expected = 0;
  for (uint32_t stop_at = 0; stop_at < 150; stop_at += 3) {
    loading l;
    outcome o = {.hash = HASH_START};
    uint32_t id;
    REQUIRE(begin(&l, TINY("q5_0"), &small, N));
    REQUIRE(sotto_engine_add_request(l.e, &fill, &id) == SOTTO_OK);
    for (uint32_t i = 0; i < stop_at && feed_piece(&l); i++) sotto_engine_step(l.e, 0);
    if (stop_at % 2) { /* else freed as it is */
      uint32_t done = drain(l.e, &o, id, 1);
      if (!done && CHECK(sotto_engine_cancel(l.e, id) == SOTTO_OK)) {
        CHECK(drain(l.e, &o, id, 1) == 1 && o.finish_reason == SOTTO_FINISH_CANCELLED);
      }
      while (feed_piece(&l)) {
      }
      uint64_t hash = answer(l.e).hash;
      if (!expected) expected = hash;
      CHECK(hash == expected);
    }
    end(&l);
  }
}

TEST(prefill_plan_is_checked) {
  const char *path = TINY("q8_0");
  sotto_memory_plan plan, planned;
  sotto_engine *e = sotto_engine_new(&small);
  CHECK(sotto_engine_plan_prefill(e, N, &plan) == SOTTO_ERR_INVALID_ARGUMENT);
  REQUIRE(feed_headers(e, &path, 1, whole, &plan) == SOTTO_OK);
  CHECK(sotto_engine_plan_prefill(e, 129, &planned) == SOTTO_ERR_CONTEXT_LENGTH);
  CHECK(strstr(sotto_engine_message(e), "129 tokens and n_ctx is 128") != NULL);
  CHECK(sotto_engine_plan_prefill(e, 128, &planned) == SOTTO_OK);
  CHECK(planned.fits && planned.scratch > plan.scratch);
  /* one row of the residual stream and one of rotary angles a token, and the batch's own lists */
  CHECK(planned.scratch - plan.scratch <= (128 - 16) * (4 * (64 + 16) + 24) + 256);
  CHECK(planned.total - plan.total == planned.scratch - plan.scratch);
  CHECK(sotto_engine_plan_prefill(e, 0, &planned) == SOTTO_OK);
  CHECK(planned.total == plan.total);
  REQUIRE(sotto_engine_start_load(e) == SOTTO_OK);
  CHECK(sotto_engine_plan_prefill(e, N, &planned) == SOTTO_ERR_INVALID_ARGUMENT);
  sotto_engine_free(e);
}

/* No memory for it is no failure: the prompt goes through in short batches. */
TEST(prefill_keeps_to_the_budget) {
  const char *path = TINY("q8_0");
  sotto_memory_plan plan;
  sotto_engine *e = sotto_engine_new(&small);
  REQUIRE(feed_headers(e, &path, 1, whole, &plan) == SOTTO_OK);
  sotto_engine_free(e);
  sotto_engine_options options = small;
  options.memory_budget = plan.total;
  sotto_request fill = greedy(make_prompt(), N, 0, 0);
  loading l;
  outcome o;
  uint32_t id;
  REQUIRE(begin(&l, path, &options, N));
  REQUIRE(sotto_engine_plan(l.e, &plan) == SOTTO_OK);
  CHECK(plan.total == options.memory_budget);
  REQUIRE(sotto_engine_add_request(l.e, &fill, &id) == SOTTO_OK);
  CHECK(run_while_loading(&l, id, 1, &o) <= 16);
  end(&l);
}

TEST(prefill_plan_foretells_the_memory_used) {
  sotto_request fill = greedy(make_prompt(), N, 0, 0);
  loading l;
  outcome o;
  uint32_t id;
  sotto_memory_plan plan;
  REQUIRE(begin(&l, TINY("q4_0"), &small, N));
  REQUIRE(sotto_engine_plan(l.e, &plan) == SOTTO_OK);
  REQUIRE(sotto_engine_add_request(l.e, &fill, &id) == SOTTO_OK);
  run_while_loading(&l, id, 1, &o);
  CHECK(sotto_engine_bytes_peak(l.e) <= plan.total + plan.total / 50 + 8192);
  end(&l);
}

/* Keys of the second layer overflow: the request fails by its position, the engine goes on. */
TEST(prefill_names_what_is_not_finite) {
  sotto_request fill = greedy(make_prompt(), N, 0, 0);
  loading l;
  outcome o;
  uint32_t id;
  REQUIRE(begin(&l, TINY("q8_0"), &small, N));
  for (int i = 0; i < 64; i++)
    memcpy(tensor_data(l.data, l.len, "blk.1.attn_norm.weight") + 4 * i, &(float){3e38f}, 4);
  REQUIRE(sotto_engine_add_request(l.e, &fill, &id) == SOTTO_OK);
  run_while_loading(&l, id, 1, &o);
  CHECK(o.finish_reason == SOTTO_FINISH_ERROR && o.status == SOTTO_ERR_NON_FINITE_LOGITS);
  CHECK(strstr(sotto_engine_message(l.e), "layer 1 at position 0 ") != NULL);
  end(&l);
}
