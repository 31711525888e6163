/* Qwen2 and Qwen2.5 (arXiv 2407.10671, 2412.15115): Llama with biases on q, k and v, and rotary
 * pairs that lie half a head apart. */
#include "arch/hparams.h"

sotto_status sotto_qwen2_read(sotto_program *p, sotto_hparams *h) {
  (void)p;
  h->rope.neox = true;
  return SOTTO_OK;
}
