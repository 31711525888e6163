/* SmolLM3 (Hugging Face): Llama whose every fourth layer has no positions (NoPE, arXiv 2501.18795).
 * No key of the file says so. */
#include "arch/hparams.h"

sotto_status sotto_smollm3_read(sotto_program *p, sotto_hparams *h) {
  h->no_rope_step = 4;
  return sotto_arch_f32(p, "attention.scale", h->attention_scale, &h->attention_scale);
}
