/* Statements: the tags of a template and the text between them. */
#include "chat/syntax/parser.h"

/* The tags that may end a body; the one that does is left to the caller. */
typedef struct ends {
  const char *names[3];
} ends;

static sotto_status parse_body(parser *p, const ends *until, node **out);

static sotto_status end_tag(parser *p) {
  if (p->at->type != T_TAG_END) return chat_parser_expected(p, "'%}'");
  p->at++;
  return chat_parser_check_known(p);
}

/* Parses the rest of the tag and then statements up to a tag with one of these names. The parser is
 * left behind that name. */
static sotto_status parse_block(parser *p, const ends *until, node **out, const char **found) {
  chat_skip_operator(p, ":");
  SOTTO_TRY(end_tag(p));
  SOTTO_TRY(parse_body(p, until, out));
  for (size_t i = 0; i < 3 && until->names[i]; i++) {
    if (!chat_skip_name(p, until->names[i])) continue;
    if (found) *found = until->names[i];
    return SOTTO_OK;
  }
  char what[64] = "";
  for (size_t i = 0; i < 3 && until->names[i]; i++) {
    strcat(strcat(strcat(what, i ? " or '{% " : "'{% "), until->names[i]), " %}'");
  }
  return chat_parser_expected(p, what);
}

/* A body in which unknown filters fail while parsing, even inside an `if`, as in the reference. */
static sotto_status parse_frame(parser *p, const char *end, node **out) {
  bool lenient = p->lenient;
  p->lenient = false;
  SOTTO_TRY(parse_block(p, &(ends){{end}}, out, NULL));
  p->lenient = lenient;
  return SOTTO_OK;
}

/* A body that the reference compiles to a function, so that `break` in it cannot leave a loop
 * around it. */
static sotto_status parse_function_body(parser *p, const char *end, node *n) {
  unsigned loop_depth = p->loop_depth;
  int flags = p->macro_flags;
  p->loop_depth = 0;
  p->macro_flags = 0;
  SOTTO_TRY(parse_frame(p, end, &n->c));
  n->number = p->macro_flags;
  p->macro_flags |= flags;
  p->loop_depth = loop_depth;
  return SOTTO_OK;
}

/* ---- the statements ------------------------------------------------------------------------- */

static sotto_status parse_if(parser *p, node *n) {
  bool lenient = p->lenient;
  p->lenient = true;
  for (;;) {
    const char *found;
    SOTTO_TRY(chat_parse_tuple(p, false, NULL, &n->a));
    SOTTO_TRY(parse_block(p, &(ends){{"elif", "else", "endif"}}, &n->b, &found));
    if (strcmp(found, "elif") == 0) {
      SOTTO_TRY(chat_parser_node(p, N_IF, p->at - 1, &n->c));
      n = n->c;
      n->flag = true;
      continue;
    }
    if (strcmp(found, "else") == 0) SOTTO_TRY(parse_block(p, &(ends){{"endif"}}, &n->c, NULL));
    p->lenient = lenient;
    return SOTTO_OK;
  }
}

static sotto_status parse_for(parser *p, node *n) {
  const char *found;
  bool lenient = p->lenient;
  SOTTO_TRY(chat_parse_target(p, false, "in", &n->a));
  if (!chat_skip_name(p, "in")) return chat_parser_expected(p, "'in'");
  SOTTO_TRY(chat_parse_tuple(p, false, "recursive", &n->b));
  if (chat_skip_name(p, "if")) SOTTO_TRY(chat_parse_expression(p, true, &n->e));
  if (chat_at_name(p, "recursive")) {
    return chat_syntax_error(p->tmpl->ctx, p->at->at, "'recursive' loops are not supported");
  }
  p->loop_depth++;
  p->lenient = false;
  SOTTO_TRY(parse_block(p, &(ends){{"endfor", "else"}}, &n->c, &found));
  p->loop_depth--;
  if (strcmp(found, "else") == 0) SOTTO_TRY(parse_block(p, &(ends){{"endfor"}}, &n->d, NULL));
  p->lenient = lenient;
  return SOTTO_OK;
}

static sotto_status parse_set(parser *p, node *n) {
  SOTTO_TRY(chat_parse_target(p, true, NULL, &n->a));
  if (chat_skip_operator(p, "=")) return chat_parse_tuple(p, true, NULL, &n->b);
  n->kind = N_SET_BLOCK;
  SOTTO_TRY(chat_parse_filters(p, NULL, false, &n->b));
  return parse_frame(p, "endset", &n->c);
}

/* The parameters in parentheses, as a list of N_PARAMETER. */
static sotto_status parse_signature(parser *p, node *n) {
  node **link = &n->a;
  bool defaults = false;
  SOTTO_TRY(chat_expect_operator(p, "("));
  while (!chat_at_operator(p, ")")) {
    if (n->n) SOTTO_TRY(chat_expect_operator(p, ","));
    node *parameter;
    const str *text;
    SOTTO_TRY(chat_parser_node(p, N_PARAMETER, p->at, &parameter));
    SOTTO_TRY(chat_parse_name(p, &parameter->name, &text));
    parameter->constant = value_string(text);
    if (chat_skip_operator(p, "=")) {
      defaults = true;
      SOTTO_TRY(chat_parse_expression(p, true, &parameter->a));
    } else if (defaults) {
      return chat_parser_expected(p, "a default, as the parameter before has one");
    }
    *link = parameter;
    link = &parameter->next;
    n->n++;
  }
  return chat_expect_operator(p, ")");
}

static sotto_status parse_macro(parser *p, node *n) {
  const str *text;
  SOTTO_TRY(chat_parse_name(p, &n->name, &text));
  n->constant = value_string(text);
  SOTTO_TRY(parse_signature(p, n));
  return parse_function_body(p, "endmacro", n);
}

static sotto_status parse_call_block(parser *p, node *n) {
  if (chat_at_operator(p, "(")) SOTTO_TRY(parse_signature(p, n));
  SOTTO_TRY(chat_parse_expression(p, true, &n->b));
  if (n->b->kind != N_CALL) return chat_parser_expected(p, "the call of a macro");
  return parse_function_body(p, "endcall", n);
}

static sotto_status parse_jump(parser *p, node *n) {
  if (p->loop_depth) return SOTTO_OK;
  return chat_syntax_error(p->tmpl->ctx, n->at, "'%s' outside of a loop",
                           n->kind == N_BREAK ? "break" : "continue");
}

static sotto_status parse_filter_block(parser *p, node *n) {
  SOTTO_TRY(chat_parse_filters(p, NULL, true, &n->b));
  return parse_frame(p, "endfilter", &n->c);
}

static sotto_status parse_generation(parser *p, node *n) {
  return parse_function_body(p, "endgeneration", n);
}

static const struct statement {
  const char *name;
  node_kind kind;
  sotto_status (*parse)(parser *p, node *n);
} statements[] = {
    {"if", N_IF, parse_if},
    {"for", N_FOR, parse_for},
    {"set", N_SET, parse_set},
    {"macro", N_MACRO, parse_macro},
    {"call", N_CALL_BLOCK, parse_call_block},
    {"filter", N_FILTER_BLOCK, parse_filter_block},
    {"generation", N_SCOPE, parse_generation},
    {"break", N_BREAK, parse_jump},
    {"continue", N_CONTINUE, parse_jump},
};

/* A tag from its name to its end, and what belongs to it. */
static sotto_status parse_statement(parser *p, node **out) {
  if (p->at->type != T_NAME) return chat_parser_expected(p, "the name of a tag");
  for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
    const token *t = p->at;
    if (!chat_skip_name(p, statements[i].name)) continue;
    SOTTO_TRY(chat_parser_enter(p));
    SOTTO_TRY(chat_parser_node(p, statements[i].kind, t, out));
    SOTTO_TRY(statements[i].parse(p, *out));
    p->depth--;
    return end_tag(p);
  }
  const int len = (int)(p->at->len < 64 ? p->at->len : 64);
  return chat_syntax_error(p->tmpl->ctx, p->at->at, "tag '%.*s' is not supported", len,
                           p->at->text);
}

/* Text and tags up to the end of the template or a tag of `until`, whose name the parser then
 * stands at. */
static sotto_status parse_body(parser *p, const ends *until, node **out) {
  node **link = out;
  for (;;) {
    const token *t = p->at;
    switch (t->type) {
    case T_EOF: return SOTTO_OK;
    case T_DATA:
      p->at++;
      SOTTO_TRY(chat_parser_node(p, N_DATA, t, link));
      SOTTO_TRY(chat_parser_constant(p, t->text, t->len, &(*link)->constant));
      break;
    case T_PRINT_BEGIN:
      p->at++;
      SOTTO_TRY(chat_parser_node(p, N_PRINT, t, link));
      SOTTO_TRY(chat_parse_tuple(p, true, NULL, &(*link)->a));
      if (p->at->type != T_PRINT_END) return chat_parser_expected(p, "'}}'");
      p->at++;
      SOTTO_TRY(chat_parser_check_known(p));
      break;
    case T_TAG_BEGIN:
      p->at++;
      for (size_t i = 0; until && i < 3 && until->names[i]; i++) {
        if (chat_at_name(p, until->names[i])) return SOTTO_OK;
      }
      SOTTO_TRY(parse_statement(p, link));
      break;
    default: return chat_parser_expected(p, "text or a tag");
    }
    while (*link) link = &(*link)->next;
  }
}

sotto_status chat_parse_body(parser *p, node **out) {
  return parse_body(p, NULL, out);
}
