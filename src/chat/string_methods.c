/* Methods of strings that change case, pad, or say what a string consists of. */
#include "base/utf8.h"
#include "chat/methods.h"

#define METHOD(name)                                                                               \
  sotto_status chat_method_##name(runtime *rt, value self, const value *a, const arguments *args,  \
                                  value *out)
#define SELF                                                                                       \
  const str *s = self.as.string;                                                                   \
  (void)rt;                                                                                        \
  (void)a;                                                                                         \
  (void)args;                                                                                      \
  (void)s

/* ---- case ----------------------------------------------------------------------------------- */

static sotto_status to_case(runtime *rt, const str *s, letter_case to, value *out) {
  const str *result;
  SOTTO_TRY(chat_str_case(rt, s, to, &result));
  return chat_string_result(rt, result, out);
}

METHOD(str_lower) {
  SELF;
  return to_case(rt, s, CASE_LOWER, out);
}

METHOD(str_upper) {
  SELF;
  return to_case(rt, s, CASE_UPPER, out);
}

/* Each character to the case that `pick` says; `inside`: the one before was a letter with case. */
static sotto_status map_each(runtime *rt, const str *s,
                             letter_case (*pick)(uint32_t c, bool inside), value *out) {
  builder b;
  const str *result;
  bool inside = false;
  chat_builder_init(&b, rt);
  for (size_t i = 0, n; i < s->len; i += n) {
    uint32_t c;
    n = sotto_utf8_decode(s->data + i, s->len - i, &c);
    SOTTO_TRY(chat_builder_add_case(&b, s, i, i + n, pick(c, inside)));
    inside = chat_has_case(c, true) || chat_has_case(c, false);
  }
  SOTTO_TRY(chat_builder_finish(&b, &result));
  SOTTO_TRY(chat_str_mark(rt, result, s->markup, &result));
  return chat_string_result(rt, result, out);
}

static letter_case pick_title(uint32_t c, bool inside) {
  (void)c;
  return inside ? CASE_LOWER : CASE_TITLE;
}

static letter_case pick_swapped(uint32_t c, bool inside) {
  (void)inside;
  return chat_has_case(c, true) ? CASE_LOWER : CASE_UPPER;
}

METHOD(str_title) {
  SELF;
  return map_each(rt, s, pick_title, out);
}

METHOD(str_swapcase) {
  SELF;
  return map_each(rt, s, pick_swapped, out);
}

METHOD(str_capitalize) {
  SELF;
  const str *result;
  uint32_t c;
  builder b;
  if (s->len == 0) return chat_string_result(rt, s, out);
  chat_builder_init(&b, rt);
  size_t n = sotto_utf8_decode(s->data, s->len, &c);
  SOTTO_TRY(chat_builder_add_case(&b, s, 0, n, CASE_TITLE));
  SOTTO_TRY(chat_builder_add_case(&b, s, n, s->len, CASE_LOWER));
  SOTTO_TRY(chat_builder_finish(&b, &result));
  SOTTO_TRY(chat_str_mark(rt, result, s->markup, &result));
  return chat_string_result(rt, result, out);
}

/* ---- what it consists of -------------------------------------------------------------------- */

static bool is_alnum(uint32_t c) {
  return chat_is_alpha(c) || chat_is_number_like(c);
}

static sotto_status all(runtime *rt, const str *s, bool (*is)(uint32_t), bool empty, value *out) {
  bool result = s->len > 0 || empty;
  for (size_t i = 0; result && i < s->len;) {
    uint32_t c;
    i += sotto_utf8_decode(s->data + i, s->len - i, &c);
    result = is(c);
  }
  *out = value_bool(result);
  return chat_work(rt, (uint64_t)s->len * 16);
}

/* Letters of this case only, and at least one. */
static sotto_status all_case(runtime *rt, const str *s, bool upper, value *out) {
  bool some = false, other = false;
  for (size_t i = 0; i < s->len && !other;) {
    uint32_t c;
    i += sotto_utf8_decode(s->data + i, s->len - i, &c);
    some |= chat_has_case(c, upper);
    other = chat_has_case(c, !upper);
  }
  *out = value_bool(some && !other);
  return chat_work(rt, (uint64_t)s->len * 16);
}

METHOD(str_isalnum) {
  SELF;
  return all(rt, s, is_alnum, false, out);
}

METHOD(str_isalpha) {
  SELF;
  return all(rt, s, chat_is_alpha, false, out);
}

METHOD(str_isascii) {
  SELF;
  *out = value_bool(chat_str_is_ascii(s));
  return SOTTO_OK;
}

METHOD(str_isdigit) {
  SELF;
  return all(rt, s, chat_is_digit, false, out);
}

METHOD(str_isnumeric) {
  SELF;
  return all(rt, s, chat_is_number_like, false, out);
}

METHOD(str_isprintable) {
  SELF;
  return all(rt, s, chat_is_printable, true, out);
}

METHOD(str_isspace) {
  SELF;
  return all(rt, s, chat_is_space, false, out);
}

METHOD(str_islower) {
  SELF;
  return all_case(rt, s, false, out);
}

METHOD(str_isupper) {
  SELF;
  return all_case(rt, s, true, out);
}

/* ---- padding -------------------------------------------------------------------------------- */

/* `left` and `right` code points around s. */
static sotto_status pad(runtime *rt, const str *s, int64_t left, int64_t right, value filler,
                        value *out) {
  const str *fill = NULL, *result;
  uint32_t c = ' ';
  bool trusted = true;
  SOTTO_TRY(chat_take_string(rt, filler, &fill));
  if (fill) {
    if (fill->chars != 1) return chat_fail(rt, "the fill character must be one character");
    sotto_utf8_decode(fill->data, fill->len, &c);
    trusted = fill->trust == TRUSTED;
  }
  builder b;
  chat_builder_init(&b, rt);
  SOTTO_TRY(chat_builder_add_fill(&b, c, left, trusted));
  SOTTO_TRY(chat_builder_add_str(&b, s));
  SOTTO_TRY(chat_builder_add_fill(&b, c, right, trusted));
  SOTTO_TRY(chat_builder_finish(&b, &result));
  return chat_string_result(rt, result, out);
}

/* How many characters are missing to a width. */
static sotto_status missing(runtime *rt, const str *s, value width, int64_t *n) {
  int64_t w = 0;
  SOTTO_TRY(chat_take_integer(rt, width, &w));
  *n = w > (int64_t)s->chars ? w - (int64_t)s->chars : 0;
  return SOTTO_OK;
}

METHOD(str_ljust) {
  SELF;
  int64_t n;
  SOTTO_TRY(missing(rt, s, a[0], &n));
  return pad(rt, s, 0, n, a[1], out);
}

METHOD(str_rjust) {
  SELF;
  int64_t n;
  SOTTO_TRY(missing(rt, s, a[0], &n));
  return pad(rt, s, n, 0, a[1], out);
}

METHOD(str_center) {
  SELF;
  int64_t n;
  SOTTO_TRY(missing(rt, s, a[0], &n));
  int64_t left = n / 2 + (n & ((int64_t)s->chars + n) & 1);
  return pad(rt, s, left, n - left, a[1], out);
}

METHOD(str_zfill) {
  SELF;
  int64_t n;
  const str *result;
  builder b;
  SOTTO_TRY(missing(rt, s, a[0], &n));
  size_t sign = s->len && (s->data[0] == '-' || s->data[0] == '+');
  chat_builder_init(&b, rt);
  SOTTO_TRY(chat_builder_add_sub(&b, s, 0, sign));
  SOTTO_TRY(chat_builder_add_fill(&b, '0', n, true));
  SOTTO_TRY(chat_builder_add_sub(&b, s, sign, s->len));
  SOTTO_TRY(chat_builder_finish(&b, &result));
  return chat_string_result(rt, result, out);
}

METHOD(str_format) {
  SELF;
  return chat_format_braces(rt, s, args, out);
}
