/* The inside of a tokenizer, shared by the files of this layer. */
#ifndef SOTTO_TOKENIZER_INTERNAL_H
#define SOTTO_TOKENIZER_INTERNAL_H

#include "base/warnings.h"
#include "tokenizer/components.h"

/* What messages about damaged metadata end with. */
#define SOTTO_VOCAB_NEXT_STEP "download the file again or convert the model anew"

#define SOTTO_MAX_TOKEN_BYTES   65535 /* lengths are kept in 16 bits */
#define SOTTO_MAX_SPECIAL_BYTES 256   /* bounds the search at each position of a text */
#define SOTTO_MAX_VOCAB         (1u << 24)
#define SOTTO_MAX_MERGES        (1u << 26)

/* ---- the tokenizer -------------------------------------------------------------------------- */

/* One merge in an open-addressing table keyed by (left, right). */
typedef struct sotto_merge {
  uint32_t left, right;
  uint32_t rank; /* index in tokenizer.ggml.merges: lower merges first */
  uint32_t id;   /* what the two become; SOTTO_NO_ID: the bucket is empty */
} sotto_merge;
#define SOTTO_NO_ID      UINT32_MAX
#define SOTTO_SEAM_BYTES (256 * 256 / 8)

/* Bits of sotto_tokenizer.flags; the low three hold the sotto_token_attr. */
enum {
  SOTTO_FLAG_ATTR = 7,
  SOTTO_FLAG_SHOWN = 8, /* a control token whose text belongs to the answer */
  SOTTO_FLAG_EOG = 16,
  SOTTO_FLAG_DIRECT = 32, /* merging its own bytes gives the token: seen by encoding */
  SOTTO_FLAG_PLAIN = 64,  /* its bytes are its text and not stored twice */
  SOTTO_FLAG_FOUND = 128, /* text can become it: it is in the table of bytes */
};

struct sotto_tokenizer {
  sotto_ctx *ctx;
  const sotto_tokenizer_model *model;
  const sotto_pre *pre;
  uint32_t n_vocab;

  /* Token i lies in strings[start[i] .. start[i + 1]): its text, then its n_bytes[i] bytes unless
   * they are the same (PLAIN). */
  char *strings;
  size_t strings_size;
  uint32_t *start;
  uint16_t *n_bytes;
  uint8_t *flags;

  /* Hash table from bytes to the tokens that text can become. A bucket is 0 where it is empty, else
   * id + 1 in the lower 24 bits and in the upper 8 a tag of the hash, so that bytes are rarely
   * compared with a token that only shares the bucket. */
  uint32_t *buckets;
  uint32_t n_buckets;
  uint32_t longest;         /* bytes of the longest token in it */
  sotto_token byte_id[256]; /* the token of one byte, or NONE */

  sotto_merge *merges; /* hash table; byte-level BPE */
  uint32_t n_merge_buckets;

  uint32_t *rank;        /* of a token: lower ones merge first; SentencePiece, as what follows */
  uint8_t *seams;        /* bit a << 8 | b: some token has a character that ends with byte a in
                          * front of one that begins with byte b */
  bool add_space_prefix; /* text begins with a space */

  bool lowercase, strip_accents; /* WordPiece */

  /* Special tokens in order of their text; those that start with byte b are
   * special[special_first[b]] .. special[special_first[b + 1] - 1]. */
  sotto_token *special;
  uint32_t n_special;
  uint32_t special_first[257];
  bool has_user_defined;

  sotto_token bos, eos, pad, unknown;
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
  return (sotto_slice){t->strings + t->start[id], len};
}
static inline sotto_slice sotto_vocab_bytes(const sotto_tokenizer *t, uint32_t id) {
  return (sotto_slice){t->strings + t->start[id + 1] - t->n_bytes[id], t->n_bytes[id]};
}

/* ---- vocabulary.c: tokens, their bytes and the way back ------------------------------------- */

/* Strings and types; then, when the types are settled, the table from bytes to tokens. */
sotto_status sotto_vocab_load(sotto_tokenizer *t, const sotto_gguf *gguf);
sotto_status sotto_vocab_index(sotto_tokenizer *t);
/* The token that text of these bytes can become, or SOTTO_NO_ID. */
uint32_t sotto_vocab_find(const sotto_tokenizer *t, const char *bytes, size_t len);

/* ---- byte_level.c: GPT-2's alphabet of bytes ------------------------------------------------ */

/* The number of bytes that a text in the alphabet stands for, written to out (at most text.len), or
 * SIZE_MAX when a character is not in the alphabet. */
size_t sotto_byte_level_decode(sotto_slice text, char *out);

/* ---- normalize.c ---------------------------------------------------------------------------- */

/* Append the canonical decomposition (NFD) of valid UTF-8. */
sotto_status sotto_nfd(sotto_slice text, sotto_str *out);

/* ---- merges.c: the merges of byte-level BPE ------------------------------------------------- */

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

void sotto_scratch_free(sotto_scratch *scratch); /* merge.c */

#endif
