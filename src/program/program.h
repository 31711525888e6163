/* A program: a model as a list of operations over named buffers, which the model's architecture
 * writes (program/build.h) and each backend lowers to what it executes. It has no branches and is
 * the same for every batch: a buffer has a row for each token of the batch, or for each wanted
 * output. Operations are not fused and carry all their parameters; nothing else of a model reaches
 * a backend. */
#ifndef SOTTO_PROGRAM_PROGRAM_H
#define SOTTO_PROGRAM_PROGRAM_H

#include "base/arena.h"
#include "gguf/gguf.h"
#include "kv/shape.h"
#include "program/op.h"

/* Activations: float32 [rows][dim]. Rows are the batch's tokens, or with per_output its wanted
 * outputs, or for each token one for each of the n_used experts that a ROUTE chose: those in an
 * order that is the backend's affair, so that only what goes row by row, MATMUL_EXPERTS and COMBINE
 * take them, in the stage of the ROUTE. */
typedef struct sotto_buffer {
  const char *name;
  uint32_t dim;
  bool per_output;
  uint32_t n_used; /* 0: not for experts */
} sotto_buffer;

typedef enum sotto_weight_kind {
  SOTTO_WEIGHT_MATRIX, /* [rows][cols] in the file's type; of experts one behind the other */
  SOTTO_WEIGHT_VECTOR, /* [1][cols], used as float32 */
} sotto_weight_kind;

/* A slice of a tensor: some of its rows, or of a vector some of its elements. */
typedef struct sotto_weight {
  const sotto_gguf_tensor *tensor;
  sotto_weight_kind kind;
  uint64_t first; /* row of the tensor, or element of a vector */
  uint64_t rows, cols;
  uint32_t stage; /* when it is first needed: 0 embedding, 1 + layer, then the output */
} sotto_weight;

/* A model's sizes, for people; backends do not read them. Where layers differ, the largest. */
typedef struct sotto_model_shape {
  uint32_t n_vocab, n_ctx_train, n_embd, n_layer, n_head, n_head_kv, n_ff;
} sotto_model_shape;

typedef struct sotto_program {
  sotto_ctx *ctx;
  sotto_arena arena;
  const sotto_gguf *gguf;
  sotto_model_shape shape;
  bool causal;               /* a token sees none behind it */
  sotto_pooling pooling;     /* NONE: the output is logits, else an embedding */
  uint32_t n_positions;      /* most of a sequence, where they are learned; else UINT32_MAX */
  sotto_kv_layer *kv_layers; /* [shape.n_layer] */
  uint32_t kv_windows[SOTTO_KV_MAX_GROUPS]; /* [n_kv_windows] of the layer groups; 0: none */
  uint32_t n_kv_windows;
  sotto_rope *ropes;
  size_t n_ropes, cap_ropes;
  sotto_buffer *buffers;
  size_t n_buffers, cap_buffers;
  sotto_weight *weights;
  size_t n_weights, cap_weights;
  sotto_op *ops;
  size_t n_ops, cap_ops;
  sotto_buffer_id output; /* the last buffer: [outputs][n_vocab] logits, or [outputs][n_embd] */
  const sotto_gguf_tensor *passed_over; /* that nothing needs */
  uint32_t stage;                       /* of weights and operations that are added now */
  sotto_status status;                  /* first error of building */
} sotto_program;

void sotto_program_init(sotto_program *program, sotto_ctx *ctx, const sotto_gguf *gguf);
void sotto_program_free(sotto_program *program);
/* Whether a text goes through in one batch and nothing follows it: all its tokens are needed at
 * once. */
static inline bool sotto_program_takes_whole_texts(const sotto_program *program) {
  return !program->causal || program->pooling == SOTTO_POOLING_MEAN ||
         program->pooling == SOTTO_POOLING_CLS;
}
/* An operation's name as it is printed: "matmul", "swiglu". */
const char *sotto_op_name(const sotto_op *op);
/* Append the program as text, an operation a line, with the shape of each buffer. */
sotto_status sotto_program_print(const sotto_program *program, sotto_str *out);
/* A hash of all that decides what the program computes from its weights in a context of n_ctx
 * positions: operations, parameters and the slices of tensors. */
uint64_t sotto_program_hash(const sotto_program *program, uint32_t n_ctx);

#endif
