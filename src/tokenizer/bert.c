/* BERT's text processing in front of WordPiece, as the tokenizers library's BertNormalizer and
 * BertPreTokenizer have it: control characters are dropped, ideographs and punctuation stand by
 * themselves, accents go, letters become small. Words come out with a space in front of each, as
 * the vocabulary has them. */
#include "base/case.h"
#include "base/utf8.h"
#include "tokenizer/bert_tables.h"
#include "tokenizer/internal.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static bool is_in(const uint32_t *ranges, size_t n, uint32_t c) {
  size_t low = 0, high = n; /* looks for the last range that does not begin behind c */
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (ranges[middle] >> 8 <= c)
      low = middle + 1;
    else
      high = middle;
  }
  return low > 0 && c - (ranges[low - 1] >> 8) <= (ranges[low - 1] & 0xFF);
}

static bool is_space(uint32_t c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

static bool is_dropped(uint32_t c) {
  const bool is_private = (c >= 0xE000 && c <= 0xF8FF) || (c >= 0xF0000 && (c & 0xFFFE) != 0xFFFE);
  return is_private || is_in(bert_dropped, COUNT(bert_dropped), c);
}

static bool is_ideograph(uint32_t c) {
  return (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x4E00 && c <= 0x9FFF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0x2F800 && c <= 0x2FA1F);
}

static sotto_status append(sotto_str *out, uint32_t c) {
  char bytes[4];
  return sotto_str_append(out, bytes, sotto_utf8_encode(c, bytes));
}

/* Without what is dropped, one kind of space, and spaces around ideographs. */
static sotto_status clean(sotto_slice text, sotto_str *out) {
  for (size_t i = 0; i < text.len;) {
    uint32_t c;
    i += sotto_utf8_decode(text.data + i, text.len - i, &c);
    if (is_dropped(c)) continue;
    const bool alone = is_ideograph(c);
    if (alone) SOTTO_TRY(append(out, ' '));
    SOTTO_TRY(append(out, is_space(c) ? ' ' : c));
    if (alone) SOTTO_TRY(append(out, ' '));
  }
  return SOTTO_OK;
}

static sotto_status append_lower(sotto_str *out, uint32_t c) {
  if (c != 0x130) return append(out, sotto_lower(c));
  SOTTO_TRY(append(out, 'i')); /* the only letter that becomes two */
  return append(out, 0x307);
}

static sotto_status split_words(const sotto_tokenizer *t, sotto_slice text, sotto_str *out) {
  bool in_word = false;
  for (size_t i = 0; i < text.len;) {
    uint32_t c;
    i += sotto_utf8_decode(text.data + i, text.len - i, &c);
    if (t->strip_accents && is_in(bert_marks, COUNT(bert_marks), c)) continue;
    const bool alone = is_in(bert_punctuation, COUNT(bert_punctuation), c);
    const bool space = c == ' ';
    if (!space && (alone || !in_word)) SOTTO_TRY(append(out, ' '));
    if (!space) SOTTO_TRY(t->lowercase ? append_lower(out, c) : append(out, c));
    in_word = !space && !alone;
  }
  return SOTTO_OK;
}

static sotto_status apply_bert(const sotto_tokenizer *t, sotto_slice *text, sotto_str *out) {
  sotto_str cleaned, decomposed;
  sotto_str_init(&cleaned, out->ctx);
  sotto_str_init(&decomposed, out->ctx);
  sotto_status status = clean(*text, &cleaned);
  sotto_slice plain = {cleaned.data, cleaned.len};
  if (status == SOTTO_OK && t->strip_accents) {
    status = sotto_nfd(plain, &decomposed);
    plain = (sotto_slice){decomposed.data, decomposed.len};
  }
  if (status == SOTTO_OK) status = split_words(t, plain, out);
  sotto_str_free(&cleaned);
  sotto_str_free(&decomposed);
  *text = out->len ? (sotto_slice){out->data, out->len} : SOTTO_SLICE("");
  return status;
}

const sotto_normalizer sotto_normalizer_bert = {apply_bert, .marks_are_spaces = false};
