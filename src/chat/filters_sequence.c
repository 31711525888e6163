/* Filters of sequences and dicts: whole ones at once. */
#include "chat/filters.h"

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
  return chat_string_result(rt, part, out);
}

sotto_status chat_getter_init(runtime *rt, getter *g, value attribute, bool fold_case,
                              value otherwise) {
  *g = (getter){.fold_case = fold_case, .otherwise = otherwise};
  if (attribute.type == V_ABSENT || attribute.type == V_NONE) return SOTTO_OK;
  size_t n = 1;
  const str *s = attribute.type == V_STRING ? attribute.as.string : NULL;
  for (size_t i = 0; s && i < s->len; i++) n += s->data[i] == '.';
  g->parts.items = chat_array(rt, n, sizeof(value));
  CHAT_NO_MEMORY(g->parts.items);
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
    return chat_string_result(rt, lower, out);
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
  *order = chat_array(rt, n * 2, sizeof **order);
  CHAT_NO_MEMORY(*order);
  for (size_t i = 0; i < n; i++) (*order)[i] = (uint32_t)i;
  return merge_sort(rt, keys, reverse, *order, *order + n, n);
}

/* items in the order of their keys, as a new list. */
static sotto_status sorted(runtime *rt, const list *items, const value *keys, bool reverse,
                           value *out) {
  uint32_t *order;
  value *result;
  SOTTO_TRY(chat_sort(rt, keys, items->n, reverse, &order));
  SOTTO_TRY(chat_list_new(rt, items->n, V_LIST, out, &result));
  for (size_t i = 0; i < items->n; i++) result[i] = items->items[order[i]];
  return SOTTO_OK;
}

/* The keys of items; several attributes ("a,b") make a list of each. */
static sotto_status make_keys(runtime *rt, const list *items, value attribute, bool fold_case,
                              value **keys) {
  getter getters[8];
  size_t n = 0, start = 0;
  const str *s = attribute.type == V_STRING ? attribute.as.string : NULL;
  value otherwise = {.type = V_ABSENT};
  do {
    value one = attribute;
    size_t end = start;
    if (s) {
      while (end < s->len && s->data[end] != ',') end++;
      const str *part;
      SOTTO_TRY(chat_str_sub(rt, s, start, end, &part));
      one = value_string(part);
    }
    if (n == sizeof getters / sizeof *getters) return chat_fail(rt, "too many attributes");
    SOTTO_TRY(chat_getter_init(rt, &getters[n++], one, fold_case, otherwise));
    start = end + 1;
  } while (s && start <= s->len);
  *keys = chat_array(rt, items->n, sizeof **keys);
  CHAT_NO_MEMORY(*keys);
  for (size_t i = 0; i < items->n; i++) {
    value *parts = &(*keys)[i];
    if (n > 1) SOTTO_TRY(chat_list_new(rt, n, V_LIST, &(*keys)[i], &parts));
    for (size_t k = 0; k < n; k++) {
      SOTTO_TRY(chat_getter_get(rt, &getters[k], items->items[i], &parts[k]));
    }
  }
  return SOTTO_OK;
}

FILTER(sort) {
  FILTER_UNUSED;
  bool reverse, case_sensitive;
  list items;
  value *keys;
  SOTTO_TRY(chat_truth(rt, a[0], &reverse));
  SOTTO_TRY(chat_truth(rt, a[1], &case_sensitive));
  SOTTO_TRY(chat_to_list(rt, in, &items));
  SOTTO_TRY(make_keys(rt, &items, a[2], !case_sensitive, &keys));
  return sorted(rt, &items, keys, reverse, out);
}

FILTER(dictsort) {
  FILTER_UNUSED;
  bool reverse, case_sensitive, by_value = false;
  const str *by = NULL;
  SOTTO_TRY(chat_truth(rt, a[0], &case_sensitive));
  SOTTO_TRY(chat_take_string(rt, a[1], &by));
  SOTTO_TRY(chat_truth(rt, a[2], &reverse));
  if (by && !(by_value = chat_str_is(by, "value")) && !chat_str_is(by, "key")) {
    return chat_fail(rt, "dictsort: by 'key' or 'value'");
  }
  if (in.type == V_UNDEFINED) return chat_fail_undefined(rt, in);
  if (in.type != V_DICT) return chat_fail(rt, "dictsort needs a dict, not %s", chat_type_name(in));
  const dict *d = in.as.dict;
  view items_view = {d, VIEW_ITEMS};
  value view_value = {.type = V_VIEW, .as.view = &items_view}, *keys;
  list items;
  SOTTO_TRY(chat_to_list(rt, view_value, &items));
  SOTTO_TRY(make_keys(rt, &items, value_int(by_value), !case_sensitive, &keys));
  return sorted(rt, &items, keys, reverse, out);
}

static sotto_status extreme(runtime *rt, value in, const value *a, bool max, value *out) {
  bool case_sensitive;
  list items;
  getter g;
  value best, key, absent = {.type = V_ABSENT};
  SOTTO_TRY(chat_truth(rt, a[0], &case_sensitive));
  SOTTO_TRY(chat_getter_init(rt, &g, a[1], !case_sensitive, absent));
  SOTTO_TRY(chat_to_list(rt, in, &items));
  if (!items.n) return chat_undefined_hint(rt, "there is no item, the sequence is empty", out);
  *out = items.items[0];
  SOTTO_TRY(chat_getter_get(rt, &g, *out, &best));
  for (size_t i = 1; i < items.n; i++) {
    bool better;
    SOTTO_TRY(chat_getter_get(rt, &g, items.items[i], &key));
    SOTTO_TRY(max ? less(rt, best, key, &better) : less(rt, key, best, &better));
    if (!better) continue;
    best = key;
    *out = items.items[i];
  }
  return SOTTO_OK;
}

FILTER(max) {
  FILTER_UNUSED;
  return extreme(rt, in, a, true, out);
}

FILTER(min) {
  FILTER_UNUSED;
  return extreme(rt, in, a, false, out);
}

FILTER(groupby) {
  FILTER_UNUSED;
  bool case_sensitive;
  list items;
  getter fold, real;
  value ordered;
  SOTTO_TRY(chat_truth(rt, a[2], &case_sensitive));
  SOTTO_TRY(chat_getter_init(rt, &fold, a[0], !case_sensitive, a[1]));
  SOTTO_TRY(chat_getter_init(rt, &real, a[0], false, a[1]));
  SOTTO_TRY(chat_to_list(rt, in, &items));
  value *keys = chat_array(rt, items.n, sizeof *keys);
  CHAT_NO_MEMORY(keys);
  for (size_t i = 0; i < items.n; i++) {
    SOTTO_TRY(chat_getter_get(rt, &fold, items.items[i], &keys[i]));
  }
  uint32_t *order;
  SOTTO_TRY(chat_sort(rt, keys, items.n, false, &order));
  SOTTO_TRY(sorted(rt, &items, keys, false, &ordered));
  value *groups;
  SOTTO_TRY(chat_list_new(rt, items.n, V_LIST, out, &groups));
  size_t n = 0;
  for (size_t first = 0, end; first < items.n; first = end) {
    value *pair, *members;
    bool same = true;
    for (end = first + 1; end < items.n; end++) {
      SOTTO_TRY(chat_equal(rt, keys[order[first]], keys[order[end]], &same));
      if (!same) break;
    }
    list *group = chat_alloc(rt, sizeof *group);
    CHAT_NO_MEMORY(group);
    pair = chat_array(rt, 2, sizeof *pair);
    CHAT_NO_MEMORY(pair);
    *group = (list){.n = 2, .items = pair, .is_group = true};
    groups[n++] = (value){.type = V_TUPLE, .as.list = group};
    SOTTO_TRY(chat_getter_get(rt, &real, ordered.as.list->items[first], &pair[0]));
    SOTTO_TRY(chat_list_new(rt, end - first, V_LIST, &pair[1], &members));
    memcpy(members, ordered.as.list->items + first, (end - first) * sizeof *members);
  }
  list *result = chat_alloc(rt, sizeof *result);
  CHAT_NO_MEMORY(result);
  *result = (list){.n = n, .items = groups};
  out->as.list = result;
  return SOTTO_OK;
}

FILTER(unique) {
  FILTER_UNUSED;
  bool case_sensitive;
  getter g;
  list items, kept = {0};
  dict *seen;
  value absent = {.type = V_ABSENT};
  SOTTO_TRY(chat_truth(rt, a[0], &case_sensitive));
  SOTTO_TRY(chat_getter_init(rt, &g, a[1], !case_sensitive, absent));
  SOTTO_TRY(chat_to_list(rt, in, &items));
  SOTTO_TRY(chat_dict_new(rt, items.n, &seen));
  kept.items = chat_array(rt, items.n, sizeof *kept.items);
  CHAT_NO_MEMORY(kept.items);
  for (size_t i = 0; i < items.n; i++) {
    value key;
    size_t before = seen->n;
    SOTTO_TRY(chat_getter_get(rt, &g, items.items[i], &key));
    SOTTO_TRY(chat_dict_set(rt, seen, key, value_none()));
    if (seen->n > before) kept.items[kept.n++] = items.items[i];
  }
  return chat_iterator_of_list(rt, &kept, out);
}

/* ---- length, ends, order -------------------------------------------------------------------- */

FILTER(length) {
  FILTER_UNUSED;
  int64_t n;
  SOTTO_TRY(chat_length(rt, in, &n));
  *out = value_int(n);
  return SOTTO_OK;
}

FILTER(list) {
  FILTER_UNUSED;
  list items;
  value *copy;
  SOTTO_TRY(chat_to_list(rt, in, &items));
  SOTTO_TRY(chat_list_new(rt, items.n, V_LIST, out, &copy));
  if (items.n) memcpy(copy, items.items, items.n * sizeof *copy);
  return SOTTO_OK;
}

FILTER(items) {
  FILTER_UNUSED;
  list items = {0};
  if (in.type == V_DICT) {
    view v = {in.as.dict, VIEW_ITEMS};
    value view_value = {.type = V_VIEW, .as.view = &v};
    SOTTO_TRY(chat_to_list(rt, view_value, &items));
  } else if (in.type != V_UNDEFINED) {
    return chat_fail(rt, "items needs a dict, not %s", chat_type_name(in));
  }
  return chat_iterator_of_list(rt, &items, out);
}

FILTER(first) {
  FILTER_UNUSED;
  iterator *it;
  bool more;
  SOTTO_TRY(chat_iterate(rt, in, &it));
  SOTTO_TRY(chat_next(rt, it, out, &more));
  if (more) return SOTTO_OK;
  return chat_undefined_hint(rt, "there is no first item, the sequence is empty", out);
}

FILTER(last) {
  FILTER_UNUSED;
  list items;
  if (in.type == V_ITERATOR) return chat_fail(rt, "last needs a sequence; make it a list first");
  if (in.type == V_STRING) return chat_get_item(rt, in, value_int(-1), out);
  SOTTO_TRY(chat_to_list(rt, in, &items));
  if (!items.n) return chat_undefined_hint(rt, "there is no last item, the sequence is empty", out);
  *out = items.items[items.n - 1];
  return SOTTO_OK;
}

FILTER(reverse) {
  FILTER_UNUSED;
  list items, reversed;
  if (in.type == V_STRING) {
    const str *s = in.as.string;
    SOTTO_TRY(chat_str_slice(rt, s, (int64_t)s->chars - 1, -1, s->chars, &s));
    return chat_string_result(rt, s, out);
  }
  SOTTO_TRY(chat_to_list(rt, in, &items));
  reversed = (list){.n = items.n, .items = chat_array(rt, items.n, sizeof(value))};
  CHAT_NO_MEMORY(reversed.items);
  for (size_t i = 0; i < items.n; i++) reversed.items[i] = items.items[items.n - 1 - i];
  return chat_iterator_of_list(rt, &reversed, out);
}

FILTER(sum) {
  FILTER_UNUSED;
  getter g;
  iterator *it;
  value absent = {.type = V_ABSENT};
  SOTTO_TRY(chat_getter_init(rt, &g, a[0], false, absent));
  SOTTO_TRY(chat_iterate(rt, in, &it));
  *out = a[1].type == V_ABSENT ? value_int(0) : a[1];
  if (out->type == V_STRING) return chat_fail(rt, "sum cannot add strings; use join");
  for (;;) {
    value item;
    bool more;
    SOTTO_TRY(chat_next(rt, it, &item, &more));
    if (!more) return SOTTO_OK;
    SOTTO_TRY(chat_getter_get(rt, &g, item, &item));
    SOTTO_TRY(chat_binary(rt, OP_ADD, *out, item, out));
  }
}

/* ---- lists of lists ------------------------------------------------------------------------- */

FILTER(batch) {
  FILTER_UNUSED;
  int64_t size = 0;
  list items, batches = {0};
  SOTTO_TRY(chat_take_integer(rt, a[0], &size));
  SOTTO_TRY(chat_to_list(rt, in, &items));
  if (size < 1 || size > CHAT_MAX_RANGE)
    return chat_fail(rt, "batch: a size of 1 to %d", CHAT_MAX_RANGE);
  bool fill = a[1].type != V_ABSENT && a[1].type != V_NONE;
  batches.items = chat_array(rt, items.n, sizeof(value));
  CHAT_NO_MEMORY(batches.items);
  for (size_t at = 0; at < items.n; at += (size_t)size) {
    size_t n = items.n - at < (size_t)size ? items.n - at : (size_t)size;
    value *batch;
    SOTTO_TRY(
        chat_list_new(rt, fill ? (size_t)size : n, V_LIST, &batches.items[batches.n++], &batch));
    for (size_t i = 0; i < (fill ? (size_t)size : n); i++)
      batch[i] = i < n ? items.items[at + i] : a[1];
  }
  return chat_iterator_of_list(rt, &batches, out);
}

FILTER(slice) {
  FILTER_UNUSED;
  int64_t count = 0;
  list items, slices = {0};
  SOTTO_TRY(chat_take_integer(rt, a[0], &count));
  SOTTO_TRY(chat_to_list(rt, in, &items));
  if (count < 1 || count > CHAT_MAX_RANGE)
    return chat_fail(rt, "slice: 1 to %d slices", CHAT_MAX_RANGE);
  bool fill = a[1].type != V_ABSENT && a[1].type != V_NONE;
  size_t each = items.n / (size_t)count, extra = items.n % (size_t)count, at = 0;
  slices.items = chat_array(rt, (size_t)count, sizeof(value));
  CHAT_NO_MEMORY(slices.items);
  for (size_t k = 0; k < (size_t)count; k++) {
    size_t n = each + (k < extra);
    bool filled = fill && k >= extra;
    value *slice;
    SOTTO_TRY(chat_list_new(rt, n + filled, V_LIST, &slices.items[slices.n++], &slice));
    for (size_t i = 0; i < n; i++) slice[i] = items.items[at++];
    if (filled) slice[n] = a[1];
  }
  return chat_iterator_of_list(rt, &slices, out);
}
