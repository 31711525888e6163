/* What expressions and statements share: tokens, nodes, the numbers of identifiers; and the parse
 * of a whole template. */
#include "chat/syntax/parser.h"

#include "chat/values/strings.h"

#define MAX_NESTING 120
#define MAX_NAMES   4096
#define NAME_SLOTS  (2 * MAX_NAMES)

sotto_status chat_parser_node(parser *p, node_kind kind, const token *at, node **out) {
  node *n = sotto_arena_alloc(&p->tmpl->arena, sizeof *n);
  if (!n) return SOTTO_ERR_OUT_OF_MEMORY;
  n->kind = (uint8_t)kind;
  n->at = at->at;
  *out = n;
  return SOTTO_OK;
}

sotto_status chat_parser_constant(parser *p, const char *data, size_t len, value *out) {
  str *s = sotto_arena_alloc(&p->tmpl->arena, sizeof *s);
  if (!s) return SOTTO_ERR_OUT_OF_MEMORY;
  chat_str_set(s, data, len, true);
  *out = value_string(s);
  return SOTTO_OK;
}

sotto_status chat_parser_enter(parser *p) {
  if (p->depth++ < MAX_NESTING) return SOTTO_OK;
  return chat_syntax_error(p->tmpl->ctx, p->at->at, "nested more than %d deep", MAX_NESTING);
}

sotto_status chat_parser_expected(parser *p, const char *what) {
  const token *t = p->at;
  sotto_slice text = {t->text, t->len};
  sotto_ctx *ctx = p->tmpl->ctx;
  switch (t->type) {
  case T_EOF:
    return chat_syntax_error(ctx, t->at, "expected %s, got the end of the template", what);
  case T_PRINT_END:
  case T_TAG_END:
    return chat_syntax_error(ctx, t->at, "expected %s, got '%s'", what,
                             t->type == T_TAG_END ? "%}" : "}}");
  case T_STRING: return chat_syntax_error(ctx, t->at, "expected %s, got a string", what);
  default:
    return chat_syntax_error(ctx, t->at, "expected %s, got '%.*s'", what, SOTTO_SLICE_ARG(text));
  }
}

sotto_status chat_parser_check_known(parser *p) {
  const node *n = p->unknown;
  if (!n) return SOTTO_OK;
  const str *name = n->constant.as.string;
  return chat_syntax_error(p->tmpl->ctx, n->at, "%s '%.*s' is not supported",
                           n->kind == N_FILTER ? "filter" : "test", CHAT_STR_ARG(name));
}

bool chat_at_name(const parser *p, const char *name) {
  return p->at->type == T_NAME && sotto_slice_is((sotto_slice){p->at->text, p->at->len}, name);
}

bool chat_at_operator(const parser *p, const char *op) {
  return p->at->type == T_OPERATOR && sotto_slice_is((sotto_slice){p->at->text, p->at->len}, op);
}

bool chat_skip_name(parser *p, const char *name) {
  bool there = chat_at_name(p, name);
  if (there) p->at++;
  return there;
}

bool chat_skip_operator(parser *p, const char *op) {
  bool there = chat_at_operator(p, op);
  if (there) p->at++;
  return there;
}

sotto_status chat_expect_operator(parser *p, const char *op) {
  if (chat_skip_operator(p, op)) return SOTTO_OK;
  char what[8] = {'\'', op[0], op[1] ? op[1] : '\'', op[1] ? '\'' : 0};
  return chat_parser_expected(p, what);
}

/* ---- identifiers ---------------------------------------------------------------------------- */

static uint32_t hash(const char *data, size_t len) {
  uint32_t h = 2166136261u;
  for (size_t i = 0; i < len; i++) h = (h ^ (unsigned char)data[i]) * 16777619u;
  return h;
}

static sotto_status intern(parser *p, const token *t, uint32_t *out) {
  sotto_template *tmpl = p->tmpl;
  uint32_t slot = hash(t->text, t->len) % NAME_SLOTS;
  for (; p->name_slots[slot]; slot = (slot + 1) % NAME_SLOTS) {
    const str *known = tmpl->names[ *out = p->name_slots[slot] - 1];
    if (known->len == t->len && memcmp(known->data, t->text, t->len) == 0) return SOTTO_OK;
  }
  if (tmpl->n_names == MAX_NAMES) {
    return chat_syntax_error(tmpl->ctx, t->at, "more than %d different names", MAX_NAMES);
  }
  if (tmpl->n_names == tmpl->cap_names) {
    uint32_t cap = tmpl->cap_names ? tmpl->cap_names * 2 : 64;
    const str **names = sotto_arena_array(&tmpl->arena, cap, sizeof *names);
    if (!names) return SOTTO_ERR_OUT_OF_MEMORY;
    if (tmpl->n_names) memcpy(names, tmpl->names, tmpl->n_names * sizeof *names);
    tmpl->names = names;
    tmpl->cap_names = cap;
  }
  value name;
  SOTTO_TRY(chat_parser_constant(p, t->text, t->len, &name));
  *out = tmpl->n_names;
  tmpl->names[tmpl->n_names++] = name.as.string;
  p->name_slots[slot] = tmpl->n_names;
  return SOTTO_OK;
}

sotto_status chat_parse_name(parser *p, uint32_t *name, const str **text) {
  if (p->at->type != T_NAME) return chat_parser_expected(p, "a name");
  SOTTO_TRY(intern(p, p->at++, name));
  if (text) *text = p->tmpl->names[*name];
  return SOTTO_OK;
}

uint32_t chat_find_name(const sotto_template *tmpl, const char *name, size_t len) {
  for (uint32_t i = 0; i < tmpl->n_names; i++) {
    if (tmpl->names[i]->len == len && memcmp(tmpl->names[i]->data, name, len) == 0) return i;
  }
  return tmpl->n_names;
}

/* ---- a whole template ----------------------------------------------------------------------- */

sotto_status chat_parse(sotto_template *tmpl, sotto_slice source) {
  const size_t slots_size = NAME_SLOTS * sizeof(uint32_t);
  token *tokens;
  SOTTO_TRY(chat_lex(&tmpl->arena, source, &tokens));
  parser p = {.tmpl = tmpl, .at = tokens};
  p.name_slots = sotto_alloc_zero(tmpl->ctx, slots_size);
  if (!p.name_slots) return SOTTO_ERR_OUT_OF_MEMORY;
  sotto_status status = chat_parse_body(&p, &tmpl->body);
  sotto_free(tmpl->ctx, p.name_slots, slots_size);
  return status;
}
