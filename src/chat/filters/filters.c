/* How filters are called, and those of text and defaults. */
#include "chat/filters/filters.h"
#include "base/utf8.h"

static const struct filter {
  const char *name, *parameters;
  size_t required;
  method_function *call;
} filters[] = {
#define X(name, parameters, required, function)                                                    \
  {#name, parameters, required, chat_filter_##function},
#include "chat/syntax/filters.def"
#undef X
};

sotto_status chat_filter(runtime *rt, int number, value input, const arguments *args, value *out) {
  const struct filter *f = &filters[number];
  value slots[CHAT_MAX_PARAMETERS] = {0};
  if (f->parameters) SOTTO_TRY(chat_bind(rt, f->name, f->parameters, f->required, args, slots));
  return f->call(rt, input, slots, args, out);
}

/* ---- text ----------------------------------------------------------------------------------- */

/* Calls a method of str on the input as text, whatever its type. */
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

FILTER(string) {
  FILTER_UNUSED;
  const str *s;
  SOTTO_TRY(chat_to_string(rt, in, &s));
  *out = value_string(s);
  return SOTTO_OK;
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
  *out = value_string(s);
  return SOTTO_OK;
}

FILTER(safe) {
  FILTER_UNUSED;
  const str *s;
  SOTTO_TRY(chat_to_string(rt, in, &s));
  SOTTO_TRY(chat_str_mark(rt, s, true, &s));
  *out = value_string(s);
  return SOTTO_OK;
}

static bool is_between_words(uint32_t c) {
  return chat_is_space(c) || (c && c < 0x80 && strchr("-({[<", (int)c));
}

/* Cuts the text into words and what stands between them, and brings the first character of each
 * piece to upper case, the others to lower case. */
FILTER(title) {
  FILTER_UNUSED;
  const str *s, *rest;
  builder b;
  SOTTO_TRY(chat_to_string(rt, in, &s));
  chat_builder_init(&b, rt);
  for (size_t start = 0; start < s->len;) {
    uint32_t c;
    const size_t first = sotto_utf8_decode(s->data + start, s->len - start, &c);
    const bool between = is_between_words(c);
    size_t end = start;
    for (size_t n; end < s->len; end += n) {
      n = sotto_utf8_decode(s->data + end, s->len - end, &c);
      if (is_between_words(c) != between) break;
    }
    SOTTO_TRY(chat_builder_add_case(&b, s, start, start + first, CASE_UPPER));
    SOTTO_TRY(chat_str_sub(rt, s, start + first, end,
                           &rest)); /* by itself: its case must not depend on the rest */
    SOTTO_TRY(chat_builder_add_case(&b, rest, 0, rest->len, CASE_LOWER));
    start = end;
  }
  SOTTO_TRY(chat_builder_finish(&b, &s));
  *out = value_string(s);
  return SOTTO_OK;
}

FILTER(indent) {
  FILTER_UNUSED;
  const str *s = NULL, *width = NULL;
  int64_t spaces = 4;
  const bool first = chat_truth(a[1]), blank = chat_truth(a[2]);
  builder b;
  SOTTO_TRY(chat_need_string(rt, in, &s));
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
  for (size_t at = 0, end, next;;
       at = next) { /* text that ends with a newline ends with an empty line */
    chat_str_line(s, at, &end, &next);
    if (at && (end > at || blank)) SOTTO_TRY(chat_builder_add_str(&b, width));
    SOTTO_TRY(chat_builder_add_sub(&b, s, at, end));
    if (next == end) break;
    SOTTO_TRY(chat_builder_add_c(&b, "\n", true));
  }
  SOTTO_TRY(chat_builder_finish(&b, &s));
  *out = value_string(s);
  return SOTTO_OK;
}

/* ---- defaults ------------------------------------------------------------------------------- */

FILTER(default) {
  FILTER_UNUSED;
  static const str empty = CHAT_TEXT("");
  const bool falsy_too = chat_truth(a[1]);
  *out = in;
  if (in.type != V_UNDEFINED && (chat_truth(in) || !falsy_too)) return SOTTO_OK;
  *out = a[0].type == V_ABSENT ? value_string(&empty) : a[0];
  return SOTTO_OK;
}
