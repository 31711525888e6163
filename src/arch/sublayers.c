/* Attention and feed-forward as most families have them. Any projection may have a bias; q, k and v
 * may lie in one tensor, and so may gate and up. Mixtures of experts are experts.c's. */
#include <stdio.h>

#include "arch/hparams.h"

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

void sotto_arch_feed_forward(sotto_layer l, const sotto_hparams *h, sotto_buffer_id out,
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
