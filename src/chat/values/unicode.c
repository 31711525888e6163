/* Characters as Python's str methods see them: white space, digits, case, what repr() prints. */
#include "base/case.h"
#include "base/utf8.h"
#include "chat/values/strings.h"

#include "chat/unicode_tables.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
enum { CLASS_HIDDEN, CLASS_SHOWN, CLASS_DIGIT };

bool chat_is_space(uint32_t c) {
  if (c < 0x80) return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool chat_is_line_break(uint32_t c) {
  return (c >= 10 && c <= 13) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

static unsigned class_of(uint32_t c) {
  size_t low = 0, high = COUNT(class_starts); /* looks for the last start that is not behind c */
  while (high - low > 1) {
    size_t middle = (low + high) / 2;
    if (class_starts[middle] >> 2 <= c)
      low = middle;
    else
      high = middle;
  }
  return class_starts[low] & 3;
}

bool chat_is_printable(uint32_t c) {
  return c < 0x7F ? c >= 0x20 : class_of(c) != CLASS_HIDDEN;
}

bool chat_is_digit(uint32_t c) {
  return c < 0x80 ? c >= '0' && c <= '9' : class_of(c) == CLASS_DIGIT;
}

static unsigned map_case(uint32_t c, letter_case to, uint32_t out[3]) {
  out[0] = c;
  if (c < 0x80) {
    bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    if (letter) out[0] = to == CASE_LOWER ? c | 0x20 : c & ~0x20u;
    return 1;
  }
  for (size_t i = 0; i < COUNT(special_cases); i++) {
    const struct special_case *s = &special_cases[i];
    if (s->from != c || s->to != to) continue;
    unsigned n = 0;
    while (n < 3 && s->text[n]) {
      out[n] = s->text[n];
      n++;
    }
    return n;
  }
  if (to == CASE_LOWER)
    out[0] = sotto_lower(c);
  else if (to == CASE_UPPER || !sotto_case_map(title_runs, COUNT(title_runs), out)) {
    sotto_case_map(upper_runs, COUNT(upper_runs), out);
  }
  return 1;
}

bool chat_has_case(uint32_t c, bool upper) {
  uint32_t mapped[3];
  unsigned n = map_case(c, upper ? CASE_LOWER : CASE_UPPER, mapped);
  return n > 1 || mapped[0] != c;
}

static bool is_cased(uint32_t c) {
  return chat_has_case(c, true) || chat_has_case(c, false);
}

/* Whether a sigma at [at, end) ends a word: there is a letter with case in front of it and none
 * behind. */
static bool is_final(const str *s, size_t at, size_t end) {
  uint32_t c = 0;
  size_t before = at;
  while (before > 0) {
    do before--;
    while (((unsigned char)s->data[before] & 0xC0) == 0x80);
    sotto_utf8_decode(s->data + before, at - before, &c);
    if (c != '\'' && c != 0x301 && c != 0x308) break;
    c = 0;
  }
  if (!c || !is_cased(c)) return false;
  if (end == s->len) return true;
  sotto_utf8_decode(s->data + end, s->len - end, &c);
  return !is_cased(c);
}

sotto_status chat_builder_add_case(builder *b, const str *s, size_t start, size_t end,
                                   letter_case to) {
  SOTTO_TRY(chat_work(b->rt, (uint64_t)(end - start) * 16));
  for (size_t i = start, n; i < end; i += n) {
    uint32_t c, mapped[3];
    n = sotto_utf8_decode(s->data + i, s->len - i, &c);
    unsigned count = map_case(c, to, mapped);
    if (c == 0x3A3 && to == CASE_LOWER && is_final(s, i, i + n)) mapped[0] = 0x3C2;
    bool trusted = chat_str_trusted_at(s, i);
    for (unsigned k = 0; k < count; k++) {
      SOTTO_TRY(chat_builder_add_code_point(b, mapped[k], trusted));
    }
  }
  return SOTTO_OK;
}

sotto_status chat_str_case(runtime *rt, const str *s, letter_case to, const str **out) {
  builder b;
  chat_builder_init(&b, rt);
  SOTTO_TRY(chat_builder_add_case(&b, s, 0, s->len, to));
  SOTTO_TRY(chat_builder_finish(&b, out));
  return chat_str_mark(rt, *out, s->markup, out);
}
