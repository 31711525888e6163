/* Text to token ids and back. Built from a GGUF's tokenizer.ggml.* metadata (models.def).
 *
 * Encoding: special tokens are cut out first: control tokens only where the text is trusted (what a
 * chat template wrote, never what a user wrote), user-defined ones, which carry no authority,
 * wherever they stand; but those spelled like control tokens (<|…|>) count as such. The rest is
 * split by the model's pre-tokeniser and merged by byte-level BPE. Input of any bytes is accepted:
 * invalid UTF-8 reads as U+FFFD. Ids are those of the tokenizers library; bytes for which the
 * vocabulary has no token are dropped, as there. */
#ifndef SOTTO_TOKENIZER_TOKENIZER_H
#define SOTTO_TOKENIZER_TOKENIZER_H

#include "base/str.h"
#include "gguf/gguf.h"

typedef struct sotto_tokenizer sotto_tokenizer;
typedef int32_t sotto_token;
#define SOTTO_TOKEN_NONE (-1)

/* GGUF token_type numbers. */
typedef enum sotto_token_attr {
  SOTTO_TOKEN_NORMAL = 1,
  SOTTO_TOKEN_UNKNOWN = 2,
  SOTTO_TOKEN_CONTROL = 3,
  SOTTO_TOKEN_USER_DEFINED = 4,
  SOTTO_TOKEN_UNUSED = 5,
  SOTTO_TOKEN_BYTE = 6,
} sotto_token_attr;

/* A growable list of token ids. */
typedef struct sotto_tokens {
  sotto_ctx *ctx;
  sotto_token *ids;
  size_t count, cap;
} sotto_tokens;
void sotto_tokens_init(sotto_tokens *tokens, sotto_ctx *ctx);
void sotto_tokens_free(sotto_tokens *tokens);
sotto_status sotto_tokens_push(sotto_tokens *tokens, sotto_token id);

/* Bytes [start, end) of a text that a trusted author wrote. */
typedef struct sotto_span {
  size_t start, end;
} sotto_span;

/* Everything is copied: the GGUF may go. ERR_INVALID_MODEL names the key, and the index where there
 * is one; ERR_UNSUPPORTED_TOKENIZER names the tokenizer or pre-tokeniser that is not known. */
sotto_status sotto_tokenizer_new(sotto_ctx *ctx, const sotto_gguf *gguf, sotto_tokenizer **out);
void sotto_tokenizer_free(sotto_tokenizer *tokenizer);

/* Append the ids of text to `out`, without BOS or EOS. Control tokens are recognised only where
 * they lie wholly inside one of the trusted spans (sorted, not overlapping, of which touching ones
 * count as one; n_trusted 0: nowhere). Time is O(n log n) in the length for any input; a long word
 * needs about 40 bytes of memory for each of its own. On failure `out` is unchanged. Safe
 * from several threads at once when their `out` belong to different contexts. */
sotto_status sotto_tokenizer_encode(const sotto_tokenizer *tokenizer, sotto_slice text,
                                    const sotto_span *trusted, size_t n_trusted, sotto_tokens *out);

uint32_t sotto_tokenizer_n_vocab(const sotto_tokenizer *tokenizer);
/* Ids of the model's special tokens; SOTTO_TOKEN_NONE when it has none. */
sotto_token sotto_tokenizer_bos(const sotto_tokenizer *tokenizer);
sotto_token sotto_tokenizer_eos(const sotto_tokenizer *tokenizer);
sotto_token sotto_tokenizer_pad(const sotto_tokenizer *tokenizer);
/* True when the model has the token and wants BOS in front of a prompt / EOS behind it
 * (tokenizer.ggml.add_bos_token, add_eos_token). */
bool sotto_tokenizer_add_bos(const sotto_tokenizer *tokenizer);
bool sotto_tokenizer_add_eos(const sotto_tokenizer *tokenizer);
/* True for every token that ends a turn (eos, eot, eom, <|im_end|>, <|eot_id|>,
 * <end_of_turn>, …). */
bool sotto_tokenizer_is_eog(const sotto_tokenizer *tokenizer, sotto_token id);
sotto_token_attr sotto_tokenizer_attr(const sotto_tokenizer *tokenizer, sotto_token id);
/* The token as written in the vocabulary file (byte-level alphabet not decoded). */
sotto_slice sotto_tokenizer_text(const sotto_tokenizer *tokenizer, sotto_token id);
/* The bytes a token stands for; control, unknown and unused tokens give their text if `special`,
 * else nothing, and an id that is not in the vocabulary gives nothing. The slice lives as long as
 * the tokenizer. */
sotto_slice sotto_tokenizer_bytes(const sotto_tokenizer *tokenizer, sotto_token id, bool special);

/* Streaming detokeniser: feeds bytes, gives back whole characters only. */
typedef struct sotto_detokenizer {
  char pending[4];
  unsigned n_pending;
  bool drop_space; /* a leading one, when it comes */
} sotto_detokenizer;
/* For the continuation of a text. */
void sotto_detokenizer_init(sotto_detokenizer *detokenizer);
/* For a text from its start: the space that encoding put in front goes. */
void sotto_detokenizer_init_text(sotto_detokenizer *detokenizer, const sotto_tokenizer *tokenizer);
/* Append to `out` the characters completed by these bytes; invalid sequences become U+FFFD. */
sotto_status sotto_detokenizer_feed(sotto_detokenizer *detokenizer, sotto_slice bytes,
                                    sotto_str *out);
/* The stream ended: an unfinished character becomes U+FFFD. */
sotto_status sotto_detokenizer_end(sotto_detokenizer *detokenizer, sotto_str *out);

#endif
