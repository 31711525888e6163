/* What follows a header: whether the model would run, what it needs, its program and descriptions;
 * and of models that are small, weights of any bytes and a short text through the program.
 * Input: u8 flags (below), u8 a third of the allocations that succeed before one fails (255: none
 *        fails), u8 seed of cuts and weights, u8 n_ctx, u8 n_batch and n_parallel, u8 backend and
 *        types of the cache, u8 budget, u8 request; then what model_file.h says, or a file's header
 *        as it is. */
#include <stdlib.h>

#include "api/engine.h"
#include "base/json.h"
#include "base/utf8.h"
#include "limited_alloc.h"
#include "model_file.c"

static char last_message[SOTTO_MESSAGE_SIZE];

#define REQUIRE(expr)                                                                              \
  do {                                                                                             \
    if (!(expr)) {                                                                                 \
      fprintf(stderr, "%s:%d: %s; %s\n", __FILE__, __LINE__, #expr, last_message);                 \
      abort();                                                                                     \
    }                                                                                              \
  } while (0)

#define MOST_MEMORY  ((size_t)4 << 20)
#define MOST_WEIGHTS ((uint64_t)64 << 10)
#define MOST_STEPS   20000
#define N_CHECKS     5

enum {
  FLAG_RAW = 1,        /* the header is the input's */
  FLAG_SIZE_KNOWN = 2, /* of the file */
  FLAG_ANY_BYTES = 4,  /* of weights, or finite ones */
  FLAG_ZEROS = 8,      /* weights */
  FLAG_ONCE = 16,      /* one allocation fails, not all that follow */
  FLAG_CHECK = 32,     /* before the plan, or behind it */
  FLAG_STREAM = 64,    /* weights as one range */
  FLAG_BY_FILE = 128,  /* weights in ranges by file, or by stage */
};

typedef struct run {
  uint8_t flags, request;
  uint32_t seed;
  allocator memory;
  sotto_engine *e;
  uint32_t checks[N_CHECKS];
} run;

static uint32_t next_random(run *r) {
  r->seed = r->seed * 1664525u + 1013904223u;
  return r->seed >> 8;
}

/* A status as a caller may get it: with a reason, and never for a mistake of ours. */
static bool is_ok(run *r, sotto_status status) {
  if (status == SOTTO_OK) return true;
  REQUIRE(strcmp(sotto_status_name(status), "unknown") != 0);
  REQUIRE(status != SOTTO_ERR_INTERNAL);
  REQUIRE(r->e->ctx.message[0] && strlen(r->e->ctx.message) < SOTTO_MESSAGE_SIZE);
  strcpy(last_message, r->e->ctx.message);
  r->e->ctx.message[0] = 0; /* the next failure brings its own */
  return false;
}

/* ---- header ---- */

static bool feed_header(run *r, const uint8_t *file, size_t len) {
  uint32_t consumed, done = 0;
  for (size_t at = 0; at < len && !done; at += consumed) {
    size_t n = len - at, cut = 1 + next_random(r) % 700;
    if (r->seed & 1 && cut < n) n = cut;
    uint8_t *exact = malloc(n); /* so that a read behind the chunk is seen */
    REQUIRE(exact);
    memcpy(exact, file + at, n);
    const sotto_status status =
        sotto_engine_feed_header(r->e, 0, exact, (uint32_t)n, &consumed, &done);
    free(exact);
    if (!is_ok(r, status)) return false;
    REQUIRE(consumed <= n && (done || consumed == n));
  }
  return done || is_ok(r, sotto_engine_end_header(r->e, 0));
}

/* ---- verdict ---- */

static void check(run *r, uint32_t statuses[N_CHECKS]) {
  sotto_check check;
  for (uint32_t i = 0; i < N_CHECKS; i++) {
    r->e->ctx.message[0] = 0;
    REQUIRE(sotto_engine_check(r->e, i, &check) == SOTTO_OK);
    REQUIRE(check.part[0] && !check.message[0] == !check.status);
    REQUIRE(check.status == SOTTO_OK || check.message == r->e->ctx.message);
    is_ok(r, (sotto_status)check.status);
    statuses[i] = check.status;
  }
  REQUIRE(sotto_engine_check(r->e, N_CHECKS, &check) == SOTTO_OK && !check.part[0]);
  if (r->memory.refused) return;
  /* Of types, architecture and tokenizer, a plan is refused for the first that is refused. */
  for (uint32_t i = 0; i < 3; i++) {
    if (statuses[i] == SOTTO_OK) continue;
    REQUIRE(statuses[4] == statuses[i]);
    break;
  }
}

static void check_again(run *r) {
  uint32_t again[N_CHECKS];
  check(r, again);
  REQUIRE(r->memory.refused || memcmp(again, r->checks, sizeof again) == 0);
}

/* ---- descriptions ---- */

static void look_at_text(const char *text, uint32_t len, bool is_json) {
  if (!is_json) {
    volatile char sink = len ? text[len - 1] : 0;
    (void)sink;
    return;
  }
  sotto_ctx ctx;
  sotto_arena arena;
  sotto_json *value;
  sotto_ctx_init(&ctx, NULL, NULL);
  sotto_arena_init(&arena, &ctx);
  REQUIRE(sotto_utf8_valid(text, len));
  REQUIRE(sotto_json_parse(&arena, (sotto_slice){text, len}, &value) == SOTTO_OK);
  REQUIRE(value->type == SOTTO_JSON_OBJECT);
  sotto_arena_free(&arena);
}

static void describe(run *r) {
  const char *text, *warning;
  uint32_t len, n_warnings = 0;
  for (uint32_t as_json = 0; as_json < 2; as_json++) {
    if (is_ok(r, sotto_engine_describe(r->e, as_json, &text, &len)))
      look_at_text(text, len, as_json);
  }
  if (is_ok(r, sotto_engine_print_program(r->e, &text, &len))) look_at_text(text, len, false);
  while ((warning = sotto_engine_warning(r->e, n_warnings))) {
    REQUIRE(warning[0] && strlen(warning) < SOTTO_MESSAGE_SIZE);
    REQUIRE(++n_warnings < 65536 + 16);
  }
  sotto_model_info info;
  if (!is_ok(r, sotto_engine_info(r->e, &info))) return;
  REQUIRE(strlen(info.architecture) > 0 && info.n_layer > 0 && info.n_vocab > 0);
  REQUIRE(info.bos >= -1 && info.bos < (int32_t)info.n_vocab);
  REQUIRE(info.eos >= -1 && info.eos < (int32_t)info.n_vocab);
}

/* ---- plan ---- */

/* Weights take no less memory than their bytes in the file. */
static void compare_with_file(run *r, const sotto_memory_plan *plan) {
  uint64_t size = 0;
  for (size_t i = 0; i < sotto_gguf_n_tensors(r->e->gguf); i++)
    size += sotto_gguf_tensor_at(r->e->gguf, i)->size; /* they do not overlap, so no sum wraps */
  REQUIRE(plan->weights >= (size < UINT64_MAX / 4 ? size : UINT64_MAX / 4));
  REQUIRE(plan->total >= plan->weights && plan->total >= plan->kv);
  REQUIRE(plan->total >= plan->scratch && plan->total >= plan->staging + plan->metadata);
}

static bool plan(run *r, sotto_memory_plan *out) {
  sotto_memory_plan other;
  if (!is_ok(r, sotto_engine_plan(r->e, out))) return false;
  compare_with_file(r, out);
  REQUIRE(out->n_ctx > 0 && out->n_ctx % SOTTO_KV_PAGE == 0);
  REQUIRE(!out->fits || out->limit == 0 || out->total <= out->limit);
  const uint32_t n_ctx = out->n_ctx;
  for (uint32_t type = 0; type < 4; type++) {
    if (!is_ok(r, sotto_engine_plan_fitting(r->e, type, (type + 1) % 3, &other))) continue;
    REQUIRE(other.n_ctx <= n_ctx && (other.fits || other.n_ctx == 0));
  }
  if (is_ok(r, sotto_engine_plan_prefill(r->e, n_ctx, &other)))
    REQUIRE(other.n_ctx == n_ctx && (!out->fits || other.fits));
  if (r->seed & 2) is_ok(r, sotto_engine_plan_prefill(r->e, 0, out));
  return true;
}

/* ---- weights ---- */

static void fill(run *r, uint8_t *out, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const uint8_t byte = (uint8_t)(next_random(r) >> 8);
    /* Without its second highest bit no half of a number is infinite, nor is a number. */
    out[i] = r->flags & FLAG_ZEROS ? 0 : r->flags & FLAG_ANY_BYTES ? byte : byte & 0xBF;
  }
}

static sotto_status next_range(run *r, sotto_range *range) {
  if (r->flags & FLAG_STREAM) return sotto_engine_stream_range(r->e, 0, range);
  const uint64_t most = 1 + next_random(r) % 9000;
  return r->flags & FLAG_BY_FILE ? sotto_engine_next_file_range(r->e, most, range)
                                 : sotto_engine_next_range(r->e, most, range);
}

static bool feed_range(run *r, sotto_range range) {
  while (range.length) {
    uint64_t n = 1 + next_random(r) % 5000;
    if (n > range.length) n = range.length;
    uint8_t *exact = malloc(n);
    REQUIRE(exact);
    fill(r, exact, n);
    const sotto_status status = sotto_engine_feed(r->e, 0, range.offset, exact, (uint32_t)n);
    free(exact);
    if (!is_ok(r, status)) {
      REQUIRE(status == SOTTO_ERR_NON_FINITE_WEIGHTS || r->memory.refused);
      REQUIRE(r->flags & FLAG_ANY_BYTES || r->memory.refused);
      return false;
    }
    range.offset += n;
    range.length -= n;
  }
  return true;
}

/* ---- a short text ---- */

/* Steps until the request has ended, or, while weights are missing, waits for them. */
static bool run_request(run *r, uint32_t id, sotto_status *status) {
  for (uint32_t steps = 0;; steps++) {
    REQUIRE(steps < MOST_STEPS);
    const sotto_step_result result = sotto_engine_step(r->e, r->request & 64 ? 0 : 1e9);
    for (sotto_event event; sotto_engine_next_event(r->e, &event);) {
      REQUIRE(event.request == id);
      REQUIRE(event.text_len == 0 || sotto_utf8_valid(event.text, event.text_len));
      *status = (sotto_status)event.status;
      if (event.type == SOTTO_EVENT_DONE) return true;
      if (event.type == SOTTO_EVENT_TOKEN)
        REQUIRE((uint32_t)event.token < r->e->program.shape.n_vocab);
    }
    REQUIRE(result != SOTTO_STEP_IDLE);
    if (result == SOTTO_STEP_WAIT_WEIGHTS) return false;
  }
}

/* 0 where the request is refused. */
static uint32_t add_request(run *r) {
  static const uint32_t lengths[] = {1, 2, 5, 8, 17, 31, 33, 40};
  int32_t tokens[40];
  for (size_t i = 0; i < 40; i++)
    tokens[i] = (int32_t)(next_random(r) % r->e->program.shape.n_vocab);
  sotto_request request;
  sotto_request_default(&request);
  request.tokens = tokens;
  request.n_tokens = PICK(lengths, r->request % 8);
  request.max_tokens = r->e->program.causal ? r->request >> 3 & 3 : 0;
  request.sampling.temperature = r->request & 32 ? 1 : 0;
  request.flags = next_random(r) & 255;
  uint32_t id;
  const sotto_status status = sotto_engine_add_request(r->e, &request, &id);
  if (is_ok(r, status)) return id;
  const bool cut = !r->e->program.causal && request.n_tokens > r->e->options.n_batch;
  REQUIRE(r->memory.refused || cut || request.n_tokens > r->e->options.n_ctx);
  REQUIRE(r->memory.refused || status == SOTTO_ERR_CONTEXT_LENGTH);
  return 0;
}

static void finish_request(run *r, uint32_t id) {
  sotto_status status;
  REQUIRE(run_request(r, id, &status));
  if (!is_ok(r, status)) REQUIRE(status == SOTTO_ERR_NON_FINITE_LOGITS || r->memory.refused);
}

static void generate(run *r) {
  const uint32_t id = add_request(r);
  if (id) finish_request(r, id);
}

/* What was saved can be put back; what was damaged is refused or does no harm. */
static void snapshot(run *r) {
  const char *data;
  uint32_t len, n_tokens;
  if (!is_ok(r, sotto_engine_save_state(r->e, NULL, 0, &data, &len))) return;
  char *copy = malloc(len);
  REQUIRE(copy && len);
  memcpy(copy, data, len);
  sotto_engine_clear_cache(r->e);
  if (!is_ok(r, sotto_engine_load_state(r->e, copy, len, &n_tokens))) REQUIRE(r->memory.refused);
  copy[next_random(r) % len] ^= (char)(1 << r->request % 8);
  is_ok(r, sotto_engine_load_state(r->e, copy, len, &n_tokens));
  is_ok(r, sotto_engine_load_state(r->e, copy, next_random(r) % len, &n_tokens));
  free(copy);
}

/* Weights arrive, and with a request (not 0) steps are made with those that are there. */
static bool load(run *r, uint32_t *id) {
  uint64_t loaded, total;
  sotto_status status;
  for (;;) {
    sotto_range range;
    if (!is_ok(r, next_range(r, &range))) {
      REQUIRE(r->memory.refused);
      return false;
    }
    if (range.length == 0) break;
    if (!feed_range(r, range)) return false;
    if (*id && run_request(r, *id, &status)) {
      if (!is_ok(r, status)) REQUIRE(status == SOTTO_ERR_NON_FINITE_LOGITS || r->memory.refused);
      *id = 0;
    }
    if (r->flags & FLAG_STREAM) break;
  }
  sotto_engine_load_progress(r->e, &loaded, &total);
  REQUIRE(loaded == total);
  return true;
}

static void run_weights(run *r) {
  if (!is_ok(r, sotto_engine_start_load(r->e))) {
    REQUIRE(r->memory.refused);
    return;
  }
  uint32_t id = r->request & 128 ? add_request(r) : 0;
  if (!load(r, &id)) return;
  if (id) finish_request(r, id);
  for (int i = 0; i < 2; i++) generate(r);
  snapshot(r);
  generate(r);
}

/* ---- text ---- */

static void tokenize(run *r) {
  static const char text[] = "t3 t4<1>\xC3 t";
  const int32_t *ids;
  const char *back;
  uint32_t n_ids, len;
  for (uint32_t flags = 0; flags < 4; flags++) {
    if (!is_ok(r, sotto_engine_tokenize(r->e, text, sizeof text - 1, flags, &ids, &n_ids)))
      continue;
    for (uint32_t i = 0; i < n_ids; i++)
      REQUIRE(ids[i] >= 0 && (uint32_t)ids[i] < r->e->program.shape.n_vocab);
    if (is_ok(r, sotto_engine_detokenize(r->e, ids, n_ids, flags, &back, &len)))
      REQUIRE(sotto_utf8_valid(back, len));
  }
}

/* ---- all of it ---- */

static void run_model(run *r, const uint8_t *file, size_t len, uint64_t size) {
  if (r->flags & FLAG_SIZE_KNOWN && !is_ok(r, sotto_engine_set_file_size(r->e, 0, size))) return;
  if (!feed_header(r, file, len)) return;
  sotto_memory_plan memory;
  if (!sotto_gguf_complete(r->e->gguf)) { /* a part of a split */
    REQUIRE(!is_ok(r, sotto_engine_plan(r->e, &memory)));
    return;
  }
  if (r->flags & FLAG_CHECK) check(r, r->checks);
  const bool planned = plan(r, &memory);
  if (!(r->flags & FLAG_CHECK)) check(r, r->checks);
  REQUIRE(r->memory.refused || planned == r->e->planned);
  describe(r);
  if (planned) tokenize(r);
  if (planned && memory.fits && memory.weights <= MOST_WEIGHTS) run_weights(r);
  check_again(r);
}

static sotto_engine_options read_options(run *r, fuzz_input *in) {
  static const uint32_t contexts[] = {0, 32, 64, 1, 33, 4096, 1u << 24, (1u << 24) + 1};
  static const uint64_t budgets[] = {0, 0, 1 << 20, 1 << 14, 1, 1 << 26, 1ull << 40, UINT64_MAX};
  r->flags = fuzz_u8(in);
  const uint8_t allocations = fuzz_u8(in);
  r->memory = (allocator){.left = allocations == 255 ? 255 : 3u * allocations,
                          .most = MOST_MEMORY,
                          .once = r->flags & FLAG_ONCE};
  r->seed = fuzz_u8(in);
  const uint8_t context = fuzz_u8(in), batch = fuzz_u8(in), kinds = fuzz_u8(in);
  const uint8_t budget = fuzz_u8(in);
  r->request = fuzz_u8(in);
  return (sotto_engine_options){.n_ctx = PICK(contexts, context),
                                .n_batch = batch & 15,
                                .n_parallel = batch >> 4,
                                .backend = kinds & 1,
                                .variant = kinds >> 1 & 1,
                                .cache_type_k = kinds >> 2 & 3,
                                .cache_type_v = kinds >> 4 & 3,
                                .memory_budget = PICK(budgets, budget)};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input in = {data, data + size};
  run r = {0};
  const sotto_engine_options options = read_options(&r, &in);
  size_t len = (size_t)(in.end - in.at);
  uint64_t file_size = len + (1 << 20);
  uint8_t *made = r.flags & FLAG_RAW ? NULL : model_file(&in, &len, &file_size);
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, limited_alloc, &r.memory);
  r.e = sotto_engine_new_with(&ctx, &options);
  if (r.e) run_model(&r, made ? made : in.at, len, file_size);
  sotto_engine_free(r.e);
  REQUIRE(r.memory.live == 0);
  free(made);
  return 0;
}
