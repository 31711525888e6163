/* What values do: Python's protocols and operators, dicts, lists and generators. */
#ifndef SOTTO_CHAT_VALUES_PROTOCOLS_H
#define SOTTO_CHAT_VALUES_PROTOCOLS_H

#include "chat/values/value.h"

/* value.c: what Python's protocols say. A compare or lookup fails where Python raises. */
const char *chat_type_name(value v); /* "str", "int", "dict", "None" … */
bool chat_is_number(value v);        /* bool, int or float */
double chat_as_double(value v);      /* of a number */
int64_t chat_as_integer(value v);    /* of a bool or int */
bool chat_truth(value v);
sotto_status chat_equal(runtime *rt, value a, value b, bool *out);
/* a < b, ==, > as negative, 0, positive; *ordered is false where a NaN is involved. `op` is for the
 * message that the types have no order. */
sotto_status chat_compare(runtime *rt, value a, value b, const char *op, int *out, bool *ordered);
int chat_compare_numbers(value a, value b, bool *ordered);
sotto_status chat_length(runtime *rt, value v, int64_t *out);
sotto_status chat_contains(runtime *rt, value container, value item, bool *out);

/* undefined.c: values that stand for what is not there, and the failure when one is used. */
sotto_status chat_fail_undefined(runtime *rt, value v);
sotto_status chat_undefined_name(runtime *rt, const str *name, value *out);
sotto_status chat_undefined_hint(runtime *rt, const char *hint, value *out); /* a literal */
sotto_status chat_undefined_attribute(runtime *rt, value object, value name, value *out);

/* dict.c */
sotto_status chat_dict_new(runtime *rt, size_t cap, dict **out);
/* Sets or replaces an entry. Only namespaces change once a template can see them. */
sotto_status chat_dict_set(runtime *rt, dict *d, value key, value v);
/* *out is NULL when there is none. Fails when the key is of a type that cannot be one. */
sotto_status chat_dict_get(runtime *rt, const dict *d, value key, const value **out);

/* iterate.c */
sotto_status chat_list_new(runtime *rt, size_t n, value_type list_or_tuple, value *out,
                           value **items);
/* All items. Those of a generator are taken from it, so that it is empty afterwards. */
sotto_status chat_to_list(runtime *rt, value v, list *out);
/* A generator itself, or one over the items of another value. */
sotto_status chat_iterate(runtime *rt, value v, generator **out);
sotto_status chat_generator_new(runtime *rt, const list *items, value *out);

/* slice.c: v[from:to:by], where each of the three may be None. */
sotto_status chat_slice(runtime *rt, value v, value from, value to, value by, value *out);

/* operators.c */
typedef enum operator{
  OP_ADD,
  OP_SUB,
  OP_MUL,
  OP_DIV,
  OP_FLOORDIV,
  OP_MOD,
  OP_POW,
  OP_EQ,
  OP_NE,
  OP_LT,
  OP_LE,
  OP_GT,
  OP_GE,
  OP_IN,
  OP_NOT_IN,
} operator;
sotto_status chat_binary(runtime *rt, operator op, value a, value b, value *out);
sotto_status chat_negate(runtime *rt, value v, value *out);

#endif
