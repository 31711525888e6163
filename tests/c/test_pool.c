/* platform/pool: every task is done once, whatever the number of threads and however busy the
 * cores. */
#include "platform/pool.h"

#include "platform/time.h"
#include "test.h"

typedef struct counts {
  uint32_t runs[SOTTO_MAX_TASKS];
  uint64_t sums[SOTTO_MAX_THREADS];
  uint32_t round;
} counts;

static void count(void *user, uint32_t task, uint32_t thread) {
  counts *j = user;
  j->runs[task]++;
  j->sums[thread] += task + j->round;
}

TEST(pool_does_every_task_once) {
  static const uint32_t n_threads[] = {0, 1, 2, 3, 4, 16};
  static const uint32_t n_tasks[] = {0, 1, 2, 3, 7, 64, SOTTO_MAX_TASKS};
  for (size_t t = 0; t < sizeof n_threads / sizeof *n_threads; t++) {
    sotto_ctx ctx;
    sotto_ctx_init(&ctx, NULL, NULL);
    sotto_pool *pool;
    REQUIRE(sotto_pool_new(&ctx, n_threads[t], &pool) == SOTTO_OK);
    CHECK(sotto_pool_n_threads(pool) >= 1);
    static counts j;
    memset(&j, 0, sizeof j);
    uint64_t expected = 0;
    for (uint32_t round = 0; round < 400; round++) {
      uint32_t n = n_tasks[round % (sizeof n_tasks / sizeof *n_tasks)];
      if (n > 64 && round > 20) n = 5;
      j.round = round;
      if (round % 3 == 0) sotto_pool_set_active(pool, 1 + round % sotto_pool_n_threads(pool));
      memset(j.runs, 0, sizeof j.runs);
      sotto_pool_run(pool, n, count, &j);
      for (uint32_t i = 0; i < n; i++) {
        CHECK(j.runs[i] == 1);
        expected += i + round;
      }
    }
    uint64_t sum = 0;
    for (uint32_t i = 0; i < SOTTO_MAX_THREADS; i++) sum += j.sums[i];
    CHECK(sum == expected);
    sotto_pool_free(pool);
    CHECK(ctx.bytes_in_use == 0);
  }
}

/* Fewer threads take part, and more again, also when all are asleep. */
TEST(pool_active_threads) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  sotto_pool *pool;
  REQUIRE(sotto_pool_new(&ctx, 4, &pool) == SOTTO_OK);
  const uint32_t n = sotto_pool_n_threads(pool);
  CHECK(sotto_pool_active(pool) == n);
  static counts j;
  for (uint32_t active = n; active >= 1; active--) {
    sotto_pool_set_active(pool, active);
    CHECK(sotto_pool_active(pool) == active);
    memset(&j, 0, sizeof j);
    for (uint32_t round = 0; round < 50; round++) {
      for (double until = sotto_time_ms() + round % 3; sotto_time_ms() < until;) continue;
      sotto_pool_run(pool, 64, count, &j);
    }
    for (uint32_t i = 0; i < 64; i++) CHECK(j.runs[i] == 50);
    for (uint32_t i = active; i < n; i++) CHECK(j.sums[i] == 0);
  }
  sotto_pool_set_active(pool, n + 7);
  CHECK(sotto_pool_active(pool) == n);
  sotto_pool_free(pool);
}
