/* The parser's state, shared by its two files: expressions and statements. */
#ifndef SOTTO_CHAT_PARSER_H
#define SOTTO_CHAT_PARSER_H

#include "chat/ast.h"
#include "chat/lexer.h"

typedef struct parser {
  sotto_template *tmpl;
  const token *at;
  unsigned depth;       /* of the recursion */
  unsigned loop_depth;  /* break and continue are allowed */
  int macro_flags;      /* MACRO_ names seen in the macro being parsed */
  bool lenient;         /* inside an `if`: unknown filters fail when they are reached */
  const node *unknown;  /* the first filter or test with no such name that must fail at once */
  uint32_t *name_slots; /* open-addressing table of the template's names, index + 1 */
  uint32_t n_slots;
} parser;

/* parse_expression.c */
sotto_status chat_parse_expression(parser *p, bool with_condition, node **out);
/* An expression, or several with commas as a tuple; `end` (or NULL) is a name that ends it too. */
sotto_status chat_parse_tuple(parser *p, bool with_condition, const char *end, node **out);
/* A name, name.attribute (if `attributes`), or a tuple of such. */
sotto_status chat_parse_target(parser *p, bool attributes, const char *end, node **out);
/* `| filter | filter …` around `input` (NULL: what a block holds). */
sotto_status chat_parse_filters(parser *p, node *input, bool first_without_bar, node **out);
sotto_status chat_parse_name(parser *p, uint32_t *name, const str **text);

/* parser.c */
sotto_status chat_parser_node(parser *p, node_kind kind, const token *at, node **out);
sotto_status chat_parser_expected(parser *p, const char *what);
sotto_status chat_parser_constant(parser *p, const char *data, size_t len, value *out);
sotto_status chat_parser_enter(parser *p); /* one level of nesting; p->depth-- leaves */
sotto_status chat_parser_check_known(parser *p);

bool chat_at_name(const parser *p, const char *name);
bool chat_at_operator(const parser *p, const char *op);
bool chat_skip_name(parser *p, const char *name);
bool chat_skip_operator(parser *p, const char *op);
sotto_status chat_expect_operator(parser *p, const char *op);

/* parse_statement.c: statements up to the end of the template. */
sotto_status chat_parse_template(parser *p, node **out);

#endif
