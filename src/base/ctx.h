/* The context every fallible function gets: where memory comes from and where the message of the
 * last failure goes. One context belongs to one thread at a time; nothing in the core is global. */
#ifndef SOTTO_BASE_CTX_H
#define SOTTO_BASE_CTX_H

#include <stddef.h>

#include "base/status.h"

#define SOTTO_MESSAGE_SIZE 512

/* The one allocation function, as in Lua: new_size 0 frees, ptr NULL allocates, else resizes.
 * Returns NULL on failure (then ptr is untouched). Blocks are aligned for any scalar type. */
typedef void *sotto_alloc_fn(void *user, void *ptr, size_t old_size, size_t new_size);

typedef struct sotto_ctx {
  sotto_alloc_fn *alloc;
  void *alloc_user;
  size_t bytes_in_use; /* live bytes handed out */
  size_t bytes_peak;   /* most bytes_in_use has been */
  sotto_status status; /* of the last failure */
  char message[SOTTO_MESSAGE_SIZE];
  const char *field; /* option or request's field that the last failure is about, or NULL */
  struct sotto_warnings *warnings; /* base/warnings.h; NULL: they are dropped */
} sotto_ctx;

/* The C library's allocator in this form; `user` is not used. */
sotto_alloc_fn sotto_alloc_libc;

/* alloc NULL means sotto_alloc_libc. */
void sotto_ctx_init(sotto_ctx *ctx, sotto_alloc_fn *alloc, void *alloc_user);

/* Record a failure: the message names the thing (tensor, key, offset) and the next step to take.
 * Returns `status`, so that callers write `return sotto_fail(...)`. */
sotto_status sotto_fail(sotto_ctx *ctx, sotto_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for ERR_INVALID_ARGUMENT of a field, whose name lives for ever. */
sotto_status sotto_fail_field(sotto_ctx *ctx, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sized allocation; the caller remembers the size (as Lua and Zig do), which keeps the accounting
 * exact. NULL with ERR_OUT_OF_MEMORY recorded on failure. Size 0 gives NULL without failure. */
void *sotto_alloc(sotto_ctx *ctx, size_t size);
void *sotto_alloc_zero(sotto_ctx *ctx, size_t size);
void *sotto_realloc(sotto_ctx *ctx, void *ptr, size_t old_size, size_t new_size);
void sotto_free(sotto_ctx *ctx, void *ptr, size_t size);

/* 64-byte aligned block for weights, caches and scratch; freed with sotto_free_aligned. */
void *sotto_alloc_aligned(sotto_ctx *ctx, size_t size);
void sotto_free_aligned(sotto_ctx *ctx, void *ptr, size_t size);

/* a * b and a + b into *out; false when the result does not fit. */
static inline int sotto_size_mul(size_t a, size_t b, size_t *out) {
  return !__builtin_mul_overflow(a, b, out);
}
static inline int sotto_size_add(size_t a, size_t b, size_t *out) {
  return !__builtin_add_overflow(a, b, out);
}

#endif
