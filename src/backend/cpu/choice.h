/* Which variant of the kernels runs a kind of matmul. All give the same bits, so the choice is made
 * while the model works: most steps run what was best so far, some what is still to be tried, each is
 * timed, and after some milliseconds a candidate the fastest stays. Nothing is computed for the sake of
 * measuring, real data and threads are what is measured, and engines that translate again what is
 * called often have the time to. */
#ifndef SOTTO_BACKEND_CPU_CHOICE_H
#define SOTTO_BACKEND_CPU_CHOICE_H

#include "kernels/kernels.h"

typedef struct cpu_candidate {
  const sotto_kernels *kernels;
  double macs, ms; /* of the sample that is being collected: clocks of browsers are coarse */
  double best;     /* of the complete samples, in ms per multiply-add; 0: none yet */
  double total_ms;
} cpu_candidate;

typedef struct cpu_choice {
  cpu_candidate candidates[SOTTO_MAX_VARIANTS];
  uint32_t n, leader, running, turn;
  bool settled;
} cpu_choice;

/* The members of the set whose GEMM of this type differ; the first leads. */
void cpu_choice_init(cpu_choice *choice, const sotto_kernel_set *set, sotto_dtype type);
/* The kernels for the next matmul. */
const sotto_kernels *cpu_choice_next(cpu_choice *choice);
/* What it took; not asked for when settled. */
void cpu_choice_note(cpu_choice *choice, double macs, double ms);

#endif
