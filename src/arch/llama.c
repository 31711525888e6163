/* Llama: pre-norm transformer with RMSNorm, rotary positions, grouped-query attention and SwiGLU.
 * Touvron et al. 2023 (arXiv 2302.13971, 2307.09288); Llama 3 adds frequency factors to the rotary
 * positions. Families that differ from it by a norm, a scale or where positions are have files of
 * their own and write their programs here. */
#include "arch/hparams.h"

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
      sotto_arch_short_conv(l, h, proj, norm);
    else if (mixed && (i + 1) % h->global_step == 0)
      sotto_arch_attention(l, h, rope, 0, proj, norm);
    else
      sotto_arch_attention(l, h, local_rope, h->window, proj, norm);
    if (h->post_norms) post_norm(l, proj, "blk.%u.post_attention_norm.weight", eps);
    sotto_program_scale(p, proj, h->residual_scale);
    sotto_program_add(p, x, x, proj);

    sotto_program_rms_norm(p, norm, x, sotto_program_vector(p, "blk.%u.ffn_norm.weight", i, n_embd),
                           eps);
    (h->n_experts ? sotto_arch_experts : sotto_arch_feed_forward)(l, h, proj, norm);
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
