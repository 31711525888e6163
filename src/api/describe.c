/* What a model is: the summary for programs, and metadata and tensors as text or JSON. */
#include "api/engine.h"

#include "base/bytes.h"

/* At most so many elements of an array are shown. */
#define SHOWN_ELEMENTS 8

static sotto_status copy_name(sotto_engine *e, const char *key) {
  const sotto_gguf_kv *kv = sotto_gguf_find(e->gguf, key);
  if (kv && kv->type == SOTTO_GGUF_STRING) {
    SOTTO_TRY(sotto_str_append(&e->names, kv->string.data, kv->string.len));
  }
  return sotto_str_append(&e->names, "", 1);
}

sotto_status engine_copy_names(sotto_engine *e) {
  e->names.len = 0;
  SOTTO_TRY(copy_name(e, "general.architecture"));
  return copy_name(e, "general.name");
}

sotto_status sotto_engine_info(const sotto_engine *engine, sotto_model_info *info) {
  sotto_engine *e = (sotto_engine *)engine; /* only its message may change */
  *info = (sotto_model_info){.architecture = "", .name = ""};
  SOTTO_TRY(engine_need_plan(e));
  const sotto_model_shape *h = &e->program.shape;
  uint64_t n_params = 0;
  for (size_t i = 0; i < sotto_gguf_n_tensors(e->gguf); i++) {
    const sotto_gguf_tensor *t = sotto_gguf_tensor_at(e->gguf, i);
    n_params += t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];
  }
  const sotto_gguf_kv *tmpl = sotto_gguf_find(e->gguf, "tokenizer.chat_template");
  *info = (sotto_model_info){
      .architecture = e->names.data,
      .name = e->names.data + strlen(e->names.data) + 1,
      .n_params = n_params,
      .n_vocab = h->n_vocab,
      .n_ctx_train = h->n_ctx_train,
      .n_embd = h->n_embd,
      .n_layer = h->n_layer,
      .n_head = h->n_head,
      .n_head_kv = h->n_head_kv,
      .n_ff = h->n_ff,
      .n_files = sotto_gguf_n_files(e->gguf),
      .n_tensors = (uint32_t)sotto_gguf_n_tensors(e->gguf),
      .bos = sotto_tokenizer_bos(e->tokenizer),
      .eos = sotto_tokenizer_eos(e->tokenizer),
      .has_chat_template = tmpl && tmpl->type == SOTTO_GGUF_STRING,
      .pooling = e->program.pooling,
  };
  return SOTTO_OK;
}

const char *sotto_engine_warning(const sotto_engine *e, uint32_t index) {
  if (index >= e->warnings.count) return NULL;
  const char *at = e->warnings.text.data;
  for (; index; index--) at += strlen(at) + 1;
  return at;
}

static sotto_status append_number(sotto_str *out, sotto_gguf_type type, uint64_t u, int64_t i,
                                  double f) {
  switch (type) {
  case SOTTO_GGUF_F32:
  case SOTTO_GGUF_F64:
    if (!(f - f == 0)) return sotto_str_append_c(out, "null"); /* JSON has no NaN or infinity */
    return sotto_str_appendf(out, "%.9g", f);
  case SOTTO_GGUF_BOOL: return sotto_str_append_c(out, u ? "true" : "false");
  case SOTTO_GGUF_U8:
  case SOTTO_GGUF_U16:
  case SOTTO_GGUF_U32:
  case SOTTO_GGUF_U64: return sotto_str_appendf(out, "%llu", (unsigned long long)u);
  default: return sotto_str_appendf(out, "%lld", (long long)i);
  }
}

static sotto_status append_element(sotto_str *out, const sotto_gguf_kv *kv, uint64_t index) {
  if (kv->element == SOTTO_GGUF_STRING) return sotto_str_append_json(out, kv->strings[index]);
  const unsigned char *p = kv->items;
  switch (kv->element) {
  case SOTTO_GGUF_U8:
  case SOTTO_GGUF_BOOL: return append_number(out, kv->element, p[index], 0, 0);
  case SOTTO_GGUF_I8: return append_number(out, kv->element, 0, (int8_t)p[index], 0);
  case SOTTO_GGUF_U16: return append_number(out, kv->element, sotto_read_u16(p + 2 * index), 0, 0);
  case SOTTO_GGUF_I16:
    return append_number(out, kv->element, 0, (int16_t)sotto_read_u16(p + 2 * index), 0);
  case SOTTO_GGUF_U32: return append_number(out, kv->element, sotto_read_u32(p + 4 * index), 0, 0);
  case SOTTO_GGUF_I32:
    return append_number(out, kv->element, 0, (int32_t)sotto_read_u32(p + 4 * index), 0);
  case SOTTO_GGUF_F32:
    return append_number(out, kv->element, 0, 0, (double)sotto_read_f32(p + 4 * index));
  case SOTTO_GGUF_U64: return append_number(out, kv->element, sotto_read_u64(p + 8 * index), 0, 0);
  case SOTTO_GGUF_I64:
    return append_number(out, kv->element, 0, (int64_t)sotto_read_u64(p + 8 * index), 0);
  default: return append_number(out, SOTTO_GGUF_F64, 0, 0, sotto_read_f64(p + 8 * index));
  }
}

static sotto_status append_value(sotto_str *out, const sotto_gguf_kv *kv) {
  if (kv->type == SOTTO_GGUF_STRING) return sotto_str_append_json(out, kv->string);
  if (kv->type != SOTTO_GGUF_ARRAY) {
    return append_number(out, kv->type, kv->type == SOTTO_GGUF_BOOL ? kv->boolean : kv->u, kv->i,
                         kv->f);
  }
  SOTTO_TRY(sotto_str_append_c(out, "["));
  for (uint64_t i = 0; i < kv->count && i < SHOWN_ELEMENTS; i++) {
    if (i) SOTTO_TRY(sotto_str_append_c(out, ", "));
    SOTTO_TRY(append_element(out, kv, i));
  }
  return sotto_str_append_c(out, "]");
}

static sotto_status describe_json(const sotto_gguf *g, sotto_str *out) {
  SOTTO_TRY(sotto_str_append_c(out, "{\"metadata\": {"));
  for (size_t i = 0; i < sotto_gguf_n_kv(g); i++) {
    const sotto_gguf_kv *kv = sotto_gguf_kv_at(g, i);
    if (i) SOTTO_TRY(sotto_str_append_c(out, ", "));
    SOTTO_TRY(sotto_str_append_json(out, kv->key));
    SOTTO_TRY(sotto_str_append_c(out, ": "));
    bool cut = kv->type == SOTTO_GGUF_ARRAY && kv->count > SHOWN_ELEMENTS;
    if (cut) {
      SOTTO_TRY(
          sotto_str_appendf(out, "{\"length\": %llu, \"first\": ", (unsigned long long)kv->count));
    }
    SOTTO_TRY(append_value(out, kv));
    if (cut) SOTTO_TRY(sotto_str_append_c(out, "}"));
  }
  SOTTO_TRY(sotto_str_append_c(out, "}, \"tensors\": ["));
  for (size_t i = 0; i < sotto_gguf_n_tensors(g); i++) {
    const sotto_gguf_tensor *t = sotto_gguf_tensor_at(g, i);
    SOTTO_TRY(sotto_str_append_c(out, i ? ", {\"name\": " : "{\"name\": "));
    SOTTO_TRY(sotto_str_append_json(out, t->name));
    SOTTO_TRY(
        sotto_str_appendf(out, ", \"type\": \"%s\", \"shape\": [", sotto_gguf_tensor_type_name(t)));
    for (uint32_t d = 0; d < t->n_dims; d++) {
      SOTTO_TRY(sotto_str_appendf(out, d ? ", %llu" : "%llu", (unsigned long long)t->ne[d]));
    }
    SOTTO_TRY(sotto_str_appendf(out, "], \"file\": %u, \"offset\": %llu, \"bytes\": %llu}", t->file,
                                (unsigned long long)t->offset, (unsigned long long)t->size));
  }
  return sotto_str_append_c(out, "]}");
}

static sotto_status describe_text(const sotto_gguf *g, sotto_str *out) {
  SOTTO_TRY(sotto_str_appendf(out, "metadata (%zu)\n", sotto_gguf_n_kv(g)));
  for (size_t i = 0; i < sotto_gguf_n_kv(g); i++) {
    const sotto_gguf_kv *kv = sotto_gguf_kv_at(g, i);
    SOTTO_TRY(sotto_str_append_c(out, "  "));
    SOTTO_TRY(sotto_str_append(out, kv->key.data, kv->key.len));
    SOTTO_TRY(sotto_str_append_c(out, " = "));
    SOTTO_TRY(append_value(out, kv));
    if (kv->type == SOTTO_GGUF_ARRAY && kv->count > SHOWN_ELEMENTS) {
      SOTTO_TRY(sotto_str_appendf(out, " … of %llu", (unsigned long long)kv->count));
    }
    SOTTO_TRY(sotto_str_append_c(out, "\n"));
  }
  SOTTO_TRY(sotto_str_appendf(out, "tensors (%zu)\n", sotto_gguf_n_tensors(g)));
  for (size_t i = 0; i < sotto_gguf_n_tensors(g); i++) {
    const sotto_gguf_tensor *t = sotto_gguf_tensor_at(g, i);
    SOTTO_TRY(sotto_str_append_c(out, "  "));
    SOTTO_TRY(sotto_str_append(out, t->name.data, t->name.len));
    SOTTO_TRY(sotto_str_appendf(out, "  %s [", sotto_gguf_tensor_type_name(t)));
    for (uint32_t d = 0; d < t->n_dims; d++) {
      SOTTO_TRY(sotto_str_appendf(out, d ? ", %llu" : "%llu", (unsigned long long)t->ne[d]));
    }
    SOTTO_TRY(sotto_str_appendf(out, "]  %llu bytes at %u:%llu\n", (unsigned long long)t->size,
                                t->file, (unsigned long long)t->offset));
  }
  return SOTTO_OK;
}

sotto_status sotto_engine_describe(sotto_engine *e, uint32_t as_json, const char **text,
                                   uint32_t *len) {
  *text = NULL;
  *len = 0;
  if (!e->gguf || !sotto_gguf_complete(e->gguf)) {
    return sotto_fail(&e->ctx, SOTTO_ERR_INVALID_ARGUMENT,
                      "call sotto_engine_feed_header until every header is done first");
  }
  e->text.len = 0;
  SOTTO_TRY(as_json ? describe_json(e->gguf, &e->text) : describe_text(e->gguf, &e->text));
  *text = e->text.data;
  *len = (uint32_t)e->text.len;
  return SOTTO_OK;
}
