#include "edited_model.h"

#include <stdlib.h>

#include "test.h"

#define N_TYPES 13
#define STRING  8
#define ARRAY   9

static const unsigned char sizes[N_TYPES] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

static uint64_t u64_at(const char *p) {
  uint64_t value;
  memcpy(&value, p, sizeof value);
  return value;
}

static uint32_t u32_at(const char *p) {
  uint32_t value;
  memcpy(&value, p, sizeof value);
  return value;
}

/* Bytes of a value. */
static size_t value_size(uint32_t type, const char *p) {
  if (type == STRING) return 8 + (size_t)u64_at(p);
  if (type != ARRAY) return sizes[type];
  uint32_t of = u32_at(p);
  uint64_t n = u64_at(p + 4);
  size_t size = 12;
  for (uint64_t i = 0; i < n; i++) size += value_size(of, p + size);
  return size;
}

static const char *name_at(const char *p, char name[128]) {
  uint64_t len = u64_at(p);
  snprintf(name, 128, "%.*s", (int)len, p + 8);
  return p + 8 + len;
}

/* A float32 tensor of the table at p; its data lies behind `data`. */
static const char *copy_tensor(gguf_writer *w, const char *p, const char *data,
                               const char *without) {
  char name[128];
  uint64_t ne[4] = {1, 1, 1, 1};
  p = name_at(p, name);
  uint32_t n_dims = u32_at(p);
  for (uint32_t d = 0; d < n_dims; d++) ne[d] = u64_at(p + 4 + 8 * d);
  p += 4 + 8 * n_dims;
  CHECK(u32_at(p) == 0);
  if (!without || strcmp(name, without) != 0) {
    gguf_write_tensor(w, name, 0, n_dims, ne, data + u64_at(p + 4),
                      (size_t)(ne[0] * ne[1] * ne[2] * ne[3] * sizeof(float)));
  }
  return p + 12;
}

bool edit_model(gguf_writer *w, const char *path, const char *without) {
  size_t len;
  char *file = test_read_file(path, &len);
  gguf_writer_init(w);
  if (!file) return false;
  const uint64_t n_tensors = u64_at(file + 8), n_kv = u64_at(file + 16);
  const char *p = file + 24;
  for (uint64_t i = 0; i < n_kv; i++) {
    char key[128];
    p = name_at(p, key);
    uint32_t type = u32_at(p);
    size_t size = value_size(type, p + 4);
    if (!without || strcmp(key, without) != 0) gguf_write_raw(w, key, type, p + 4, size);
    p += 4 + size;
  }
  /* The data begins behind the table, so walk it once for its end. */
  const char *end = p;
  for (uint64_t i = 0; i < n_tensors; i++) {
    char name[128];
    end = name_at(end, name);
    end += 4 + 8 * u32_at(end) + 12;
  }
  const char *data = file + ((size_t)(end - file) + 31) / 32 * 32;
  for (uint64_t i = 0; i < n_tensors; i++) p = copy_tensor(w, p, data, without);
  free(file);
  return true;
}
