/* Vocabularies for the tokenizer's tests: small ones made up here, and that of a model's file. */
#ifndef SOTTO_TESTS_TOKENIZER_VOCAB_H
#define SOTTO_TESTS_TOKENIZER_VOCAB_H

#include "gguf/gguf.h"
#include "gguf_writer.h"
#include "tokenizer/tokenizer.h"

#define TEST_MODEL "models/cache/SmolLM2-135M-Instruct.Q4_1.gguf"

typedef struct test_vocab {
  const char *model, *pre; /* NULL leaves the key out */
  const char *tokens[1024], *merges[1024];
  int32_t types[1024];
  float scores[1024]; /* written if `model` is "llama" */
  size_t n_tokens, n_merges;
  bool no_tokens, no_types, no_merges, no_scores; /* leave the key out */
  char pool[32768];                               /* strings made here */
  size_t pool_used;
} test_vocab;

/* The 256 bytes as the first 256 tokens. */
void test_vocab_init(test_vocab *v, const char *pre);
/* Returns the new token's id. Strings are borrowed. */
sotto_token test_vocab_token(test_vocab *v, const char *text, sotto_token_attr attr);
/* "left right" and the token that it gives. */
sotto_token test_vocab_merge(test_vocab *v, const char *merge);
/* Bytes, some English merges, "<|im_start|>" and "<|im_end|>" as control tokens. */
void test_vocab_english(test_vocab *v, const char *pre);

/* SentencePiece: <unk>, <s>, </s>, the bytes 0 to 255 as ids 3 to 258, U+2581 and the letters. */
void test_vocab_pieces(test_vocab *v);
sotto_token test_vocab_piece(test_vocab *v, const char *text, sotto_token_attr attr, float score);

/* Write all keys, so that a test can add its own. */
void test_vocab_write(const test_vocab *v, gguf_writer *w);
/* Parse what was written; NULL and a failed check when the parser refuses it. */
sotto_gguf *test_vocab_parse(gguf_writer *w, sotto_ctx *ctx);
/* Both and sotto_tokenizer_new, which must succeed. */
sotto_tokenizer *test_vocab_tokenizer(const test_vocab *v, sotto_ctx *ctx);

/* The tokenizer of a file of the repository; `pre`, if given, takes the place of its own "smollm".
 * NULL and a failed check when there is none. */
sotto_tokenizer *test_file_tokenizer(const char *path, const char *pre, sotto_ctx *ctx);

/* The bytes of all tokens, appended to `out`. */
void test_decode(const sotto_tokenizer *t, const sotto_token *ids, size_t n, sotto_str *out);
/* text with U+FFFD for what is not UTF-8, appended to `out`. */
void test_lossy(sotto_slice text, sotto_str *out);

/* A small generator of random numbers for the tests. */
static inline uint32_t test_random(uint32_t *seed) {
  *seed = *seed * 1664525u + 1013904223u;
  return *seed >> 8;
}

#endif
