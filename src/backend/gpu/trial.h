/* How long a token of an answer takes on the GPU: the program runs over the model's own buffers,
 * for a token at position 0, whatever is in them. Once to warm up, then some more times. */
#ifndef SOTTO_BACKEND_GPU_TRIAL_H
#define SOTTO_BACKEND_GPU_TRIAL_H

#include "backend/gpu/model.h"

typedef struct gpu_trial {
  bool *ready;     /* [n_weights] all true, while it runs */
  uint32_t serial; /* of the commands under way, 0 before */
  uint32_t n_runs; /* that are over */
  double start_ms, best_ms;
  bool done;
  sotto_token token;
  uint32_t position, output, page;
  sotto_kv_seq seq;
  const sotto_kv_seq *seqs[1];
  sotto_output_wish wish;
  sotto_batch batch;
} gpu_trial;

/* Go on: emits a run, or sees that one is over. Done when trial->done, with best_ms.
 * ERR_OUT_OF_MEMORY. */
sotto_status gpu_trial_go_on(gpu_trial *trial, gpu_model *model);
void gpu_trial_free(gpu_trial *trial, const gpu_model *model);

#endif
