/* JSON reader, RFC 8259. Stricter than Python's: no NaN, no byte-order mark, no number beyond a
 * double's range. A lone surrogate escape (which JavaScript writes for half a pair) reads as
 * U+FFFD, as it would had the string come as UTF-8. An integer that int64 cannot hold is a double.
 */
#include "base/json.h"

#include "base/decimal.h"
#include "base/utf8.h"

#define MAX_DEPTH 64

typedef struct reader {
  sotto_arena *arena;
  const char *text;
  size_t len, at;
  int depth;
} reader;

static sotto_status parse_value(reader *r, sotto_json *out);

static sotto_status fail_at(reader *r, size_t at, const char *what) {
  return sotto_fail(r->arena->ctx, SOTTO_ERR_INVALID_JSON, "invalid JSON at byte %zu: %s", at,
                    what);
}

static int peek(const reader *r) {
  return r->at < r->len ? (unsigned char)r->text[r->at] : -1;
}

static void skip_space(reader *r) {
  for (int c; (c = peek(r)) == ' ' || c == '\t' || c == '\n' || c == '\r';) r->at++;
}

static bool skip_digits(reader *r) {
  size_t start = r->at;
  for (int c; (c = peek(r)) >= '0' && c <= '9';) r->at++;
  return r->at > start;
}

static sotto_status parse_number(reader *r, sotto_json *out) {
  size_t start = r->at;
  bool negative = peek(r) == '-', is_integer = true;
  if (negative) r->at++;
  if (peek(r) == '0')
    r->at++;
  else if (!skip_digits(r))
    return fail_at(r, r->at, "expected a digit");
  if (peek(r) == '.') {
    is_integer = false;
    r->at++;
    if (!skip_digits(r)) return fail_at(r, r->at, "expected a digit after the decimal point");
  }
  if (peek(r) == 'e' || peek(r) == 'E') {
    is_integer = false;
    r->at++;
    if (peek(r) == '+' || peek(r) == '-') r->at++;
    if (!skip_digits(r)) return fail_at(r, r->at, "expected a digit in the exponent");
  }
  uint64_t magnitude = 0, limit = (uint64_t)INT64_MAX + negative;
  for (size_t i = start + negative; is_integer && i < r->at; i++) {
    uint64_t digit = (uint64_t)(r->text[i] - '0');
    if (magnitude > (limit - digit) / 10)
      is_integer = false;
    else
      magnitude = magnitude * 10 + digit;
  }
  out->type = is_integer ? SOTTO_JSON_INT : SOTTO_JSON_NUMBER;
  if (is_integer) {
    out->integer = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    out->number = (double)out->integer;
    return SOTTO_OK;
  }
  out->number = sotto_decimal_parse(r->text + start, r->at - start);
  if (out->number - out->number != 0) {
    return fail_at(r, start, "the number is outside a double's range");
  }
  return SOTTO_OK;
}

static bool parse_hex4(reader *r, uint32_t *out) {
  *out = 0;
  for (int i = 0; i < 4; i++, r->at++) {
    int c = peek(r);
    if (c >= '0' && c <= '9')
      c -= '0';
    else if (c >= 'a' && c <= 'f')
      c -= 'a' - 10;
    else if (c >= 'A' && c <= 'F')
      c -= 'A' - 10;
    else
      return false;
    *out = *out << 4 | (uint32_t)c;
  }
  return true;
}

/* Behind "\u": the code point, a surrogate pair joined. */
static sotto_status parse_unicode_escape(reader *r, uint32_t *code_point) {
  size_t start = r->at;
  if (!parse_hex4(r, code_point)) return fail_at(r, start, "expected four hex digits after \\u");
  if (*code_point < 0xD800 || *code_point > 0xDFFF) return SOTTO_OK;
  size_t behind = r->at;
  uint32_t low;
  if (*code_point < 0xDC00 && r->len - r->at >= 6 && r->text[r->at] == '\\' &&
      r->text[r->at + 1] == 'u') {
    r->at += 2;
    if (parse_hex4(r, &low) && low >= 0xDC00 && low <= 0xDFFF) {
      *code_point = 0x10000 + ((*code_point - 0xD800) << 10) + (low - 0xDC00);
      return SOTTO_OK;
    }
    r->at = behind;
  }
  *code_point = 0xFFFD;
  return SOTTO_OK;
}

static sotto_status parse_string(reader *r, sotto_slice *out) {
  if (peek(r) != '"') return fail_at(r, r->at, "expected a string");
  size_t start = ++r->at, end = start;
  while (end < r->len && r->text[end] != '"')
    end += r->text[end] == '\\' && end + 1 < r->len ? 2 : 1;
  if (end >= r->len) return fail_at(r, start - 1, "the string is not closed");
  /* No escape is shorter than the bytes it stands for. */
  char *data = sotto_arena_alloc(r->arena, end - start + 1);
  if (!data) return SOTTO_ERR_OUT_OF_MEMORY;
  size_t n = 0;
  while (r->at < end) {
    unsigned char c = (unsigned char)r->text[r->at];
    if (c < 0x20) return fail_at(r, r->at, "a control character in a string; write it as \\u00XX");
    if (c >= 0x80) {
      uint32_t code_point;
      size_t bytes = sotto_utf8_decode(r->text + r->at, end - r->at, &code_point);
      if (!sotto_utf8_valid(r->text + r->at, bytes)) return fail_at(r, r->at, "invalid UTF-8");
      memcpy(data + n, r->text + r->at, bytes);
      n += bytes;
      r->at += bytes;
      continue;
    }
    r->at++;
    if (c != '\\') {
      data[n++] = (char)c;
      continue;
    }
    c = (unsigned char)r->text[r->at++];
    switch (c) {
    case '"':
    case '\\':
    case '/': data[n++] = (char)c; break;
    case 'b': data[n++] = '\b'; break;
    case 'f': data[n++] = '\f'; break;
    case 'n': data[n++] = '\n'; break;
    case 'r': data[n++] = '\r'; break;
    case 't': data[n++] = '\t'; break;
    case 'u': {
      uint32_t code_point;
      SOTTO_TRY(parse_unicode_escape(r, &code_point));
      n += sotto_utf8_encode(code_point, data + n);
      break;
    }
    default: return fail_at(r, r->at - 1, "unknown escape in a string");
    }
  }
  r->at = end + 1;
  *out = (sotto_slice){data, n};
  return SOTTO_OK;
}

static int compare_keys(const sotto_json *a, const sotto_json *b) {
  size_t n = a->key.len < b->key.len ? a->key.len : b->key.len;
  int c = n ? memcmp(a->key.data, b->key.data, n) : 0;
  return c ? c : a->key.len < b->key.len ? -1 : a->key.len > b->key.len;
}

/* Stable merge sort of a[n] with scratch[n]: hostile keys cannot make it slow. */
static void sort_by_key(sotto_json **a, sotto_json **scratch, size_t n) {
  if (n < 2) return;
  size_t half = n / 2, i = 0, j = half, k = 0;
  sort_by_key(a, scratch, half);
  sort_by_key(a + half, scratch, n - half);
  memcpy(scratch, a, n * sizeof *a);
  while (i < half || j < n) {
    if (j >= n || (i < half && compare_keys(scratch[i], scratch[j]) <= 0))
      a[k++] = scratch[i++];
    else
      a[k++] = scratch[j++];
  }
}

/* Repeated keys: the first member takes the last one's value, the others go. */
static sotto_status merge_repeated_keys(reader *r, sotto_json *object) {
  if (object->count < 2) return SOTTO_OK;
  sotto_ctx *ctx = r->arena->ctx;
  size_t n = object->count, size;
  if (!sotto_size_mul(n, 2 * sizeof(sotto_json *), &size)) size = SIZE_MAX;
  sotto_json **members = sotto_alloc(ctx, size);
  if (!members) return SOTTO_ERR_OUT_OF_MEMORY;
  size_t i = 0;
  for (sotto_json *m = object->first; m; m = m->next) members[i++] = m;
  sort_by_key(members, members + n, n);
  for (size_t first = 0, last; first < n; first = last + 1) {
    last = first;
    while (last + 1 < n && compare_keys(members[first], members[last + 1]) == 0) last++;
    if (last == first) continue;
    sotto_json *next = members[first]->next;
    *members[first] = *members[last];
    members[first]->next = next;
    for (size_t k = first + 1; k <= last; k++) members[k]->key.data = NULL; /* marked to go */
    object->count -= last - first;
  }
  for (sotto_json **link = &object->first; *link;) {
    if ((*link)->key.data)
      link = &(*link)->next;
    else
      *link = (*link)->next;
  }
  sotto_free(ctx, members, size);
  return SOTTO_OK;
}

/* An array or object, `close` being its last character. */
static sotto_status parse_children(reader *r, sotto_json *out, char close) {
  size_t start = r->at++;
  if (++r->depth > MAX_DEPTH) return fail_at(r, start, "nested more than 64 deep");
  bool is_object = close == '}';
  out->type = is_object ? SOTTO_JSON_OBJECT : SOTTO_JSON_ARRAY;
  sotto_json **link = &out->first;
  skip_space(r);
  bool more = peek(r) != close;
  while (more) {
    sotto_json *child = sotto_arena_alloc(r->arena, sizeof *child);
    if (!child) return SOTTO_ERR_OUT_OF_MEMORY;
    skip_space(r);
    if (is_object) {
      SOTTO_TRY(parse_string(r, &child->key));
      skip_space(r);
      if (peek(r) != ':') return fail_at(r, r->at, "expected ':' after the key");
      r->at++;
    }
    SOTTO_TRY(parse_value(r, child));
    *link = child;
    link = &child->next;
    out->count++;
    skip_space(r);
    more = peek(r) == ',';
    if (more)
      r->at++;
    else if (peek(r) != close) {
      return fail_at(r, r->at, is_object ? "expected ',' or '}'" : "expected ',' or ']'");
    }
  }
  r->at++;
  r->depth--;
  return is_object ? merge_repeated_keys(r, out) : SOTTO_OK;
}

static sotto_status parse_word(reader *r, const char *word) {
  size_t n = strlen(word);
  if (r->len - r->at < n || memcmp(r->text + r->at, word, n) != 0) {
    return fail_at(r, r->at, "expected a value");
  }
  r->at += n;
  return SOTTO_OK;
}

static sotto_status parse_value(reader *r, sotto_json *out) {
  skip_space(r);
  switch (peek(r)) {
  case '{': return parse_children(r, out, '}');
  case '[': return parse_children(r, out, ']');
  case '"': out->type = SOTTO_JSON_STRING; return parse_string(r, &out->string);
  case 't':
    out->type = SOTTO_JSON_BOOL;
    out->boolean = true;
    return parse_word(r, "true");
  case 'f': out->type = SOTTO_JSON_BOOL; return parse_word(r, "false");
  case 'n': out->type = SOTTO_JSON_NULL; return parse_word(r, "null");
  case '-':
  case '0':
  case '1':
  case '2':
  case '3':
  case '4':
  case '5':
  case '6':
  case '7':
  case '8':
  case '9': return parse_number(r, out);
  default: return fail_at(r, r->at, "expected a value");
  }
}

sotto_status sotto_json_parse(sotto_arena *arena, sotto_slice text, sotto_json **out) {
  reader r = {.arena = arena, .text = text.data, .len = text.len};
  *out = NULL;
  sotto_json *root = sotto_arena_alloc(arena, sizeof *root);
  if (!root) return SOTTO_ERR_OUT_OF_MEMORY;
  SOTTO_TRY(parse_value(&r, root));
  skip_space(&r);
  if (r.at < r.len) return fail_at(&r, r.at, "something behind the end of the value");
  *out = root;
  return SOTTO_OK;
}

const sotto_json *sotto_json_get(const sotto_json *object, const char *key) {
  if (!object || object->type != SOTTO_JSON_OBJECT) return NULL;
  for (const sotto_json *m = object->first; m; m = m->next) {
    if (sotto_slice_is(m->key, key)) return m;
  }
  return NULL;
}
