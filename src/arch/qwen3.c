/* Qwen3 (arXiv 2505.09388): Llama with rotary pairs that lie half a head apart, and with queries
 * and keys normed head by head before that. */
#include "arch/hparams.h"

sotto_status sotto_qwen3_read(sotto_program *p, sotto_hparams *h) {
  (void)p;
  h->rope.neox = true;
  h->qk_norm = true;
  return SOTTO_OK;
}
