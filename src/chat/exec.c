/* Statements. */
#include "chat/strings.h"

sotto_status chat_assign(runtime *rt, const node *target, scope *s, value v) {
  if (target->kind == N_NAME) return chat_scope_set(rt, s, target->name, v);
  rt->at = target;
  if (target->kind == N_ATTRIBUTE) {
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
  list items;
  SOTTO_TRY(chat_to_list(rt, v, &items));
  if (items.n != target->n) {
    return chat_fail(rt, "%u values are expected here, got %zu", target->n, items.n);
  }
  size_t i = 0;
  if (rt->depth >= CHAT_MAX_DEPTH) return chat_fail(rt, "nested too deeply");
  rt->depth++;
  for (const node *part = target->a; part; part = part->next) {
    SOTTO_TRY(chat_assign(rt, part, s, items.items[i++]));
  }
  rt->depth--;
  return SOTTO_OK;
}

/* What a body writes, as a string. */
sotto_status chat_capture(runtime *rt, const node *body, scope *s, flow *how, const str **out) {
  builder text, *outer = rt->out;
  chat_builder_init(&text, rt);
  rt->out = &text;
  SOTTO_TRY(chat_exec(rt, body, s, how));
  rt->out = outer;
  return chat_builder_finish(&text, out);
}

/* `v` through filters around NULL. */
static sotto_status apply_filters(runtime *rt, const node *filter, scope *s, value v, value *out) {
  *out = v;
  if (!filter) return SOTTO_OK;
  if (rt->depth >= CHAT_MAX_DEPTH) return chat_fail(rt, "nested too deeply");
  rt->depth++;
  SOTTO_TRY(apply_filters(rt, filter->a, s, v, &v));
  rt->depth--;
  arguments args;
  SOTTO_TRY(chat_eval_arguments(rt, filter->b, s, &args));
  rt->at = filter;
  const str *name = filter->constant.as.string;
  if (filter->number < 0) {
    return chat_fail(rt, "there is no filter '%.*s'", (int)name->len, name->data);
  }
  return chat_filter(rt, filter->number, v, &args, out);
}

static sotto_status exec_if(runtime *rt, const node *n, scope *s, flow *how) {
  for (;;) {
    value test;
    bool truth;
    SOTTO_TRY(chat_eval(rt, n->a, s, &test));
    SOTTO_TRY(chat_truth(rt, test, &truth));
    if (truth) return chat_exec(rt, n->b, s, how);
    n = n->c;
    if (!n) return SOTTO_OK;
    if (n->kind != N_IF || !n->flag) return chat_exec(rt, n, s, how);
  }
}

static sotto_status exec_set_block(runtime *rt, const node *n, scope *s, flow *how) {
  scope *inner;
  const str *text;
  value v;
  SOTTO_TRY(chat_scope_new(rt, s, &inner));
  SOTTO_TRY(chat_capture(rt, n->c, inner, how, &text));
  if (*how != FLOW_NORMAL) return SOTTO_OK;
  SOTTO_TRY(apply_filters(rt, n->b, s, value_string(text), &v));
  return chat_assign(rt, n->a, s, v);
}

static sotto_status exec_filter_block(runtime *rt, const node *n, scope *s, flow *how) {
  scope *inner;
  const str *text;
  value v;
  SOTTO_TRY(chat_scope_new(rt, s, &inner));
  SOTTO_TRY(chat_capture(rt, n->c, inner, how, &text));
  if (*how != FLOW_NORMAL) return SOTTO_OK;
  SOTTO_TRY(apply_filters(rt, n->b, inner, value_string(text), &v));
  return chat_write(rt, rt->out, v);
}

static sotto_status exec_with(runtime *rt, const node *n, scope *s, flow *how) {
  scope *inner;
  SOTTO_TRY(chat_scope_new(rt, s, &inner));
  for (const node *target = n->a; target; target = target->next->next) {
    value v;
    SOTTO_TRY(chat_eval(rt, target->next, s, &v));
    SOTTO_TRY(chat_assign(rt, target, inner, v));
  }
  return chat_exec(rt, n->c, inner, how);
}

static sotto_status exec_call_block(runtime *rt, const node *n, scope *s) {
  value callee, caller, result;
  arguments args;
  const node *call = n->b;
  SOTTO_TRY(chat_eval(rt, call->a, s, &callee));
  SOTTO_TRY(chat_eval_arguments(rt, call->b, s, &args));
  SOTTO_TRY(chat_macro_new(rt, n, s, &caller));
  struct keyword *keywords = chat_array(rt, args.n_keywords + 1, sizeof *keywords);
  CHAT_NO_MEMORY(keywords);
  if (args.n_keywords) memcpy(keywords, args.keywords, args.n_keywords * sizeof *keywords);
  const str *name = CHAT_STR(rt, "caller");
  CHAT_NO_MEMORY(name);
  keywords[args.n_keywords++] = (struct keyword){name, caller};
  args.keywords = keywords;
  rt->at = call;
  SOTTO_TRY(chat_call(rt, callee, &args, &result));
  return chat_write(rt, rt->out, result);
}

static sotto_status exec_statement(runtime *rt, const node *n, scope *s, flow *how) {
  value v;
  scope *inner;
  switch ((node_kind)n->kind) {
  case N_DATA: return chat_builder_add_str(rt->out, n->constant.as.string);
  case N_PRINT:
    SOTTO_TRY(chat_eval(rt, n->a, s, &v));
    rt->at = n;
    return chat_write(rt, rt->out, v);
  case N_IF: return exec_if(rt, n, s, how);
  case N_FOR: return chat_exec_for(rt, n, s, how);
  case N_SET: SOTTO_TRY(chat_eval(rt, n->b, s, &v)); return chat_assign(rt, n->a, s, v);
  case N_SET_BLOCK: return exec_set_block(rt, n, s, how);
  case N_MACRO: SOTTO_TRY(chat_macro_new(rt, n, s, &v)); return chat_scope_set(rt, s, n->name, v);
  case N_CALL_BLOCK: return exec_call_block(rt, n, s);
  case N_FILTER_BLOCK: return exec_filter_block(rt, n, s, how);
  case N_WITH: return exec_with(rt, n, s, how);
  case N_SCOPE:
    SOTTO_TRY(chat_scope_new(rt, n->flag ? rt->root : s, &inner));
    return chat_exec(rt, n->c, inner, how);
  case N_BREAK: *how = FLOW_BREAK; return SOTTO_OK;
  case N_CONTINUE: *how = FLOW_CONTINUE; return SOTTO_OK;
  default: return chat_fail(rt, "not a statement"); /* the parser makes no such tree */
  }
}

sotto_status chat_exec(runtime *rt, const node *first, scope *s, flow *how) {
  *how = FLOW_NORMAL;
  if (rt->depth >= CHAT_MAX_DEPTH) {
    if (first) rt->at = first;
    return chat_fail(rt, "nested too deeply (endless recursion?)");
  }
  rt->depth++;
  for (const node *n = first; n && *how == FLOW_NORMAL; n = n->next) {
    rt->at = n;
    SOTTO_TRY(chat_work(rt, CHAT_WORK_STEP));
    SOTTO_TRY(exec_statement(rt, n, s, how));
  }
  rt->depth--;
  return SOTTO_OK;
}
