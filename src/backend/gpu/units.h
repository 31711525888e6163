/* Which operations of a program the kernels do together. On a GPU a dispatch costs more than the
 * arithmetic on a few rows (docs/webgpu.md), so operations that follow each other form units, and
 * for a few rows a unit has fewer dispatches than operations: what lies between them never leaves
 * the kernel. For many rows each operation has a dispatch of its own. Matrices that one dispatch
 * multiplies with must lie behind each other: the units say which do. */
#ifndef SOTTO_BACKEND_GPU_UNITS_H
#define SOTTO_BACKEND_GPU_UNITS_H

#include "backend/gpu/device.h"
#include "program/program.h"

typedef enum gpu_unit_kind {
  GPU_UNIT_OP,          /* one operation */
  GPU_UNIT_MATMUL_ADD,  /* MATMUL, perhaps SCALE, ADD to something else */
  GPU_UNIT_NORM_MATMUL, /* RMS_NORM, MATMUL */
  GPU_UNIT_NORM_GLU,    /* RMS_NORM, MATMUL of the gate, MATMUL, GLU */
  GPU_UNIT_NORM_ADD,    /* RMS_NORM, perhaps SCALE, ADD to something else */
  /* RMS_NORM, MATMUL of queries, of keys and of values, perhaps RMS_NORM of queries' heads and of
   * keys', perhaps ROPE of both, KV_WRITE */
  GPU_UNIT_HEADS,
} gpu_unit_kind;

/* The products of a unit with a matrix are, for a few rows, with packed activations
 * (kernels_matrix.h): its input, times the weights of its norm where it begins with one. The unit
 * that makes this input packs it beside what it makes, where it can; else the unit does, first. */
typedef struct gpu_unit {
  gpu_unit_kind kind;
  size_t first, n;      /* operations */
  bool given;           /* its input has been packed */
  bool packs;           /* what it makes, for a unit behind it, times the weights `norm`: */
  sotto_weight_id norm; /* SOTTO_NONE: as it is */
} gpu_unit;

typedef struct gpu_units {
  sotto_ctx *ctx;
  gpu_unit *units; /* [n] all operations, in order */
  size_t n, cap;
  /* [n_weights] the weight that lies directly in front of it, as if they were one; or SOTTO_NONE.
   * It has a lower number. */
  sotto_weight_id *front;
  size_t n_weights;
} gpu_units;

/* ERR_OUT_OF_MEMORY. */
sotto_status gpu_units_init(const sotto_program *program, const sotto_gpu_device *device,
                            gpu_units *out);
void gpu_units_free(gpu_units *units);
/* The operation whose first input a unit's products are with; NULL where it has none. */
const sotto_op *gpu_unit_with_products(const sotto_program *program, const gpu_unit *unit);
/* Whether an operation is a product that takes packed activations for many rows as well: with
 * quantised weights. */
bool gpu_takes_packed(const sotto_program *program, const sotto_op *op);
/* The operation of a unit that is of this kind: the nth, from 0; NULL where there is none. */
const sotto_op *gpu_unit_op(const sotto_program *program, const gpu_unit *unit, sotto_op_kind kind,
                            size_t nth);

#endif
