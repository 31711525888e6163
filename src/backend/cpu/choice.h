/* Which variant of the kernels runs a kind of matmul, and how many streams of weights it reads by
 * turns. All give the same bits, so the choice is made while the model works: most steps run what
 * is best so far, some run what is to be tried, each is timed, and the fastest stays. Nothing is
 * computed for the sake of measuring, and real data and threads are measured.
 *
 * Rounds, one after the other:
 *   START    the variant that is the best guess, with one stream and with several, from the first
 *            step on: a process that answers one question must gain from the choice, too
 *   STREAMS  the same again, when browsers have optimised the code that is called often
 *   KERNELS  all variants, with the number of streams that was fastest
 * Before each of the last two the leader runs alone for a while. */
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

typedef enum cpu_choice_round {
  CPU_CHOICE_START,
  CPU_CHOICE_STREAMS,
  CPU_CHOICE_KERNELS,
  CPU_CHOICE_SETTLED,
} cpu_choice_round;

typedef enum cpu_choice_phase {
  CPU_CHOICE_ALONE,   /* the leader runs */
  CPU_CHOICE_WARM_UP, /* all run, and get translated */
  CPU_CHOICE_TRIAL,   /* what is timed counts */
} cpu_choice_phase;

typedef struct cpu_choice {
  const sotto_kernel_set *set;
  sotto_dtype type;
  uint32_t most_streams;
  cpu_choice_round round;
  cpu_candidate candidates[SOTTO_MAX_VARIANTS];
  uint32_t n, leader, running, n_matmuls;
  cpu_choice_phase phase; /* of the round */
  double begin_ms;        /* of the phase's first step; 0 before */
} cpu_choice;

/* Of the members of the set whose GEMM of this type differ the first that is no last choice leads,
 * with one stream. `set` outlives the choice. */
void cpu_choice_init(cpu_choice *choice, const sotto_kernel_set *set, sotto_dtype type,
                     uint32_t most_streams);
/* What runs the next matmul. */
const cpu_candidate *cpu_choice_next(cpu_choice *choice);
/* What it took, from one time to another; not asked for when settled. */
void cpu_choice_note(cpu_choice *choice, double macs, double begin_ms, double end_ms);

#endif
