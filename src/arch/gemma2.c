/* Gemma 2 (Google, arXiv 2408.00118): Gemma with norms on what sub-layers add, soft caps on scores
 * of attention and on logits, and attention to a window of positions in every other layer, from
 * the first on. */
#include "arch/hparams.h"

#define GLOBAL_STEP 2
/* Only of this depth (27B) queries are scaled by another width than the heads'. */
#define LAYERS_OF_27B 46

static sotto_status read_softcap(sotto_program *p, const char *key, float fallback, float *out) {
  SOTTO_TRY(sotto_arch_f32(p, key, fallback, out));
  if (*out > 0.0f && *out <= 1e6f) return SOTTO_OK;
  return sotto_arch_invalid(p, key, "is not above 0 and at most 1e6");
}

sotto_status sotto_gemma2_read(sotto_program *p, sotto_hparams *h) {
  SOTTO_TRY(sotto_gemma_read(p, h));
  h->post_norms = true;
  if (h->n_layer == LAYERS_OF_27B)
    h->attention_scale = 1.0f / __builtin_sqrtf((float)(h->n_embd / h->n_head[0]));
  /* Early files have none of these keys. */
  SOTTO_TRY(sotto_arch_u32(p, "attention.sliding_window", 4096, &h->window));
  SOTTO_TRY(read_softcap(p, "attn_logit_softcapping", 50.0f, &h->attention_softcap));
  SOTTO_TRY(read_softcap(p, "final_logit_softcapping", 30.0f, &h->logit_softcap));
  h->global_step = GLOBAL_STEP;
  return SOTTO_OK;
}
