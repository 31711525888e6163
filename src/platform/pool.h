/* A pool of threads for work that is cut into chunks. Chunks are taken one by one, so a thread whose
 * core is busy with something else takes fewer, or none, and delays nobody but for the chunk it is at.
 * Idle threads spin for some microseconds, then sleep. Results must not depend on who runs a chunk. */
#ifndef SOTTO_PLATFORM_POOL_H
#define SOTTO_PLATFORM_POOL_H

#include <stdint.h>

#include "base/ctx.h"

typedef struct sotto_pool sotto_pool;

#define SOTTO_MAX_THREADS 64
#define SOTTO_MAX_CHUNKS  4095

/* Run one chunk; `thread` (0 is the caller of run) is for scratch of its own. */
typedef void sotto_pool_fn(void *user, uint32_t chunk, uint32_t thread);

/* A pool of n_threads in all, the caller's among them. Where the host gives fewer, it has fewer;
 * sotto_pool_n_threads tells. ERR_OUT_OF_MEMORY only. */
sotto_status sotto_pool_new(sotto_ctx *ctx, uint32_t n_threads, sotto_pool **out);
void sotto_pool_free(sotto_pool *pool);
uint32_t sotto_pool_n_threads(const sotto_pool *pool);
/* How many of them take chunks, at first all; set between jobs, 1 to n_threads. The others sleep. */
void sotto_pool_set_active(sotto_pool *pool, uint32_t n_threads);
uint32_t sotto_pool_active(const sotto_pool *pool);
/* Run chunks 0 .. n_chunks - 1 (at most SOTTO_MAX_CHUNKS) and return when all are done; what they wrote
 * is then visible. One caller at a time, always the same thread. */
void sotto_pool_run(sotto_pool *pool, uint32_t n_chunks, sotto_pool_fn *fn, void *user);

#endif
