/* Iterators: over containers, and lazily over what filters make of them. */
#include "base/utf8.h"
#include "chat/strings.h"

struct iterator {
  enum { OVER_LIST, OVER_STRING, OVER_DICT, OVER_RANGE, OVER_ITERATOR, DEFERRED } what;
  const list *list;
  const str *string;
  const dict *dict;
  int view; /* of a dict: VIEW_… */
  const range *range;
  iterator *source; /* OVER_ITERATOR, with step */
  iterate_step *step;
  iterate_make *make; /* DEFERRED */
  void *data;
  size_t at;
};

sotto_status chat_iterate(runtime *rt, value v, iterator **out) {
  if (v.type == V_ITERATOR) {
    *out = v.as.iter;
    return SOTTO_OK;
  }
  iterator *it = *out = chat_alloc(rt, sizeof *it);
  CHAT_NO_MEMORY(it);
  static const list empty = {0};
  switch (v.type) {
  case V_UNDEFINED:
    it->what = OVER_LIST;
    it->list = &empty;
    return SOTTO_OK;
  case V_LIST:
  case V_TUPLE:
    it->what = OVER_LIST;
    it->list = v.as.list;
    return SOTTO_OK;
  case V_STRING:
    it->what = OVER_STRING;
    it->string = v.as.string;
    return SOTTO_OK;
  case V_DICT:
    it->what = OVER_DICT;
    it->dict = v.as.dict;
    it->view = VIEW_KEYS;
    return SOTTO_OK;
  case V_VIEW:
    it->what = OVER_DICT;
    it->dict = v.as.view->dict;
    it->view = v.as.view->what;
    return SOTTO_OK;
  case V_RANGE:
    it->what = OVER_RANGE;
    it->range = v.as.range;
    return SOTTO_OK;
  default: return chat_fail(rt, "%s cannot be iterated over", chat_type_name(v));
  }
}

static sotto_status next_entry(runtime *rt, iterator *it, value *out) {
  const entry *e = &it->dict->entries[it->at++];
  if (it->view == VIEW_KEYS) {
    *out = e->key;
  } else if (it->view == VIEW_VALUES) {
    *out = e->value;
  } else {
    value *pair;
    SOTTO_TRY(chat_list_new(rt, 2, V_TUPLE, out, &pair));
    pair[0] = e->key;
    pair[1] = e->value;
  }
  return SOTTO_OK;
}

static sotto_status next_of_source(runtime *rt, iterator *it, value *out, bool *more) {
  if (rt->depth >= CHAT_MAX_DEPTH) return chat_fail(rt, "filters of filters nested too deeply");
  rt->depth++;
  for (bool keep = false; !keep;) {
    value item;
    SOTTO_TRY(chat_next(rt, it->source, &item, more));
    if (!*more) break;
    SOTTO_TRY(it->step(rt, it->data, item, out, &keep));
  }
  rt->depth--;
  return SOTTO_OK;
}

static sotto_status start_deferred(runtime *rt, iterator *it) {
  value made;
  iterator *over;
  /* These take more stack than expressions do. */
  if (rt->depth >= CHAT_MAX_DEPTH / 2) return chat_fail(rt, "filters of filters nested too deeply");
  rt->depth++;
  SOTTO_TRY(it->make(rt, it->data, &made));
  rt->depth--;
  SOTTO_TRY(chat_iterate(rt, made, &over));
  *it = *over; /* nobody else has it */
  return SOTTO_OK;
}

sotto_status chat_next(runtime *rt, iterator *it, value *out, bool *more) {
  SOTTO_TRY(chat_work(rt, CHAT_WORK_STEP));
  switch (it->what) {
  case OVER_LIST:
    *more = it->at < it->list->n;
    if (*more) *out = it->list->items[it->at++];
    return SOTTO_OK;
  case OVER_STRING: {
    const str *s = it->string, *c;
    uint32_t code_point;
    *more = it->at < s->len;
    if (!*more) return SOTTO_OK;
    size_t n = sotto_utf8_decode(s->data + it->at, s->len - it->at, &code_point);
    SOTTO_TRY(chat_str_sub(rt, s, it->at, it->at + n, &c));
    it->at += n;
    *out = value_string(c);
    return SOTTO_OK;
  }
  case OVER_DICT: *more = it->at < it->dict->n; return *more ? next_entry(rt, it, out) : SOTTO_OK;
  case OVER_RANGE:
    *more = (int64_t)it->at < it->range->n;
    if (*more) *out = value_int(it->range->start + (int64_t)it->at++ * it->range->step);
    return SOTTO_OK;
  case OVER_ITERATOR: return next_of_source(rt, it, out, more);
  case DEFERRED: SOTTO_TRY(start_deferred(rt, it)); return chat_next(rt, it, out, more);
  }
  return SOTTO_OK;
}

sotto_status chat_to_list(runtime *rt, value v, list *out) {
  if (v.type == V_LIST || v.type == V_TUPLE) {
    *out = *v.as.list;
    return SOTTO_OK;
  }
  iterator *it;
  size_t cap = 0;
  SOTTO_TRY(chat_iterate(rt, v, &it));
  *out = (list){0};
  for (;;) {
    value item;
    bool more;
    SOTTO_TRY(chat_next(rt, it, &item, &more));
    if (!more) return SOTTO_OK;
    if (out->n == cap) {
      cap = cap ? cap * 2 : 8;
      value *items = chat_array(rt, cap, sizeof *items);
      CHAT_NO_MEMORY(items);
      if (out->n) memcpy(items, out->items, out->n * sizeof *items);
      out->items = items;
    }
    out->items[out->n++] = item;
  }
}

sotto_status chat_iterator_new(runtime *rt, iterator *source, iterate_step *step, void *data,
                               iterator **out) {
  *out = chat_alloc(rt, sizeof **out);
  CHAT_NO_MEMORY(*out);
  (*out)->what = OVER_ITERATOR;
  (*out)->source = source;
  (*out)->step = step;
  (*out)->data = data;
  return SOTTO_OK;
}

sotto_status chat_iterator_deferred(runtime *rt, iterate_make *make, void *data, value *out) {
  iterator *it = chat_alloc(rt, sizeof *it);
  CHAT_NO_MEMORY(it);
  it->what = DEFERRED;
  it->make = make;
  it->data = data;
  *out = (value){.type = V_ITERATOR, .as.iter = it};
  return SOTTO_OK;
}

sotto_status chat_iterator_of_list(runtime *rt, const list *items, value *out) {
  iterator *it = chat_alloc(rt, sizeof *it);
  CHAT_NO_MEMORY(it);
  list *copy = chat_alloc(rt, sizeof *copy);
  CHAT_NO_MEMORY(copy);
  *copy = *items;
  it->what = OVER_LIST;
  it->list = copy;
  *out = (value){.type = V_ITERATOR, .as.iter = it};
  return SOTTO_OK;
}
