/* Requests, steps, events and KV state: the generator's public face. */
#include "api/engine.h"

#include "base/hash.h"

void sotto_request_default(sotto_request *request) {
  sotto_request_init(request);
}

sotto_status sotto_engine_add_request(sotto_engine *e, const sotto_request *request, uint32_t *id) {
  *id = 0;
  SOTTO_TRY(engine_need_load(e));
  return sotto_generator_add(e->generator, request, id);
}

sotto_status sotto_engine_cancel(sotto_engine *e, uint32_t id) {
  SOTTO_TRY(engine_need_load(e));
  return sotto_generator_cancel(e->generator, id);
}

sotto_status sotto_engine_prompt_progress(sotto_engine *e, uint32_t id, uint32_t *n_done) {
  *n_done = 0;
  SOTTO_TRY(engine_need_load(e));
  return sotto_generator_prompt_progress(e->generator, id, n_done);
}

sotto_step_result sotto_engine_step(sotto_engine *e, double budget_ms) {
  return e->generator ? sotto_generator_step(e->generator, budget_ms) : SOTTO_STEP_IDLE;
}

bool sotto_engine_next_event(sotto_engine *e, sotto_event *event) {
  return e->generator && sotto_generator_next_event(e->generator, event);
}

/* A fingerprint of the model for snapshots: its program, shapes, types and names of all tensors,
 * every vector and the first rows of every matrix, as they are in the file. Fine-tuned siblings of
 * a model differ in these; backends do not. */
static sotto_status fingerprint(sotto_engine *e, uint64_t *out) {
  SOTTO_TRY(engine_need_load(e));
  if (!sotto_load_complete(e->load)) {
    return sotto_fail(&e->ctx, SOTTO_ERR_BUSY,
                      "states can be saved and restored once all weights are loaded");
  }
  uint64_t hash = sotto_program_hash(&e->program, e->options.n_ctx);
  for (size_t i = 0; i < e->backend->n_placements; i++) {
    const sotto_placement *p = &e->backend->placements[i];
    uint64_t shape[3] = {p->rows, p->cols, (uint64_t)p->tensor->type};
    hash = sotto_hash(hash, p->tensor->name.data, p->tensor->name.len);
    hash = sotto_hash(hash, shape, sizeof shape);
    const uint64_t rows = sotto_load_first_rows_hash(e->load, i);
    hash = sotto_hash(hash, &rows, sizeof rows);
  }
  *out = hash;
  return SOTTO_OK;
}

sotto_status sotto_engine_save_state(sotto_engine *e, const int32_t *tokens, uint32_t n_tokens,
                                     const char **data, uint32_t *len) {
  *data = NULL;
  *len = 0;
  uint64_t model;
  SOTTO_TRY(fingerprint(e, &model));
  const sotto_backend_queue *queue = e->backend->type->queue;
  if (!e->saving) {
    e->state.len = 0;
    SOTTO_TRY(sotto_generator_save(e->generator, model, tokens, n_tokens, &e->state));
    if (queue) e->saving = queue->mark(e->backend);
  }
  bool done = true;
  if (queue) SOTTO_TRY(queue->check(e->backend, e->saving, &done));
  if (!done) return SOTTO_OK;
  e->saving = 0;
  SOTTO_TRY(sotto_kv_seal(&e->state, 0));
  *data = e->state.data;
  *len = (uint32_t)e->state.len;
  return SOTTO_OK;
}

sotto_status sotto_engine_load_state(sotto_engine *e, const char *data, uint32_t len,
                                     uint32_t *n_tokens) {
  *n_tokens = 0;
  uint64_t model;
  SOTTO_TRY(fingerprint(e, &model));
  return sotto_generator_load(e->generator, model, data, len, n_tokens);
}

void sotto_engine_clear_cache(sotto_engine *e) {
  if (e->generator) sotto_generator_clear_cache(e->generator);
}

void *sotto_host_alloc(uint32_t size) {
  return sotto_alloc_libc(NULL, NULL, 0, size);
}
void sotto_host_free(void *ptr) {
  sotto_alloc_libc(NULL, ptr, 0, 0);
}
