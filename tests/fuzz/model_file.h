/* The header of a small model's file, made of a fuzzer's input: shapes that fit each other, then
 * edits of keys and tensors, so that few random bytes reach the program, the plan and the kernels.
 * Input: u8 family, layers, n_embd, heads and KV heads, width of heads, n_ff, vocabulary,
 *        type of matrices, type of embedding and output, type of vectors, features (below),
 *        rotary scaling; one more u8 for each layer where layers differ; then edits, each a u8 kind
 *        and what it takes. */
#ifndef SOTTO_TESTS_MODEL_FILE_H
#define SOTTO_TESTS_MODEL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bits of the u8 features. */
enum {
  FEATURE_FUSED = 1,  /* attn_qkv */
  FEATURE_BIASES = 2, /* of all projections */
  FEATURE_OTHER_NORM =
      4, /* norms of queries and keys, in families without them, or none in those with */
  FEATURE_OUTPUT = 8,      /* output.weight, not tied */
  FEATURE_FREQS = 16,      /* rope_freqs, or LongRoPE's factors */
  FEATURE_KEY_LENGTH = 32, /* the width of heads as a key, or n_embd by the heads */
  FEATURE_PIECES = 64,     /* SentencePiece, or byte-level BPE */
  FEATURE_PER_LAYER = 128, /* layers differ */
};

/* What is left of the input; behind its end there are zeros. */
typedef struct fuzz_input {
  const uint8_t *at, *end;
} fuzz_input;

uint8_t fuzz_u8(fuzz_input *input);

/* The header with its padding, *len bytes; free() it. *file_size: with the tensors' data. */
uint8_t *model_file(fuzz_input *input, size_t *len, uint64_t *file_size);

#endif
