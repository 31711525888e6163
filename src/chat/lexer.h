/* Template source to tokens, white-space control included. */
#ifndef SOTTO_CHAT_LEXER_H
#define SOTTO_CHAT_LEXER_H

#include "base/arena.h"
#include "base/str.h"

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
  const char *text; /* as written; a string's value without quotes and escapes */
  size_t len;
  int64_t integer;
  double number;
  uint32_t line, column;
} token;

/* ERR_INVALID_TEMPLATE at a place. */
sotto_status chat_syntax_error(sotto_ctx *ctx, uint32_t line, uint32_t column, const char *format,
                               ...) __attribute__((format(printf, 4, 5)));

/* All tokens of the source, the last one T_EOF. Texts point into the arena. */
sotto_status chat_lex(sotto_arena *arena, sotto_slice source, token **out);

#endif
