/* Python's protocols on values: truth, equality, order, length, membership. */
#include "chat/values/strings.h"

const char *chat_type_name(value v) {
  static const char *const names[] = {
      [V_ABSENT] = "Undefined",
      [V_UNDEFINED] = "Undefined",
      [V_NONE] = "None",
      [V_BOOL] = "bool",
      [V_INT] = "int",
      [V_FLOAT] = "float",
      [V_STRING] = "str",
      [V_LIST] = "list",
      [V_TUPLE] = "tuple",
      [V_DICT] = "dict",
      [V_VIEW] = "dict view",
      [V_RANGE] = "range",
      [V_GENERATOR] = "generator",
      [V_NAMESPACE] = "namespace",
      [V_FUNCTION] = "function",
      [V_METHOD] = "method",
      [V_MACRO] = "macro",
      [V_LOOP] = "loop",
  };
  return names[v.type];
}

bool chat_is_number(value v) {
  return v.type == V_BOOL || v.type == V_INT || v.type == V_FLOAT;
}

double chat_as_double(value v) {
  return v.type == V_FLOAT ? v.as.number : (double)chat_as_integer(v);
}

int64_t chat_as_integer(value v) {
  return v.type == V_BOOL ? v.as.boolean : v.as.integer;
}

bool chat_truth(value v) {
  switch (v.type) {
  case V_ABSENT:
  case V_UNDEFINED:
  case V_NONE: return false;
  case V_BOOL: return v.as.boolean;
  case V_INT: return v.as.integer != 0;
  case V_FLOAT: return v.as.number != 0;
  case V_STRING: return v.as.string->len > 0;
  case V_LIST:
  case V_TUPLE: return v.as.list->n > 0;
  case V_DICT: return v.as.dict->n > 0;
  case V_VIEW: return v.as.view->dict->n > 0;
  case V_RANGE: return v.as.range->n > 0;
  default: return true;
  }
}

/* ---- equality and order --------------------------------------------------------------------- */

/* Compares exactly, also where a double cannot hold the integer. */
static int compare_integer_float(int64_t i, double f) {
  if (f >= 9223372036854775808.0) return -1;
  if (f < -9223372036854775808.0) return 1;
  int64_t whole = (int64_t)f;
  if (i != whole) return i < whole ? -1 : 1;
  double rest = f - (double)whole;
  return rest > 0 ? -1 : rest < 0;
}

int chat_compare_numbers(value a, value b, bool *ordered) {
  const bool a_float = a.type == V_FLOAT, b_float = b.type == V_FLOAT;
  *ordered = !(a_float && a.as.number != a.as.number) && !(b_float && b.as.number != b.as.number);
  if (!*ordered) return 1;
  if (a_float && b_float) return (a.as.number > b.as.number) - (a.as.number < b.as.number);
  if (b_float) return compare_integer_float(chat_as_integer(a), b.as.number);
  if (a_float) return -compare_integer_float(chat_as_integer(b), a.as.number);
  const int64_t x = chat_as_integer(a), y = chat_as_integer(b);
  return (x > y) - (x < y);
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

static sotto_status equal_lists(runtime *rt, const list *a, const list *b, bool *out) {
  *out = a->n == b->n;
  for (size_t i = 0; *out && i < a->n; i++) {
    SOTTO_TRY(chat_equal(rt, a->items[i], b->items[i], out));
  }
  return SOTTO_OK;
}

sotto_status chat_equal(runtime *rt, value a, value b, bool *out) {
  bool ordered;
  *out = false;
  if (chat_is_number(a) && chat_is_number(b)) {
    *out = chat_compare_numbers(a, b, &ordered) == 0;
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
  case V_DICT: {
    SOTTO_TRY(chat_enter(rt));
    SOTTO_TRY(chat_work(rt, CHAT_WORK_STEP));
    sotto_status status = a.type == V_DICT ? equal_dicts(rt, a.as.dict, b.as.dict, out)
                                           : equal_lists(rt, a.as.list, b.as.list, out);
    rt->depth--;
    return status;
  }
  case V_VIEW: return chat_fail(rt, "'==' of views of dicts is not supported");
  default: *out = a.as.object == b.as.object; return SOTTO_OK;
  }
}

sotto_status chat_compare(runtime *rt, value a, value b, const char *op, int *out, bool *ordered) {
  *ordered = true;
  if (a.type == V_UNDEFINED) return chat_fail_undefined(rt, a);
  if (b.type == V_UNDEFINED) return chat_fail_undefined(rt, b);
  if (chat_is_number(a) && chat_is_number(b)) {
    *out = chat_compare_numbers(a, b, ordered);
    return SOTTO_OK;
  }
  if (a.type == V_STRING && b.type == V_STRING) {
    *out = chat_str_compare(a.as.string, b.as.string);
    size_t n = a.as.string->len < b.as.string->len ? a.as.string->len : b.as.string->len;
    return chat_work(rt, n);
  }
  return chat_fail(rt, "'%s' is not supported between %s and %s", op, chat_type_name(a),
                   chat_type_name(b));
}

/* ---- length and membership ------------------------------------------------------------------ */

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
  if (container.type == V_VIEW && container.as.view->what == VIEW_KEYS) {
    container = value_dict((dict *)container.as.view->dict);
  }
  if (container.type == V_DICT) {
    const value *found;
    SOTTO_TRY(chat_dict_get(rt, container.as.dict, item, &found));
    *out = found != NULL;
    return SOTTO_OK;
  }
  generator *g;
  SOTTO_TRY(chat_iterate(rt, container, &g));
  while (!*out && g->at < g->items.n) {
    SOTTO_TRY(chat_work(rt, CHAT_WORK_STEP));
    SOTTO_TRY(chat_equal(rt, g->items.items[g->at++], item, out));
  }
  return SOTTO_OK;
}
