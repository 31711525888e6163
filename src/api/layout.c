/* Constants and struct layouts as JSON, so that JavaScript never hard-codes an offset. Field types:
 * u32, i32, u64, f32, f64, ptr. A test checks that every struct's fields cover it whole. */
#include <stdio.h>

#include "api/sotto.h"

#define CAPACITY 12288

typedef struct writer {
  char *data;
  size_t len;
} writer;

static void put(writer *w, const char *text) {
  while (*text && w->len < CAPACITY - 1) w->data[w->len++] = *text++;
  w->data[w->len] = 0;
}

static void put_number(writer *w, long long n) {
  char digits[24];
  snprintf(digits, sizeof digits, "%lld", n);
  put(w, digits);
}

static void put_constant(writer *w, const char *name, long long value) {
  put(w, w->data[w->len - 1] == '{' ? "\"" : ",\"");
  put(w, name);
  put(w, "\":");
  put_number(w, value);
}

static void begin_struct(writer *w, const char *name, size_t size) {
  put(w, w->data[w->len - 1] == '{' ? "\"" : ",\"");
  put(w, name);
  put(w, "\":{\"size\":");
  put_number(w, (long long)size);
  put(w, ",\"fields\":{");
}

static void put_field(writer *w, const char *name, const char *type, size_t offset) {
  put(w, w->data[w->len - 1] == '{' ? "\"" : ",\"");
  put(w, name);
  put(w, "\":[\"");
  put(w, type);
  put(w, "\",");
  put_number(w, (long long)offset);
  put(w, "]");
}

#define TYPE_OF(struct_type, field)                                                                \
  _Generic(((struct_type *)0)->field, uint32_t: "u32", int32_t: "i32", uint64_t: "u64",            \
           float: "f32", double: "f64", default: "ptr")

static void put_statuses(writer *w) {
  put(w, "\"status\":{");
#define X(name, number, code) put_constant(w, code, number);
#include "base/status.def"
#undef X
  put(w, "},");
}

static void put_constants(writer *w) {
  put(w, "\"constants\":{");
#define C(name) put_constant(w, #name, SOTTO_##name);
  C(API_VERSION)
  C(BACKEND_CPU) C(BACKEND_NAIVE)
  C(VARIANT_AUTO) C(VARIANT_SCALAR) C(VARIANT_SIMD128) C(VARIANT_RELAXED)
  C(REQUEST_IGNORE_EOS) C(REQUEST_LOGPROBS) C(REQUEST_PROMPT_LOGITS) C(REQUEST_LOGITS)
  C(REQUEST_NO_CACHE) C(REQUEST_SPECIAL)
  C(EVENT_PROMPT) C(EVENT_LOGITS) C(EVENT_TOKEN) C(EVENT_DONE)
  C(FINISH_NONE) C(FINISH_STOP) C(FINISH_LENGTH) C(FINISH_CANCELLED) C(FINISH_ERROR)
  C(STEP_MORE) C(STEP_EVENTS) C(STEP_WAIT_WEIGHTS) C(STEP_WAIT_GPU) C(STEP_IDLE)
  C(TOKENIZE_ADD_SPECIAL) C(TOKENIZE_PARSE_SPECIAL)
#undef C
  put(w, "},");
}

#define STRUCT(type) begin_struct(w, #type, sizeof(sotto_##type));
#define F(type, field)                                                                             \
  put_field(w, #field, TYPE_OF(sotto_##type, field), offsetof(sotto_##type, field));
#define END put(w, "}}");

static void put_load_structs(writer *w) {
  STRUCT(engine_options)
#define O(field) F(engine_options, field)
  O(n_ctx) O(n_batch) O(n_parallel) O(backend) O(variant) O(reserved) O(memory_budget)
#undef O
  END STRUCT(memory_plan)
#define P(field) F(memory_plan, field)
  P(weights) P(kv) P(scratch) P(staging) P(metadata) P(total) P(file) P(limit) P(per_position)
  P(n_ctx) P(fits)
#undef P
  END STRUCT(range)
  F(range, offset) F(range, length) F(range, file) F(range, reserved)
  END STRUCT(model_info)
#define M(field) F(model_info, field)
  M(architecture) M(name) M(n_params) M(n_vocab) M(n_ctx_train) M(n_embd) M(n_layer) M(n_head)
  M(n_head_kv) M(n_ff) M(n_files) M(n_tensors) M(bos) M(eos) M(has_chat_template)
#undef M
  END
}

static void put_request_structs(writer *w) {
  STRUCT(bias) F(bias, token) F(bias, bias)
  END STRUCT(request)
#define R(field) F(request, field)
  R(tokens) R(n_tokens) R(max_tokens) R(seed) R(temperature) R(top_p) R(min_p) R(typical_p)
  R(top_k) R(repeat_penalty) R(repeat_last_n) R(presence_penalty) R(frequency_penalty)
  R(logit_bias) R(n_logit_bias) R(stop) R(n_stop) R(top_logprobs) R(flags)
#undef R
  END STRUCT(top_logprob) F(top_logprob, token) F(top_logprob, logprob)
  END STRUCT(event)
#define E(field) F(event, field)
  E(type) E(request) E(token) E(position) E(text) E(text_len) E(logprob) E(top_logprobs)
  E(n_top_logprobs) E(logits) E(finish_reason) E(status) E(prompt_n) E(cache_n) E(prompt_done)
  E(predicted_n) E(prompt_ms) E(predicted_ms)
#undef E
  END
}

const char *sotto_layout_json(void) {
  static char json[CAPACITY]; /* the same at every call: written once, or again alike */
  if (json[0]) return json;
  writer w = {json, 0};
  put(&w, "{");
  put_statuses(&w);
  put_constants(&w);
  put(&w, "\"structs\":{");
  put_load_structs(&w);
  put_request_structs(&w);
  put(&w, "}}");
  return json;
}
