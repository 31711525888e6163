/* Formatting: "…" % values and "…".format(…), for the conversions that templates use. What is
 * written in the format keeps its provenance, strings put in keep theirs, numbers are untrusted. */
#include <stdio.h>

#include "base/decimal.h"
#include "base/utf8.h"
#include "chat/methods.h"

typedef struct spec {
  uint32_t fill;
  char align; /* '<' '>' '^' '=' or 0 */
  char sign;  /* '+' ' ' or 0 */
  bool comma;
  int64_t width, precision; /* precision -1: none */
  char type;                /* 0: none */
} spec;

#define NUMBER_SIZE (SOTTO_DECIMAL_FIXED_SIZE + 300)

/* ---- one value ------------------------------------------------------------------------------ */

static sotto_status put_padded(runtime *rt, builder *out, const str *text, const spec *f,
                               char default_align, size_t sign) {
  int64_t n = f->width > (int64_t)text->chars ? f->width - (int64_t)text->chars : 0;
  char align = f->align ? f->align : default_align;
  int64_t left = align == '<' || align == '=' ? 0 : align == '^' ? n / 2 : n;
  int64_t middle = align == '=' ? n : 0;
  (void)rt;
  SOTTO_TRY(chat_builder_add_fill(out, f->fill, left, false));
  SOTTO_TRY(chat_builder_add_sub(out, text, 0, sign));
  SOTTO_TRY(chat_builder_add_fill(out, f->fill, middle, false));
  SOTTO_TRY(chat_builder_add_sub(out, text, sign, text->len));
  return chat_builder_add_fill(out, f->fill, n - left - middle, false);
}

static sotto_status put_string(runtime *rt, builder *out, const str *s, const spec *f,
                               char default_align) {
  if (f->precision >= 0 && f->precision < (int64_t)s->chars) {
    SOTTO_TRY(chat_str_sub(rt, s, 0, chat_str_byte(s, (size_t)f->precision), &s));
  }
  return put_padded(rt, out, s, f, default_align, 0);
}

/* Sign, then digits with commas between thousands of the part before the point. */
static sotto_status put_digits(runtime *rt, builder *out, bool negative, const char *digits,
                               const spec *f) {
  char text[NUMBER_SIZE];
  size_t n = 0, whole = strcspn(digits, "."), len = strlen(digits);
  if (negative)
    text[n++] = '-';
  else if (f->sign)
    text[n++] = f->sign;
  size_t sign = n;
  for (size_t i = 0; i < len; i++) {
    if (f->comma && i && i < whole && (whole - i) % 3 == 0) text[n++] = ',';
    text[n++] = digits[i];
  }
  const str *s = chat_str_new(rt, text, n, false);
  CHAT_NO_MEMORY(s);
  return put_padded(rt, out, s, f, '>', sign);
}

static sotto_status put_integer(runtime *rt, builder *out, value v, const spec *f) {
  char digits[72];
  int64_t i = v.type == V_BOOL ? v.as.boolean : v.as.integer;
  uint64_t magnitude = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
  unsigned base = f->type == 'x' || f->type == 'X' ? 16
                  : f->type == 'o'                 ? 8
                  : f->type == 'b'                 ? 2
                                                   : 10;
  const char *alphabet = f->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
  size_t at = sizeof digits - 1;
  digits[at] = 0;
  do {
    digits[--at] = alphabet[magnitude % base];
    magnitude /= base;
  } while (magnitude);
  return put_digits(rt, out, i < 0, digits + at, f);
}

static sotto_status put_float(runtime *rt, builder *out, double v, const spec *f) {
  char digits[SOTTO_DECIMAL_FIXED_SIZE + 2];
  int64_t precision = f->precision < 0 ? 6 : f->precision;
  if (precision > SOTTO_DECIMAL_FIXED_MAX - 2) return chat_fail(rt, "format: too many decimals");
  SOTTO_TRY(chat_work(rt, CHAT_WORK_DECIMAL));
  if (f->type == '%') v *= 100;
  if (v - v != 0)
    sotto_decimal_repr(v, digits);
  else
    sotto_decimal_fixed(v, (int)precision, digits);
  if (f->type == '%') strcat(digits, "%");
  bool negative = digits[0] == '-';
  return put_digits(rt, out, negative, digits + negative, f);
}

static sotto_status unsupported(runtime *rt, char type, value v) {
  if (v.type == V_UNDEFINED) return chat_fail_undefined(rt, v);
  return chat_fail(rt, "format: '%c' is not supported for %s", type ? type : '?',
                   chat_type_name(v));
}

/* ---- "…" % values --------------------------------------------------------------------------- */

typedef struct percent {
  runtime *rt;
  const str *format;
  size_t at;
  value values;
  size_t used; /* of a tuple, or of the one value */
} percent;

static sotto_status next_value(percent *p, value *out) {
  bool is_tuple = p->values.type == V_TUPLE;
  size_t n = is_tuple ? p->values.as.list->n : 1;
  if (p->used >= n) return chat_fail(p->rt, "format: not enough values");
  *out = is_tuple ? p->values.as.list->items[p->used] : p->values;
  p->used++;
  return SOTTO_OK;
}

static char current(const percent *p) {
  return p->at < p->format->len ? p->format->data[p->at] : 0;
}

static sotto_status parse_count(percent *p, int64_t *out) {
  *out = 0;
  for (; current(p) >= '0' && current(p) <= '9'; p->at++) {
    *out = *out * 10 + (current(p) - '0');
    if (*out > (int64_t)CHAT_MAX_STRING) return chat_fail(p->rt, "format: the width is too large");
  }
  return SOTTO_OK;
}

/* (name) behind %: the dict's value of that name. */
static sotto_status parse_mapping_key(percent *p, bool *found, value *out) {
  runtime *rt = p->rt;
  *found = current(p) == '(';
  if (!*found) return SOTTO_OK;
  size_t start = ++p->at;
  while (current(p) && current(p) != ')') p->at++;
  if (p->values.type != V_DICT) return chat_fail(rt, "format: %%(name) needs a dict");
  const str *key;
  const value *v;
  SOTTO_TRY(chat_str_sub(rt, p->format, start, p->at, &key));
  SOTTO_TRY(chat_dict_get(rt, p->values.as.dict, value_string(key), &v));
  if (!v) return chat_fail(rt, "format: there is no such name in the dict");
  if (current(p)) p->at++;
  *out = *v;
  return SOTTO_OK;
}

static sotto_status put_conversion(percent *p, builder *out, value v, spec *f) {
  runtime *rt = p->rt;
  const str *s;
  builder b;
  switch (f->type) {
  case 's':
    SOTTO_TRY(chat_to_string(rt, v, &s));
    if (p->format->markup) SOTTO_TRY(chat_str_escape(rt, s, &s));
    return put_string(rt, out, s, f, '>');
  case 'r':
    chat_builder_init(&b, rt);
    SOTTO_TRY(chat_write_repr(rt, &b, v));
    SOTTO_TRY(chat_builder_finish(&b, &s));
    return put_string(rt, out, s, f, '>');
  case 'd':
  case 'i':
  case 'u':
    if (v.type == V_FLOAT && v.as.number > -9e18 && v.as.number < 9e18) {
      v = value_int((int64_t)v.as.number);
    }
    if (v.type != V_INT && v.type != V_BOOL) return unsupported(rt, f->type, v);
    return put_integer(rt, out, v, f);
  case 'x':
  case 'X':
  case 'o':
    if (v.type != V_INT && v.type != V_BOOL) return unsupported(rt, f->type, v);
    return put_integer(rt, out, v, f);
  case 'f':
  case 'F':
    if (!chat_is_number(v)) return unsupported(rt, f->type, v);
    return put_float(rt, out, chat_as_double(v), f);
  default: return unsupported(rt, f->type, v);
  }
}

/* Behind a %. */
static sotto_status put_percent(percent *p, builder *out) {
  spec f = {.fill = ' ', .precision = -1};
  bool named, zero = false;
  value v;
  SOTTO_TRY(parse_mapping_key(p, &named, &v));
  for (; current(p) && strchr("-+ 0", current(p)); p->at++) {
    char c = current(p);
    if (c == '-')
      f.align = '<';
    else if (c == '0')
      zero = true;
    else if (c == '+' || !f.sign)
      f.sign = c;
  }
  SOTTO_TRY(parse_count(p, &f.width));
  if (current(p) == '.') {
    p->at++;
    SOTTO_TRY(parse_count(p, &f.precision));
  }
  size_t at = p->at++;
  if (at >= p->format->len) return chat_fail(p->rt, "format: incomplete");
  f.type = p->format->data[at];
  if (f.type == '%') return chat_builder_add_sub(out, p->format, at, at + 1);
  if (zero && !f.align && strchr("diuxXofF", f.type)) {
    f.align = '=';
    f.fill = '0';
  }
  if (strchr("diuxXo", f.type) && f.precision >= 0) return unsupported(p->rt, '.', value_none());
  if (!named) SOTTO_TRY(next_value(p, &v));
  return put_conversion(p, out, v, &f);
}

sotto_status chat_format_percent(runtime *rt, const str *format, value values, value *out) {
  percent p = {.rt = rt, .format = format, .values = values};
  builder b;
  const str *result;
  chat_builder_init(&b, rt);
  while (p.at < format->len) {
    size_t start = p.at;
    while (p.at < format->len && format->data[p.at] != '%') p.at++;
    SOTTO_TRY(chat_builder_add_sub(&b, format, start, p.at));
    if (p.at == format->len) break;
    p.at++;
    SOTTO_TRY(put_percent(&p, &b));
  }
  bool any = values.type == V_DICT || values.type == V_LIST || values.type == V_UNDEFINED;
  size_t n = values.type == V_TUPLE ? values.as.list->n : !any;
  if (p.used < n) return chat_fail(rt, "format: not all values are used");
  SOTTO_TRY(chat_builder_finish(&b, &result));
  SOTTO_TRY(chat_str_mark(rt, result, format->markup, &result));
  return chat_string_result(rt, result, out);
}

/* ---- "…".format(…) -------------------------------------------------------------------------- */

typedef struct braces {
  runtime *rt;
  const str *format;
  const arguments *args;
  size_t at;
  size_t next; /* of {} */
} braces;

static sotto_status positional(braces *p, size_t i, value *out) {
  if (i >= p->args->n) return chat_fail(p->rt, "format(): not enough values");
  *out = p->args->positional[i];
  return SOTTO_OK;
}

/* A name or number up to one of `ends`. */
static sotto_status parse_part(braces *p, const char *ends, const str **out) {
  size_t start = p->at;
  while (p->at < p->format->len && !strchr(ends, p->format->data[p->at])) p->at++;
  return chat_str_sub(p->rt, p->format, start, p->at, out);
}

static bool all_digits(const str *s, int64_t *number) {
  *number = 0;
  for (size_t i = 0; i < s->len; i++) {
    if (s->data[i] < '0' || s->data[i] > '9' || i > 8) return false;
    *number = *number * 10 + (s->data[i] - '0');
  }
  return s->len > 0;
}

static char brace_char(const braces *p) {
  return p->at < p->format->len ? p->format->data[p->at] : 0;
}

/* 0, name, name.attribute[item] … */
static sotto_status parse_field(braces *p, value *out) {
  runtime *rt = p->rt;
  const str *name;
  int64_t number;
  SOTTO_TRY(parse_part(p, ".[!:}", &name));
  if (name->len == 0) {
    if (brace_char(p) == '.' || brace_char(p) == '[') {
      return chat_fail(rt, "format(): a number or name is needed in front of '%c'", brace_char(p));
    }
    SOTTO_TRY(positional(p, p->next++, out));
  } else if (all_digits(name, &number)) {
    SOTTO_TRY(positional(p, (size_t)number, out));
  } else {
    size_t i = 0;
    while (i < p->args->n_keywords && !chat_str_equal(p->args->keywords[i].name, name)) i++;
    if (i == p->args->n_keywords) return chat_fail(rt, "format(): there is no such argument");
    *out = p->args->keywords[i].v;
  }
  while (brace_char(p) == '.' || brace_char(p) == '[') {
    bool item = p->format->data[p->at++] == '[';
    SOTTO_TRY(parse_part(p, item ? "]" : ".[!:}", &name));
    if (item) p->at++;
    if (!item)
      SOTTO_TRY(chat_get_attribute(rt, *out, name, out));
    else if (all_digits(name, &number))
      SOTTO_TRY(chat_get_item(rt, *out, value_int(number), out));
    else
      SOTTO_TRY(chat_get_item(rt, *out, value_string(name), out));
  }
  return SOTTO_OK;
}

static sotto_status parse_spec(braces *p, spec *f) {
  const str *s = p->format;
  uint32_t c;
  size_t n = sotto_utf8_decode(s->data + p->at, s->len - p->at, &c);
  if (p->at + n < s->len && strchr("<>^=", s->data[p->at + n])) {
    f->fill = c;
    p->at += n;
  }
  if (brace_char(p) && strchr("<>^=", brace_char(p))) f->align = s->data[p->at++];
  if (brace_char(p) == '+' || brace_char(p) == ' ' || brace_char(p) == '-') {
    f->sign = s->data[p->at++];
    if (f->sign == '-') f->sign = 0;
  }
  if (brace_char(p) == '0') {
    if (!f->align) {
      f->align = '=';
      f->fill = '0';
    }
    p->at++;
  }
  for (; brace_char(p) >= '0' && brace_char(p) <= '9' && f->width < 10000000; p->at++) {
    f->width = f->width * 10 + (brace_char(p) - '0');
  }
  if (brace_char(p) == ',') {
    f->comma = true;
    p->at++;
  }
  if (brace_char(p) == '.') {
    p->at++;
    f->precision = 0;
    for (; brace_char(p) >= '0' && brace_char(p) <= '9' && f->precision < 10000000; p->at++) {
      f->precision = f->precision * 10 + (brace_char(p) - '0');
    }
  }
  if (brace_char(p) && brace_char(p) != '}') f->type = s->data[p->at++];
  if (brace_char(p) != '}') return chat_fail(p->rt, "format(): this format is not supported");
  return SOTTO_OK;
}

static sotto_status put_field(braces *p, builder *out, value v, const spec *f, bool plain) {
  runtime *rt = p->rt;
  const str *s;
  if (plain || v.type == V_STRING) {
    if (f->type && f->type != 's') return unsupported(rt, f->type, v);
    SOTTO_TRY(chat_to_string(rt, v, &s));
    if (p->format->markup) SOTTO_TRY(chat_str_escape(rt, s, &s));
    return put_string(rt, out, s, f, '<');
  }
  bool integer = v.type == V_INT || v.type == V_BOOL;
  if (integer && f->precision < 0 &&
      (f->type ? strchr("dxXob", f->type) != NULL : v.type == V_INT)) {
    return put_integer(rt, out, v, f);
  }
  if (chat_is_number(v) && f->type && strchr("fF%", f->type)) {
    return put_float(rt, out, chat_as_double(v), f);
  }
  if (v.type == V_FLOAT && !f->type && f->precision < 0) {
    char digits[SOTTO_DECIMAL_SIZE];
    sotto_decimal_repr(v.as.number, digits);
    return put_digits(rt, out, digits[0] == '-', digits + (digits[0] == '-'), f);
  }
  return unsupported(rt, f->type, v);
}

/* Behind a {. */
static sotto_status put_braces(braces *p, builder *out) {
  runtime *rt = p->rt;
  spec f = {.fill = ' ', .precision = -1};
  value v;
  bool plain = false;
  SOTTO_TRY(parse_field(p, &v));
  if (brace_char(p) == '!') {
    p->at++;
    char conversion = brace_char(p);
    p->at++;
    builder b;
    const str *s;
    chat_builder_init(&b, rt);
    if (conversion == 'r')
      SOTTO_TRY(chat_write_repr(rt, &b, v));
    else if (conversion == 's')
      SOTTO_TRY(chat_write(rt, &b, v));
    else
      return chat_fail(rt, "format(): the conversion must be !r or !s");
    SOTTO_TRY(chat_builder_finish(&b, &s));
    v = value_string(s);
  }
  if (brace_char(p) == ':') {
    p->at++;
    SOTTO_TRY(parse_spec(p, &f));
  } else {
    plain = true;
  }
  if (brace_char(p) != '}') return chat_fail(rt, "format(): expected '}'");
  p->at++;
  return put_field(p, out, v, &f, plain);
}

sotto_status chat_format_braces(runtime *rt, const str *format, const arguments *args, value *out) {
  braces p = {.rt = rt, .format = format, .args = args};
  builder b;
  const str *result;
  chat_builder_init(&b, rt);
  while (p.at < format->len) {
    size_t start = p.at;
    while (p.at < format->len && format->data[p.at] != '{' && format->data[p.at] != '}') p.at++;
    SOTTO_TRY(chat_builder_add_sub(&b, format, start, p.at));
    if (p.at == format->len) break;
    char c = format->data[p.at++];
    if (brace_char(&p) == c) { /* doubled: itself */
      SOTTO_TRY(chat_builder_add_sub(&b, format, p.at, p.at + 1));
      p.at++;
    } else if (c == '{') {
      SOTTO_TRY(put_braces(&p, &b));
    } else {
      return chat_fail(rt, "format(): a single '}'");
    }
  }
  SOTTO_TRY(chat_builder_finish(&b, &result));
  SOTTO_TRY(chat_str_mark(rt, result, format->markup, &result));
  return chat_string_result(rt, result, out);
}
