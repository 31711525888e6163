/* Llama: pre-norm transformer with RMSNorm, rotary positions, grouped-query attention and SwiGLU.
 * Touvron et al. 2023 (arXiv 2302.13971, 2307.09288); Llama 3 adds frequency factors to the rotary
 * positions. SmolLM2, TinyLlama and many others are of this architecture. */
#include "arch/arch.h"

#include <math.h>

#define KEY(name) "llama." name

static sotto_status read_rope(sotto_program *p) {
  sotto_hparams *h = &p->hparams;
  SOTTO_TRY(sotto_gguf_u32_or(p->gguf, KEY("rope.dimension_count"), h->head_dim, &h->n_rot));
  SOTTO_TRY(sotto_gguf_f32_or(p->gguf, KEY("rope.freq_base"), 10000.0f, &h->rope_freq_base));
  if (h->n_rot == 0 || h->n_rot % 2 || h->n_rot > h->head_dim) {
    return sotto_fail(p->ctx, SOTTO_ERR_INVALID_MODEL,
                      KEY("rope.dimension_count") " is %u, must be even and at most the head's %u",
                      h->n_rot, h->head_dim);
  }
  if (!(h->rope_freq_base >= 1.0f && h->rope_freq_base <= 1e12f)) {
    return sotto_fail(p->ctx, SOTTO_ERR_INVALID_MODEL,
                      KEY("rope.freq_base") " is %g, must be from 1 to 1e12",
                      (double)h->rope_freq_base);
  }
  h->rope_freq_scale = 1.0f;
  const sotto_gguf_kv *scaling = sotto_gguf_take(p->gguf, KEY("rope.scaling.type"));
  if (scaling && sotto_slice_is(scaling->string, "linear")) {
    float factor;
    SOTTO_TRY(sotto_gguf_f32(p->gguf, KEY("rope.scaling.factor"), &factor));
    if (!(factor >= 1.0f && factor <= 1e6f)) {
      return sotto_fail(p->ctx, SOTTO_ERR_INVALID_MODEL,
                        KEY("rope.scaling.factor") " is %g, must be from 1 to 1e6", (double)factor);
    }
    h->rope_freq_scale = 1.0f / factor;
  } else if (scaling && !sotto_slice_is(scaling->string, "none")) {
    return sotto_fail(
        p->ctx, SOTTO_ERR_UNSUPPORTED_ARCHITECTURE,
        KEY("rope.scaling.type") " '%.*s' is not supported; use a model without it, or "
                                 "with 'linear'",
        SOTTO_SLICE_ARG(scaling->string));
  }
  return SOTTO_OK;
}

static sotto_status read_hparams(sotto_program *p) {
  sotto_hparams *h = &p->hparams;
  const sotto_gguf *g = p->gguf;
  SOTTO_TRY(sotto_gguf_u32(g, KEY("block_count"), &h->n_layer));
  SOTTO_TRY(sotto_gguf_u32(g, KEY("embedding_length"), &h->n_embd));
  SOTTO_TRY(sotto_gguf_u32(g, KEY("feed_forward_length"), &h->n_ff));
  SOTTO_TRY(sotto_gguf_u32(g, KEY("context_length"), &h->n_ctx_train));
  SOTTO_TRY(sotto_gguf_u32(g, KEY("attention.head_count"), &h->n_head));
  SOTTO_TRY(sotto_gguf_u32_or(g, KEY("attention.head_count_kv"), h->n_head, &h->n_head_kv));
  SOTTO_TRY(sotto_gguf_f32(g, KEY("attention.layer_norm_rms_epsilon"), &h->norm_eps));
  if (h->n_head == 0 || h->n_head_kv == 0 || h->n_head % h->n_head_kv) {
    return sotto_fail(p->ctx, SOTTO_ERR_INVALID_MODEL,
                      KEY("attention.head_count") " is %u with %u KV heads: must be a multiple",
                      h->n_head, h->n_head_kv);
  }
  SOTTO_TRY(sotto_gguf_u32_or(g, KEY("attention.key_length"), h->n_embd / h->n_head, &h->head_dim));
  uint32_t value_dim;
  SOTTO_TRY(sotto_gguf_u32_or(g, KEY("attention.value_length"), h->head_dim, &value_dim));
  if (h->n_layer == 0 || h->n_embd == 0 || h->n_ff == 0 || h->n_ctx_train == 0 ||
      h->head_dim == 0 || h->head_dim % 4 || h->head_dim > 1024 || value_dim != h->head_dim) {
    return sotto_fail(p->ctx, SOTTO_ERR_INVALID_MODEL,
                      "hyper-parameters do not make a model: layers %u, width %u, feed-forward %u, "
                      "context %u, head dimension %u (a multiple of 4, at most 1024) and %u",
                      h->n_layer, h->n_embd, h->n_ff, h->n_ctx_train, h->head_dim, value_dim);
  }
  if (!(h->norm_eps > 0.0f && h->norm_eps < 1.0f)) {
    return sotto_fail(p->ctx, SOTTO_ERR_INVALID_MODEL,
                      KEY("attention.layer_norm_rms_epsilon") " is %g, must be between 0 and 1",
                      (double)h->norm_eps);
  }
  uint32_t n_expert;
  SOTTO_TRY(sotto_gguf_u32_or(g, KEY("expert_count"), 0, &n_expert));
  if (n_expert) {
    return sotto_fail(
        p->ctx, SOTTO_ERR_UNSUPPORTED_ARCHITECTURE,
        "mixture-of-experts Llama models (" KEY("expert_count") " = %u) are not "
                                                                "supported; use a dense model",
        n_expert);
  }
  h->attention_scale = 1.0f / sqrtf((float)h->head_dim);
  return read_rope(p);
}

sotto_status sotto_arch_llama(sotto_program *p) {
  SOTTO_TRY(read_hparams(p));
  sotto_hparams *h = &p->hparams;
  const sotto_gguf_tensor *table = sotto_gguf_find_tensor(p->gguf, "token_embd.weight");
  if (table && (table->ne[1] == 0 || table->ne[1] > INT32_MAX)) {
    return sotto_fail(p->ctx, SOTTO_ERR_INVALID_MODEL, "token_embd.weight has %llu rows",
                      (unsigned long long)table->ne[1]);
  }
  h->n_vocab = table ? (uint32_t)table->ne[1] : 0;
  const uint64_t n_q = (uint64_t)h->n_head * h->head_dim,
                 n_kv = (uint64_t)h->n_head_kv * h->head_dim;
  if (n_q > UINT32_MAX) {
    return sotto_fail(p->ctx, SOTTO_ERR_INVALID_MODEL, "%u heads of %u are too wide", h->n_head,
                      h->head_dim);
  }

  sotto_buffer_id x = sotto_program_buffer(p, "x", h->n_embd); /* the residual stream */
  sotto_buffer_id norm = sotto_program_buffer(p, "norm", h->n_embd);
  sotto_buffer_id q = sotto_program_buffer(p, "q", (uint32_t)n_q);
  sotto_buffer_id k = sotto_program_buffer(p, "k", (uint32_t)n_kv);
  sotto_buffer_id v = sotto_program_buffer(p, "v", (uint32_t)n_kv);
  sotto_buffer_id attn = sotto_program_buffer(p, "attn", (uint32_t)n_q);
  sotto_buffer_id proj = sotto_program_buffer(p, "proj", h->n_embd);
  sotto_buffer_id gate = sotto_program_buffer(p, "gate", h->n_ff);
  sotto_buffer_id up = sotto_program_buffer(p, "up", h->n_ff);

  p->stage = 0;
  sotto_weight_id embedding =
      sotto_program_matrix(p, "token_embd.weight", 0, h->n_vocab, h->n_embd);
  if (sotto_program_has(p, "rope_freqs.weight")) {
    h->rope_factors = sotto_program_vector(p, "rope_freqs.weight", 0, h->n_rot / 2);
  }
  sotto_program_embed(p, x, embedding);

  for (uint32_t l = 0; l < h->n_layer && p->status == SOTTO_OK; l++) {
    p->stage = 1 + l;
    sotto_program_rms_norm(p, norm, x,
                           sotto_program_vector(p, "blk.%u.attn_norm.weight", l, h->n_embd));
    sotto_program_matmul(p, q, norm,
                         sotto_program_matrix(p, "blk.%u.attn_q.weight", l, n_q, h->n_embd));
    sotto_program_matmul(p, k, norm,
                         sotto_program_matrix(p, "blk.%u.attn_k.weight", l, n_kv, h->n_embd));
    sotto_program_matmul(p, v, norm,
                         sotto_program_matrix(p, "blk.%u.attn_v.weight", l, n_kv, h->n_embd));
    sotto_program_rope(p, q);
    sotto_program_rope(p, k);
    sotto_program_kv_write(p, l, k, v);
    sotto_program_attention(p, l, attn, q);
    sotto_program_matmul(p, proj, attn,
                         sotto_program_matrix(p, "blk.%u.attn_output.weight", l, h->n_embd, n_q));
    sotto_program_add(p, x, x, proj);

    sotto_program_rms_norm(p, norm, x,
                           sotto_program_vector(p, "blk.%u.ffn_norm.weight", l, h->n_embd));
    sotto_program_matmul(p, gate, norm,
                         sotto_program_matrix(p, "blk.%u.ffn_gate.weight", l, h->n_ff, h->n_embd));
    sotto_program_matmul(p, up, norm,
                         sotto_program_matrix(p, "blk.%u.ffn_up.weight", l, h->n_ff, h->n_embd));
    sotto_program_swiglu(p, gate, gate, up);
    sotto_program_matmul(p, proj, gate,
                         sotto_program_matrix(p, "blk.%u.ffn_down.weight", l, h->n_embd, h->n_ff));
    sotto_program_add(p, x, x, proj);
  }

  p->stage = 1 + h->n_layer;
  sotto_buffer_id last = sotto_program_output_buffer(p, "last", h->n_embd);
  p->logits = sotto_program_output_buffer(p, "logits", h->n_vocab);
  sotto_program_take_outputs(p, last, x);
  sotto_program_rms_norm(p, last, last,
                         sotto_program_vector(p, "output_norm.weight", 0, h->n_embd));
  /* Without an output matrix of its own the model shares the embedding's (tied). */
  const char *output =
      sotto_program_has(p, "output.weight") ? "output.weight" : "token_embd.weight";
  sotto_program_matmul(p, p->logits, last,
                       sotto_program_matrix(p, output, 0, h->n_vocab, h->n_embd));
  return SOTTO_OK;
}
