/* A program on a GPU, with its weights and its cache: what the backend runs, and what its self-test
 * runs in small. */
#ifndef SOTTO_BACKEND_GPU_MODEL_H
#define SOTTO_BACKEND_GPU_MODEL_H

#include "backend/backend.h"
#include "backend/gpu/lower.h"
#include "backend/gpu/summary.h"

#define GPU_MOST_AHEAD 7 /* tokens of a batch that it finds itself (backend.h) */

/* What all that runs on one device shares. */
typedef struct gpu_shared {
  sotto_gpu_device device;
  gpu_stream stream;
  gpu_pipelines pipelines;
  uint32_t n_buffers, n_groups, n_lists; /* numbers that are taken */
} gpu_shared;

typedef struct gpu_model {
  gpu_shared *shared;
  const sotto_program *program;
  sotto_backend_config config;
  gpu_units units;
  gpu_weights weights;
  gpu_storage storage;
  gpu_buffers buffers;
  gpu_steps steps;
  gpu_summary summary;   /* where it is used */
  uint32_t first_buffer; /* its buffers are those from here to before end_buffer */
  uint32_t end_buffer;
  uint32_t batch_buffer, status_buffer, output_buffer;

  float *output;      /* [n_outputs][width] that were read back */
  float *frequencies; /* [n_ropes][rope_stride] */
  uint32_t rope_stride;
  /* [n_words] the batch; and behind it, [GPU_MOST_AHEAD][n_words_ahead], each token that it finds
   * itself as a batch of its own. */
  uint32_t *words;
  uint64_t n_words, n_words_ahead;
  /* Read back, of the batch and of tokens ahead: 0, or UINT32_MAX less the lowest token whose keys
   * or values are not finite. */
  uint32_t status[1 + GPU_MOST_AHEAD][GPU_STATUS_BYTES / 4];

  uint32_t few_positions; /* GPU_FEW_POSITIONS, but in the self-test */

  const sotto_batch *batch;
  /* What goes through the units now: the batch, or where it finds tokens itself its token `at`. */
  sotto_batch part;
  uint32_t at;
  gpu_extent extent;
  bool begun;        /* the batch's words have been written */
  size_t next;       /* unit */
  uint32_t n_queued; /* units since the last submit, and reads */
} gpu_model;

/* Bytes of this memory that init takes. */
uint64_t gpu_model_bytes(const sotto_program *program, const sotto_backend_config *config,
                         const sotto_kv_shape *kv_shape, const gpu_weights_plan *weights);
/* Emits all that is needed before the first batch; sums_up: outputs can be wished for as summaries.
 * ERR_OUT_OF_MEMORY. */
sotto_status gpu_model_init(gpu_shared *shared, const sotto_program *program,
                            const sotto_backend_config *config, const sotto_kv_shape *kv_shape,
                            bool sums_up, gpu_model *out);
/* Frees what is here; the commands that use it have been taken. */
void gpu_model_free(gpu_model *model);
/* Has the host let go of the model's buffers and bind groups. */
void gpu_model_release(gpu_model *model);

/* Start on a batch, whatever has become of the one before. */
void gpu_model_begin(gpu_model *model, const sotto_batch *batch);
/* Emit what can be done: all steps and the reading of what is wanted of the outputs, or where a
 * weight is not ready yet those before it, and false. */
bool gpu_model_queue(gpu_model *model, const bool *ready);
/* Emit the reading of one output's row. */
void gpu_model_read_row(gpu_model *model, uint32_t output);

/* Floats of a row of the output. */
static inline uint32_t gpu_output_width(const sotto_program *program) {
  return program->buffers[program->output].dim;
}

#endif
