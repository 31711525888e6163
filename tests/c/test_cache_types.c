/* The engine with every type of KV cache: close to float32, the same bits whatever the cuts and the
 * company, memory as planned, states of one type only. The model is a tiny one whose header makes
 * two heads of 32 of its four of 16, since blocks of 32 need them. */
#include <math.h>
#include <stdlib.h>

#include "engine_support.h"
#include "test.h"

enum { N_PROMPT = 40, N_VOCAB = 300 };
#define FLAGS (SOTTO_REQUEST_PROMPT_LOGITS | SOTTO_REQUEST_LOGITS | SOTTO_REQUEST_IGNORE_EOS)

static const char *const names[] = {
#define K(NAME, name) #NAME,
#include "kernels/kv_types.def"
#undef K
};
static int32_t prompt[N_PROMPT];

static char *wide_heads(const char *path, size_t *len) {
  static const struct {
    const char *key;
    uint32_t value;
  } changes[] = {
      {"llama.attention.head_count_kv", 1},
      {"llama.attention.head_count", 2},
      {"llama.rope.dimension_count", 32},
  };
  char *data = test_read_file(path, len);
  for (size_t i = 0; data && i < sizeof changes / sizeof *changes; i++) {
    char *at = value_of(data, *len, changes[i].key);
    if (!CHECK(at != NULL)) break;
    memcpy(at, &changes[i].value, sizeof changes[i].value);
  }
  for (int i = 0; i < N_PROMPT; i++) prompt[i] = (i * 37 + 5) % N_VOCAB;
  return data;
}

static sotto_engine *open_wide(const char *path, sotto_engine_options options) {
  size_t len;
  char *data = wide_heads(path, &len);
  if (!data) return NULL;
  sotto_engine *e = sotto_engine_new(&options);
  if (!CHECK(load_bytes(e, data, len) == SOTTO_OK)) puts(sotto_engine_message(e));
  free(data);
  return e;
}

static sotto_engine_options with(uint32_t k, uint32_t v) {
  return (sotto_engine_options){
      .n_ctx = 128, .n_batch = 32, .n_parallel = 3, .cache_type_k = k, .cache_type_v = v};
}

/* Log-probabilities of every token behind every token of the prompt. */
static void prompt_logprobs(sotto_engine *e, double out[N_PROMPT][N_VOCAB]) {
  sotto_request request = greedy(prompt, N_PROMPT, 0, SOTTO_REQUEST_PROMPT_LOGITS);
  uint32_t id, rows = 0;
  CHECK(sotto_engine_add_request(e, &request, &id) == SOTTO_OK);
  for (bool done = false; !done;) {
    sotto_engine_step(e, 1e9);
    for (sotto_event event; sotto_engine_next_event(e, &event);) {
      done |= event.type == SOTTO_EVENT_DONE;
      if (event.type != SOTTO_EVENT_LOGITS) continue;
      double sum = 0, *row = out[event.position];
      for (int v = 0; v < N_VOCAB; v++) sum += exp((double)event.logits[v]);
      for (int v = 0; v < N_VOCAB; v++) row[v] = (double)event.logits[v] - log(sum);
      rows++;
    }
  }
  CHECK(rows == N_PROMPT);
}

static double largest_difference(double a[N_PROMPT][N_VOCAB], double b[N_PROMPT][N_VOCAB]) {
  double largest = 0;
  for (int i = 0; i < N_PROMPT; i++)
    for (int v = 0; v < N_VOCAB; v++) largest = fmax(largest, fabs(a[i][v] - b[i][v]));
  return largest;
}

TEST(cache_types_are_as_near_to_float32_as_they_should) {
  static double naive[N_PROMPT][N_VOCAB], ours[N_PROMPT][N_VOCAB];
  static const double bounds[] = {2e-2, 5e-1, 1e-4};
  sotto_engine_options options = with(SOTTO_CACHE_Q8_0, SOTTO_CACHE_Q8_0);
  options.backend = SOTTO_BACKEND_NAIVE; /* keeps float32 all the same */
  sotto_engine *e = open_wide("models/tiny/tiny-f32.gguf", options);
  REQUIRE(e != NULL);
  prompt_logprobs(e, naive);
  sotto_engine_free(e);
  for (uint32_t k = 0; k < SOTTO_N_CACHE_TYPES; k++)
    for (uint32_t v = 0; v < SOTTO_N_CACHE_TYPES; v++) {
      e = open_wide("models/tiny/tiny-f32.gguf", with(k, v));
      REQUIRE(e != NULL);
      prompt_logprobs(e, ours);
      const double bound = fmax(bounds[k], bounds[v]);
      const double difference = largest_difference(naive, ours);
      /* Nor nearer than the coarser type can be: the option has reached the cache. */
      if (!CHECK(difference < bound && (difference > bound / 100 || bound < 1e-3)))
        printf("    %s %s: %g\n", names[k], names[v], difference);
      sotto_engine_free(e);
    }
}

TEST(cache_types_give_the_same_bits_for_any_cut_company_and_number_of_threads) {
  for (uint32_t k = 0; k < SOTTO_N_CACHE_TYPES; k++) {
    const uint32_t v = (k + k / 2) % 3; /* F16 F16, Q8_0 Q8_0, F32 F16 */
    uint64_t first = 0;
    for (uint32_t n_threads = 1; n_threads <= 4; n_threads++) {
      sotto_engine_options options = with(k, v);
      options.n_threads = n_threads;
      options.n_batch = 47 - 11 * n_threads;
      options.variant = n_threads == 4 ? SOTTO_VARIANT_SCALAR : SOTTO_VARIANT_AUTO;
      sotto_engine *e = open_wide("models/tiny/tiny-q8_0.gguf", options);
      REQUIRE(e != NULL);
      sotto_request requests[2] = {greedy(prompt, N_PROMPT, 12, FLAGS | SOTTO_REQUEST_NO_CACHE),
                                   greedy(prompt + 3, 33, 9, FLAGS | SOTTO_REQUEST_NO_CACHE)};
      outcome o[2];
      run_requests(e, requests, n_threads % 2 ? 2 : 1, o);
      if (!first) first = o[0].hash;
      CHECK(o[0].n_logits == N_PROMPT + 12 && o[0].hash == first);
      sotto_engine_free(e);
    }
  }
}

/* A shared page is copied before it is written; what was cached gives the bits
 * that were computed. */
TEST(cache_types_share_prefixes) {
  for (uint32_t k = 0; k < SOTTO_N_CACHE_TYPES; k++) {
    sotto_engine *e = open_wide("models/tiny/tiny-q4_0.gguf", with(k, SOTTO_CACHE_Q8_0));
    REQUIRE(e != NULL);
    const uint32_t flags = SOTTO_REQUEST_LOGITS | SOTTO_REQUEST_IGNORE_EOS;
    sotto_request cold = greedy(prompt, N_PROMPT, 6, flags | SOTTO_REQUEST_NO_CACHE);
    sotto_request both[2] = {greedy(prompt, N_PROMPT, 6, flags), greedy(prompt, 36, 9, flags)};
    outcome expected[2], o[2];
    run_requests(e, &cold, 1, &expected[0]);
    cold.n_tokens = 36, cold.max_tokens = 9;
    run_requests(e, &cold, 1, &expected[1]);
    run_requests(e, both, 2, o);
    run_requests(e, both, 2, o);
    for (int i = 0; i < 2; i++) CHECK(o[i].cache_n > 30 && o[i].hash == expected[i].hash);
    sotto_engine_free(e);
  }
}

TEST(cache_types_are_planned_and_states_are_of_one_type) {
  const char *path = "models/tiny/tiny-q4_1.gguf";
  char *states[3];
  uint32_t lengths[3], n;
  static const uint64_t bytes[] = {2 * 32, 34, 4 * 32}; /* of a head */
  for (uint32_t k = 0; k < 3; k++) {
    const uint32_t v = (k + 1) % 3;
    sotto_engine *e = open_wide(path, with(k, v));
    REQUIRE(e != NULL);
    sotto_memory_plan plan;
    CHECK(sotto_engine_plan(e, &plan) == SOTTO_OK);
    CHECK(plan.per_position == 2 * (bytes[k] + bytes[v]) && plan.kv == 128 * plan.per_position);
    sotto_request request = greedy(prompt, N_PROMPT, 2, SOTTO_REQUEST_IGNORE_EOS);
    outcome o;
    run_requests(e, &request, 1, &o);
    CHECK(sotto_engine_bytes_peak(e) <= plan.total + plan.total / 50 + 8192);
    const char *data;
    REQUIRE(sotto_engine_save_state(e, prompt, N_PROMPT, &data, &lengths[k]) == SOTTO_OK);
    states[k] = malloc(lengths[k]);
    memcpy(states[k], data, lengths[k]);
    sotto_engine_free(e);
  }
  for (uint32_t k = 0; k < 3; k++) {
    sotto_engine *e = open_wide(path, with(k, (k + 1) % 3));
    REQUIRE(e != NULL);
    for (uint32_t from = 0; from < 3; from++) {
      sotto_status status = sotto_engine_load_state(e, states[from], lengths[from], &n);
      CHECK(status == (from == k ? SOTTO_OK : SOTTO_ERR_INVALID_STATE));
      if (from != k) CHECK(strstr(sotto_engine_message(e), "cache type") != NULL);
    }
    sotto_engine_free(e);
  }
  for (uint32_t k = 0; k < 3; k++) free(states[k]);
}

TEST(cache_types_that_the_model_or_the_engine_does_not_have_are_refused) {
  static const struct {
    uint32_t k, v;
    const char *says;
  } cases[] = {
      {SOTTO_CACHE_Q8_0, SOTTO_CACHE_F16, "cache_type_k Q8_0 takes blocks of 32"},
      {SOTTO_CACHE_F32, SOTTO_CACHE_Q8_0, "cache_type_v Q8_0 takes blocks of 32"},
      {3, SOTTO_CACHE_F16, "cache_type_k is 3"},
      {SOTTO_CACHE_F16, UINT32_MAX, "cache_type_v is 4294967295"},
  };
  const char *path = "models/tiny/tiny-q8_0.gguf"; /* heads of 16 */
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    sotto_engine_options options = with(cases[i].k, cases[i].v);
    sotto_engine *e = sotto_engine_new(&options);
    sotto_memory_plan plan;
    CHECK(feed_headers(e, &path, 1, (delivery){0}, &plan) == SOTTO_ERR_INVALID_ARGUMENT);
    CHECK(strstr(sotto_engine_message(e), cases[i].says) != NULL);
    sotto_engine_free(e);
  }
}

/* Keys and values that overflow are an error of the request for every type. */
TEST(cache_types_refuse_what_is_not_finite) {
  for (uint32_t type = 0; type < SOTTO_N_CACHE_TYPES; type++) {
    size_t len;
    char *data = wide_heads("models/tiny/tiny-f32.gguf", &len);
    REQUIRE(data != NULL);
    for (int i = 0; i < 64; i++)
      memcpy(tensor_data(data, len, "blk.0.attn_norm.weight") + 4 * i, &(float){3e38f}, 4);
    sotto_engine_options options = with(type, type);
    sotto_engine *e = sotto_engine_new(&options);
    CHECK(load_bytes(e, data, len) == SOTTO_OK);
    sotto_request request = greedy(prompt, 5, 3, SOTTO_REQUEST_IGNORE_EOS);
    outcome o;
    run_requests(e, &request, 1, &o);
    CHECK(o.status == SOTTO_ERR_NON_FINITE_LOGITS && o.n_tokens == 0);
    CHECK(strstr(sotto_engine_message(e), "are not finite in the cache") != NULL);
    CHECK(strstr(sotto_engine_message(e), names[type]) != NULL);
    sotto_engine_free(e);
    free(data);
  }
}
