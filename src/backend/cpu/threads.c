#include "backend/cpu/threads.h"

/* Batches of a trial, of which the shortest counts: a longer one was disturbed. */
#define TRIAL          4
#define FIRST_INTERVAL 16
#define LAST_INTERVAL  1024
/* Faster by less than this is chance. */
#define MARGIN 0.95
/* A trial whose batch takes so much longer ends there: the answer waits for it. */
#define HOPELESS 1.25

void cpu_threads_init(cpu_threads *t, uint32_t most) {
  *t = (cpu_threads){.most = most,
                     .n = most,
                     .other = most / 2,
                     .left = FIRST_INTERVAL,
                     .interval = FIRST_INTERVAL};
}

uint32_t cpu_threads_next(const cpu_threads *t) {
  return t->trying ? t->other : t->n;
}

static void note(double *best, double ms) {
  if (*best == 0 || ms < *best) *best = ms;
}

/* The number to try after `last`: half as many and twice as many in turn, where there are any. */
static uint32_t next_other(const cpu_threads *t, uint32_t last) {
  const uint32_t half = t->n / 2, twice = 2 * t->n < t->most ? 2 * t->n : t->most;
  if (half == 0 || (last < t->n && twice > t->n)) return twice;
  return half;
}

void cpu_threads_note(cpu_threads *t, double ms) {
  if (t->most == 1) return;
  if (t->trying) {
    note(&t->other_best, ms);
    if (ms > t->best * HOPELESS) t->left = 1;
  } else if (t->left <= TRIAL) { /* the last ones before a trial: times grow with the context */
    note(&t->best, ms);
  }
  if (--t->left > 0) return;
  if (!t->trying) {
    t->trying = true;
    t->left = TRIAL;
    t->other_best = 0;
    return;
  }
  const uint32_t tried = t->other;
  if (t->other_best < t->best * MARGIN) {
    t->n = tried;
    t->interval = FIRST_INTERVAL;
  } else if (t->interval < LAST_INTERVAL) {
    t->interval *= 2;
  }
  t->trying = false;
  t->left = t->interval;
  t->best = 0;
  t->other = next_other(t, tried);
}
