/* Evaluating expressions and arguments. */
#include "chat/eval/rendering.h"

static sotto_status eval(runtime *rt, const node *n, scope *s, value *out);

/* ---- arguments ------------------------------------------------------------------------------ */

static sotto_status add_positional(runtime *rt, arguments *args, value v) {
  CHAT_GROW(args->positional, args->n, args->cap);
  args->positional[args->n++] = v;
  return SOTTO_OK;
}

static sotto_status add_keyword(runtime *rt, arguments *args, const str *name, value v) {
  CHAT_GROW(args->keywords, args->n_keywords, args->cap_keywords);
  args->keywords[args->n_keywords++] = (struct keyword){name, v};
  return SOTTO_OK;
}

sotto_status chat_eval_arguments(runtime *rt, const node *first, scope *s, arguments *out) {
  *out = (arguments){0};
  for (const node *n = first; n; n = n->next) {
    value v;
    SOTTO_TRY(chat_eval(rt, n->a, s, &v));
    rt->at = &n->at;
    if (n->op == ARGUMENT_STAR) {
      list items;
      SOTTO_TRY(chat_to_list(rt, v, &items));
      for (size_t i = 0; i < items.n; i++) {
        SOTTO_TRY(add_positional(rt, out, items.items[i]));
      }
    } else if (n->op == ARGUMENT_STAR_STAR) {
      if (v.type != V_DICT) return chat_fail(rt, "** needs a dict, not %s", chat_type_name(v));
      for (size_t i = 0; i < v.as.dict->n; i++) {
        const entry *e = &v.as.dict->entries[i];
        if (e->key.type != V_STRING) return chat_fail(rt, "** needs strings as keys");
        SOTTO_TRY(add_keyword(rt, out, e->key.as.string, e->value));
      }
    } else if (n->constant.type == V_STRING) {
      SOTTO_TRY(add_keyword(rt, out, n->constant.as.string, v));
    } else {
      SOTTO_TRY(add_positional(rt, out, v));
    }
  }
  return SOTTO_OK;
}

/* ---- expressions ---------------------------------------------------------------------------- */

static sotto_status eval_sequence(runtime *rt, const node *n, scope *s, value *out) {
  value *items;
  SOTTO_TRY(chat_list_new(rt, n->n, n->kind == N_LIST ? V_LIST : V_TUPLE, out, &items));
  for (const node *item = n->a; item; item = item->next) SOTTO_TRY(chat_eval(rt, item, s, items++));
  return SOTTO_OK;
}

static sotto_status eval_dict(runtime *rt, const node *n, scope *s, value *out) {
  dict *d;
  SOTTO_TRY(chat_dict_new(rt, n->n, &d));
  for (const node *item = n->a; item; item = item->next->next) {
    value key, v;
    SOTTO_TRY(chat_eval(rt, item, s, &key));
    SOTTO_TRY(chat_eval(rt, item->next, s, &v));
    rt->at = &item->at;
    SOTTO_TRY(chat_dict_set(rt, d, key, v));
  }
  *out = value_dict(d);
  return SOTTO_OK;
}

static sotto_status eval_logic(runtime *rt, const node *n, scope *s, value *out) {
  for (const node *operand = n->a; operand; operand = operand->next) {
    SOTTO_TRY(chat_eval(rt, operand, s, out));
    if (chat_truth(*out) == (n->kind == N_OR)) break;
  }
  return SOTTO_OK;
}

static sotto_status eval_concat(runtime *rt, const node *n, scope *s, value *out) {
  const str *text = NULL, *piece;
  for (const node *operand = n->a; operand; operand = operand->next) {
    value v;
    SOTTO_TRY(chat_eval(rt, operand, s, &v));
    SOTTO_TRY(chat_to_string(rt, v, &piece));
    SOTTO_TRY(chat_str_mark(rt, piece, false, &piece));
    if (text)
      SOTTO_TRY(chat_concat(rt, text, piece, &text));
    else
      text = piece;
  }
  *out = value_string(text);
  return SOTTO_OK;
}

static sotto_status eval_math(runtime *rt, const node *n, scope *s, value *out) {
  SOTTO_TRY(chat_eval(rt, n->a, s, out));
  for (const node *operand = n->b; operand; operand = operand->next) {
    value right;
    SOTTO_TRY(chat_eval(rt, operand->a, s, &right));
    rt->at = &operand->at;
    SOTTO_TRY(chat_binary(rt, (operator)operand->op, *out, right, out));
  }
  return SOTTO_OK;
}

static sotto_status eval_compare(runtime *rt, const node *n, scope *s, value *out) {
  value left, right;
  bool truth = true;
  SOTTO_TRY(chat_eval(rt, n->a, s, &left));
  for (const node *operand = n->b; operand && truth; operand = operand->next) {
    SOTTO_TRY(chat_eval(rt, operand->a, s, &right));
    rt->at = &operand->at;
    SOTTO_TRY(chat_binary(rt, (operator)operand->op, left, right, out));
    truth = chat_truth(*out);
    left = right;
  }
  return SOTTO_OK;
}

static sotto_status eval_condition(runtime *rt, const node *n, scope *s, value *out) {
  value test;
  SOTTO_TRY(chat_eval(rt, n->a, s, &test));
  if (chat_truth(test)) return chat_eval(rt, n->b, s, out);
  if (n->c) return chat_eval(rt, n->c, s, out);
  return chat_undefined_hint(rt, "the inline if was false and has no else", out);
}

static sotto_status eval_item(runtime *rt, const node *n, scope *s, value *out) {
  value object, key;
  SOTTO_TRY(chat_eval(rt, n->a, s, &object));
  SOTTO_TRY(chat_eval(rt, n->b, s, &key));
  rt->at = &n->at;
  if (object.type == V_LOOP && key.type == V_STRING) {
    return chat_loop_attribute(rt, object.as.loop, key.as.string, out);
  }
  return chat_get_item(rt, object, key, out);
}

static sotto_status eval_slice(runtime *rt, const node *n, scope *s, value *out) {
  value object, ends[3];
  const node *const parts[3] = {n->b, n->c, n->d};
  SOTTO_TRY(chat_eval(rt, n->a, s, &object));
  for (int i = 0; i < 3; i++) {
    ends[i] = value_none();
    if (parts[i]) SOTTO_TRY(chat_eval(rt, parts[i], s, &ends[i]));
  }
  rt->at = &n->at;
  return chat_slice(rt, object, ends[0], ends[1], ends[2], out);
}

static sotto_status eval_call(runtime *rt, const node *n, scope *s, value *out) {
  value callee;
  arguments args;
  SOTTO_TRY(chat_eval(rt, n->a, s, &callee));
  SOTTO_TRY(chat_eval_arguments(rt, n->b, s, &args));
  rt->at = &n->at;
  return chat_call(rt, callee, &args, out);
}

static sotto_status unknown(runtime *rt, const char *what, const str *name) {
  return chat_fail(rt, "%s '%.*s' is not supported", what, CHAT_STR_ARG(name));
}

/* Applies one filter to an input that has been evaluated. */
static sotto_status apply_filter(runtime *rt, const node *n, scope *s, value input, value *out) {
  arguments args;
  SOTTO_TRY(chat_eval_arguments(rt, n->b, s, &args));
  rt->at = &n->at;
  if (n->number < 0) return unknown(rt, "filter", n->constant.as.string);
  return chat_filter(rt, n->number, input, &args, out);
}

sotto_status chat_eval_filters(runtime *rt, const node *filter, scope *s, value input, value *out) {
  *out = input;
  if (!filter) return SOTTO_OK;
  SOTTO_TRY(chat_enter(rt));
  SOTTO_TRY(chat_eval_filters(rt, filter->a, s, input, &input));
  rt->depth--;
  return apply_filter(rt, filter, s, input, out);
}

static sotto_status eval_filter(runtime *rt, const node *n, scope *s, value *out) {
  value input;
  SOTTO_TRY(chat_eval(rt, n->a, s, &input));
  return apply_filter(rt, n, s, input, out);
}

static sotto_status eval_test(runtime *rt, const node *n, scope *s, value *out) {
  value input;
  arguments args;
  bool truth;
  SOTTO_TRY(chat_eval(rt, n->a, s, &input));
  SOTTO_TRY(chat_eval_arguments(rt, n->b, s, &args));
  rt->at = &n->at;
  if (n->number < 0) return unknown(rt, "test", n->constant.as.string);
  SOTTO_TRY(chat_test(rt, n->number, input, &args, &truth));
  *out = value_bool(truth);
  return SOTTO_OK;
}

static sotto_status eval_unary(runtime *rt, const node *n, scope *s, value *out) {
  SOTTO_TRY(chat_eval(rt, n->a, s, out));
  rt->at = &n->at;
  switch (n->kind) {
  case N_NOT: *out = value_bool(!chat_truth(*out)); return SOTTO_OK;
  case N_NEGATE: return chat_negate(rt, *out, out);
  case N_PLUS:
    if (out->type == V_BOOL) *out = value_int(out->as.boolean);
    if (chat_is_number(*out)) return SOTTO_OK;
    if (out->type == V_UNDEFINED) return chat_fail_undefined(rt, *out);
    return chat_fail(rt, "+ needs a number, not %s", chat_type_name(*out));
  default:
    if (out->type == V_LOOP) {
      return chat_loop_attribute(rt, out->as.loop, n->constant.as.string, out);
    }
    return chat_get_attribute(rt, *out, n->constant.as.string, out);
  }
}

static sotto_status eval(runtime *rt, const node *n, scope *s, value *out) {
  switch ((node_kind)n->kind) {
  case N_CONST: *out = n->constant; return SOTTO_OK;
  case N_NAME: return chat_scope_get(rt, s, n->name, out);
  case N_ATTRIBUTE:
  case N_NOT:
  case N_NEGATE:
  case N_PLUS: return eval_unary(rt, n, s, out);
  case N_TUPLE:
  case N_LIST: return eval_sequence(rt, n, s, out);
  case N_DICT: return eval_dict(rt, n, s, out);
  case N_AND:
  case N_OR: return eval_logic(rt, n, s, out);
  case N_CONCAT: return eval_concat(rt, n, s, out);
  case N_MATH: return eval_math(rt, n, s, out);
  case N_COMPARE: return eval_compare(rt, n, s, out);
  case N_CONDITION: return eval_condition(rt, n, s, out);
  case N_ITEM: return eval_item(rt, n, s, out);
  case N_SLICE: return eval_slice(rt, n, s, out);
  case N_CALL: return eval_call(rt, n, s, out);
  case N_FILTER: return eval_filter(rt, n, s, out);
  case N_TEST: return eval_test(rt, n, s, out);
  default: return chat_fail(rt, "not an expression"); /* the parser makes no such tree */
  }
}

sotto_status chat_eval(runtime *rt, const node *n, scope *s, value *out) {
  SOTTO_TRY(chat_work(rt, CHAT_WORK_STEP));
  if (n->kind == N_CONST) {
    *out = n->constant;
    return SOTTO_OK;
  }
  rt->at = &n->at;
  SOTTO_TRY(chat_enter(rt));
  sotto_status status = eval(rt, n, s, out);
  rt->depth--;
  return status;
}
