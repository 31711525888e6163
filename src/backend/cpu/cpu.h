/* The CPU backend's inside, shared by cpu.c (memory, lowering, the run loop) and ops.c (operations). */
#ifndef SOTTO_BACKEND_CPU_CPU_H
#define SOTTO_BACKEND_CPU_CPU_H

#include "backend/cpu/choice.h"
#include "backend/cpu/threads.h"
#include "backend/memory.h"

typedef enum cpu_step_kind {
  CPU_EMBED,
  CPU_RMS_NORM,
  CPU_QUANTIZE, /* activations of a matmul's input; shared by the matmuls that follow on it */
  CPU_MATMUL,
  CPU_ROPE,
  CPU_KV_WRITE,
  CPU_ATTENTION,
  CPU_SWIGLU,
  CPU_ADD,
  CPU_TAKE_OUTPUTS,
} cpu_step_kind;

/* One step of the lowered program. Work is cut into units that may run in any order, on any thread and
 * in any slices of time: tile rows of a matmul, groups of heads of attention, tokens elsewhere. */
typedef struct cpu_step {
  cpu_step_kind kind;
  const sotto_op *op;
  uint32_t n_ops; /* of MATMUL: so many operations from `op` on share their input and run as one */
  uint32_t matmul_kind; /* of QUANTIZE: index into cpu_backend.matmuls */
} cpu_step;

/* Matmuls of one type of weights and width of activations, of few tokens and of many. */
typedef struct cpu_matmul_kind {
  sotto_dtype type;
  bool wide;
  cpu_choice few, many;
} cpu_matmul_kind;
#define CPU_MANY_TOKENS 4 /* from so many on GEMMs take tokens by fours */
enum {
  CPU_MATMUL_KINDS = 2 * (0
#define T(NAME, offset, has_min, has_high, quant_bytes) +1
#include "kernels/tiles.def"
#undef T
                          )
};

typedef struct cpu_backend {
  sotto_backend base;
  const sotto_program *program;
  sotto_backend_config config;
  sotto_kv *kv;
  sotto_weights weights;
  cpu_step *steps;
  size_t n_steps, cap_steps;

  char *scratch; /* one block: what follows points into it */
  uint64_t scratch_bytes;
  float *buffers;
  uint64_t *offsets; /* [n_buffers] of each buffer in `buffers`, in floats */
  sotto_act act;
  const sotto_kernels *act_kernels; /* that made `act`, and multiply with it */
  cpu_choice *choice;               /* they are being tried for; NULL: settled */
  cpu_matmul_kind matmuls[CPU_MATMUL_KINDS];
  uint32_t n_matmuls;
  float *scores;          /* [n_threads][query heads of a KV head][n_ctx] */
  float *cos_sin;         /* [n_batch][n_rot] of the batch's positions */
  float *frequencies;     /* [n_rot / 2] */
  const uint16_t **pages; /* [n_threads][2][n_ctx / 32] */

  cpu_threads threads;
  double batch_ms; /* that the batch has run */

  const sotto_batch *batch;
  size_t step;   /* the running step */
  uint64_t unit; /* its first unit not done */
  _Atomic uint32_t
      failed_token; /* lowest whose keys or values are not finite in float16, or UINT32_MAX */
} cpu_backend;

/* Units of a step for the current batch. */
uint64_t cpu_step_units(const cpu_backend *backend, const cpu_step *step);
/* Units to run between two looks at the clock: about a few milliseconds. */
uint64_t cpu_step_slice(const cpu_backend *backend, const cpu_step *step);
/* Run units [first, last) of a step on all threads. */
void cpu_step_run(cpu_backend *backend, const cpu_step *step, uint64_t first, uint64_t last);
/* The kernels of a run of QUANTIZE and of the matmuls on it. */
void cpu_choose_kernels(cpu_backend *backend, const cpu_step *step);
/* Multiply-adds of units of a matmul, for cpu_choice_note. */
double cpu_step_macs(const cpu_backend *backend, const cpu_step *step, uint64_t n_units);
/* What depends on the batch alone: rotary tables. */
void cpu_prepare_batch(cpu_backend *backend);

#endif
