/* Phi-3, Phi-3.5 and Phi-4 mini (Microsoft, arXiv 2404.14219): Llama with fused projections, rotary
 * pairs that lie half a head apart and turn a part of it, LongRoPE, and a window of attention. */
#include "arch/hparams.h"

/* Files of the models for 4,096 positions leave the window out that they have in transformers. */
#define WINDOW_OF_4K 2047

sotto_status sotto_phi3_read(sotto_program *p, sotto_hparams *h) {
  h->rope.neox = true;
  const uint32_t fallback = h->n_ctx_train == 4096 ? WINDOW_OF_4K : 0;
  SOTTO_TRY(sotto_arch_u32(p, "attention.sliding_window", fallback, &h->window));
  if (h->window >= h->n_ctx_train) h->window = 0;
  return SOTTO_OK;
}
