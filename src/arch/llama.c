/* Llama: pre-norm transformer with RMSNorm, rotary positions, grouped-query attention and SwiGLU.
 * Touvron et al. 2023 (arXiv 2302.13971, 2307.09288); Llama 3 adds frequency factors to the rotary
 * positions. Any projection may have a bias; q, k and v may lie in one tensor, and so may gate and
 * up. Families that
 * differ from it by a norm, a scale or where positions are have files of their own and write their
 * programs here. */
#include "arch/hparams.h"

#include <stdio.h>

void sotto_arch_linear(sotto_layer l, sotto_buffer_id out, sotto_buffer_id in, const char *name) {
  sotto_program *p = l.p;
  if (p->status != SOTTO_OK) return;
  const uint32_t rows = p->buffers[out].dim, cols = p->buffers[in].dim;
  char weight[64], bias[64];
  snprintf(weight, sizeof weight, "blk.%%u.%s.weight", name);
  snprintf(bias, sizeof bias, "blk.%%u.%s.bias", name);
  const sotto_weight_id w = sotto_program_matrix(p, weight, l.index, rows, cols);
  const bool has_bias = sotto_program_has(p, bias, l.index);
  sotto_program_matmul(p, out, in, w,
                       has_bias ? sotto_program_vector(p, bias, l.index, rows) : SOTTO_NONE);
}

/* The same for outputs that lie one behind the other in the rows of one tensor. */
static void fused_linear(sotto_layer l, const sotto_buffer_id *out, int n_out, sotto_buffer_id in,
                         const char *weight, const char *bias) {
  sotto_program *p = l.p;
  if (p->status != SOTTO_OK) return;
  uint64_t n_rows = 0, first = 0;
  for (int i = 0; i < n_out; i++) n_rows += p->buffers[out[i]].dim;
  const bool has_bias = sotto_program_has(p, bias, l.index);
  for (int i = 0; i < n_out; i++) {
    const uint32_t rows = p->buffers[out[i]].dim, cols = p->buffers[in].dim;
    const sotto_weight_id w =
        sotto_program_matrix_rows(p, weight, l.index, n_rows, cols, first, rows);
    sotto_weight_id b = SOTTO_NONE;
    if (has_bias) b = sotto_program_vector_slice(p, bias, l.index, n_rows, first, rows);
    sotto_program_matmul(p, out[i], in, w, b);
    first += rows;
  }
}

void sotto_arch_attention(sotto_layer l, const sotto_hparams *h, uint32_t rope, uint32_t window,
                          sotto_buffer_id out, sotto_buffer_id norm) {
  sotto_program *p = l.p;
  const uint32_t i = l.index, n_head = h->n_head[i], n_head_kv = h->n_head_kv[i], d = h->head_dim;
  const sotto_buffer_id q = sotto_program_buffer(p, "q", n_head * d);
  const sotto_buffer_id k = sotto_program_buffer(p, "k", n_head_kv * d);
  const sotto_buffer_id v = sotto_program_buffer(p, "v", n_head_kv * d);
  const sotto_buffer_id attn = sotto_program_buffer(p, "attn", n_head * d);
  if (sotto_program_has(p, "blk.%u.attn_qkv.weight", i)) {
    fused_linear(l, (const sotto_buffer_id[]){q, k, v}, 3, norm, "blk.%u.attn_qkv.weight",
                 "blk.%u.attn_qkv.bias");
  } else {
    sotto_arch_linear(l, q, norm, "attn_q");
    sotto_arch_linear(l, k, norm, "attn_k");
    sotto_arch_linear(l, v, norm, "attn_v");
  }
  if (h->qk_norm) {
    sotto_program_rms_norm(p, q, q, sotto_program_vector(p, "blk.%u.attn_q_norm.weight", i, d),
                           h->norm_eps);
    sotto_program_rms_norm(p, k, k, sotto_program_vector(p, "blk.%u.attn_k_norm.weight", i, d),
                           h->norm_eps);
  }
  if (h->no_rope_step == 0 || (i + 1) % h->no_rope_step) {
    sotto_program_rope(p, q, rope, d);
    sotto_program_rope(p, k, rope, d);
  }
  sotto_program_kv_write(p, i, k, v);
  sotto_program_attention(p, i, attn, q, n_head, h->attention_scale, h->attention_softcap, window);
  sotto_arch_linear(l, out, attn, "attn_output");
}

/* out = down(activation(gate(norm)) * up(norm)) */
static void feed_forward(sotto_layer l, const sotto_hparams *h, sotto_buffer_id out,
                         sotto_buffer_id norm) {
  const sotto_buffer_id gate = sotto_program_buffer(l.p, "gate", h->n_ff[l.index]);
  const sotto_buffer_id up = sotto_program_buffer(l.p, "up", h->n_ff[l.index]);
  if (sotto_program_has(l.p, "blk.%u.ffn_gate.weight", l.index)) {
    sotto_arch_linear(l, gate, norm, "ffn_gate");
    sotto_arch_linear(l, up, norm, "ffn_up");
  } else {
    fused_linear(l, (const sotto_buffer_id[]){gate, up}, 2, norm, "blk.%u.ffn_up.weight",
                 "blk.%u.ffn_up.bias");
  }
  sotto_program_glu(l.p, gate, gate, up, h->activation);
  sotto_arch_linear(l, out, gate, "ffn_down");
}

/* The chosen experts and, where there is one, that which all tokens use. */
static void experts(sotto_layer l, const sotto_hparams *h, sotto_buffer_id out,
                    sotto_buffer_id norm) {
  sotto_experts_write(l.p, h, l.index, out, norm);
  if (h->n_ff_shared == 0) return;
  const sotto_buffer_id gate = sotto_program_buffer(l.p, "gate", h->n_ff_shared);
  const sotto_buffer_id up = sotto_program_buffer(l.p, "up", h->n_ff_shared);
  const sotto_buffer_id shared = sotto_program_buffer(l.p, "shared", h->n_embd);
  const sotto_buffer_id share = sotto_program_buffer(l.p, "share", 1);
  sotto_arch_linear(l, gate, norm, "ffn_gate_shexp");
  sotto_arch_linear(l, up, norm, "ffn_up_shexp");
  sotto_arch_linear(l, share, norm, "ffn_gate_inp_shexp");
  sotto_program_glu(l.p, gate, gate, up, h->activation);
  sotto_arch_linear(l, shared, gate, "ffn_down_shexp");
  sotto_program_sigmoid_gate(l.p, shared, share);
  sotto_program_add(l.p, out, out, shared);
}

static void post_norm(sotto_layer l, sotto_buffer_id x, const char *weight, float eps) {
  const uint32_t dim = l.p->status == SOTTO_OK ? l.p->buffers[x].dim : 0;
  sotto_program_rms_norm(l.p, x, x, sotto_program_vector(l.p, weight, l.index, dim), eps);
}

/* Instead of logits. Pooling is a stage of its own, as it takes the whole batch and not its parts.
 * Some files have a matrix of logits all the same. */
static void write_embedding(sotto_program *p, const sotto_hparams *h, sotto_buffer_id norm,
                            sotto_buffer_id x) {
  sotto_program_rms_norm(p, norm, x, sotto_program_vector(p, h->output_norm, 0, h->n_embd),
                         h->norm_eps);
  sotto_program_pass_over(p, "output.weight");
  p->stage++;
  sotto_program_embedding(p, norm);
}

void sotto_llama_write(sotto_program *p, const sotto_hparams *h) {
  const uint32_t n_embd = h->n_embd;
  const float eps = h->norm_eps;
  const sotto_buffer_id x = sotto_program_buffer(p, "x", n_embd); /* the residual stream */
  const sotto_buffer_id norm = sotto_program_buffer(p, "norm", n_embd);
  const sotto_buffer_id proj = sotto_program_buffer(p, "proj", n_embd);

  p->stage = 0;
  const sotto_weight_id table = sotto_program_matrix(p, "token_embd.weight", 0, h->n_vocab, n_embd);
  const uint32_t rope = sotto_program_add_rope(p, &h->rope);
  const bool mixed = h->window && h->global_step; /* layers with and without a window */
  const bool own_rope = mixed && h->local_rope.n_rot;
  const uint32_t local_rope = own_rope ? sotto_program_add_rope(p, &h->local_rope) : rope;
  sotto_program_embed(p, x, table, SOTTO_ROW_OF_TOKEN);
  sotto_program_scale(p, x, h->embedding_scale);

  for (uint32_t i = 0; i < h->n_layer && p->status == SOTTO_OK; i++) {
    const sotto_layer l = {p, i};
    p->stage = 1 + i;
    sotto_program_rms_norm(p, norm, x,
                           sotto_program_vector(p, "blk.%u.attn_norm.weight", i, n_embd), eps);
    if (h->n_head_kv[i] == 0)
      sotto_lfm2_short_conv(p, i, h, proj, norm);
    else if (mixed && (i + 1) % h->global_step == 0)
      sotto_arch_attention(l, h, rope, 0, proj, norm);
    else
      sotto_arch_attention(l, h, local_rope, h->window, proj, norm);
    if (h->post_norms) post_norm(l, proj, "blk.%u.post_attention_norm.weight", eps);
    sotto_program_scale(p, proj, h->residual_scale);
    sotto_program_add(p, x, x, proj);

    sotto_program_rms_norm(p, norm, x, sotto_program_vector(p, "blk.%u.ffn_norm.weight", i, n_embd),
                           eps);
    (h->n_experts ? experts : feed_forward)(l, h, proj, norm);
    if (h->post_norms) post_norm(l, proj, "blk.%u.post_ffw_norm.weight", eps);
    sotto_program_scale(p, proj, h->residual_scale);
    sotto_program_add(p, x, x, proj);
  }

  p->stage = 1 + h->n_layer;
  if (p->pooling) {
    write_embedding(p, h, norm, x);
    return;
  }
  const sotto_buffer_id last = sotto_program_output_buffer(p, "last", n_embd);
  const sotto_buffer_id logits = sotto_program_output_buffer(p, "logits", h->n_vocab);
  sotto_program_take_outputs(p, last, x);
  sotto_program_rms_norm(p, last, last, sotto_program_vector(p, h->output_norm, 0, n_embd), eps);
  /* Without an output matrix of its own the model shares the embedding's (tied). */
  const bool tied = !sotto_program_has(p, "output.weight", 0);
  sotto_program_logits(p, logits, last,
                       tied ? table
                            : sotto_program_matrix(p, "output.weight", 0, h->n_vocab, n_embd));
  sotto_program_scale(p, logits, h->logit_scale);
  sotto_program_softcap(p, logits, h->logit_softcap);
}

sotto_status sotto_llama_read(sotto_program *p, sotto_hparams *h) {
  uint32_t n_experts; /* Mixtral */
  SOTTO_TRY(sotto_arch_f32(p, "attention.scale", h->attention_scale, &h->attention_scale));
  SOTTO_TRY(sotto_arch_u32(p, "expert_count", 0, &n_experts));
  if (n_experts == 0) return SOTTO_OK;
  h->normalise_experts = true;
  return sotto_experts_read(p, h, h->n_ff);
}
