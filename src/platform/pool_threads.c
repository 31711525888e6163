/* The pool over POSIX threads (in browsers and Node.js: Emscripten's, which are workers).
 *
 * All coordination is one 64-bit word, the ticket: the number of the run, its number of tasks and
 * the next task to take. A thread takes a task by one compare-and-swap on the ticket, which fails
 * where the thread has read the ticket of an older run. So a run ends when its tasks are done, and
 * waits for no thread that has taken none. */
#include "platform/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* How often a thread looks at the ticket before it goes to sleep: for about 50 microseconds, since
 * the next run mostly follows within that time, and to sleep and be woken takes longer than a small
 * run. WebAssembly has no instruction that pauses, so there a look takes about a nanosecond. */
#ifdef __EMSCRIPTEN__
#define SPINS 50000
#else
#define SPINS 2000
#endif

#define TASK_BITS 12
#define TASK_MASK ((1u << TASK_BITS) - 1)
_Static_assert(SOTTO_MAX_TASKS == TASK_MASK, "the numbers of tasks fill their bits of the ticket");

typedef struct worker {
  struct sotto_pool *pool;
  pthread_t thread;
  uint32_t index;
  bool asleep; /* under the mutex */
} worker;

struct sotto_pool {
  sotto_ctx *ctx;
  /* number of the run << 24 | n_tasks << 12 | next task */
  _Alignas(64) _Atomic uint64_t ticket;
  _Alignas(64) _Atomic uint32_t done; /* tasks of the run that are done */
  _Alignas(64)
      sotto_pool_fn *fn; /* of the run; set before the ticket, read after a task was taken */
  void *user;
  _Atomic uint32_t n_active;  /* threads that take tasks: the caller and the first workers */
  _Atomic uint32_t sleepers;  /* active workers that are asleep; changes under the mutex */
  _Atomic bool caller_sleeps; /* in wait_for_end */
  _Atomic bool closing;
  pthread_mutex_t mutex;
  pthread_cond_t work, end;
  uint32_t n_workers;
  worker workers[SOTTO_MAX_THREADS - 1];
};

static inline void pause_cpu(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static uint32_t tasks_of(uint64_t ticket) {
  return (uint32_t)(ticket >> TASK_BITS) & TASK_MASK;
}
static uint32_t next_of(uint64_t ticket) {
  return (uint32_t)ticket & TASK_MASK;
}
static bool has_work(uint64_t ticket) {
  return next_of(ticket) < tasks_of(ticket);
}

/* Take and do tasks until none is left to take. */
static void work(sotto_pool *pool, uint32_t thread) {
  uint64_t ticket = atomic_load(&pool->ticket);
  while (has_work(ticket)) {
    if (!atomic_compare_exchange_weak(&pool->ticket, &ticket, ticket + 1)) continue;
    /* This thread has a task of the run: until it is done the run cannot end, nor fn and user
     * change. */
    uint32_t n_tasks = tasks_of(ticket);
    pool->fn(pool->user, next_of(ticket), thread);
    if (atomic_fetch_add(&pool->done, 1) + 1 == n_tasks && atomic_load(&pool->caller_sleeps)) {
      pthread_mutex_lock(&pool->mutex);
      pthread_cond_signal(&pool->end);
      pthread_mutex_unlock(&pool->mutex);
    }
    ticket = atomic_load(&pool->ticket);
  }
}

static bool may_work(const worker *self) {
  const sotto_pool *pool = self->pool;
  return self->index < atomic_load(&pool->n_active) && has_work(atomic_load(&pool->ticket));
}

/* Under the mutex. */
static void count_sleepers(sotto_pool *pool) {
  const uint32_t n_active = atomic_load(&pool->n_active);
  uint32_t n = 0;
  for (uint32_t i = 0; i < pool->n_workers; i++)
    n += pool->workers[i].asleep && pool->workers[i].index < n_active;
  atomic_store(&pool->sleepers, n);
}

/* Until there is a task to take, or the pool closes (then false). */
static bool wait_for_work(worker *self) {
  sotto_pool *pool = self->pool;
  for (int i = 0; i < SPINS; i++) {
    if (atomic_load(&pool->closing)) return false;
    if (may_work(self)) return true;
    pause_cpu();
  }
  pthread_mutex_lock(&pool->mutex);
  self->asleep = true;
  count_sleepers(pool);
  while (!may_work(self) && !atomic_load(&pool->closing)) {
    pthread_cond_wait(&pool->work, &pool->mutex);
  }
  self->asleep = false;
  count_sleepers(pool);
  pthread_mutex_unlock(&pool->mutex);
  return !atomic_load(&pool->closing);
}

static void *worker_main(void *argument) {
  worker *self = argument;
  while (wait_for_work(self)) work(self->pool, self->index);
  return NULL;
}

sotto_status sotto_pool_new(sotto_ctx *ctx, uint32_t n_threads, sotto_pool **out) {
  if (n_threads > SOTTO_MAX_THREADS) n_threads = SOTTO_MAX_THREADS;
  sotto_pool *pool = *out = sotto_alloc_aligned(ctx, sizeof *pool);
  if (!pool) return SOTTO_ERR_OUT_OF_MEMORY;
  *pool = (sotto_pool){.ctx = ctx};
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->work, NULL);
  pthread_cond_init(&pool->end, NULL);
  pthread_mutex_lock(&pool->mutex); /* workers that are quick to sleep wait until all are counted */
  for (uint32_t i = 1; i < n_threads; i++) {
    worker *w = &pool->workers[i - 1];
    *w = (worker){.pool = pool, .index = i};
    if (pthread_create(&w->thread, NULL, worker_main, w) != 0) break; /* fewer will do */
    pool->n_workers++;
  }
  atomic_store(&pool->n_active, pool->n_workers + 1);
  pthread_mutex_unlock(&pool->mutex);
  return SOTTO_OK;
}

void sotto_pool_free(sotto_pool *pool) {
  if (!pool) return;
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->closing, true);
  pthread_cond_broadcast(&pool->work);
  pthread_mutex_unlock(&pool->mutex);
  for (uint32_t i = 0; i < pool->n_workers; i++) pthread_join(pool->workers[i].thread, NULL);
  pthread_cond_destroy(&pool->end);
  pthread_cond_destroy(&pool->work);
  pthread_mutex_destroy(&pool->mutex);
  sotto_free_aligned(pool->ctx, pool, sizeof *pool);
}

uint32_t sotto_pool_n_threads(const sotto_pool *pool) {
  return pool->n_workers + 1;
}

void sotto_pool_set_active(sotto_pool *pool, uint32_t n_threads) {
  if (n_threads > pool->n_workers + 1) n_threads = pool->n_workers + 1;
  if (n_threads == atomic_load(&pool->n_active)) return;
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->n_active, n_threads);
  count_sleepers(pool);
  pthread_mutex_unlock(&pool->mutex);
}

uint32_t sotto_pool_active(const sotto_pool *pool) {
  return atomic_load(&pool->n_active);
}

static void wait_for_end(sotto_pool *pool, uint32_t n_tasks) {
  for (int i = 0; i < SPINS; i++) {
    if (atomic_load(&pool->done) == n_tasks) return;
    pause_cpu();
  }
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->caller_sleeps, true);
  while (atomic_load(&pool->done) != n_tasks) pthread_cond_wait(&pool->end, &pool->mutex);
  atomic_store(&pool->caller_sleeps, false);
  pthread_mutex_unlock(&pool->mutex);
}

void sotto_pool_run(sotto_pool *pool, uint32_t n_tasks, sotto_pool_fn *fn, void *user) {
  if (n_tasks <= 1 || sotto_pool_active(pool) == 1) {
    for (uint32_t task = 0; task < n_tasks; task++) fn(user, task, 0);
    return;
  }
  pool->fn = fn;
  pool->user = user;
  atomic_store(&pool->done, 0);
  uint64_t number = atomic_load(&pool->ticket) >> (2 * TASK_BITS);
  atomic_store(&pool->ticket, (number + 1) << (2 * TASK_BITS) | (uint64_t)n_tasks << TASK_BITS);
  if (atomic_load(&pool->sleepers)) {
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
  }
  work(pool, 0);
  wait_for_end(pool, n_tasks);
}
