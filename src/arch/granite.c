/* Granite 3 (IBM): Llama with four scales (maximal update parametrisation, arXiv 2203.03466):
 * embeddings and what each sub-layer adds are multiplied, attention has its own factor, logits are
 * divided. */
#include "arch/hparams.h"

sotto_status sotto_granite_read(sotto_program *p, sotto_hparams *h) {
  float logits_scaling;
  SOTTO_TRY(sotto_arch_f32(p, "attention.scale", h->attention_scale, &h->attention_scale));
  SOTTO_TRY(sotto_arch_f32(p, "embedding_scale", 1.0f, &h->embedding_scale));
  SOTTO_TRY(sotto_arch_f32(p, "residual_scale", 1.0f, &h->residual_scale));
  SOTTO_TRY(sotto_arch_f32(p, "logit_scale", 1.0f, &logits_scaling));
  h->logit_scale = 1.0f / logits_scaling;
  /* In this family the key is the switch of rotary positions. */
  bool has_rope;
  SOTTO_TRY(sotto_arch_bool(p, "rope.scaling.finetuned", true, &has_rope));
  if (!has_rope) h->no_rope_step = 1;
  return SOTTO_OK;
}
