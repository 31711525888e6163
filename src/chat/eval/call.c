/* Calls: macros, and what else can be called. */
#include "chat/eval/rendering.h"

struct macro {
  const node *node; /* N_MACRO or N_CALL_BLOCK */
  scope *scope;     /* where it was written */
};

/* ---- macros --------------------------------------------------------------------------------- */

sotto_status chat_macro_new(runtime *rt, const node *n, scope *s, value *out) {
  struct macro *m;
  CHAT_NEW(m);
  *m = (struct macro){n, s};
  for (; s && !s->kept; s = s->parent) s->kept = true;
  *out = (value){.type = V_MACRO, .as.macro = m};
  return SOTTO_OK;
}

/* Takes the argument with this keyword out of args; false where there is none. */
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

/* Makes the parameters variables of s. What is left of args is for varargs and kwargs. */
static sotto_status set_parameters(runtime *rt, const node *n, scope *s, arguments *args) {
  size_t used = 0;
  for (const node *parameter = n->a; parameter; parameter = parameter->next) {
    const str *name = parameter->constant.as.string;
    value v = value_absent();
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
  const rendering *r = chat_rendering(rt);
  value v, *items;
  if ((n->number & MACRO_CALLER)) {
    if (!take_keyword(args, "caller", 6, &v)) {
      SOTTO_TRY(chat_undefined_hint(rt, "no caller: the macro is not used in a call block", &v));
    }
    /* A parameter called `caller` has been set already. */
    bool own = false;
    for (const node *p = n->a; p; p = p->next) own |= p->name == r->caller_name;
    if (!own) SOTTO_TRY(chat_scope_set(rt, s, r->caller_name, v));
  }
  if (n->number & MACRO_KWARGS) {
    dict *d;
    SOTTO_TRY(chat_dict_new(rt, args->n_keywords, &d));
    for (size_t i = 0; i < args->n_keywords; i++) {
      SOTTO_TRY(chat_dict_set(rt, d, value_string(args->keywords[i].name), args->keywords[i].v));
    }
    SOTTO_TRY(chat_scope_set(rt, s, r->kwargs_name, value_dict(d)));
  } else if (args->n_keywords) {
    const str *name = args->keywords[0].name;
    return chat_fail(rt, "the macro takes no argument '%.*s'", CHAT_STR_ARG(name));
  }
  if (n->number & MACRO_VARARGS) {
    SOTTO_TRY(chat_list_new(rt, args->n, V_TUPLE, &v, &items));
    if (args->n) memcpy(items, args->positional, args->n * sizeof *items);
    return chat_scope_set(rt, s, r->varargs_name, v);
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
  if (args.n_keywords) { /* a copy, as keywords are taken out of it */
    CHAT_NEW_ARRAY(args.keywords, args.n_keywords);
    memcpy(args.keywords, given->keywords, args.n_keywords * sizeof *args.keywords);
  }
  SOTTO_TRY(set_parameters(rt, n, s, &args));
  SOTTO_TRY(set_special(rt, n, s, &args));
  SOTTO_TRY(chat_capture(rt, n->c, s, &how, &text));
  *out = value_string(text);
  return SOTTO_OK;
}

/* ---- who can be called ---------------------------------------------------------------------- */

static sotto_status dispatch(runtime *rt, value callee, const arguments *args, value *out) {
  switch (callee.type) {
  case V_FUNCTION: return chat_call_function(rt, callee.as.function, args, out);
  case V_METHOD: return chat_call_method(rt, callee.as.method, args, out);
  case V_MACRO: return call_macro(rt, callee.as.macro, args, out);
  case V_LOOP: return chat_fail(rt, "calls of loop are not supported");
  case V_UNDEFINED: return chat_fail_undefined(rt, callee);
  default: return chat_fail(rt, "%s cannot be called", chat_type_name(callee));
  }
}

sotto_status chat_call(runtime *rt, value callee, const arguments *args, value *out) {
  SOTTO_TRY(chat_enter(rt));
  sotto_status status = dispatch(rt, callee, args, out);
  rt->depth--;
  return status;
}
