/* The programs of the self-test: an operation or a unit of the model's program with what leads to
 * it, which are rows of tables, over random weights. */
#ifndef SOTTO_BACKEND_GPU_TEST_CASE_H
#define SOTTO_BACKEND_GPU_TEST_CASE_H

#include "backend/gpu/model.h"

enum {
  TEST_VOCAB = 16,  /* rows of the tables that inputs are taken from */
  TEST_FEW = 5,     /* tokens of a batch */
  TEST_MANY = 27,   /* of one that is large enough for matmul */
  TEST_LONG = 40,   /* of one that needs two pages */
  TEST_ROWS = 20,   /* of matrices: two tile rows and a half */
  TEST_TILES = 24,  /* of those that lie together: whole tile rows */
  TEST_BLOCKS = 32, /* of those whose products are packed */
  TEST_WIDTH = 192, /* of rows, where nothing else asks for another */
  TEST_N_CTX = 64,
  TEST_N_PAGES = TEST_N_CTX / SOTTO_KV_PAGE,
  TEST_N_EXPERTS = 8,
  TEST_LOGITS = 1504, /* more than a chunk */
  TEST_MAX_WEIGHTS = 12,
};

/* One operation with what leads to it: inputs are rows of tables. */
typedef struct gpu_test_case {
  const sotto_op *of; /* the operation of the model's program */
  sotto_program program;
  sotto_gguf_tensor tensors[TEST_MAX_WEIGHTS];
  unsigned char *data[TEST_MAX_WEIGHTS];
  sotto_kv_layer layer;
  sotto_kv_shape kv_shape;
  uint32_t n_tokens;
  bool near;      /* a few tokens attend in one part */
  bool unpacked;  /* inputs are of a kind that nobody packs: rows of positions */
  bool ends_only; /* outputs are the last tokens of texts, else all tokens */
  bool sums_up;   /* what is tested is the summaries of outputs; `of` is NULL */
  uint32_t state; /* of the random numbers */
  sotto_token tokens[TEST_LONG];
  uint32_t positions[TEST_LONG], outputs[TEST_LONG];
  const sotto_kv_seq *seqs[TEST_LONG];
  uint32_t pages[2][TEST_N_PAGES];
  sotto_kv_seq sequences[2];
  sotto_batch batch;
  sotto_output_wish wishes[TEST_LONG];
  sotto_token named[2];
  float *expected; /* [n_outputs][width of the output] */
  double tolerance;
  gpu_model gpu;
} gpu_test_case;

/* Any number below 2^24. */
uint32_t gpu_test_next(gpu_test_case *c);
/* A buffer with a row of a table for each token, or each position. */
sotto_buffer_id gpu_test_input(gpu_test_case *c, const char *name, uint32_t dim);
/* The program that tests an operation, c->of, that is no unit of its own for a few tokens. */
void gpu_test_write_op(gpu_test_case *c, const sotto_program *model);
/* The one that tests a unit, whose telling operation c->of becomes. What the unit packs is read by
 * another one. */
void gpu_test_write_unit(gpu_test_case *c, const sotto_program *model, const gpu_unit *unit);

#endif
