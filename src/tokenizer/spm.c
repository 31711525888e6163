/* SentencePiece BPE (Kudo and Richardson 2018), model "llama": the symbols of a piece are its
 * characters, two neighbours merge when the vocabulary has what they spell together, and the
 * highest score of that goes first. Characters that it lacks become byte tokens (<0xXX>), or else
 * <unk>, of which a run gives one.
 *
 * What sentencepiece does to the whole text is done piece by piece: text is cut where two
 * characters meet that stand side by side in no token at all, so no merge could cross. Spaces are '
 * ' here from the start; the vocabulary spells them U+2581, and a U+2581 in a text counts as one,
 * as there. Unused tokens, which sentencepiece resolves into the tokens they were merged from, are
 * never made. */
#include "base/bytes.h"
#include "base/utf8.h"
#include "tokenizer/merge.h"

#define SCORES     "tokenizer.ggml.scores"
#define MAX_PIECE  1024              /* bounds what looking at one pair costs */
#define UNKNOWN_ID (SOTTO_NO_ID - 1) /* a symbol that is no token */

/* ---- spaces --------------------------------------------------------------------------------- */

static const char mark[] = "\xE2\x96\x81"; /* U+2581 */
#define MARK 3

/* Returns how many bytes were written: at most text.len. */
static size_t unescape(sotto_slice text, char *out) {
  size_t n = 0;
  for (size_t i = 0; i < text.len;) {
    if (text.len - i >= MARK && memcmp(text.data + i, mark, MARK) == 0) {
      out[n++] = ' ';
      i += MARK;
    } else {
      out[n++] = text.data[i++];
    }
  }
  return n;
}

/* A space goes in front of the text and behind each special token: sentencepiece puts it before
 * whatever it is given, and models' authors gave it the stretches between their special tokens. The
 * models' tokenizer.json files and llama.cpp do the same. */
static sotto_status add_space(const sotto_tokenizer *t, sotto_slice *text, sotto_str *out) {
  if (!t->add_space_prefix) return SOTTO_OK;
  SOTTO_TRY(sotto_str_append(out, " ", 1));
  SOTTO_TRY(sotto_str_append(out, text->data, text->len));
  *text = (sotto_slice){out->data, out->len};
  return SOTTO_OK;
}

static const sotto_normalizer normalizer_spaces = {add_space, .marks_are_spaces = true};

/* ---- what tokens stand for ------------------------------------------------------------------ */

static int hex_digit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that "<0xXX>" stands for, or -1. */
static int byte_of(sotto_slice text, sotto_token_attr attr) {
  /* Files without types call them normal. */
  if (attr != SOTTO_TOKEN_BYTE && attr != SOTTO_TOKEN_NORMAL) return -1;
  if (text.len != 6 || memcmp(text.data, "<0x", 3) != 0 || text.data[5] != '>') return -1;
  int high = hex_digit(text.data[3]), low = hex_digit(text.data[4]);
  return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static size_t bytes_of(sotto_slice text, sotto_token_attr attr, char *out) {
  int byte = byte_of(text, attr);
  if (byte >= 0) {
    *out = (char)byte;
    return 1;
  }
  return unescape(text, out);
}

const sotto_decoder sotto_decoder_pieces = {bytes_of};

static bool reachable(const sotto_tokenizer *t, uint32_t id) {
  sotto_token_attr attr = sotto_vocab_attr(t, id);
  sotto_slice bytes = sotto_vocab_bytes(t, id);
  return (attr == SOTTO_TOKEN_NORMAL || attr == SOTTO_TOKEN_USER_DEFINED) &&
         byte_of(sotto_vocab_text(t, id), attr) < 0 && bytes.len > 0 &&
         sotto_utf8_valid(bytes.data, bytes.len);
}

/* ---- cutting -------------------------------------------------------------------------------- */

static bool starts_character(char c) {
  return ((unsigned char)c & 0xC0) != 0x80;
}

static unsigned seam_of(const char *p) { /* between p[-1] and *p */
  return (unsigned)(unsigned char)p[-1] << 8 | (unsigned char)*p;
}

static const char *split(const sotto_tokenizer *t, const char *p, const char *end) {
  while (++p < end) {
    if (!starts_character(*p)) continue;
    unsigned seam = seam_of(p);
    if (!(t->seams[seam >> 3] >> (seam & 7) & 1)) break;
  }
  return p;
}

const sotto_pre sotto_pre_spm = {"", split, &normalizer_spaces, false, true};

static sotto_status load_seams(sotto_tokenizer *t) {
  t->seams = sotto_alloc_zero(t->ctx, SOTTO_SEAM_BYTES);
  if (!t->seams) return SOTTO_ERR_OUT_OF_MEMORY;
  for (uint32_t id = 0; id < t->n_vocab; id++) {
    if (!(t->flags[id] & SOTTO_FLAG_FOUND)) continue;
    sotto_slice bytes = sotto_vocab_bytes(t, id);
    for (size_t i = 1; i < bytes.len; i++) {
      if (!starts_character(bytes.data[i])) continue;
      unsigned seam = seam_of(bytes.data + i);
      t->seams[seam >> 3] |= (uint8_t)(1 << (seam & 7));
    }
  }
  return SOTTO_OK;
}

/* ---- merging -------------------------------------------------------------------------------- */

static size_t symbol(const sotto_tokenizer *t, const char *text, size_t left, uint32_t *id) {
  size_t len = 1;
  while (len < left && !starts_character(text[len])) len++;
  *id = sotto_vocab_find(t, text, len);
  if (*id == SOTTO_NO_ID) *id = UNKNOWN_ID;
  return len;
}

static uint32_t pair(const sotto_tokenizer *t, uint32_t left, uint32_t right, sotto_slice bytes,
                     uint32_t *id) {
  (void)left, (void)right;
  *id = sotto_vocab_find(t, bytes.data, bytes.len);
  return *id == SOTTO_NO_ID ? SOTTO_NO_RANK : t->rank[*id];
}

static sotto_status emit(const sotto_tokenizer *t, uint32_t id, sotto_slice bytes,
                         sotto_tokens *out) {
  if (id != UNKNOWN_ID) return sotto_tokens_push(out, (sotto_token)id);
  bool all = true;
  for (size_t i = 0; i < bytes.len; i++) {
    if (t->byte_id[(unsigned char)bytes.data[i]] == SOTTO_TOKEN_NONE) all = false;
  }
  if (!all) {
    bool again = out->count && out->ids[out->count - 1] == t->unknown;
    return again || t->unknown == SOTTO_TOKEN_NONE ? SOTTO_OK : sotto_tokens_push(out, t->unknown);
  }
  for (size_t i = 0; i < bytes.len; i++) {
    SOTTO_TRY(sotto_tokens_push(out, t->byte_id[(unsigned char)bytes.data[i]]));
  }
  return SOTTO_OK;
}

static const sotto_merger merger = {symbol, pair, emit};

static sotto_status encode(const sotto_tokenizer *t, sotto_scratch *scratch, sotto_slice piece,
                           sotto_tokens *out) {
  return sotto_merge_piece(t, &merger, scratch, piece, out);
}

/* ---- scores --------------------------------------------------------------------------------- */

/* Higher scores are lower ranks; never SOTTO_NO_RANK for a number. */
static uint32_t rank_of(float score) {
  uint32_t bits;
  score += 0.0f; /* -0 is 0 */
  memcpy(&bits, &score, 4);
  return bits >> 31 ? bits : ~bits & 0x7FFFFFFF;
}

/* Converters that have no scores write one for all, or none. Vocabularies of SentencePiece BPE
 * stand in the order of their scores, so that order serves. */
static bool all_equal(const sotto_tokenizer *t) {
  uint32_t first = SOTTO_NO_ID;
  for (uint32_t id = 0; id < t->n_vocab; id++) {
    if (sotto_vocab_attr(t, id) != SOTTO_TOKEN_NORMAL || sotto_vocab_text(t, id).len < 2) continue;
    if (first == SOTTO_NO_ID) first = id;
    if (t->rank[id] != t->rank[first]) return false;
  }
  return true;
}

static sotto_status load_scores(sotto_tokenizer *t, const sotto_gguf *gguf) {
  const sotto_gguf_kv *kv = sotto_gguf_take(gguf, SCORES);
  if (kv &&
      (kv->type != SOTTO_GGUF_ARRAY || kv->element != SOTTO_GGUF_F32 || kv->count != t->n_vocab)) {
    return sotto_fail(
        t->ctx, SOTTO_ERR_INVALID_MODEL,
        SCORES " is not an array of %u 32-bit floats, one for each token; " SOTTO_VOCAB_NEXT_STEP,
        t->n_vocab);
  }
  t->rank = sotto_alloc_zero(t->ctx, sizeof *t->rank * t->n_vocab);
  if (!t->rank) return SOTTO_ERR_OUT_OF_MEMORY;
  for (uint32_t id = 0; kv && id < t->n_vocab; id++) {
    float score = sotto_read_f32(kv->items + 4 * (size_t)id);
    if (score != score) {
      return sotto_fail(t->ctx, SOTTO_ERR_INVALID_MODEL,
                        SCORES "[%u] is not a number; " SOTTO_VOCAB_NEXT_STEP, id);
    }
    t->rank[id] = rank_of(score);
  }
  if (!all_equal(t)) return SOTTO_OK;
  for (uint32_t id = 0; id < t->n_vocab; id++) t->rank[id] = id;
  return sotto_warn(t->ctx,
                    SCORES
                    " %s: the order of the tokens stands in for it, and text may be cut into "
                    "other tokens than the model was trained with",
                    kv ? "is the same for all tokens" : "is missing");
}

static sotto_status load(sotto_tokenizer *t, const sotto_gguf *gguf) {
  for (int b = 0; b < 256; b++) t->byte_id[b] = SOTTO_TOKEN_NONE;
  for (uint32_t id = 0; id < t->n_vocab; id++) {
    int byte = byte_of(sotto_vocab_text(t, id), sotto_vocab_attr(t, id));
    if (byte >= 0 && t->byte_id[byte] == SOTTO_TOKEN_NONE) t->byte_id[byte] = (sotto_token)id;
    if (t->flags[id] & SOTTO_FLAG_FOUND && t->n_bytes[id] > MAX_PIECE) {
      return sotto_fail(t->ctx, SOTTO_ERR_INVALID_MODEL,
                        "tokenizer.ggml.tokens[%u] has %u bytes, and %d is the most a piece may "
                        "have; " SOTTO_VOCAB_NEXT_STEP,
                        id, t->n_bytes[id], MAX_PIECE);
    }
  }
  SOTTO_TRY(load_scores(t, gguf));
  return load_seams(t);
}

const sotto_algorithm sotto_algorithm_spm = {load, reachable, encode, .repeats = true};
