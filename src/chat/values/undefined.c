/* Undefined values: each remembers why it is undefined, for the message when it is used all the
 * same. */
#include "chat/values/protocols.h"

typedef struct undefined {
  const char *hint;      /* the whole message, or NULL */
  const char *type_name; /* of the object without such an attribute, or NULL: a variable */
  const str *name;
} undefined;

sotto_status chat_fail_undefined(runtime *rt, value v) {
  const undefined *u = v.as.undefined;
  if (u->hint) return chat_fail(rt, "%s", u->hint);
  if (!u->type_name) return chat_fail(rt, "'%.*s' is undefined", CHAT_STR_ARG(u->name));
  return chat_fail(rt, "'%s' has no attribute '%.*s'", u->type_name, CHAT_STR_ARG(u->name));
}

static sotto_status make(runtime *rt, undefined why, value *out) {
  undefined *u;
  CHAT_NEW(u);
  *u = why;
  *out = (value){.type = V_UNDEFINED, .as.undefined = u};
  return SOTTO_OK;
}

sotto_status chat_undefined_name(runtime *rt, const str *name, value *out) {
  return make(rt, (undefined){.name = name}, out);
}

sotto_status chat_undefined_hint(runtime *rt, const char *hint, value *out) {
  return make(rt, (undefined){.hint = hint}, out);
}

sotto_status chat_undefined_attribute(runtime *rt, value object, value name, value *out) {
  if (name.type != V_STRING) return chat_undefined_hint(rt, "there is no such element", out);
  return make(rt, (undefined){.type_name = chat_type_name(object), .name = name.as.string}, out);
}
