/* A model as a straight list of canonical operations over named buffers: what an architecture writes
 * and every backend lowers. Unfused, without branches, the same for every batch: buffers have one row
 * per token of the batch, or one per wanted output. An operation carries all its parameters; nothing else
 * of a model reaches a backend.
 *
 * Building never fails midway: the builder keeps its first error (sticky) and ignores what follows,
 * so that an architecture reads like the paper; sotto_program_finish reports it. */
#ifndef SOTTO_PROGRAM_PROGRAM_H
#define SOTTO_PROGRAM_PROGRAM_H

#include "base/arena.h"
#include "gguf/gguf.h"
#include "kv/kv.h"
#include "program/rope.h"

typedef enum sotto_op_kind {
#define X(NAME, text) SOTTO_OP_##NAME,
#include "program/ops.def"
#undef X
} sotto_op_kind;

typedef int32_t sotto_buffer_id;
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

/* A slice of a tensor: some of its rows, or of a vector some of its elements. */
typedef struct sotto_weight {
  const sotto_gguf_tensor *tensor;
  sotto_weight_kind kind;
  uint64_t first; /* row, or element */
  uint64_t rows, cols;
  uint32_t stage; /* when it is first needed: 0 embedding, 1 + layer, last the output */
} sotto_weight;

typedef struct sotto_op {
  sotto_op_kind kind;
  sotto_buffer_id out, in[2];
  sotto_weight_id weight, bias;
  uint32_t stage; /* as of weights: operations of one stage follow each other */
  union {
    struct {
      float eps;
      uint32_t width; /* of what is normed by itself: the row, or each head of it */
    } norm;
    struct {
      bool feeds_logits; /* its rounding goes straight into them */
    } matmul;
    struct {
      uint32_t table; /* index into the program's ropes */
      uint32_t head_dim;
    } rope;
    struct { /* of kv_write, too: the layer of the cache */
      uint32_t layer, n_head, n_head_kv, head_dim;
      float scale; /* of q·k */
      bool causal; /* tokens see themselves and what comes before, or the whole text */
    } attention;
    struct {
      float factor;
    } scale;
  };
} sotto_op;

/* What people ask of a model; backends do not. Heads and widths that differ by layer: the most. */
typedef struct sotto_model_shape {
  uint32_t n_vocab, n_ctx_train, n_embd, n_layer, n_head, n_head_kv, n_ff;
} sotto_model_shape;

typedef struct sotto_program {
  sotto_ctx *ctx;
  sotto_arena arena;
  const sotto_gguf *gguf;
  sotto_model_shape shape;
  bool causal;               /* else texts go through whole, and nothing follows them */
  sotto_kv_layer *kv_layers; /* [shape.n_layer] */
  sotto_rope *ropes;
  size_t n_ropes, cap_ropes;
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
/* The first error of building; that of a tensor in the file which no operation uses, or not all of it:
 * such a model would run and answer wrongly. */
sotto_status sotto_program_finish(sotto_program *program);

/* ---- for architectures ---- */
/* Asked for again under the same name with the same width it is the same buffer. */
sotto_buffer_id sotto_program_buffer(sotto_program *program, const char *name, uint32_t dim);
sotto_buffer_id sotto_program_output_buffer(sotto_program *program, const char *name, uint32_t dim);
/* The tensor `name_format` (one %u for the layer, or none), which must be rows x cols. */
sotto_weight_id sotto_program_matrix(sotto_program *program, const char *name_format,
                                     uint32_t layer, uint64_t rows, uint64_t cols);
sotto_weight_id sotto_program_vector(sotto_program *program, const char *name_format,
                                     uint32_t layer, uint64_t cols);
/* Rows [first, first + rows) of a tensor of n_rows x cols; elements of one of n. */
sotto_weight_id sotto_program_matrix_rows(sotto_program *program, const char *name_format,
                                          uint32_t layer, uint64_t n_rows, uint64_t cols,
                                          uint64_t first, uint64_t rows);
sotto_weight_id sotto_program_vector_part(sotto_program *program, const char *name_format,
                                          uint32_t layer, uint64_t n, uint64_t first,
                                          uint64_t cols);
bool sotto_program_has(const sotto_program *program, const char *name_format, uint32_t layer);
/* Index of a new rotary table. */
uint32_t sotto_program_add_rope(sotto_program *program, const sotto_rope *rope);

/* out[t] = row tokens[t] of table */
void sotto_program_embed(sotto_program *program, sotto_buffer_id out, sotto_weight_id table);
/* out = in / rms(in) * weight, each stretch of in that is as wide as weight by itself */
void sotto_program_rms_norm(sotto_program *program, sotto_buffer_id out, sotto_buffer_id in,
                            sotto_weight_id weight, float eps);
/* out[t] = weight · in[t] + bias; bias may be SOTTO_NONE */
void sotto_program_matmul(sotto_program *program, sotto_buffer_id out, sotto_buffer_id in,
                          sotto_weight_id weight, sotto_weight_id bias);
/* logits[t] = weight · in[t]: the same where the output is to be the logits */
void sotto_program_logits(sotto_program *program, sotto_buffer_id out, sotto_buffer_id in,
                          sotto_weight_id weight);
/* x[t] = x[t] rotated by its token's position, in place, head by head */
void sotto_program_rope(sotto_program *program, sotto_buffer_id x, uint32_t table,
                        uint32_t head_dim);
/* KV cache of the layer at the tokens' positions = k, v */
void sotto_program_kv_write(sotto_program *program, uint32_t layer, sotto_buffer_id k,
                            sotto_buffer_id v);
/* out = softmax(q · K * scale) · V over each token's sequence: up to its own position, or where the
 * program is not causal over all of it. n_head query heads, as wide as the layer's KV heads. */
void sotto_program_attention(sotto_program *program, uint32_t layer, sotto_buffer_id out,
                             sotto_buffer_id q, uint32_t n_head, float scale);
/* out = silu(gate) * up */
void sotto_program_swiglu(sotto_program *program, sotto_buffer_id out, sotto_buffer_id gate,
                          sotto_buffer_id up);
/* out = a + b */
void sotto_program_add(sotto_program *program, sotto_buffer_id out, sotto_buffer_id a,
                       sotto_buffer_id b);
/* x = x * factor, in place; nothing for the factor 1 */
void sotto_program_scale(sotto_program *program, sotto_buffer_id x, float factor);
/* out = the rows of in whose logits are wanted */
void sotto_program_take_outputs(sotto_program *program, sotto_buffer_id out, sotto_buffer_id in);

/* ---- for people ---- */
/* The program as text, one operation a line, shapes beside each buffer. */
sotto_status sotto_program_print(const sotto_program *program, sotto_str *out);

#endif
