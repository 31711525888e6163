/* Scopes and assignments to variables. */
#include "chat/eval/rendering.h"

sotto_status chat_scope_new(runtime *rt, scope *parent, scope **out) {
  CHAT_NEW(*out);
  (*out)->parent = parent;
  return SOTTO_OK;
}

sotto_status chat_scope_set(runtime *rt, scope *s, uint32_t name, value v) {
  if (s == chat_rendering(rt)->root) {
    s->variables[name].v = v;
    return SOTTO_OK;
  }
  SOTTO_TRY(chat_work(rt, s->n));
  for (uint32_t i = 0; i < s->n; i++) {
    if (s->variables[i].name != name) continue;
    s->variables[i].v = v;
    return SOTTO_OK;
  }
  CHAT_GROW(s->variables, s->n, s->cap);
  s->variables[s->n++] = (struct variable){name, v};
  return SOTTO_OK;
}

sotto_status chat_scope_get(runtime *rt, scope *s, uint32_t name, value *out) {
  const rendering *r = chat_rendering(rt);
  for (; s != r->root; s = s->parent) {
    SOTTO_TRY(chat_work(rt, s->n + 1));
    for (uint32_t i = 0; i < s->n; i++) {
      if (s->variables[i].name != name) continue;
      *out = s->variables[i].v;
      return SOTTO_OK;
    }
  }
  *out = s->variables[name].v;
  if (out->type != V_ABSENT) return SOTTO_OK;
  return chat_undefined_name(rt, r->tmpl->names[name], out);
}

static sotto_status set_attribute(runtime *rt, const node *target, scope *s, value v) {
  value object;
  const str *name = target->constant.as.string;
  SOTTO_TRY(chat_scope_get(rt, s, target->name, &object));
  if (object.type != V_NAMESPACE) {
    return chat_fail(rt, "only attributes of a namespace() can be set, not of %s",
                     chat_type_name(object));
  }
  if (name->len && name->data[0] == '_') {
    return chat_fail(rt, "attributes of a namespace cannot start with an underscore");
  }
  return chat_dict_set(rt, object.as.dict, value_string(name), v);
}

sotto_status chat_assign(runtime *rt, const node *target, scope *s, value v) {
  list items;
  if (target->kind == N_NAME) return chat_scope_set(rt, s, target->name, v);
  rt->at = &target->at;
  if (target->kind == N_ATTRIBUTE) return set_attribute(rt, target, s, v);
  SOTTO_TRY(chat_to_list(rt, v, &items));
  if (items.n != target->n) {
    return chat_fail(rt, "%u values are expected here, got %zu", target->n, items.n);
  }
  SOTTO_TRY(chat_enter(rt));
  for (const node *part = target->a; part; part = part->next) {
    SOTTO_TRY(chat_assign(rt, part, s, *items.items++));
  }
  rt->depth--;
  return SOTTO_OK;
}
