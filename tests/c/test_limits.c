/* base/limits.def at the engine's door: what is outside is refused with the field and its range,
 * what is at either end is not. */
#include <math.h>

#include "base/limits.h"
#include "engine_support.h"
#include "platform/pool.h"
#include "test.h"

#define MODEL "models/tiny/tiny-q4_0.gguf"

static const int32_t prompt[] = {1, 2, 3};

/* Sets the field that the limit is about; so does set_field. False if the struct has no such field,
 * or the field cannot hold the value. */
static bool set_option(sotto_engine_options *o, sotto_limit_id id, double value) {
  if (value < 0 || (id != SOTTO_LIMIT_memory_budget && value > UINT32_MAX)) return false;
  switch (id) {
  case SOTTO_LIMIT_n_ctx: o->n_ctx = (uint32_t)value; return true;
  case SOTTO_LIMIT_n_batch: o->n_batch = (uint32_t)value; return true;
  case SOTTO_LIMIT_n_parallel: o->n_parallel = (uint32_t)value; return true;
  case SOTTO_LIMIT_n_threads: o->n_threads = (uint32_t)value; return value > 0; /* 0: default */
  case SOTTO_LIMIT_memory_budget: o->memory_budget = (uint64_t)value; return true;
  default: return false;
  }
}

static bool set_field(sotto_request *r, sotto_limit_id id, double value) {
  static sotto_bias bias = {1, 0};
  const bool is_int = value >= INT32_MIN && value <= INT32_MAX;
  sotto_sampling *s = &r->sampling;
  switch (id) {
  case SOTTO_LIMIT_max_tokens: r->max_tokens = (uint32_t)(int64_t)value; return value >= -1;
  case SOTTO_LIMIT_temperature: s->temperature = (float)value; return true;
  case SOTTO_LIMIT_top_k: s->top_k = is_int ? (int32_t)value : 0; return is_int;
  case SOTTO_LIMIT_top_p: s->top_p = (float)value; return true;
  case SOTTO_LIMIT_min_p: s->min_p = (float)value; return true;
  case SOTTO_LIMIT_typical_p: s->typical_p = (float)value; return true;
  case SOTTO_LIMIT_repeat_penalty: s->repeat_penalty = (float)value; return true;
  case SOTTO_LIMIT_repeat_last_n: s->repeat_last_n = is_int ? (int32_t)value : 0; return is_int;
  case SOTTO_LIMIT_presence_penalty: s->presence_penalty = (float)value; return true;
  case SOTTO_LIMIT_frequency_penalty: s->frequency_penalty = (float)value; return true;
  case SOTTO_LIMIT_top_logprobs:
    r->top_logprobs = value < 0 ? 0 : (uint32_t)value;
    return value >= 0;
  case SOTTO_LIMIT_n_stop:
    r->n_stop = value < 0 ? 0 : (uint32_t)value;
    return value > sotto_limits[id].max;
  case SOTTO_LIMIT_n_logit_bias:
    r->n_logit_bias = value < 0 ? 0 : (uint32_t)value;
    return value > sotto_limits[id].max; /* counted before it is read */
  case SOTTO_LIMIT_logit_bias:
    bias.bias = (float)value;
    r->logit_bias = &bias;
    r->n_logit_bias = 1;
    return true;
  default: return false;
  }
}

/* The values to try: both ends, and what is just outside. */
static double value_of_case(const sotto_limit *limit, int which) {
  const double step = fabs(limit->min) > 1e6 ? 1e30 : limit->min > 0 && limit->min < 1 ? 0.009 : 1;
  switch (which) {
  case 0: return limit->min;
  case 1: return limit->max;
  case 2: return limit->min - step;
  default: return limit->max + step;
  }
}

static const char *field_of(const sotto_limit *limit) {
  if (limit == &sotto_limits[SOTTO_LIMIT_n_stop]) return "stop";
  return limit == &sotto_limits[SOTTO_LIMIT_n_logit_bias] ? "logit_bias" : limit->name;
}

static void check_refused(const sotto_engine *e, const sotto_limit *limit) {
  char range[64];
  snprintf(range, sizeof range, "must be from %.16g to %.16g", limit->min, limit->max);
  CHECK_STR(sotto_engine_error_field(e), field_of(limit));
  CHECK(strncmp(sotto_engine_message(e), limit->name, strlen(limit->name)) == 0);
  if (!CHECK(strstr(sotto_engine_message(e), range) != NULL))
    printf("    %s\n", sotto_engine_message(e));
}

TEST(limits_of_options) {
  uint32_t n = 0;
  for (int id = 0; id < SOTTO_N_LIMITS; id++) {
    for (int which = 1; which < 4; which++) { /* 0 is the default */
      sotto_engine_options options = {.n_ctx = 64};
      if (!set_option(&options, id, value_of_case(&sotto_limits[id], which))) continue;
      sotto_engine *e = sotto_engine_new(&options);
      const char *paths[] = {MODEL};
      sotto_memory_plan plan;
      const sotto_status status = feed_headers(e, paths, 1, (delivery){0}, &plan);
      CHECK(status == (which == 1 ? SOTTO_OK : SOTTO_ERR_INVALID_ARGUMENT));
      if (which > 1) check_refused(e, &sotto_limits[id]);
      sotto_engine_free(e);
      n++;
    }
  }
  CHECK(n == 2 * 5);
  CHECK(sotto_limits[SOTTO_LIMIT_n_threads].max == SOTTO_MAX_THREADS);
}

TEST(limits_of_requests) {
  sotto_engine_options options = {.n_ctx = 64, .n_parallel = 1};
  sotto_engine *e = open_model(MODEL, &options, (delivery){0});
  REQUIRE(e != NULL);
  uint32_t id, n = 0;
  for (int limit = 0; limit < SOTTO_N_LIMITS; limit++) {
    for (int which = 0; which < 4; which++) {
      sotto_request request = greedy(prompt, 3, 1, 0);
      if (!set_field(&request, limit, value_of_case(&sotto_limits[limit], which))) continue;
      const sotto_status status = sotto_engine_add_request(e, &request, &id);
      if (!CHECK(status == (which < 2 ? SOTTO_OK : SOTTO_ERR_INVALID_ARGUMENT)))
        printf("    %s, %d: %s\n", sotto_limits[limit].name, which, sotto_engine_message(e));
      if (which > 1) check_refused(e, &sotto_limits[limit]);
      if (status == SOTTO_OK) CHECK(sotto_engine_cancel(e, id) == SOTTO_OK);
      sotto_event event;
      while (sotto_engine_next_event(e, &event)) CHECK(event.type == SOTTO_EVENT_DONE);
      n++;
    }
  }
  CHECK(n > 40);
  /* NaN is nowhere in range, and a bias may ban. */
  sotto_request request = greedy(prompt, 3, 1, 0);
  for (int limit = 0; limit < SOTTO_N_LIMITS; limit++) {
    const bool is_float = limit == SOTTO_LIMIT_temperature || limit == SOTTO_LIMIT_top_p ||
                          limit == SOTTO_LIMIT_repeat_penalty || limit == SOTTO_LIMIT_logit_bias;
    if (!is_float) continue;
    request = greedy(prompt, 3, 1, 0);
    set_field(&request, limit, NAN);
    CHECK(sotto_engine_add_request(e, &request, &id) == SOTTO_ERR_INVALID_ARGUMENT);
    check_refused(e, &sotto_limits[limit]);
  }
  request = greedy(prompt, 3, 1, 0);
  set_field(&request, SOTTO_LIMIT_logit_bias, -INFINITY);
  CHECK(sotto_engine_add_request(e, &request, &id) == SOTTO_OK);
  sotto_engine_free(e);
}

/* Failures that no range states name their field, and other failures none. */
TEST(limits_other_fields) {
  sotto_engine_options options = {.n_ctx = 64};
  sotto_engine *e = open_model(MODEL, &options, (delivery){0});
  REQUIRE(e != NULL);
  uint32_t id;
  static const int32_t unknown[] = {1, 100000};
  static const char long_stop[1026] = {[0 ... 1024] = 'x'};
  sotto_request request = greedy(unknown, 2, 1, 0);
  CHECK(sotto_engine_add_request(e, &request, &id) == SOTTO_ERR_INVALID_ARGUMENT);
  CHECK_STR(sotto_engine_error_field(e), "prompt");
  request = greedy(prompt, 3, 1, 0);
  request.stop = long_stop;
  request.n_stop = 1;
  CHECK(sotto_engine_add_request(e, &request, &id) == SOTTO_ERR_INVALID_ARGUMENT);
  CHECK_STR(sotto_engine_error_field(e), "stop");
  CHECK(sotto_engine_cancel(e, 77) == SOTTO_ERR_INVALID_ARGUMENT);
  CHECK_STR(sotto_engine_error_field(e), "");
  sotto_engine_free(e);
}
