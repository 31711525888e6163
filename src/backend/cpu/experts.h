/* Mixture of experts on the CPU: experts.c. A ROUTE sorts what the tokens of a part have chosen by
 * expert, so that rows of expert buffers that meet the same weights lie side by side: each expert's
 * weights are read once and multiplied with all its rows. */
#ifndef SOTTO_BACKEND_CPU_EXPERTS_H
#define SOTTO_BACKEND_CPU_EXPERTS_H

#include "backend/backend.h"
#include "backend/cpu/steps.h"

/* Rows of the running stage's expert buffers, in the order of their experts, of an expert in that
 * of the tokens. */
typedef struct cpu_experts {
  uint32_t n_active;   /* experts that a token has chosen, ascending */
  uint32_t *ids;       /* [n_active] */
  uint32_t *first;     /* [n_active + 1] the first row of each, and the number of rows */
  uint32_t *groups;    /* [n_active] groups of activations (sotto_act) in front of its own */
  uint32_t *row_of;    /* [n_tokens][n_used] rows of a token's experts, the best first */
  uint32_t *token_of;  /* [rows] */
  uint32_t *active_of; /* [rows] index into `ids` */
  float *inputs;       /* [rows][cols] of float weights that take their tokens' rows */
} cpu_experts;

/* The most that any MATMUL_EXPERTS of a program needs. */
typedef struct cpu_experts_sizes {
  uint64_t rows, n_experts;
  uint64_t act_bytes, act_blocks; /* of quantised inputs */
  uint64_t inputs;                /* floats */
} cpu_experts_sizes;

struct cpu_backend;

cpu_experts_sizes cpu_experts_measure(const sotto_program *program,
                                      const sotto_backend_config *config);
uint64_t cpu_experts_index_bytes(const cpu_experts_sizes *sizes);
/* Points the indices into `indices`, of so many bytes. */
void cpu_experts_lay_out(cpu_experts *experts, const cpu_experts_sizes *sizes, uint32_t *indices);

/* ROUTE, of all tokens of the part; and the order of the rows. */
void cpu_experts_route(struct cpu_backend *backend, const sotto_op *op);
/* One row of a MATMUL_EXPERTS' input: quantised, or copied for float weights. */
void cpu_experts_gather(const struct cpu_backend *backend, const sotto_op *op, uint64_t row);
/* Tile rows of the experts that were chosen, of one operation behind the other. */
uint64_t cpu_experts_units(const struct cpu_backend *backend, const cpu_step *step);
/* Rows that an expert has, about and at most. */
uint64_t cpu_experts_mean_rows(const struct cpu_backend *backend);
uint64_t cpu_experts_most_rows(const struct cpu_backend *backend);
/* Multiply-adds of units [first, last). */
double cpu_experts_macs(const struct cpu_backend *backend, const cpu_step *step, uint64_t first,
                        uint64_t last);
void cpu_experts_run(const struct cpu_backend *backend, const cpu_step *step, uint64_t first,
                     uint64_t last);
/* COMBINE, of one token: its experts' rows, the best expert's first. */
void cpu_experts_combine(const struct cpu_backend *backend, const sotto_op *op, uint64_t token);

#endif
