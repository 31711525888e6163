/* A model as a straight list of canonical operations over named buffers: what an architecture writes
 * and every backend lowers. Unfused, without branches, the same for every batch: buffers have one row
 * per token of the batch, or one per wanted output.
 *
 * Building never fails midway: the builder keeps its first error (sticky) and ignores what follows,
 * so that an architecture reads like the paper; sotto_program_finish reports it. */
#ifndef SOTTO_PROGRAM_PROGRAM_H
#define SOTTO_PROGRAM_PROGRAM_H

#include "base/arena.h"
#include "gguf/gguf.h"

typedef enum sotto_op_kind {
#define X(NAME, text) SOTTO_OP_##NAME,
#include "program/ops.def"
#undef X
} sotto_op_kind;

typedef int32_t sotto_buffer_id;
typedef int32_t sotto_weight_id;
#define SOTTO_NONE (-1)

/* float32 [rows][dim], rows = tokens of the batch, or wanted outputs. */
typedef struct sotto_buffer {
  const char *name;
  uint32_t dim;
  bool per_output;
} sotto_buffer;

typedef enum sotto_weight_kind {
  SOTTO_WEIGHT_MATRIX, /* [rows][cols] in the file's type */
  SOTTO_WEIGHT_VECTOR, /* [1][cols], used as float32 */
} sotto_weight_kind;

typedef struct sotto_weight {
  const sotto_gguf_tensor *tensor;
  sotto_weight_kind kind;
  uint64_t rows, cols;
  uint32_t stage; /* when it is first needed: 0 embedding, 1 + layer, last the output */
} sotto_weight;

typedef struct sotto_op {
  sotto_op_kind kind;
  sotto_buffer_id out, in[2];
  sotto_weight_id weight;
  uint32_t layer;
  uint32_t stage; /* as of weights: operations of one stage follow each other */
} sotto_op;

/* Hyper-parameters that operations share. */
typedef struct sotto_hparams {
  uint32_t n_vocab, n_ctx_train, n_embd, n_layer, n_head, n_head_kv, head_dim, n_ff;
  float norm_eps;
  float attention_scale; /* of q·k */
  uint32_t n_rot;        /* rotated dimensions of a head, even */
  bool rope_neox;        /* pairs (p, p + n_rot/2) instead of (2p, 2p + 1) */
  float rope_freq_base;
  float rope_freq_scale;        /* positions are multiplied by it (linear scaling) */
  sotto_weight_id rope_factors; /* [n_rot/2] divisors of the frequencies, or SOTTO_NONE */
} sotto_hparams;

typedef struct sotto_program {
  sotto_ctx *ctx;
  sotto_arena arena;
  const sotto_gguf *gguf;
  sotto_hparams hparams;
  sotto_buffer *buffers;
  size_t n_buffers, cap_buffers;
  sotto_weight *weights;
  size_t n_weights, cap_weights;
  sotto_op *ops;
  size_t n_ops, cap_ops;
  sotto_buffer_id logits; /* the last buffer: [outputs][n_vocab] */
  uint32_t stage;         /* that weights and operations taken now belong to */
  sotto_status status;    /* first error of building */
} sotto_program;

void sotto_program_init(sotto_program *program, sotto_ctx *ctx, const sotto_gguf *gguf);
void sotto_program_free(sotto_program *program);
sotto_status sotto_program_finish(sotto_program *program);

/* ---- for architectures ---- */
sotto_buffer_id sotto_program_buffer(sotto_program *program, const char *name, uint32_t dim);
sotto_buffer_id sotto_program_output_buffer(sotto_program *program, const char *name, uint32_t dim);
/* The tensor `name_format` (one %u for the layer, or none), which must be rows x cols. */
sotto_weight_id sotto_program_matrix(sotto_program *program, const char *name_format,
                                     uint32_t layer, uint64_t rows, uint64_t cols);
sotto_weight_id sotto_program_vector(sotto_program *program, const char *name_format,
                                     uint32_t layer, uint64_t cols);
bool sotto_program_has(const sotto_program *program, const char *name);

/* out[t] = row tokens[t] of table */
void sotto_program_embed(sotto_program *program, sotto_buffer_id out, sotto_weight_id table);
/* out = in / rms(in) * weight */
void sotto_program_rms_norm(sotto_program *program, sotto_buffer_id out, sotto_buffer_id in,
                            sotto_weight_id weight);
/* out[t] = weight · in[t] */
void sotto_program_matmul(sotto_program *program, sotto_buffer_id out, sotto_buffer_id in,
                          sotto_weight_id weight);
/* x[t] = x[t] rotated by its token's position, in place; heads of hparams.head_dim */
void sotto_program_rope(sotto_program *program, sotto_buffer_id x);
/* KV cache of the layer at the tokens' positions = k, v */
void sotto_program_kv_write(sotto_program *program, uint32_t layer, sotto_buffer_id k,
                            sotto_buffer_id v);
/* out = softmax(q · K * scale) · V over each token's sequence, up to its own position */
void sotto_program_attention(sotto_program *program, uint32_t layer, sotto_buffer_id out,
                             sotto_buffer_id q);
/* out = silu(gate) * up */
void sotto_program_swiglu(sotto_program *program, sotto_buffer_id out, sotto_buffer_id gate,
                          sotto_buffer_id up);
/* out = a + b */
void sotto_program_add(sotto_program *program, sotto_buffer_id out, sotto_buffer_id a,
                       sotto_buffer_id b);
/* out = the rows of in whose logits are wanted */
void sotto_program_take_outputs(sotto_program *program, sotto_buffer_id out, sotto_buffer_id in);

/* ---- for people ---- */
/* The program as text, one operation a line, shapes beside each buffer. */
sotto_status sotto_program_print(const sotto_program *program, sotto_str *out);

#endif
