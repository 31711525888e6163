/* How filters are called, and those of text and defaults. */
#include "chat/filters/filters.h"
#include "base/utf8.h"

enum { ANY, TEXT };

static const struct filter {
  const char *name, *parameters;
  size_t required;
  method_function *call;
  int how, input;
} filters[] = {
#define X(name, parameters, required, function, how, input)                                        \
  {#name, parameters, required, function, how, input},
#include "chat/syntax/filters.def"
#undef X
};

sotto_status chat_filter(runtime *rt, int number, value input, const arguments *args, value *out) {
  const struct filter *f = &filters[number];
  call c = {.self = input, .args = args, .how = f->how};
  const str *text;
  if (f->parameters) SOTTO_TRY(chat_bind(rt, f->name, f->parameters, f->required, args, c.a));
  if (f->input == TEXT) {
    SOTTO_TRY(chat_to_string(rt, input, &text));
    c.self = value_string(text);
  }
  return f->call(rt, &c, out);
}

/* ---- text ----------------------------------------------------------------------------------- */

FILTER(string) {
  (void)rt;
  *out = c->self;
  return SOTTO_OK;
}

FILTER(safe) {
  const str *s;
  SOTTO_TRY(chat_str_mark(rt, c->self.as.string, true, &s));
  *out = value_string(s);
  return SOTTO_OK;
}

FILTER(replace) {
  const str *s, *old, *fresh;
  int64_t count = -1;
  SOTTO_TRY(chat_to_string(rt, c->a[0], &old));
  SOTTO_TRY(chat_to_string(rt, c->a[1], &fresh));
  SOTTO_TRY(chat_take_integer(rt, c->a[2], &count));
  SOTTO_TRY(chat_str_replace(rt, c->self.as.string, old, fresh, count, &s));
  SOTTO_TRY(chat_str_mark(rt, s, false, &s));
  *out = value_string(s);
  return SOTTO_OK;
}

static bool is_between_words(uint32_t c) {
  return chat_is_space(c) || (c && c < 0x80 && strchr("-({[<", (int)c));
}

/* Cuts the text into words and what stands between them, and brings the first character of each
 * piece to upper case, the others to lower case. */
FILTER(title) {
  const str *s = c->self.as.string, *rest;
  builder b;
  chat_builder_init(&b, rt);
  for (size_t start = 0; start < s->len;) {
    uint32_t code_point;
    const size_t first = sotto_utf8_decode(s->data + start, s->len - start, &code_point);
    const bool between = is_between_words(code_point);
    size_t end = start;
    for (size_t n; end < s->len; end += n) {
      n = sotto_utf8_decode(s->data + end, s->len - end, &code_point);
      if (is_between_words(code_point) != between) break;
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
  const str *s = NULL, *width = NULL;
  int64_t spaces = 4;
  const bool first = chat_truth(c->a[1]), blank = chat_truth(c->a[2]);
  builder b;
  SOTTO_TRY(chat_need_string(rt, c->self, &s));
  if (c->a[0].type == V_STRING) {
    width = c->a[0].as.string;
  } else {
    SOTTO_TRY(chat_take_integer(rt, c->a[0], &spaces));
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
  (void)rt;
  static const str empty = CHAT_TEXT("");
  const bool falsy_too = chat_truth(c->a[1]);
  *out = c->self;
  if (c->self.type != V_UNDEFINED && (chat_truth(c->self) || !falsy_too)) return SOTTO_OK;
  *out = c->a[0].type == V_ABSENT ? value_string(&empty) : c->a[0];
  return SOTTO_OK;
}
