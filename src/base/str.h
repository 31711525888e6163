/* Byte strings: a borrowed slice and a growable buffer. Both may hold NULs; buffers stay
 * NUL-terminated behind their length for messages. */
#ifndef SOTTO_BASE_STR_H
#define SOTTO_BASE_STR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/ctx.h"

typedef struct sotto_slice {
  const char *data;
  size_t len;
} sotto_slice;

#define SOTTO_SLICE(literal) ((sotto_slice){(literal), sizeof(literal) - 1})

static inline bool sotto_slice_eq(sotto_slice a, sotto_slice b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}
static inline bool sotto_slice_is(sotto_slice a, const char *c_string) {
  return a.len == strlen(c_string) && memcmp(a.data, c_string, a.len) == 0;
}

/* For "%.*s" in messages: at most 64 bytes of what a file or user wrote. */
#define SOTTO_SLICE_ARG(s) (int)((s).len < 64 ? (s).len : 64), (s).data

typedef struct sotto_str {
  sotto_ctx *ctx;
  char *data; /* NULL while empty and never grown */
  size_t len, cap;
} sotto_str;

void sotto_str_init(sotto_str *str, sotto_ctx *ctx);
void sotto_str_free(sotto_str *str);
sotto_status sotto_str_reserve(sotto_str *str, size_t extra);
sotto_status sotto_str_append(sotto_str *str, const void *data, size_t len);
sotto_status sotto_str_append_c(sotto_str *str, const char *c_string);
/* Formatted append for numbers and names, at most 1,023 bytes a call. */
sotto_status sotto_str_appendf(sotto_str *str, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* text as a JSON string with quotes; invalid UTF-8 becomes U+FFFD. */
sotto_status sotto_str_append_json(sotto_str *str, sotto_slice text);

#endif
