/* The program as dispatches: parameters, bind groups, and for each unit what is dispatched and how
 * its workgroups follow from the batch. */
#ifndef SOTTO_BACKEND_GPU_LOWER_H
#define SOTTO_BACKEND_GPU_LOWER_H

#include "backend/gpu/buffers.h"
#include "backend/gpu/pipelines.h"
#include "backend/gpu/storage.h"
#include "backend/gpu/weights.h"

#define GPU_STATUS_BYTES 16 /* of the buffer in which kernels say what went wrong */

/* Which of a step's workgroup counts is multiplied by the rows that the batch has for it. */
typedef enum gpu_axis { GPU_AXIS_X, GPU_AXIS_Y, GPU_AXIS_Z } gpu_axis;

/* One dispatch. */
typedef struct gpu_step {
  uint32_t pipeline, group;
  uint32_t several; /* the pipeline for more rows than one, MATVEC_COLUMNS together; or NONE */
  uint32_t n[3];    /* workgroups for one row, or for a tile of them */
  gpu_axis axis;
  uint32_t tile; /* rows that workgroups take together */
  bool per_output;
  uint32_t per_row; /* rows for each token or output: experts of a token */
} gpu_step;

/* The steps of a unit: of those for a few rows, for a few rows with few positions, and for many,
 * one kind is taken. They are the same where they begin at one place. */
typedef struct gpu_unit_steps {
  uint32_t few, near, many; /* first ones */
  uint32_t n_few, n_near, n_many;
  bool per_output; /* whose rows are counted for this: the batch's outputs, else its tokens */
  /* Of the first unit of a stage: the host's lists of all of it for one token with one output, with
   * many positions and with few, once there are some, else GPU_NONE. */
  uint32_t lists[2];
} gpu_unit_steps;

/* What of a batch decides which steps are taken. */
typedef struct gpu_extent {
  uint32_t n_tokens, n_outputs;
  bool few_positions; /* all tokens are among a sequence's first GPU_FEW_POSITIONS */
} gpu_extent;

/* What the steps work with. */
typedef struct gpu_lowering {
  const sotto_program *program;
  const gpu_units *units;
  const sotto_gpu_device *device;
  gpu_stream *stream;
  gpu_pipelines *pipelines;
  const gpu_weights *weights;
  const gpu_buffers *buffers;
  const gpu_storage *storage;
  uint32_t first_buffer; /* of `buffers` */
  uint32_t first_group;  /* number that is free, and those behind it */
  uint32_t batch_buffer, params_buffer, status_buffer;
  uint64_t batch_bytes;
} gpu_lowering;

typedef struct gpu_steps {
  sotto_ctx *ctx;
  gpu_step *steps;       /* [n] */
  gpu_unit_steps *units; /* [n_units] */
  size_t n, cap, n_units;
  char *params; /* [cap][slot] what params_buffer is to hold */
  uint32_t slot;
} gpu_steps;

/* Most steps of a program whose weights are in so many shards. */
size_t gpu_steps_most(const sotto_program *program, size_t n_shards);
/* Bytes of params_buffer for so many. */
uint64_t gpu_params_bytes(const sotto_gpu_device *device, size_t n_steps);
/* Emits parameters, bind groups, and pipelines that are not there yet. ERR_OUT_OF_MEMORY. */
sotto_status gpu_steps_init(const gpu_lowering *lowering, gpu_steps *out);
void gpu_steps_free(gpu_steps *steps);
/* The steps that a unit takes for a batch. */
const gpu_step *gpu_steps_of(const gpu_steps *steps, size_t unit, gpu_extent batch, uint32_t *n);
/* The dispatch of a step for a batch; false where it has no rows. */
bool gpu_step_dispatch(const gpu_step *step, gpu_extent batch, sotto_gpu_dispatch *out);

#endif
