/* Expressions, with jinja2's grammar and precedences. Chains of operators of one level become one
 * node with a list, so that long sums do not nest. */
#include "chat/parser.h"
#include "chat/runtime.h"

static sotto_status parse_unary(parser *p, bool with_filter, node **out);

/* Appends to a list through its last link. */
static void append(node ***link, node *n) {
  **link = n;
  *link = &n->next;
}

/* ---- primary expressions -------------------------------------------------------------------- */

static sotto_status parse_strings(parser *p, node **out) {
  const token *first = p->at;
  SOTTO_TRY(chat_parser_node(p, N_CONST, first, out));
  size_t len = 0, n = 0;
  for (; p->at->type == T_STRING; p->at++) len += p->at->len;
  const char *data = first->text;
  if (p->at - first > 1) { /* neighbours are one string */
    char *joined = sotto_arena_alloc(&p->tmpl->arena, len);
    if (!joined) return SOTTO_ERR_OUT_OF_MEMORY;
    for (const token *t = first; t < p->at; n += t++->len) {
      if (t->len) memcpy(joined + n, t->text, t->len);
    }
    data = joined;
  }
  return chat_parser_constant(p, data, len, &(*out)->constant);
}

static sotto_status parse_list(parser *p, node **out) {
  SOTTO_TRY(chat_parser_node(p, N_LIST, p->at++, out));
  node **link = &(*out)->a, *item;
  while (!chat_at_operator(p, "]")) {
    if ((*out)->n) SOTTO_TRY(chat_expect_operator(p, ","));
    if (chat_at_operator(p, "]")) break;
    SOTTO_TRY(chat_parse_expression(p, true, &item));
    append(&link, item);
    (*out)->n++;
  }
  return chat_expect_operator(p, "]");
}

static sotto_status parse_dict(parser *p, node **out) {
  SOTTO_TRY(chat_parser_node(p, N_DICT, p->at++, out));
  node **link = &(*out)->a, *item;
  while (!chat_at_operator(p, "}")) {
    if ((*out)->n) SOTTO_TRY(chat_expect_operator(p, ","));
    if (chat_at_operator(p, "}")) break;
    SOTTO_TRY(chat_parse_expression(p, true, &item));
    append(&link, item);
    SOTTO_TRY(chat_expect_operator(p, ":"));
    SOTTO_TRY(chat_parse_expression(p, true, &item));
    append(&link, item);
    (*out)->n++;
  }
  return chat_expect_operator(p, "}");
}

/* A name, or the constant of that name. */
static sotto_status parse_variable(parser *p, node **out) {
  const token *t = p->at;
  if (chat_skip_name(p, "true") || chat_skip_name(p, "True")) {
    SOTTO_TRY(chat_parser_node(p, N_CONST, t, out));
    (*out)->constant = value_bool(true);
  } else if (chat_skip_name(p, "false") || chat_skip_name(p, "False")) {
    SOTTO_TRY(chat_parser_node(p, N_CONST, t, out));
    (*out)->constant = value_bool(false);
  } else if (chat_skip_name(p, "none") || chat_skip_name(p, "None")) {
    SOTTO_TRY(chat_parser_node(p, N_CONST, t, out));
    (*out)->constant = value_none();
  } else {
    if (chat_at_name(p, "varargs")) p->macro_flags |= MACRO_VARARGS;
    if (chat_at_name(p, "kwargs")) p->macro_flags |= MACRO_KWARGS;
    if (chat_at_name(p, "caller")) p->macro_flags |= MACRO_CALLER;
    SOTTO_TRY(chat_parser_node(p, N_NAME, t, out));
    return chat_parse_name(p, &(*out)->name, NULL);
  }
  return SOTTO_OK;
}

/* One more level of brackets around what `tuple` parses. */
static sotto_status parse_parentheses(parser *p, node **out) {
  const token *open = p->at++;
  if (chat_skip_operator(p, ")")) return chat_parser_node(p, N_TUPLE, open, out);
  SOTTO_TRY(chat_parse_tuple(p, true, NULL, out));
  return chat_expect_operator(p, ")");
}

static sotto_status parse_primary(parser *p, node **out) {
  const token *t = p->at;
  switch (t->type) {
  case T_NAME: return parse_variable(p, out);
  case T_STRING: return parse_strings(p, out);
  case T_INTEGER:
  case T_FLOAT:
    SOTTO_TRY(chat_parser_node(p, N_CONST, p->at++, out));
    (*out)->constant = t->type == T_FLOAT ? value_float(t->number) : value_int(t->integer);
    return SOTTO_OK;
  default:
    if (chat_at_operator(p, "(")) return parse_parentheses(p, out);
    if (chat_at_operator(p, "[")) return parse_list(p, out);
    if (chat_at_operator(p, "{")) return parse_dict(p, out);
    return chat_parser_expected(p, "an expression");
  }
}

sotto_status chat_parse_tuple(parser *p, bool with_condition, const char *end, node **out) {
  const token *start = p->at;
  node *first = NULL, **link = &first, *item;
  uint32_t n = 0;
  bool is_tuple = false;
  for (;;) {
    token_type type = p->at->type;
    if (type == T_PRINT_END || type == T_TAG_END || chat_at_operator(p, ")")) break;
    if (end && chat_at_name(p, end)) break;
    SOTTO_TRY(chat_parse_expression(p, with_condition, &item));
    append(&link, item);
    n++;
    if (!chat_skip_operator(p, ",")) break;
    is_tuple = true;
  }
  if (!n) return chat_parser_expected(p, "an expression");
  if (!is_tuple) {
    *out = first;
    return SOTTO_OK;
  }
  SOTTO_TRY(chat_parser_node(p, N_TUPLE, start, out));
  (*out)->a = first;
  (*out)->n = n;
  return SOTTO_OK;
}

/* ---- targets of assignments ----------------------------------------------------------------- */

static sotto_status parse_one_target(parser *p, bool attributes, node **out) {
  const token *t = p->at;
  if (chat_skip_operator(p, "(")) {
    SOTTO_TRY(chat_parser_enter(p));
    SOTTO_TRY(chat_parse_target(p, false, NULL, out));
    p->depth--;
    return chat_expect_operator(p, ")");
  }
  static const char *const constants[] = {"true", "false", "none", "True", "False", "None"};
  for (size_t i = 0; i < sizeof constants / sizeof *constants; i++) {
    if (chat_at_name(p, constants[i])) {
      return chat_parser_expected(p, "a name that can be assigned to");
    }
  }
  SOTTO_TRY(chat_parser_node(p, N_NAME, t, out));
  SOTTO_TRY(chat_parse_name(p, &(*out)->name, NULL));
  if (attributes && chat_skip_operator(p, ".")) {
    uint32_t name;
    const str *text;
    SOTTO_TRY(chat_parse_name(p, &name, &text));
    (*out)->kind = N_ATTRIBUTE;
    (*out)->constant = value_string(text);
  }
  return SOTTO_OK;
}

sotto_status chat_parse_target(parser *p, bool attributes, const char *end, node **out) {
  const token *start = p->at;
  node *first, **link, *item;
  uint32_t n = 1;
  SOTTO_TRY(parse_one_target(p, attributes, &first));
  *out = first;
  if (!chat_at_operator(p, ",")) return SOTTO_OK;
  link = &first->next;
  while (chat_skip_operator(p, ",")) {
    if (p->at->type == T_TAG_END || chat_at_operator(p, "=") || chat_at_operator(p, ")") ||
        (end && chat_at_name(p, end))) {
      break;
    }
    SOTTO_TRY(parse_one_target(p, attributes, &item));
    append(&link, item);
    n++;
  }
  SOTTO_TRY(chat_parser_node(p, N_TUPLE, start, out));
  (*out)->a = first;
  (*out)->n = n;
  return SOTTO_OK;
}

/* ---- what follows a primary expression ------------------------------------------------------ */

/* (…): a list of N_ARGUMENT. */
static sotto_status parse_arguments(parser *p, node **first, uint32_t *count) {
  node **link = first, *argument;
  bool keywords = false, star = false, star_star = false;
  SOTTO_TRY(chat_expect_operator(p, "("));
  for (*count = 0; !chat_at_operator(p, ")"); ++*count) {
    if (*count) SOTTO_TRY(chat_expect_operator(p, ","));
    if (chat_at_operator(p, ")")) break;
    SOTTO_TRY(chat_parser_node(p, N_ARGUMENT, p->at, &argument));
    bool is_keyword = p->at->type == T_NAME && p->at[1].type == T_OPERATOR && p->at[1].len == 1 &&
                      p->at[1].text[0] == '=';
    bool ok = !star_star;
    if (chat_skip_operator(p, "*")) {
      ok = ok && !star;
      star = true;
      argument->op = ARGUMENT_STAR;
    } else if (chat_skip_operator(p, "**")) {
      star_star = true;
      argument->op = ARGUMENT_STAR_STAR;
    } else if (is_keyword) {
      SOTTO_TRY(chat_parser_constant(p, p->at->text, p->at->len, &argument->constant));
      p->at += 2;
      keywords = true;
    } else {
      ok = ok && !star && !keywords;
    }
    if (!ok) return chat_parser_expected(p, "arguments in the order a, k=b, *c, **d");
    SOTTO_TRY(chat_parse_expression(p, true, &argument->a));
    append(&link, argument);
  }
  return chat_expect_operator(p, ")");
}

static sotto_status parse_call(parser *p, node *callee, node **out) {
  SOTTO_TRY(chat_parser_node(p, N_CALL, p->at, out));
  (*out)->a = callee;
  return parse_arguments(p, &(*out)->b, &(*out)->n);
}

/* The index in brackets; several, or none, are a tuple. */
static sotto_status parse_index(parser *p, node **out) {
  const token *start = p->at;
  node *first = NULL, **link = &first, *item;
  uint32_t n = 0;
  if (!chat_at_operator(p, "]")) {
    do {
      SOTTO_TRY(chat_parse_expression(p, true, &item));
      append(&link, item);
      n++;
    } while (chat_skip_operator(p, ","));
  }
  *out = first;
  if (n == 1) return SOTTO_OK;
  SOTTO_TRY(chat_parser_node(p, N_TUPLE, start, out));
  (*out)->a = first;
  (*out)->n = n;
  return SOTTO_OK;
}

/* At `[` behind an object: an index or a slice. */
static sotto_status parse_subscript(parser *p, node *object, node **out) {
  SOTTO_TRY(chat_parser_node(p, N_ITEM, p->at++, out));
  node *n = *out;
  n->a = object;
  if (!chat_at_operator(p, ":")) SOTTO_TRY(parse_index(p, &n->b));
  if (chat_skip_operator(p, ":")) {
    n->kind = N_SLICE;
    if (!chat_at_operator(p, ":") && !chat_at_operator(p, "]")) {
      SOTTO_TRY(chat_parse_expression(p, true, &n->c));
    }
    if (chat_skip_operator(p, ":") && !chat_at_operator(p, "]")) {
      SOTTO_TRY(chat_parse_expression(p, true, &n->d));
    }
  }
  return chat_expect_operator(p, "]");
}

/* Behind `object.`: a name, or a number as an index. */
static sotto_status parse_attribute(parser *p, node *object, node **out) {
  const token *dot = p->at++;
  if (p->at->type == T_INTEGER) {
    SOTTO_TRY(chat_parser_node(p, N_ITEM, dot, out));
    SOTTO_TRY(parse_primary(p, &(*out)->b));
  } else {
    SOTTO_TRY(chat_parser_node(p, N_ATTRIBUTE, dot, out));
    uint32_t name;
    const str *text;
    if (p->at->type != T_NAME) return chat_parser_expected(p, "a name or number behind '.'");
    SOTTO_TRY(chat_parse_name(p, &name, &text));
    (*out)->constant = value_string(text);
  }
  (*out)->a = object;
  return SOTTO_OK;
}

static sotto_status parse_postfix(parser *p, node **n) {
  for (;;) {
    if (chat_at_operator(p, "."))
      SOTTO_TRY(parse_attribute(p, *n, n));
    else if (chat_at_operator(p, "["))
      SOTTO_TRY(parse_subscript(p, *n, n));
    else if (chat_at_operator(p, "("))
      SOTTO_TRY(parse_call(p, *n, n));
    else
      return SOTTO_OK;
  }
}

/* The name of a filter or test into n->constant; only few have dots, and none of ours. */
static sotto_status parse_dotted_name(parser *p, node *n) {
  const token *first = p->at;
  uint32_t name;
  SOTTO_TRY(chat_parse_name(p, &name, NULL));
  while (chat_skip_operator(p, ".")) SOTTO_TRY(chat_parse_name(p, &name, NULL));
  const token *last = p->at - 1;
  size_t len = (size_t)(last->text + last->len - first->text);
  return chat_parser_constant(p, first->text, len, &n->constant);
}

static void note_unknown(parser *p, const node *n) {
  if (n->number < 0 && !p->lenient && !p->unknown) p->unknown = n;
}

sotto_status chat_parse_filters(parser *p, node *input, bool first_without_bar, node **out) {
  *out = input;
  while (first_without_bar || chat_skip_operator(p, "|")) {
    first_without_bar = false;
    node *n;
    SOTTO_TRY(chat_parser_node(p, N_FILTER, p->at, &n));
    SOTTO_TRY(parse_dotted_name(p, n));
    n->number = chat_find_filter(n->constant.as.string->data, n->constant.as.string->len);
    note_unknown(p, n);
    if (chat_at_operator(p, "(")) SOTTO_TRY(parse_arguments(p, &n->b, &n->n));
    n->a = *out;
    *out = n;
  }
  return SOTTO_OK;
}

/* Behind `is`: a test, with its one argument written behind it or several in parentheses. */
static sotto_status parse_test(parser *p, node *input, node **out) {
  const token *is = p->at++;
  bool negated = chat_skip_name(p, "not");
  node *n;
  SOTTO_TRY(chat_parser_node(p, N_TEST, p->at, &n));
  SOTTO_TRY(parse_dotted_name(p, n));
  n->number = chat_find_test(n->constant.as.string->data, n->constant.as.string->len);
  note_unknown(p, n);
  n->a = input;
  token_type type = p->at->type;
  if (chat_at_operator(p, "(")) {
    SOTTO_TRY(parse_arguments(p, &n->b, &n->n));
  } else if ((type == T_NAME && !chat_at_name(p, "else") && !chat_at_name(p, "or") &&
              !chat_at_name(p, "and")) ||
             type == T_STRING || type == T_INTEGER || type == T_FLOAT || chat_at_operator(p, "[") ||
             chat_at_operator(p, "{")) {
    if (chat_at_name(p, "is")) return chat_parser_expected(p, "no second test behind the first");
    SOTTO_TRY(chat_parser_node(p, N_ARGUMENT, p->at, &n->b));
    SOTTO_TRY(parse_primary(p, &n->b->a));
    SOTTO_TRY(parse_postfix(p, &n->b->a));
    n->n = 1;
  }
  *out = n;
  if (!negated) return SOTTO_OK;
  SOTTO_TRY(chat_parser_node(p, N_NOT, is, out));
  (*out)->a = n;
  return SOTTO_OK;
}

/* ---- operators ------------------------------------------------------------------------------ */

static sotto_status parse_unary_inner(parser *p, bool with_filter, node **out) {
  const token *t = p->at;
  if (chat_skip_operator(p, "-") || chat_skip_operator(p, "+")) {
    SOTTO_TRY(chat_parser_node(p, t->text[0] == '-' ? N_NEGATE : N_PLUS, t, out));
    SOTTO_TRY(parse_unary(p, false, &(*out)->a));
  } else {
    SOTTO_TRY(parse_primary(p, out));
  }
  SOTTO_TRY(parse_postfix(p, out));
  while (with_filter) {
    if (chat_at_operator(p, "|"))
      SOTTO_TRY(chat_parse_filters(p, *out, false, out));
    else if (chat_at_name(p, "is"))
      SOTTO_TRY(parse_test(p, *out, out));
    else if (chat_at_operator(p, "("))
      SOTTO_TRY(parse_call(p, *out, out));
    else
      break;
  }
  return SOTTO_OK;
}

static sotto_status parse_unary(parser *p, bool with_filter, node **out) {
  SOTTO_TRY(chat_parser_enter(p));
  sotto_status status = parse_unary_inner(p, with_filter, out);
  p->depth--;
  return status;
}

typedef struct level {
  const char *text;
  operator op;
} level;

/* The arithmetic levels, loosest first; the empty one is `~`. */
static const level levels[4][5] = {
    {{"+", OP_ADD}, {"-", OP_SUB}},
    {{"~", OP_ADD}},
    {{"*", OP_MUL}, {"/", OP_DIV}, {"//", OP_FLOORDIV}, {"%", OP_MOD}},
    {{"**", OP_POW}},
};
enum { LEVEL_CONCAT = 1, N_LEVELS = 4 };

static const level *operator_at(const parser *p, const level *among) {
  for (; among->text; among++) {
    if (chat_at_operator(p, among->text)) return among;
  }
  return NULL;
}

static sotto_status parse_math(parser *p, int depth, node **out) {
  if (depth == N_LEVELS) return parse_unary(p, true, out);
  const token *start = p->at;
  SOTTO_TRY(parse_math(p, depth + 1, out));
  const level *op = operator_at(p, levels[depth]);
  if (!op) return SOTTO_OK;
  node *chain, *operand;
  SOTTO_TRY(chat_parser_node(p, depth == LEVEL_CONCAT ? N_CONCAT : N_MATH, start, &chain));
  chain->a = *out;
  node **link = depth == LEVEL_CONCAT ? &chain->a->next : &chain->b;
  for (; op; op = operator_at(p, levels[depth])) {
    const token *at = p->at++;
    SOTTO_TRY(parse_math(p, depth + 1, &operand));
    if (depth != LEVEL_CONCAT) {
      node *wrapped;
      SOTTO_TRY(chat_parser_node(p, N_OPERAND, at, &wrapped));
      wrapped->op = (uint8_t)op->op;
      wrapped->a = operand;
      operand = wrapped;
    }
    append(&link, operand);
  }
  *out = chain;
  return SOTTO_OK;
}

static sotto_status parse_compare(parser *p, node **out) {
  static const level comparisons[] = {{"==", OP_EQ}, {"!=", OP_NE}, {"<=", OP_LE}, {">=", OP_GE},
                                      {"<", OP_LT},  {">", OP_GT},  {NULL, OP_EQ}};
  const token *start = p->at;
  SOTTO_TRY(parse_math(p, 0, out));
  node *compare = NULL, **link = NULL, *operand;
  for (;;) {
    const token *at = p->at;
    const level *op = operator_at(p, comparisons);
    operator found = op ? op->op : OP_IN;
    if (op) {
      p->at++;
    } else if (chat_at_name(p, "not") && p->at[1].type == T_NAME &&
               sotto_slice_is((sotto_slice){p->at[1].text, p->at[1].len}, "in")) {
      p->at += 2;
      found = OP_NOT_IN;
    } else if (!chat_skip_name(p, "in")) {
      return SOTTO_OK;
    }
    if (!compare) {
      SOTTO_TRY(chat_parser_node(p, N_COMPARE, start, &compare));
      compare->a = *out;
      link = &compare->b;
      *out = compare;
    }
    SOTTO_TRY(chat_parser_node(p, N_OPERAND, at, &operand));
    operand->op = (uint8_t)found;
    SOTTO_TRY(parse_math(p, 0, &operand->a));
    append(&link, operand);
  }
}

static sotto_status parse_not(parser *p, node **out) {
  const token *t = p->at;
  if (!chat_skip_name(p, "not")) return parse_compare(p, out);
  SOTTO_TRY(chat_parser_enter(p));
  SOTTO_TRY(chat_parser_node(p, N_NOT, t, out));
  SOTTO_TRY(parse_not(p, &(*out)->a));
  p->depth--;
  return SOTTO_OK;
}

static sotto_status parse_logic(parser *p, bool is_or, node **out) {
  const char *word = is_or ? "or" : "and";
  const token *start = p->at;
  SOTTO_TRY(is_or ? parse_logic(p, false, out) : parse_not(p, out));
  if (!chat_at_name(p, word)) return SOTTO_OK;
  node *chain, *operand;
  SOTTO_TRY(chat_parser_node(p, is_or ? N_OR : N_AND, start, &chain));
  chain->a = *out;
  node **link = &chain->a->next;
  while (chat_skip_name(p, word)) {
    SOTTO_TRY(is_or ? parse_logic(p, false, &operand) : parse_not(p, &operand));
    append(&link, operand);
  }
  *out = chain;
  return SOTTO_OK;
}

sotto_status chat_parse_expression(parser *p, bool with_condition, node **out) {
  const token *start = p->at;
  const node *unknown = p->unknown;
  SOTTO_TRY(parse_logic(p, true, out));
  while (with_condition && chat_skip_name(p, "if")) {
    node *n;
    SOTTO_TRY(chat_parser_node(p, N_CONDITION, start, &n));
    n->b = *out;
    SOTTO_TRY(parse_logic(p, true, &n->a));
    if (chat_skip_name(p, "else")) {
      SOTTO_TRY(chat_parser_enter(p));
      SOTTO_TRY(chat_parse_expression(p, true, &n->c));
      p->depth--;
    }
    p->unknown = unknown; /* an unknown filter fails only when it is reached */
    *out = n;
  }
  return SOTTO_OK;
}
