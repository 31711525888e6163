/* BERT (Devlin et al. 2018, arXiv 1810.04805) as an encoder of texts: attention in both directions,
 * layer norms behind each sub-layer, learned positions, a feed-forward with GELU (the error
 * function's, as transformers has it for these models; no key says so). nomic-bert (arXiv
 * 2402.01613) has rotary positions and SwiGLU instead. The second of two texts in a pair does not
 * occur: all tokens are of the first type. */
#include "arch/hparams.h"

static void layer_norm(sotto_layer l, const sotto_hparams *h, sotto_buffer_id x, const char *weight,
                       const char *bias) {
  sotto_program *p = l.p;
  const sotto_weight_id w = sotto_program_vector(p, weight, l.index, h->n_embd);
  sotto_program_layer_norm(p, x, x, w, sotto_program_vector(p, bias, l.index, h->n_embd),
                           h->norm_eps);
}

/* x += a row of the table for each token; proj is free. */
static void add_rows(sotto_program *p, sotto_buffer_id x, sotto_buffer_id proj, const char *table,
                     uint64_t n_rows, sotto_embed_row row) {
  if (p->status != SOTTO_OK) return;
  sotto_program_embed(p, proj, sotto_program_matrix(p, table, 0, n_rows, p->buffers[x].dim), row);
  sotto_program_add(p, x, x, proj);
}

static void embed(sotto_program *p, const sotto_hparams *h, sotto_buffer_id x,
                  sotto_buffer_id proj) {
  const sotto_weight_id tokens =
      sotto_program_matrix(p, "token_embd.weight", 0, h->n_vocab, h->n_embd);
  sotto_program_embed(p, x, tokens, SOTTO_ROW_OF_TOKEN);
  const sotto_gguf_tensor *types = sotto_gguf_find_tensor(p->gguf, "token_types.weight");
  if (types) add_rows(p, x, proj, "token_types.weight", types->ne[1], SOTTO_ROW_FIRST);
  if (p->n_positions != UINT32_MAX)
    add_rows(p, x, proj, "position_embd.weight", p->n_positions, SOTTO_ROW_OF_POSITION);
  layer_norm((sotto_layer){p, 0}, h, x, "token_embd_norm.weight", "token_embd_norm.bias");
}

/* out = down(GELU(up(x))), or where there is a gate down(SiLU(gate(x)) * up(x)). */
static void feed_forward(sotto_layer l, const sotto_hparams *h, sotto_buffer_id out,
                         sotto_buffer_id x) {
  sotto_program *p = l.p;
  const sotto_buffer_id up = sotto_program_buffer(p, "up", h->n_ff[l.index]);
  if (sotto_program_has(p, "blk.%u.ffn_gate.weight", l.index)) {
    const sotto_buffer_id gate = sotto_program_buffer(p, "gate", h->n_ff[l.index]);
    sotto_arch_linear(l, gate, x, "ffn_gate");
    sotto_arch_linear(l, up, x, "ffn_up");
    sotto_program_glu(p, up, gate, up, h->activation);
  } else {
    sotto_arch_linear(l, up, x, "ffn_up");
    sotto_program_gelu(p, up);
  }
  sotto_arch_linear(l, out, up, "ffn_down");
}

void sotto_bert_write(sotto_program *p, const sotto_hparams *h) {
  const sotto_buffer_id x = sotto_program_buffer(p, "x", h->n_embd); /* the residual stream */
  const sotto_buffer_id proj = sotto_program_buffer(p, "proj", h->n_embd);
  p->stage = 0;
  const uint32_t rope = sotto_program_add_rope(p, &h->rope);
  embed(p, h, x, proj);
  for (uint32_t i = 0; i < h->n_layer && p->status == SOTTO_OK; i++) {
    const sotto_layer l = {p, i};
    p->stage = 1 + i;
    sotto_arch_attention(l, h, rope, 0, proj, x);
    sotto_program_add(p, x, x, proj);
    layer_norm(l, h, x, "blk.%u.attn_output_norm.weight", "blk.%u.attn_output_norm.bias");
    feed_forward(l, h, proj, x);
    sotto_program_add(p, x, x, proj);
    layer_norm(l, h, x, "blk.%u.layer_output_norm.weight", "blk.%u.layer_output_norm.bias");
  }
  p->stage = 1 + h->n_layer;
  sotto_program_embedding(p, x);
}

static sotto_status read_encoder(sotto_program *p, sotto_hparams *h) {
  SOTTO_TRY(sotto_arch_norm_eps(p, "attention.layer_norm_epsilon", &h->norm_eps));
  return sotto_arch_need_pooling(p);
}

sotto_status sotto_bert_read(sotto_program *p, sotto_hparams *h) {
  p->n_positions = h->n_ctx_train;
  h->no_rope_step = 1;
  return read_encoder(p, h);
}

sotto_status sotto_nomic_bert_read(sotto_program *p, sotto_hparams *h) {
  h->rope.neox = true;
  return read_encoder(p, h);
}
