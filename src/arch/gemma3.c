/* Gemma 3 (Google, arXiv 2503.19786), its text model: Gemma with norms on queries, keys and what
 * sub-layers add, and attention to a window of positions in all but every sixth layer. Layers with
 * a window have rotary positions of their own, which no scaling stretches. */
#include "arch/hparams.h"

#define GLOBAL_STEP 6
/* Only of this depth (27B) queries are scaled by another width than the heads'. */
#define LAYERS_OF_27B 62

sotto_status sotto_gemma3_read(sotto_program *p, sotto_hparams *h) {
  SOTTO_TRY(sotto_gemma_read(p, h));
  h->qk_norm = h->post_norms = true;
  if (h->n_layer == LAYERS_OF_27B)
    h->attention_scale = 1.0f / __builtin_sqrtf((float)(h->n_embd / h->n_head[0]));
  SOTTO_TRY(sotto_arch_u32(p, "attention.sliding_window", 0, &h->window));
  h->global_step = GLOBAL_STEP;
  h->local_rope = (sotto_rope){.n_rot = h->rope.n_rot,
                               .neox = true,
                               .scale = 1.0f,
                               .magnitude = 1.0f,
                               .n_ctx_orig = h->rope.n_ctx_orig,
                               .factors = SOTTO_NONE,
                               .long_factors = SOTTO_NONE};
  return sotto_arch_rope_base(p, "rope.freq_base_swa", &h->local_rope.base);
}
