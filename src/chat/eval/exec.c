/* Running statements. */
#include "chat/eval/rendering.h"

/* Runs a body and gives what it writes as a string. */
sotto_status chat_capture(runtime *rt, const node *body, scope *s, flow *how, const str **out) {
  rendering *r = chat_rendering(rt);
  builder text, *outer = r->out;
  chat_builder_init(&text, rt);
  r->out = &text;
  SOTTO_TRY(chat_exec(rt, body, s, how));
  r->out = outer;
  return chat_builder_finish(&text, out);
}

static sotto_status exec_if(runtime *rt, const node *n, scope *s, flow *how) {
  for (;;) {
    value test;
    SOTTO_TRY(chat_eval(rt, n->a, s, &test));
    if (chat_truth(test)) return chat_exec(rt, n->b, s, how);
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
  SOTTO_TRY(chat_eval_filters(rt, n->b, s, value_string(text), &v));
  return chat_assign(rt, n->a, s, v);
}

static sotto_status exec_filter_block(runtime *rt, const node *n, scope *s, flow *how) {
  scope *inner;
  const str *text;
  value v;
  SOTTO_TRY(chat_scope_new(rt, s, &inner));
  SOTTO_TRY(chat_capture(rt, n->c, inner, how, &text));
  if (*how != FLOW_NORMAL) return SOTTO_OK;
  SOTTO_TRY(chat_eval_filters(rt, n->b, inner, value_string(text), &v));
  return chat_write(chat_rendering(rt)->out, v);
}

static sotto_status exec_call_block(runtime *rt, const node *n, scope *s) {
  static const str caller_name = CHAT_TEXT("caller");
  value callee, caller, result;
  arguments args;
  const node *target = n->b;
  SOTTO_TRY(chat_eval(rt, target->a, s, &callee));
  SOTTO_TRY(chat_eval_arguments(rt, target->b, s, &args));
  SOTTO_TRY(chat_macro_new(rt, n, s, &caller));
  CHAT_GROW(args.keywords, args.n_keywords, args.cap_keywords);
  args.keywords[args.n_keywords++] = (struct keyword){&caller_name, caller};
  rt->at = &target->at;
  SOTTO_TRY(chat_call(rt, callee, &args, &result));
  return chat_write(chat_rendering(rt)->out, result);
}

static sotto_status exec_statement(runtime *rt, const node *n, scope *s, flow *how) {
  value v;
  scope *inner;
  switch ((node_kind)n->kind) {
  case N_DATA: return chat_builder_add_str(chat_rendering(rt)->out, n->constant.as.string);
  case N_PRINT:
    SOTTO_TRY(chat_eval(rt, n->a, s, &v));
    rt->at = &n->at;
    return chat_write(chat_rendering(rt)->out, v);
  case N_IF: return exec_if(rt, n, s, how);
  case N_FOR: return chat_exec_for(rt, n, s, how);
  case N_SET: SOTTO_TRY(chat_eval(rt, n->b, s, &v)); return chat_assign(rt, n->a, s, v);
  case N_SET_BLOCK: return exec_set_block(rt, n, s, how);
  case N_MACRO: SOTTO_TRY(chat_macro_new(rt, n, s, &v)); return chat_scope_set(rt, s, n->name, v);
  case N_CALL_BLOCK: return exec_call_block(rt, n, s);
  case N_FILTER_BLOCK: return exec_filter_block(rt, n, s, how);
  case N_SCOPE: SOTTO_TRY(chat_scope_new(rt, s, &inner)); return chat_exec(rt, n->c, inner, how);
  case N_BREAK: *how = FLOW_BREAK; return SOTTO_OK;
  case N_CONTINUE: *how = FLOW_CONTINUE; return SOTTO_OK;
  default: return chat_fail(rt, "not a statement"); /* the parser makes no such tree */
  }
}

sotto_status chat_exec(runtime *rt, const node *first, scope *s, flow *how) {
  *how = FLOW_NORMAL;
  if (first) rt->at = &first->at;
  SOTTO_TRY(chat_enter(rt));
  for (const node *n = first; n && *how == FLOW_NORMAL; n = n->next) {
    rt->at = &n->at;
    SOTTO_TRY(chat_work(rt, CHAT_WORK_STEP));
    SOTTO_TRY(exec_statement(rt, n, s, how));
  }
  rt->depth--;
  return SOTTO_OK;
}
