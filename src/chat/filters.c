/* Filters of single values: text, numbers, defaults. */
#include <math.h>

#include "base/decimal.h"
#include "base/utf8.h"
#include "chat/filters.h"

enum { NOW, LAZY };

static const struct filter {
  const char *name, *parameters;
  uint8_t required, when;
  method_function *call;
} filters[] = {
#define X(name, parameters, required, function, when)                                              \
  {#name, parameters, required, when, chat_filter_##function},
#include "chat/filters.def"
#undef X
};

int chat_find_filter(const char *name, size_t len) {
  for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
    if (strlen(filters[i].name) == len && memcmp(filters[i].name, name, len) == 0) return (int)i;
  }
  return -1;
}

/* The call of a lazy filter, until it is needed. */
typedef struct deferred {
  const struct filter *filter;
  value input, slots[CHAT_MAX_PARAMETERS];
  arguments args;
} deferred;

static sotto_status run_deferred(runtime *rt, void *data, value *out) {
  deferred *d = data;
  return d->filter->call(rt, d->input, d->slots, &d->args, out);
}

sotto_status chat_filter(runtime *rt, int number, value input, const arguments *args, value *out) {
  const struct filter *f = &filters[number];
  value slots[CHAT_MAX_PARAMETERS] = {0};
  if (f->parameters) SOTTO_TRY(chat_bind(rt, f->name, f->parameters, f->required, args, slots));
  if (f->when == NOW) return f->call(rt, input, slots, args, out);
  deferred *d = chat_alloc(rt, sizeof *d);
  CHAT_NO_MEMORY(d);
  *d = (deferred){.filter = f, .input = input, .args = *args};
  memcpy(d->slots, slots, sizeof slots);
  return chat_iterator_deferred(rt, run_deferred, d, out);
}

/* ---- text ----------------------------------------------------------------------------------- */

/* A method of str on the input, whatever it is, as text. */
static sotto_status as_text(runtime *rt, value in, const value *a, const arguments *args,
                            method_function *method, value *out) {
  const str *s;
  SOTTO_TRY(chat_to_string(rt, in, &s));
  return method(rt, value_string(s), a, args, out);
}

FILTER(capitalize) {
  return as_text(rt, in, a, args, chat_method_str_capitalize, out);
}
FILTER(lower) {
  return as_text(rt, in, a, args, chat_method_str_lower, out);
}
FILTER(trim) {
  return as_text(rt, in, a, args, chat_method_str_strip, out);
}
FILTER(upper) {
  return as_text(rt, in, a, args, chat_method_str_upper, out);
}

FILTER(center) {
  value with_default[2] = {a[0], {.type = V_ABSENT}};
  if (a[0].type == V_ABSENT) with_default[0] = value_int(80);
  return as_text(rt, in, with_default, args, chat_method_str_center, out);
}

FILTER(string) {
  FILTER_UNUSED;
  const str *s;
  SOTTO_TRY(chat_to_string(rt, in, &s));
  return chat_string_result(rt, s, out);
}

FILTER(replace) {
  FILTER_UNUSED;
  const str *s, *old, *fresh;
  int64_t count = -1;
  SOTTO_TRY(chat_to_string(rt, in, &s));
  SOTTO_TRY(chat_to_string(rt, a[0], &old));
  SOTTO_TRY(chat_to_string(rt, a[1], &fresh));
  SOTTO_TRY(chat_take_integer(rt, a[2], &count));
  SOTTO_TRY(chat_str_replace(rt, s, old, fresh, count, &s));
  SOTTO_TRY(chat_str_mark(rt, s, false, &s));
  return chat_string_result(rt, s, out);
}

/* Words and what is between them: the first character in upper case, the others in lower. */
FILTER(title) {
  FILTER_UNUSED;
  const str *s, *piece, *cased;
  builder b;
  SOTTO_TRY(chat_to_string(rt, in, &s));
  chat_builder_init(&b, rt);
  for (size_t start = 0; start < s->len;) {
    uint32_t c;
    size_t first = sotto_utf8_decode(s->data + start, s->len - start, &c), end = start, n;
    bool between = chat_is_space(c) || (c < 0x80 && strchr("-({[<", (int)c) && c);
    for (; end < s->len; end += n) {
      n = sotto_utf8_decode(s->data + end, s->len - end, &c);
      if ((chat_is_space(c) || (c < 0x80 && c && strchr("-({[<", (int)c))) != between) break;
    }
    SOTTO_TRY(chat_str_sub(rt, s, start, start + first, &piece));
    SOTTO_TRY(chat_str_case(rt, piece, CASE_UPPER, &cased));
    SOTTO_TRY(chat_builder_add_str(&b, cased));
    SOTTO_TRY(chat_str_sub(rt, s, start + first, end, &piece));
    SOTTO_TRY(chat_str_case(rt, piece, CASE_LOWER, &cased));
    SOTTO_TRY(chat_builder_add_str(&b, cased));
    start = end;
  }
  SOTTO_TRY(chat_builder_finish(&b, &s));
  return chat_string_result(rt, s, out);
}

FILTER(indent) {
  FILTER_UNUSED;
  const str *s = NULL, *width = NULL;
  int64_t spaces = 4;
  bool first, blank;
  builder b;
  if (in.type == V_UNDEFINED) return chat_fail_undefined(rt, in);
  SOTTO_TRY(chat_take_string(rt, in, &s));
  if (!s) return chat_fail(rt, "indent needs a string, not %s", chat_type_name(in));
  SOTTO_TRY(chat_truth(rt, a[1], &first));
  SOTTO_TRY(chat_truth(rt, a[2], &blank));
  if (a[0].type == V_STRING) {
    width = a[0].as.string;
  } else {
    SOTTO_TRY(chat_take_integer(rt, a[0], &spaces));
    chat_builder_init(&b, rt);
    SOTTO_TRY(chat_builder_add_fill(&b, ' ', spaces, true));
    SOTTO_TRY(chat_builder_finish(&b, &width));
  }
  chat_builder_init(&b, rt);
  SOTTO_TRY(chat_work(rt, (uint64_t)s->len * 8));
  if (first) SOTTO_TRY(chat_builder_add_str(&b, width));
  for (size_t at = 0, end, next;; at = next) { /* an empty line at the end counts */
    chat_str_line(s, at, &end, &next);
    if (at && (end > at || blank)) SOTTO_TRY(chat_builder_add_str(&b, width));
    SOTTO_TRY(chat_builder_add_sub(&b, s, at, end));
    if (next == end) break;
    SOTTO_TRY(chat_builder_add_c(&b, "\n", true));
  }
  SOTTO_TRY(chat_builder_finish(&b, &s));
  return chat_string_result(rt, s, out);
}

FILTER(truncate) {
  FILTER_UNUSED;
  const str *s = NULL, *end = CHAT_STR(rt, "..."), *cut;
  int64_t length = 255, leeway = 5, n;
  bool kill_words;
  builder b;
  CHAT_NO_MEMORY(end);
  SOTTO_TRY(chat_length(rt, in, &n));
  SOTTO_TRY(chat_take_integer(rt, a[0], &length));
  SOTTO_TRY(chat_truth(rt, a[1], &kill_words));
  SOTTO_TRY(chat_take_string(rt, a[2], &end));
  SOTTO_TRY(chat_take_integer(rt, a[3], &leeway));
  if (length < (int64_t)end->chars || leeway < 0) return chat_fail(rt, "truncate: too short");
  *out = in;
  if (leeway >= n || length >= n - leeway) return SOTTO_OK;
  SOTTO_TRY(chat_take_string(rt, in, &s));
  if (!s) return chat_fail(rt, "truncate needs a string, not %s", chat_type_name(in));
  size_t at = chat_str_byte(s, (size_t)(length - (int64_t)end->chars)), space;
  if (!kill_words) {
    const str *blank = CHAT_STR(rt, " ");
    CHAT_NO_MEMORY(blank);
    SOTTO_TRY(chat_str_rfind(rt, s, blank, 0, at, &space));
    if (space != SIZE_MAX) at = space;
  }
  SOTTO_TRY(chat_str_sub(rt, s, 0, at, &cut));
  chat_builder_init(&b, rt);
  SOTTO_TRY(chat_builder_add_str(&b, cut));
  SOTTO_TRY(chat_builder_add_str(&b, end));
  SOTTO_TRY(chat_builder_finish(&b, &s));
  return chat_string_result(rt, s, out);
}

FILTER(wordcount) {
  FILTER_UNUSED;
  const str *s;
  int64_t n = 0;
  bool inside = false;
  SOTTO_TRY(chat_to_string(rt, in, &s));
  for (size_t i = 0; i < s->len;) {
    uint32_t c;
    i += sotto_utf8_decode(s->data + i, s->len - i, &c);
    bool word = c == '_' || chat_is_alpha(c) || chat_is_number_like(c);
    n += word && !inside;
    inside = word;
  }
  *out = value_int(n);
  return chat_work(rt, (uint64_t)s->len * 16);
}

FILTER(format) {
  FILTER_UNUSED;
  const str *s;
  value values;
  SOTTO_TRY(chat_to_string(rt, in, &s));
  if (args->n && args->n_keywords) return chat_fail(rt, "format: either a, b or a=…, b=…");
  if (args->n_keywords) {
    dict *d;
    SOTTO_TRY(chat_dict_new(rt, args->n_keywords, &d));
    for (size_t i = 0; i < args->n_keywords; i++) {
      SOTTO_TRY(chat_dict_set(rt, d, value_string(args->keywords[i].name), args->keywords[i].v));
    }
    values = (value){.type = V_DICT, .as.dict = d};
  } else {
    value *items;
    SOTTO_TRY(chat_list_new(rt, args->n, V_TUPLE, &values, &items));
    if (args->n) memcpy(items, args->positional, args->n * sizeof *items);
  }
  return chat_format_percent(rt, s, values, out);
}

static sotto_status markup(runtime *rt, value in, bool escape, bool force, value *out) {
  const str *s;
  SOTTO_TRY(chat_to_string(rt, in, &s));
  if (force) SOTTO_TRY(chat_str_mark(rt, s, false, &s));
  if (escape) SOTTO_TRY(chat_str_escape(rt, s, &s));
  SOTTO_TRY(chat_str_mark(rt, s, true, &s));
  return chat_string_result(rt, s, out);
}

FILTER(safe) {
  FILTER_UNUSED;
  return markup(rt, in, false, false, out);
}

FILTER(escape) {
  FILTER_UNUSED;
  return markup(rt, in, true, false, out);
}

FILTER(forceescape) {
  FILTER_UNUSED;
  return markup(rt, in, true, true, out);
}

FILTER(tojson) {
  FILTER_UNUSED;
  return chat_to_json(rt, in, args, out);
}

/* ---- defaults and attributes ---------------------------------------------------------------- */

FILTER(default) {
  FILTER_UNUSED;
  bool falsy_too, truth;
  *out = in;
  SOTTO_TRY(chat_truth(rt, a[1], &falsy_too));
  SOTTO_TRY(chat_truth(rt, in, &truth));
  if (in.type != V_UNDEFINED && (truth || !falsy_too)) return SOTTO_OK;
  *out = a[0];
  if (a[0].type == V_ABSENT) {
    const str *empty = CHAT_STR(rt, "");
    CHAT_NO_MEMORY(empty);
    *out = value_string(empty);
  }
  return SOTTO_OK;
}

FILTER(attr) {
  FILTER_UNUSED;
  const str *name = NULL;
  SOTTO_TRY(chat_take_string(rt, a[0], &name));
  if (!name) return chat_fail(rt, "attr needs a name");
  SOTTO_TRY(chat_own_attribute(rt, in, name, out));
  return out->type == V_ABSENT ? chat_undefined_attribute(rt, in, a[0], out) : SOTTO_OK;
}

/* ---- numbers -------------------------------------------------------------------------------- */

FILTER(abs) {
  FILTER_UNUSED;
  *out = in;
  if (in.type == V_BOOL) *out = value_int(in.as.boolean);
  if (in.type == V_FLOAT) *out = value_float(fabs(in.as.number));
  if (in.type == V_INT && in.as.integer < 0) return chat_negate(rt, in, out);
  if (in.type == V_UNDEFINED) return chat_fail_undefined(rt, in);
  return chat_is_number(in) ? SOTTO_OK
                            : chat_fail(rt, "abs needs a number, not %s", chat_type_name(in));
}

/* Digits with single underscores between them and no more, into `plain`; their number or 0. */
static size_t plain_number(const str *s, char *plain, size_t size) {
  size_t start, end, n = 0;
  chat_str_strip(s, NULL, true, true, &start, &end);
  for (size_t i = start; i < end; i++) {
    char c = s->data[i];
    if (c == '_') {
      bool inside = i > start && i + 1 < end && s->data[i - 1] != '_' && s->data[i + 1] != '_';
      if (!inside || (unsigned char)(s->data[i - 1] | 0x20) < '0') return 0;
      continue;
    }
    if (n + 1 >= size) return 0;
    plain[n++] = c;
  }
  plain[n] = 0;
  return n;
}

/* Python's int(text, base): false where it raises. */
static bool parse_integer(const str *s, int64_t base, int64_t *out, bool *too_large) {
  char text[128];
  size_t n = plain_number(s, text, sizeof text), i = 0;
  bool negative = n && text[0] == '-';
  if (n && (text[0] == '-' || text[0] == '+')) i++;
  if (base == 0 || base == 16 || base == 8 || base == 2) {
    char c = i + 1 < n && text[i] == '0' ? (char)(text[i + 1] | 0x20) : 0;
    int64_t prefix = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 0;
    if (prefix && (base == 0 || base == prefix)) {
      base = prefix;
      i += 2;
    }
    if (base == 0) base = 10;
  }
  *out = 0;
  *too_large = false;
  if (i >= n || base < 2 || base > 36) return false;
  for (; i < n; i++) {
    char c = (char)(text[i] | 0x20);
    int64_t digit = text[i] >= '0' && text[i] <= '9' ? text[i] - '0'
                    : c >= 'a' && c <= 'z'           ? c - 'a' + 10
                                                     : 99;
    if (digit >= base) return false;
    *too_large |= __builtin_mul_overflow(*out, base, out) ||
                  __builtin_add_overflow(*out, negative ? -digit : digit, out);
  }
  return true;
}

/* Python's float(text): false where it raises. */
static bool parse_float(const str *s, double *out) {
  char text[400];
  size_t n = plain_number(s, text, sizeof text), i = 0, digits = 0;
  if (n && (text[0] == '-' || text[0] == '+')) i++;
  size_t start = i;
  char word[10] = "";
  for (size_t k = 0; k < sizeof word - 1 && i + k < n; k++) word[k] = (char)(text[i + k] | 0x20);
  double sign = text[0] == '-' ? -1.0 : 1.0;
  if (n - i <= 8 && (!strcmp(word, "inf") || !strcmp(word, "infinity") || !strcmp(word, "nan"))) {
    *out = sign * (double)(word[0] == 'i' ? INFINITY : NAN);
    return true;
  }
  for (; i < n && text[i] >= '0' && text[i] <= '9'; i++) digits++;
  if (i < n && text[i] == '.') i++;
  for (; i < n && text[i] >= '0' && text[i] <= '9'; i++) digits++;
  if (!digits) return false;
  if (i < n && (text[i] | 0x20) == 'e') {
    size_t exponent = ++i;
    if (i < n && (text[i] == '-' || text[i] == '+')) exponent = ++i;
    for (; i < n && text[i] >= '0' && text[i] <= '9'; i++) (void)0;
    if (i == exponent) return false;
  }
  if (i != n) return false;
  *out = sign * sotto_decimal_parse(text + start, n - start);
  return true;
}

static sotto_status truncate_float(runtime *rt, double f, value *out) {
  if (!(f >= -9223372036854775808.0 && f < 9223372036854775808.0)) {
    return chat_fail(rt, "an integer does not fit 64 bits");
  }
  *out = value_int((int64_t)f);
  return SOTTO_OK;
}

FILTER(int) {
  FILTER_UNUSED;
  int64_t base = 10, i;
  double f;
  bool too_large;
  SOTTO_TRY(chat_work(rt, in.type == V_STRING ? CHAT_WORK_DECIMAL : 0));
  *out = a[0].type == V_ABSENT ? value_int(0) : a[0];
  SOTTO_TRY(chat_take_integer(rt, a[1], &base));
  switch (in.type) {
  case V_UNDEFINED: return chat_fail_undefined(rt, in);
  case V_BOOL: *out = value_int(in.as.boolean); return SOTTO_OK;
  case V_INT: *out = in; return SOTTO_OK;
  case V_FLOAT:
    if (in.as.number != in.as.number) return SOTTO_OK;
    return truncate_float(rt, in.as.number, out);
  case V_STRING:
    if (parse_integer(in.as.string, base, &i, &too_large)) {
      if (too_large) return chat_fail(rt, "an integer does not fit 64 bits");
      *out = value_int(i);
    } else if (parse_float(in.as.string, &f) && f - f == 0) {
      return truncate_float(rt, f, out);
    }
    return SOTTO_OK;
  default: return SOTTO_OK;
  }
}

FILTER(float) {
  FILTER_UNUSED;
  double f;
  SOTTO_TRY(chat_work(rt, CHAT_WORK_DECIMAL));
  *out = a[0].type == V_ABSENT ? value_float(0) : a[0];
  if (in.type == V_UNDEFINED) return chat_fail_undefined(rt, in);
  if (chat_is_number(in))
    *out = value_float(chat_as_double(in));
  else if (in.type == V_STRING && parse_float(in.as.string, &f))
    *out = value_float(f);
  return SOTTO_OK;
}

static sotto_status round_integer(runtime *rt, int64_t i, int64_t precision, value *out) {
  int64_t unit = 1;
  *out = value_int(i);
  if (precision >= 0) return SOTTO_OK;
  *out = value_int(0);
  if (precision < -18) return SOTTO_OK;
  for (; precision < 0; precision++) unit *= 10;
  int64_t rest = i % unit, down = i - rest;
  if (rest < 0) rest = -rest;
  bool odd = (down / unit) & 1, away = rest > unit / 2 || (rest == unit / 2 && odd);
  if (away && __builtin_add_overflow(down, i < 0 ? -unit : unit, &down)) {
    return chat_fail(rt, "an integer does not fit 64 bits");
  }
  *out = value_int(down);
  return SOTTO_OK;
}

static sotto_status round_whole(runtime *rt, double f, int64_t precision, bool up, value *out) {
  if (precision < 0 || precision > 15) return chat_fail(rt, "round: a precision of 0 to 15");
  double unit = 1;
  for (; precision; precision--) unit *= 10;
  *out = value_float((up ? ceil(f * unit) : floor(f * unit)) / unit + 0.0); /* never -0.0 */
  return SOTTO_OK;
}

FILTER(round) {
  FILTER_UNUSED;
  char text[SOTTO_DECIMAL_FIXED_SIZE];
  int64_t precision = 0;
  const str *method = NULL;
  if (in.type == V_UNDEFINED) return chat_fail_undefined(rt, in);
  if (!chat_is_number(in)) return chat_fail(rt, "round needs a number, not %s", chat_type_name(in));
  SOTTO_TRY(chat_take_integer(rt, a[0], &precision));
  SOTTO_TRY(chat_take_string(rt, a[1], &method));
  double f = chat_as_double(in);
  if (method && !chat_str_is(method, "common")) {
    bool up = chat_str_is(method, "ceil");
    if (!up && !chat_str_is(method, "floor")) return chat_fail(rt, "round: common, ceil or floor");
    return round_whole(rt, f, precision, up, out);
  }
  if (in.type != V_FLOAT) {
    return round_integer(rt, in.type == V_INT ? in.as.integer : in.as.boolean, precision, out);
  }
  *out = in;
  if (precision > 323 || f - f != 0) return SOTTO_OK;
  SOTTO_TRY(chat_work(rt, CHAT_WORK_DECIMAL));
  size_t n = sotto_decimal_fixed(f, precision < -309 ? -309 : (int)precision, text);
  *out = value_float(sotto_decimal_parse(text, n));
  return SOTTO_OK;
}
