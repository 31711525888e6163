/* What a backend is to the engine: it plans memory for a program, takes the program's weights, and
 * runs batches of tokens through the program, returning at a deadline to be called again, or when
 * the host has work to do for it. */
#ifndef SOTTO_BACKEND_BACKEND_H
#define SOTTO_BACKEND_BACKEND_H

#include "backend/gpu/device.h"
#include "backend/gpu/records.h"
#include "backend/placement.h"
#include "backend/summary.h"
#include "kernels/kernels.h"
#include "kv/kv.h"
#include "platform/pool.h"
#include "program/program.h"

/* Tokens that go through the program together, of one sequence or several. The tokens of a sequence
 * stand side by side, in the order of their positions, and pages for them have been reserved in the
 * KV cache. Borrowed from begin until run returns DONE or another batch begins. */
typedef struct sotto_batch {
  uint32_t n_tokens;
  const sotto_token *tokens;
  const uint32_t *positions;       /* [n_tokens] of each token in its sequence, from 0 */
  const sotto_kv_seq *const *seqs; /* [n_tokens] */
  uint32_t n_outputs;
  /* [n_outputs] ascending indices of tokens whose logits are wanted, or of the last ones of texts
   * whose embeddings are. */
  const uint32_t *outputs;
  const sotto_output_wish
      *wishes; /* [n_outputs], looked at by backends with summaries; NULL: rows */
  /* The last so many tokens are not known yet: each is the best by the output in front of it, ties
   * to the lower id, and the summaries say which they were. Then all tokens are one sequence's,
   * each has an output, and the wishes are summaries. At most the backend's most_ahead. */
  uint32_t n_ahead;
} sotto_batch;

/* What only the CPU backend asks for. */
typedef struct sotto_cpu_config {
  sotto_kernel_set kernels; /* the variants to choose from; empty while planning */
  uint32_t n_threads;       /* most threads of `pool`; scratch is planned for so many */
  bool adapt_threads;       /* decode with fewer threads where that measures faster */
  sotto_pool *pool;         /* borrowed; NULL while planning */
} sotto_cpu_config;

typedef struct sotto_backend_config {
  uint32_t n_batch;   /* most tokens of a batch */
  uint32_t n_part;    /* most tokens that are in a stage of the program together: a longer batch
                             * goes through each stage in parts. At most n_batch */
  uint32_t n_outputs; /* most tokens of a batch whose logits are wanted */
  uint32_t n_seqs;    /* most sequences with tokens in a batch */
  uint32_t n_ctx;     /* most positions of a sequence, a multiple of the page size */
  sotto_cpu_config cpu;
  const sotto_gpu_device *gpu; /* borrowed until create; only the backend for GPUs asks for it */
} sotto_backend_config;

typedef struct sotto_backend_plan {
  uint64_t weights, kv, scratch; /* bytes of this memory */
  uint64_t gpu_weights, gpu_kv, gpu_scratch;
} sotto_backend_plan;

typedef enum sotto_run_result {
  SOTTO_RUN_DONE,
  SOTTO_RUN_MORE,         /* the deadline has passed: call run again */
  SOTTO_RUN_WAIT_WEIGHTS, /* the next operation's weight is not there yet */
  SOTTO_RUN_WAIT_GPU,     /* there are commands to carry out, or some that are not reported yet */
  SOTTO_RUN_NON_FINITE,   /* failed_seq's keys or values overflowed; the batch cannot go on */
  SOTTO_RUN_FAILED, /* nothing will be computed any more; status and message are the context's */
} sotto_run_result;

typedef struct sotto_backend sotto_backend;

/* Of a backend whose work the host does in the order of a queue, from the commands of records.h. As
 * the queue is ordered, a batch that has begun is never given up: what is not wanted any more is
 * passed over, and pages that are free can be given away while the commands still run. */
typedef struct sotto_backend_queue {
  /* The commands that have gathered. False where there are none. */
  bool (*take)(sotto_backend *backend, sotto_gpu_commands *out);
  /* All commands up to the serial are done, or with another status than OK nothing will be. */
  void (*report)(sotto_backend *backend, uint32_t serial, sotto_status status);
  /* A serial for all that has been asked for so far, and whether that is done. The status of the
   * first failed report. */
  uint32_t (*mark)(const sotto_backend *backend);
  sotto_status (*check)(const sotto_backend *backend, uint32_t serial, bool *done);
  /* Before there are weights: how long a token takes, or 0 where the commands that have gathered
   * are to be carried out and reported first. */
  sotto_status (*trial)(sotto_backend *backend, double *token_ms);
} sotto_backend_queue;

typedef struct sotto_backend_type {
  const char *name;
  bool float_cache;    /* its KV cache is always float32, whatever the options say */
  uint32_t most_ahead; /* tokens of a batch that it finds itself, so that nobody waits for it */
  const sotto_backend_queue *queue; /* NULL: it computes while it runs */
  /* Bytes that create will allocate. ERR_OUT_OF_MEMORY; others where the program or the cache's
   * shape is beyond the backend. */
  sotto_status (*plan)(const sotto_program *program, const sotto_backend_config *config,
                       const sotto_kv_shape *kv_shape, sotto_backend_plan *plan);
  /* Allocates what plan says, and storage for a cache of this shape; *out is NULL on failure.
   * program is borrowed until free. */
  sotto_status (*create)(const sotto_program *program, const sotto_backend_config *config,
                         const sotto_kv_shape *kv_shape, sotto_backend **out);
  void (*free)(sotto_backend *backend);
  /* Start on a batch. One that is not done yet is given up. */
  void (*begin)(sotto_backend *backend, const sotto_batch *batch);
  /* Go on with the batch until it is done, a weight is missing (ready[i] is true once placement i
   * is complete), or sotto_time_ms() is past the deadline. Makes some progress even if it is
   * already. */
  sotto_run_result (*run)(sotto_backend *backend, const bool *ready, double deadline_ms);
  /* The share of the batch's work that is done, from 0 to 1. */
  double (*progress)(const sotto_backend *backend);
  /* [n_outputs][width of the program's output], in the order of batch.outputs. After DONE, valid
   * until the next begin. With summaries only those rows that were wished for, and read since. */
  const float *(*output)(const sotto_backend *backend);
  /* Where rows are slow to read, else NULL: what was wished for instead of an output's row. After
   * DONE; what it points to is valid until the next call. */
  void (*summary)(sotto_backend *backend, uint32_t output, sotto_logits_summary *out);
  /* After DONE: read an output's row all the same. DONE when it is there, else WAIT_GPU or
   * FAILED. */
  sotto_run_result (*read_row)(sotto_backend *backend, uint32_t output);
} sotto_backend_type;

struct sotto_backend {
  const sotto_backend_type *type;
  /* One placement per weight of the program, in its order. */
  const sotto_placement *placements;
  size_t n_placements;
  sotto_weight_sink *sink; /* of SOTTO_PLACE_SINK, or NULL */
  sotto_kv_storage *storage;
  const sotto_kv_seq *failed_seq; /* after NON_FINITE; the message is in the context */
};

extern const sotto_backend_type sotto_backend_cpu;
extern const sotto_backend_type sotto_backend_naive;

#endif
