/* Template source to tokens, white-space control included. */
#ifndef SOTTO_CHAT_SYNTAX_LEXER_H
#define SOTTO_CHAT_SYNTAX_LEXER_H

#include "base/str.h"
#include "chat/values/runtime.h"

typedef enum token_type {
  T_EOF,
  T_DATA,        /* text outside of tags, trimmed */
  T_PRINT_BEGIN, /* {{ */
  T_PRINT_END,
  T_TAG_BEGIN, /* {% */
  T_TAG_END,
  T_NAME,
  T_STRING,
  T_INTEGER,
  T_FLOAT,
  T_OPERATOR,
} token_type;

typedef struct token {
  token_type type;
  const char *text; /* as in the source; of a string, its value */
  size_t len;
  int64_t integer;
  double number;
  place at;
} token;

/* Fails with ERR_INVALID_TEMPLATE and the place in front of the message. */
sotto_status chat_syntax_error(sotto_ctx *ctx, place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* All tokens of the source, the last one T_EOF. Texts point into the arena. */
sotto_status chat_lex(sotto_arena *arena, sotto_slice source, token **out);

#endif
