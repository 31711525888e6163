/* Methods of strings that change case, join and format. */
#include "base/utf8.h"
#include "chat/methods/methods.h"

/* ---- case ----------------------------------------------------------------------------------- */

/* A result that was made of s is markup if s is. */
static sotto_status string_result(runtime *rt, const str *s, const str *result, value *out) {
  SOTTO_TRY(chat_str_mark(rt, result, s->markup, &result));
  *out = value_string(result);
  return SOTTO_OK;
}

METHOD(str_case) {
  const str *result;
  SOTTO_TRY(chat_str_case(rt, c->self.as.string, (letter_case)c->how, &result));
  *out = value_string(result);
  return SOTTO_OK;
}

/* Words are runs of letters that have case: their first letter gets its title form, the others
 * lower case. */
METHOD(str_title) {
  const str *s = c->self.as.string, *result;
  builder b;
  bool inside = false;
  chat_builder_init(&b, rt);
  for (size_t i = 0, n; i < s->len; i += n) {
    uint32_t code_point;
    n = sotto_utf8_decode(s->data + i, s->len - i, &code_point);
    SOTTO_TRY(chat_builder_add_case(&b, s, i, i + n, inside ? CASE_LOWER : CASE_TITLE));
    inside = chat_has_case(code_point, true) || chat_has_case(code_point, false);
  }
  SOTTO_TRY(chat_builder_finish(&b, &result));
  return string_result(rt, s, result, out);
}

METHOD(str_capitalize) {
  const str *s = c->self.as.string, *result;
  uint32_t code_point;
  builder b;
  size_t n = s->len ? sotto_utf8_decode(s->data, s->len, &code_point) : 0;
  chat_builder_init(&b, rt);
  SOTTO_TRY(chat_builder_add_case(&b, s, 0, n, CASE_TITLE));
  SOTTO_TRY(chat_builder_add_case(&b, s, n, s->len, CASE_LOWER));
  SOTTO_TRY(chat_builder_finish(&b, &result));
  return string_result(rt, s, result, out);
}

/* ---- others --------------------------------------------------------------------------------- */

METHOD(str_isdigit) {
  const str *s = c->self.as.string;
  bool all = s->len > 0;
  for (size_t i = 0; all && i < s->len;) {
    uint32_t code_point;
    i += sotto_utf8_decode(s->data + i, s->len - i, &code_point);
    all = chat_is_digit(code_point);
  }
  *out = value_bool(all);
  return chat_work(rt, (uint64_t)s->len * 16);
}

METHOD(str_join) {
  return chat_join(rt, c->self.as.string, c->a[0], false, out);
}

/* The argument that a field stands for: {} is the next one, {0} one by position, {name} one by
 * name. */
static sotto_status field(runtime *rt, const arguments *args, const str *name, size_t *next,
                          value *out) {
  size_t i = 0, digits = 0;
  for (; digits < name->len && digits < 9 && name->data[digits] >= '0'; digits++) {
    if (name->data[digits] > '9') break;
    i = i * 10 + (size_t)(name->data[digits] - '0');
  }
  if (name->len == 0) {
    i = (*next)++;
  } else if (digits < name->len) {
    for (size_t k = 0; k < args->n_keywords; k++) {
      if (!chat_str_equal(args->keywords[k].name, name)) continue;
      *out = args->keywords[k].v;
      return SOTTO_OK;
    }
    return chat_fail(rt, "'{%.*s}' in format() is not supported, or there is no such argument",
                     CHAT_STR_ARG(name));
  }
  if (i >= args->n) return chat_fail(rt, "format(): not enough values");
  *out = args->positional[i];
  return SOTTO_OK;
}

/* Fields may not have format specifications. What is put in keeps its provenance. */
METHOD(str_format) {
  const str *s = c->self.as.string, *name, *text;
  builder b;
  size_t next = 0;
  chat_builder_init(&b, rt);
  for (size_t at = 0; at < s->len;) {
    const size_t start = at;
    while (at < s->len && s->data[at] != '{' && s->data[at] != '}') at++;
    SOTTO_TRY(chat_builder_add_sub(&b, s, start, at));
    if (at == s->len) break;
    const char brace = s->data[at++];
    if (at < s->len && s->data[at] == brace) { /* a doubled brace stands for one */
      SOTTO_TRY(chat_builder_add_sub(&b, s, at, at + 1));
      at++;
      continue;
    }
    const char *end = brace == '{' ? memchr(s->data + at, '}', s->len - at) : NULL;
    if (!end) return chat_fail(rt, "format(): a single '%c'", brace);
    value v;
    const size_t behind = (size_t)(end - s->data);
    SOTTO_TRY(chat_str_sub(rt, s, at, behind, &name));
    SOTTO_TRY(field(rt, c->args, name, &next, &v));
    SOTTO_TRY(chat_to_string(rt, v, &text));
    if (s->markup) SOTTO_TRY(chat_str_escape(rt, text, &text));
    SOTTO_TRY(chat_builder_add_str(&b, text));
    at = behind + 1;
  }
  SOTTO_TRY(chat_builder_finish(&b, &text));
  return string_result(rt, s, text, out);
}
