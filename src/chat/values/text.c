/* str() and repr() of values, as Python writes them, and join. Text of strings keeps its
 * provenance; all that is made up here (digits, quotes, brackets) is untrusted. */
#include <stdio.h>

#include "base/decimal.h"
#include "base/utf8.h"
#include "chat/values/strings.h"

static sotto_status write_escape(builder *b, uint32_t c) {
  static const char digits[] = "0123456789abcdef";
  int width = c < 0x100 ? 2 : c < 0x10000 ? 4 : 8;
  char text[12] = {'\\', width == 2 ? 'x' : width == 4 ? 'u' : 'U'};
  for (int i = 0; i < width; i++) text[2 + i] = digits[c >> 4 * (width - 1 - i) & 15];
  return chat_builder_add(b, text, (size_t)width + 2, false);
}

static sotto_status write_string_repr(builder *b, const str *s) {
  bool single = memchr(s->data, '\'', s->len) != NULL, twice = memchr(s->data, '"', s->len) != NULL;
  const char *quote = single && !twice ? "\"" : "'";
  SOTTO_TRY(chat_work(b->rt, (uint64_t)s->len * 16));
  SOTTO_TRY(chat_builder_add_c(b, quote, false));
  for (size_t i = 0, n; i < s->len; i += n) {
    uint32_t c;
    n = sotto_utf8_decode(s->data + i, s->len - i, &c);
    if (c == '\n')
      SOTTO_TRY(chat_builder_add_c(b, "\\n", false));
    else if (c == '\r')
      SOTTO_TRY(chat_builder_add_c(b, "\\r", false));
    else if (c == '\t')
      SOTTO_TRY(chat_builder_add_c(b, "\\t", false));
    else if (!chat_is_printable(c))
      SOTTO_TRY(write_escape(b, c));
    else {
      if (c == '\\' || c == (unsigned char)*quote) SOTTO_TRY(chat_builder_add_c(b, "\\", false));
      SOTTO_TRY(chat_builder_add_sub(b, s, i, i + n));
    }
  }
  return chat_builder_add_c(b, quote, false);
}

static sotto_status write_items(builder *b, const list *l, const char *open, const char *close) {
  SOTTO_TRY(chat_builder_add_c(b, open, false));
  for (size_t i = 0; i < l->n; i++) {
    if (i) SOTTO_TRY(chat_builder_add_c(b, ", ", false));
    SOTTO_TRY(chat_write_repr(b, l->items[i]));
  }
  if (l->n == 1 && *open == '(') SOTTO_TRY(chat_builder_add_c(b, ",", false));
  return chat_builder_add_c(b, close, false);
}

static sotto_status write_dict(builder *b, const dict *d) {
  SOTTO_TRY(chat_builder_add_c(b, "{", false));
  for (size_t i = 0; i < d->n; i++) {
    if (i) SOTTO_TRY(chat_builder_add_c(b, ", ", false));
    SOTTO_TRY(chat_write_repr(b, d->entries[i].key));
    SOTTO_TRY(chat_builder_add_c(b, ": ", false));
    SOTTO_TRY(chat_write_repr(b, d->entries[i].value));
  }
  return chat_builder_add_c(b, "}", false);
}

static sotto_status write_repr(builder *b, value v) {
  char text[SOTTO_DECIMAL_SIZE];
  switch (v.type) {
  case V_ABSENT:
  case V_UNDEFINED: return chat_builder_add_c(b, "Undefined", false);
  case V_NONE: return chat_builder_add_c(b, "None", false);
  case V_BOOL: return chat_builder_add_c(b, v.as.boolean ? "True" : "False", false);
  case V_INT:
    snprintf(text, sizeof text, "%lld", (long long)v.as.integer);
    return chat_builder_add_c(b, text, false);
  case V_FLOAT:
    SOTTO_TRY(chat_work(b->rt, CHAT_WORK_DECIMAL));
    return chat_builder_add(b, text, sotto_decimal_repr(v.as.number, text), false);
  case V_STRING:
    if (!v.as.string->markup) return write_string_repr(b, v.as.string);
    SOTTO_TRY(chat_builder_add_c(b, "Markup(", false));
    SOTTO_TRY(write_string_repr(b, v.as.string));
    return chat_builder_add_c(b, ")", false);
  case V_LIST: return write_items(b, v.as.list, "[", "]");
  case V_TUPLE: return write_items(b, v.as.list, "(", ")");
  case V_DICT: return write_dict(b, v.as.dict);
  default: return chat_fail(b->rt, "%s as text is not supported", chat_type_name(v));
  }
}

sotto_status chat_write_repr(builder *b, value v) {
  SOTTO_TRY(chat_work(b->rt, CHAT_WORK_STEP));
  SOTTO_TRY(chat_enter(b->rt));
  sotto_status status = write_repr(b, v);
  b->rt->depth--;
  return status;
}

sotto_status chat_write(builder *b, value v) {
  if (v.type == V_STRING) return chat_builder_add_str(b, v.as.string);
  return v.type == V_UNDEFINED ? SOTTO_OK : chat_write_repr(b, v);
}

sotto_status chat_to_string(runtime *rt, value v, const str **out) {
  if (v.type == V_STRING) {
    *out = v.as.string;
    return SOTTO_OK;
  }
  builder b;
  chat_builder_init(&b, rt);
  SOTTO_TRY(chat_write(&b, v));
  return chat_builder_finish(&b, out);
}

sotto_status chat_join(runtime *rt, const str *separator, value iterable, bool any, value *out) {
  list items;
  builder b;
  const str *text;
  chat_builder_init(&b, rt);
  SOTTO_TRY(chat_to_list(rt, iterable, &items));
  for (size_t i = 0; i < items.n; i++) {
    if (!any && items.items[i].type != V_STRING) {
      return chat_fail(rt, "join() needs strings, got %s", chat_type_name(items.items[i]));
    }
    if (i) SOTTO_TRY(chat_builder_add_str(&b, separator));
    SOTTO_TRY(chat_work(rt, CHAT_WORK_STEP));
    SOTTO_TRY(chat_write(&b, items.items[i]));
  }
  SOTTO_TRY(chat_builder_finish(&b, &text));
  *out = value_string(text);
  return SOTTO_OK;
}
