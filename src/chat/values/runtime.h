/* What all of a rendering shares: its memory, its limits, and how it fails. */
#ifndef SOTTO_CHAT_VALUES_RUNTIME_H
#define SOTTO_CHAT_VALUES_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

/* Limits of one rendering; what exceeds them is ERR_INVALID_TEMPLATE. They are far above what
 * models' templates need: a conversation of 1,000 messages takes 0.3 % of the work, and 6 % in the
 * one known template that looks back from each message to those before it. */
#define CHAT_MAX_WORK     ((uint64_t)50000000 * CHAT_WORK_STEP) /* 50 million evaluated nodes */
#define CHAT_WORK_STEP    64                    /* a node costs as much as 64 bytes */
#define CHAT_WORK_DECIMAL (64 * CHAT_WORK_STEP) /* a float to or from text */
#define CHAT_MAX_STRING   ((size_t)64 << 20)    /* one string, and the output */
#define CHAT_MAX_MEMORY   ((size_t)256 << 20)
#define CHAT_MAX_DEPTH    400    /* nested evaluations, macro calls and values */
#define CHAT_MAX_RANGE    100000 /* elements of a range(), as in the reference */

/* A place in the template's source. */
typedef struct place {
  uint32_t line, column;
} place;

typedef struct runtime {
  sotto_ctx *ctx;
  sotto_arena arena;
  size_t memory, max_memory; /* bytes asked of the arena */
  uint64_t work, max_work;
  unsigned depth;
  const place *at; /* where an error is */
  int64_t now;     /* Unix seconds */
  /* The strings that were made last and can grow in place: where each ends, and the room behind
   * it. */
  struct {
    char *end;
    size_t room;
  } tails[4];
  unsigned next_tail;
} runtime;

void *chat_alloc(runtime *rt, size_t size); /* zeroed; NULL with the failure recorded */
void *chat_array(runtime *rt, size_t n, size_t size);
sotto_status chat_fail(runtime *rt, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Counts work as bytes, and fails when there was too much of it. */
sotto_status chat_work(runtime *rt, uint64_t bytes);
/* One level of nesting deeper; rt->depth-- leaves it. */
sotto_status chat_enter(runtime *rt);

/* These macros return from the function they are used in when memory is refused. */
#define CHAT_NO_MEMORY(ptr)                                                                        \
  if (!(ptr)) return rt->ctx->status
#define CHAT_NEW(ptr)                                                                              \
  do {                                                                                             \
    (ptr) = chat_alloc(rt, sizeof *(ptr));                                                         \
    CHAT_NO_MEMORY(ptr);                                                                           \
  } while (0)
#define CHAT_NEW_ARRAY(ptr, n)                                                                     \
  do {                                                                                             \
    (ptr) = chat_array(rt, (n), sizeof *(ptr));                                                    \
    CHAT_NO_MEMORY(ptr);                                                                           \
  } while (0)
/* Makes room for one more element behind the n that there are. */
#define CHAT_GROW(ptr, n, cap)                                                                     \
  do {                                                                                             \
    if ((n) < (cap)) break;                                                                        \
    (cap) = (cap) ? (cap) * 2 : 4;                                                                 \
    void *grown = chat_array(rt, (cap), sizeof *(ptr));                                            \
    CHAT_NO_MEMORY(grown);                                                                         \
    if (n) memcpy(grown, (ptr), (n) * sizeof *(ptr));                                              \
    (ptr) = grown;                                                                                 \
  } while (0)

#endif
