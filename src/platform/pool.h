/* A pool of threads. A run of the pool is a number of tasks, which the threads take one by one: a
 * thread whose core is busy with something else takes fewer or none, and delays the others only by
 * the task it is at. Idle threads spin for some microseconds, then sleep. Results must not depend
 * on which thread does a task. pool_threads.c is for hosts with threads, pool_single.c for the
 * others. */
#ifndef SOTTO_PLATFORM_POOL_H
#define SOTTO_PLATFORM_POOL_H

#include <stdint.h>

#include "base/ctx.h"

typedef struct sotto_pool sotto_pool;

#define SOTTO_MAX_THREADS 64
#define SOTTO_MAX_TASKS   4095

/* Do one task, 0 to n_tasks - 1. `thread` is from 0 (the caller of sotto_pool_run) to n_threads -
 * 1, for scratch memory of its own. */
typedef void sotto_pool_fn(void *user, uint32_t task, uint32_t thread);

/* A pool of n_threads, the caller's among them, or of fewer where the host gives fewer
 * (sotto_pool_n_threads tells). Fails with ERR_OUT_OF_MEMORY only. The caller frees it. */
sotto_status sotto_pool_new(sotto_ctx *ctx, uint32_t n_threads, sotto_pool **out);
void sotto_pool_free(sotto_pool *pool);
uint32_t sotto_pool_n_threads(const sotto_pool *pool);
/* How many of the threads take tasks, from 1 to all, which is how it begins; not to be called
 * during a run. The others sleep. */
void sotto_pool_set_active(sotto_pool *pool, uint32_t n_threads);
uint32_t sotto_pool_active(const sotto_pool *pool);
/* Do tasks 0 to n_tasks - 1 (at most SOTTO_MAX_TASKS) and return when all are done; the caller then
 * sees what they wrote. `user` is passed to fn. Always called by the thread that made the pool. */
void sotto_pool_run(sotto_pool *pool, uint32_t n_tasks, sotto_pool_fn *fn, void *user);

#endif
