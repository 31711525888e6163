/* The GGUF parser on any bytes, cut anywhere, as one file or two parts, with and without known
 * sizes and with allocations that fail.
 * Input: u8 flags (bit 0: sizes are known, bit 1: two files, bit 2: the second file first),
 *        u8 seed of the cuts (0: in one piece), u8 allocations until one fails (255: none),
 *        u8 length of the first of two files in 16ths of the rest; then the files' bytes. */
#include <stdint.h>
#include <stdlib.h>

#include "gguf/gguf.h"
#include "limited_alloc.h"

/* False once the file is done or refused. */
static bool feed(sotto_gguf *g, uint32_t file, const uint8_t *data, size_t len, uint32_t seed) {
  bool done = false;
  for (size_t at = 0; at < len;) {
    size_t n = len - at, consumed;
    if (seed) {
      seed = seed * 1664525 + 1013904223;
      size_t cut = seed >> 24 & 31; /* some of them empty */
      if (cut < n) n = cut;
    }
    uint8_t *exact = malloc(n ? n : 1); /* so that a read behind the chunk is seen */
    if (!exact) abort();
    if (n) memcpy(exact, data + at, n);
    sotto_status status = sotto_gguf_feed(g, file, exact, n, &consumed, &done);
    free(exact);
    if (consumed > n || (status == SOTTO_OK && !done && consumed != n)) abort();
    if (status != SOTTO_OK) return false;
    if (done) break;
    at += n;
  }
  return sotto_gguf_end(g, file) == SOTTO_OK && done;
}

/* Touch every byte that the tables point to. */
static uint64_t look(const sotto_gguf *g) {
  uint64_t sum = 0;
  for (size_t i = 0; i < sotto_gguf_n_kv(g); i++) {
    const sotto_gguf_kv *kv = sotto_gguf_kv_at(g, i);
    char key[128];
    if (kv->key.len < sizeof key) {
      memcpy(key, kv->key.data, kv->key.len);
      key[kv->key.len] = 0;
      uint32_t u;
      float f;
      bool b;
      sotto_slice s;
      if (sotto_gguf_find(g, key) != kv) abort();
      sum += sotto_gguf_u32(g, key, &u) == SOTTO_OK ? u : 0;
      sum += sotto_gguf_f32(g, key, &f) == SOTTO_OK && f > 0;
      sum += sotto_gguf_bool_or(g, key, true, &b) == SOTTO_OK && b;
      sum += sotto_gguf_string(g, key, &s) == SOTTO_OK && s.len ? (uint8_t)s.data[s.len - 1] : 0;
    }
    for (uint64_t j = 0; j < kv->count; j++) {
      if (kv->strings)
        sum += kv->strings[j].len ? (uint8_t)kv->strings[j].data[0] : 1;
      else
        sum += kv->items[j];
    }
  }
  for (size_t i = 0; i < sotto_gguf_n_tensors(g); i++) {
    const sotto_gguf_tensor *t = sotto_gguf_tensor_at(g, i);
    if (t->offset < sotto_gguf_data_start(g, t->file)) abort();
    if (t->offset + t->size > sotto_gguf_data_end(g, t->file) || t->size == 0) abort();
    sum += (uint8_t)t->name.data[t->name.len - 1];
  }
  return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 4) return 0;
  bool known = data[0] & 1, two = data[0] & 2, reversed = data[0] & 4;
  uint32_t seed = data[1];
  allocator a = {.left = data[2]};
  size_t rest = size - 4, first = two ? rest * (data[3] & 15) / 16 : rest;
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, limited_alloc, &a);
  sotto_gguf *g;
  if (sotto_gguf_new(&ctx, two ? 2 : 1, &g) == SOTTO_OK) {
    if (known) {
      sotto_gguf_set_file_size(g, 0, first);
      if (two) sotto_gguf_set_file_size(g, 1, rest - first);
    }
    bool fine = true;
    for (uint32_t i = 0; i < (two ? 2u : 1u) && fine; i++) {
      uint32_t file = two && reversed ? 1 - i : i;
      fine = file ? feed(g, 1, data + 4 + first, rest - first, seed)
                  : feed(g, 0, data + 4, first, seed);
    }
    /* A whole header may still hold types that do not load. */
    const sotto_status status = sotto_gguf_check(g);
    if (status == SOTTO_OK && (!sotto_gguf_complete(g) || !fine)) abort();
    if (status != SOTTO_OK && status != SOTTO_ERR_UNSUPPORTED_TYPE && sotto_gguf_complete(g))
      abort();
    volatile uint64_t sink = look(g);
    (void)sink;
    /* Memory stays within a small multiple of what arrived (tables, and the buffer's growth). */
    if (ctx.bytes_peak > 16384 + 40 * size) abort();
    sotto_gguf_free(g);
  }
  if (ctx.bytes_in_use || a.live) abort();
  return 0;
}
