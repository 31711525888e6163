/* The parser's state and what its files offer each other. */
#ifndef SOTTO_CHAT_SYNTAX_PARSER_H
#define SOTTO_CHAT_SYNTAX_PARSER_H

#include "chat/syntax/ast.h"
#include "chat/syntax/lexer.h"

typedef struct parser {
  sotto_template *tmpl;
  const token *at;
  unsigned depth;       /* of nested expressions and tags, limited */
  unsigned loop_depth;  /* of loops around; break and continue need one */
  int macro_flags;      /* MACRO_ names seen in the macro being parsed */
  bool lenient;         /* inside an `if`, where unknown filters fail only when they are reached */
  const node *unknown;  /* the first unknown filter or test that fails while parsing, or NULL */
  uint32_t *name_slots; /* hash table of the template's names: index + 1, 0 where it is empty */
} parser;

/* expression.c */
sotto_status chat_parse_expression(parser *p, bool with_condition, node **out);

/* primary.c */
sotto_status chat_parse_primary(parser *p, node **out);
/* What follows *n: attributes, items and calls. Replaces *n by the node around it. */
sotto_status chat_parse_postfix(parser *p, node **n);
/* A test of `input`; the parser stands at `is`. */
sotto_status chat_parse_test(parser *p, node *input, node **out);
/* One expression, or a tuple where commas follow. `end` is a name that ends it as well, or NULL. */
sotto_status chat_parse_tuple(parser *p, bool with_condition, const char *end, node **out);
/* What can be assigned to: a name, name.attribute (if `attributes`), or a tuple of such. */
sotto_status chat_parse_target(parser *p, bool attributes, const char *end, node **out);
/* `| filter | filter …` around `input`, which is NULL where a block's text goes through the
 * filters. */
sotto_status chat_parse_filters(parser *p, node *input, bool first_without_bar, node **out);
sotto_status chat_parse_name(parser *p, uint32_t *name, const str **text);

/* parser.c */
sotto_status chat_parser_node(parser *p, node_kind kind, const token *at, node **out);
/* Appends to a list through its last link. */
static inline void chat_parser_append(node ***link, node *n) {
  **link = n;
  *link = &n->next;
}
sotto_status chat_parser_expected(parser *p, const char *what);
sotto_status chat_parser_constant(parser *p, const char *data, size_t len, value *out);
sotto_status chat_parser_enter(parser *p); /* one level of nesting deeper; p->depth-- leaves it */
sotto_status chat_parser_check_known(parser *p);

bool chat_at_name(const parser *p, const char *name);
bool chat_at_operator(const parser *p, const char *op);
bool chat_skip_name(parser *p, const char *name);
bool chat_skip_operator(parser *p, const char *op);
sotto_status chat_expect_operator(parser *p, const char *op);

/* statement.c: statements up to the end of the template. */
sotto_status chat_parse_body(parser *p, node **out);

#endif
