/* Arena: a list of chunks, each at least twice as large as the last up to 1 MB. */
#include "base/arena.h"

#include <stdint.h>
#include <string.h>

#define FIRST_CHUNK   4096
#define LARGEST_CHUNK (1u << 20)
#define ALIGN_UP(n)   (((n) + 15) & ~(size_t)15)

typedef struct sotto_arena_chunk {
  struct sotto_arena_chunk *next;
  size_t size, used; /* of the bytes behind this header */
  size_t pad;        /* keeps the header a multiple of 16 bytes on 32-bit hosts */
} chunk;

_Static_assert(sizeof(chunk) % 16 == 0, "chunk data must start 16-byte aligned");

void sotto_arena_init(sotto_arena *arena, sotto_ctx *ctx) {
  arena->ctx = ctx;
  arena->chunks = NULL;
}

void *sotto_arena_alloc(sotto_arena *arena, size_t size) {
  if (size > SIZE_MAX - 64 - sizeof(chunk)) {
    sotto_fail(arena->ctx, SOTTO_ERR_OUT_OF_MEMORY, "out of memory: %zu bytes asked for", size);
    return NULL;
  }
  size = ALIGN_UP(size ? size : 1);
  chunk *c = arena->chunks;
  if (!c || c->size - c->used < size) {
    size_t want = c ? c->size * 2 : FIRST_CHUNK;
    if (want > LARGEST_CHUNK) want = LARGEST_CHUNK;
    if (want < size) want = size;
    chunk *fresh = sotto_alloc(arena->ctx, sizeof(chunk) + want);
    if (!fresh) return NULL;
    *fresh = (chunk){.next = c, .size = want};
    /* A chunk made for one large block keeps the roomier one in front. */
    if (c && c->size - c->used > want - size) {
      fresh->next = c->next;
      c->next = fresh;
    } else {
      arena->chunks = fresh;
    }
    c = fresh;
  }
  void *ptr = (char *)(c + 1) + c->used;
  c->used += size;
  memset(ptr, 0, size);
  return ptr;
}

void *sotto_arena_array(sotto_arena *arena, size_t n, size_t size) {
  size_t total;
  if (!sotto_size_mul(n, size, &total)) total = SIZE_MAX;
  return sotto_arena_alloc(arena, total);
}

char *sotto_arena_copy(sotto_arena *arena, const void *data, size_t len) {
  if (len == SIZE_MAX) return sotto_arena_alloc(arena, SIZE_MAX);
  char *copy = sotto_arena_alloc(arena, len + 1);
  if (copy && len) memcpy(copy, data, len);
  return copy;
}

void sotto_arena_free(sotto_arena *arena) {
  chunk *c = arena->chunks;
  while (c) {
    chunk *next = c->next;
    sotto_free(arena->ctx, c, sizeof(chunk) + c->size);
    c = next;
  }
  arena->chunks = NULL;
}
