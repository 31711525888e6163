/* The CPU backend's inside, shared by cpu.c (memory, lowering, the run loop), parts.c (the way of a
 * batch through the steps), ops.c (operations), attention.c (attention, writing keys and values)
 * conv.c (convolutions and their states), experts.c, and pool.c (from tokens to an embedding). */
#ifndef SOTTO_BACKEND_CPU_CPU_H
#define SOTTO_BACKEND_CPU_CPU_H

#include "backend/cpu/choice.h"
#include "backend/cpu/experts.h"
#include "backend/cpu/steps.h"
#include "backend/cpu/threads.h"
#include "backend/memory.h"
#include "backend/storage.h"

/* Matmuls of one type of weights and width of activations, of few tokens and of many. */
typedef struct cpu_matmul_kind {
  sotto_dtype type;
  bool wide, experts;
  cpu_choice few, many;
} cpu_matmul_kind;
#define CPU_MANY_TOKENS 4 /* from so many on GEMMs take tokens by fours */

typedef struct cpu_backend {
  sotto_backend base;
  const sotto_program *program;
  sotto_backend_config config;
  sotto_storage storage;
  sotto_weights weights;
  cpu_step *steps;
  size_t n_steps, cap_steps;

  char *scratch; /* one block: what follows points into it */
  uint64_t scratch_bytes;
  float *buffers;
  uint64_t *offsets; /* [n_buffers] of each buffer in `buffers`, in floats */
  bool *carried; /* [n_buffers] it has a row for each of the batch's tokens, not of the part's */
  sotto_act act;
  const sotto_kernels *act_kernels; /* that made `act`, and multiply with it */
  uint32_t n_streams;               /* of weights that they read by turns */
  cpu_choice *choice;               /* they are being tried for; NULL: settled */
  uint32_t
      float_streams; /* the same of the running matmul of float weights, which needs no `act` */
  cpu_choice *float_choice;
  cpu_matmul_kind *matmuls;
  uint32_t n_matmuls, cap_matmuls;
  cpu_experts experts;
  float *attention; /* [n_threads][attention_scratch] */
  uint64_t attention_scratch;
  float *cos_sin;     /* [n_ropes][n_batch][rope_stride] of the batch's positions */
  float *frequencies; /* [rope_stride] */
  uint32_t rope_stride;
  const void **pages; /* [n_threads][2][n_ctx / 32] */
  /* [n_query_blocks + 1]: the tokens query_blocks[i] … of the part go through attention together */
  uint32_t *query_blocks;
  uint32_t n_query_blocks;
  uint32_t query_block_tokens; /* most tokens of a query block */

  cpu_threads threads;
  double batch_ms; /* that the batch has run */

  const sotto_batch *batch;
  sotto_batch part;    /* the tokens that are in a stage now: all, or part_first and so on */
  uint32_t part_first; /* of the batch's tokens */
  size_t stage;        /* first step of the running stage; 0 where the batch has no parts */
  size_t step;         /* the running step, the first of those that run together */
  uint32_t n_together; /* so many do */
  uint64_t unit;       /* its first unit not done */
  _Atomic uint32_t failed_token; /* lowest of the part whose keys or values are not finite in the
                                  * cache, or UINT32_MAX */
} cpu_backend;

/* Units of a step for the current part. */
uint64_t cpu_step_units(const cpu_backend *backend, const cpu_step *step);
/* Units to run between two looks at the clock: about a few milliseconds. */
uint64_t cpu_step_slice(const cpu_backend *backend, const cpu_step *step);
/* Run units [first, last) of a step, and of those together with it, on all threads. */
void cpu_step_run(cpu_backend *backend, const cpu_step *step, uint64_t first, uint64_t last);
/* The kernels of a step that makes activations and of the matmuls on it, or of a matmul of float
 * weights. */
void cpu_choose_kernels(cpu_backend *backend, const cpu_step *step);
/* Multiply-adds of a unit, of attention's largest; 0 for rows. */
uint64_t cpu_unit_macs(const cpu_backend *backend, const cpu_step *step);
/* The rotary tables of the whole batch. */
void cpu_prepare_batch(cpu_backend *backend);

/* ---- parts.c ---- */
/* Stand at the first step with the batch's first part. */
void cpu_parts_begin(cpu_backend *backend);
/* Go to what comes after the steps that have run: the next ones, or the stage again with the next
 * part. False at the end. */
bool cpu_parts_advance(cpu_backend *backend);
/* Steps done, each part counting as much as its share of the batch's parts; of n_steps. */
double cpu_parts_steps_done(const cpu_backend *backend);

/* For all but quantised matmuls any member does: they share these kernels, or nearly. */
static inline const sotto_kernels *first_kernels(const cpu_backend *b) {
  return b->config.cpu.kernels.members[0];
}
/* Whether a matmul's weights meet quantised activations. */
static inline bool takes_act(const sotto_program *p, const sotto_op *op) {
  return sotto_dtype_takes_act(p->weights[op->weight].tensor->type);
}
static inline uint64_t larger(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}
static inline uint32_t active_threads(const cpu_backend *b) {
  return sotto_pool_active(b->config.cpu.pool);
}
static inline float *buffer_row(const cpu_backend *b, sotto_buffer_id id, uint64_t row) {
  if (b->carried[id]) row += b->part_first;
  return b->buffers + b->offsets[id] + row * b->program->buffers[id].dim;
}

#endif
