/* What the CPU executes: steps, to which cpu.c lowers the operations of a program. */
#ifndef SOTTO_BACKEND_CPU_STEPS_H
#define SOTTO_BACKEND_CPU_STEPS_H

#include "program/program.h"

typedef enum cpu_step_kind {
  CPU_EMBED,
  CPU_RMS_NORM,
  CPU_QUANTIZE, /* activations of a matmul's input; shared by the matmuls that follow on it */
  CPU_MATMUL,
  CPU_ROUTE,
  CPU_GATHER, /* QUANTIZE for experts, or a copy for float weights */
  CPU_MATMUL_EXPERTS,
  CPU_COMBINE,
  CPU_ROPE,
  CPU_KV_WRITE,
  CPU_ATTENTION,
  CPU_GLU,
  CPU_ADD,
  CPU_MUL,
  CPU_SHORT_CONV,
  CPU_SCALE,
  CPU_SOFTCAP,
  CPU_SIGMOID_GATE,
  CPU_TAKE_OUTPUTS,
  CPU_LAYER_NORM,
  CPU_GELU,
  CPU_POOL,
  CPU_L2_NORM,
} cpu_step_kind;

/* One step of the lowered program. Work is cut into units that may run in any order, on any thread
 * and in any slices of time: tile rows of a matmul, tokens and heads of attention, blocks of
 * channels of a convolution, all of a ROUTE, rows elsewhere. */
typedef struct cpu_step {
  cpu_step_kind kind;
  const sotto_op *op;
  uint32_t n_ops; /* of matmuls: so many operations from `op` on share their input and run as one */
  uint32_t matmul_kind; /* of QUANTIZE, GATHER and float matmuls: index into cpu_backend.matmuls */
  uint32_t
      n_together; /* steps from this one on that may run row by row, one after the other on each */
} cpu_step;

/* Whether a step's units are rows, each of which needs only the same row of what comes before
 * it. */
bool cpu_step_is_by_row(const cpu_step *step);
/* Whether both have rows of the same things. */
bool cpu_steps_have_same_rows(const sotto_program *program, const cpu_step *a, const cpu_step *b);
/* Whether a step's rows are the batch's outputs, not its tokens. */
bool cpu_step_is_per_output(const sotto_program *program, const cpu_step *step);
/* Whether it quantises activations. */
bool cpu_step_makes_act(const sotto_program *program, const cpu_step *step);

#endif
