/* Arguments of a call: which parameter gets which, and what type they must have. */
#include "chat/methods/methods.h"

/* The index of a name in "a,b,c", or -1. */
static int find_parameter(const char *names, const str *name) {
  for (int i = 0; *names; i++) {
    size_t len = strcspn(names, ",");
    if (len == name->len && memcmp(names, name->data, len) == 0) return i;
    names += len;
    if (*names) names++;
  }
  return -1;
}

sotto_status chat_bind(runtime *rt, const char *callee, const char *names, size_t required,
                       const arguments *args, value *slots) {
  size_t n = *names ? 1 : 0;
  for (const char *p = names; *p; p++) n += *p == ',';
  for (size_t i = 0; i < CHAT_MAX_PARAMETERS; i++) slots[i] = value_absent();
  if (args->n > n) {
    return chat_fail(rt, "%s takes at most %zu argument%s, got %zu", callee, n, n == 1 ? "" : "s",
                     args->n);
  }
  for (size_t i = 0; i < args->n; i++) slots[i] = args->positional[i];
  for (size_t i = 0; i < args->n_keywords; i++) {
    const struct keyword *k = &args->keywords[i];
    int slot = find_parameter(names, k->name);
    if (slot < 0) {
      return chat_fail(rt, "%s takes no argument '%.*s'", callee, CHAT_STR_ARG(k->name));
    }
    if (slots[slot].type != V_ABSENT) {
      return chat_fail(rt, "%s got '%.*s' twice", callee, CHAT_STR_ARG(k->name));
    }
    slots[slot] = k->v;
  }
  for (size_t i = 0; i < required; i++) {
    if (slots[i].type == V_ABSENT) {
      return chat_fail(rt, "%s needs at least %zu argument%s", callee, required,
                       required == 1 ? "" : "s");
    }
  }
  return SOTTO_OK;
}

sotto_status chat_take_string(runtime *rt, value v, const str **out) {
  if (v.type == V_UNDEFINED) return chat_fail_undefined(rt, v);
  if (v.type == V_ABSENT || v.type == V_NONE) return SOTTO_OK;
  return chat_need_string(rt, v, out);
}

sotto_status chat_need_string(runtime *rt, value v, const str **out) {
  if (v.type == V_UNDEFINED) return chat_fail_undefined(rt, v);
  if (v.type != V_STRING) return chat_fail(rt, "expected a string, got %s", chat_type_name(v));
  *out = v.as.string;
  return SOTTO_OK;
}

sotto_status chat_take_integer(runtime *rt, value v, int64_t *out) {
  if (v.type == V_UNDEFINED) return chat_fail_undefined(rt, v);
  if (v.type == V_ABSENT || v.type == V_NONE) return SOTTO_OK;
  if (v.type != V_INT && v.type != V_BOOL) {
    return chat_fail(rt, "expected an integer, got %s", chat_type_name(v));
  }
  *out = chat_as_integer(v);
  return SOTTO_OK;
}
