/* Calls: arguments, macros, and who answers to parentheses. */
#include "chat/strings.h"

struct macro {
  const node *node; /* N_MACRO or N_CALL_BLOCK */
  scope *scope;     /* where it was written */
};

static sotto_status add_positional(runtime *rt, arguments *args, size_t *cap, value v) {
  if (args->n == *cap) {
    *cap = *cap ? *cap * 2 : 4;
    value *grown = chat_array(rt, *cap, sizeof *grown);
    CHAT_NO_MEMORY(grown);
    if (args->n) memcpy(grown, args->positional, args->n * sizeof *grown);
    args->positional = grown;
  }
  args->positional[args->n++] = v;
  return SOTTO_OK;
}

static sotto_status add_keyword(runtime *rt, arguments *args, size_t *cap, const str *name,
                                value v) {
  if (args->n_keywords == *cap) {
    *cap = *cap ? *cap * 2 : 4;
    struct keyword *grown = chat_array(rt, *cap, sizeof *grown);
    CHAT_NO_MEMORY(grown);
    if (args->n_keywords) memcpy(grown, args->keywords, args->n_keywords * sizeof *grown);
    args->keywords = grown;
  }
  args->keywords[args->n_keywords++] = (struct keyword){name, v};
  return SOTTO_OK;
}

sotto_status chat_eval_arguments(runtime *rt, const node *first, scope *s, arguments *out) {
  size_t cap = 0, keyword_cap = 0;
  *out = (arguments){0};
  for (const node *n = first; n; n = n->next) {
    value v;
    SOTTO_TRY(chat_eval(rt, n->a, s, &v));
    rt->at = n;
    if (n->op == ARGUMENT_STAR) {
      list items;
      SOTTO_TRY(chat_to_list(rt, v, &items));
      for (size_t i = 0; i < items.n; i++) {
        SOTTO_TRY(add_positional(rt, out, &cap, items.items[i]));
      }
    } else if (n->op == ARGUMENT_STAR_STAR) {
      if (v.type != V_DICT) return chat_fail(rt, "** needs a dict, not %s", chat_type_name(v));
      for (size_t i = 0; i < v.as.dict->n; i++) {
        const entry *e = &v.as.dict->entries[i];
        if (e->key.type != V_STRING) return chat_fail(rt, "** needs strings as keys");
        SOTTO_TRY(add_keyword(rt, out, &keyword_cap, e->key.as.string, e->value));
      }
    } else if (n->constant.type == V_STRING) {
      SOTTO_TRY(add_keyword(rt, out, &keyword_cap, n->constant.as.string, v));
    } else {
      SOTTO_TRY(add_positional(rt, out, &cap, v));
    }
  }
  return SOTTO_OK;
}

/* ---- macros --------------------------------------------------------------------------------- */

sotto_status chat_macro_new(runtime *rt, const node *n, scope *s, value *out) {
  struct macro *m = chat_alloc(rt, sizeof *m);
  CHAT_NO_MEMORY(m);
  *m = (struct macro){n, s};
  for (; s && !s->kept; s = s->parent) s->kept = true;
  *out = (value){.type = V_MACRO, .as.macro = m};
  return SOTTO_OK;
}

/* Keyword arguments, from which parameters are taken out. */
static bool take_keyword(arguments *args, const char *name, size_t len, value *out) {
  for (size_t i = 0; i < args->n_keywords; i++) {
    const struct keyword *k = &args->keywords[i];
    if (k->name->len != len || memcmp(k->name->data, name, len) != 0) continue;
    *out = k->v;
    args->n_keywords--;
    memmove(args->keywords + i, args->keywords + i + 1,
            (args->n_keywords - i) * sizeof *args->keywords);
    return true;
  }
  return false;
}

/* The parameters as variables of s; what is left of args goes to varargs and kwargs. */
static sotto_status set_parameters(runtime *rt, const node *n, scope *s, arguments *args) {
  size_t used = 0;
  for (const node *parameter = n->a; parameter; parameter = parameter->next) {
    const str *name = parameter->constant.as.string;
    value v = {.type = V_ABSENT};
    SOTTO_TRY(chat_work(rt, args->n_keywords));
    if (used < args->n)
      v = args->positional[used++];
    else if (take_keyword(args, name->data, name->len, &v))
      (void)0;
    else if (parameter->a)
      SOTTO_TRY(chat_eval(rt, parameter->a, s, &v));
    else
      SOTTO_TRY(chat_undefined_hint(rt, "a parameter of the macro was not given", &v));
    SOTTO_TRY(chat_scope_set(rt, s, parameter->name, v));
  }
  if (used) args->positional += used;
  args->n -= used;
  return SOTTO_OK;
}

static sotto_status set_special(runtime *rt, const node *n, scope *s, arguments *args) {
  value v, *items;
  if ((n->number & MACRO_CALLER)) {
    if (!take_keyword(args, "caller", 6, &v)) {
      SOTTO_TRY(chat_undefined_hint(rt, "no caller: the macro is not used in a call block", &v));
    }
    /* A parameter of that name has it already. */
    bool own = false;
    for (const node *p = n->a; p; p = p->next) own |= p->name == rt->caller_name;
    if (!own) SOTTO_TRY(chat_scope_set(rt, s, rt->caller_name, v));
  }
  if (n->number & MACRO_KWARGS) {
    dict *d;
    SOTTO_TRY(chat_dict_new(rt, args->n_keywords, &d));
    for (size_t i = 0; i < args->n_keywords; i++) {
      SOTTO_TRY(chat_dict_set(rt, d, value_string(args->keywords[i].name), args->keywords[i].v));
    }
    SOTTO_TRY(chat_dict_seal(rt, d));
    v = (value){.type = V_DICT, .as.dict = d};
    SOTTO_TRY(chat_scope_set(rt, s, rt->kwargs_name, v));
  } else if (args->n_keywords) {
    const str *name = args->keywords[0].name;
    return chat_fail(rt, "the macro takes no argument '%.*s'",
                     (int)(name->len < 64 ? name->len : 64), name->data);
  }
  if (n->number & MACRO_VARARGS) {
    SOTTO_TRY(chat_list_new(rt, args->n, V_TUPLE, &v, &items));
    if (args->n) memcpy(items, args->positional, args->n * sizeof *items);
    return chat_scope_set(rt, s, rt->varargs_name, v);
  }
  if (args->n) return chat_fail(rt, "the macro takes at most %u arguments", n->n);
  return SOTTO_OK;
}

static sotto_status call_macro(runtime *rt, const struct macro *m, const arguments *given,
                               value *out) {
  const node *n = m->node;
  arguments args = *given;
  scope *s;
  flow how;
  const str *text;
  SOTTO_TRY(chat_scope_new(rt, m->scope, &s));
  if (args.n_keywords) { /* a copy to take keywords out of */
    args.keywords = chat_array(rt, args.n_keywords, sizeof *args.keywords);
    CHAT_NO_MEMORY(args.keywords);
    memcpy(args.keywords, given->keywords, args.n_keywords * sizeof *args.keywords);
  }
  SOTTO_TRY(set_parameters(rt, n, s, &args));
  SOTTO_TRY(set_special(rt, n, s, &args));
  SOTTO_TRY(chat_capture(rt, n->c, s, &how, &text));
  *out = value_string(text);
  return SOTTO_OK;
}

sotto_status chat_macro_attribute(runtime *rt, const struct macro *m, const str *name, value *out) {
  const node *n = m->node;
  if (chat_str_is(name, "name")) {
    *out = n->kind == N_MACRO ? n->constant : value_none();
  } else if (chat_str_is(name, "arguments")) {
    value *items;
    SOTTO_TRY(chat_list_new(rt, n->n, V_TUPLE, out, &items));
    for (const node *p = n->a; p; p = p->next) *items++ = p->constant;
  } else if (chat_str_is(name, "catch_kwargs")) {
    *out = value_bool(n->number & MACRO_KWARGS);
  } else if (chat_str_is(name, "catch_varargs")) {
    *out = value_bool(n->number & MACRO_VARARGS);
  } else if (chat_str_is(name, "caller")) {
    *out = value_bool(n->number & MACRO_CALLER);
  }
  return SOTTO_OK;
}

/* ---- who can be called ---------------------------------------------------------------------- */

static sotto_status call(runtime *rt, value callee, const arguments *args, value *out) {
  switch (callee.type) {
  case V_FUNCTION: return chat_call_function(rt, callee.as.function, args, out);
  case V_METHOD: return chat_call_method(rt, callee.as.method, args, out);
  case V_MACRO: return call_macro(rt, callee.as.macro, args, out);
  case V_LOOP: return chat_call_loop(rt, callee.as.loop, args, out);
  case V_JOINER: { /* nothing at first, then the separator */
    cycler *j = callee.as.cycler;
    const str *empty = CHAT_STR(rt, "");
    CHAT_NO_MEMORY(empty);
    *out = j->at++ ? j->items.items[0] : value_string(empty);
    return SOTTO_OK;
  }
  case V_UNDEFINED: return chat_fail_undefined(rt, callee);
  default: return chat_fail(rt, "%s cannot be called", chat_type_name(callee));
  }
}

sotto_status chat_call(runtime *rt, value callee, const arguments *args, value *out) {
  if (rt->depth >= CHAT_MAX_DEPTH) return chat_fail(rt, "nested too deeply (endless recursion?)");
  rt->depth++;
  sotto_status status = call(rt, callee, args, out);
  rt->depth--;
  return status;
}
