/* Gemma (Google, arXiv 2403.08295): Llama with GELU in the gate of its feed-forward (GeGLU),
 * embeddings times the root of their width, and rotary pairs that lie half a head apart. Norms
 * multiply by 1 + weight; files have the sum. No key says any of this. */
#include "arch/hparams.h"

sotto_status sotto_gemma_read(sotto_program *p, sotto_hparams *h) {
  (void)p;
  h->rope.neox = true;
  h->activation = SOTTO_GELU_TANH;
  h->embedding_scale = __builtin_sqrtf((float)h->n_embd);
  return SOTTO_OK;
}
