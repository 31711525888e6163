/* What a backend is to the engine: something that plans memory for a program, takes its weights, and
 * runs batches of tokens through it in slices of time. */
#ifndef SOTTO_BACKEND_BACKEND_H
#define SOTTO_BACKEND_BACKEND_H

#include "backend/placement.h"
#include "kernels/kernels.h"
#include "kv/kv.h"
#include "platform/pool.h"
#include "program/program.h"

/* Tokens that go through the program together, of any mix of sequences. Positions of one sequence
 * follow each other; room in the cache has been reserved. Borrowed until the run is done. */
typedef struct sotto_batch {
  uint32_t n_tokens;
  const sotto_token *tokens;
  const uint32_t *positions;       /* [n_tokens] in their sequence */
  const sotto_kv_seq *const *seqs; /* [n_tokens] */
  uint32_t n_outputs;
  const uint32_t *outputs; /* [n_outputs] ascending indices of tokens whose logits are wanted */
} sotto_batch;

typedef struct sotto_backend_config {
  uint32_t n_batch;         /* most tokens of a batch */
  uint32_t n_part;          /* most that go through a stage of the program together; a longer batch
                             * goes through it in parts, one after the other. At most n_batch */
  uint32_t n_outputs;       /* most outputs of a batch */
  uint32_t n_ctx;           /* most positions of a sequence, a multiple of the page size */
  sotto_kernel_set kernels; /* at least one; empty while planning */
  uint32_t n_threads;       /* most threads of `pool`; scratch is planned for so many */
  bool adapt_threads;       /* decode with fewer where that is faster */
  sotto_pool *pool;         /* borrowed; NULL while planning */
} sotto_backend_config;

typedef struct sotto_backend_plan {
  uint64_t weights, scratch; /* bytes */
} sotto_backend_plan;

typedef enum sotto_run_result {
  SOTTO_RUN_DONE,
  SOTTO_RUN_MORE,         /* out of time: run again */
  SOTTO_RUN_WAIT_WEIGHTS, /* the next operation's weight is not there yet */
  SOTTO_RUN_NON_FINITE,   /* failed_seq's keys or values overflowed; the batch is given up */
} sotto_run_result;

typedef struct sotto_backend sotto_backend;

typedef struct sotto_backend_type {
  const char *name;
  bool float_cache; /* keys and values are float32, whatever the options say */
  sotto_status (*plan)(const sotto_program *program, const sotto_backend_config *config,
                       sotto_backend_plan *plan);
  /* Allocates what plan says. program and kv are borrowed until free. */
  sotto_status (*create)(const sotto_program *program, const sotto_backend_config *config,
                         sotto_kv *kv, sotto_backend **out);
  void (*free)(sotto_backend *backend);
  /* Start on a batch; what was left of another one is forgotten. */
  void (*begin)(sotto_backend *backend, const sotto_batch *batch);
  /* Go on until done, a weight is missing (ready[i]: placement i is complete), or sotto_time_ms()
   * passes the deadline; at least one slice of work is done. */
  sotto_run_result (*run)(sotto_backend *backend, const bool *ready, double deadline_ms);
  /* How much of the batch's work is done, from 0 to 1. */
  double (*progress)(const sotto_backend *backend);
  /* [n_outputs][n_vocab] after DONE, valid until the next begin. */
  const float *(*logits)(const sotto_backend *backend);
} sotto_backend_type;

struct sotto_backend {
  const sotto_backend_type *type;
  /* One placement per weight of the program, in its order. */
  const sotto_placement *placements;
  size_t n_placements;
  const sotto_kv_seq *failed_seq; /* after NON_FINITE, with the message in the context */
};

extern const sotto_backend_type sotto_backend_cpu;
extern const sotto_backend_type sotto_backend_naive;

#endif
