/* How many threads decode. More are not always faster: memory may be what is waited for, cores may
 * be busy with something else, and threads that wait for each other wait for the slowest. So now
 * and then a few batches try half or twice as many, and what measured faster stays. What is
 * confirmed is asked less and less often. */
#ifndef SOTTO_BACKEND_CPU_THREADS_H
#define SOTTO_BACKEND_CPU_THREADS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct cpu_threads {
  uint32_t most, n, other; /* n decode; `other` is tried next */
  bool trying;
  uint32_t left, interval; /* batches to go in this phase; of the next phase with n */
  double best, other_best; /* shortest of the last batches, in ms; 0: none yet */
} cpu_threads;

void cpu_threads_init(cpu_threads *threads, uint32_t most);
/* For the next batch. */
uint32_t cpu_threads_next(const cpu_threads *threads);
/* What it took. */
void cpu_threads_note(cpu_threads *threads, double ms);

#endif
