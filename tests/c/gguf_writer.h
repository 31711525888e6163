/* Writes GGUF files in memory: small models for the tests, and broken ones. */
#ifndef SOTTO_TESTS_GGUF_WRITER_H
#define SOTTO_TESTS_GGUF_WRITER_H

#include <stddef.h>
#include <stdint.h>

typedef struct gguf_buffer {
  unsigned char *data;
  size_t len, cap;
} gguf_buffer;

typedef struct gguf_writer {
  uint32_t version;              /* 3 */
  uint32_t alignment;            /* 32; the key general.alignment is up to the caller */
  uint64_t n_kv, n_tensors;      /* counted; change them before finish to lie */
  gguf_buffer kv, tensors, body; /* the file's parts */
} gguf_writer;

void gguf_writer_init(gguf_writer *w);

/* Metadata, in the order of the calls. */
void gguf_write_u32(gguf_writer *w, const char *key, uint32_t value);
void gguf_write_i32(gguf_writer *w, const char *key, int32_t value);
void gguf_write_u64(gguf_writer *w, const char *key, uint64_t value);
void gguf_write_u16(gguf_writer *w, const char *key, uint16_t value);
void gguf_write_f32(gguf_writer *w, const char *key, float value);
void gguf_write_bool(gguf_writer *w, const char *key, int value);
void gguf_write_string(gguf_writer *w, const char *key, const char *value);
void gguf_write_string_n(gguf_writer *w, const char *key, const char *value, size_t len);
void gguf_write_strings(gguf_writer *w, const char *key, const char *const *values, size_t n);
void gguf_write_f32s(gguf_writer *w, const char *key, const float *values, size_t n);
void gguf_write_i32s(gguf_writer *w, const char *key, const int32_t *values, size_t n);
/* Any bytes behind key and type number. */
void gguf_write_raw(gguf_writer *w, const char *key, uint32_t type, const void *value, size_t len);

/* A tensor and its data at the next aligned offset; data NULL writes zeros. */
void gguf_write_tensor(gguf_writer *w, const char *name, uint32_t type, uint32_t n_dims,
                       const uint64_t *ne, const void *data, size_t size);
/* An entry of the tensor table as it is, without data. */
void gguf_write_tensor_entry(gguf_writer *w, const char *name, uint32_t type, uint32_t n_dims,
                             const uint64_t *ne, uint64_t offset);

/* The whole file, *len bytes; free() it. *header: the bytes before the padding. The writer is empty
 * afterwards, as after gguf_writer_init. */
unsigned char *gguf_writer_finish(gguf_writer *w, size_t *len, size_t *header);

void gguf_buffer_put(gguf_buffer *b, const void *data, size_t len);

#endif
