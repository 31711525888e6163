/* Operations of a program (ops.def) with all their parameters. */
#ifndef SOTTO_PROGRAM_OP_H
#define SOTTO_PROGRAM_OP_H

#include "program/rope.h"

typedef enum sotto_op_kind {
#define X(NAME, text) SOTTO_OP_##NAME,
#include "program/ops.def"
#undef X
} sotto_op_kind;

/* Of a gated linear unit's gate. */
typedef enum sotto_activation {
  SOTTO_SILU,      /* x / (1 + exp(-x)) */
  SOTTO_GELU_TANH, /* x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) */
} sotto_activation;

/* Which row of a table a token's embedding is. */
typedef enum sotto_embed_row {
  SOTTO_ROW_OF_TOKEN,
  SOTTO_ROW_OF_POSITION,
  SOTTO_ROW_FIRST,
} sotto_embed_row;

/* How the tokens of a text become one embedding; the numbers are those of <arch>.pooling_type. */
typedef enum sotto_pooling {
  SOTTO_POOLING_NONE = 0, /* they do not: the program's output is logits */
  SOTTO_POOLING_MEAN = 1,
  SOTTO_POOLING_CLS = 2, /* the first one's */
  SOTTO_POOLING_LAST = 3,
} sotto_pooling;

#define SOTTO_MAX_TAPS 8 /* of a convolution over tokens */

typedef int32_t sotto_buffer_id;
#define SOTTO_NONE (-1)

typedef struct sotto_op {
  sotto_op_kind kind;
  sotto_buffer_id out, in[2];
  sotto_weight_id weight, bias;
  uint32_t stage; /* as of weights; operations of a stage stand side by side */
  union {
    struct {
      sotto_embed_row row;
    } embed;
    struct { /* RMS_NORM and LAYER_NORM */
      float eps;
      uint32_t width; /* of what is normalised by itself: a whole row, or each head in it */
    } norm;
    struct {
      bool feeds_logits; /* so its activations are quantised more finely */
    } matmul;
    struct {
      uint32_t table; /* index into the program's ropes */
      uint32_t head_dim;
    } rope;
    struct { /* ATTENTION and KV_WRITE; `layer` is that of the cache */
      uint32_t layer, n_head, n_head_kv, head_dim;
      float scale;     /* of q·k */
      float softcap;   /* scores stay below it; 0: none */
      uint32_t window; /* most positions that a token sees, itself included; 0: all */
      bool causal;     /* a token sees itself and those before it; else the whole text */
    } attention;
    struct {
      sotto_activation activation;
    } glu;
    struct {
      uint32_t layer;  /* of the cache, which has the rows before the batch */
      uint32_t n_taps; /* rows that a row sees, itself included */
    } conv;
    struct {
      float factor;
    } scale;
    struct {
      sotto_pooling pooling;
    } pool;
    struct {
      float cap;
    } softcap;
    struct {
      uint32_t n_used;
      bool normalise; /* weights of the chosen sum to 1, else those of all */
    } route;
  };
} sotto_op;

#endif
