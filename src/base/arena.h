/* Bump allocation for things that live and die together; freed in one go. */
#ifndef SOTTO_BASE_ARENA_H
#define SOTTO_BASE_ARENA_H

#include "base/ctx.h"

typedef struct sotto_arena {
  sotto_ctx *ctx;
  struct sotto_arena_region *regions; /* newest first */
} sotto_arena;

void sotto_arena_init(sotto_arena *arena, sotto_ctx *ctx);
/* 16-byte aligned, zeroed; NULL with the failure recorded in ctx. Size 0 gives a valid pointer. */
void *sotto_arena_alloc(sotto_arena *arena, size_t size);
/* n * size, checked. */
void *sotto_arena_array(sotto_arena *arena, size_t n, size_t size);
/* A NUL-terminated copy of len bytes (which may hold NULs themselves). */
char *sotto_arena_copy(sotto_arena *arena, const void *data, size_t len);
void sotto_arena_free(sotto_arena *arena);

#endif
