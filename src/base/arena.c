/* Arena: a list of regions, each at least twice as large as the last up to 1 MB. */
#include "base/arena.h"

#include <stdint.h>
#include <string.h>

#define FIRST_REGION   4096
#define LARGEST_REGION (1u << 20)
#define ALIGN_UP(n)    (((n) + 15) & ~(size_t)15)

typedef struct sotto_arena_region {
  struct sotto_arena_region *next;
  size_t size, used; /* of the bytes behind this header */
  size_t pad;        /* keeps the header a multiple of 16 bytes on 32-bit hosts */
} region;

_Static_assert(sizeof(region) % 16 == 0, "region data must start 16-byte aligned");

void sotto_arena_init(sotto_arena *arena, sotto_ctx *ctx) {
  arena->ctx = ctx;
  arena->regions = NULL;
}

void *sotto_arena_alloc(sotto_arena *arena, size_t size) {
  if (size > SIZE_MAX - 64 - sizeof(region)) {
    sotto_fail(arena->ctx, SOTTO_ERR_OUT_OF_MEMORY, "out of memory: %zu bytes asked for", size);
    return NULL;
  }
  size = ALIGN_UP(size ? size : 1);
  region *r = arena->regions;
  if (!r || r->size - r->used < size) {
    size_t want = r ? r->size * 2 : FIRST_REGION;
    if (want > LARGEST_REGION) want = LARGEST_REGION;
    if (want < size) want = size;
    region *fresh = sotto_alloc(arena->ctx, sizeof(region) + want);
    if (!fresh) return NULL;
    *fresh = (region){.next = r, .size = want};
    /* A region made for one large allocation goes behind the one that has more room left. */
    if (r && r->size - r->used > want - size) {
      fresh->next = r->next;
      r->next = fresh;
    } else {
      arena->regions = fresh;
    }
    r = fresh;
  }
  void *ptr = (char *)(r + 1) + r->used;
  r->used += size;
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
  region *r = arena->regions;
  while (r) {
    region *next = r->next;
    sotto_free(arena->ctx, r, sizeof(region) + r->size);
    r = next;
  }
  arena->regions = NULL;
}
