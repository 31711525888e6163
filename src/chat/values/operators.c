/* Arithmetic, comparison and membership, with Python's rules. Integers have 64 bits; where Python's
 * would grow, rendering fails. */
#include <math.h>

#include "chat/values/strings.h"

static const char *const symbols[] = {
    "+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "in", "not in"};

static sotto_status too_large(runtime *rt) {
  return chat_fail(rt, "an integer does not fit 64 bits");
}

/* Rounds towards minus infinity, as Python does. */
static int64_t floor_divide(int64_t a, int64_t b) {
  int64_t q = a / b;
  return q - (a % b != 0 && (a < 0) != (b < 0));
}

/* Other powers need a function whose last bit differs between hosts. */
static sotto_status no_power(runtime *rt) {
  return chat_fail(rt, "'**' is supported between whole numbers only, the right one not negative");
}

static sotto_status integer_power(runtime *rt, int64_t base, int64_t exponent, value *out) {
  int64_t result = 1;
  if (exponent < 0) return no_power(rt);
  while (exponent > 0) {
    if ((exponent & 1) && __builtin_mul_overflow(result, base, &result)) return too_large(rt);
    exponent >>= 1;
    if (exponent && __builtin_mul_overflow(base, base, &base)) return too_large(rt);
  }
  *out = value_int(result);
  return SOTTO_OK;
}

static sotto_status integer_math(runtime *rt, operator op, int64_t a, int64_t b, value *out) {
  int64_t result = 0;
  bool overflow = false;
  if ((op == OP_DIV || op == OP_FLOORDIV || op == OP_MOD) && b == 0) {
    return chat_fail(rt, "division by zero");
  }
  switch (op) {
  case OP_ADD: overflow = __builtin_add_overflow(a, b, &result); break;
  case OP_SUB: overflow = __builtin_sub_overflow(a, b, &result); break;
  case OP_MUL: overflow = __builtin_mul_overflow(a, b, &result); break;
  case OP_FLOORDIV:
    overflow = a == INT64_MIN && b == -1;
    if (!overflow) result = floor_divide(a, b);
    break;
  case OP_MOD: result = b == -1 ? 0 : a - floor_divide(a, b) * b; break;
  case OP_DIV: *out = value_float((double)a / (double)b); return SOTTO_OK;
  default: return integer_power(rt, a, b, out);
  }
  if (overflow) return too_large(rt);
  *out = value_int(result);
  return SOTTO_OK;
}

static sotto_status float_math(runtime *rt, operator op, double a, double b, value *out) {
  if ((op == OP_DIV || op == OP_FLOORDIV || op == OP_MOD) && b == 0) {
    return chat_fail(rt, "division by zero");
  }
  double rest;
  switch (op) {
  case OP_ADD: *out = value_float(a + b); return SOTTO_OK;
  case OP_SUB: *out = value_float(a - b); return SOTTO_OK;
  case OP_MUL: *out = value_float(a * b); return SOTTO_OK;
  case OP_DIV: *out = value_float(a / b); return SOTTO_OK;
  case OP_POW: return no_power(rt);
  default:
    rest = fmod(a, b);
    if (rest != 0 && (b < 0) != (rest < 0)) rest += b;
    if (rest == 0) rest = copysign(0.0, b);
    if (op == OP_MOD) {
      *out = value_float(rest);
    } else {
      double quotient = (a - rest) / b, whole = floor(quotient);
      if (quotient - whole > 0.5) whole += 1;
      *out = value_float(quotient == 0 ? copysign(0.0, a / b) : whole);
    }
    return SOTTO_OK;
  }
}

static sotto_status repeat(runtime *rt, value text, value times, value *out) {
  const str *s;
  SOTTO_TRY(chat_repeat(rt, text.as.string, chat_as_integer(times), &s));
  *out = value_string(s);
  return SOTTO_OK;
}

static bool is_whole(value v) {
  return v.type == V_INT || v.type == V_BOOL;
}

static sotto_status join_lists(runtime *rt, value a, value b, value *out) {
  const list *x = a.as.list, *y = b.as.list;
  value *items;
  SOTTO_TRY(chat_work(rt, (x->n + y->n) * sizeof(value)));
  SOTTO_TRY(chat_list_new(rt, x->n + y->n, a.type, out, &items));
  if (x->n) memcpy(items, x->items, x->n * sizeof *items);
  if (y->n) memcpy(items + x->n, y->items, y->n * sizeof *items);
  return SOTTO_OK;
}

static sotto_status arithmetic(runtime *rt, operator op, value a, value b, value *out) {
  if (chat_is_number(a) && chat_is_number(b)) {
    if (a.type == V_FLOAT || b.type == V_FLOAT) {
      return float_math(rt, op, chat_as_double(a), chat_as_double(b), out);
    }
    return integer_math(rt, op, chat_as_integer(a), chat_as_integer(b), out);
  }
  if (op == OP_ADD && a.type == V_STRING && b.type == V_STRING) {
    const str *s;
    SOTTO_TRY(chat_concat(rt, a.as.string, b.as.string, &s));
    *out = value_string(s);
    return SOTTO_OK;
  }
  if (op == OP_ADD && a.type == b.type && (a.type == V_LIST || a.type == V_TUPLE)) {
    return join_lists(rt, a, b, out);
  }
  if (op == OP_MUL && a.type == V_STRING && is_whole(b)) return repeat(rt, a, b, out);
  if (op == OP_MUL && b.type == V_STRING && is_whole(a)) return repeat(rt, b, a, out);
  if (op == OP_MOD && a.type == V_STRING) {
    return chat_fail(rt, "'%%' of strings is not supported; use '~'");
  }
  if (a.type == V_UNDEFINED) return chat_fail_undefined(rt, a);
  if (b.type == V_UNDEFINED) return chat_fail_undefined(rt, b);
  return chat_fail(rt, "'%s' is not supported between %s and %s", symbols[op], chat_type_name(a),
                   chat_type_name(b));
}

sotto_status chat_binary(runtime *rt, operator op, value a, value b, value *out) {
  bool yes, ordered;
  int order;
  switch (op) {
  case OP_EQ:
  case OP_NE:
    SOTTO_TRY(chat_equal(rt, a, b, &yes));
    *out = value_bool(yes == (op == OP_EQ));
    return SOTTO_OK;
  case OP_IN:
  case OP_NOT_IN:
    SOTTO_TRY(chat_contains(rt, b, a, &yes));
    *out = value_bool(yes == (op == OP_IN));
    return SOTTO_OK;
  case OP_LT:
  case OP_LE:
  case OP_GT:
  case OP_GE:
    SOTTO_TRY(chat_compare(rt, a, b, symbols[op], &order, &ordered));
    yes = op == OP_LT ? order < 0 : op == OP_LE ? order <= 0 : op == OP_GT ? order > 0 : order >= 0;
    *out = value_bool(yes && ordered);
    return SOTTO_OK;
  default: return arithmetic(rt, op, a, b, out);
  }
}

sotto_status chat_negate(runtime *rt, value v, value *out) {
  if (v.type == V_FLOAT) {
    *out = value_float(-v.as.number);
    return SOTTO_OK;
  }
  if (v.type == V_INT || v.type == V_BOOL) {
    return integer_math(rt, OP_SUB, 0, chat_as_integer(v), out);
  }
  if (v.type == V_UNDEFINED) return chat_fail_undefined(rt, v);
  return chat_fail(rt, "- needs a number, not %s", chat_type_name(v));
}
