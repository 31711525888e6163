/* Strings that remember which of their bytes the template wrote, and the builder that makes them.
 * Whatever copies bytes copies their provenance; whatever computes bytes names it. */
#ifndef SOTTO_CHAT_STRINGS_H
#define SOTTO_CHAT_STRINGS_H

#include "chat/runtime.h"

struct builder {
  runtime *rt;
  char *data;
  size_t len, cap;
  span *spans; /* trusted stretches, the last one growing */
  uint32_t n_spans, cap_spans;
};

void chat_builder_init(builder *b, runtime *rt);
sotto_status chat_builder_add(builder *b, const char *data, size_t len, bool trusted);
sotto_status chat_builder_add_c(builder *b, const char *c_string, bool trusted);
sotto_status chat_builder_add_code_point(builder *b, uint32_t c, bool trusted);
sotto_status chat_builder_add_str(builder *b, const str *s);
sotto_status chat_builder_add_sub(builder *b, const str *s, size_t start, size_t end);
/* `n` times the character c. */
sotto_status chat_builder_add_fill(builder *b, uint32_t c, int64_t n, bool trusted);
sotto_status chat_builder_finish(builder *b, const str **out);

/* Fill in a string over bytes that stay: counts code points. The bytes must be valid UTF-8. */
void chat_str_set(str *s, const char *data, size_t len, bool trusted);
/* NULL when out of memory. Does not copy. */
const str *chat_str_new(runtime *rt, const char *data, size_t len, bool trusted);
#define CHAT_STR(rt, literal) chat_str_new((rt), (literal), sizeof(literal) - 1, true)
/* The bytes [start, end) of s, which must be borders of characters. */
sotto_status chat_str_sub(runtime *rt, const str *s, size_t start, size_t end, const str **out);
sotto_status chat_concat(runtime *rt, const str *a, const str *b, const str **out);
sotto_status chat_repeat(runtime *rt, const str *s, int64_t times, const str **out);
/* Python's s[start:stop:step] with start and length already worked out, in code points. */
sotto_status chat_str_slice(runtime *rt, const str *s, int64_t start, int64_t step, int64_t n,
                            const str **out);
/* <, >, &, " and ' as HTML wants them; markup already is not escaped again. */
sotto_status chat_str_escape(runtime *rt, const str *s, const str **out);
sotto_status chat_str_mark(runtime *rt, const str *s, bool markup, const str **out);

static inline bool chat_str_is_ascii(const str *s) {
  return s->len == s->chars;
}
bool chat_str_equal(const str *a, const str *b);
bool chat_str_is(const str *s, const char *c_string);
/* In order of code points. */
int chat_str_compare(const str *a, const str *b);
bool chat_str_trusted_at(const str *s, size_t byte);
/* Byte position of a code point's number and back. */
size_t chat_str_byte(const str *s, size_t chars);
size_t chat_str_char(const str *s, size_t byte);
/* The first occurrence of `what` in [start, end) bytes of s, or SIZE_MAX in *out. */
sotto_status chat_str_find(runtime *rt, const str *s, const str *what, size_t start, size_t end,
                           size_t *out);
sotto_status chat_str_rfind(runtime *rt, const str *s, const str *what, size_t start, size_t end,
                            size_t *out);
/* The stretch that is left without white space (chars NULL) or without these characters. */
void chat_str_strip(const str *s, const str *chars, bool left, bool right, size_t *start,
                    size_t *end);
sotto_status chat_str_replace(runtime *rt, const str *s, const str *old, const str *fresh,
                              int64_t count, const str **out);
/* The end of the line that starts at `start` and where the next one starts. */
void chat_str_line(const str *s, size_t start, size_t *end, size_t *next);

/* unicode.c; Python's notions */
bool chat_is_space(uint32_t c);
bool chat_is_printable(uint32_t c);
bool chat_is_alpha(uint32_t c);
bool chat_is_digit(uint32_t c);
bool chat_is_number_like(uint32_t c);       /* digits and other numbers */
bool chat_has_case(uint32_t c, bool upper); /* is an upper-case (lower-case) letter */
bool chat_is_line_break(uint32_t c);
typedef enum letter_case { CASE_LOWER, CASE_UPPER, CASE_TITLE } letter_case;
/* The bytes [start, end) of s in another case, whose form may depend on what is around them. */
sotto_status chat_builder_add_case(builder *b, const str *s, size_t start, size_t end,
                                   letter_case to);
sotto_status chat_str_case(runtime *rt, const str *s, letter_case to, const str **out);

#endif
