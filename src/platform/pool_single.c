/* The pool on hosts without threads: the caller does every task. */
#include "platform/pool.h"

struct sotto_pool {
  sotto_ctx *ctx;
};

sotto_status sotto_pool_new(sotto_ctx *ctx, uint32_t n_threads, sotto_pool **out) {
  (void)n_threads;
  *out = sotto_alloc(ctx, sizeof **out);
  if (!*out) return SOTTO_ERR_OUT_OF_MEMORY;
  (*out)->ctx = ctx;
  return SOTTO_OK;
}

void sotto_pool_free(sotto_pool *pool) {
  if (pool) sotto_free(pool->ctx, pool, sizeof *pool);
}

uint32_t sotto_pool_n_threads(const sotto_pool *pool) {
  (void)pool;
  return 1;
}

void sotto_pool_set_active(sotto_pool *pool, uint32_t n_threads) {
  (void)pool, (void)n_threads;
}

uint32_t sotto_pool_active(const sotto_pool *pool) {
  return sotto_pool_n_threads(pool);
}

void sotto_pool_run(sotto_pool *pool, uint32_t n_tasks, sotto_pool_fn *fn, void *user) {
  (void)pool;
  for (uint32_t task = 0; task < n_tasks; task++) fn(user, task, 0);
}
