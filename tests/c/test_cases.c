/* Llama files with one thing in them that is easily passed over: a bias, an older key,
 * a position that sees what follows it. Each is made of the tiny float32 model;
 * what is right is llama.cpp's best token behind each of the ids (37 i + 11) mod 300, i = 0..15,
 * taken in one batch, and its logit behind the last. To compute that anew, run this test natively
 * with SOTTO_WRITE_CASES=<folder> and tests/golden/llama_logits.cpp on what it leaves there. */
#include <math.h>
#include <stdlib.h>

#include "edited_model.h"
#include "engine_support.h"
#include "test.h"

#define MODEL "models/tiny/tiny-f32.gguf"

enum { N = 16, WIDTH = 64, KV_WIDTH = 32, FFN = 64, LAYERS = 2, VOCAB = 300 };

/* ---- what is changed ---- */

/* A float32 vector of multiples of 1/128, which are exact. */
static void add_vector(gguf_writer *w, const char *name, uint32_t n, float around) {
  float values[VOCAB];
  uint32_t seed = 0;
  for (const char *c = name; *c; c++) seed = seed * 31 + (unsigned char)*c;
  for (uint32_t i = 0; i < n; i++) {
    values[i] = around + (float)((int)((i * 37 + seed % 61) % 65) - 32) / 128.0f;
  }
  const uint64_t ne[1] = {n};
  gguf_write_tensor(w, name, 0, 1, ne, values, n * sizeof *values);
}

static void add_biases(gguf_writer *w) {
  static const struct {
    const char *name;
    uint32_t n;
  } biases[] = {{"attn_q", WIDTH},      {"attn_k", KV_WIDTH}, {"attn_v", KV_WIDTH},
                {"attn_output", WIDTH}, {"ffn_gate", FFN},    {"ffn_up", FFN},
                {"ffn_down", WIDTH}};
  for (int layer = 0; layer < LAYERS; layer++) {
    for (size_t i = 0; i < sizeof biases / sizeof *biases; i++) {
      char name[64];
      snprintf(name, sizeof name, "blk.%d.%s.bias", layer, biases[i].name);
      add_vector(w, name, biases[i].n, 0);
    }
  }
}

static void add_output_bias_only(gguf_writer *w) {
  add_vector(w, "blk.1.attn_output.bias", WIDTH, 0);
}

static void add_factor(gguf_writer *w) {
  gguf_write_f32(w, "llama.rope.scaling.factor", 4);
}

static void add_factor_of_none(gguf_writer *w) {
  gguf_write_string(w, "llama.rope.scaling.type", "none");
  gguf_write_f32(w, "llama.rope.scaling.factor", 4);
  gguf_write_u32(w, "llama.rope.scaling.original_context_length", 64);
}

static void add_scale_linear(gguf_writer *w) {
  gguf_write_f32(w, "llama.rope.scale_linear", 4);
}

static void add_attn_factor(gguf_writer *w) {
  gguf_write_f32(w, "llama.rope.scaling.attn_factor", 2);
}

static void add_non_causal(gguf_writer *w) {
  gguf_write_bool(w, "llama.attention.causal", 0);
}

static void add_bad_ids(gguf_writer *w) {
  gguf_write_u32(w, "tokenizer.ggml.padding_token_id", UINT32_MAX);
  gguf_write_u32(w, "tokenizer.ggml.eot_token_id", UINT32_MAX);
  gguf_write_u32(w, "tokenizer.ggml.eom_token_id", UINT32_MAX);
  gguf_write_u32(w, "tokenizer.ggml.mask_token_id", VOCAB);
}

/* Of what llama.cpp writes into every file that it saves. */
static void add_absent(gguf_writer *w) {
  static const char *const zeros[] = {
      "expert_count",         "expert_used_count",        "leading_dense_block_count",
      "nextn_predict_layers", "attention.sliding_window", "attention.q_lora_rank",
      "ssm.conv_kernel",      "hyper_connection.count",   "attention.recurrent_layers"};
  static const char *const zero_floats[] = {"logit_scale",         "residual_scale",
                                            "embedding_scale",     "attention.scale",
                                            "attention.clamp_kqv", "attention.max_alibi_bias",
                                            "rope.scaling.factor", "expert_weights_scale"};
  char key[96];
  for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++) {
    snprintf(key, sizeof key, "llama.%s", zeros[i]);
    gguf_write_u32(w, key, 0);
  }
  for (size_t i = 0; i < sizeof zero_floats / sizeof *zero_floats; i++) {
    snprintf(key, sizeof key, "llama.%s", zero_floats[i]);
    gguf_write_f32(w, key, 0);
  }
  const int32_t none[] = {-1, -1}, sections[] = {0, 0, 0, 0};
  const float clamps[] = {0, 0};
  gguf_write_i32s(w, "llama.deepstack_mapping", none, 2);
  gguf_write_i32s(w, "llama.rope.dimension_sections", sections, 4);
  gguf_write_f32s(w, "llama.swiglu_clamp_exp", clamps, 2);
  gguf_write_strings(w, "llama.classifier.output_labels", NULL, 0);
  gguf_write_bool(w, "llama.use_parallel_residual", 0);
  gguf_write_bool(w, "llama.attention.causal", 1);
  gguf_write_bool(w, "llama.rope.scaling.finetuned", 0);
  gguf_write_u32(w, "llama.pooling_type", UINT32_MAX);
  gguf_write_f32(w, "llama.attn_logit_softcapping", 50);
  gguf_write_f32(w, "llama.final_logit_softcapping", 30);
  gguf_write_f32(w, "llama.rope.scaling.attn_factor", 1);
  gguf_write_f32(w, "llama.rope.scaling.yarn_ext_factor", -1);
  gguf_write_f32(w, "llama.rope.scaling.yarn_beta_fast", 32);
  gguf_write_string(w, "llama.rope.scaling.type", "linear");
  gguf_write_u32(w, "llama.rope.scaling.original_context_length", 256);
}

#define TINY_BEST 16, 51, 236, 182, 294, 21, 148, 125, 179, 44, 271, 128, 148, 250, 51, 187

static const struct answer {
  const char *name;
  void (*change)(gguf_writer *w);
  const char *without;
  int32_t best[N];
  float last;
} answers[] = {
    {"tiny", NULL, NULL, {TINY_BEST}, 6.30561f},
    {"bias",
     add_biases,
     NULL,
     {169, 51, 132, 122, 95, 283, 148, 175, 5, 44, 263, 51, 68, 250, 45, 266},
     6.55783f},
    {"outbias-of-attention", add_output_bias_only, NULL, {TINY_BEST}, 6.39286f},
    {"ropefactor-notype",
     add_factor,
     NULL,
     {16, 51, 236, 182, 175, 283, 22, 148, 225, 112, 46, 118, 22, 265, 128, 266},
     7.02722f},
    {"ropefactor-none", add_factor_of_none, NULL, {TINY_BEST}, 6.30561f},
    {"ropescalelinear",
     add_scale_linear,
     NULL,
     {16, 51, 236, 182, 175, 283, 22, 148, 225, 112, 46, 118, 22, 265, 128, 266},
     7.02722f},
    {"attnfactor",
     add_attn_factor,
     NULL,
     {16, 51, 236, 252, 73, 28, 148, 125, 114, 44, 74, 63, 68, 250, 193, 34},
     7.00191f},
    {"noncausal",
     add_non_causal,
     NULL,
     {187, 275, 85, 96, 159, 40, 219, 102, 70, 44, 18, 118, 68, 7, 93, 266},
     6.69009f},
    {"badids", add_bad_ids, "tokenizer.ggml.padding_token_id", {TINY_BEST}, 6.30561f},
    {"absent", add_absent, NULL, {TINY_BEST}, 6.30561f},
};

/* ---- what is refused ---- */

static void add_qk_norms(gguf_writer *w) {
  add_vector(w, "blk.0.attn_q_norm.weight", 16, 1);
  add_vector(w, "blk.0.attn_k_norm.weight", 16, 1);
}

static void add_norm_bias(gguf_writer *w) {
  add_vector(w, "blk.0.attn_norm.bias", WIDTH, 0);
}

static void add_output_bias(gguf_writer *w) {
  add_vector(w, "output.bias", VOCAB, 0);
}

static void one_layer(gguf_writer *w) {
  gguf_write_u32(w, "llama.block_count", 1);
}

static const struct refusal {
  const char *name;
  void (*change)(gguf_writer *w);
  const char *without, *named;
} refusals[] = {
    {"qknorm", add_qk_norms, NULL, "blk.0.attn_q_norm.weight"},
    {"normbias", add_norm_bias, NULL, "blk.0.attn_norm.bias"},
    {"outbias", add_output_bias, NULL, "output.bias"},
    {"fewerlayers", one_layer, "llama.block_count", "blk.1.attn_norm.weight"},
};

/* ---- the tests ---- */

static unsigned char *make(const char *name, void (*change)(gguf_writer *w), const char *without,
                           size_t *len) {
  gguf_writer w;
  size_t header;
  if (!edit_model(&w, MODEL, without)) return NULL;
  if (change) change(&w);
  unsigned char *data = gguf_writer_finish(&w, len, &header);
  const char *folder = getenv("SOTTO_WRITE_CASES");
  if (folder) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s.gguf", folder, name);
    FILE *file = fopen(path, "wb");
    if (CHECK(file != NULL)) {
      CHECK(fwrite(data, 1, *len, file) == *len);
      fclose(file);
    }
  }
  return data;
}

static void check_answer(const struct answer *a, uint32_t backend) {
  size_t len;
  unsigned char *data = make(a->name, a->change, a->without, &len);
  sotto_engine_options options = {.n_ctx = 64, .n_batch = 32, .backend = backend};
  sotto_engine *e = sotto_engine_new(&options);
  int32_t ids[N];
  for (int i = 0; i < N; i++) ids[i] = (i * 37 + 11) % VOCAB;
  sotto_request request = greedy(ids, N, 0, SOTTO_REQUEST_PROMPT_LOGITS);
  uint32_t id, rows = 0, same = 0;
  float last = 0;
  bool done = !CHECK(data && load_bytes(e, (const char *)data, len) == SOTTO_OK) ||
              !CHECK(sotto_engine_add_request(e, &request, &id) == SOTTO_OK);
  if (done) printf("    %s: %s\n", a->name, sotto_engine_message(e));
  while (!done) {
    sotto_step_result result = sotto_engine_step(e, 1e9);
    for (sotto_event event; sotto_engine_next_event(e, &event);) {
      done |= event.type == SOTTO_EVENT_DONE;
      if (event.type != SOTTO_EVENT_LOGITS || event.position >= N) continue;
      int32_t best = 0;
      for (int32_t v = 1; v < VOCAB; v++) {
        if (event.logits[v] > event.logits[best]) best = v;
      }
      same += best == a->best[event.position];
      last = event.logits[best];
      rows++;
    }
    done |= !CHECK(done || result != SOTTO_STEP_IDLE);
  }
  const double near = backend == SOTTO_BACKEND_NAIVE ? 2e-4 : 5e-2;
  if (!CHECK(rows == N && same == N && fabs((double)last - (double)a->last) <= near)) {
    printf("    %s: %u of %u, %.5f instead of %.5f\n", a->name, same, rows, (double)last,
           (double)a->last);
  }
  sotto_engine_free(e);
  free(data);
}

TEST(cases_are_right_in_plain_float32) {
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
    check_answer(&answers[i], SOTTO_BACKEND_NAIVE);
  }
}

TEST(cases_are_right_packed) {
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
    check_answer(&answers[i], SOTTO_BACKEND_CPU);
  }
}

TEST(cases_that_nobody_computes_are_refused) {
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
    const struct refusal *r = &refusals[i];
    size_t len;
    unsigned char *data = make(r->name, r->change, r->without, &len);
    sotto_engine_options options = {.n_ctx = 64};
    sotto_engine *e = sotto_engine_new(&options);
    sotto_status status = data ? load_bytes(e, (const char *)data, len) : SOTTO_OK;
    if (!CHECK(status != SOTTO_OK && strstr(sotto_engine_message(e), r->named))) {
      printf("    %s: %s\n", r->name, status ? sotto_engine_message(e) : "not refused");
    }
    sotto_engine_free(e);
    free(data);
  }
}

static sotto_engine *open_case(const struct answer *a) {
  size_t len;
  unsigned char *data = make(a->name, a->change, a->without, &len);
  sotto_engine_options options = {.n_ctx = 64};
  sotto_engine *e = sotto_engine_new(&options);
  if (!CHECK(data && load_bytes(e, (const char *)data, len) == SOTTO_OK))
    printf("    %s: %s\n", a->name, sotto_engine_message(e));
  free(data);
  return e;
}

/* The weights of these are the same to the bit. */
TEST(cases_take_no_state_of_other_positions) {
  const int32_t ids[4] = {11, 48, 85, 122};
  sotto_engine *plain = open_case(&answers[0]);
  sotto_request request = greedy(ids, 4, 0, 0);
  outcome o;
  run_requests(plain, &request, 1, &o);
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
    const char *state, *name = answers[i].name;
    uint32_t len, n;
    sotto_engine *other = open_case(&answers[i]);
    CHECK(sotto_engine_save_state(plain, ids, 4, &state, &len) == SOTTO_OK);
    const bool taken = sotto_engine_load_state(other, state, len, &n) == SOTTO_OK;
    const bool same = i == 0 || !strcmp(name, "ropefactor-none") || !strcmp(name, "badids") ||
                      !strcmp(name, "absent");
    if (!CHECK(taken == same)) printf("    %s\n", name);
    sotto_engine_free(other);
  }
  sotto_engine_free(plain);
}
