#include "backend/gpu/trial.h"

#include "platform/time.h"

enum { RUNS = 4 };

static sotto_status begin(gpu_trial *t, gpu_model *m) {
  const size_t n = m->program->n_weights;
  t->ready = sotto_alloc(m->program->ctx, n);
  if (!t->ready) return SOTTO_ERR_OUT_OF_MEMORY;
  memset(t->ready, true, n);
  t->seq = (sotto_kv_seq){.state = SOTTO_KV_NONE};
  for (uint32_t g = 0; g < SOTTO_KV_MAX_GROUPS; g++)
    t->seq.groups[g] = (sotto_kv_pages){&t->page, 0, 1};
  t->seqs[0] = &t->seq;
  t->batch = (sotto_batch){.n_tokens = 1,
                           .tokens = &t->token,
                           .positions = &t->position,
                           .seqs = t->seqs,
                           .n_outputs = 1,
                           .outputs = &t->output,
                           .wishes = &t->wish};
  t->best_ms = 1e9;
  return SOTTO_OK;
}

static void run(gpu_trial *t, gpu_model *m) {
  t->start_ms = sotto_time_ms();
  gpu_model_begin(m, &t->batch);
  gpu_model_queue(m, t->ready);
  t->serial = gpu_stream_mark(&m->shared->stream);
}

sotto_status gpu_trial_go_on(gpu_trial *t, gpu_model *m) {
  if (t->done) return SOTTO_OK;
  if (!t->ready) SOTTO_TRY(begin(t, m));
  if (t->serial && !gpu_stream_is_done(&m->shared->stream, t->serial)) return SOTTO_OK;
  if (t->serial) {
    const double ms = sotto_time_ms() - t->start_ms;
    if (t->n_runs++ > 0 && ms < t->best_ms) t->best_ms = ms;
  }
  t->done = t->n_runs == RUNS;
  if (t->done)
    gpu_trial_free(t, m);
  else
    run(t, m);
  return SOTTO_OK;
}

void gpu_trial_free(gpu_trial *t, const gpu_model *m) {
  if (!m->program) return;
  sotto_free(m->program->ctx, t->ready, m->program->n_weights);
  t->ready = NULL;
}
