/* Tests: what stands behind `is`. */
#include "chat/methods.h"

typedef enum test_kind {
  IS_BOOLEAN,
  IS_CALLABLE,
  IS_COMPARE,
  IS_DEFINED,
  IS_DIVISIBLE,
  IS_ESCAPED,
  IS_EVEN,
  IS_FALSE,
  IS_FILTER,
  IS_FLOAT,
  IS_IN,
  IS_INTEGER,
  IS_ITERABLE,
  IS_LOWER,
  IS_MAPPING,
  IS_NONE,
  IS_NUMBER,
  IS_ODD,
  IS_SAME,
  IS_SEQUENCE,
  IS_STRING,
  IS_TEST,
  IS_TRUE,
  IS_UNDEFINED,
  IS_UPPER,
} test_kind;

static const struct test {
  const char *name;
  test_kind kind;
  operator op; /* of IS_COMPARE */
} tests[] = {
    {"!=", IS_COMPARE, OP_NE},
    {"<", IS_COMPARE, OP_LT},
    {"<=", IS_COMPARE, OP_LE},
    {"==", IS_COMPARE, OP_EQ},
    {">", IS_COMPARE, OP_GT},
    {">=", IS_COMPARE, OP_GE},
    {"boolean", IS_BOOLEAN, OP_EQ},
    {"callable", IS_CALLABLE, OP_EQ},
    {"defined", IS_DEFINED, OP_EQ},
    {"divisibleby", IS_DIVISIBLE, OP_EQ},
    {"eq", IS_COMPARE, OP_EQ},
    {"equalto", IS_COMPARE, OP_EQ},
    {"escaped", IS_ESCAPED, OP_EQ},
    {"even", IS_EVEN, OP_EQ},
    {"false", IS_FALSE, OP_EQ},
    {"filter", IS_FILTER, OP_EQ},
    {"float", IS_FLOAT, OP_EQ},
    {"ge", IS_COMPARE, OP_GE},
    {"greaterthan", IS_COMPARE, OP_GT},
    {"gt", IS_COMPARE, OP_GT},
    {"in", IS_IN, OP_EQ},
    {"integer", IS_INTEGER, OP_EQ},
    {"iterable", IS_ITERABLE, OP_EQ},
    {"le", IS_COMPARE, OP_LE},
    {"lessthan", IS_COMPARE, OP_LT},
    {"lower", IS_LOWER, OP_EQ},
    {"lt", IS_COMPARE, OP_LT},
    {"mapping", IS_MAPPING, OP_EQ},
    {"ne", IS_COMPARE, OP_NE},
    {"none", IS_NONE, OP_EQ},
    {"number", IS_NUMBER, OP_EQ},
    {"odd", IS_ODD, OP_EQ},
    {"sameas", IS_SAME, OP_EQ},
    {"sequence", IS_SEQUENCE, OP_EQ},
    {"string", IS_STRING, OP_EQ},
    {"test", IS_TEST, OP_EQ},
    {"true", IS_TRUE, OP_EQ},
    {"undefined", IS_UNDEFINED, OP_EQ},
    {"upper", IS_UPPER, OP_EQ},
};

int chat_find_test(const char *name, size_t len) {
  for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
    if (strlen(tests[i].name) == len && memcmp(tests[i].name, name, len) == 0) return (int)i;
  }
  return -1;
}

static bool is_same(value a, value b) {
  if (a.type != b.type) return false;
  switch (a.type) {
  case V_NONE: return true;
  case V_BOOL: return a.as.boolean == b.as.boolean;
  case V_INT: return a.as.integer == b.as.integer; /* small integers are one object in Python */
  case V_FLOAT: return false;
  case V_STRING: return a.as.string == b.as.string || chat_str_equal(a.as.string, b.as.string);
  default: return a.as.iter == b.as.iter;
  }
}

/* Whether `v` modulo `divisor` is `rest`. */
static sotto_status remainder_is(runtime *rt, value v, value divisor, int64_t rest, bool *out) {
  value result;
  SOTTO_TRY(chat_binary(rt, OP_MOD, v, divisor, &result));
  return chat_equal(rt, result, value_int(rest), out);
}

static sotto_status is_case(runtime *rt, value in, bool upper, bool *out) {
  const str *s;
  value result;
  const arguments none = {0};
  SOTTO_TRY(chat_to_string(rt, in, &s));
  SOTTO_TRY((upper ? chat_method_str_isupper : chat_method_str_islower)(rt, value_string(s), NULL,
                                                                        &none, &result));
  *out = result.as.boolean;
  return SOTTO_OK;
}

static bool is_sized(value v) {
  switch (v.type) {
  case V_UNDEFINED:
  case V_STRING:
  case V_LIST:
  case V_TUPLE:
  case V_DICT:
  case V_RANGE: return true;
  default: return false;
  }
}

static sotto_status run(runtime *rt, const struct test *t, value in, const value *a, bool *out) {
  value result;
  switch (t->kind) {
  case IS_BOOLEAN: *out = in.type == V_BOOL; break;
  case IS_CALLABLE: /* an undefined value raises when called, but can be */
    *out = in.type == V_FUNCTION || in.type == V_METHOD || in.type == V_MACRO ||
           in.type == V_LOOP || in.type == V_JOINER || in.type == V_UNDEFINED;
    break;
  case IS_COMPARE:
    SOTTO_TRY(chat_binary(rt, t->op, in, a[0], &result));
    *out = result.as.boolean;
    break;
  case IS_DEFINED: *out = in.type != V_UNDEFINED; break;
  case IS_DIVISIBLE: return remainder_is(rt, in, a[0], 0, out);
  case IS_ESCAPED: *out = in.type == V_STRING && in.as.string->markup; break;
  case IS_EVEN: return remainder_is(rt, in, value_int(2), 0, out);
  case IS_FALSE: *out = in.type == V_BOOL && !in.as.boolean; break;
  case IS_FILTER:
    *out = in.type == V_STRING && chat_find_filter(in.as.string->data, in.as.string->len) >= 0;
    break;
  case IS_FLOAT: *out = in.type == V_FLOAT; break;
  case IS_IN: return chat_contains(rt, a[0], in, out);
  case IS_INTEGER: *out = in.type == V_INT; break;
  case IS_ITERABLE:
    *out = is_sized(in) || in.type == V_VIEW || in.type == V_ITERATOR || in.type == V_LOOP;
    break;
  case IS_LOWER: return is_case(rt, in, false, out);
  case IS_MAPPING: *out = in.type == V_DICT; break;
  case IS_NONE: *out = in.type == V_NONE; break;
  case IS_NUMBER: *out = chat_is_number(in); break;
  case IS_ODD: return remainder_is(rt, in, value_int(2), 1, out);
  case IS_SAME: *out = is_same(in, a[0]); break;
  case IS_SEQUENCE: *out = is_sized(in); break;
  case IS_STRING: *out = in.type == V_STRING; break;
  case IS_TEST:
    *out = in.type == V_STRING && chat_find_test(in.as.string->data, in.as.string->len) >= 0;
    break;
  case IS_TRUE: *out = in.type == V_BOOL && in.as.boolean; break;
  case IS_UNDEFINED: *out = in.type == V_UNDEFINED; break;
  case IS_UPPER: return is_case(rt, in, true, out);
  }
  return SOTTO_OK;
}

sotto_status chat_test(runtime *rt, int number, value input, const arguments *args, bool *out) {
  const struct test *t = &tests[number];
  bool takes =
      t->kind == IS_COMPARE || t->kind == IS_DIVISIBLE || t->kind == IS_IN || t->kind == IS_SAME;
  if (args->n != takes || args->n_keywords) {
    return chat_fail(rt, "the test '%s' takes %s", t->name, takes ? "one argument" : "no argument");
  }
  return run(rt, t, input, args->positional, out);
}
