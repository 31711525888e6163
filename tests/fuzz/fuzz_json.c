/* Any bytes as JSON. What is accepted is written again and read again: to the same values.
 * Input: u8 allocations until one fails (255: none), then the text. */
#include <stdlib.h>

#include "base/decimal.h"
#include "base/json.h"
#include "base/utf8.h"
#include "limited_alloc.h"

static void must(sotto_status status) {
  if (status != SOTTO_OK) abort();
}

static void write(const sotto_json *v, sotto_str *out) {
  char number[SOTTO_DECIMAL_SIZE];
  size_t n = 0;
  switch (v->type) {
  case SOTTO_JSON_NULL: must(sotto_str_append_c(out, "null")); break;
  case SOTTO_JSON_BOOL: must(sotto_str_append_c(out, v->boolean ? "true" : "false")); break;
  case SOTTO_JSON_INT: must(sotto_str_appendf(out, "%lld", (long long)v->integer)); break;
  case SOTTO_JSON_NUMBER:
    if (v->number - v->number != 0) abort();
    must(sotto_str_append(out, number, sotto_decimal_repr(v->number, number)));
    break;
  case SOTTO_JSON_STRING:
    if (!sotto_utf8_valid(v->string.data, v->string.len)) abort();
    must(sotto_str_append_json(out, v->string));
    break;
  case SOTTO_JSON_ARRAY:
  case SOTTO_JSON_OBJECT:
    must(sotto_str_append_c(out, v->type == SOTTO_JSON_ARRAY ? "[" : "{"));
    for (const sotto_json *m = v->first; m; m = m->next) {
      if (n++) must(sotto_str_append_c(out, ","));
      if (v->type == SOTTO_JSON_OBJECT) {
        must(sotto_str_append_json(out, m->key));
        must(sotto_str_append_c(out, ":"));
      }
      write(m, out);
    }
    if (n != v->count) abort();
    must(sotto_str_append_c(out, v->type == SOTTO_JSON_ARRAY ? "]" : "}"));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1) return 0;
  allocator a = {.left = data[0]};
  sotto_ctx ctx;
  sotto_arena arena;
  sotto_json *value, *again;
  sotto_str first, second;
  sotto_ctx_init(&ctx, limited_alloc, &a);
  sotto_arena_init(&arena, &ctx);
  sotto_str_init(&first, &ctx);
  sotto_str_init(&second, &ctx);
  sotto_slice text = {(const char *)data + 1, size - 1};
  sotto_status status = sotto_json_parse(&arena, text, &value);
  bool refused = status == SOTTO_ERR_INVALID_JSON;
  if (status == SOTTO_OK) {
    a.left = 255;
    write(value, &first);
    must(sotto_json_parse(&arena, (sotto_slice){first.data, first.len}, &again));
    write(again, &second);
    if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0) abort();
  } else if (value || (!refused && !(status == SOTTO_ERR_OUT_OF_MEMORY && a.left == 0))) {
    abort();
  }
  sotto_str_free(&first);
  sotto_str_free(&second);
  sotto_arena_free(&arena);
  if (ctx.bytes_in_use || a.live) abort();
  return 0;
}
