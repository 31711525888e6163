/* Pre-tokenisers: cut text into the pieces inside which BPE merges. Each is a state machine written
 * after the regular expression of the models' own tokenizer.json, matched as that engine matches
 * (first alternative that fits, greedy, with backtracking worked out by hand):
 *
 *   gpt-2    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *   smollm   each \p{N} by itself, then gpt-2 on what lies between them
 *   llama 3  (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}
 *            | ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
 *   qwen2    llama 3 with \p{N} one by one
 *   gpt-4o   [^\r\n\p{L}\p{N}]?[U]*[W]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
 *            |[^\r\n\p{L}\p{N}]?[U]+[W]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}
 *            | ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
 *            with U = \p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M} and W = \p{Ll}\p{Lm}\p{Lo}\p{M}
 *   tekken   gpt-4o without the contractions and with \p{N} one by one
 *
 * pretokenizers.def says which name has which. Text must be valid UTF-8; time is linear in its
 * length. */
#include "base/utf8.h"
#include "tokenizer/internal.h"
#include "tokenizer/unicode_tables.h"

enum { LETTER = UNICODE_LETTER, NUMBER = UNICODE_NUMBER, SPACE = UNICODE_SPACE };
enum { OTHER = UNICODE_OTHER, UPPER = UNICODE_UPPER, LOWER = UNICODE_LOWER };
enum { NEWLINE = UNICODE_NEWLINE, MAIN = LETTER | NUMBER | SPACE | OTHER };

static unsigned class_of(uint32_t c) {
  if (c >= UNICODE_END) return OTHER;
  uint32_t mask = (1u << UNICODE_SHIFT) - 1;
  uint32_t i = ((uint32_t)unicode_index[c >> UNICODE_SHIFT] << UNICODE_SHIFT) + (c & mask);
  return unicode_classes[unicode_blocks[i / 2] >> (i % 2 * 4) & 15];
}

/* The class of the character at p and its length; class 0 and length 0 at the end. */
static inline unsigned class_at(const char *p, const char *end, size_t *len) {
  *len = 0;
  if (p == end) return 0;
  unsigned char byte = (unsigned char)*p;
  if (byte < 0x80) {
    *len = 1;
    return unicode_ascii[byte];
  }
  uint32_t c;
  *len = sotto_utf8_decode(p, (size_t)(end - p), &c);
  return class_of(c);
}

/* The end of the longest run of characters that have a bit of `mask`. */
static inline const char *run(const char *p, const char *end, unsigned mask) {
  size_t len;
  while (class_at(p, end, &len) & mask) p += len;
  return p;
}

/* Length of a contraction ('s 't 're 've 'm 'll 'd) at p, or 0. `fold`: in any case; then the long
 * s counts as an s, as the reference engine folds it. */
static size_t contraction(const char *p, const char *end, bool fold) {
  size_t left = (size_t)(end - p);
  if (left < 2 || p[0] != '\'') return 0;
  unsigned char bit = fold ? 0x20 : 0;
  char a = (char)(p[1] | bit), b = left > 2 ? (char)(p[2] | bit) : 0;
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
  if (((a == 'r' || a == 'v') && b == 'e') || (a == 'l' && b == 'l')) return 3;
  if (fold && left > 2 && memcmp(p + 1, "\xC5\xBF", 2) == 0) return 3;
  return 0;
}

/* \s+(?!\S)|\s+ : a run of spaces leaves its last character to the word behind it. The end of the
 * text is no word; nor is, for smollm, a digit, which was cut out before. */
static const char *spaces(const char *p, const char *end, unsigned text_end) {
  const char *last = p, *q = p;
  size_t len;
  unsigned class;
  while ((class = class_at(q, end, &len)) & SPACE) {
    last = q;
    q += len;
  }
  return q == end || class & text_end || last == p ? q : last;
}

static const char *next_gpt2(const char *p, const char *end, bool single_digits) {
  size_t len;
  unsigned cut_out = single_digits ? NUMBER : 0;
  unsigned class = class_at(p, end, &len);
  if (class & cut_out) return p + len;
  if (class & (LETTER | NUMBER)) return run(p + len, end, class & MAIN);
  if (*p == ' ') {
    unsigned after = class_at(p + 1, end, &len);
    if (after & (LETTER | NUMBER | OTHER) && !(after & cut_out)) {
      return run(p + 1 + len, end, after & MAIN);
    }
  } else if (class & OTHER) {
    size_t n = contraction(p, end, false);
    return n ? p + n : run(p + len, end, OTHER);
  }
  return spaces(p, end, cut_out);
}

/* What llama 3 and gpt-4o share behind their words: numbers, punctuation and spaces. */
static const char *next_rest(const char *p, const char *end, int max_digits, bool slash) {
  size_t len;
  unsigned class = class_at(p, end, &len);
  if (class & NUMBER) {
    for (int i = 0; i < max_digits && class & NUMBER; i++) {
      p += len;
      class = class_at(p, end, &len);
    }
    return p;
  }
  const char *q = *p == ' ' ? p + 1 : p;
  if (class_at(q, end, &len) & OTHER) {
    q = run(q + len, end, OTHER);
    while (q < end && (*q == '\r' || *q == '\n' || (slash && *q == '/'))) q++;
    return q;
  }
  /* \s*[\r\n]+ gives back what lies behind the last line break of the run. */
  const char *line = NULL;
  for (q = p; (class = class_at(q, end, &len)) & SPACE; q += len) {
    if (class & NEWLINE) line = q + len;
  }
  return line ? line : spaces(p, end, 0);
}

static const char *next_llama3(const char *p, const char *end, int max_digits) {
  size_t len, n = contraction(p, end, true);
  if (n) return p + n;
  unsigned class = class_at(p, end, &len);
  if (class & LETTER) return run(p + len, end, LETTER);
  if (!(class & (NUMBER | NEWLINE)) && class_at(p + len, end, &n) & LETTER) {
    return run(p + len + n, end, LETTER);
  }
  return next_rest(p, end, max_digits, false);
}

/* [U]*[W]+ : the longest run of U that leaves a W behind it. NULL when there is no W. */
static const char *upper_then_lower(const char *p, const char *end) {
  const char *last_both = NULL;
  size_t len;
  unsigned class;
  while ((class = class_at(p, end, &len)) & UPPER) {
    p += len;
    if (class & LOWER) last_both = p;
  }
  return class & LOWER ? run(p + len, end, LOWER) : last_both;
}

static const char *next_gpt4o(const char *p, const char *end, bool contractions, int max_digits) {
  size_t len;
  unsigned class = class_at(p, end, &len);
  bool prefix = !(class & (LETTER | NUMBER | NEWLINE));
  const char *word = prefix ? upper_then_lower(p + len, end) : NULL;
  if (!word) word = upper_then_lower(p, end);
  if (!word) { /* [U]+[W]* : here no W can follow, or the line above had found it */
    const char *start = prefix && class_at(p + len, end, &(size_t){0}) & UPPER ? p + len : p;
    const char *q = run(start, end, UPPER);
    if (q > start) word = q;
  }
  if (!word) return next_rest(p, end, max_digits, true);
  return contractions ? word + contraction(word, end, true) : word;
}

/* ---- the table ------------------------------------------------------------------------------ */

#define SPLIT(name, call)                                                                          \
  static const char *split_##name(const sotto_tokenizer *t, const char *p, const char *end) {      \
    (void)t;                                                                                       \
    return call;                                                                                   \
  }
SPLIT(gpt2, next_gpt2(p, end, false))
SPLIT(smollm, next_gpt2(p, end, true))
SPLIT(llama3, next_llama3(p, end, 3))
SPLIT(qwen2, next_llama3(p, end, 1))
SPLIT(gpt4o, next_gpt4o(p, end, true, 3))
SPLIT(tekken, next_gpt4o(p, end, false, 1))
#undef SPLIT

const sotto_pre *sotto_pre_find(sotto_slice name) {
  static const sotto_pre table[] = {
#define SOTTO_PRETOKENIZER(name, split, normalizer, ignore_merges, add_bos)                        \
  {name, split_##split, &sotto_normalizer_##normalizer, ignore_merges, add_bos},
#include "tokenizer/pretokenizers.def"
#undef SOTTO_PRETOKENIZER
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    if (sotto_slice_is(name, table[i].name)) return &table[i];
  }
  return NULL;
}
