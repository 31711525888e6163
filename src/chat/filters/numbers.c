/* Filters of numbers, and of text as numbers. */
#include <math.h>

#include "base/decimal.h"
#include "chat/filters/filters.h"

FILTER(abs) {
  *out = c->self;
  if (c->self.type == V_UNDEFINED) return chat_fail_undefined(rt, c->self);
  if (!chat_is_number(c->self))
    return chat_fail(rt, "abs needs a number, not %s", chat_type_name(c->self));
  if (c->self.type == V_BOOL) *out = value_int(c->self.as.boolean);
  if (c->self.type == V_FLOAT) *out = value_float(fabs(c->self.as.number));
  return c->self.type == V_INT && c->self.as.integer < 0 ? chat_negate(rt, c->self, out) : SOTTO_OK;
}

#define LONGEST 400

/* Where a number that begins the text ends, written as [+-] digits [. digits] [e [+-] digits]; 0
 * where there is none. *whole: it is all of the text, and has digits only. */
static size_t number_end(const char *text, bool *whole) {
  static const char digits[] = "0123456789";
  size_t at = text[0] == '-' || text[0] == '+', n = strspn(text + at, digits);
  at += n;
  *whole = n > 0 && !text[at];
  if (text[at] == '.') {
    const size_t fraction = strspn(text + at + 1, digits);
    at += 1 + fraction;
    n += fraction;
  }
  if (n && (text[at] == 'e' || text[at] == 'E')) {
    const size_t exponent = at + 1 + (text[at + 1] == '-' || text[at + 1] == '+');
    const size_t more = strspn(text + exponent, digits);
    n = more;
    at = exponent + more;
  }
  return n ? at : 0;
}

/* Whether Python's int() or float() might take the text all the same: inf, nan, 1_000. */
static bool is_word_or_grouped(const char *text) {
  static const char *const words[] = {"inf", "infinity", "nan"};
  char lower[16] = "";
  const char *from = text + (text[0] == '-' || text[0] == '+');
  for (size_t i = 0; i + 1 < sizeof lower && from[i]; i++) {
    lower[i] = from[i] >= 'A' && from[i] <= 'Z' ? (char)(from[i] | 0x20) : from[i];
  }
  for (size_t i = 0; i < 3; i++) {
    if (strcmp(lower, words[i]) == 0) return true;
  }
  return strchr(from, '_') && *from >= '0' && *from <= '9' &&
         !from[strspn(from, "0123456789_.eE+-")];
}

/* The number that `s` holds, an int where it is written as one. *found says whether there is
 * one. */
static sotto_status parse_number(runtime *rt, const str *s, bool *found, value *out) {
  char text[LONGEST];
  size_t start, end;
  bool whole;
  SOTTO_TRY(chat_work(rt, CHAT_WORK_DECIMAL));
  chat_str_strip(s, NULL, true, true, &start, &end);
  *found = false;
  if (end - start >= sizeof text || memchr(s->data + start, 0, end - start)) return SOTTO_OK;
  memcpy(text, s->data + start, end - start);
  text[end - start] = 0;
  if (number_end(text, &whole) != end - start || start == end) {
    if (!is_word_or_grouped(text) || start == end) return SOTTO_OK;
    return chat_fail(rt, "'%.64s' as a number is not supported", text);
  }
  *found = true;
  const size_t sign = text[0] == '+';
  if (!whole) {
    *out = value_float(sotto_decimal_parse(text + sign, end - start - sign));
    return SOTTO_OK;
  }
  int64_t i = 0;
  const bool negative = text[0] == '-';
  for (const char *c = text + (negative || sign); *c; c++) {
    if (__builtin_mul_overflow(i, 10, &i) ||
        __builtin_add_overflow(i, negative ? '0' - *c : *c - '0', &i)) {
      return chat_fail(rt, "an integer does not fit 64 bits");
    }
  }
  *out = value_int(i);
  return SOTTO_OK;
}

FILTER(int) {
  bool found = chat_is_number(c->self);
  value number = c->self;
  *out = c->a[0].type == V_ABSENT ? value_int(0) : c->a[0];
  if (c->self.type == V_UNDEFINED) return chat_fail_undefined(rt, c->self);
  if (c->self.type == V_STRING) SOTTO_TRY(parse_number(rt, c->self.as.string, &found, &number));
  if (!found) return SOTTO_OK;
  if (number.type != V_FLOAT) {
    *out = value_int(chat_as_integer(number));
    return SOTTO_OK;
  }
  const double f = number.as.number;
  if (f != f || (c->self.type == V_STRING && f - f != 0)) return SOTTO_OK;
  if (!(f >= -9223372036854775808.0 && f < 9223372036854775808.0)) {
    return chat_fail(rt, "an integer does not fit 64 bits");
  }
  *out = value_int((int64_t)f);
  return SOTTO_OK;
}

FILTER(float) {
  bool found = chat_is_number(c->self);
  value number = c->self;
  *out = c->a[0].type == V_ABSENT ? value_float(0) : c->a[0];
  if (c->self.type == V_UNDEFINED) return chat_fail_undefined(rt, c->self);
  if (c->self.type == V_STRING) SOTTO_TRY(parse_number(rt, c->self.as.string, &found, &number));
  if (found) *out = value_float(chat_as_double(number));
  return SOTTO_OK;
}
