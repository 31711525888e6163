/* object.name and object[key], with the sandbox's refusals. Those of `loop` are in eval/loop.c. */
#include "chat/methods/methods.h"

/* What Python's getattr() finds: methods and attributes, not items. V_ABSENT where there is
 * nothing. */
static sotto_status own_attribute(runtime *rt, value object, const str *name, value *out) {
  const value *found;
  *out = value_absent();
  if (object.type == V_UNDEFINED) return chat_fail_undefined(rt, object);
  if (name->len >= 2 && memcmp(name->data, "__", 2) == 0) {
    return chat_undefined_hint(rt, "attributes that start with __ are out of bounds", out);
  }
  if (object.type == V_MACRO || object.type == V_LOOP) {
    return chat_fail(rt, "'%.*s' of %s is not supported", CHAT_STR_ARG(name),
                     chat_type_name(object));
  }
  if (object.type != V_NAMESPACE) return chat_get_method(rt, object, name, out);
  SOTTO_TRY(chat_dict_get(rt, object.as.dict, value_string(name), &found));
  if (found) *out = *found;
  return SOTTO_OK;
}

sotto_status chat_get_attribute(runtime *rt, value object, const str *name, value *out) {
  value result;
  SOTTO_TRY(own_attribute(rt, object, name, &result));
  if (result.type == V_ABSENT && object.type == V_DICT) {
    const value *found;
    SOTTO_TRY(chat_dict_get(rt, object.as.dict, value_string(name), &found));
    if (found) result = *found;
  }
  if (result.type == V_ABSENT) {
    return chat_undefined_attribute(rt, object, value_string(name), out);
  }
  *out = result;
  return SOTTO_OK;
}

static sotto_status element(runtime *rt, value object, int64_t i, value *out) {
  int64_t n;
  const str *s;
  SOTTO_TRY(chat_length(rt, object, &n));
  if (i < 0) i += n;
  if (i < 0 || i >= n) return chat_undefined_hint(rt, "there is no such element", out);
  switch (object.type) {
  case V_STRING:
    SOTTO_TRY(chat_str_slice(rt, object.as.string, i, 1, 1, &s));
    *out = value_string(s);
    return SOTTO_OK;
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
    return element(rt, object, chat_as_integer(key), out);
  }
  value result = value_absent();
  if (key.type == V_STRING) SOTTO_TRY(own_attribute(rt, object, key.as.string, &result));
  if (result.type == V_ABSENT) return chat_undefined_attribute(rt, object, key, out);
  *out = result;
  return SOTTO_OK;
}
