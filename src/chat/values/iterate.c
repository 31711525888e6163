/* Making lists and generators, and finding the items of any value that has items. */
#include "base/utf8.h"
#include "chat/values/strings.h"

sotto_status chat_list_new(runtime *rt, size_t n, value_type list_or_tuple, value *out,
                           value **items) {
  list *l;
  CHAT_NEW(l);
  CHAT_NEW_ARRAY(*items, n);
  *l = (list){.n = n, .items = *items};
  *out = (value){.type = list_or_tuple, .as.list = l};
  return SOTTO_OK;
}

sotto_status chat_generator_new(runtime *rt, const list *items, value *out) {
  generator *g;
  CHAT_NEW(g);
  g->items = *items;
  *out = (value){.type = V_GENERATOR, .as.generator = g};
  return SOTTO_OK;
}

static sotto_status characters(runtime *rt, const str *s, list *out) {
  CHAT_NEW_ARRAY(out->items, s->chars);
  for (size_t at = 0, n; at < s->len; at += n) {
    uint32_t code_point;
    const str *c;
    n = sotto_utf8_decode(s->data + at, s->len - at, &code_point);
    SOTTO_TRY(chat_work(rt, CHAT_WORK_STEP));
    SOTTO_TRY(chat_str_sub(rt, s, at, at + n, &c));
    out->items[out->n++] = value_string(c);
  }
  return SOTTO_OK;
}

static sotto_status entries(runtime *rt, const dict *d, int what, list *out) {
  SOTTO_TRY(chat_work(rt, d->n * CHAT_WORK_STEP));
  CHAT_NEW_ARRAY(out->items, d->n);
  for (size_t i = 0; i < d->n; i++) {
    const entry *e = &d->entries[i];
    value *item = &out->items[out->n++], *pair;
    *item = what == VIEW_KEYS ? e->key : e->value;
    if (what != VIEW_ITEMS) continue;
    SOTTO_TRY(chat_list_new(rt, 2, V_TUPLE, item, &pair));
    pair[0] = e->key;
    pair[1] = e->value;
  }
  return SOTTO_OK;
}

sotto_status chat_to_list(runtime *rt, value v, list *out) {
  *out = (list){0};
  switch (v.type) {
  case V_UNDEFINED: return SOTTO_OK;
  case V_LIST:
  case V_TUPLE: *out = *v.as.list; return SOTTO_OK;
  case V_STRING: return characters(rt, v.as.string, out);
  case V_DICT: return entries(rt, v.as.dict, VIEW_KEYS, out);
  case V_VIEW: return entries(rt, v.as.view->dict, v.as.view->what, out);
  case V_RANGE:
    SOTTO_TRY(chat_work(rt, (uint64_t)v.as.range->n * CHAT_WORK_STEP));
    CHAT_NEW_ARRAY(out->items, (size_t)v.as.range->n);
    for (; (int64_t)out->n < v.as.range->n; out->n++) {
      out->items[out->n] = value_int(v.as.range->start + (int64_t)out->n * v.as.range->step);
    }
    return SOTTO_OK;
  case V_GENERATOR: {
    generator *g = v.as.generator;
    if (g->at < g->items.n) *out = (list){g->items.n - g->at, g->items.items + g->at};
    g->at = g->items.n;
    return SOTTO_OK;
  }
  default: return chat_fail(rt, "%s cannot be iterated over", chat_type_name(v));
  }
}

sotto_status chat_iterate(runtime *rt, value v, generator **out) {
  if (v.type == V_GENERATOR) {
    *out = v.as.generator;
    return SOTTO_OK;
  }
  CHAT_NEW(*out);
  return chat_to_list(rt, v, &(*out)->items);
}
