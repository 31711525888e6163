/* Reading of keys that all families share; their meaning is llama.cpp's (gguf-py's constants,
 * load_hparams of llama-model.cpp), their formulas are named where they are used. */
#include <math.h>
#include <stdio.h>

#include "arch/hparams.h"
#include "base/bytes.h"
#include "kernels/math.h"

#define LARGEST_HEAD 1024

/* ---- keys by what follows the architecture's name ---- */

typedef struct full_key {
  char text[160];
} full_key;

static full_key key_of(const sotto_program *p, const char *key) {
  full_key full;
  const sotto_gguf_kv *name = sotto_gguf_find(p->gguf, "general.architecture");
  snprintf(full.text, sizeof full.text, "%.*s.%s", SOTTO_SLICE_ARG(name->string), key);
  return full;
}

sotto_status sotto_arch_invalid(sotto_program *p, const char *key, const char *what) {
  return sotto_fail(p->ctx, SOTTO_ERR_INVALID_MODEL, "%s %s; convert the model again",
                    key_of(p, key).text, what);
}

sotto_status sotto_arch_u32(sotto_program *p, const char *key, uint32_t fallback, uint32_t *out) {
  SOTTO_TRY(sotto_gguf_u32_or(p->gguf, key_of(p, key).text, fallback, out));
  if (*out == 0) *out = fallback;
  return SOTTO_OK;
}

sotto_status sotto_arch_f32(sotto_program *p, const char *key, float fallback, float *out) {
  SOTTO_TRY(sotto_gguf_f32_or(p->gguf, key_of(p, key).text, fallback, out));
  if (*out == 0.0f) *out = fallback;
  return SOTTO_OK;
}

sotto_status sotto_arch_bool(sotto_program *p, const char *key, bool fallback, bool *out) {
  return sotto_gguf_bool_or(p->gguf, key_of(p, key).text, fallback, out);
}

/* A number that must be there and may not be 0. */
static sotto_status required_u32(sotto_program *p, const char *key, uint32_t *out) {
  SOTTO_TRY(sotto_gguf_u32(p->gguf, key_of(p, key).text, out));
  return *out ? SOTTO_OK : sotto_arch_invalid(p, key, "is 0");
}

static sotto_status wrong_array(sotto_program *p, const char *key, uint32_t n_layer) {
  char what[96];
  snprintf(what, sizeof what, "is not a whole number above 0, or %u of them, one for each layer",
           n_layer);
  return sotto_arch_invalid(p, key, what);
}

/* `zeros`: an array may have them. */
static sotto_status per_layer(sotto_program *p, const char *key, uint32_t n_layer,
                              const uint32_t *fallback, bool zeros, const uint32_t **out) {
  const full_key full = key_of(p, key);
  const sotto_gguf_kv *kv = sotto_gguf_take(p->gguf, full.text);
  const bool is_array = kv && kv->type == SOTTO_GGUF_ARRAY;
  *out = fallback;
  if (fallback && (!kv || (is_array && kv->count == 0))) return SOTTO_OK;
  uint32_t *values = sotto_arena_array(&p->arena, n_layer, sizeof *values);
  if (!values) return SOTTO_ERR_OUT_OF_MEMORY;
  if (is_array) {
    if (kv->count != n_layer || (kv->element != SOTTO_GGUF_I32 && kv->element != SOTTO_GGUF_U32)) {
      return wrong_array(p, key, n_layer);
    }
    for (uint32_t l = 0; l < n_layer; l++) {
      values[l] = sotto_read_u32(kv->items + 4 * (size_t)l);
      if ((values[l] == 0 && !zeros) || values[l] > INT32_MAX) return wrong_array(p, key, n_layer);
    }
  } else {
    uint32_t value;
    SOTTO_TRY(sotto_gguf_u32(p->gguf, full.text, &value));
    if (value == 0 && fallback) return SOTTO_OK;
    if (value == 0 || value > INT32_MAX) return wrong_array(p, key, n_layer);
    for (uint32_t l = 0; l < n_layer; l++) values[l] = value;
  }
  *out = values;
  return SOTTO_OK;
}

sotto_status sotto_arch_per_layer(sotto_program *p, const char *key, uint32_t n_layer,
                                  const uint32_t *fallback, const uint32_t **out) {
  return per_layer(p, key, n_layer, fallback, false, out);
}

/* ---- shapes ---- */

static uint32_t most(const uint32_t *values, uint32_t n) {
  uint32_t most = 0;
  for (uint32_t i = 0; i < n; i++)
    if (values[i] > most) most = values[i];
  return most;
}

static sotto_status check_heads(sotto_program *p, const sotto_hparams *h) {
  for (uint32_t l = 0; l < h->n_layer; l++) {
    const uint32_t n_head = h->n_head[l], n_head_kv = h->n_head_kv[l];
    if (n_head_kv && n_head % n_head_kv) {
      return sotto_fail(p->ctx, SOTTO_ERR_INVALID_MODEL,
                        "%s is %u with %u KV heads in layer %u: must be a multiple",
                        key_of(p, "attention.head_count").text, n_head, n_head_kv, l);
    }
    if ((uint64_t)n_head * h->head_dim > INT32_MAX) {
      return sotto_fail(p->ctx, SOTTO_ERR_INVALID_MODEL, "%u heads of %u are too wide", n_head,
                        h->head_dim);
    }
  }
  return SOTTO_OK;
}

static sotto_status read_head_dim(sotto_program *p, sotto_hparams *h) {
  uint32_t value_dim;
  SOTTO_TRY(sotto_arch_u32(p, "attention.key_length", h->n_embd / h->n_head[0], &h->head_dim));
  SOTTO_TRY(sotto_arch_u32(p, "attention.value_length", h->head_dim, &value_dim));
  if (h->head_dim == 0 || h->head_dim % 4 || h->head_dim > LARGEST_HEAD) {
    return sotto_fail(p->ctx, SOTTO_ERR_INVALID_MODEL,
                      "heads are %u wide (%s, or the width by the heads), must be a multiple of 4 "
                      "and at most %u",
                      h->head_dim, key_of(p, "attention.key_length").text, LARGEST_HEAD);
  }
  if (value_dim == h->head_dim) return SOTTO_OK;
  return sotto_fail(p->ctx, SOTTO_ERR_UNSUPPORTED_ARCHITECTURE,
                    "keys are %u wide and values %u (%s): only equal widths are supported; use "
                    "another model",
                    h->head_dim, value_dim, key_of(p, "attention.value_length").text);
}

static sotto_status read_shape(sotto_program *p, sotto_hparams *h) {
  SOTTO_TRY(required_u32(p, "block_count", &h->n_layer));
  SOTTO_TRY(required_u32(p, "embedding_length", &h->n_embd));
  SOTTO_TRY(required_u32(p, "context_length", &h->n_ctx_train));
  if (h->n_layer > sotto_gguf_n_tensors(p->gguf)) { /* bounds what is allocated for them */
    return sotto_arch_invalid(p, "block_count", "is larger than the number of tensors");
  }
  if (h->n_embd > INT32_MAX) return sotto_arch_invalid(p, "embedding_length", "is too large");
  const uint32_t n = h->n_layer;
  SOTTO_TRY(sotto_arch_per_layer(p, "attention.head_count", n, NULL, &h->n_head));
  SOTTO_TRY(per_layer(p, "attention.head_count_kv", n, h->n_head, true, &h->n_head_kv));
  SOTTO_TRY(sotto_arch_per_layer(p, "feed_forward_length", n, NULL, &h->n_ff));
  SOTTO_TRY(read_head_dim(p, h));
  SOTTO_TRY(check_heads(p, h));

  const sotto_gguf_tensor *table = sotto_gguf_find_tensor(p->gguf, "token_embd.weight");
  if (table && (table->ne[1] == 0 || table->ne[1] > INT32_MAX)) {
    return sotto_fail(p->ctx, SOTTO_ERR_INVALID_MODEL, "token_embd.weight has %llu rows",
                      (unsigned long long)table->ne[1]);
  }
  h->n_vocab = table ? (uint32_t)table->ne[1] : 0;
  /* Written by converters; rows that no token has are padding. */
  uint32_t n_vocab;
  return sotto_arch_u32(p, "vocab_size", h->n_vocab, &n_vocab);
}

/* Files say 0, -1 (as 32 bits with a sign or without) or nothing where no tokens are pooled. */
static sotto_status read_pooling(sotto_program *p) {
  const sotto_gguf_kv *kv = sotto_gguf_take(p->gguf, key_of(p, "pooling_type").text);
  uint32_t type = UINT32_MAX;
  if (!kv || kv->type != SOTTO_GGUF_I32 || kv->i != -1)
    SOTTO_TRY(sotto_arch_u32(p, "pooling_type", UINT32_MAX, &type));
  if (type == UINT32_MAX) return SOTTO_OK;
  if (type > SOTTO_POOLING_LAST) {
    return sotto_fail(p->ctx, SOTTO_ERR_UNSUPPORTED_ARCHITECTURE,
                      "%s is %u%s: only mean (1), cls (2) and last (3) are supported; use another "
                      "model",
                      key_of(p, "pooling_type").text, type, type == 4 ? ", a reranker's" : "");
  }
  p->pooling = (sotto_pooling)type;
  return SOTTO_OK;
}

static sotto_status fill_program(sotto_program *p, const sotto_hparams *h) {
  const uint32_t n = h->n_layer;
  p->shape = (sotto_model_shape){h->n_vocab,         h->n_ctx_train,        h->n_embd,       n,
                                 most(h->n_head, n), most(h->n_head_kv, n), most(h->n_ff, n)};
  p->kv_layers = sotto_arena_array(&p->arena, n, sizeof *p->kv_layers);
  if (!p->kv_layers) return SOTTO_ERR_OUT_OF_MEMORY;
  for (uint32_t l = 0; l < n; l++)
    p->kv_layers[l] = (sotto_kv_layer){.n_head_kv = h->n_head_kv[l], .head_dim = h->head_dim};
  SOTTO_TRY(sotto_arch_bool(p, "attention.causal", true, &p->causal));
  return read_pooling(p);
}

sotto_status sotto_arch_norm_eps(sotto_program *p, const char *key, float *out) {
  SOTTO_TRY(sotto_gguf_f32(p->gguf, key_of(p, key).text, out));
  if (*out > 0.0f && *out < 1.0f) return SOTTO_OK;
  return sotto_arch_invalid(p, key, "is not between 0 and 1");
}

sotto_status sotto_arch_need_pooling(sotto_program *p) {
  if (p->pooling) return SOTTO_OK;
  return sotto_fail(p->ctx, SOTTO_ERR_UNSUPPORTED_ARCHITECTURE,
                    "%s is missing or 0: the file does not say how an encoder's tokens become an "
                    "embedding; convert the model again with its modules.json and 1_Pooling",
                    key_of(p, "pooling_type").text);
}

/* ---- rotary positions ---- */

/* 1 / the factor by which positions are stretched, from either key. */
static sotto_status read_scale(sotto_program *p, bool none, float *scale) {
  float factor, old;
  SOTTO_TRY(sotto_arch_f32(p, "rope.scaling.factor", 1.0f, &factor));
  SOTTO_TRY(sotto_arch_f32(p, "rope.scale_linear", 1.0f, &old));
  if (!sotto_gguf_find(p->gguf, key_of(p, "rope.scaling.factor").text)) factor = old;
  if (!(factor >= 1e-3f && factor <= 1e6f)) {
    return sotto_arch_invalid(p, "rope.scaling.factor", "is not from 0.001 to 1e6");
  }
  *scale = none ? 1.0f : 1.0f / factor;
  return SOTTO_OK;
}

/* YaRN's section 3.4, as transformers has it. */
static float yarn_magnitude(float factor, float mscale) {
  if (factor <= 1.0f) return 1.0f;
  return (float)(0.1 * (double)mscale * sotto_log((double)factor) + 1.0);
}

static sotto_status read_yarn(sotto_program *p, sotto_rope *r) {
  float log_multiplier;
  SOTTO_TRY(sotto_arch_f32(p, "rope.scaling.yarn_beta_fast", 32.0f, &r->beta_fast));
  SOTTO_TRY(sotto_arch_f32(p, "rope.scaling.yarn_beta_slow", 1.0f, &r->beta_slow));
  SOTTO_TRY(sotto_arch_f32(p, "rope.scaling.yarn_log_multiplier", 0.0f, &log_multiplier));
  if (!(r->beta_fast > r->beta_slow && r->beta_slow > 0.0f)) {
    return sotto_arch_invalid(p, "rope.scaling.yarn_beta_fast",
                              "is not above yarn_beta_slow, or that not above 0");
  }
  r->yarn = true;
  const float factor = 1.0f / r->scale;
  r->magnitude *= yarn_magnitude(factor, 1.0f);
  if (log_multiplier != 0.0f) r->magnitude /= yarn_magnitude(factor, log_multiplier);
  return SOTTO_OK;
}

/* Factors of frequencies: Llama 3's for any context, or LongRoPE's two sets, which need not be
 * named as such. */
static void read_factors(sotto_program *p, sotto_rope *r, bool longrope) {
  const uint32_t n = r->n_rot / 2;
  p->stage = 0;
  if (longrope || sotto_program_has(p, "rope_factors_short.weight", 0)) {
    r->factors = sotto_program_vector(p, "rope_factors_short.weight", 0, n);
    r->long_factors = sotto_program_vector(p, "rope_factors_long.weight", 0, n);
  } else if (sotto_program_has(p, "rope_freqs.weight", 0)) {
    r->factors = r->long_factors = sotto_program_vector(p, "rope_freqs.weight", 0, n);
  }
}

sotto_status sotto_arch_rope_base(sotto_program *p, const char *key, float *out) {
  SOTTO_TRY(sotto_arch_f32(p, key, 10000.0f, out));
  if (*out > 1.0f && *out <= 1e12f) return SOTTO_OK;
  return sotto_arch_invalid(p, key, "is not above 1 and at most 1e12");
}

static sotto_status read_rope(sotto_program *p, sotto_hparams *h) {
  sotto_rope *r = &h->rope;
  *r = (sotto_rope){.factors = SOTTO_NONE, .long_factors = SOTTO_NONE};
  SOTTO_TRY(sotto_arch_u32(p, "rope.dimension_count", h->head_dim, &r->n_rot));
  if (r->n_rot % 2 || r->n_rot > h->head_dim) {
    return sotto_arch_invalid(p, "rope.dimension_count",
                              "is not even, or more than a head is wide");
  }
  SOTTO_TRY(sotto_arch_rope_base(p, "rope.freq_base", &r->base));
  sotto_slice type = SOTTO_SLICE("");
  const full_key key = key_of(p, "rope.scaling.type");
  if (sotto_gguf_find(p->gguf, key.text)) SOTTO_TRY(sotto_gguf_string(p->gguf, key.text, &type));
  const bool none = sotto_slice_is(type, "none"), yarn = sotto_slice_is(type, "yarn"),
             longrope = sotto_slice_is(type, "longrope");
  if (type.len && !none && !yarn && !longrope && !sotto_slice_is(type, "linear")) {
    return sotto_fail(p->ctx, SOTTO_ERR_UNSUPPORTED_ARCHITECTURE,
                      "%s '%.*s' is not supported; use a model with none, linear, yarn or longrope",
                      key.text, SOTTO_SLICE_ARG(type));
  }
  SOTTO_TRY(read_scale(p, none, &r->scale));
  SOTTO_TRY(sotto_arch_f32(p, "rope.scaling.attn_factor", 1.0f, &r->magnitude));
  SOTTO_TRY(
      sotto_arch_u32(p, "rope.scaling.original_context_length", h->n_ctx_train, &r->n_ctx_orig));
  if (yarn) SOTTO_TRY(read_yarn(p, r));
  read_factors(p, r, longrope);
  return p->status;
}

sotto_status sotto_hparams_read(sotto_program *p, sotto_hparams *h) {
  *h = (sotto_hparams){.embedding_scale = 1,
                       .residual_scale = 1,
                       .logit_scale = 1,
                       .output_norm = "output_norm.weight"};
  SOTTO_TRY(read_shape(p, h));
  h->attention_scale = 1.0f / sqrtf((float)h->head_dim);
  SOTTO_TRY(fill_program(p, h));
  return read_rope(p, h);
}
