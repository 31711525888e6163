/* Arithmetic, comparison and membership, with Python's rules. Integers have 64 bits; where Python's
 * would grow, rendering fails. */
#include <math.h>

#include "chat/strings.h"

static const char *const symbols[] = {
    "+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "in", "not in"};

static sotto_status too_large(runtime *rt) {
  return chat_fail(rt, "an integer does not fit 64 bits");
}

/* Towards minus infinity, and the remainder with the divisor's sign. */
static int64_t floor_divide(int64_t a, int64_t b) {
  int64_t q = a / b;
  return q - (a % b != 0 && (a < 0) != (b < 0));
}

static sotto_status integer_power(runtime *rt, int64_t base, int64_t exponent, value *out) {
  int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) && __builtin_mul_overflow(result, base, &result)) return too_large(rt);
    exponent >>= 1;
    if (exponent && __builtin_mul_overflow(base, base, &base)) return too_large(rt);
  }
  *out = value_int(result);
  return SOTTO_OK;
}

/* Whether a * b is exactly the double a * b (Dekker 1971). */
static bool is_exact_product(double a, double b) {
  const double splitter = 134217729; /* 2^27 + 1 */
  double p = a * b, t = a * splitter, a_high = t - (t - a), a_low = a - a_high;
  t = b * splitter;
  double b_high = t - (t - b), b_low = b - b_high;
  return ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low == 0;
}

/* The powers that are correctly rounded without a libm, whose last bit differs between hosts: roots,
 * and whole exponents as long as at most the last step rounds. */
static sotto_status float_power(runtime *rt, double base, double exponent, value *out) {
  double result = 1, n = fabs(exponent);
  bool exact = true, supported = n <= 1100 && floor(n) == n && fabs(base) < 1e150;
  if (base == 0 && exponent < 0) return chat_fail(rt, "0 to a negative power");
  if (exponent == 0.5 && base >= 0) {
    *out = value_float(sqrt(base));
    return SOTTO_OK;
  }
  SOTTO_TRY(chat_work(rt, supported ? (uint64_t)n * 16 : 0));
  for (; supported && n > 0; n--) {
    supported = exact && fabs(result) < 1e150;
    exact = is_exact_product(result, base);
    result *= base;
  }
  if (!supported || (exponent < 0 && !exact)) return chat_fail(rt, "this power is not supported");
  *out = value_float(exponent < 0 ? 1 / result : result);
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
  default:
    if (b < 0) return float_power(rt, (double)a, (double)b, out);
    return integer_power(rt, a, b, out);
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
  case OP_POW: return float_power(rt, a, b, out);
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

static sotto_status repeat(runtime *rt, value sequence, int64_t times, value *out) {
  if (sequence.type == V_STRING) {
    const str *s;
    SOTTO_TRY(chat_repeat(rt, sequence.as.string, times, &s));
    *out = value_string(s);
    return SOTTO_OK;
  }
  const list *l = sequence.as.list;
  value *items;
  if (times < 0) times = 0;
  size_t n;
  if (!sotto_size_mul(l->n, (size_t)times, &n) || (uint64_t)times > SIZE_MAX) {
    return chat_fail(rt, "the list is too long");
  }
  SOTTO_TRY(chat_work(rt, n));
  SOTTO_TRY(chat_list_new(rt, n, sequence.type, out, &items));
  for (size_t i = 0; i < n; i++) items[i] = l->items[i % l->n];
  return SOTTO_OK;
}

static bool is_sequence(value v) {
  return v.type == V_STRING || v.type == V_LIST || v.type == V_TUPLE;
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
    int64_t x = a.type == V_BOOL ? a.as.boolean : a.as.integer;
    int64_t y = b.type == V_BOOL ? b.as.boolean : b.as.integer;
    return integer_math(rt, op, x, y, out);
  }
  if (op == OP_ADD && a.type == V_STRING && b.type == V_STRING) {
    const str *s;
    SOTTO_TRY(chat_concat(rt, a.as.string, b.as.string, &s));
    *out = value_string(s);
    return SOTTO_OK;
  }
  if (op == OP_ADD && a.type == b.type && is_sequence(a)) return join_lists(rt, a, b, out);
  if (op == OP_MUL && is_sequence(b) && (a.type == V_INT || a.type == V_BOOL)) {
    value swap = a;
    a = b;
    b = swap;
  }
  if (op == OP_MUL && is_sequence(a) && (b.type == V_INT || b.type == V_BOOL)) {
    return repeat(rt, a, b.type == V_INT ? b.as.integer : b.as.boolean, out);
  }
  if (op == OP_MOD && a.type == V_STRING) {
    return chat_format_percent(rt, a.as.string, b, out);
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
    return integer_math(rt, OP_SUB, 0, v.type == V_INT ? v.as.integer : v.as.boolean, out);
  }
  if (v.type == V_UNDEFINED) return chat_fail_undefined(rt, v);
  return chat_fail(rt, "- needs a number, not %s", chat_type_name(v));
}
