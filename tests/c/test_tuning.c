/* What the CPU backend finds out by itself: kernels and threads, on machines that are made up. */
#include "backend/cpu/choice.h"
#include "backend/cpu/threads.h"
#include "test.h"

/* Feeds a machine whose times are `ms` by number of threads, for n batches. */
static void decode(cpu_threads *t, const double ms[9], int n) {
  for (int i = 0; i < n; i++) cpu_threads_note(t, ms[cpu_threads_next(t)] * (1 + i % 3 * 0.01));
}

TEST(threads_of_decoding_are_what_measures_fastest) {
  static const double scales[9] = {0, 8, 4, 0, 2, 0, 0, 0, 1},
                      bound[9] = {0, 8, 5, 0, 4, 0, 0, 0, 6},
                      busy[9] = {0, 3, 5, 0, 9, 0, 0, 0, 20},
                      equal[9] = {0, 5, 5, 0, 5, 0, 0, 0, 5};
  cpu_threads t;
  cpu_threads_init(&t, 8);
  decode(&t, scales, 200);
  CHECK(t.n == 8);
  decode(&t, bound, 2000);
  CHECK(t.n == 4);
  decode(&t, busy, 5000);
  CHECK(t.n == 1);
  decode(&t, scales, 9000);
  CHECK(t.n == 8);
  decode(&t, equal, 5000);
  CHECK(t.n == 8);
  cpu_threads fresh;
  cpu_threads_init(&fresh, 8);
  int trials = 0; /* a short answer does not wait for those that are hopeless */
  for (int i = 0; i < 64; i++) {
    const uint32_t n = cpu_threads_next(&fresh);
    trials += n != 8;
    cpu_threads_note(&fresh, scales[n]);
  }
  CHECK(trials == 2 && fresh.n == 8);
  trials = 0; /* rare by now */
  for (int i = 0; i < 3000; i++) {
    trials += cpu_threads_next(&t) != 8;
    cpu_threads_note(&t, 5);
  }
  CHECK(trials > 0 && trials < 30);
  cpu_threads_init(&t, 1);
  decode(&t, scales, 100);
  CHECK(cpu_threads_next(&t) == 1);
}

/* Steps of a kind on a machine where candidate i takes ms[i], and ten times as long in its first
 * 900 ms if it is `cold`. Other work takes half of the time. */
static uint32_t settle(cpu_choice *choice, const double *ms, uint32_t cold, int *n_steps) {
  double now = 1000;
  for (*n_steps = 0; choice->round != CPU_CHOICE_SETTLED && *n_steps < 100000; ++*n_steps) {
    cpu_choice_next(choice);
    const uint32_t i = choice->running;
    const double took = ms[i] * (i == cold && now < 1900 ? 10 : 1);
    cpu_choice_note(choice, 1e6, now, now + took);
    now += 2 * took;
  }
  return choice->leader;
}

TEST(kernels_of_a_matmul_are_what_measures_fastest) {
  sotto_kernels other[3] = {sotto_kernels_scalar, sotto_kernels_scalar, sotto_kernels_scalar};
  other[1].gemm_Q8_0 = sotto_kernels_scalar.gemm_Q4_0;
  other[2].gemm_Q8_0 = sotto_kernels_scalar.gemm_Q4_1;
  const sotto_kernel_set set = {.members = {&other[0], &other[1], &other[2]}, .n = 3};
  static const double first[] = {0.05, 0.06, 0.2}, last[] = {0.05, 0.06, 0.03},
                      long_ones[] = {3, 2, 4};
  cpu_choice choice;
  int n;
  cpu_choice_init(&choice, &set, SOTTO_Q4_0, 1); /* all the same: nothing to choose */
  CHECK(choice.round == CPU_CHOICE_SETTLED && choice.n == 1 &&
        cpu_choice_next(&choice)->kernels == &other[0]);
  for (uint32_t cold = 0; cold < 4; cold++) {
    cpu_choice_init(&choice, &set, SOTTO_Q8_0, 1);
    CHECK(choice.round != CPU_CHOICE_SETTLED && cpu_choice_next(&choice)->kernels == &other[0]);
    CHECK(settle(&choice, first, cold, &n) == 0 && n < 20000);
    cpu_choice_init(&choice, &set, SOTTO_Q8_0, 1);
    CHECK(settle(&choice, last, cold, &n) == 2 && n < 20000);
    cpu_choice_init(&choice, &set, SOTTO_Q8_0, 1);
    CHECK(settle(&choice, long_ones, cold, &n) == 1 && n < 1000);
    CHECK(cpu_choice_next(&choice)->kernels == &other[1]);
  }
  other[0].splits_bytes = true; /* not the first guess any more */
  cpu_choice_init(&choice, &set, SOTTO_Q8_0, 1);
  CHECK(choice.n == 3 && cpu_choice_next(&choice)->kernels == &other[1]);
}

/* A variant that is far behind is asked twice, not eight times, and none before the leader
 * has run a while. */
TEST(kernels_that_are_far_behind_cost_two_samples) {
  sotto_kernels other[2] = {sotto_kernels_scalar, sotto_kernels_scalar};
  other[1].gemm_Q8_0 = sotto_kernels_scalar.gemm_Q4_0;
  const sotto_kernel_set set = {.members = {&other[0], &other[1]}, .n = 2};
  cpu_choice choice;
  double now = 1000;
  int n_slow = 0;
  cpu_choice_init(&choice, &set, SOTTO_Q8_0, 1);
  while (choice.round != CPU_CHOICE_SETTLED) {
    const bool slow = cpu_choice_next(&choice)->kernels == &other[1];
    CHECK(!slow || now >= 2000);
    n_slow += slow && choice.phase == CPU_CHOICE_TRIAL;
    cpu_choice_note(&choice, 1e6, now, now + (slow ? 2 : 1));
    now += slow ? 2 : 1;
  }
  CHECK(n_slow == 2 && cpu_choice_next(&choice)->kernels == &other[0]);
}

/* Strict instructions compete with relaxed ones for Q8_0 alone. */
TEST(kernels_of_another_family_compete_for_q8_0_alone) {
  sotto_kernels relaxed = sotto_kernels_scalar;
  relaxed.family = "relaxed";
  relaxed.gemm_Q4_0 = sotto_kernels_scalar.gemm_Q4_1;
  relaxed.gemm_Q8_0 = sotto_kernels_scalar.gemm_Q4_0;
  const sotto_kernel_set set = {.members = {&relaxed, &sotto_kernels_scalar}, .n = 2};
  cpu_choice choice;
  cpu_choice_init(&choice, &set, SOTTO_Q4_0, 1);
  CHECK(choice.round == CPU_CHOICE_SETTLED && cpu_choice_next(&choice)->kernels == &relaxed);
  cpu_choice_init(&choice, &set, SOTTO_Q8_0, 1);
  CHECK(choice.round == CPU_CHOICE_KERNELS && choice.n == 2);
}

/* Both numbers of streams show what they do, at once and again when the machine is warm. */
TEST(kernels_read_as_many_streams_as_measure_fastest) {
  sotto_kernels other[2] = {sotto_kernels_scalar, sotto_kernels_scalar};
  other[1].gemm_Q8_0 = sotto_kernels_scalar.gemm_Q4_0;
  const sotto_kernel_set set = {.members = {&other[0], &other[1]}, .n = 2};
  for (int one_kernel = 0; one_kernel < 2; one_kernel++) {
    for (int faster = 0; faster < 2; faster++) {
      cpu_choice choice;
      double now = 1000;
      cpu_choice_init(&choice, &set, one_kernel ? SOTTO_Q4_0 : SOTTO_Q8_0, 8);
      int n_start = 0; /* what a process that answers once waits for */
      CHECK(choice.round == CPU_CHOICE_START);
      for (int i = 0; i < 100000 && choice.round != CPU_CHOICE_SETTLED; i++) {
        const cpu_candidate *c = cpu_choice_next(&choice);
        double took = c->kernels == &other[1] ? 0.04 : 0.05;
        if (c->n_streams == 8) took *= faster ? 0.8 : 0.95;
        if (choice.round == CPU_CHOICE_START) n_start++;
        cpu_choice_note(&choice, 1e6, now, now + took);
        now += took;
      }
      const cpu_candidate *c = cpu_choice_next(&choice);
      CHECK(choice.round == CPU_CHOICE_SETTLED && c->kernels == &other[!one_kernel]);
      CHECK(c->n_streams == (faster ? 8 : 1));
      CHECK(n_start > 20 && n_start < 200);
    }
  }
}
