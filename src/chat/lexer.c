/* Lexer, after jinja2's with trim_blocks and lstrip_blocks: a newline behind a tag goes, and so does
 * white space between the start of a line and a tag; `-` strips more, `+` nothing. */
#include "chat/lexer.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/decimal.h"
#include "base/utf8.h"
#include "chat/strings.h"

#define MAX_SOURCE   ((size_t)1 << 20)
#define MAX_BRACKETS 200

typedef struct lexer {
  sotto_arena *arena;
  const char *src;
  size_t len, at;
  uint32_t line, column; /* of src[counted] */
  size_t counted;
  token *tokens;
  size_t n, cap;
  bool line_starting; /* the last match ended with a newline */
  char brackets[MAX_BRACKETS];
  unsigned n_brackets;
} lexer;

sotto_status chat_syntax_error(sotto_ctx *ctx, uint32_t line, uint32_t column, const char *format,
                               ...) {
  char message[256];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  message[sotto_utf8_complete_prefix(message, strlen(message))] = 0;
  return sotto_fail(ctx, SOTTO_ERR_INVALID_TEMPLATE, "chat template, line %u, column %u: %s", line,
                    column, message);
}

/* Lines and columns of the places asked for, which never go back. */
static void locate(lexer *x, size_t at) {
  for (; x->counted < at; x->counted++) {
    unsigned char c = (unsigned char)x->src[x->counted];
    if (c == '\n') {
      x->line++;
      x->column = 1;
    } else if ((c & 0xC0) != 0x80) {
      x->column++;
    }
  }
}

#define FAIL_AT(x, at, ...)                                                                        \
  (locate((x), (at)), chat_syntax_error((x)->arena->ctx, (x)->line, (x)->column, __VA_ARGS__))

static sotto_status push(lexer *x, token_type type, size_t start, size_t end, token **out) {
  if (x->n == x->cap) {
    size_t cap = x->cap ? x->cap * 2 : 256;
    token *tokens = sotto_arena_array(x->arena, cap, sizeof *tokens);
    if (!tokens) return SOTTO_ERR_OUT_OF_MEMORY;
    if (x->n) memcpy(tokens, x->tokens, x->n * sizeof *tokens);
    x->tokens = tokens;
    x->cap = cap;
  }
  locate(x, start);
  x->tokens[x->n] = (token){.type = type,
                            .text = x->src + start,
                            .len = end - start,
                            .line = x->line,
                            .column = x->column};
  if (out) *out = &x->tokens[x->n];
  x->n++;
  return SOTTO_OK;
}

static bool looking_at(const lexer *x, size_t at, const char *text) {
  size_t n = strlen(text);
  return x->len - at >= n && memcmp(x->src + at, text, n) == 0;
}

static size_t skip_space(const lexer *x, size_t at) {
  while (at < x->len) {
    uint32_t c;
    size_t n = sotto_utf8_decode(x->src + at, x->len - at, &c);
    if (!chat_is_space(c)) break;
    at += n;
  }
  return at;
}

/* Matched up to `end`, which may have been a newline. */
static void move_to(lexer *x, size_t end) {
  x->at = end;
  x->line_starting = end > 0 && x->src[end - 1] == '\n';
}

/* Where text [start, end) in front of a tag ends, given the tag's sign ('-', '+' or 0). */
static size_t trim_before(const lexer *x, size_t start, size_t end, char sign, bool is_print) {
  str text = {.data = x->src + start, .len = (uint32_t)(end - start)};
  size_t from, to;
  chat_str_strip(&text, NULL, false, true, &from, &to);
  if (sign == '-') return start + to;
  if (sign == '+' || is_print) return end;
  size_t line = end;
  while (line > start && x->src[line - 1] != '\n') line--;
  if (line == start && !x->line_starting) return end;
  return start + to <= line ? line : end;
}

/* At a tag's possible end `close` ("%}"): the place behind it and what it strips, or 0. */
static size_t tag_end(const lexer *x, size_t at, const char *close, bool newline) {
  char sign = at < x->len ? x->src[at] : 0;
  bool plus = sign == '+' && newline; /* `+` is for blocks and comments only */
  size_t start = sign == '-' || plus ? at + 1 : at;
  if (!looking_at(x, start, close)) return 0;
  start += 2;
  if (sign == '-') return skip_space(x, start);
  if (newline && !plus && start < x->len && x->src[start] == '\n') start++;
  return start;
}

static sotto_status lex_comment(lexer *x, size_t start) {
  if (x->at >= x->len) return SOTTO_OK; /* as the last thing it need not end */
  for (size_t at = x->at; at < x->len; at++) {
    size_t end = tag_end(x, at, "#}", true);
    if (!end) continue;
    move_to(x, end);
    return SOTTO_OK;
  }
  return FAIL_AT(x, start, "the comment is not closed; expected '#}'");
}

/* {% raw %} … {% endraw %}; x->at is behind the first tag. */
static sotto_status lex_raw(lexer *x, size_t start) {
  if (x->at >= x->len) return SOTTO_OK;
  for (size_t at = x->at; at + 1 < x->len; at++) {
    if (!looking_at(x, at, "{%")) continue;
    size_t p = at + 2;
    char sign = p < x->len && (x->src[p] == '-' || x->src[p] == '+') ? x->src[p++] : 0;
    p = skip_space(x, p);
    if (!looking_at(x, p, "endraw")) continue;
    size_t end = tag_end(x, skip_space(x, p + 6), "%}", true);
    if (!end) continue;
    size_t text_end = trim_before(x, x->at, at, sign, false);
    if (text_end > x->at) SOTTO_TRY(push(x, T_DATA, x->at, text_end, NULL));
    move_to(x, end);
    return SOTTO_OK;
  }
  return FAIL_AT(x, start, "'raw' is not closed; expected '{%% endraw %%}'");
}

/* ---- inside of tags ------------------------------------------------------------------------- */

static bool is_digit(const lexer *x, size_t at, int base) {
  int c = at < x->len ? (unsigned char)x->src[at] : 0;
  int digit = c >= '0' && c <= '9'   ? c - '0'
              : c >= 'a' && c <= 'f' ? c - 'a' + 10
              : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                     : 99;
  return digit < base;
}

/* Digits with single underscores between them; `at` itself when there is none. */
static size_t skip_digits(const lexer *x, size_t at, int base) {
  while (is_digit(x, at, base)) {
    at++;
    if (at < x->len && x->src[at] == '_' && is_digit(x, at + 1, base)) at++;
  }
  return at;
}

/* Behind a float's fraction and exponent, or 0 where `at` (behind the integer part) has neither. */
static size_t skip_float(const lexer *x, size_t at) {
  size_t end = 0;
  if (at < x->len && x->src[at] == '.' && is_digit(x, at + 1, 10)) {
    end = at = skip_digits(x, at + 1, 10);
  }
  if (at < x->len && (x->src[at] == 'e' || x->src[at] == 'E')) {
    size_t exponent = at + 1;
    if (exponent < x->len && (x->src[exponent] == '+' || x->src[exponent] == '-')) exponent++;
    if (is_digit(x, exponent, 10)) end = skip_digits(x, exponent, 10);
  }
  return end;
}

static sotto_status lex_number(lexer *x) {
  size_t start = x->at, end = skip_digits(x, start, 10);
  size_t behind = start > 0 && x->src[start - 1] == '.' ? 0 : skip_float(x, end);
  token *t;
  char digits[400];
  size_t n = 0;
  if (behind) {
    for (size_t i = start; i < behind && n < sizeof digits; i++) {
      if (x->src[i] != '_') digits[n++] = x->src[i];
    }
    if (n == sizeof digits) return FAIL_AT(x, start, "the number is too long");
    SOTTO_TRY(push(x, T_FLOAT, start, behind, &t));
    t->number = sotto_decimal_parse(digits, n);
    x->at = behind;
    return SOTTO_OK;
  }
  int base = 10;
  size_t first = start;
  if (x->src[start] == '0' && start + 1 < x->len) {
    char c = (char)(x->src[start + 1] | 0x20);
    int other = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 10;
    size_t from = start + 2 + (start + 2 < x->len && x->src[start + 2] == '_');
    if (other != 10 && is_digit(x, from, other)) {
      base = other;
      first = from;
      end = skip_digits(x, from, other);
    }
  }
  if (base == 10 && x->src[start] == '0') { /* zeros only: 007 is 00 and then 7 */
    for (end = start; end < x->len && x->src[end] == '0';) {
      end++;
      if (end + 1 < x->len && x->src[end] == '_' && x->src[end + 1] == '0') end++;
    }
  }
  SOTTO_TRY(push(x, T_INTEGER, start, end, &t));
  for (size_t i = first; i < end; i++) {
    int c = x->src[i];
    if (c == '_') continue;
    int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    if (__builtin_mul_overflow(t->integer, base, &t->integer) ||
        __builtin_add_overflow(t->integer, digit, &t->integer)) {
      return FAIL_AT(x, start, "the integer does not fit 64 bits");
    }
  }
  x->at = end;
  return SOTTO_OK;
}

/* \x41 and its like: `count` hex digits at *at. */
static bool hex_escape(const lexer *x, size_t *at, int count, uint32_t *out) {
  *out = 0;
  for (int i = 0; i < count; i++, ++*at) {
    if (!is_digit(x, *at, 16)) return false;
    int c = x->src[*at];
    *out = *out << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return true;
}

/* Behind a backslash: Python's escapes. Appends to data[*n]. */
static sotto_status lex_escape(lexer *x, size_t *at, char *data, size_t *n) {
  static const char letters[] = "abfnrtv\\'\"", values[] = "\a\b\f\n\r\t\v\\'\"";
  size_t start = *at - 1;
  char c = x->src[(*at)++];
  const char *simple = c ? strchr(letters, c) : NULL;
  uint32_t code_point = 0;
  bool ok = true;
  if (simple) {
    data[(*n)++] = values[simple - letters];
    return SOTTO_OK;
  }
  switch (c) {
  case '\n': return SOTTO_OK;
  case 'x': ok = hex_escape(x, at, 2, &code_point); break;
  case 'u': ok = hex_escape(x, at, 4, &code_point); break;
  case 'U': ok = hex_escape(x, at, 8, &code_point); break;
  case 'N': ok = false; break;
  case '0':
  case '1':
  case '2':
  case '3':
  case '4':
  case '5':
  case '6':
  case '7':
    --*at;
    for (int i = 0; i < 3 && is_digit(x, *at, 8); i++) {
      code_point = code_point * 8 + (uint32_t)(x->src[(*at)++] - '0');
    }
    break;
  default: /* stays as written */
    data[(*n)++] = '\\';
    --*at;
    return SOTTO_OK;
  }
  if (!ok || code_point > 0x10FFFF || (code_point >= 0xD800 && code_point <= 0xDFFF)) {
    return FAIL_AT(x, start, "this escape in a string is not a character");
  }
  *n += sotto_utf8_encode(code_point, data + *n);
  return SOTTO_OK;
}

static sotto_status lex_string(lexer *x) {
  size_t start = x->at, end = start + 1;
  char quote = x->src[start];
  while (end < x->len && x->src[end] != quote) end += x->src[end] == '\\' ? 2 : 1;
  if (end >= x->len) return FAIL_AT(x, start, "the string is not closed; expected %c", quote);
  char *data = sotto_arena_alloc(x->arena, end - start);
  if (!data) return SOTTO_ERR_OUT_OF_MEMORY;
  size_t n = 0;
  for (size_t at = start + 1; at < end;) {
    if (x->src[at] != '\\')
      data[n++] = x->src[at++];
    else {
      at++;
      SOTTO_TRY(lex_escape(x, &at, data, &n));
    }
  }
  token *t;
  SOTTO_TRY(push(x, T_STRING, start, end + 1, &t));
  t->text = data;
  t->len = n;
  x->at = end + 1;
  return SOTTO_OK;
}

/* The end of the name that starts at x->at, or x->at itself. */
static size_t skip_name(const lexer *x) {
  size_t at = x->at;
  while (at < x->len) {
    uint32_t c;
    size_t n = sotto_utf8_decode(x->src + at, x->len - at, &c);
    bool digit = c < 0x80 ? c >= '0' && c <= '9' : chat_is_digit(c);
    if (c != '_' && !chat_is_alpha(c) && !(digit && at > x->at)) break;
    at += n;
  }
  return at;
}

static sotto_status lex_operator(lexer *x) {
  static const char two[][3] = {"//", "**", "==", "!=", ">=", "<="};
  static const char opening[] = "([{", closing[] = ")]}";
  size_t start = x->at, n = 0;
  char c = x->src[start];
  for (size_t i = 0; i < sizeof two / sizeof *two; i++) {
    if (looking_at(x, start, two[i])) n = 2;
  }
  if (!n && c && strchr("+-*/%~[](){}<>=.:|,;", c)) n = 1;
  if (!n) {
    uint32_t code_point;
    n = sotto_utf8_decode(x->src + start, x->len - start, &code_point);
    return FAIL_AT(x, start, "unexpected character '%.*s'", (int)n, x->src + start);
  }
  if (n == 1 && strchr(opening, c)) {
    if (x->n_brackets == MAX_BRACKETS) return FAIL_AT(x, start, "brackets nested too deeply");
    x->brackets[x->n_brackets++] = closing[strchr(opening, c) - opening];
  } else if (n == 1 && strchr(closing, c)) {
    if (x->n_brackets == 0) return FAIL_AT(x, start, "unexpected '%c'", c);
    char expected = x->brackets[--x->n_brackets];
    if (c != expected) return FAIL_AT(x, start, "unexpected '%c', expected '%c'", c, expected);
  }
  x->at += n;
  return push(x, T_OPERATOR, start, start + n, NULL);
}

/* From behind {{ or {% to behind its end. */
static sotto_status lex_tag(lexer *x, bool is_print) {
  x->n_brackets = 0;
  for (;;) {
    x->at = skip_space(x, x->at);
    if (x->at >= x->len) {
      SOTTO_TRY(push(x, T_EOF, x->len, x->len, NULL)); /* the parser knows what is missing */
      return SOTTO_OK;
    }
    size_t start = x->at, end = 0;
    if (x->n_brackets == 0) end = tag_end(x, start, is_print ? "}}" : "%}", !is_print);
    if (end) {
      move_to(x, end);
      return push(x, is_print ? T_PRINT_END : T_TAG_END, start, end, NULL);
    }
    unsigned char c = (unsigned char)x->src[start];
    if (c >= '0' && c <= '9') {
      SOTTO_TRY(lex_number(x));
    } else if (c == '"' || c == '\'') {
      SOTTO_TRY(lex_string(x));
    } else if ((end = skip_name(x)) > start) {
      SOTTO_TRY(push(x, T_NAME, start, end, NULL));
      x->at = end;
    } else {
      SOTTO_TRY(lex_operator(x));
    }
  }
}

static bool starts_tag(const lexer *x, size_t at) {
  if (x->src[at] != '{' || at + 1 >= x->len) return false;
  char c = x->src[at + 1];
  return c == '%' || c == '{' || c == '#';
}

/* The text up to the next tag, and that tag. */
static sotto_status lex_root(lexer *x) {
  size_t start = x->at, at = start;
  while (at < x->len && !starts_tag(x, at)) at++;
  if (at == x->len) {
    SOTTO_TRY(push(x, T_DATA, start, at, NULL));
    x->at = at;
    return SOTTO_OK;
  }
  char kind = x->src[at + 1], sign = at + 2 < x->len ? x->src[at + 2] : 0;
  if (sign != '-' && sign != '+') sign = 0;
  size_t end = trim_before(x, start, at, sign, kind == '{');
  if (end > start) SOTTO_TRY(push(x, T_DATA, start, end, NULL));
  x->at = at + 2 + (sign != 0);
  if (kind == '#') return lex_comment(x, at);
  if (kind == '%') {
    size_t p = skip_space(x, x->at);
    if (looking_at(x, p, "raw")) {
      p = skip_space(x, p + 3);
      size_t behind = looking_at(x, p, "%}") ? p + 2 : looking_at(x, p, "-%}") ? p + 3 : 0;
      if (behind) {
        move_to(x, x->src[p] == '-' ? skip_space(x, behind) : behind);
        return lex_raw(x, at);
      }
    }
  }
  SOTTO_TRY(push(x, kind == '{' ? T_PRINT_BEGIN : T_TAG_BEGIN, at, x->at, NULL));
  return lex_tag(x, kind == '{');
}

/* A copy with every kind of line end as \n, one newline at the end less, and valid UTF-8. */
static sotto_status normalise(lexer *x, sotto_slice source) {
  size_t grown = sotto_utf8_valid(source.data, source.len) ? 1 : 3; /* a bad byte becomes three */
  char *copy = sotto_arena_array(x->arena, source.len + 1, grown);
  if (!copy) return SOTTO_ERR_OUT_OF_MEMORY;
  size_t n = 0;
  for (size_t i = 0; i < source.len;) {
    uint32_t c;
    i += sotto_utf8_decode(source.data + i, source.len - i, &c);
    if (c == '\r') {
      if (i < source.len && source.data[i] == '\n') i++;
      c = '\n';
    }
    n += sotto_utf8_encode(c, copy + n);
  }
  if (n && copy[n - 1] == '\n') n--;
  x->src = copy;
  x->len = n;
  return SOTTO_OK;
}

sotto_status chat_lex(sotto_arena *arena, sotto_slice source, token **out) {
  lexer x = {.arena = arena, .line = 1, .column = 1, .line_starting = true};
  if (source.len > MAX_SOURCE) {
    return chat_syntax_error(arena->ctx, 1, 1, "the template has %zu bytes, more than 1 MB",
                             source.len);
  }
  SOTTO_TRY(normalise(&x, source));
  while (x.at < x.len) SOTTO_TRY(lex_root(&x));
  SOTTO_TRY(push(&x, T_EOF, x.len, x.len, NULL));
  *out = x.tokens;
  return SOTTO_OK;
}
