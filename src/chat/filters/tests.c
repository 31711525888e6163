/* Tests: what stands behind `is`. */
#include "base/utf8.h"
#include "chat/filters/filters.h"

typedef enum test_kind {
  IS_BOOLEAN,
  IS_CALLABLE,
  IS_COMPARE, /* with an operator and one argument */
  IS_DEFINED,
  IS_EVEN,
  IS_FALSE,
  IS_FLOAT,
  IS_INTEGER,
  IS_ITERABLE,
  IS_LOWER,
  IS_MAPPING,
  IS_NONE,
  IS_NUMBER,
  IS_ODD,
  IS_SEQUENCE,
  IS_STRING,
  IS_TRUE,
  IS_UNDEFINED,
  IS_UPPER,
} test_kind;

static const struct test {
  const char *name;
  test_kind kind;
  int op;
} tests[] = {
#define X(name, kind, op) {name, IS_##kind, op},
#include "chat/syntax/tests.def"
#undef X
};

static sotto_status remainder_is(runtime *rt, value v, int64_t rest, bool *out) {
  value result;
  SOTTO_TRY(chat_binary(rt, OP_MOD, v, value_int(2), &result));
  return chat_equal(rt, result, value_int(rest), out);
}

/* Whether there are letters with case, and all of them have this one. */
static sotto_status is_case(runtime *rt, value in, bool upper, bool *out) {
  const str *s;
  bool some = false, other = false;
  SOTTO_TRY(chat_to_string(rt, in, &s));
  for (size_t i = 0; i < s->len && !other;) {
    uint32_t c;
    i += sotto_utf8_decode(s->data + i, s->len - i, &c);
    some |= chat_has_case(c, upper);
    other = chat_has_case(c, !upper);
  }
  *out = some && !other;
  return chat_work(rt, (uint64_t)s->len * 16);
}

static bool is_sized(value v) {
  return v.type == V_UNDEFINED || v.type == V_STRING || v.type == V_LIST || v.type == V_TUPLE ||
         v.type == V_DICT || v.type == V_RANGE;
}

static bool
is_callable(value v) { /* calling an undefined value fails, but Python says that it can be called */
  return v.type == V_FUNCTION || v.type == V_METHOD || v.type == V_MACRO || v.type == V_LOOP ||
         v.type == V_UNDEFINED;
}

sotto_status chat_test(runtime *rt, int number, value in, const arguments *args, bool *out) {
  const struct test *t = &tests[number];
  const bool takes = t->kind == IS_COMPARE;
  value result;
  if (args->n != takes || args->n_keywords) {
    return chat_fail(rt, "the test '%s' takes %s", t->name, takes ? "one argument" : "no argument");
  }
  switch (t->kind) {
  case IS_BOOLEAN: *out = in.type == V_BOOL; break;
  case IS_CALLABLE: *out = is_callable(in); break;
  case IS_COMPARE:
    SOTTO_TRY(chat_binary(rt, (operator)t->op, in, args->positional[0], &result));
    *out = result.as.boolean;
    break;
  case IS_DEFINED: *out = in.type != V_UNDEFINED; break;
  case IS_EVEN: return remainder_is(rt, in, 0, out);
  case IS_FALSE: *out = in.type == V_BOOL && !in.as.boolean; break;
  case IS_FLOAT: *out = in.type == V_FLOAT; break;
  case IS_INTEGER: *out = in.type == V_INT; break;
  case IS_ITERABLE:
    *out = is_sized(in) || in.type == V_VIEW || in.type == V_GENERATOR || in.type == V_LOOP;
    break;
  case IS_LOWER: return is_case(rt, in, false, out);
  case IS_MAPPING: *out = in.type == V_DICT; break;
  case IS_NONE: *out = in.type == V_NONE; break;
  case IS_NUMBER: *out = chat_is_number(in); break;
  case IS_ODD: return remainder_is(rt, in, 1, out);
  case IS_SEQUENCE: *out = is_sized(in); break;
  case IS_STRING: *out = in.type == V_STRING; break;
  case IS_TRUE: *out = in.type == V_BOOL && in.as.boolean; break;
  case IS_UNDEFINED: *out = in.type == V_UNDEFINED; break;
  case IS_UPPER: return is_case(rt, in, true, out);
  }
  return SOTTO_OK;
}
