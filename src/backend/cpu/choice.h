/* Which variant of the kernels runs a kind of matmul, and how many streams of weights it reads by turns. All give the same bits, so the choice is made
 * while the model works: most steps run the best guess, some what is to be tried, each is timed, and the
 * fastest stays. Nothing is computed for the sake of measuring, and real data and threads are measured.
 * Browsers translate code anew that is called often: what is timed counts only after a while. */
#ifndef SOTTO_BACKEND_CPU_CHOICE_H
#define SOTTO_BACKEND_CPU_CHOICE_H

#include "kernels/kernels.h"

#define CPU_CHOICE_SAMPLES 8
typedef struct cpu_candidate {
  const sotto_kernels *kernels;
  uint32_t n_streams;
  double macs, ms; /* of the sample that is being collected: clocks of browsers are coarse */
  double samples[CPU_CHOICE_SAMPLES]; /* the first complete ones, in ms per multiply-add */
  uint32_t n_samples;
} cpu_candidate;

typedef struct cpu_choice {
  cpu_candidate candidates[SOTTO_MAX_VARIANTS + 1];
  uint32_t n_streams; /* still to be tried with the fastest; 1: nothing is */
  uint32_t n, leader, running, turn;
  double begin_ms; /* of the trial */
  bool warm;       /* what is timed counts */
  bool settled;
} cpu_choice;

/* The members of the set whose GEMM of this type differ, with one stream, the first that is no last choice
 * leading; and then the fastest of them with n_streams, where that is more than one. */
void cpu_choice_init(cpu_choice *choice, const sotto_kernel_set *set, sotto_dtype type,
                     uint32_t n_streams);
/* What runs the next matmul. */
const cpu_candidate *cpu_choice_next(cpu_choice *choice);
/* What it took, from one time to another; not asked for when settled. */
void cpu_choice_note(cpu_choice *choice, double macs, double begin_ms, double end_ms);

#endif
