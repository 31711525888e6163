/* object.name, object[key] and object[start:stop:step], with the sandbox's refusals. */
#include "chat/filters.h"

/* What getattr() finds, without a look at items; V_ABSENT for nothing. */
sotto_status chat_own_attribute(runtime *rt, value object, const str *name, value *out) {
  const value *found;
  out->type = V_ABSENT;
  if (object.type == V_UNDEFINED) return chat_fail_undefined(rt, object);
  if (name->len >= 2 && memcmp(name->data, "__", 2) == 0) {
    return chat_undefined_hint(rt, "attributes that start with __ are out of bounds", out);
  }
  switch (object.type) {
  case V_NAMESPACE:
    SOTTO_TRY(chat_dict_get(rt, object.as.dict, value_string(name), &found));
    if (found) *out = *found;
    return SOTTO_OK;
  case V_LOOP: return chat_loop_attribute(rt, object.as.loop, name, out);
  case V_MACRO: return chat_macro_attribute(rt, object.as.macro, name, out);
  default: return chat_get_method(rt, object, name, out);
  }
}

sotto_status chat_get_attribute(runtime *rt, value object, const str *name, value *out) {
  value result;
  SOTTO_TRY(chat_own_attribute(rt, object, name, &result));
  if (result.type == V_ABSENT && object.type == V_DICT) {
    const value *found;
    SOTTO_TRY(chat_dict_get(rt, object.as.dict, value_string(name), &found));
    if (found) result = *found;
  }
  if (object.type == V_TUPLE && object.as.list->is_group) {
    if (chat_str_is(name, "grouper")) result = object.as.list->items[0];
    if (chat_str_is(name, "list")) result = object.as.list->items[1];
  }
  if (result.type == V_ABSENT) {
    return chat_undefined_attribute(rt, object, value_string(name), out);
  }
  *out = result;
  return SOTTO_OK;
}

static sotto_status element(runtime *rt, value object, int64_t i, value *out) {
  int64_t n;
  SOTTO_TRY(chat_length(rt, object, &n));
  if (i < 0) i += n;
  if (i < 0 || i >= n) return chat_undefined_hint(rt, "there is no such element", out);
  switch (object.type) {
  case V_STRING: {
    const str *s;
    SOTTO_TRY(chat_str_slice(rt, object.as.string, i, 1, 1, &s));
    *out = value_string(s);
    return SOTTO_OK;
  }
  case V_RANGE: *out = value_int(object.as.range->start + i * object.as.range->step); break;
  default: *out = object.as.list->items[i];
  }
  return SOTTO_OK;
}

sotto_status chat_get_item(runtime *rt, value object, value key, value *out) {
  if (object.type == V_UNDEFINED) return chat_fail_undefined(rt, object);
  if (object.type == V_DICT && key.type != V_LIST && key.type != V_DICT) {
    const value *found;
    SOTTO_TRY(chat_dict_get(rt, object.as.dict, key, &found));
    if (found) {
      *out = *found;
      return SOTTO_OK;
    }
  }
  bool sequence = object.type == V_LIST || object.type == V_TUPLE || object.type == V_RANGE ||
                  object.type == V_STRING;
  if (sequence && (key.type == V_INT || key.type == V_BOOL)) {
    return element(rt, object, key.type == V_INT ? key.as.integer : key.as.boolean, out);
  }
  value result = {.type = V_ABSENT};
  if (key.type == V_STRING) SOTTO_TRY(chat_own_attribute(rt, object, key.as.string, &result));
  if (result.type == V_ABSENT) return chat_undefined_attribute(rt, object, key, out);
  *out = result;
  return SOTTO_OK;
}

/* ---- slices --------------------------------------------------------------------------------- */

static sotto_status slice_end(runtime *rt, value v, int64_t otherwise, int64_t *out) {
  if (v.type == V_NONE)
    *out = otherwise;
  else if (v.type == V_INT)
    *out = v.as.integer;
  else if (v.type == V_BOOL)
    *out = v.as.boolean;
  else if (v.type == V_UNDEFINED)
    return chat_fail_undefined(rt, v);
  else
    return chat_fail(rt, "a slice needs integers, not %s", chat_type_name(v));
  return SOTTO_OK;
}

/* An end into [low, high]; negative ones count from the end. */
static int64_t clamp(int64_t at, int64_t n, int64_t low, int64_t high) {
  if (at < 0) at = at < -n ? low : at + n;
  return at < low ? low : at > high ? high : at;
}

sotto_status chat_slice(runtime *rt, value v, value from, value to, value by, value *out) {
  int64_t n, start, stop, step;
  if (v.type == V_UNDEFINED) return chat_fail_undefined(rt, v);
  if (v.type != V_STRING && v.type != V_LIST && v.type != V_TUPLE && v.type != V_RANGE) {
    return chat_fail(rt, "%s cannot be sliced", chat_type_name(v));
  }
  SOTTO_TRY(chat_length(rt, v, &n));
  SOTTO_TRY(slice_end(rt, by, 1, &step));
  if (step == 0) return chat_fail(rt, "a slice's step cannot be zero");
  if (step < -INT64_MAX) step = -INT64_MAX;
  SOTTO_TRY(slice_end(rt, from, step > 0 ? 0 : INT64_MAX, &start));
  SOTTO_TRY(slice_end(rt, to, step > 0 ? INT64_MAX : -INT64_MAX, &stop));
  int64_t count;
  if (step > 0) {
    start = clamp(start, n, 0, n);
    stop = clamp(stop, n, 0, n);
    count = stop > start ? (stop - start - 1) / step + 1 : 0;
  } else {
    start = clamp(start, n, -1, n - 1);
    stop = clamp(stop, n, -1, n - 1);
    count = start > stop ? (start - stop - 1) / -step + 1 : 0;
  }
  if (v.type == V_STRING) {
    const str *s;
    SOTTO_TRY(chat_str_slice(rt, v.as.string, start, step, count, &s));
    *out = value_string(s);
    return SOTTO_OK;
  }
  value *items;
  value_type type = v.type == V_TUPLE ? V_TUPLE : V_LIST;
  if (v.type == V_RANGE) {
    const range *r = v.as.range;
    range *part = chat_alloc(rt, sizeof *part);
    CHAT_NO_MEMORY(part);
    *part = (range){.n = count};
    if (__builtin_mul_overflow(r->step, step, &part->step) ||
        __builtin_mul_overflow(r->step, start, &part->start) ||
        __builtin_mul_overflow(r->step, stop, &part->stop) ||
        __builtin_add_overflow(r->start, part->start, &part->start) ||
        __builtin_add_overflow(r->start, part->stop, &part->stop)) {
      return chat_fail(rt, "an integer does not fit 64 bits");
    }
    *out = (value){.type = V_RANGE, .as.range = part};
    return SOTTO_OK;
  }
  SOTTO_TRY(chat_work(rt, (size_t)count * sizeof(value)));
  SOTTO_TRY(chat_list_new(rt, (size_t)count, type, out, &items));
  for (int64_t i = 0; i < count; i++) items[i] = v.as.list->items[start + i * step];
  return SOTTO_OK;
}
