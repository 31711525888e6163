/* Activations on a GPU. WebGPU forbids that a dispatch reads and writes one buffer, even in
 * disjoint ranges, so they are not packed into one block as in memory.c, and nothing is done in
 * place: each operation writes a buffer that none of its unit's inputs is in, and buffers whose
 * values are not needed any more are taken again behind the unit. */
#ifndef SOTTO_BACKEND_GPU_BUFFERS_H
#define SOTTO_BACKEND_GPU_BUFFERS_H

#include "backend/gpu/units.h"
#include "backend/memory.h"

/* Where an operation finds its inputs and puts its output: indices of buffers, or GPU_NONE. Of a
 * unit's last operation `packs` is where its output goes packed, and of its first one `given` where
 * its first input is so (units.h). */
typedef struct gpu_operands {
  uint32_t in[2], out;
  uint32_t packs, given;
} gpu_operands;

typedef struct gpu_buffers {
  sotto_ctx *ctx;
  gpu_operands *operands; /* [n_ops] */
  size_t n_ops;
  uint64_t *sizes; /* [n] bytes */
  uint32_t n, cap;
  uint32_t output; /* the one that holds the program's output at the end */
  /* For what passes between dispatches of a unit, or GPU_NONE: for a few rows (lower_units.c)
   * queries, keys and values side by side, and parts of attention; activations that are packed for
   * products alone. */
  uint32_t wide, parts, packed;
} gpu_buffers;

/* ERR_OUT_OF_MEMORY. */
sotto_status gpu_buffers_init(const sotto_program *program, const gpu_units *units,
                              const sotto_backend_config *config, gpu_buffers *out);
void gpu_buffers_free(gpu_buffers *buffers);
uint64_t gpu_buffers_bytes(const gpu_buffers *buffers);
uint64_t gpu_buffers_largest(const gpu_buffers *buffers);

#endif
