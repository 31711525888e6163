/* Which variant of the kernels runs a kind of matmul. All give the same bits, so the choice is made
 * while the model works: most steps run the best guess, some what is to be tried, each is timed, and the
 * fastest stays. Nothing is computed for the sake of measuring, and real data and threads are measured.
 * Browsers translate code anew that is called often: what is timed counts only after a while. */
#ifndef SOTTO_BACKEND_CPU_CHOICE_H
#define SOTTO_BACKEND_CPU_CHOICE_H

#include "kernels/kernels.h"

typedef struct cpu_candidate {
  const sotto_kernels *kernels;
  double macs, ms; /* of the sample that is being collected: clocks of browsers are coarse */
  double best;     /* of the complete samples, in ms per multiply-add */
  uint32_t n_samples;
} cpu_candidate;

typedef struct cpu_choice {
  cpu_candidate candidates[SOTTO_MAX_VARIANTS];
  uint32_t n, leader, running, turn;
  double begin_ms; /* of the trial */
  bool warm;       /* what is timed counts */
  bool settled;
} cpu_choice;

/* The members of the set whose GEMM of this type differ; the first that is no last choice leads. */
void cpu_choice_init(cpu_choice *choice, const sotto_kernel_set *set, sotto_dtype type);
/* The kernels for the next matmul. */
const sotto_kernels *cpu_choice_next(cpu_choice *choice);
/* What it took, from one time to another; not asked for when settled. */
void cpu_choice_note(cpu_choice *choice, double macs, double begin_ms, double end_ms);

#endif
