/* Filters of sequences and dicts that look up attributes, sort, or take items from the ends. */
#include "chat/filters/filters.h"

/* ---- attribute= ----------------------------------------------------------------------------- */

static sotto_status part_of(runtime *rt, const str *s, size_t start, size_t end, value *out) {
  int64_t number = 0;
  bool digits = end > start;
  for (size_t i = start; i < end; i++) {
    digits = digits && s->data[i] >= '0' && s->data[i] <= '9' && i - start < 18;
    number = digits ? number * 10 + (s->data[i] - '0') : 0;
  }
  *out = value_int(number);
  if (digits) return SOTTO_OK;
  const str *part;
  SOTTO_TRY(chat_str_sub(rt, s, start, end, &part));
  *out = value_string(part);
  return SOTTO_OK;
}

sotto_status chat_getter_init(runtime *rt, getter *g, value attribute, bool fold_case,
                              value otherwise) {
  *g = (getter){.fold_case = fold_case, .otherwise = otherwise};
  if (attribute.type == V_ABSENT || attribute.type == V_NONE) return SOTTO_OK;
  size_t n = 1;
  const str *s = attribute.type == V_STRING ? attribute.as.string : NULL;
  for (size_t i = 0; s && i < s->len; i++) n += s->data[i] == '.';
  CHAT_NEW_ARRAY(g->parts.items, n);
  if (!s) {
    g->parts.items[g->parts.n++] = attribute;
    return SOTTO_OK;
  }
  for (size_t start = 0; g->parts.n < n;) {
    size_t end = start;
    while (end < s->len && s->data[end] != '.') end++;
    SOTTO_TRY(part_of(rt, s, start, end, &g->parts.items[g->parts.n++]));
    start = end + 1;
  }
  return SOTTO_OK;
}

sotto_status chat_getter_get(runtime *rt, const getter *g, value item, value *out) {
  *out = item;
  for (size_t i = 0; i < g->parts.n; i++) {
    SOTTO_TRY(chat_get_item(rt, *out, g->parts.items[i], out));
    bool missing = out->type == V_UNDEFINED && g->otherwise.type != V_ABSENT;
    if (missing && g->otherwise.type != V_NONE) *out = g->otherwise;
  }
  if (g->fold_case && out->type == V_STRING) {
    const str *lower;
    SOTTO_TRY(chat_str_case(rt, out->as.string, CASE_LOWER, &lower));
    *out = value_string(lower);
  }
  return SOTTO_OK;
}

/* ---- sorting -------------------------------------------------------------------------------- */

static sotto_status less(runtime *rt, value a, value b, bool *out) {
  int order;
  bool ordered;
  SOTTO_TRY(chat_compare(rt, a, b, "<", &order, &ordered));
  *out = ordered && order < 0;
  return SOTTO_OK;
}

static sotto_status merge_sort(runtime *rt, const value *keys, bool reverse, uint32_t *order,
                               uint32_t *scratch, size_t n) {
  if (n < 2) return SOTTO_OK;
  size_t half = n / 2, i = 0, j = half, k = 0;
  SOTTO_TRY(merge_sort(rt, keys, reverse, order, scratch, half));
  SOTTO_TRY(merge_sort(rt, keys, reverse, order + half, scratch, n - half));
  memcpy(scratch, order, n * sizeof *order);
  while (i < half && j < n) {
    bool right;
    value left_key = keys[scratch[i]], right_key = keys[scratch[j]];
    SOTTO_TRY(chat_work(rt, CHAT_WORK_STEP / 4));
    SOTTO_TRY(reverse ? less(rt, left_key, right_key, &right)
                      : less(rt, right_key, left_key, &right));
    order[k++] = right ? scratch[j++] : scratch[i++];
  }
  while (i < half) order[k++] = scratch[i++];
  while (j < n) order[k++] = scratch[j++];
  return SOTTO_OK;
}

sotto_status chat_sort(runtime *rt, const value *keys, size_t n, bool reverse, uint32_t **order) {
  CHAT_NEW_ARRAY(*order, n * 2);
  for (size_t i = 0; i < n; i++) (*order)[i] = (uint32_t)i;
  return merge_sort(rt, keys, reverse, *order, *order + n, n);
}

/* Compares items by themselves, and strings without regard to case. */
static const getter folded = {.fold_case = true};

static sotto_status pairs(runtime *rt, value in, list *out) {
  const view v = {in.as.dict, VIEW_ITEMS};
  return chat_to_list(rt, (value){.type = V_VIEW, .as.view = &v}, out);
}

/* A new list of the items in the order of their keys. */
static sotto_status sorted(runtime *rt, const list *items, const value *keys, bool reverse,
                           value *out) {
  uint32_t *order;
  value *result;
  SOTTO_TRY(chat_sort(rt, keys, items->n, reverse, &order));
  SOTTO_TRY(chat_list_new(rt, items->n, V_LIST, out, &result));
  for (size_t i = 0; i < items->n; i++) result[i] = items->items[order[i]];
  return SOTTO_OK;
}

static sotto_status make_keys(runtime *rt, const list *items, const getter *g, value **keys) {
  CHAT_NEW_ARRAY(*keys, items->n);
  for (size_t i = 0; i < items->n; i++) {
    SOTTO_TRY(chat_getter_get(rt, g, items->items[i], &(*keys)[i]));
  }
  return SOTTO_OK;
}

FILTER(sort) {
  list items;
  value *keys;
  getter g;
  if (c->a[2].type == V_STRING && memchr(c->a[2].as.string->data, ',', c->a[2].as.string->len)) {
    return chat_fail(rt, "sort by several attributes is not supported");
  }
  SOTTO_TRY(chat_getter_init(rt, &g, c->a[2], !chat_truth(c->a[1]), value_absent()));
  SOTTO_TRY(chat_to_list(rt, c->self, &items));
  SOTTO_TRY(make_keys(rt, &items, &g, &keys));
  return sorted(rt, &items, keys, chat_truth(c->a[0]), out);
}

FILTER(dictsort) {
  bool by_value = false;
  const str *by = NULL;
  list items;
  value *keys;
  getter g;
  SOTTO_TRY(chat_take_string(rt, c->a[1], &by));
  if (by && !(by_value = chat_str_is(by, "value")) && !chat_str_is(by, "key")) {
    return chat_fail(rt, "dictsort: by 'key' or 'value'");
  }
  if (c->self.type == V_UNDEFINED) return chat_fail_undefined(rt, c->self);
  if (c->self.type != V_DICT)
    return chat_fail(rt, "dictsort needs a dict, not %s", chat_type_name(c->self));
  SOTTO_TRY(pairs(rt, c->self, &items));
  SOTTO_TRY(chat_getter_init(rt, &g, value_int(by_value), !chat_truth(c->a[0]), value_absent()));
  SOTTO_TRY(make_keys(rt, &items, &g, &keys));
  return sorted(rt, &items, keys, chat_truth(c->a[2]), out);
}

/* The largest item, or the smallest. */
FILTER(extreme) {
  const bool max = c->how;
  list items;
  value *keys;
  size_t best = 0;
  SOTTO_TRY(chat_to_list(rt, c->self, &items));
  SOTTO_TRY(make_keys(rt, &items, &folded, &keys));
  if (!items.n) return chat_undefined_hint(rt, "there is no item, the sequence is empty", out);
  for (size_t i = 1; i < items.n; i++) {
    bool better;
    SOTTO_TRY(less(rt, keys[max ? best : i], keys[max ? i : best], &better));
    if (better) best = i;
  }
  *out = items.items[best];
  return SOTTO_OK;
}

FILTER(unique) {
  list items, kept = {0};
  value *keys;
  dict *seen;
  SOTTO_TRY(chat_to_list(rt, c->self, &items));
  SOTTO_TRY(make_keys(rt, &items, &folded, &keys));
  SOTTO_TRY(chat_dict_new(rt, items.n, &seen));
  CHAT_NEW_ARRAY(kept.items, items.n);
  for (size_t i = 0; i < items.n; i++) {
    const size_t before = seen->n;
    SOTTO_TRY(chat_dict_set(rt, seen, keys[i], value_none()));
    if (seen->n > before) kept.items[kept.n++] = items.items[i];
  }
  return chat_generator_new(rt, &kept, out);
}

/* ---- length, ends, order -------------------------------------------------------------------- */

FILTER(length) {
  int64_t n;
  SOTTO_TRY(chat_length(rt, c->self, &n));
  *out = value_int(n);
  return SOTTO_OK;
}

FILTER(list) {
  list items;
  value *copy;
  SOTTO_TRY(chat_to_list(rt, c->self, &items));
  SOTTO_TRY(chat_list_new(rt, items.n, V_LIST, out, &copy));
  if (items.n) memcpy(copy, items.items, items.n * sizeof *copy);
  return SOTTO_OK;
}

FILTER(items) {
  list items = {0};
  if (c->self.type == V_DICT)
    SOTTO_TRY(pairs(rt, c->self, &items));
  else if (c->self.type != V_UNDEFINED)
    return chat_fail(rt, "items needs a dict, not %s", chat_type_name(c->self));
  return chat_generator_new(rt, &items, out);
}

FILTER(join) {
  static const str empty = CHAT_TEXT("");
  const str *separator = &empty;
  if (c->a[0].type != V_ABSENT) SOTTO_TRY(chat_to_string(rt, c->a[0], &separator));
  return chat_join(rt, separator, c->self, true, out);
}

FILTER(first) {
  generator *g;
  if (c->self.type == V_STRING) return chat_get_item(rt, c->self, value_int(0), out);
  SOTTO_TRY(chat_iterate(rt, c->self, &g));
  if (g->at == g->items.n) {
    return chat_undefined_hint(rt, "there is no first item, the sequence is empty", out);
  }
  *out = g->items.items[g->at++];
  return SOTTO_OK;
}

FILTER(last) {
  list items;
  if (c->self.type == V_GENERATOR)
    return chat_fail(rt, "last needs a sequence; make it a list first");
  if (c->self.type == V_STRING) return chat_get_item(rt, c->self, value_int(-1), out);
  SOTTO_TRY(chat_to_list(rt, c->self, &items));
  if (!items.n) return chat_undefined_hint(rt, "there is no last item, the sequence is empty", out);
  *out = items.items[items.n - 1];
  return SOTTO_OK;
}

FILTER(reverse) {
  list items, reversed;
  if (c->self.type == V_STRING) {
    const str *s = c->self.as.string;
    SOTTO_TRY(chat_str_slice(rt, s, (int64_t)s->chars - 1, -1, s->chars, &s));
    *out = value_string(s);
    return SOTTO_OK;
  }
  SOTTO_TRY(chat_to_list(rt, c->self, &items));
  reversed.n = items.n;
  CHAT_NEW_ARRAY(reversed.items, items.n);
  for (size_t i = 0; i < items.n; i++) reversed.items[i] = items.items[items.n - 1 - i];
  return chat_generator_new(rt, &reversed, out);
}
