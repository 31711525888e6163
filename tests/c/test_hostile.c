/* Damaged and hostile model files through the whole engine: a typed error or a model that runs;
 * never a crash, and the next model loads as if nothing had been. */
#include <stdlib.h>

#include "base/ctx.h"
#include "edited_model.h"
#include "engine_support.h"
#include "tensor/dtype.h"
#include "test.h"

#define MODEL "models/tiny/tiny-q4_0.gguf"

static const sotto_engine_options small = {.n_ctx = 64, .n_batch = 16, .n_parallel = 1};

/* Load and generate a little; the status of whatever failed first. */
static sotto_status try_model(const char *data, size_t len, char *message) {
  sotto_engine *e = sotto_engine_new(&small);
  sotto_status status = load_bytes(e, data, len);
  if (status == SOTTO_OK) {
    const int32_t ids[] = {1, 2, 3, 4, 5};
    sotto_request request = greedy(ids, 5, 3, SOTTO_REQUEST_IGNORE_EOS);
    uint32_t id;
    outcome o = {.hash = HASH_START};
    status = sotto_engine_add_request(e, &request, &id);
    for (int step = 0; status == SOTTO_OK && step < 1000 && !drain(e, &o, id, 1); step++) {
      CHECK(sotto_engine_step(e, 1e9) != SOTTO_STEP_WAIT_WEIGHTS);
    }
    if (status == SOTTO_OK) {
      CHECK(o.finish_reason == SOTTO_FINISH_LENGTH || o.finish_reason == SOTTO_FINISH_ERROR);
      status = (sotto_status)o.status;
    }
  }
  if (message) snprintf(message, SOTTO_MESSAGE_SIZE, "%s", sotto_engine_message(e));
  if (status != SOTTO_OK) {
    CHECK(strcmp(sotto_status_name(status), "unknown") != 0);
    CHECK(status != SOTTO_ERR_INTERNAL);
    CHECK(strlen(sotto_engine_message(e)) > 10);
  }
  sotto_engine_free(e);
  return status;
}

TEST(hostile_truncated_files_say_so) {
  size_t len;
  char *data = test_read_file(MODEL, &len);
  REQUIRE(data != NULL);
  for (size_t cut = 0; cut < len; cut += 1 + cut / 40) {
    char *copy = malloc(cut ? cut : 1); /* exactly so large, that ASan sees every byte too far */
    memcpy(copy, data, cut);
    sotto_status status = try_model(copy, cut, NULL);
    CHECK(status == SOTTO_ERR_TRUNCATED_FILE || status == SOTTO_ERR_INVALID_MODEL);
    free(copy);
  }
  CHECK(try_model(data, len, NULL) == SOTTO_OK);
  free(data);
}

TEST(hostile_random_damage_never_crashes) {
  size_t len;
  char *data = test_read_file(MODEL, &len);
  REQUIRE(data != NULL);
  uint32_t state = 1;
  unsigned loaded = 0, refused = 0;
  for (int round = 0; round < 1500; round++) {
    char *copy = malloc(len);
    memcpy(copy, data, len);
    for (int n = 1 + round % 4; n > 0; n--) {
      state = state * 1664525u + 1013904223u;
      size_t at =
          (state >> 4) % (round % 2 ? len : 12000); /* the header more often than its share */
      state = state * 1664525u + 1013904223u;
      copy[at] = (char)(state >> 16);
    }
    if (try_model(copy, len, NULL) == SOTTO_OK)
      loaded++;
    else
      refused++;
    free(copy);
  }
  CHECK(loaded > 100 && refused > 100);
  CHECK(try_model(data, len, NULL) == SOTTO_OK);
  free(data);
}

TEST(hostile_non_finite_weights_are_named) {
  static const struct {
    const char *tensor;
    unsigned char bytes[4];
    size_t n;
  } cases[] = {
      {"blk.1.ffn_up.weight", {0x00, 0x7E}, 2},            /* f16 NaN as a scale */
      {"blk.0.attn_q.weight", {0x00, 0xFC}, 2},            /* -inf */
      {"output_norm.weight", {0x00, 0x00, 0x80, 0x7F}, 4}, /* f32 inf */
      {"blk.0.attn_norm.weight", {0x00, 0x00, 0xC0, 0xFF}, 4},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t len;
    char message[SOTTO_MESSAGE_SIZE], *data = test_read_file(MODEL, &len);
    REQUIRE(data != NULL);
    memcpy(tensor_data(data, len, cases[i].tensor), cases[i].bytes, cases[i].n);
    CHECK(try_model(data, len, message) == SOTTO_ERR_NON_FINITE_WEIGHTS);
    CHECK(strstr(message, cases[i].tensor) != NULL);
    free(data);
  }
}

/* Finite but enormous weights overflow on the way: the request fails, the engine does not. */
TEST(hostile_overflowing_activations_are_an_error) {
  size_t len;
  char message[SOTTO_MESSAGE_SIZE], *data = test_read_file(MODEL, &len);
  REQUIRE(data != NULL);
  const char *const norms[] = {"blk.0.attn_norm.weight", "output_norm.weight"};
  for (int i = 0; i < 2; i++) {
    char *at = tensor_data(data, len, norms[i]);
    float huge = 3e38f;
    for (int k = 0; k < 64; k++) memcpy(at + 4 * k, &huge, 4);
    CHECK(try_model(data, len, message) == SOTTO_ERR_NON_FINITE_LOGITS);
  }
  free(data);
}

TEST(hostile_hyper_parameters_are_refused) {
  static const struct {
    const char *key;
    uint32_t value;
  } cases[] = {
      {"llama.block_count", 0},
      {"llama.block_count", 3},
      {"llama.block_count", 0xFFFFFFFF},
      {"llama.embedding_length", 0},
      {"llama.embedding_length", 65},
      {"llama.embedding_length", 0xFFFFFFE0},
      {"llama.attention.head_count", 0},
      {"llama.attention.head_count", 3},
      {"llama.attention.head_count", 1u << 30},
      {"llama.attention.head_count_kv", 0},
      {"llama.attention.head_count_kv", 3},
      {"llama.attention.head_count_kv", 8},
      {"llama.feed_forward_length", 0},
      {"llama.feed_forward_length", 95},
      {"llama.rope.dimension_count", 1},
      {"llama.rope.dimension_count", 7},
      {"llama.rope.dimension_count", 1u << 20},
      {"llama.rope.freq_base", 0x7FC00000},
      {"llama.rope.freq_base", 0x3F800000}, /* 1 */
      {"llama.attention.layer_norm_rms_epsilon", 0x7FC00000},
      {"llama.attention.layer_norm_rms_epsilon", 0},
      {"llama.context_length", 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t len;
    char message[SOTTO_MESSAGE_SIZE], *data = test_read_file(MODEL, &len);
    REQUIRE(data != NULL);
    char *at = value_of(data, len, cases[i].key);
    if (!CHECK(at != NULL))
      puts(cases[i].key);
    else
      memcpy(at, &cases[i].value, 4);
    sotto_status status = try_model(data, len, message);
    if (!CHECK(status == SOTTO_ERR_INVALID_MODEL)) {
      printf("    %s = %u: %s %s\n", cases[i].key, cases[i].value, sotto_status_name(status),
             message);
    }
    free(data);
  }
}

TEST(hostile_unknown_architecture_lists_the_known) {
  size_t len;
  char message[SOTTO_MESSAGE_SIZE], *data = test_read_file(MODEL, &len);
  REQUIRE(data != NULL);
  memcpy(value_of(data, len, "general.architecture") + 8, "xlama", 5);
  CHECK(try_model(data, len, message) == SOTTO_ERR_UNSUPPORTED_ARCHITECTURE);
  CHECK(strstr(message, "'xlama'") && strstr(message, "llama "));
  free(data);
}

/* Each part of a model is judged by itself, so the family is asked about tensors that
 * do not load too. */
TEST(hostile_vectors_of_types_that_do_not_load_are_judged) {
  static const struct {
    uint32_t type;
    size_t size;                     /* of 64 weights */
  } cases[] = {{28, 512}, {40, 36}}; /* F64, NVFP4 */
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    gguf_writer w;
    size_t len, header;
    uint32_t consumed, done;
    sotto_check check;
    if (!CHECK(edit_model(&w, "models/tiny/tiny-f32.gguf", "output_norm.weight"))) return;
    gguf_write_tensor(&w, "output_norm.weight", cases[i].type, 1, (uint64_t[]){64}, NULL,
                      cases[i].size);
    unsigned char *file = gguf_writer_finish(&w, &len, &header);
    sotto_engine *e = sotto_engine_new(&small);
    CHECK(sotto_engine_feed_header(e, 0, file, (uint32_t)len, &consumed, &done) == SOTTO_OK);
    CHECK(done && sotto_engine_check(e, 0, &check) == SOTTO_OK);
    CHECK_STR(check.part, "types");
    CHECK(check.status == SOTTO_ERR_UNSUPPORTED_TYPE);
    CHECK(sotto_engine_check(e, 1, &check) == SOTTO_OK && check.status == SOTTO_OK);
    CHECK_STR(check.part, "architecture");
    sotto_engine_free(e);
    free(file);
  }
}

/* ---- headers that claim much ---- */

static void claim(gguf_writer *w, uint64_t *offset, uint32_t layer, const char *name, uint32_t type,
                  uint64_t cols, uint64_t rows) {
  char full[64];
  snprintf(full, sizeof full, name, layer);
  gguf_write_tensor_entry(w, full, type, rows > 1 ? 2 : 1, (uint64_t[]){cols, rows}, *offset);
  const sotto_dtype known = (sotto_dtype)type;
  *offset += (rows * sotto_dtype_row_bytes(known, cols) + 31) / 32 * 32;
}

/* A Llama with one head of 32 and float32 vectors, as a header alone. */
static unsigned char *claim_model(uint64_t n_embd, uint64_t n_vocab, uint32_t n_layer,
                                  const int32_t *n_ff, size_t *len) {
  const char *const tokens[] = {"<unk>", "<s>", "</s>"};
  gguf_writer w;
  size_t header;
  uint64_t at = 0;
  gguf_writer_init(&w);
  gguf_write_string(&w, "general.architecture", "llama");
  gguf_write_u32(&w, "llama.block_count", n_layer);
  gguf_write_u32(&w, "llama.embedding_length", (uint32_t)n_embd);
  gguf_write_u32(&w, "llama.context_length", 64);
  gguf_write_u32(&w, "llama.attention.head_count", 1);
  gguf_write_u32(&w, "llama.attention.key_length", 32);
  gguf_write_u32(&w, "llama.attention.value_length", 32);
  gguf_write_i32s(&w, "llama.feed_forward_length", n_ff, n_layer);
  gguf_write_f32(&w, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
  gguf_write_string(&w, "tokenizer.ggml.model", "llama");
  gguf_write_strings(&w, "tokenizer.ggml.tokens", tokens, 3);
  gguf_write_f32s(&w, "tokenizer.ggml.scores", (float[]){0, 0, 0}, 3);
  gguf_write_i32s(&w, "tokenizer.ggml.token_type", (int32_t[]){2, 3, 3}, 3);
  claim(&w, &at, 0, "token_embd.weight", SOTTO_Q4_0, n_embd, n_vocab);
  claim(&w, &at, 0, "output.weight", SOTTO_Q4_0, n_embd, n_vocab);
  claim(&w, &at, 0, "output_norm.weight", SOTTO_F32, n_embd, 1);
  for (uint32_t l = 0; l < n_layer; l++) {
    claim(&w, &at, l, "blk.%u.attn_norm.weight", SOTTO_F32, n_embd, 1);
    claim(&w, &at, l, "blk.%u.attn_q.weight", SOTTO_Q4_0, n_embd, 32);
    claim(&w, &at, l, "blk.%u.attn_k.weight", SOTTO_Q4_0, n_embd, 32);
    claim(&w, &at, l, "blk.%u.attn_v.weight", SOTTO_Q4_0, n_embd, 32);
    claim(&w, &at, l, "blk.%u.attn_output.weight", SOTTO_Q4_0, 32, n_embd);
    claim(&w, &at, l, "blk.%u.ffn_norm.weight", SOTTO_F32, n_embd, 1);
    claim(&w, &at, l, "blk.%u.ffn_gate.weight", SOTTO_Q4_0, n_embd, (uint64_t)n_ff[l]);
    claim(&w, &at, l, "blk.%u.ffn_up.weight", SOTTO_Q4_0, n_embd, (uint64_t)n_ff[l]);
    claim(&w, &at, l, "blk.%u.ffn_down.weight", SOTTO_Q4_0, (uint64_t)n_ff[l], n_embd);
  }
  return gguf_writer_finish(&w, len, &header);
}

static sotto_status plan_claimed(sotto_engine *e, unsigned char *file, size_t len,
                                 sotto_memory_plan *plan) {
  uint32_t consumed, done;
  SOTTO_TRY(sotto_engine_feed_header(e, 0, file, (uint32_t)len, &consumed, &done));
  return sotto_engine_plan(e, plan);
}

/* The reference takes four bytes a weight: here more than 64 bits count, which must
 * not look like few. */
TEST(hostile_sums_of_sizes_do_not_wrap) {
  sotto_engine_options options = small;
  options.backend = SOTTO_BACKEND_NAIVE;
  for (int limited = 0; limited < 2; limited++) {
    size_t len;
    sotto_memory_plan plan;
    unsigned char *file = claim_model(1u << 30, INT32_MAX, 1, (int32_t[]){32}, &len);
    options.memory_budget = limited ? 1 << 30 : 0;
    sotto_engine *e = sotto_engine_new(&options);
    CHECK(plan_claimed(e, file, len, &plan) == SOTTO_OK);
    CHECK(plan.weights >= plan.file && plan.total >= plan.weights && plan.fits == !limited);
    if (limited) CHECK(sotto_engine_start_load(e) == SOTTO_ERR_MEMORY_BUDGET);
    sotto_engine_free(e);
    free(file);
  }
}

/* A width of its own in every layer makes as many buffers: their plan, made for many lengths of the
 * context in search of one that fits, once took a quarter of a minute. */
TEST(hostile_many_widths_are_planned_at_once) {
  enum { LAYERS = 300 };
  int32_t n_ff[LAYERS];
  for (int l = 0; l < LAYERS; l++) n_ff[l] = 32 * (l + 1);
  size_t len;
  sotto_memory_plan plan;
  sotto_engine_options options = small;
  options.memory_budget = 1 << 20;
  unsigned char *file = claim_model(32, 3, LAYERS, n_ff, &len);
  sotto_engine *e = sotto_engine_new(&options);
  CHECK(plan_claimed(e, file, len, &plan) == SOTTO_OK);
  CHECK(!plan.fits && strstr(sotto_engine_message(e), "no context fits"));
  CHECK(plan.scratch < 4 << 20); /* layers share their memory */
  sotto_engine_free(e);
  free(file);
}
