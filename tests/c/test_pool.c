/* platform/pool: every chunk runs once, whatever the number of threads and however busy the cores. */
#include "platform/pool.h"
#include "test.h"

typedef struct job {
  uint32_t runs[SOTTO_MAX_CHUNKS];
  uint64_t sums[SOTTO_MAX_THREADS];
  uint32_t round;
} job;

static void count(void *user, uint32_t chunk, uint32_t thread) {
  job *j = user;
  j->runs[chunk]++;
  j->sums[thread] += chunk + j->round;
}

TEST(pool_runs_every_chunk_once) {
  static const uint32_t n_threads[] = {0, 1, 2, 3, 4, 16};
  static const uint32_t n_chunks[] = {0, 1, 2, 3, 7, 64, SOTTO_MAX_CHUNKS};
  for (size_t t = 0; t < sizeof n_threads / sizeof *n_threads; t++) {
    sotto_ctx ctx;
    sotto_ctx_init(&ctx, NULL, NULL);
    sotto_pool *pool;
    REQUIRE(sotto_pool_new(&ctx, n_threads[t], &pool) == SOTTO_OK);
    CHECK(sotto_pool_n_threads(pool) >= 1);
    static job j;
    memset(&j, 0, sizeof j);
    uint64_t expected = 0;
    for (uint32_t round = 0; round < 400; round++) {
      uint32_t n = n_chunks[round % (sizeof n_chunks / sizeof *n_chunks)];
      if (n > 64 && round > 20) n = 5;
      j.round = round;
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
