/* What operators stand between: constants, variables, lists, dicts, what follows them (attributes,
 * items, calls, filters, tests), and the targets of assignments. */
#include "chat/syntax/names.h"
#include "chat/syntax/parser.h"

/* ---- primary expressions -------------------------------------------------------------------- */

static sotto_status parse_strings(parser *p, node **out) {
  const token *first = p->at;
  SOTTO_TRY(chat_parser_node(p, N_CONST, first, out));
  size_t len = 0, n = 0;
  for (; p->at->type == T_STRING; p->at++) len += p->at->len;
  const char *data = first->text;
  if (p->at - first > 1) { /* strings that stand side by side are one */
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
    chat_parser_append(&link, item);
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
    chat_parser_append(&link, item);
    SOTTO_TRY(chat_expect_operator(p, ":"));
    SOTTO_TRY(chat_parse_expression(p, true, &item));
    chat_parser_append(&link, item);
    (*out)->n++;
  }
  return chat_expect_operator(p, "}");
}

/* A variable, or one of the constants that look like one. */
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

static sotto_status parse_parentheses(parser *p, node **out) {
  const token *open = p->at++;
  if (chat_skip_operator(p, ")")) return chat_parser_node(p, N_TUPLE, open, out);
  SOTTO_TRY(chat_parse_tuple(p, true, NULL, out));
  return chat_expect_operator(p, ")");
}

sotto_status chat_parse_primary(parser *p, node **out) {
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
    chat_parser_append(&link, item);
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
    chat_parser_append(&link, item);
    n++;
  }
  SOTTO_TRY(chat_parser_node(p, N_TUPLE, start, out));
  (*out)->a = first;
  (*out)->n = n;
  return SOTTO_OK;
}

/* ---- what follows a primary expression ------------------------------------------------------ */

/* The arguments in parentheses, as a list of N_ARGUMENT. */
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
    chat_parser_append(&link, argument);
  }
  return chat_expect_operator(p, ")");
}

static sotto_status parse_call(parser *p, node *callee, node **out) {
  SOTTO_TRY(chat_parser_node(p, N_CALL, p->at, out));
  (*out)->a = callee;
  return parse_arguments(p, &(*out)->b, &(*out)->n);
}

/* An index or a slice of `object`; the parser stands at `[`. */
static sotto_status parse_subscript(parser *p, node *object, node **out) {
  SOTTO_TRY(chat_parser_node(p, N_ITEM, p->at++, out));
  node *n = *out;
  n->a = object;
  if (!chat_at_operator(p, ":")) SOTTO_TRY(chat_parse_expression(p, true, &n->b));
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

/* The name behind a dot, or a number, which is an index. The parser stands at the dot. */
static sotto_status parse_attribute(parser *p, node *object, node **out) {
  const token *dot = p->at++;
  if (p->at->type == T_INTEGER) {
    SOTTO_TRY(chat_parser_node(p, N_ITEM, dot, out));
    SOTTO_TRY(chat_parse_primary(p, &(*out)->b));
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

sotto_status chat_parse_postfix(parser *p, node **n) {
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

/* Takes the name of a filter or test into n->constant. */
static sotto_status parse_function_name(parser *p, node *n) {
  const str *text;
  uint32_t name;
  SOTTO_TRY(chat_parse_name(p, &name, &text));
  n->constant = value_string(text);
  return SOTTO_OK;
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
    SOTTO_TRY(parse_function_name(p, n));
    n->number = chat_find_filter(n->constant.as.string->data, n->constant.as.string->len);
    note_unknown(p, n);
    if (chat_at_operator(p, "(")) SOTTO_TRY(parse_arguments(p, &n->b, &n->n));
    n->a = *out;
    *out = n;
  }
  return SOTTO_OK;
}

/* A test takes arguments in parentheses, or one that simply follows it. */
sotto_status chat_parse_test(parser *p, node *input, node **out) {
  const token *is = p->at++;
  bool negated = chat_skip_name(p, "not");
  node *n;
  SOTTO_TRY(chat_parser_node(p, N_TEST, p->at, &n));
  SOTTO_TRY(parse_function_name(p, n));
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
    SOTTO_TRY(chat_parse_primary(p, &n->b->a));
    SOTTO_TRY(chat_parse_postfix(p, &n->b->a));
    n->n = 1;
  }
  *out = n;
  if (!negated) return SOTTO_OK;
  SOTTO_TRY(chat_parser_node(p, N_NOT, is, out));
  (*out)->a = n;
  return SOTTO_OK;
}
