/* Byte-level BPE: the symbols of a piece are its bytes, and a list of merges ranks pairs of tokens,
 * as in the tokenizers library's BPE. Bytes that the vocabulary lacks are dropped, as there for
 * models without unk_token. */
#include "tokenizer/merge.h"

static size_t symbol(const sotto_tokenizer *t, const char *text, size_t left, uint32_t *id) {
  (void)left;
  sotto_token token = t->byte_id[(unsigned char)*text];
  *id = token == SOTTO_TOKEN_NONE ? SOTTO_NO_ID : (uint32_t)token;
  return 1;
}

static uint32_t pair(const sotto_tokenizer *t, uint32_t left, uint32_t right, sotto_slice bytes,
                     uint32_t *id) {
  (void)bytes;
  const sotto_merge *merge = sotto_merges_find(t, left, right);
  if (!merge) return SOTTO_NO_RANK;
  *id = merge->id;
  return merge->rank;
}

static sotto_status emit(const sotto_tokenizer *t, uint32_t id, sotto_slice bytes,
                         sotto_tokens *out) {
  (void)t, (void)bytes;
  return sotto_tokens_push(out, (sotto_token)id);
}

static const sotto_merger merger = {symbol, pair, emit};

static sotto_status encode(const sotto_tokenizer *t, sotto_scratch *scratch, sotto_slice piece,
                           sotto_tokens *out) {
  return sotto_merge_piece(t, &merger, scratch, piece, out);
}

/* Whether BPE can arrive at this token's bytes at all. What stays out: control, unknown and unused
 * tokens, which no bytes of a text may ever become, empty ones, and normal ones with characters
 * outside the byte-level alphabet. */
static bool reachable(const sotto_tokenizer *t, uint32_t id) {
  sotto_slice bytes = sotto_vocab_bytes(t, id);
  if (bytes.len == 0) return false;
  sotto_token_attr attr = sotto_vocab_attr(t, id);
  if (attr == SOTTO_TOKEN_USER_DEFINED) return true;
  if (attr != SOTTO_TOKEN_NORMAL && attr != SOTTO_TOKEN_BYTE) return false;
  if (!(t->flags[id] & SOTTO_FLAG_PLAIN)) return true;
  for (size_t i = 0; i < bytes.len; i++) { /* PLAIN: its text is ASCII, or could not be decoded */
    if (bytes.data[i] < 0x21 || bytes.data[i] > 0x7E) return false;
  }
  return true;
}

static sotto_status load(sotto_tokenizer *t, const sotto_gguf *gguf) {
  for (int b = 0; b < 256; b++) {
    uint32_t id = sotto_vocab_find(t, &(char){(char)b}, 1);
    t->byte_id[b] = id == SOTTO_NO_ID ? SOTTO_TOKEN_NONE : (sotto_token)id;
  }
  return sotto_merges_load(t, gguf);
}

const sotto_algorithm sotto_algorithm_bpe = {load, reachable, encode, .repeats = false};
