/* The inside of a tokenizer, shared by the files of this layer. */
#ifndef SOTTO_TOKENIZER_INTERNAL_H
#define SOTTO_TOKENIZER_INTERNAL_H

#include "tokenizer/tokenizer.h"

/* What messages about damaged metadata end with. */
#define SOTTO_VOCAB_NEXT_STEP "download the file again or convert the model anew"

#define SOTTO_MAX_TOKEN_BYTES   65535 /* lengths are kept in 16 bits */
#define SOTTO_MAX_SPECIAL_BYTES 256   /* bounds the search at each position of a text */
#define SOTTO_MAX_VOCAB         (1u << 24)
#define SOTTO_MAX_MERGES        (1u << 26)

/* ---- pretokenize.c: where BPE may not merge across ------------------------------------------ */

typedef enum sotto_split {
  SOTTO_SPLIT_GPT2,
  SOTTO_SPLIT_SMOLLM,
  SOTTO_SPLIT_LLAMA3,
  SOTTO_SPLIT_GPT4O,
  SOTTO_SPLIT_TEKKEN,
} sotto_split;

typedef struct sotto_pre {
  const char *name; /* tokenizer.ggml.pre */
  sotto_split split;
  bool ignore_merges; /* a piece that is a token is that token, whatever the merges say */
  bool add_bos;       /* when the file does not say */
} sotto_pre;

/* NULL for a name that is not known. */
const sotto_pre *sotto_pre_find(sotto_slice name);
/* The end of the piece that starts at p < end. The text is valid UTF-8. */
const char *sotto_pre_next(const sotto_pre *pre, const char *p, const char *end);

/* ---- the tokenizer -------------------------------------------------------------------------- */

/* One merge in an open-addressing table keyed by (left, right). */
typedef struct sotto_merge {
  uint32_t left, right;
  uint32_t rank; /* index in tokenizer.ggml.merges: lower merges first */
  uint32_t id;   /* what the two become; SOTTO_NO_ID: the place is empty */
} sotto_merge;
#define SOTTO_NO_ID UINT32_MAX

/* Bits of sotto_tokenizer.flags; the low three hold the sotto_token_attr. */
enum {
  SOTTO_FLAG_ATTR = 7,
  SOTTO_FLAG_SHOWN = 8, /* a control token whose text belongs to the answer */
  SOTTO_FLAG_EOG = 16,
  SOTTO_FLAG_DIRECT = 32, /* BPE of its own bytes gives the token: seen by encoding */
  SOTTO_FLAG_BPE = 128,   /* BPE may give it: it is in the table of bytes */
  SOTTO_FLAG_PLAIN = 64,  /* its bytes are its text and not stored twice */
};

struct sotto_tokenizer {
  sotto_ctx *ctx;
  const sotto_pre *pre;
  uint32_t n_vocab;

  /* Token i lies in pool[start[i] .. start[i + 1]): its text, then its n_bytes[i] bytes unless
   * they are the same (PLAIN). */
  char *pool;
  size_t pool_size;
  uint32_t *start;
  uint16_t *n_bytes;
  uint8_t *flags;

  /* Hash table from bytes to the tokens BPE may produce: 8 bits of the hash, which spare most
   * looks at tokens that only share a place, and id + 1 in the other 24; 0 for empty. */
  uint32_t *slots;
  uint32_t n_slots;
  uint32_t longest;         /* bytes of the longest token in it */
  sotto_token byte_id[256]; /* the token of one byte, or NONE */

  sotto_merge *merges; /* hash table */
  uint32_t n_merge_slots;

  /* Special tokens in order of their text; those that start with byte b are
   * special[special_first[b]] .. special[special_first[b + 1] - 1]. */
  sotto_token *special;
  uint32_t n_special;
  uint32_t special_first[257];
  bool has_user_defined;

  sotto_token bos, eos, pad;
  bool add_bos, add_eos;
};

/* Atomic, since encoding in another thread may set DIRECT. */
static inline uint8_t sotto_vocab_flags(const sotto_tokenizer *t, uint32_t id) {
  return __atomic_load_n(&t->flags[id], __ATOMIC_RELAXED);
}
static inline sotto_token_attr sotto_vocab_attr(const sotto_tokenizer *t, uint32_t id) {
  return (sotto_token_attr)(sotto_vocab_flags(t, id) & SOTTO_FLAG_ATTR);
}
static inline sotto_slice sotto_vocab_text(const sotto_tokenizer *t, uint32_t id) {
  uint32_t len = t->start[id + 1] - t->start[id];
  if (!(sotto_vocab_flags(t, id) & SOTTO_FLAG_PLAIN)) len -= t->n_bytes[id];
  return (sotto_slice){t->pool + t->start[id], len};
}
static inline sotto_slice sotto_vocab_bytes(const sotto_tokenizer *t, uint32_t id) {
  return (sotto_slice){t->pool + t->start[id + 1] - t->n_bytes[id], t->n_bytes[id]};
}

/* ---- vocabulary.c: tokens, their bytes and the way back ------------------------------------- */

/* Strings and types; then, when the types are settled, the table from bytes to tokens. */
sotto_status sotto_vocab_load(sotto_tokenizer *t, const sotto_gguf *gguf);
sotto_status sotto_vocab_index(sotto_tokenizer *t);
/* The token that BPE may give for these bytes, or SOTTO_NO_ID. */
uint32_t sotto_vocab_find(const sotto_tokenizer *t, const char *bytes, size_t len);
/* Decode the byte-level alphabet of GPT-2: the number of bytes written to out (at most text.len),
 * or SIZE_MAX when a character is not in the alphabet. */
size_t sotto_vocab_decode(sotto_slice text, char *out);

/* ---- merges.c ------------------------------------------------------------------------------- */

sotto_status sotto_merges_load(sotto_tokenizer *t, const sotto_gguf *gguf);
/* NULL when the two do not merge. */
const sotto_merge *sotto_merges_find(const sotto_tokenizer *t, uint32_t left, uint32_t right);

/* ---- special.c ------------------------------------------------------------------------------ */

/* Special ids, the tokens that end a turn, and the table that special tokens are found by. */
sotto_status sotto_special_load(sotto_tokenizer *t, const sotto_gguf *gguf);
/* The longest special token at text[at], or NONE. Control tokens must end at or before
 * trusted_end (at, or less: nothing here is trusted). */
sotto_token sotto_special_match(const sotto_tokenizer *t, sotto_slice text, size_t at,
                                size_t trusted_end, size_t *len);

/* ---- bpe.c ---------------------------------------------------------------------------------- */

/* Memory for long pieces, kept from piece to piece. */
typedef struct sotto_bpe_scratch {
  sotto_ctx *ctx;
  void *block;
  size_t size;
} sotto_bpe_scratch;
void sotto_bpe_scratch_free(sotto_bpe_scratch *scratch);

/* Append the tokens of one piece: its bytes' tokens, merged lowest rank first, leftmost first.
 * Bytes that the vocabulary lacks are dropped, as the reference does for models without
 * unk_token. */
sotto_status sotto_bpe_merge(const sotto_tokenizer *t, sotto_bpe_scratch *scratch,
                             sotto_slice piece, sotto_tokens *out);

#endif
