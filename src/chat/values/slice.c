/* v[start:stop:step] of strings, lists and tuples. */
#include "chat/values/strings.h"

static sotto_status slice_end(runtime *rt, value v, int64_t otherwise, int64_t *out) {
  if (v.type == V_UNDEFINED) return chat_fail_undefined(rt, v);
  if (v.type != V_NONE && v.type != V_INT && v.type != V_BOOL) {
    return chat_fail(rt, "a slice needs integers, not %s", chat_type_name(v));
  }
  *out = v.type == V_NONE ? otherwise : chat_as_integer(v);
  return SOTTO_OK;
}

/* Brings an end of the slice into [low, high]; negative ones count from the end of the sequence. */
static int64_t clamp(int64_t at, int64_t n, int64_t low, int64_t high) {
  if (at < 0) at = at < -n ? low : at + n;
  return at < low ? low : at > high ? high : at;
}

sotto_status chat_slice(runtime *rt, value v, value from, value to, value by, value *out) {
  int64_t n, start, stop, step, count;
  if (v.type == V_UNDEFINED) return chat_fail_undefined(rt, v);
  if (v.type == V_RANGE) return chat_fail(rt, "slices of range() are not supported");
  if (v.type != V_STRING && v.type != V_LIST && v.type != V_TUPLE) {
    return chat_fail(rt, "%s cannot be sliced", chat_type_name(v));
  }
  SOTTO_TRY(chat_length(rt, v, &n));
  SOTTO_TRY(slice_end(rt, by, 1, &step));
  if (step == 0) return chat_fail(rt, "a slice's step cannot be zero");
  if (step < -INT64_MAX) step = -INT64_MAX;
  SOTTO_TRY(slice_end(rt, from, step > 0 ? 0 : INT64_MAX, &start));
  SOTTO_TRY(slice_end(rt, to, step > 0 ? INT64_MAX : -INT64_MAX, &stop));
  const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;
  start = clamp(start, n, low, high);
  stop = clamp(stop, n, low, high);
  if (step > 0)
    count = stop > start ? (stop - start - 1) / step + 1 : 0;
  else
    count = start > stop ? (start - stop - 1) / -step + 1 : 0;
  if (v.type == V_STRING) {
    const str *s;
    SOTTO_TRY(chat_str_slice(rt, v.as.string, start, step, count, &s));
    *out = value_string(s);
    return SOTTO_OK;
  }
  value *items;
  SOTTO_TRY(chat_work(rt, (size_t)count * sizeof(value)));
  SOTTO_TRY(chat_list_new(rt, (size_t)count, v.type, out, &items));
  for (int64_t i = 0; i < count; i++) items[i] = v.as.list->items[start + i * step];
  return SOTTO_OK;
}
