/* Hyper-parameters: what a family reads of a file before it writes its program. They stay in
 * arch/; operations carry what they need of them. */
#ifndef SOTTO_ARCH_HPARAMS_H
#define SOTTO_ARCH_HPARAMS_H

#include "arch/arch.h"
#include "program/build.h"

typedef struct sotto_hparams {
  uint32_t n_vocab, n_ctx_train, n_embd, n_layer;
  const uint32_t *n_head, *n_head_kv, *n_ff; /* [n_layer]; no KV heads: no attention */
  uint32_t head_dim;
  float norm_eps;        /* 0: that of RMS norms, which is read behind the family */
  float attention_scale; /* of q·k */
  float attention_softcap, logit_softcap; /* 0: none */
  bool qk_norm;                           /* queries and keys are normalised, head by head */
  sotto_rope rope;
  uint32_t window;       /* most positions that a token of most layers sees; 0: all in all layers */
  uint32_t global_step;  /* every n-th layer has no window; 0: all have it */
  sotto_rope local_rope; /* of layers with a window, where others have none; n_rot 0: as theirs */
  uint32_t n_taps;       /* of short convolutions, in layers without attention; 0: there are none */
  const char *output_norm;            /* tensor */
  bool post_norms;                    /* what a sub-layer adds is normalised first */
  sotto_activation activation;        /* of the feed-forward's gate */
  uint32_t n_experts, n_used_experts; /* to choose from, and chosen for a token; 0: no experts */
  const uint32_t *n_ff_expert;        /* [n_layer] */
  uint32_t n_ff_shared;   /* of an expert that all tokens use, with a gate of its own; 0: none */
  bool normalise_experts; /* weights of the chosen sum to 1 */
  uint32_t no_rope_step;  /* every n-th layer has no rotary positions; 0: none, 1: all */
  float embedding_scale, residual_scale, logit_scale; /* factors of embeddings, of what a sub-layer
                                                       * adds, of logits; 1: none */
} sotto_hparams;

/* Keys of the file's architecture by what follows its name and the dot ("rope.freq_base"). Values
 * of 0, which is what llama.cpp writes for what a model does not have, count as absent. */
sotto_status sotto_arch_u32(sotto_program *program, const char *key, uint32_t fallback,
                            uint32_t *out);
sotto_status sotto_arch_f32(sotto_program *program, const char *key, float fallback, float *out);
sotto_status sotto_arch_bool(sotto_program *program, const char *key, bool fallback, bool *out);
/* One number for each layer: (*out)[n_layer], in the program's arena, from a key that has one
 * number for all layers or an array. fallback[n_layer] is for a missing key; NULL: the key is
 * required. */
sotto_status sotto_arch_per_layer(sotto_program *program, const char *key, uint32_t n_layer,
                                  const uint32_t *fallback, const uint32_t **out);
/* The epsilon of norms, from a key that must be there; checked. */
sotto_status sotto_arch_norm_eps(sotto_program *program, const char *key, float *out);
/* ERR_UNSUPPORTED_ARCHITECTURE naming pooling_type where the file has none. */
sotto_status sotto_arch_need_pooling(sotto_program *program);
/* A base of rotary frequencies, 10000 where the key is missing; checked. */
sotto_status sotto_arch_rope_base(sotto_program *program, const char *key, float *out);
/* ERR_INVALID_MODEL: "llama.rope.freq_base <what>" */
sotto_status sotto_arch_invalid(sotto_program *program, const char *key, const char *what);

/* What all families have: shapes, rotary positions with their scaling, whether attention is causal.
 * Fills in program->shape, kv_layers, causal and pooling. */
sotto_status sotto_hparams_read(sotto_program *program, sotto_hparams *hparams);

/* Families (archs.def). Errors of reading are returned; errors of building stay in the program
 * (sticky). */
#define X(name, models, read, write)                                                               \
  sotto_status read(sotto_program *program, sotto_hparams *hparams);                               \
  void write(sotto_program *program, const sotto_hparams *hparams);
#include "arch/archs.def"
#undef X

/* ---- sub-layers: out is what joins the residual stream ---- */
typedef struct sotto_layer {
  sotto_program *p;
  uint32_t index;
} sotto_layer;

/* out = tensor `name`.weight · in, plus `name`.bias where the file has one. */
void sotto_arch_linear(sotto_layer layer, sotto_buffer_id out, sotto_buffer_id in,
                       const char *name);
void sotto_arch_attention(sotto_layer layer, const sotto_hparams *hparams, uint32_t rope,
                          uint32_t window, sotto_buffer_id out, sotto_buffer_id in);
/* out = down(activation(gate(in)) * up(in)) */
void sotto_arch_feed_forward(sotto_layer layer, const sotto_hparams *hparams, sotto_buffer_id out,
                             sotto_buffer_id in);
/* ---- lfm2.c ---- */
void sotto_arch_short_conv(sotto_layer layer, const sotto_hparams *hparams, sotto_buffer_id out,
                           sotto_buffer_id in);
/* ---- experts.c ---- */
/* The chosen experts and, where there is one, that which all tokens use. */
void sotto_arch_experts(sotto_layer layer, const sotto_hparams *hparams, sotto_buffer_id out,
                        sotto_buffer_id in);
/* The keys of a mixture of experts; n_ff_expert[n_layer] is for a missing key, NULL: it is
 * required. */
sotto_status sotto_experts_read(sotto_program *program, sotto_hparams *hparams,
                                const uint32_t *n_ff_expert);

/* ---- keys.c ---- */
/* Every key of the architecture is taken, neutral or of no consequence; else a refusal naming
 * it. */
sotto_status sotto_arch_check_keys(sotto_program *program);

#endif
