/* Qwen3's mixtures of experts (arXiv 2505.09388): Qwen3 with experts in all layers, the weights of
 * the chosen summing to 1. */
#include "arch/hparams.h"

sotto_status sotto_qwen3moe_read(sotto_program *p, sotto_hparams *h) {
  SOTTO_TRY(sotto_qwen3_read(p, h));
  h->normalise_experts = true;
  return sotto_experts_read(p, h, NULL);
}
