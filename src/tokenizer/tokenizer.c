/* A tokenizer's life, and what others ask it about its tokens. */
#include "tokenizer/tokenizer.h"

#include "tokenizer/internal.h"

#define MODEL "tokenizer.ggml.model"
#define PRE   "tokenizer.ggml.pre"

#define PRE_by_name NULL
#define PRE_spm     &sotto_pre_spm
#define PRE_bert    &sotto_pre_bert
#define ID_NONE     SOTTO_TOKEN_NONE
#define ID_0        0
#define ID_1        1
#define ID_2        2
static const sotto_tokenizer_model models[] = {
#define SOTTO_TOKENIZER_MODEL(name, title, algorithm, decoder, pre, bos, eos, unknown)             \
  {name,                                                                                           \
   &sotto_algorithm_##algorithm,                                                                   \
   &sotto_decoder_##decoder,                                                                       \
   PRE_##pre,                                                                                      \
   ID_##bos,                                                                                       \
   ID_##eos,                                                                                       \
   ID_##unknown},
#include "tokenizer/models.def"
#undef SOTTO_TOKENIZER_MODEL
};

/* A string of the metadata, or nothing with *found false. */
static sotto_status read_string(const sotto_tokenizer *t, const sotto_gguf *gguf, const char *key,
                                sotto_slice *out, bool *found) {
  const sotto_gguf_kv *kv = sotto_gguf_take(gguf, key);
  *found = kv != NULL;
  if (!kv) return SOTTO_OK;
  if (kv->type != SOTTO_GGUF_STRING) {
    return sotto_fail(t->ctx, SOTTO_ERR_INVALID_MODEL, "%s is not a string; " SOTTO_VOCAB_NEXT_STEP,
                      key);
  }
  *out = kv->string;
  return SOTTO_OK;
}

static sotto_status load_model(sotto_tokenizer *t, const sotto_gguf *gguf) {
  sotto_slice name;
  bool found;
  SOTTO_TRY(read_string(t, gguf, MODEL, &name, &found));
  if (!found) {
    return sotto_fail(t->ctx, SOTTO_ERR_INVALID_MODEL,
                      MODEL " is missing: the file holds no tokenizer; " SOTTO_VOCAB_NEXT_STEP);
  }
  for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
    if (!sotto_slice_is(name, models[i].name)) continue;
    t->model = &models[i];
    return SOTTO_OK;
  }
  return sotto_fail(t->ctx, SOTTO_ERR_UNSUPPORTED_TOKENIZER,
                    MODEL " '%.*s' is not supported; use a model with one of these, as most chat "
                          "models have: "
#define SOTTO_TOKENIZER_MODEL(name, title, algorithm, decoder, pre, bos, eos, unknown)             \
  name " (" title ") "
#include "tokenizer/models.def"
#undef SOTTO_TOKENIZER_MODEL
                    ,
                    SOTTO_SLICE_ARG(name));
}

#define GUESSED                                                                                    \
  "text is split into words as for GPT-2, and answers are worse if the model wants another way; "  \
  "convert the model anew with a current converter"

static sotto_status load_pre(sotto_tokenizer *t, const sotto_gguf *gguf) {
  sotto_slice name;
  bool found;
  SOTTO_TRY(read_string(t, gguf, PRE, &name, &found));
  t->pre = t->model->pre;
  if (t->pre) return SOTTO_OK; /* converters write "default" for these */
  if (!found) {
    SOTTO_TRY(sotto_warn(t->ctx, PRE " is missing: " GUESSED));
    name = SOTTO_SLICE("default");
  } else if (sotto_slice_is(name, "default")) {
    SOTTO_TRY(sotto_warn(t->ctx, PRE " is 'default', which names no family: " GUESSED));
  }
  t->pre = sotto_pre_find(name);
  if (t->pre) return SOTTO_OK;
  return sotto_fail(t->ctx, SOTTO_ERR_UNSUPPORTED_TOKENIZER,
                    "the pre-tokeniser '%.*s' (" PRE ") is not supported; use a model of another "
                    "family (Llama, Qwen, Mistral, Granite, SmolLM, GPT)",
                    SOTTO_SLICE_ARG(name));
}

static sotto_status load(sotto_tokenizer *t, const sotto_gguf *gguf) {
  SOTTO_TRY(load_model(t, gguf));
  SOTTO_TRY(load_pre(t, gguf));
  SOTTO_TRY(sotto_vocab_load(t, gguf));
  SOTTO_TRY(sotto_special_load(t, gguf));
  SOTTO_TRY(sotto_vocab_index(t));
  return t->model->algorithm->load(t, gguf);
}

sotto_status sotto_tokenizer_new(sotto_ctx *ctx, const sotto_gguf *gguf, sotto_tokenizer **out) {
  *out = NULL;
  sotto_tokenizer *t = sotto_alloc_zero(ctx, sizeof *t);
  if (!t) return SOTTO_ERR_OUT_OF_MEMORY;
  t->ctx = ctx;
  sotto_status status = load(t, gguf);
  if (status != SOTTO_OK) {
    sotto_tokenizer_free(t);
    return status;
  }
  *out = t;
  return SOTTO_OK;
}

void sotto_tokenizer_free(sotto_tokenizer *t) {
  if (!t) return;
  sotto_ctx *ctx = t->ctx;
  size_t n = t->n_vocab;
  sotto_free(ctx, t->strings, t->strings_size);
  sotto_free(ctx, t->start, sizeof *t->start * (n + 1));
  sotto_free(ctx, t->n_bytes, sizeof *t->n_bytes * n);
  sotto_free(ctx, t->flags, n);
  sotto_free(ctx, t->buckets, sizeof *t->buckets * t->n_buckets);
  sotto_free(ctx, t->merges, sizeof *t->merges * t->n_merge_buckets);
  sotto_free(ctx, t->rank, t->rank ? sizeof *t->rank * n : 0);
  sotto_free(ctx, t->seams, t->seams ? SOTTO_SEAM_BYTES : 0);
  sotto_free(ctx, t->special, sizeof *t->special * t->n_special);
  sotto_free(ctx, t, sizeof *t);
}

static bool in_range(const sotto_tokenizer *t, sotto_token id) {
  return id >= 0 && (uint32_t)id < t->n_vocab;
}

uint32_t sotto_tokenizer_n_vocab(const sotto_tokenizer *t) {
  return t->n_vocab;
}
sotto_token sotto_tokenizer_bos(const sotto_tokenizer *t) {
  return t->bos;
}
sotto_token sotto_tokenizer_eos(const sotto_tokenizer *t) {
  return t->eos;
}
sotto_token sotto_tokenizer_pad(const sotto_tokenizer *t) {
  return t->pad;
}
bool sotto_tokenizer_add_bos(const sotto_tokenizer *t) {
  return t->add_bos;
}
bool sotto_tokenizer_add_eos(const sotto_tokenizer *t) {
  return t->add_eos;
}

bool sotto_tokenizer_is_eog(const sotto_tokenizer *t, sotto_token id) {
  return in_range(t, id) && sotto_vocab_flags(t, (uint32_t)id) & SOTTO_FLAG_EOG;
}

sotto_token_attr sotto_tokenizer_attr(const sotto_tokenizer *t, sotto_token id) {
  return in_range(t, id) ? sotto_vocab_attr(t, (uint32_t)id) : SOTTO_TOKEN_UNUSED;
}

sotto_slice sotto_tokenizer_text(const sotto_tokenizer *t, sotto_token id) {
  return in_range(t, id) ? sotto_vocab_text(t, (uint32_t)id) : SOTTO_SLICE("");
}

sotto_slice sotto_tokenizer_bytes(const sotto_tokenizer *t, sotto_token id, bool special) {
  if (!in_range(t, id)) return SOTTO_SLICE("");
  switch (sotto_vocab_attr(t, (uint32_t)id)) {
  case SOTTO_TOKEN_CONTROL:
  case SOTTO_TOKEN_UNKNOWN:
  case SOTTO_TOKEN_UNUSED:
    if (!special && !(sotto_vocab_flags(t, (uint32_t)id) & SOTTO_FLAG_SHOWN)) {
      return SOTTO_SLICE("");
    }
    break;
  default: break;
  }
  return sotto_vocab_bytes(t, (uint32_t)id);
}
