/* Strings that remember which of their bytes the template wrote, and the builder that makes them.
 * Whatever copies bytes copies their provenance; whatever computes bytes names it. */
#ifndef SOTTO_CHAT_VALUES_STRINGS_H
#define SOTTO_CHAT_VALUES_STRINGS_H

#include "chat/values/protocols.h"

typedef struct builder {
  runtime *rt;
  char *data;
  size_t len, cap;
  span *spans; /* trusted stretches, the last one growing */
  uint32_t n_spans, cap_spans;
} builder;

void chat_builder_init(builder *b, runtime *rt);
sotto_status chat_builder_add(builder *b, const char *data, size_t len, bool trusted);
sotto_status chat_builder_add_c(builder *b, const char *c_string, bool trusted);
sotto_status chat_builder_add_code_point(builder *b, uint32_t c, bool trusted);
sotto_status chat_builder_add_str(builder *b, const str *s);
sotto_status chat_builder_add_sub(builder *b, const str *s, size_t start, size_t end);
/* `n` times the character c. */
sotto_status chat_builder_add_fill(builder *b, uint32_t c, int64_t n, bool trusted);
/* Start with s: in place if nothing follows it in its memory, so that a text grown bit by bit in a
 * loop is copied only when its memory is full. */
sotto_status chat_builder_start(builder *b, const str *s);
sotto_status chat_builder_finish(builder *b, const str **out);

/* Makes *s a string over these bytes, which must be valid UTF-8 and stay where they are. */
void chat_str_set(str *s, const char *data, size_t len, bool trusted);
/* The same in memory of the rendering. The bytes are not copied; NULL when out of memory. */
const str *chat_str_new(runtime *rt, const char *data, size_t len, bool trusted);
/* Initialises a static str with text in ASCII, which counts as written by the template. */
#define CHAT_TEXT(literal)                                                                         \
  {.data = (literal), .len = sizeof(literal) - 1, .chars = sizeof(literal) - 1, .trust = TRUSTED}
/* The bytes [start, end) of s, which must be borders of characters. */
sotto_status chat_str_sub(runtime *rt, const str *s, size_t start, size_t end, const str **out);
sotto_status chat_concat(runtime *rt, const str *a, const str *b, const str **out);
sotto_status chat_repeat(runtime *rt, const str *s, int64_t times, const str **out);
/* Python's s[start:stop:step] with start and length already worked out, in code points. */
sotto_status chat_str_slice(runtime *rt, const str *s, int64_t start, int64_t step, int64_t n,
                            const str **out);
/* Replaces <, >, &, " and ' by HTML's entities, and marks the result. Strings that are marked
 * already come back as they are. */
sotto_status chat_str_escape(runtime *rt, const str *s, const str **out);
sotto_status chat_str_mark(runtime *rt, const str *s, bool markup, const str **out);

static inline bool chat_str_is_ascii(const str *s) {
  return s->len == s->chars;
}
bool chat_str_equal(const str *a, const str *b);
bool chat_str_is(const str *s, const char *c_string);
/* Negative, 0 or positive, in the order of code points. */
int chat_str_compare(const str *a, const str *b);
bool chat_str_trusted_at(const str *s, size_t byte);
/* The index of the first span that ends behind this byte. */
uint32_t chat_str_span(const str *s, size_t byte);
/* Where the code point with this number begins, in bytes; s->len when there are not so many. */
size_t chat_str_byte(const str *s, size_t chars);
/* The first occurrence of `what` in [start, end) bytes of s, or SIZE_MAX in *out. */
sotto_status chat_str_find(runtime *rt, const str *s, const str *what, size_t start, size_t end,
                           size_t *out);
sotto_status chat_str_rfind(runtime *rt, const str *s, const str *what, size_t start, size_t end,
                            size_t *out);
/* Where the text begins and ends once white space (chars NULL) or these characters are taken
 * away. */
void chat_str_strip(const str *s, const str *chars, bool left, bool right, size_t *start,
                    size_t *end);
sotto_status chat_str_replace(runtime *rt, const str *s, const str *old, const str *fresh,
                              int64_t count, const str **out);
/* Where the line that starts at `start` ends, and where the next one starts. */
void chat_str_line(const str *s, size_t start, size_t *end, size_t *next);

/* unicode.c: characters as Python classifies them. */
bool chat_is_space(uint32_t c);
bool chat_is_printable(uint32_t c);
bool chat_is_digit(uint32_t c);
bool chat_has_case(uint32_t c, bool upper); /* whether it has another form in the other case */
bool chat_is_line_break(uint32_t c);
typedef enum letter_case { CASE_LOWER, CASE_UPPER, CASE_TITLE } letter_case;
/* Appends the bytes [start, end) of s in another case; what stands around them in s counts, as a
 * sigma at the end of a word has a form of its own. */
sotto_status chat_builder_add_case(builder *b, const str *s, size_t start, size_t end,
                                   letter_case to);
sotto_status chat_str_case(runtime *rt, const str *s, letter_case to, const str **out);

/* text.c: str() and repr(). */
sotto_status chat_to_string(runtime *rt, value v, const str **out); /* str(v) */
sotto_status chat_write(builder *b, value v);                       /* str(v) appended */
sotto_status chat_write_repr(builder *b, value v);
/* The items with the separator between them. `any`: items that are no strings are written as text,
 * otherwise they are an error. */
sotto_status chat_join(runtime *rt, const str *separator, value iterable, bool any, value *out);

#endif
