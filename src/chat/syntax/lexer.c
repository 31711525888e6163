/* The lexer follows jinja2's with trim_blocks and lstrip_blocks: it drops a newline behind a tag,
 * and white space between the start of a line and a tag. A `-` in the tag drops all white space on
 * its side, a `+` keeps all of it. */
#include "chat/syntax/lexer.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/decimal.h"
#include "base/utf8.h"
#include "chat/values/strings.h"

#define MAX_SOURCE   ((size_t)1 << 20)
#define MAX_BRACKETS 200

typedef struct lexer {
  sotto_arena *arena;
  const char *src;
  size_t len, at;
  place place; /* of src[counted] */
  size_t counted;
  token *tokens;
  size_t n, cap;
  bool line_starting; /* the last match ended with a newline */
  char brackets[MAX_BRACKETS];
  unsigned n_brackets;
} lexer;

sotto_status chat_syntax_error(sotto_ctx *ctx, place at, const char *format, ...) {
  char message[256];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  message[sotto_utf8_complete_prefix(message, strlen(message))] = 0;
  return sotto_fail(ctx, SOTTO_ERR_INVALID_TEMPLATE, "chat template, line %u, column %u: %s",
                    at.line, at.column, message);
}

/* Line and column of a place in the source. Places must be asked for in order. */
static place locate(lexer *x, size_t at) {
  for (; x->counted < at; x->counted++) {
    unsigned char c = (unsigned char)x->src[x->counted];
    if (c == '\n')
      x->place = (place){x->place.line + 1, 1};
    else if ((c & 0xC0) != 0x80)
      x->place.column++;
  }
  return x->place;
}

#define FAIL_AT(x, at, ...) chat_syntax_error((x)->arena->ctx, locate((x), (at)), __VA_ARGS__)

static sotto_status push(lexer *x, token_type type, size_t start, size_t end, token **out) {
  if (x->n == x->cap) {
    size_t cap = x->cap ? x->cap * 2 : 256;
    token *tokens = sotto_arena_array(x->arena, cap, sizeof *tokens);
    if (!tokens) return SOTTO_ERR_OUT_OF_MEMORY;
    if (x->n) memcpy(tokens, x->tokens, x->n * sizeof *tokens);
    x->tokens = tokens;
    x->cap = cap;
  }
  x->tokens[x->n] =
      (token){.type = type, .text = x->src + start, .len = end - start, .at = locate(x, start)};
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

/* Goes on at `end`. */
static void move_to(lexer *x, size_t end) {
  x->at = end;
  x->line_starting = end > 0 && x->src[end - 1] == '\n';
}

/* Where the text [start, end) in front of a tag ends once white space is dropped, given the tag's
 * sign ('-', '+' or 0). */
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

/* Where the source goes on behind the tag's end `close` ("%}") and the white space that it drops; 0
 * where the tag does not end at `at`. */
static size_t tag_end(const lexer *x, size_t at, const char *close, bool newline) {
  char sign = at < x->len ? x->src[at] : 0;
  bool plus = sign == '+' && newline; /* {{ … }} knows no `+` */
  size_t start = sign == '-' || plus ? at + 1 : at;
  if (!looking_at(x, start, close)) return 0;
  start += 2;
  if (sign == '-') return skip_space(x, start);
  if (newline && !plus && start < x->len && x->src[start] == '\n') start++;
  return start;
}

static sotto_status lex_comment(lexer *x, size_t start) {
  if (x->at >= x->len) return SOTTO_OK; /* a comment at the very end need not be closed */
  for (size_t at = x->at; at < x->len; at++) {
    size_t end = tag_end(x, at, "#}", true);
    if (!end) continue;
    move_to(x, end);
    return SOTTO_OK;
  }
  return FAIL_AT(x, start, "the comment is not closed; expected '#}'");
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

static bool is_name(const lexer *x, size_t at) {
  int c = at < x->len ? (unsigned char)x->src[at] : 0;
  return c == '_' || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static size_t skip_digits(const lexer *x, size_t at) {
  while (is_digit(x, at, 10)) at++;
  return at;
}

static size_t skip_name(const lexer *x, size_t at) {
  while (is_name(x, at)) at++;
  return at;
}

/* Where a number ends whose fraction or exponent begins at `at`; 0 where there is neither. */
static size_t skip_float(const lexer *x, size_t at) {
  size_t end = 0;
  if (at < x->len && x->src[at] == '.' && is_digit(x, at + 1, 10)) {
    end = at = skip_digits(x, at + 1);
  }
  if (at < x->len && (x->src[at] == 'e' || x->src[at] == 'E')) {
    size_t exponent = at + 1;
    if (exponent < x->len && (x->src[exponent] == '+' || x->src[exponent] == '-')) exponent++;
    if (is_digit(x, exponent, 10)) end = skip_digits(x, exponent);
  }
  return end;
}

static sotto_status lex_number(lexer *x) {
  const size_t start = x->at, end = skip_digits(x, start);
  const bool index =
      start > 0 && x->src[start - 1] == '.'; /* in items.0.name the number is an index */
  const size_t behind = index ? 0 : skip_float(x, end), last = behind ? behind : end;
  token *t;
  if (is_name(x, last) || (x->src[start] == '0' && end > start + 1)) {
    const size_t n = skip_name(x, last) - start;
    return FAIL_AT(x, start, "number '%.*s' is not supported", (int)(n < 64 ? n : 64),
                   x->src + start);
  }
  x->at = last;
  SOTTO_TRY(push(x, behind ? T_FLOAT : T_INTEGER, start, last, &t));
  if (behind) {
    if (last - start > 400) return FAIL_AT(x, start, "the number is too long");
    t->number = sotto_decimal_parse(x->src + start, last - start);
    return SOTTO_OK;
  }
  for (size_t i = start; i < end; i++) {
    if (__builtin_mul_overflow(t->integer, 10, &t->integer) ||
        __builtin_add_overflow(t->integer, x->src[i] - '0', &t->integer)) {
      return FAIL_AT(x, start, "the integer does not fit 64 bits");
    }
  }
  return SOTTO_OK;
}

/* Reads `count` hex digits, as in \x41. */
static bool hex_escape(const lexer *x, size_t *at, int count, uint32_t *out) {
  *out = 0;
  for (int i = 0; i < count; i++, ++*at) {
    if (!is_digit(x, *at, 16)) return false;
    int c = x->src[*at];
    *out = *out << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return true;
}

/* Reads what stands behind a backslash, as Python does, and appends the character at data[*n]. */
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
  case 'N':
  case '0':
  case '1':
  case '2':
  case '3':
  case '4':
  case '5':
  case '6':
  case '7': return FAIL_AT(x, start, "the escape '\\%c' is not supported", c);
  default: /* an unknown escape stays as it is written */
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
    return FAIL_AT(x, start, "'%.*s' is not supported outside of strings", (int)n, x->src + start);
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

/* The tokens of a tag, from behind {{ or {% to its end. */
static sotto_status lex_tag(lexer *x, bool is_print) {
  x->n_brackets = 0;
  for (;;) {
    x->at = skip_space(x, x->at);
    if (x->at >= x->len) {
      SOTTO_TRY(push(x, T_EOF, x->len, x->len, NULL)); /* the parser says what is missing */
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
    } else if ((end = skip_name(x, start)) > start) {
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
  const size_t name = skip_space(x, x->at);
  if (kind == '%' && looking_at(x, name, "raw") && !is_name(x, name + 3)) {
    return FAIL_AT(x, name, "tag 'raw' is not supported");
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
  lexer x = {.arena = arena, .place = {1, 1}, .line_starting = true};
  if (source.len > MAX_SOURCE) {
    return chat_syntax_error(arena->ctx, x.place, "the template has %zu bytes, more than 1 MB",
                             source.len);
  }
  SOTTO_TRY(normalise(&x, source));
  while (x.at < x.len) SOTTO_TRY(lex_root(&x));
  SOTTO_TRY(push(&x, T_EOF, x.len, x.len, NULL));
  *out = x.tokens;
  return SOTTO_OK;
}
