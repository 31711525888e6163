/* Operators, with jinja2's precedences. Chains of operators of one level become one node with a
 * list, so that long sums do not nest. */
#include "chat/syntax/parser.h"

static sotto_status parse_unary(parser *p, bool with_filter, node **out);

static sotto_status parse_unary_inner(parser *p, bool with_filter, node **out) {
  const token *t = p->at;
  if (chat_skip_operator(p, "-") || chat_skip_operator(p, "+")) {
    SOTTO_TRY(chat_parser_node(p, t->text[0] == '-' ? N_NEGATE : N_PLUS, t, out));
    SOTTO_TRY(parse_unary(p, false, &(*out)->a));
  } else {
    SOTTO_TRY(chat_parse_primary(p, out));
  }
  SOTTO_TRY(chat_parse_postfix(p, out));
  while (with_filter) {
    if (chat_at_operator(p, "|"))
      SOTTO_TRY(chat_parse_filters(p, *out, false, out));
    else if (chat_at_name(p, "is"))
      SOTTO_TRY(chat_parse_test(p, *out, out));
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

/* Arithmetic operators by precedence, those that bind least first. */
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
    chat_parser_append(&link, operand);
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
    chat_parser_append(&link, operand);
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
    chat_parser_append(&link, operand);
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
    p->unknown = unknown; /* in a condition, an unknown filter fails only when it is reached */
    *out = n;
  }
  return SOTTO_OK;
}
