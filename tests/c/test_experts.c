/* Mixtures of experts beyond what test_families.c holds against transformers: who is chosen among
 * equals, logits that are no numbers, headers that ask for what is not there, threads, memory. */
#include <math.h>
#include <stdlib.h>

#include "base/ctx.h"
#include "edited_model.h"
#include "engine_support.h"
#include "tensor/dtype.h"
#include "test.h"

#define FAMILY(name) "models/tiny/family-" name ".gguf"
enum { N_EXPERTS = 12, N_USED = 4, WIDTH = 32, N_FF = 16, N = 60 }; /* of qwen3moe */
#define EXPERT_BYTES (4ull * WIDTH * N_FF)

static const sotto_engine_options small = {.n_ctx = 128, .n_batch = 32, .n_parallel = 2};
#define ALL_LOGITS (SOTTO_REQUEST_PROMPT_LOGITS | SOTTO_REQUEST_LOGITS | SOTTO_REQUEST_IGNORE_EOS)

static const int32_t *make_prompt(void) {
  static int32_t prompt[N];
  for (int i = 0; i < N; i++) prompt[i] = 3 + i * 37 % 285;
  return prompt;
}

static outcome run_prompt(sotto_engine *e) {
  outcome o;
  sotto_request request = greedy(make_prompt(), N, 8, ALL_LOGITS);
  run_requests(e, &request, 1, &o);
  return o;
}

/* The status of whatever failed first, with its message and, if all went well, the outcome. */
static sotto_status try_model(const void *data, size_t len, uint32_t backend, char *message,
                              outcome *o) {
  sotto_engine_options options = small;
  options.backend = backend;
  sotto_engine *e = sotto_engine_new(&options);
  sotto_status status = load_bytes(e, data, len);
  *o = (outcome){0};
  if (status == SOTTO_OK) {
    *o = run_prompt(e);
    status = (sotto_status)o->status;
  }
  snprintf(message, SOTTO_MESSAGE_SIZE, "%s", sotto_engine_message(e));
  sotto_engine_free(e);
  return status;
}

static void refused(const void *data, size_t len, sotto_status wanted, const char *name) {
  char message[SOTTO_MESSAGE_SIZE];
  outcome o;
  const sotto_status status = try_model(data, len, SOTTO_BACKEND_CPU, message, &o);
  if (!CHECK(status == wanted && strstr(message, name)))
    printf("    %s, not %s: %s\n", sotto_status_name(status), name, message);
}

/* ---- choice ---- */

static uint64_t hash_of(const char *data, size_t len, uint32_t backend) {
  char message[SOTTO_MESSAGE_SIZE];
  outcome o;
  CHECK(try_model(data, len, backend, message, &o) == SOTTO_OK && o.n_logits > N);
  return o.hash;
}

static void zero_expert(char *data, size_t len, size_t expert) {
  static const char *const names[] = {"ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"};
  for (int i = 0; i < 6; i++) {
    char name[64];
    snprintf(name, sizeof name, "blk.%d.%s.weight", i / 3, names[i % 3]);
    memset(tensor_data(data, len, name) + expert * EXPERT_BYTES, 0, EXPERT_BYTES);
  }
}

TEST(experts_of_equal_logits_are_the_lower_ones) {
  static const uint32_t backends[] = {SOTTO_BACKEND_NAIVE, SOTTO_BACKEND_CPU};
  for (int i = 0; i < 2; i++) {
    size_t len;
    char *data = test_read_file(FAMILY("qwen3moe"), &len);
    REQUIRE(data != NULL);
    for (int layer = 0; layer < 2; layer++) {
      char name[64];
      snprintf(name, sizeof name, "blk.%d.ffn_gate_inp.weight", layer);
      memset(tensor_data(data, len, name), 0, 4ull * N_EXPERTS * WIDTH);
    }
    const uint64_t hash = hash_of(data, len, backends[i]);
    for (size_t e = N_USED; e < N_EXPERTS; e++) zero_expert(data, len, e);
    CHECK(hash_of(data, len, backends[i]) == hash);
    zero_expert(data, len, N_USED - 1);
    CHECK(hash_of(data, len, backends[i]) != hash);
    free(data);
  }
}

/* Infinite activations make a router's logits NaN: an error, and no index beyond the experts. */
TEST(experts_of_logits_that_are_no_numbers_are_an_error) {
  static const char *const paths[] = {FAMILY("qwen3moe"), FAMILY("qwen3moe-mixed")};
  static const char *const norms[] = {"blk.0.ffn_norm.weight", "blk.1.ffn_norm.weight"};
  for (int i = 0; i < 8; i++) {
    size_t len;
    char message[SOTTO_MESSAGE_SIZE], *data = test_read_file(paths[i % 2], &len);
    outcome o;
    REQUIRE(data != NULL);
    char *at = tensor_data(data, len, norms[i / 2 % 2]);
    for (int k = 0; k < WIDTH; k++) memcpy(at + 4 * k, &(float){3e38f}, 4);
    const uint32_t backend = i < 4 ? SOTTO_BACKEND_CPU : SOTTO_BACKEND_NAIVE;
    CHECK(try_model(data, len, backend, message, &o) == SOTTO_ERR_NON_FINITE_LOGITS);
    free(data);
  }
}

/* ---- headers ---- */

TEST(experts_hyper_parameters_are_refused) {
  static const struct {
    const char *key, *named;
    uint32_t value;
  } cases[] = {
      {"expert_count", "expert_count", 0},
      {"expert_count", "expert_used_count", 3},
      {"expert_count", "expert_count", 1025},
      {"expert_count", "expert_count", 0xFFFFFFFF},
      {"expert_count", "ffn_gate_inp", 11},
      {"expert_count", "ffn_gate_inp", 13},
      {"expert_used_count", "expert_used_count", 0},
      {"expert_used_count", "expert_used_count", 13},
      {"expert_used_count", "expert_used_count", 0xFFFFFFFF},
      {"expert_feed_forward_length", "expert_feed_forward_length", 0},
      {"expert_feed_forward_length", "expert_feed_forward_length", 0xFFFFFFFF},
      {"expert_feed_forward_length", "ffn_gate_exps", 8},
      {"expert_feed_forward_length", "ffn_gate_exps", 24},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t len;
    char key[64], *data = test_read_file(FAMILY("qwen3moe"), &len);
    REQUIRE(data != NULL);
    snprintf(key, sizeof key, "qwen3moe.%s", cases[i].key);
    char *at = value_of(data, len, key);
    if (CHECK(at != NULL)) memcpy(at, &cases[i].value, 4);
    refused(data, len, SOTTO_ERR_INVALID_MODEL, cases[i].named);
    free(data);
  }
}

static const float weights[(N_EXPERTS + 1) * WIDTH * N_FF];

/* The model with another tensor in its place. */
static void refuse_tensor(const char *name, uint64_t cols, uint64_t rows, uint64_t n,
                          sotto_status status, const char *named) {
  gguf_writer w;
  size_t len, header;
  if (!CHECK(edit_model(&w, FAMILY("qwen3moe"), name))) return;
  gguf_write_tensor(&w, name, SOTTO_F32, 3, (uint64_t[]){cols, rows, n}, weights,
                    (size_t)(4 * cols * rows * n));
  unsigned char *file = gguf_writer_finish(&w, &len, &header);
  refused(file, len, status, named);
  free(file);
}

TEST(experts_tensors_of_other_shapes_are_refused) {
  const char *const gate = "blk.1.ffn_gate_exps.weight";
  refuse_tensor(gate, WIDTH, N_FF, N_EXPERTS - 1, SOTTO_ERR_INVALID_MODEL, "11 x 16 x 32");
  refuse_tensor(gate, WIDTH, N_FF, N_EXPERTS + 1, SOTTO_ERR_INVALID_MODEL, "12 x 16 x 32");
  refuse_tensor(gate, WIDTH, N_FF * N_EXPERTS, 1, SOTTO_ERR_INVALID_MODEL, gate);
  refuse_tensor(gate, N_FF, WIDTH, N_EXPERTS, SOTTO_ERR_INVALID_MODEL, gate);
  refuse_tensor("blk.0.ffn_gate.0.weight", WIDTH, N_FF, 1, SOTTO_ERR_UNSUPPORTED_ARCHITECTURE,
                "blk.0.ffn_gate.0.weight");
  refuse_tensor("blk.0.ffn_gate_shexp.weight", WIDTH, N_FF, 1, SOTTO_ERR_UNSUPPORTED_ARCHITECTURE,
                "blk.0.ffn_gate_shexp.weight");
  refuse_tensor("blk.0.exp_probs_b.bias", N_EXPERTS, 1, 1, SOTTO_ERR_UNSUPPORTED_ARCHITECTURE,
                "blk.0.exp_probs_b.bias");
}

/* Tile rows have eight rows of one expert. */
TEST(experts_whose_rows_fill_no_tile_rows_are_refused) {
  enum { ROWS = 12 };
  static const char *const names[] = {"ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"};
  size_t len;
  char *data = test_read_file(FAMILY("qwen3moe"), &len);
  REQUIRE(data != NULL);
  memcpy(value_of(data, len, "qwen3moe.expert_feed_forward_length"), &(uint32_t){ROWS}, 4);
  for (int i = 0; i < 6; i++) {
    char name[64];
    const int n = snprintf(name, sizeof name, "blk.%d.%s.weight", i / 3, names[i % 3]);
    char *at = data;
    while (memcmp(at, name, (size_t)n) != 0) at++;
    const size_t dim = i % 3 == 2 ? 0 : 1; /* behind the name and the number of dimensions */
    memcpy(at + n + 4 + 8 * dim, &(uint64_t){ROWS}, 8);
  }
  refused(data, len, SOTTO_ERR_UNSUPPORTED_ARCHITECTURE,
          "'blk.0.ffn_gate_exps.weight' have 12 rows");
  free(data);
}

TEST(experts_keys_that_ask_for_more_are_refused) {
  static const struct {
    const char *family, *key;
    uint32_t value;
    bool runs;
  } cases[] = {
      {"qwen3moe", "qwen3moe.expert_gating_func", 1, true}, /* softmax */
      {"qwen3moe", "qwen3moe.expert_gating_func", 2, false},
      {"qwen3moe", "qwen3moe.expert_group_count", 4, false},
      {"qwen3moe", "qwen3moe.expert_shared_count", 1, false},
      {"qwen3moe", "qwen3moe.expert_weights_norm", 0, true}, /* it does it all the same */
      {"qwen3moe", "qwen3moe.expert_weights_norm", 1, true},
      {"mixtral", "llama.expert_weights_norm", 1, true},
      {"qwen2moe", "qwen2moe.expert_weights_norm", 0, true},
      {"qwen2moe", "qwen2moe.expert_weights_norm", 1, false},
      {"qwen3moe", "qwen3moe.leading_dense_block_count", 0, true},
      {"qwen3moe", "qwen3moe.leading_dense_block_count", 1, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    gguf_writer w;
    size_t len, header;
    char path[64];
    snprintf(path, sizeof path, "models/tiny/family-%s.gguf", cases[i].family);
    REQUIRE(edit_model(&w, path, NULL));
    if (strstr(cases[i].key, "_norm"))
      gguf_write_bool(&w, cases[i].key, (int)cases[i].value);
    else
      gguf_write_u32(&w, cases[i].key, cases[i].value);
    unsigned char *file = gguf_writer_finish(&w, &len, &header);
    if (cases[i].runs)
      hash_of((const char *)file, len, SOTTO_BACKEND_CPU);
    else
      refused(file, len, SOTTO_ERR_UNSUPPORTED_ARCHITECTURE, cases[i].key);
    free(file);
  }
}

/* ---- the same bits, and memory ---- */

TEST(experts_give_the_same_bits_for_any_number_of_threads) {
  static const char *const paths[] = {FAMILY("mixtral"), FAMILY("qwen2moe"),
                                      FAMILY("qwen3moe-mixed")};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    uint64_t first = 0;
    for (uint32_t n_threads = 1; n_threads <= 5; n_threads++) {
      sotto_engine_options options = small;
      options.n_threads = n_threads;
      options.n_batch = n_threads == 1 ? 128 : 3 * n_threads;
      sotto_engine *e = open_model(paths[i], &options, (delivery){0});
      REQUIRE(e != NULL);
      const outcome o = run_prompt(e);
      if (n_threads == 1) first = o.hash;
      CHECK(o.n_logits > N && o.hash == first);
      sotto_engine_free(e);
    }
  }
}

TEST(experts_plan_foretells_the_memory_used) {
  static const char *const paths[] = {FAMILY("qwen3moe"), FAMILY("qwen3moe-mixed")};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    sotto_engine_options options = small;
    options.n_batch = 128;
    sotto_engine *e = sotto_engine_new(&options);
    sotto_memory_plan plan;
    REQUIRE(feed_headers(e, &paths[i], 1, (delivery){0}, &plan) == SOTTO_OK);
    REQUIRE(sotto_engine_start_load(e) == SOTTO_OK);
    REQUIRE(feed_body(e, &paths[i], 1, (delivery){0}) == SOTTO_OK);
    run_prompt(e);
    const uint64_t used = sotto_engine_bytes_peak(e);
    CHECK(used <= plan.total + plan.total / 50 + 8192);
    CHECK(used + plan.total / 4 >= plan.total);
    sotto_engine_free(e);
  }
}
