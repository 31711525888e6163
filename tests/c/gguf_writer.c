/* Writes GGUF files in memory. */
#include "gguf_writer.h"

#include <stdlib.h>
#include <string.h>

void gguf_buffer_put(gguf_buffer *b, const void *data, size_t len) {
  if (b->cap - b->len < len) {
    b->cap = (b->len + len) * 2 + 64;
    b->data = realloc(b->data, b->cap);
    if (!b->data) abort();
  }
  if (len && data)
    memcpy(b->data + b->len, data, len);
  else if (len)
    memset(b->data + b->len, 0, len);
  b->len += len;
}

static void put_u32(gguf_buffer *b, uint32_t v) {
  gguf_buffer_put(b, &v, sizeof v);
}
static void put_u64(gguf_buffer *b, uint64_t v) {
  gguf_buffer_put(b, &v, sizeof v);
}
static void put_string(gguf_buffer *b, const char *s, size_t len) {
  put_u64(b, len);
  gguf_buffer_put(b, s, len);
}
static void put_padding(gguf_buffer *b, uint32_t alignment) {
  gguf_buffer_put(b, NULL, (alignment - b->len % alignment) % alignment);
}

void gguf_writer_init(gguf_writer *w) {
  *w = (gguf_writer){.version = 3, .alignment = 32};
}

void gguf_write_raw(gguf_writer *w, const char *key, uint32_t type, const void *value, size_t len) {
  put_string(&w->kv, key, strlen(key));
  put_u32(&w->kv, type);
  gguf_buffer_put(&w->kv, value, len);
  w->n_kv++;
}

void gguf_write_u32(gguf_writer *w, const char *key, uint32_t v) {
  gguf_write_raw(w, key, 4, &v, 4);
}
void gguf_write_i32(gguf_writer *w, const char *key, int32_t v) {
  gguf_write_raw(w, key, 5, &v, 4);
}
void gguf_write_u64(gguf_writer *w, const char *key, uint64_t v) {
  gguf_write_raw(w, key, 10, &v, 8);
}
void gguf_write_u16(gguf_writer *w, const char *key, uint16_t v) {
  gguf_write_raw(w, key, 2, &v, 2);
}
void gguf_write_f32(gguf_writer *w, const char *key, float v) {
  gguf_write_raw(w, key, 6, &v, 4);
}
void gguf_write_bool(gguf_writer *w, const char *key, int v) {
  gguf_write_raw(w, key, 7, &(unsigned char){v != 0}, 1);
}

void gguf_write_string_n(gguf_writer *w, const char *key, const char *value, size_t len) {
  gguf_write_raw(w, key, 8, NULL, 0);
  put_string(&w->kv, value, len);
}

void gguf_write_string(gguf_writer *w, const char *key, const char *value) {
  gguf_write_string_n(w, key, value, strlen(value));
}

static void array_head(gguf_writer *w, const char *key, uint32_t element, size_t n) {
  gguf_write_raw(w, key, 9, &element, sizeof element);
  put_u64(&w->kv, n);
}

void gguf_write_strings(gguf_writer *w, const char *key, const char *const *values, size_t n) {
  array_head(w, key, 8, n);
  for (size_t i = 0; i < n; i++) put_string(&w->kv, values[i], strlen(values[i]));
}

void gguf_write_f32s(gguf_writer *w, const char *key, const float *values, size_t n) {
  array_head(w, key, 6, n);
  gguf_buffer_put(&w->kv, values, n * sizeof *values);
}

void gguf_write_i32s(gguf_writer *w, const char *key, const int32_t *values, size_t n) {
  array_head(w, key, 5, n);
  gguf_buffer_put(&w->kv, values, n * sizeof *values);
}

void gguf_write_tensor_entry(gguf_writer *w, const char *name, uint32_t type, uint32_t n_dims,
                             const uint64_t *ne, uint64_t offset) {
  put_string(&w->tensors, name, strlen(name));
  put_u32(&w->tensors, n_dims);
  for (uint32_t d = 0; d < n_dims; d++) put_u64(&w->tensors, ne[d]);
  put_u32(&w->tensors, type);
  put_u64(&w->tensors, offset);
  w->n_tensors++;
}

void gguf_write_tensor(gguf_writer *w, const char *name, uint32_t type, uint32_t n_dims,
                       const uint64_t *ne, const void *data, size_t size) {
  put_padding(&w->body, w->alignment);
  gguf_write_tensor_entry(w, name, type, n_dims, ne, w->body.len);
  gguf_buffer_put(&w->body, data, size);
}

unsigned char *gguf_writer_finish(gguf_writer *w, size_t *len, size_t *header) {
  gguf_buffer file = {0};
  gguf_buffer_put(&file, "GGUF", 4);
  put_u32(&file, w->version);
  put_u64(&file, w->n_tensors);
  put_u64(&file, w->n_kv);
  gguf_buffer_put(&file, w->kv.data, w->kv.len);
  gguf_buffer_put(&file, w->tensors.data, w->tensors.len);
  *header = file.len;
  put_padding(&file, w->alignment);
  gguf_buffer_put(&file, w->body.data, w->body.len);
  *len = file.len;
  free(w->kv.data);
  free(w->tensors.data);
  free(w->body.data);
  gguf_writer_init(w);
  return file.data;
}
