/* Qwen1.5's and Qwen2's mixtures of experts (arXiv 2407.10671): Qwen2 with experts in all layers,
 * the weights of the chosen being parts of the softmax over all, and one more that every token
 * uses, times the sigmoid of a gate. */
#include "arch/hparams.h"

sotto_status sotto_qwen2moe_read(sotto_program *p, sotto_hparams *h) {
  SOTTO_TRY(sotto_qwen2_read(p, h));
  SOTTO_TRY(sotto_arch_u32(p, "expert_shared_feed_forward_length", h->n_ff[0], &h->n_ff_shared));
  if (h->n_ff_shared > INT32_MAX)
    return sotto_arch_invalid(p, "expert_shared_feed_forward_length", "is too large");
  return sotto_experts_read(p, h, NULL);
}
