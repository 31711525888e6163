/* Python's protocols on values: truth, equality, order, length, membership. */
#include "chat/strings.h"

const char *chat_type_name(value v) {
  switch (v.type) {
  case V_ABSENT:
  case V_UNDEFINED: return "Undefined";
  case V_NONE: return "None";
  case V_BOOL: return "bool";
  case V_INT: return "int";
  case V_FLOAT: return "float";
  case V_STRING: return "str";
  case V_LIST: return "list";
  case V_TUPLE: return "tuple";
  case V_DICT: return "dict";
  case V_VIEW: return "dict view";
  case V_RANGE: return "range";
  case V_ITERATOR: return "generator";
  case V_NAMESPACE: return "namespace";
  case V_FUNCTION: return "function";
  case V_METHOD: return "method";
  case V_MACRO: return "macro";
  case V_LOOP: return "loop";
  case V_JOINER: return "joiner";
  case V_CYCLER: return "cycler";
  }
  return "object";
}

bool chat_is_number(value v) {
  return v.type == V_BOOL || v.type == V_INT || v.type == V_FLOAT;
}

double chat_as_double(value v) {
  return v.type == V_FLOAT ? v.as.number : v.type == V_INT ? (double)v.as.integer : v.as.boolean;
}

static int64_t as_integer(value v) {
  return v.type == V_BOOL ? v.as.boolean : v.as.integer;
}

/* Exactly, also where a double cannot hold the integer. */
static int compare_integer_float(int64_t i, double f) {
  if (f >= 9223372036854775808.0) return -1;
  if (f < -9223372036854775808.0) return 1;
  int64_t whole = (int64_t)f;
  if (i != whole) return i < whole ? -1 : 1;
  double rest = f - (double)whole;
  return rest > 0 ? -1 : rest < 0;
}

static int compare_numbers(value a, value b, bool *ordered) {
  *ordered = true;
  if ((a.type == V_FLOAT && a.as.number != a.as.number) ||
      (b.type == V_FLOAT && b.as.number != b.as.number)) {
    *ordered = false;
    return 1;
  }
  if (a.type != V_FLOAT && b.type != V_FLOAT) {
    int64_t x = as_integer(a), y = as_integer(b);
    return (x > y) - (x < y);
  }
  if (a.type != V_FLOAT) return compare_integer_float(as_integer(a), b.as.number);
  if (b.type != V_FLOAT) return -compare_integer_float(as_integer(b), a.as.number);
  return (a.as.number > b.as.number) - (a.as.number < b.as.number);
}

sotto_status chat_truth(runtime *rt, value v, bool *out) {
  (void)rt;
  switch (v.type) {
  case V_ABSENT:
  case V_UNDEFINED:
  case V_NONE: *out = false; break;
  case V_BOOL: *out = v.as.boolean; break;
  case V_INT: *out = v.as.integer != 0; break;
  case V_FLOAT: *out = v.as.number != 0; break;
  case V_STRING: *out = v.as.string->len > 0; break;
  case V_LIST:
  case V_TUPLE: *out = v.as.list->n > 0; break;
  case V_DICT: *out = v.as.dict->n > 0; break;
  case V_VIEW: *out = v.as.view->dict->n > 0; break;
  case V_RANGE: *out = v.as.range->n > 0; break;
  default: *out = true;
  }
  return SOTTO_OK;
}

/* ---- equality and order --------------------------------------------------------------------- */

static sotto_status deeper(runtime *rt) {
  if (rt->depth++ < CHAT_MAX_DEPTH) return chat_work(rt, CHAT_WORK_STEP);
  return chat_fail(rt, "lists or dicts nested too deeply");
}

static sotto_status equal_dicts(runtime *rt, const dict *a, const dict *b, bool *out) {
  *out = a->n == b->n;
  for (size_t i = 0; *out && i < a->n; i++) {
    const value *other;
    SOTTO_TRY(chat_dict_get(rt, b, a->entries[i].key, &other));
    *out = other != NULL;
    if (other) SOTTO_TRY(chat_equal(rt, a->entries[i].value, *other, out));
  }
  return SOTTO_OK;
}

/* Keys and items compare as sets, values as objects. */
static sotto_status equal_views(runtime *rt, const view *a, const view *b, bool *out) {
  *out = a == b;
  if (a->what != b->what || a->what == VIEW_VALUES) return SOTTO_OK;
  if (a->what == VIEW_ITEMS) return equal_dicts(rt, a->dict, b->dict, out);
  *out = a->dict->n == b->dict->n;
  for (size_t i = 0; *out && i < a->dict->n; i++) {
    const value *other;
    SOTTO_TRY(chat_dict_get(rt, b->dict, a->dict->entries[i].key, &other));
    *out = other != NULL;
  }
  return SOTTO_OK;
}

static sotto_status equal_containers(runtime *rt, value a, value b, bool *out) {
  if (a.type == V_DICT) return equal_dicts(rt, a.as.dict, b.as.dict, out);
  if (a.type == V_VIEW) return equal_views(rt, a.as.view, b.as.view, out);
  *out = a.as.list->n == b.as.list->n;
  for (size_t i = 0; *out && i < a.as.list->n; i++) {
    SOTTO_TRY(chat_equal(rt, a.as.list->items[i], b.as.list->items[i], out));
  }
  return SOTTO_OK;
}

sotto_status chat_equal(runtime *rt, value a, value b, bool *out) {
  *out = false;
  if (chat_is_number(a) && chat_is_number(b)) {
    bool ordered;
    *out = compare_numbers(a, b, &ordered) == 0;
    return SOTTO_OK;
  }
  if (a.type != b.type) return SOTTO_OK;
  switch (a.type) {
  case V_ABSENT:
  case V_UNDEFINED:
  case V_NONE: *out = true; return SOTTO_OK;
  case V_STRING:
    *out = chat_str_equal(a.as.string, b.as.string);
    return chat_work(rt, a.as.string->len == b.as.string->len ? a.as.string->len : 0);
  case V_RANGE: {
    const range *x = a.as.range, *y = b.as.range;
    *out = x->n == y->n && (x->n == 0 || x->start == y->start) && (x->n < 2 || x->step == y->step);
    return SOTTO_OK;
  }
  case V_LIST:
  case V_TUPLE:
  case V_VIEW:
  case V_DICT: {
    SOTTO_TRY(deeper(rt));
    sotto_status status = equal_containers(rt, a, b, out);
    rt->depth--;
    return status;
  }
  default: *out = a.as.iter == b.as.iter; return SOTTO_OK;
  }
}

static sotto_status compare_lists(runtime *rt, const list *a, const list *b, const char *op,
                                  int *out, bool *ordered) {
  for (size_t i = 0; i < a->n && i < b->n; i++) {
    bool same;
    SOTTO_TRY(chat_equal(rt, a->items[i], b->items[i], &same));
    if (!same) return chat_compare(rt, a->items[i], b->items[i], op, out, ordered);
  }
  *out = (a->n > b->n) - (a->n < b->n);
  return SOTTO_OK;
}

sotto_status chat_compare(runtime *rt, value a, value b, const char *op, int *out, bool *ordered) {
  *ordered = true;
  if (a.type == V_UNDEFINED) return chat_fail_undefined(rt, a);
  if (b.type == V_UNDEFINED) return chat_fail_undefined(rt, b);
  if (chat_is_number(a) && chat_is_number(b)) {
    *out = compare_numbers(a, b, ordered);
    return SOTTO_OK;
  }
  if (a.type == V_STRING && b.type == V_STRING) {
    *out = chat_str_compare(a.as.string, b.as.string);
    size_t n = a.as.string->len < b.as.string->len ? a.as.string->len : b.as.string->len;
    return chat_work(rt, n);
  }
  if (a.type == b.type && (a.type == V_LIST || a.type == V_TUPLE)) {
    SOTTO_TRY(deeper(rt));
    sotto_status status = compare_lists(rt, a.as.list, b.as.list, op, out, ordered);
    rt->depth--;
    return status;
  }
  return chat_fail(rt, "'%s' is not supported between %s and %s", op, chat_type_name(a),
                   chat_type_name(b));
}

sotto_status chat_length(runtime *rt, value v, int64_t *out) {
  switch (v.type) {
  case V_UNDEFINED: *out = 0; return SOTTO_OK;
  case V_STRING: *out = v.as.string->chars; return SOTTO_OK;
  case V_LIST:
  case V_TUPLE: *out = (int64_t)v.as.list->n; return SOTTO_OK;
  case V_DICT: *out = (int64_t)v.as.dict->n; return SOTTO_OK;
  case V_VIEW: *out = (int64_t)v.as.view->dict->n; return SOTTO_OK;
  case V_RANGE: *out = v.as.range->n; return SOTTO_OK;
  default: return chat_fail(rt, "%s has no length", chat_type_name(v));
  }
}

sotto_status chat_contains(runtime *rt, value container, value item, bool *out) {
  *out = false;
  if (container.type == V_STRING) {
    if (item.type != V_STRING) {
      return chat_fail(rt, "'in' a string needs a string on its left, not %s",
                       chat_type_name(item));
    }
    size_t at;
    const str *s = container.as.string;
    SOTTO_TRY(chat_str_find(rt, s, item.as.string, 0, s->len, &at));
    *out = at != SIZE_MAX;
    return SOTTO_OK;
  }
  if (container.type == V_DICT ||
      (container.type == V_VIEW && container.as.view->what == VIEW_KEYS)) {
    const value *found;
    const dict *d = container.type == V_DICT ? container.as.dict : container.as.view->dict;
    SOTTO_TRY(chat_dict_get(rt, d, item, &found));
    *out = found != NULL;
    return SOTTO_OK;
  }
  iterator *it;
  SOTTO_TRY(chat_iterate(rt, container, &it));
  for (bool more = true; !*out;) {
    value each;
    SOTTO_TRY(chat_next(rt, it, &each, &more));
    if (!more) break;
    SOTTO_TRY(chat_equal(rt, each, item, out));
  }
  return SOTTO_OK;
}

/* ---- lists and dicts ------------------------------------------------------------------------ */

sotto_status chat_list_new(runtime *rt, size_t n, value_type list_or_tuple, value *out,
                           value **items) {
  list *l = chat_alloc(rt, sizeof *l);
  CHAT_NO_MEMORY(l);
  *items = chat_array(rt, n, sizeof(value));
  CHAT_NO_MEMORY(*items);
  *l = (list){.n = n, .items = *items};
  *out = (value){.type = list_or_tuple, .as.list = l};
  return SOTTO_OK;
}

#define SMALL_DICT 8

/* A total order of keys in which equal keys (1, 1.0, true) are neighbours. */
static int key_rank(value v) {
  switch (v.type) {
  case V_NONE: return 0;
  case V_BOOL:
  case V_INT:
  case V_FLOAT: return v.type == V_FLOAT && v.as.number != v.as.number ? 1 : 2;
  case V_STRING: return 3;
  case V_TUPLE: return 4;
  case V_UNDEFINED: return 5;
  default: return 6;
  }
}

static int key_compare(value a, value b) {
  int rank = key_rank(a), other = key_rank(b);
  bool ordered;
  if (rank != other) return rank < other ? -1 : 1;
  switch (rank) {
  case 2: return compare_numbers(a, b, &ordered);
  case 3: return chat_str_compare(a.as.string, b.as.string);
  case 4:
    for (size_t i = 0; i < a.as.list->n && i < b.as.list->n; i++) {
      int c = key_compare(a.as.list->items[i], b.as.list->items[i]);
      if (c) return c;
    }
    return (a.as.list->n > b.as.list->n) - (a.as.list->n < b.as.list->n);
  case 6: return (a.as.iter > b.as.iter) - (a.as.iter < b.as.iter);
  default: return 0;
  }
}

/* Fails for what Python cannot hash, and for tuples nested without end. */
static sotto_status check_key(runtime *rt, value key, unsigned depth) {
  if (key.type == V_LIST || key.type == V_DICT || depth > CHAT_MAX_VALUE_DEPTH) {
    return chat_fail(rt, "%s cannot be a key", chat_type_name(key));
  }
  for (size_t i = 0; key.type == V_TUPLE && i < key.as.list->n; i++) {
    SOTTO_TRY(check_key(rt, key.as.list->items[i], depth + 1));
  }
  return chat_work(rt, key.type == V_STRING ? key.as.string->len : CHAT_WORK_STEP / 4);
}

static size_t find_entry(const dict *d, value key) {
  if (!d->order) {
    for (size_t i = 0; i < d->n; i++) {
      if (key_compare(d->entries[i].key, key) == 0) return i;
    }
    return SIZE_MAX;
  }
  size_t low = 0, high = d->n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int c = key_compare(d->entries[d->order[middle]].key, key);
    if (c == 0) return d->order[middle];
    if (c < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return SIZE_MAX;
}

sotto_status chat_dict_new(runtime *rt, size_t cap, dict **out) {
  dict *d = chat_alloc(rt, sizeof *d);
  CHAT_NO_MEMORY(d);
  d->entries = chat_array(rt, cap, sizeof *d->entries);
  CHAT_NO_MEMORY(d->entries);
  d->cap = cap;
  *out = d;
  return SOTTO_OK;
}

sotto_status chat_dict_set(runtime *rt, dict *d, value key, value v) {
  SOTTO_TRY(check_key(rt, key, 0));
  SOTTO_TRY(chat_work(rt, d->order ? CHAT_WORK_STEP : d->n * 16));
  size_t i = find_entry(d, key);
  if (i != SIZE_MAX) {
    d->entries[i].value = v;
    return SOTTO_OK;
  }
  if (d->n == d->cap) {
    size_t cap = d->cap < 4 ? 4 : d->cap * 2;
    entry *entries = chat_array(rt, cap, sizeof *entries);
    CHAT_NO_MEMORY(entries);
    if (d->n) memcpy(entries, d->entries, d->n * sizeof *entries);
    d->entries = entries;
    d->cap = cap;
  }
  d->entries[d->n++] = (entry){key, v};
  d->order = NULL;
  return SOTTO_OK;
}

static void merge_sort(const dict *d, uint32_t *order, uint32_t *scratch, size_t n) {
  if (n < 2) return;
  size_t half = n / 2, i = 0, j = half, k = 0;
  merge_sort(d, order, scratch, half);
  merge_sort(d, order + half, scratch, n - half);
  memcpy(scratch, order, n * sizeof *order);
  while (i < half || j < n) {
    bool left = j >= n || (i < half && key_compare(d->entries[scratch[i]].key,
                                                   d->entries[scratch[j]].key) <= 0);
    order[k++] = left ? scratch[i++] : scratch[j++];
  }
}

sotto_status chat_dict_seal(runtime *rt, dict *d) {
  if (d->n <= SMALL_DICT || d->order) return SOTTO_OK;
  SOTTO_TRY(chat_work(rt, d->n * 32));
  uint32_t *order = chat_array(rt, d->n * 2, sizeof *order);
  CHAT_NO_MEMORY(order);
  for (size_t i = 0; i < d->n; i++) order[i] = (uint32_t)i;
  merge_sort(d, order, order + d->n, d->n);
  d->order = order;
  return SOTTO_OK;
}

sotto_status chat_dict_get(runtime *rt, const dict *d, value key, const value **out) {
  SOTTO_TRY(check_key(rt, key, 0));
  SOTTO_TRY(chat_work(rt, d->order ? CHAT_WORK_STEP : d->n * 16));
  size_t i = find_entry(d, key);
  *out = i == SIZE_MAX ? NULL : &d->entries[i].value;
  return SOTTO_OK;
}
