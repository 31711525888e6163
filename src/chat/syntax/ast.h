/* The syntax tree. One node type for all: which fields a kind uses is listed with the kinds. */
#ifndef SOTTO_CHAT_SYNTAX_AST_H
#define SOTTO_CHAT_SYNTAX_AST_H

#include "base/str.h"
#include "chat/values/protocols.h"

typedef enum node_kind {
  /* Expressions. `a…` is the first of a list linked by `next`. */
  N_CONST,     /* constant */
  N_NAME,      /* name */
  N_ATTRIBUTE, /* a.constant; as a target: name.constant */
  N_TUPLE,     /* (a…) */
  N_LIST,      /* [a…] */
  N_DICT,      /* {a…}: key, value, key, value */
  N_NOT,       /* not a */
  N_NEGATE,    /* -a */
  N_PLUS,      /* +a */
  N_AND,       /* a… */
  N_OR,        /* a… */
  N_CONCAT,    /* a ~ … */
  N_MATH,      /* a, then each N_OPERAND of b… applied from left to right */
  N_COMPARE,   /* a compared with the first of b…, that with the second, … */
  N_OPERAND,   /* op, a */
  N_CONDITION, /* b if a else c (or NULL) */
  N_ITEM,      /* a[b] */
  N_SLICE,     /* a[b:c:d], each may be NULL */
  N_CALL,      /* a(b…) */
  N_FILTER,    /* a | number(b…); a NULL: of a block */
  N_TEST,      /* a is number(b…) */
  N_ARGUMENT,  /* a; constant is the keyword's name or none; op: * or ** */
  /* Statements */
  N_DATA,         /* constant */
  N_PRINT,        /* {{ a }} */
  N_IF,           /* a: test, b: body, c: else body (elif: an N_IF with `flag`) */
  N_FOR,          /* a: target, b: iterable, c: body, d: else body, e: test */
  N_SET,          /* a = b */
  N_SET_BLOCK,    /* a, b: filters around NULL, c: body */
  N_MACRO,        /* name, a…: N_PARAMETER, c: body, number: MACRO_ flags */
  N_PARAMETER,    /* name, constant: its text, a: default or NULL */
  N_CALL_BLOCK,   /* b: the call, a…: parameters, c: body, number: MACRO_ flags */
  N_FILTER_BLOCK, /* b: filters, c: body */
  N_SCOPE,        /* c: body in a scope of its own (generation) */
  N_BREAK,
  N_CONTINUE,
} node_kind;

enum { ARGUMENT_PLAIN, ARGUMENT_STAR, ARGUMENT_STAR_STAR };
enum { MACRO_VARARGS = 1, MACRO_KWARGS = 2, MACRO_CALLER = 4 };

typedef struct node {
  place at;
  uint8_t kind;
  uint8_t op;
  bool flag;
  uint32_t name; /* number of an identifier */
  int32_t number;
  uint32_t n; /* length of the list that a or b starts */
  struct node *a, *b, *c, *d, *e, *next;
  value constant;
} node;

/* A parsed template. Identifiers are numbered, so that variables compare as integers. */
typedef struct sotto_template {
  sotto_ctx *ctx;
  sotto_arena arena;
  node *body;
  const str **names; /* names[n_names] */
  uint32_t n_names, cap_names;
  uint64_t max_work; /* of one rendering, see values/runtime.h; tests lower them */
  size_t max_memory;
  enum { ARGUMENTS_UNKNOWN, ARGUMENTS_OBJECT, ARGUMENTS_STRING } arguments; /* see arguments.c */
} sotto_template;

/* parser.c: the source (copied) into the template. ERR_INVALID_TEMPLATE says where and what. */
sotto_status chat_parse(sotto_template *tmpl, sotto_slice source);
/* The number of an identifier, or n_names when the template does not contain it. */
uint32_t chat_find_name(const sotto_template *tmpl, const char *name, size_t len);

#endif
