/* The components of a tokenizer: normaliser, pre-tokeniser, algorithm, decoder. Each is a struct of
 * functions, and models.def and pretokenizers.def say which go together. Special tokens, trust and
 * the streaming detokeniser stand around them and are the same for all. */
#ifndef SOTTO_TOKENIZER_COMPONENTS_H
#define SOTTO_TOKENIZER_COMPONENTS_H

#include "tokenizer/tokenizer.h"

/* Makes the text that the other components work on. */
typedef struct sotto_normalizer {
  /* Normalise *text, valid UTF-8 between two special tokens: leave it, or write the normalised text
   * to `out`, which is empty, and let *text point there. NULL: text stays as it is. */
  sotto_status (*apply)(const sotto_tokenizer *t, sotto_slice *text, sotto_str *out);
  bool marks_are_spaces; /* U+2581 is a space, before anything is looked for in the text */
} sotto_normalizer;

/* Pre-tokenisation: the end of the piece that starts at p < end. Merges do not cross pieces. */
typedef const char *sotto_split_fn(const sotto_tokenizer *t, const char *p, const char *end);

/* Normaliser and pre-tokeniser go together (pretokenizers.def). */
typedef struct sotto_pre {
  const char *name; /* tokenizer.ggml.pre */
  sotto_split_fn *split;
  const sotto_normalizer *normalizer;
  bool ignore_merges; /* a piece that is a token is that token, whatever the merges say */
  bool add_bos;       /* when the file does not say */
} sotto_pre;

/* Memory for merging long pieces, reused from piece to piece. */
typedef struct sotto_scratch {
  sotto_ctx *ctx;
  void *data;
  size_t size;
} sotto_scratch;

/* Makes tokens of a piece. */
typedef struct sotto_algorithm {
  /* Read what it needs besides the vocabulary, once that has its table of bytes. */
  sotto_status (*load)(sotto_tokenizer *t, const sotto_gguf *gguf);
  /* Whether text can become this token; those go into the table of bytes. */
  bool (*reachable)(const sotto_tokenizer *t, uint32_t id);
  sotto_status (*encode)(const sotto_tokenizer *t, sotto_scratch *scratch, sotto_slice piece,
                         sotto_tokens *out);
  bool repeats; /* two tokens may have the same bytes; text becomes the first of them */
} sotto_algorithm;

/* Knows which bytes a token stands for. */
typedef struct sotto_decoder {
  /* Write the bytes of a token of this text and kind to `out`, which has room for text.len: their
   * number, or SIZE_MAX when the text is the bytes. */
  size_t (*bytes)(sotto_slice text, sotto_token_attr attr, char *out);
} sotto_decoder;

typedef struct sotto_tokenizer_model {
  const char *name; /* tokenizer.ggml.model */
  const sotto_algorithm *algorithm;
  const sotto_decoder *decoder;
  const sotto_pre *pre;          /* NULL: tokenizer.ggml.pre names it */
  sotto_token bos, eos, unknown; /* when the file does not say */
} sotto_tokenizer_model;

extern const sotto_normalizer sotto_normalizer_none, sotto_normalizer_nfc, sotto_normalizer_bert;
extern const sotto_pre sotto_pre_spm, sotto_pre_bert;
extern const sotto_algorithm sotto_algorithm_bpe, sotto_algorithm_spm, sotto_algorithm_wordpiece;
extern const sotto_decoder sotto_decoder_byte_level, sotto_decoder_pieces, sotto_decoder_words;

/* pretokenize.c. NULL for a name that is not known. */
const sotto_pre *sotto_pre_find(sotto_slice name);

#endif
