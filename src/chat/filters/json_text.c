/* tojson: Python's json.dumps with the options that templates can give. All of it is untrusted. */
#include <stdio.h>

#include "base/decimal.h"
#include "base/utf8.h"
#include "chat/filters/filters.h"

typedef struct writer {
  runtime *rt;
  builder text;
  const str *indent; /* NULL where all goes on one line */
  const str *item_separator, *key_separator;
  bool ascii, sort;
  unsigned level;
} writer;

static sotto_status put(writer *w, const char *c_string) {
  return chat_builder_add_c(&w->text, c_string, false);
}

static sotto_status put_slice(writer *w, const str *s) {
  return chat_builder_add(&w->text, s->data, s->len, false);
}

static sotto_status put_unicode(writer *w, uint32_t c) {
  char text[16];
  if (c >= 0x10000) {
    c -= 0x10000;
    snprintf(text, sizeof text, "\\u%04x\\u%04x", (unsigned)(0xD800 + (c >> 10)),
             (unsigned)(0xDC00 + (c & 0x3FF)));
  } else {
    snprintf(text, sizeof text, "\\u%04x", (unsigned)c);
  }
  return put(w, text);
}

static sotto_status put_string(writer *w, const str *s) {
  SOTTO_TRY(put(w, "\""));
  SOTTO_TRY(chat_work(w->rt, (uint64_t)s->len * 4));
  size_t plain = 0, n;
  for (size_t i = 0; i < s->len; i += n) {
    uint32_t c;
    n = sotto_utf8_decode(s->data + i, s->len - i, &c);
    if (c >= 0x20 && c != '"' && c != '\\' && !(w->ascii && c > 0x7E)) continue;
    SOTTO_TRY(chat_builder_add(&w->text, s->data + plain, i - plain, false));
    plain = i + n;
    switch (c) {
    case '"': SOTTO_TRY(put(w, "\\\"")); break;
    case '\\': SOTTO_TRY(put(w, "\\\\")); break;
    case '\b': SOTTO_TRY(put(w, "\\b")); break;
    case '\f': SOTTO_TRY(put(w, "\\f")); break;
    case '\n': SOTTO_TRY(put(w, "\\n")); break;
    case '\r': SOTTO_TRY(put(w, "\\r")); break;
    case '\t': SOTTO_TRY(put(w, "\\t")); break;
    default: SOTTO_TRY(put_unicode(w, c));
    }
  }
  SOTTO_TRY(chat_builder_add(&w->text, s->data + plain, s->len - plain, false));
  return put(w, "\"");
}

/* The text of a number or constant; NULL for other types. */
static const char *scalar(value v, char text[SOTTO_DECIMAL_SIZE]) {
  switch (v.type) {
  case V_NONE: return "null";
  case V_BOOL: return v.as.boolean ? "true" : "false";
  case V_INT: snprintf(text, SOTTO_DECIMAL_SIZE, "%lld", (long long)v.as.integer); return text;
  case V_FLOAT:
    if (v.as.number != v.as.number) return "NaN";
    if (v.as.number - v.as.number != 0) return v.as.number > 0 ? "Infinity" : "-Infinity";
    sotto_decimal_repr(v.as.number, text);
    return text;
  default: return NULL;
  }
}

static sotto_status put_newline(writer *w) {
  if (!w->indent) return SOTTO_OK;
  SOTTO_TRY(put(w, "\n"));
  for (unsigned i = 0; i < w->level; i++) SOTTO_TRY(put_slice(w, w->indent));
  return SOTTO_OK;
}

static sotto_status put_separator(writer *w, size_t i) {
  if (i) SOTTO_TRY(put_slice(w, w->item_separator));
  return put_newline(w);
}

static sotto_status put_value(writer *w, value v);

static sotto_status put_list(writer *w, const list *l) {
  SOTTO_TRY(put(w, "["));
  w->level++;
  for (size_t i = 0; i < l->n; i++) {
    SOTTO_TRY(put_separator(w, i));
    SOTTO_TRY(put_value(w, l->items[i]));
  }
  w->level--;
  if (l->n) SOTTO_TRY(put_newline(w));
  return put(w, "]");
}

static sotto_status put_key(writer *w, value key) {
  char text[SOTTO_DECIMAL_SIZE];
  if (key.type == V_STRING) return put_string(w, key.as.string);
  const char *written = scalar(key, text);
  if (!written) return chat_fail(w->rt, "tojson: %s cannot be a key", chat_type_name(key));
  SOTTO_TRY(put(w, "\""));
  SOTTO_TRY(put(w, written));
  return put(w, "\"");
}

static sotto_status put_dict(writer *w, const dict *d) {
  runtime *rt = w->rt;
  uint32_t *order = NULL;
  if (w->sort) {
    value *keys;
    CHAT_NEW_ARRAY(keys, d->n);
    for (size_t i = 0; i < d->n; i++) keys[i] = d->entries[i].key;
    SOTTO_TRY(chat_sort(rt, keys, d->n, false, &order));
  }
  SOTTO_TRY(put(w, "{"));
  w->level++;
  for (size_t i = 0; i < d->n; i++) {
    const entry *e = &d->entries[order ? order[i] : i];
    SOTTO_TRY(put_separator(w, i));
    SOTTO_TRY(put_key(w, e->key));
    SOTTO_TRY(put_slice(w, w->key_separator));
    SOTTO_TRY(put_value(w, e->value));
  }
  w->level--;
  if (d->n) SOTTO_TRY(put_newline(w));
  return put(w, "}");
}

static sotto_status put_value(writer *w, value v) {
  char text[SOTTO_DECIMAL_SIZE];
  runtime *rt = w->rt;
  SOTTO_TRY(chat_work(rt, v.type == V_FLOAT ? CHAT_WORK_DECIMAL : CHAT_WORK_STEP));
  if (v.type == V_STRING) return put_string(w, v.as.string);
  const char *written = scalar(v, text);
  if (written) return put(w, written);
  SOTTO_TRY(chat_enter(rt));
  if (v.type == V_LIST || v.type == V_TUPLE)
    SOTTO_TRY(put_list(w, v.as.list));
  else if (v.type == V_DICT)
    SOTTO_TRY(put_dict(w, v.as.dict));
  else
    return chat_fail(rt, "tojson cannot write %s", chat_type_name(v));
  rt->depth--;
  return SOTTO_OK;
}

static sotto_status set_indent(writer *w, value v) {
  builder b;
  int64_t n;
  if (v.type == V_ABSENT || v.type == V_NONE) return SOTTO_OK;
  if (v.type == V_STRING) {
    w->indent = v.as.string;
    return SOTTO_OK;
  }
  SOTTO_TRY(chat_take_integer(w->rt, v, &n));
  if (n > 1000) return chat_fail(w->rt, "tojson: an indent of more than 1,000");
  chat_builder_init(&b, w->rt);
  SOTTO_TRY(chat_builder_add_fill(&b, ' ', n, false));
  return chat_builder_finish(&b, &w->indent);
}

static sotto_status set_separators(writer *w, value v) {
  static const str comma = CHAT_TEXT(","), comma_space = CHAT_TEXT(", "), colon = CHAT_TEXT(": ");
  list pair;
  w->item_separator = w->indent ? &comma : &comma_space;
  w->key_separator = &colon;
  if (v.type == V_ABSENT || v.type == V_NONE) return SOTTO_OK;
  SOTTO_TRY(chat_to_list(w->rt, v, &pair));
  if (pair.n != 2 || pair.items[0].type != V_STRING || pair.items[1].type != V_STRING) {
    return chat_fail(w->rt, "tojson: separators must be two strings");
  }
  w->item_separator = pair.items[0].as.string;
  w->key_separator = pair.items[1].as.string;
  return SOTTO_OK;
}

FILTER(tojson) {
  const str *text;
  writer w = {.rt = rt, .ascii = chat_truth(c->a[0]), .sort = chat_truth(c->a[3])};
  chat_builder_init(&w.text, rt);
  SOTTO_TRY(set_indent(&w, c->a[1]));
  SOTTO_TRY(set_separators(&w, c->a[2]));
  SOTTO_TRY(put_value(&w, c->self));
  SOTTO_TRY(chat_builder_finish(&w.text, &text));
  *out = value_string(text);
  return SOTTO_OK;
}
