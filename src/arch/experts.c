/* Mixtures of experts, of all families that have them: a router's logits choose some experts for
 * each token, feed-forwards that lie one behind the other in three tensors of a layer. */
#include <stdio.h>

#include "arch/hparams.h"

#define MOST_EXPERTS 1024

sotto_status sotto_experts_read(sotto_program *p, sotto_hparams *h, const uint32_t *n_ff_expert) {
  SOTTO_TRY(sotto_arch_u32(p, "expert_count", 0, &h->n_experts));
  SOTTO_TRY(sotto_arch_u32(p, "expert_used_count", 0, &h->n_used_experts));
  if (h->n_experts == 0 || h->n_experts > MOST_EXPERTS) {
    char what[32];
    snprintf(what, sizeof what, "is not from 1 to %d", MOST_EXPERTS);
    return sotto_arch_invalid(p, "expert_count", what);
  }
  if (h->n_used_experts == 0 || h->n_used_experts > h->n_experts)
    return sotto_arch_invalid(p, "expert_used_count", "is not from 1 to expert_count");
  SOTTO_TRY(sotto_arch_per_layer(p, "expert_feed_forward_length", h->n_layer, n_ff_expert,
                                 &h->n_ff_expert));
  /* A family that does it does it whatever the key says, which llama.cpp saves as false. */
  bool normalise;
  return h->normalise_experts ? sotto_arch_bool(p, "expert_weights_norm", true, &normalise)
                              : SOTTO_OK;
}

/* Files of before April 2024 have a tensor for each expert. */
static void refuse_single_experts(sotto_program *p, uint32_t layer) {
  if (p->status != SOTTO_OK || !sotto_program_has(p, "blk.%u.ffn_gate.0.weight", layer)) return;
  p->status = sotto_fail(p->ctx, SOTTO_ERR_UNSUPPORTED_ARCHITECTURE,
                         "tensor 'blk.%u.ffn_gate.0.weight' is one expert: files with a tensor for "
                         "each expert are not supported; convert the model again, or use a file "
                         "that was made since April 2024",
                         layer);
}

/* out = what the chosen experts add. */
static void write_chosen(sotto_program *p, const sotto_hparams *h, uint32_t layer,
                         sotto_buffer_id out, sotto_buffer_id norm) {
  const uint32_t n = h->n_experts, n_used = h->n_used_experts, n_ff = h->n_ff_expert[layer];
  const sotto_buffer_id logits = sotto_program_buffer(p, "router", n);
  const sotto_buffer_id routes = sotto_program_buffer(p, "routes", 2 * n_used);
  const sotto_buffer_id gate = sotto_program_expert_buffer(p, "gate", n_ff, n_used);
  const sotto_buffer_id up = sotto_program_expert_buffer(p, "up", n_ff, n_used);
  const sotto_buffer_id down = sotto_program_expert_buffer(p, "down", h->n_embd, n_used);
  refuse_single_experts(p, layer);
  sotto_program_matmul(p, logits, norm,
                       sotto_program_matrix(p, "blk.%u.ffn_gate_inp.weight", layer, n, h->n_embd),
                       SOTTO_NONE);
  sotto_program_route(p, routes, logits, n_used, h->normalise_experts);
  sotto_program_matmul_experts(
      p, gate, norm, routes,
      sotto_program_experts(p, "blk.%u.ffn_gate_exps.weight", layer, n, n_ff, h->n_embd));
  sotto_program_matmul_experts(
      p, up, norm, routes,
      sotto_program_experts(p, "blk.%u.ffn_up_exps.weight", layer, n, n_ff, h->n_embd));
  sotto_program_glu(p, gate, gate, up, h->activation);
  sotto_program_matmul_experts(
      p, down, gate, routes,
      sotto_program_experts(p, "blk.%u.ffn_down_exps.weight", layer, n, h->n_embd, n_ff));
  sotto_program_combine(p, out, down, routes);
}

void sotto_arch_experts(sotto_layer l, const sotto_hparams *h, sotto_buffer_id out,
                        sotto_buffer_id norm) {
  write_chosen(l.p, h, l.index, out, norm);
  if (h->n_ff_shared == 0) return;
  const sotto_buffer_id gate = sotto_program_buffer(l.p, "gate", h->n_ff_shared);
  const sotto_buffer_id up = sotto_program_buffer(l.p, "up", h->n_ff_shared);
  const sotto_buffer_id shared = sotto_program_buffer(l.p, "shared", h->n_embd);
  const sotto_buffer_id share = sotto_program_buffer(l.p, "share", 1);
  sotto_arch_linear(l, gate, norm, "ffn_gate_shexp");
  sotto_arch_linear(l, up, norm, "ffn_up_shexp");
  sotto_arch_linear(l, share, norm, "ffn_gate_inp_shexp");
  sotto_program_glu(l.p, gate, gate, up, h->activation);
  sotto_arch_linear(l, shared, gate, "ffn_down_shexp");
  sotto_program_sigmoid_gate(l.p, shared, share);
  sotto_program_add(l.p, out, out, shared);
}
