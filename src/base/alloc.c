/* The context: allocation with exact accounting, and failure messages. The only file of the core
 * that calls the C library's allocator. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ctx.h"

#define ALIGNMENT 64
/* No honest request is larger; refusing here keeps absurd sizes away from the host's allocator. */
#define LARGEST_BLOCK (sizeof(size_t) > 4 ? (size_t)-1 >> 26 : (size_t)-1 - 65536)

const char *sotto_status_code(sotto_status status) {
  switch (status) {
#define X(name, number, code)                                                                      \
  case SOTTO_##name: return code;
#include "base/status.def"
#undef X
  }
  return "unknown";
}

void *sotto_alloc_libc(void *user, void *ptr, size_t old_size, size_t new_size) {
  (void)user;
  (void)old_size;
  if (new_size == 0) {
    free(ptr);
    return NULL;
  }
  return realloc(ptr, new_size);
}

void sotto_ctx_init(sotto_ctx *ctx, sotto_alloc_fn *alloc, void *alloc_user) {
  memset(ctx, 0, sizeof *ctx);
  ctx->alloc = alloc ? alloc : sotto_alloc_libc;
  ctx->alloc_user = alloc_user;
}

static sotto_status fail(sotto_ctx *ctx, sotto_status status, const char *field, const char *format,
                         va_list args) {
  vsnprintf(ctx->message, sizeof ctx->message, format, args);
  ctx->status = status;
  ctx->field = field;
  return status;
}

sotto_status sotto_fail(sotto_ctx *ctx, sotto_status status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  fail(ctx, status, NULL, format, args);
  va_end(args);
  return status;
}

sotto_status sotto_fail_field(sotto_ctx *ctx, const char *field, const char *format, ...) {
  va_list args;
  va_start(args, format);
  fail(ctx, SOTTO_ERR_INVALID_ARGUMENT, field, format, args);
  va_end(args);
  return SOTTO_ERR_INVALID_ARGUMENT;
}

static void *out_of_memory(sotto_ctx *ctx, size_t size) {
  sotto_fail(ctx, SOTTO_ERR_OUT_OF_MEMORY,
             "out of memory: %zu bytes asked for with %zu in use; use a smaller model, n_ctx or "
             "n_parallel, or raise the memory limit",
             size, ctx->bytes_in_use);
  return NULL;
}

void *sotto_realloc(sotto_ctx *ctx, void *ptr, size_t old_size, size_t new_size) {
  if (new_size == 0) {
    sotto_free(ctx, ptr, old_size);
    return NULL;
  }
  void *grown =
      new_size > LARGEST_BLOCK ? NULL : ctx->alloc(ctx->alloc_user, ptr, old_size, new_size);
  if (!grown) return out_of_memory(ctx, new_size);
  ctx->bytes_in_use += new_size - old_size;
  if (ctx->bytes_in_use > ctx->bytes_peak) ctx->bytes_peak = ctx->bytes_in_use;
  return grown;
}

void *sotto_alloc(sotto_ctx *ctx, size_t size) {
  return sotto_realloc(ctx, NULL, 0, size);
}

void *sotto_alloc_zero(sotto_ctx *ctx, size_t size) {
  void *ptr = sotto_alloc(ctx, size);
  if (ptr) memset(ptr, 0, size);
  return ptr;
}

void sotto_free(sotto_ctx *ctx, void *ptr, size_t size) {
  if (!ptr) return;
  ctx->alloc(ctx->alloc_user, ptr, size, 0);
  ctx->bytes_in_use -= size;
}

/* The allocation's own address is kept in the pointer just below the aligned one. */
void *sotto_alloc_aligned(sotto_ctx *ctx, size_t size) {
  size_t total;
  if (size == 0) return NULL;
  if (!sotto_size_add(size, ALIGNMENT + sizeof(void *), &total)) return out_of_memory(ctx, size);
  char *allocation = sotto_alloc(ctx, total);
  if (!allocation) return NULL;
  uintptr_t first = (uintptr_t)(allocation + sizeof(void *));
  char *aligned = allocation + sizeof(void *) + (-first & (ALIGNMENT - 1));
  memcpy(aligned - sizeof(void *), &allocation, sizeof allocation);
  return aligned;
}

void sotto_free_aligned(sotto_ctx *ctx, void *ptr, size_t size) {
  if (!ptr) return;
  char *allocation;
  memcpy(&allocation, (char *)ptr - sizeof(void *), sizeof allocation);
  sotto_free(ctx, allocation, size + ALIGNMENT + sizeof(void *));
}
