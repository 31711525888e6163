/* WordPiece (Schuster and Nakajima 2012) as BERT has it, model "bert": the longest token that a
 * word begins with, then the longest that what is left begins with, and so on; a word that this
 * does not take apart is the unknown token. BERT's files mark what goes on within a word with
 * ##, GGUF files what begins one with U+2581: a space here, in front of every word. */
#include "base/utf8.h"
#include "tokenizer/internal.h"

#define LONGEST_WORD 100 /* characters; longer ones are unknown */
#define MAX_PIECE    512 /* bounds what looking at one character costs */

static const char mark[] = "\xE2\x96\x81";
#define MARK 3

static size_t bytes_of(sotto_slice text, sotto_token_attr attr, char *out) {
  const bool begins = attr == SOTTO_TOKEN_NORMAL && text.len >= MARK;
  if (!begins || memcmp(text.data, mark, MARK) != 0) return SIZE_MAX;
  *out = ' ';
  memcpy(out + 1, text.data + MARK, text.len - MARK);
  return text.len - MARK + 1;
}

const sotto_decoder sotto_decoder_words = {bytes_of};

static bool reachable(const sotto_tokenizer *t, uint32_t id) {
  const sotto_slice bytes = sotto_vocab_bytes(t, id);
  return sotto_vocab_attr(t, id) == SOTTO_TOKEN_NORMAL && bytes.len > 0 &&
         !sotto_slice_is(bytes, " ") && sotto_utf8_valid(bytes.data, bytes.len);
}

static const char *split(const sotto_tokenizer *t, const char *p, const char *end) {
  (void)t;
  const char *next = memchr(p + 1, ' ', (size_t)(end - p - 1));
  return next ? next : end;
}

static bool starts_character(char c) {
  return ((unsigned char)c & 0xC0) != 0x80;
}

/* The longest token at the piece's `at`, and where it ends. */
static uint32_t longest_at(const sotto_tokenizer *t, sotto_slice piece, size_t at, size_t *end) {
  *end = piece.len - at < t->longest ? piece.len : at + t->longest;
  for (; *end > at; --*end) {
    if (*end < piece.len && !starts_character(piece.data[*end])) continue;
    const uint32_t id = sotto_vocab_find(t, piece.data + at, *end - at);
    if (id != SOTTO_NO_ID) return id;
  }
  return SOTTO_NO_ID;
}

static sotto_status encode(const sotto_tokenizer *t, sotto_scratch *scratch, sotto_slice piece,
                           sotto_tokens *out) {
  (void)scratch;
  const size_t before = out->count;
  size_t n = 0;
  for (size_t i = 1; i < piece.len; i++) n += starts_character(piece.data[i]);
  bool known = n <= LONGEST_WORD;
  for (size_t at = 0; known && at < piece.len;) {
    const uint32_t id = longest_at(t, piece, at, &at);
    known = id != SOTTO_NO_ID;
    if (known) SOTTO_TRY(sotto_tokens_push(out, (sotto_token)id));
  }
  if (known) return SOTTO_OK;
  out->count = before;
  return sotto_tokens_push(out, t->unknown);
}

static sotto_status need(const sotto_tokenizer *t, sotto_token id, const char *key,
                         const char *text) {
  if (id != SOTTO_TOKEN_NONE) return SOTTO_OK;
  return sotto_fail(t->ctx, SOTTO_ERR_INVALID_MODEL,
                    "a WordPiece vocabulary without tokenizer.ggml.%s and without a control token "
                    "%s; " SOTTO_VOCAB_NEXT_STEP,
                    key, text);
}

static sotto_status load(sotto_tokenizer *t, const sotto_gguf *gguf) {
  (void)gguf;
  SOTTO_TRY(need(t, t->unknown, "unknown_token_id", "[UNK]"));
  SOTTO_TRY(need(t, t->bos, "bos_token_id", "[CLS]"));
  SOTTO_TRY(need(t, t->eos, "eos_token_id", "[SEP]"));
  if (t->longest <= MAX_PIECE) return SOTTO_OK;
  return sotto_fail(t->ctx, SOTTO_ERR_INVALID_MODEL,
                    "the longest of tokenizer.ggml.tokens has %u bytes, and %d is the most a piece "
                    "of a word may have; " SOTTO_VOCAB_NEXT_STEP,
                    t->longest, MAX_PIECE);
}

const sotto_algorithm sotto_algorithm_wordpiece = {load, reachable, encode, .repeats = false};
const sotto_pre sotto_pre_bert = {"", split, &sotto_normalizer_bert, false, true};
