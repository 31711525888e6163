#include "engine_support.h"

#include <stdlib.h>

#include "api/engine.h"
#include "test.h"

typedef struct random_cuts {
  uint32_t state;
} random_cuts;

static uint32_t next(random_cuts *r) {
  r->state = r->state * 1664525u + 1013904223u;
  return r->state >> 8;
}

/* The next piece of `left` bytes: small, medium and large ones mixed. */
static uint32_t cut(random_cuts *r, uint64_t left) {
  static const uint32_t sizes[] = {1, 7, 64, 700, 5000, 70000};
  uint64_t n = r->state ? 1 + next(r) % sizes[next(r) % 6] : left;
  return (uint32_t)(n < left ? n : left);
}

sotto_status feed_headers(sotto_engine *e, const char *const *paths, uint32_t n_files, delivery how,
                          sotto_memory_plan *plan) {
  random_cuts r = {how.seed};
  SOTTO_TRY(sotto_engine_set_files(e, n_files));
  for (uint32_t f = 0; f < n_files; f++) {
    size_t len = 0;
    char *data = test_read_file(paths[f], &len);
    sotto_status status = sotto_engine_set_file_size(e, f, len);
    uint32_t done = 0, consumed;
    for (size_t at = 0; status == SOTTO_OK && !done && at < len;) {
      uint32_t n = cut(&r, len - at);
      status = sotto_engine_feed_header(e, f, data + at, n, &consumed, &done);
      at += n;
    }
    if (status == SOTTO_OK && !done) status = sotto_engine_end_header(e, f);
    free(data);
    if (status != SOTTO_OK) return status;
  }
  return sotto_engine_plan(e, plan);
}

static sotto_status next_range(sotto_engine *e, delivery how, uint32_t file, sotto_range *range) {
  uint64_t max = how.max_range ? how.max_range : 1 << 20;
  return how.stream ? sotto_engine_stream_range(e, file, range)
                    : sotto_engine_next_range(e, max, range);
}

/* Up to three ranges are open at a time and fed in turn, as parallel requests would. */
static sotto_status feed_ranges(sotto_engine *e, char *const *data, uint32_t n_files,
                                delivery how) {
  enum { OPEN = 3 };
  random_cuts r = {how.seed};
  sotto_range ranges[OPEN] = {{0}};
  uint32_t file = 0;
  for (bool more = true, working = true; working;) {
    working = false;
    for (int i = 0; i < OPEN; i++) {
      sotto_range *range = &ranges[i];
      if (range->length == 0 && more) {
        SOTTO_TRY(next_range(e, how, file, range));
        file++;
        if (how.stream ? file == n_files : range->length == 0) more = false;
      }
      if (range->length == 0) continue;
      working = true;
      uint32_t n = cut(&r, range->length);
      SOTTO_TRY(
          sotto_engine_feed(e, range->file, range->offset, data[range->file] + range->offset, n));
      range->offset += n;
      range->length -= n;
    }
  }
  return SOTTO_OK;
}

sotto_status feed_body(sotto_engine *e, const char *const *paths, uint32_t n_files, delivery how) {
  char *data[8] = {0};
  for (uint32_t f = 0; f < n_files; f++) {
    size_t len;
    data[f] = test_read_file(paths[f], &len);
  }
  sotto_status status = feed_ranges(e, data, n_files, how);
  for (uint32_t f = 0; f < n_files; f++) free(data[f]);
  return status;
}

sotto_status load_bytes(sotto_engine *e, const char *data, size_t len) {
  uint32_t consumed, done;
  sotto_memory_plan plan;
  SOTTO_TRY(sotto_engine_set_file_size(e, 0, len));
  SOTTO_TRY(sotto_engine_feed_header(e, 0, data, (uint32_t)len, &consumed, &done));
  if (!done) SOTTO_TRY(sotto_engine_end_header(e, 0));
  SOTTO_TRY(sotto_engine_plan(e, &plan));
  SOTTO_TRY(sotto_engine_start_load(e));
  char *const files[] = {(char *)data};
  return feed_ranges(e, files, 1, (delivery){0});
}

sotto_engine *open_model(const char *path, const sotto_engine_options *options, delivery how) {
  sotto_engine *e = sotto_engine_new(options);
  sotto_memory_plan plan;
  sotto_status status = feed_headers(e, &path, 1, how, &plan);
  if (status == SOTTO_OK) status = sotto_engine_start_load(e);
  if (status == SOTTO_OK) status = feed_body(e, &path, 1, how);
  if (!CHECK(status == SOTTO_OK)) {
    printf("    %s: %s\n", path, sotto_engine_message(e));
    sotto_engine_free(e);
    return NULL;
  }
  return e;
}

uint64_t hash_bytes(uint64_t hash, const void *data, size_t len) {
  const unsigned char *bytes = data;
  for (size_t i = 0; i < len; i++) hash = (hash ^ bytes[i]) * 1099511628211ull;
  return hash;
}

uint32_t drain(sotto_engine *e, outcome *outcomes, uint32_t first_id, uint32_t n) {
  uint32_t done = 0;
  sotto_model_info info;
  sotto_engine_info(e, &info);
  for (sotto_event event; sotto_engine_next_event(e, &event);) {
    if (!CHECK(event.request >= first_id && event.request < first_id + n)) continue;
    outcome *o = &outcomes[event.request - first_id];
    if (event.logits) {
      o->hash = hash_bytes(o->hash, event.logits, info.n_vocab * sizeof(float));
      o->n_logits++;
    }
    if (event.type == SOTTO_EVENT_TOKEN && o->n_tokens < 256)
      o->tokens[o->n_tokens++] = event.token;
    if (o->text_len + event.text_len < sizeof o->text) {
      memcpy(o->text + o->text_len, event.text, event.text_len);
      o->text_len += event.text_len;
      o->text[o->text_len] = 0;
    }
    if (event.type == SOTTO_EVENT_DONE) {
      o->finish_reason = event.finish_reason;
      o->status = event.status;
      o->cache_n = event.cache_n;
      o->draft_n = event.draft_n;
      o->draft_n_accepted = event.draft_n_accepted;
      done++;
    }
  }
  return done;
}

void run_requests(sotto_engine *e, const sotto_request *requests, uint32_t n, outcome *outcomes) {
  uint32_t first_id = 0;
  memset(outcomes, 0, n * sizeof *outcomes);
  for (uint32_t i = 0; i < n; i++) {
    uint32_t id;
    outcomes[i].hash = HASH_START;
    if (!CHECK(sotto_engine_add_request(e, &requests[i], &id) == SOTTO_OK)) {
      printf("    %s\n", sotto_engine_message(e));
      return;
    }
    if (i == 0) first_id = id;
  }
  uint32_t done = 0;
  for (long steps = 0; done < n && CHECK(steps < 1000000); steps++) {
    sotto_step_result result = sotto_engine_step(e, 1e9);
    done += drain(e, outcomes, first_id, n);
    if (!CHECK(result != SOTTO_STEP_WAIT_WEIGHTS)) return;
    if (result == SOTTO_STEP_IDLE && !CHECK(done == n)) return;
  }
}

sotto_request greedy(const int32_t *tokens, uint32_t n_tokens, uint32_t n_new, uint32_t flags) {
  sotto_request request;
  sotto_request_default(&request);
  request.tokens = tokens;
  request.n_tokens = n_tokens;
  request.max_tokens = n_new;
  request.sampling.temperature = 0;
  request.flags = flags;
  return request;
}

char *value_of(char *data, size_t len, const char *key) {
  const uint64_t n = strlen(key); /* which stands in front of the key */
  for (size_t i = sizeof n; i + n < len; i++) {
    if (memcmp(data + i - sizeof n, &n, sizeof n) == 0 && memcmp(data + i, key, n) == 0)
      return data + i + n + 4;
  }
  return NULL;
}

char *tensor_data(char *data, size_t len, const char *name) {
  sotto_engine_options options;
  sotto_engine_options_default(&options);
  sotto_engine *e = sotto_engine_new(&options);
  const char *json, *found;
  uint32_t json_len, consumed, done;
  char key[128];
  unsigned long long offset = 0;
  sotto_engine_feed_header(e, 0, data, (uint32_t)len, &consumed, &done);
  CHECK(sotto_engine_describe(e, 1, &json, &json_len) == SOTTO_OK);
  snprintf(key, sizeof key, "\"name\": \"%s\"", name);
  found = strstr(json, key);
  if (CHECK(found != NULL)) sscanf(strstr(found, "\"offset\": "), "\"offset\": %llu", &offset);
  sotto_engine_free(e);
  return data + offset;
}

/* Fails once, at the n-th call; user: long *n, which is 0 afterwards. */
static void *failing_alloc(void *user, void *ptr, size_t old_size, size_t new_size) {
  long *left = user;
  (void)old_size;
  if (new_size == 0) {
    free(ptr);
    return NULL;
  }
  if (*left > 0 && --*left == 0) return NULL;
  return realloc(ptr, new_size);
}

void survive_failed_allocations(const sotto_engine_options *options,
                                sotto_status (*attempt)(sotto_engine *engine, const char *path),
                                const char *path, long n_mended) {
  long failures = 0, mended = 0;
  for (long n = 1; CHECK(n < 20000); n++) {
    long left = n;
    sotto_ctx ctx;
    sotto_ctx_init(&ctx, failing_alloc, &left);
    sotto_engine *e = sotto_engine_new_with(&ctx, options);
    if (!e) {
      CHECK(n == 1);
      failures++;
      continue;
    }
    const sotto_status status = attempt(e, path);
    if (status != SOTTO_OK) {
      failures++;
      CHECK(status == SOTTO_ERR_OUT_OF_MEMORY);
      CHECK(strstr(sotto_engine_message(e), "memory") != NULL);
    }
    sotto_engine_free(e);
    if (left > 0) { /* nothing was left to fail */
      CHECK(status == SOTTO_OK);
      break;
    }
    mended += status == SOTTO_OK;
  }
  CHECK(failures > 50 && mended == n_mended);
}
