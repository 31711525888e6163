/* Growable byte strings. */
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

void sotto_str_init(sotto_str *str, sotto_ctx *ctx) {
  *str = (sotto_str){.ctx = ctx};
}

void sotto_str_free(sotto_str *str) {
  sotto_free(str->ctx, str->data, str->cap);
  *str = (sotto_str){.ctx = str->ctx};
}

sotto_status sotto_str_reserve(sotto_str *str, size_t extra) {
  if (extra < str->cap - str->len) return SOTTO_OK; /* cap > len once allocated: room for the NUL */
  size_t need, cap = str->cap ? str->cap : 64;
  if (!sotto_size_add(str->len, extra, &need) || need > SIZE_MAX / 4) {
    return sotto_fail(str->ctx, SOTTO_ERR_OUT_OF_MEMORY, "out of memory: a string of %zu bytes",
                      extra);
  }
  while (cap <= need) cap *= 2;
  char *data = sotto_realloc(str->ctx, str->data, str->cap, cap);
  if (!data) return SOTTO_ERR_OUT_OF_MEMORY;
  str->data = data;
  str->cap = cap;
  return SOTTO_OK;
}

sotto_status sotto_str_append(sotto_str *str, const void *data, size_t len) {
  SOTTO_TRY(sotto_str_reserve(str, len));
  if (len) memcpy(str->data + str->len, data, len);
  str->len += len;
  str->data[str->len] = 0;
  return SOTTO_OK;
}

sotto_status sotto_str_append_c(sotto_str *str, const char *c_string) {
  return sotto_str_append(str, c_string, strlen(c_string));
}

sotto_status sotto_str_appendf(sotto_str *str, const char *format, ...) {
  char buffer[1024];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(buffer, sizeof buffer, format, args);
  va_end(args);
  if (n < 0) n = 0;
  if ((size_t)n >= sizeof buffer) n = sizeof buffer - 1;
  return sotto_str_append(str, buffer, (size_t)n);
}

sotto_status sotto_str_append_json(sotto_str *str, sotto_slice text) {
  SOTTO_TRY(sotto_str_append_c(str, "\""));
  for (size_t i = 0; i < text.len;) {
    uint32_t c;
    i += sotto_utf8_decode(text.data + i, text.len - i, &c);
    char bytes[4];
    switch (c) {
    case '"': SOTTO_TRY(sotto_str_append_c(str, "\\\"")); break;
    case '\\': SOTTO_TRY(sotto_str_append_c(str, "\\\\")); break;
    case '\n': SOTTO_TRY(sotto_str_append_c(str, "\\n")); break;
    case '\r': SOTTO_TRY(sotto_str_append_c(str, "\\r")); break;
    case '\t': SOTTO_TRY(sotto_str_append_c(str, "\\t")); break;
    default:
      if (c < 0x20)
        SOTTO_TRY(sotto_str_appendf(str, "\\u%04x", (unsigned)c));
      else
        SOTTO_TRY(sotto_str_append(str, bytes, sotto_utf8_encode(c, bytes)));
    }
  }
  return sotto_str_append_c(str, "\"");
}
