/* Summaries of logits on a GPU (logits.h): the best of each row, the tokens that were named, and
 * what a log-sum-exp is made of. */
#ifndef SOTTO_BACKEND_GPU_SUMMARY_H
#define SOTTO_BACKEND_GPU_SUMMARY_H

#include "backend/backend.h"
#include "backend/gpu/pipelines.h"

#define GPU_MAX_MERGES 12 /* of lists by fours, for every vocabulary */

typedef struct gpu_summary {
  sotto_ctx *ctx;
  gpu_stream *stream;
  uint32_t n_vocab, n_outputs, n_chunks, n_merges;
  uint32_t logits;            /* buffer */
  uint32_t lists[2];          /* buffers; chunks write the first, merges the other by turns */
  uint32_t parts, ids, named; /* buffers */
  sotto_gpu_dispatch chunk, gather, merges[GPU_MAX_MERGES]; /* y is 1, for one output */
  uint32_t *params; /* of these, in the host's memory until it was taken */
  uint32_t slot;

  /* read back, and what is handed out of it */
  uint32_t *read_lists; /* [n_outputs][TOP_BEST][2] */
  uint32_t *read_parts; /* [n_outputs][n_chunks][4] */
  float *read_named;    /* [n_outputs][MAX_NAMED] */
  uint32_t *write_ids;  /* [n_outputs][MAX_NAMED] */
  sotto_token best[SOTTO_SUMMARY_BEST];
  float best_logits[SOTTO_SUMMARY_BEST];
} gpu_summary;

/* Whether a program's output is summed up: logits of which tokens are picked. */
bool gpu_summary_is_used(const sotto_program *program);
/* Bytes on the GPU, and of this memory, for n_outputs rows. */
uint64_t gpu_summary_gpu_bytes(const sotto_program *program, uint32_t n_outputs);
uint64_t gpu_summary_bytes(const sotto_program *program, uint32_t n_outputs);
/* Numbers buffers and groups from *next_buffer and *next_group on. logits: the buffer that has the
 * rows. ERR_OUT_OF_MEMORY. */
sotto_status gpu_summary_init(const sotto_program *program, uint32_t n_outputs, uint32_t logits,
                              gpu_pipelines *pipelines, uint32_t *next_buffer, uint32_t *next_group,
                              gpu_summary *out);
void gpu_summary_free(gpu_summary *summary);
/* Emit what the batch's outputs were wished for, that are no rows. Here they are outputs from
 * `first` on. */
void gpu_summary_queue(gpu_summary *summary, const sotto_batch *batch, uint32_t first);
/* The buffer whose first word is the best token of the first output, when that is carried out. */
uint32_t gpu_summary_lists(const gpu_summary *summary);
/* When it has been reported: of output o. What it points to is valid until the next call. */
void gpu_summary_get(gpu_summary *summary, const sotto_batch *batch, uint32_t o,
                     sotto_logits_summary *out);

#endif
