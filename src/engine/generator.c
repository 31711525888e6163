/* Life of the generator, its requests, and the step. */
#include "base/limits.h"
#include "engine/internal.h"
#include "platform/time.h"

/* TOKEN + DONE per output, LOGITS per output, PROMPT per job, and cancellations of all that
 * wait. */
static size_t event_capacity(const sotto_generator_config *c) {
  return 3 * (size_t)c->n_outputs + 2 * (size_t)c->n_parallel + SOTTO_MAX_WAITING + 8;
}

/* A LOGITS and a TOKEN event per output. */
static size_t top_capacity(const sotto_generator_config *c) {
  return 2 * (size_t)c->n_outputs * sotto_limit_max(SOTTO_LIMIT_top_logprobs);
}

uint64_t sotto_generator_bytes(const sotto_generator_config *c, const sotto_kv_shape *kv_shape) {
  uint64_t per_slot = sizeof(slot) + sotto_kv_seq_bytes(kv_shape);
  uint64_t per_token = sizeof(sotto_token) + sizeof(uint32_t) + 2 * sizeof(void *);
  return sizeof(sotto_generator) + sotto_generator_slots(c->n_parallel) * per_slot +
         c->n_batch_loading * per_token +
         c->n_outputs * (sizeof(uint32_t) + sizeof(sotto_output_wish)) +
         event_capacity(c) * sizeof(queued_event) + top_capacity(c) * sizeof(sotto_top_logprob) +
         sotto_sampler_bytes(c->n_vocab);
}

static sotto_status allocate(sotto_generator *g) {
  const sotto_generator_config *c = &g->config;
  sotto_ctx *ctx = g->ctx;
  g->slots = sotto_alloc_zero(ctx, g->n_slots * sizeof *g->slots);
  if (!g->slots) return SOTTO_ERR_OUT_OF_MEMORY;
  for (uint32_t i = 0; i < g->n_slots; i++) SOTTO_TRY(sotto_kv_seq_init(g->kv, &g->slots[i].seq));
  g->batch_tokens = sotto_alloc(ctx, c->n_batch_loading * sizeof *g->batch_tokens);
  g->batch_positions = sotto_alloc(ctx, c->n_batch_loading * sizeof *g->batch_positions);
  g->batch_seqs = sotto_alloc(ctx, c->n_batch_loading * sizeof *g->batch_seqs);
  g->batch_jobs = sotto_alloc(ctx, c->n_batch_loading * sizeof *g->batch_jobs);
  g->batch_outputs = sotto_alloc(ctx, c->n_outputs * sizeof *g->batch_outputs);
  g->wishes = sotto_alloc(ctx, c->n_outputs * sizeof *g->wishes);
  if (g->backend->type->summary) g->n_named = (size_t)c->n_outputs * SOTTO_SUMMARY_NAMED;
  g->named = sotto_alloc(ctx, g->n_named * sizeof *g->named);
  g->cap_events = event_capacity(c);
  g->events = sotto_alloc(ctx, g->cap_events * sizeof *g->events);
  g->top = sotto_alloc(ctx, top_capacity(c) * sizeof *g->top);
  if (!g->batch_tokens || !g->batch_positions || !g->batch_seqs || !g->batch_jobs ||
      !g->batch_outputs || !g->wishes || !g->events || !g->top || (g->n_named && !g->named)) {
    return SOTTO_ERR_OUT_OF_MEMORY;
  }
  return sotto_sampler_new(ctx, c->n_vocab, &g->sampler);
}

sotto_status sotto_generator_new(sotto_ctx *ctx, const sotto_generator_config *config,
                                 sotto_backend *backend, const bool *ready, sotto_kv *kv,
                                 const sotto_tokenizer *tokenizer, sotto_generator **out) {
  *out = NULL;
  sotto_generator *g = sotto_alloc_zero(ctx, sizeof *g);
  if (!g) return SOTTO_ERR_OUT_OF_MEMORY;
  g->ctx = ctx;
  g->config = *config;
  g->backend = backend;
  g->ready = ready;
  g->kv = kv;
  g->tokenizer = tokenizer;
  g->n_slots = sotto_generator_slots(config->n_parallel);
  sotto_str_init(&g->text, ctx);
  sotto_status status = allocate(g);
  if (status != SOTTO_OK) {
    sotto_generator_free(g);
    return status;
  }
  *out = g;
  return SOTTO_OK;
}

static void free_job(sotto_generator *g, job *j) {
  const sotto_request *o = &j->options; /* its memory is ours, and only lent out as const */
  sotto_free(g->ctx, (void *)o->logit_bias, o->n_logit_bias * sizeof *o->logit_bias);
  sotto_free(g->ctx, (void *)o->stop, j->stop_bytes);
  sotto_tokens_free(&j->tokens);
  sotto_str_free(&j->held);
  sotto_free(g->ctx, j, sizeof *j);
}

static void free_named(sotto_generator *g) {
  sotto_free(g->ctx, g->named, g->n_named * sizeof *g->named);
  g->named = NULL;
  g->n_named = 0;
}

void sotto_generator_free(sotto_generator *g) {
  if (!g) return;
  sotto_ctx *ctx = g->ctx;
  const sotto_generator_config *c = &g->config;
  while (g->running) generator_drop_job(g, g->running);
  while (g->waiting) generator_drop_job(g, g->waiting);
  for (uint32_t i = 0; g->slots && i < g->n_slots; i++) sotto_kv_seq_free(g->kv, &g->slots[i].seq);
  sotto_free(ctx, g->slots, g->n_slots * sizeof *g->slots);
  sotto_free(ctx, g->batch_tokens, c->n_batch_loading * sizeof *g->batch_tokens);
  sotto_free(ctx, g->batch_positions, c->n_batch_loading * sizeof *g->batch_positions);
  sotto_free(ctx, g->batch_seqs, c->n_batch_loading * sizeof *g->batch_seqs);
  sotto_free(ctx, g->batch_jobs, c->n_batch_loading * sizeof *g->batch_jobs);
  sotto_free(ctx, g->batch_outputs, c->n_outputs * sizeof *g->batch_outputs);
  sotto_free(ctx, g->wishes, c->n_outputs * sizeof *g->wishes);
  free_named(g);
  sotto_free(ctx, g->events, g->cap_events * sizeof *g->events);
  sotto_free(ctx, g->top, top_capacity(c) * sizeof *g->top);
  sotto_str_free(&g->text);
  sotto_sampler_free(g->sampler);
  sotto_free(ctx, g, sizeof *g);
}

/* Sequences of another cache for all slots. */
static sotto_status move_slots(sotto_generator *g, sotto_kv *kv) {
  sotto_kv_seq *seqs = sotto_alloc_zero(g->ctx, g->n_slots * sizeof *seqs);
  sotto_status status = seqs ? SOTTO_OK : SOTTO_ERR_OUT_OF_MEMORY;
  for (uint32_t i = 0; i < g->n_slots && status == SOTTO_OK; i++)
    status = sotto_kv_seq_init(kv, &seqs[i]);
  const bool moved = status == SOTTO_OK;
  if (moved) generator_preempt_all(g);
  for (uint32_t i = 0; seqs && i < g->n_slots; i++) {
    sotto_kv_seq_free(moved ? g->kv : kv, moved ? &g->slots[i].seq : &seqs[i]);
    if (moved) g->slots[i].seq = seqs[i];
  }
  sotto_free(g->ctx, seqs, g->n_slots * sizeof *seqs);
  return status;
}

sotto_status sotto_generator_move(sotto_generator *g, sotto_backend *backend, const bool *ready,
                                  sotto_kv *kv) {
  SOTTO_TRY(move_slots(g, kv));
  g->in_flight = g->emitting = false;
  if (!backend->type->summary) free_named(g);
  g->backend = backend;
  g->ready = ready;
  g->loaded = false;
  g->kv = kv;
  return SOTTO_OK;
}

static bool unlink_job(job **list, job *j) {
  for (job **at = list; *at; at = &(*at)->next) {
    if (*at != j) continue;
    *at = j->next;
    return true;
  }
  return false;
}

void generator_drop_job(sotto_generator *g, job *j) {
  if (unlink_job(&g->running, j))
    g->n_running--;
  else if (unlink_job(&g->waiting, j))
    g->n_waiting--;
  if (j->slot) {
    sotto_kv_rewind(g->kv, &j->slot->seq);
    if (j->options.flags & SOTTO_REQUEST_NO_CACHE) sotto_kv_cut(g->kv, &j->slot->seq, 0);
    j->slot->job = NULL;
  }
  for (uint32_t t = 0; t < g->batch.n_tokens; t++) {
    if (g->batch_jobs[t] == j) g->batch_jobs[t] = NULL;
  }
  free_job(g, j);
}

/* ---- requests ---- */

void sotto_request_init(sotto_request *r) {
  *r = (sotto_request){.max_tokens = UINT32_MAX};
  sotto_sampling_default(&r->sampling);
}

sotto_status sotto_generator_check_length(sotto_ctx *ctx, const sotto_generator_config *config,
                                          uint32_t n_tokens) {
  if (n_tokens > config->n_positions) {
    return sotto_fail(ctx, SOTTO_ERR_CONTEXT_LENGTH,
                      "the prompt has %u tokens and the model has learned %u positions; shorten it",
                      n_tokens, config->n_positions);
  }
  if (n_tokens <= config->n_ctx) return SOTTO_OK;
  return sotto_fail(
      ctx, SOTTO_ERR_CONTEXT_LENGTH,
      "the prompt has %u tokens and n_ctx is %u; shorten it or load with a larger n_ctx", n_tokens,
      config->n_ctx);
}

static sotto_status check_max_tokens(sotto_ctx *ctx, uint32_t max_tokens) {
  return sotto_check_limit(ctx, SOTTO_LIMIT_max_tokens,
                           max_tokens == UINT32_MAX ? -1.0 : (double)max_tokens);
}

static sotto_status check_whole_text(sotto_generator *g, const sotto_request *r) {
  if (r->max_tokens > 0) {
    return sotto_fail_field(
        g->ctx, "max_tokens",
        "this model's attention is not causal: it scores texts and generates none; "
        "set max_tokens to 0, or use another model");
  }
  if (r->n_tokens <= g->config.n_batch) return SOTTO_OK;
  return sotto_fail(g->ctx, SOTTO_ERR_CONTEXT_LENGTH,
                    "the text has %u tokens, and a model that needs all of them at once takes at "
                    "most n_batch = %u; shorten it or load with a larger n_batch",
                    r->n_tokens, g->config.n_batch);
}

static sotto_status check_request(sotto_generator *g, const sotto_request *r) {
  sotto_ctx *ctx = g->ctx;
  if (g->n_waiting == SOTTO_MAX_WAITING) {
    return sotto_fail(ctx, SOTTO_ERR_BUSY, "%d requests are waiting; try again when one is done",
                      SOTTO_MAX_WAITING);
  }
  if (r->n_tokens == 0) {
    return sotto_fail_field(ctx, "prompt",
                            "the prompt has no tokens; give at least one (BOS for an empty text)");
  }
  SOTTO_TRY(sotto_generator_check_length(ctx, &g->config, r->n_tokens));
  for (uint32_t i = 0; i < r->n_tokens; i++) {
    if (r->tokens[i] < 0 || (uint32_t)r->tokens[i] >= g->config.n_vocab) {
      return sotto_fail_field(ctx, "prompt", "prompt token %u is %d, must be from 0 to %u", i,
                              r->tokens[i], g->config.n_vocab - 1);
    }
  }
  SOTTO_TRY(generator_check_output(g, r));
  if (g->config.whole_texts) SOTTO_TRY(check_whole_text(g, r));
  SOTTO_TRY(
      sotto_sampling_check(ctx, &r->sampling, r->logit_bias, r->n_logit_bias, g->config.n_vocab));
  SOTTO_TRY(check_max_tokens(ctx, r->max_tokens));
  SOTTO_TRY(sotto_check_limit(ctx, SOTTO_LIMIT_top_logprobs, r->top_logprobs));
  SOTTO_TRY(sotto_check_limit_of(ctx, "stop", SOTTO_LIMIT_n_stop, r->n_stop));
  const char *stop = r->stop;
  for (uint32_t i = 0; i < r->n_stop; i++) {
    const size_t len = strlen(stop);
    SOTTO_TRY(sotto_check_limit_of(ctx, "stop", SOTTO_LIMIT_stop_bytes, (double)len));
    stop += len + 1;
  }
  return SOTTO_OK;
}

/* What the request points to becomes the job's own. */
static sotto_status copy_request(sotto_generator *g, job *j, const sotto_request *r) {
  sotto_ctx *ctx = g->ctx;
  j->options = *r;
  j->options.tokens = NULL;
  j->options.logit_bias = NULL;
  j->options.stop = NULL;
  if (r->n_logit_bias) {
    sotto_bias *bias = sotto_alloc(ctx, r->n_logit_bias * sizeof *bias);
    if (!bias) return SOTTO_ERR_OUT_OF_MEMORY;
    memcpy(bias, r->logit_bias, r->n_logit_bias * sizeof *bias);
    j->options.logit_bias = bias;
  }
  for (uint32_t i = 0; i < r->n_stop; i++) j->stop_bytes += strlen(r->stop + j->stop_bytes) + 1;
  if (j->stop_bytes) {
    char *stop = sotto_alloc(ctx, j->stop_bytes);
    if (!stop) return SOTTO_ERR_OUT_OF_MEMORY;
    memcpy(stop, r->stop, j->stop_bytes);
    j->options.stop = stop;
  }
  for (uint32_t i = 0; i < r->n_tokens; i++) SOTTO_TRY(sotto_tokens_push(&j->tokens, r->tokens[i]));
  j->n_prompt = r->n_tokens;
  return SOTTO_OK;
}

sotto_status sotto_generator_add(sotto_generator *g, const sotto_request *request, uint32_t *id) {
  *id = 0;
  SOTTO_TRY(check_request(g, request));
  job *j = sotto_alloc_zero(g->ctx, sizeof *j);
  if (!j) return SOTTO_ERR_OUT_OF_MEMORY;
  sotto_tokens_init(&j->tokens, g->ctx);
  sotto_str_init(&j->held, g->ctx);
  sotto_detokenizer_init(&j->detokenizer);
  sotto_lookup_init(&j->lookup);
  sotto_status status = copy_request(g, j, request);
  if (status != SOTTO_OK) {
    free_job(g, j);
    return status;
  }
  if (++g->next_id == 0) g->next_id = 1;
  j->id = *id = g->next_id;
  job **at = &g->waiting;
  while (*at) at = &(*at)->next;
  *at = j;
  g->n_waiting++;
  return SOTTO_OK;
}

static job *find_job(const sotto_generator *g, uint32_t id) {
  for (job *j = g->running; j; j = j->next) {
    if (j->id == id) return j;
  }
  for (job *j = g->waiting; j; j = j->next) {
    if (j->id == id) return j;
  }
  return NULL;
}

static sotto_status no_such_request(const sotto_generator *g, uint32_t id) {
  return sotto_fail(g->ctx, SOTTO_ERR_INVALID_ARGUMENT, "no request %u is waiting or running", id);
}

sotto_status sotto_generator_prompt_progress(const sotto_generator *g, uint32_t id,
                                             uint32_t *n_done) {
  *n_done = 0;
  const job *j = find_job(g, id);
  if (!j) return no_such_request(g, id);
  if (!j->slot) return SOTTO_OK;
  uint32_t done = j->slot->seq.n_tokens;
  if (g->in_flight) done += (uint32_t)(j->n_batch * g->backend->type->progress(g->backend));
  *n_done = done < j->n_prompt ? done : j->n_prompt;
  return SOTTO_OK;
}

static void clear_events(sotto_generator *g) {
  g->n_events = g->next_event = 0;
  g->text.len = 0;
  g->n_top = 0;
}

/* Forget the batch in flight and the pages reserved for it; its jobs are simply scheduled again. */
static void give_up_batch(sotto_generator *g) {
  g->in_flight = g->emitting = false;
  for (job *j = g->running; j; j = j->next) sotto_kv_rewind(g->kv, &j->slot->seq);
}

/* Whether the batch in flight is left to run, for what others have in it. One that is done is. */
static bool goes_on_without(const sotto_generator *g, const job *j) {
  bool others = false;
  for (uint32_t t = 0; g->in_flight && t < g->batch.n_tokens; t++)
    others |= g->batch_jobs[t] && g->batch_jobs[t] != j;
  return g->emitting || (others && g->backend->type->queue);
}

sotto_status sotto_generator_cancel(sotto_generator *g, uint32_t id) {
  job *j = find_job(g, id);
  if (!j) return no_such_request(g, id);
  if (g->n_events == g->cap_events) { /* cancelled many times between two steps */
    if (g->next_event < g->n_events) {
      return sotto_fail(g->ctx, SOTTO_ERR_BUSY, "take the events, then cancel request %u again",
                        id);
    }
    clear_events(g);
  }
  if (j->slot && !goes_on_without(g, j)) give_up_batch(g);
  generator_finish(g, j, SOTTO_FINISH_CANCELLED, SOTTO_OK);
  return SOTTO_OK;
}

/* ---- the step ---- */

/* One sequence of the batch failed. If it may have been a draft, it goes on without drafts. */
static void fail_job_of(sotto_generator *g, const sotto_kv_seq *seq) {
  give_up_batch(g);
  for (job *j = g->running; j; j = j->next) {
    if (&j->slot->seq != seq) continue;
    if (j->n_draft && !g->batch.n_ahead)
      j->options.flags |= SOTTO_REQUEST_NO_LOOKUP;
    else
      generator_finish(g, j, SOTTO_FINISH_ERROR, SOTTO_ERR_NON_FINITE_LOGITS);
    return;
  }
}

/* The backend computes no more. Those that wait fail in their turn. */
static void fail_all_jobs(sotto_generator *g) {
  give_up_batch(g);
  while (g->running) generator_finish(g, g->running, SOTTO_FINISH_ERROR, g->ctx->status);
}

/* False where there is nothing to run. */
static bool begin_batch(sotto_generator *g) {
  if (!generator_schedule(g)) return false;
  g->backend->type->begin(g->backend, &g->batch);
  g->in_flight = true;
  g->begin_ms = sotto_time_ms();
  return true;
}

/* A host that computes beside us has the next batch before the events of this one are looked at,
 * but for those with rows of logits, which stay until they were read. */
static void begin_early(sotto_generator *g) {
  for (uint32_t o = 0; o < g->batch.n_outputs; o++)
    if (g->wishes[o].row) return;
  if (g->backend->type->queue && begin_batch(g)) g->backend->type->run(g->backend, g->ready, 0);
}

static sotto_step_result emit(sotto_generator *g) {
  const sotto_run_result result = generator_emit_batch(g);
  if (result == SOTTO_RUN_FAILED) fail_all_jobs(g);
  if (result == SOTTO_RUN_DONE) {
    g->emitting = false;
    begin_early(g);
  }
  if (g->n_events) return SOTTO_STEP_EVENTS;
  return result == SOTTO_RUN_WAIT_GPU ? SOTTO_STEP_WAIT_GPU : SOTTO_STEP_MORE;
}

sotto_step_result sotto_generator_step(sotto_generator *g, double budget_ms) {
  if (g->next_event < g->n_events) return SOTTO_STEP_EVENTS;
  clear_events(g);
  double deadline = sotto_time_ms() + budget_ms;
  if (g->emitting) return emit(g);
  if (!g->in_flight && !begin_batch(g)) return g->n_events ? SOTTO_STEP_EVENTS : SOTTO_STEP_IDLE;
  if (g->n_events) return SOTTO_STEP_EVENTS; /* a request failed while being scheduled */
  switch (g->backend->type->run(g->backend, g->ready, deadline)) {
  case SOTTO_RUN_MORE: return SOTTO_STEP_MORE;
  case SOTTO_RUN_WAIT_WEIGHTS: return SOTTO_STEP_WAIT_WEIGHTS;
  case SOTTO_RUN_WAIT_GPU: return SOTTO_STEP_WAIT_GPU;
  case SOTTO_RUN_FAILED: fail_all_jobs(g); return SOTTO_STEP_EVENTS;
  case SOTTO_RUN_NON_FINITE:
    fail_job_of(g, g->backend->failed_seq);
    return g->n_events ? SOTTO_STEP_EVENTS : SOTTO_STEP_MORE;
  case SOTTO_RUN_DONE: break;
  }
  g->in_flight = false;
  if (g->batch.n_tokens == 1 + g->batch.n_ahead)
    g->token_ms = (sotto_time_ms() - g->begin_ms) / g->batch.n_tokens;
  generator_commit_batch(g);
  generator_begin_emitting(g);
  return emit(g);
}

bool sotto_generator_next_event(sotto_generator *g, sotto_event *event) {
  if (g->next_event == g->n_events) return false;
  const queued_event *queued = &g->events[g->next_event++];
  *event = queued->event;
  event->text = g->text.data ? g->text.data + queued->text : "";
  event->top_logprobs = g->top + queued->top;
  return true;
}

/* ---- snapshots ---- */

sotto_status sotto_generator_save(sotto_generator *g, uint64_t model, const sotto_token *tokens,
                                  uint32_t n, sotto_str *out) {
  const slot *best = NULL;
  uint32_t best_n = 0;
  for (uint32_t i = 0; i < g->n_slots; i++) {
    const slot *s = &g->slots[i];
    const uint32_t common = n ? generator_reusable_prefix(g, &s->seq, tokens, n) : s->seq.n_tokens;
    bool better = n ? common > best_n : best == NULL || s->last_used > best->last_used;
    if (common && better) {
      best = s;
      best_n = common;
    }
  }
  if (!best) {
    return sotto_fail(g->ctx, SOTTO_ERR_INVALID_STATE,
                      "nothing of this sequence is in the cache; generate first, then save");
  }
  return sotto_kv_save(g->kv, &best->seq, best_n, model, out);
}

sotto_status sotto_generator_load(sotto_generator *g, uint64_t model, const void *data, size_t len,
                                  uint32_t *n_tokens) {
  *n_tokens = 0;
  SOTTO_TRY(sotto_kv_check(g->kv, model, data, len));
  slot *s = generator_free_slot(g, NULL);
  if (!s) {
    return sotto_fail(g->ctx, SOTTO_ERR_BUSY,
                      "every sequence is generating; load the state when one is done");
  }
  sotto_status status;
  do {
    status = sotto_kv_load(g->kv, &s->seq, data);
  } while (status == SOTTO_ERR_CONTEXT_LENGTH && generator_make_room(g));
  SOTTO_TRY(status);
  for (uint32_t i = 0; i < s->seq.n_tokens; i++) {
    if (s->seq.tokens[i] >= 0 && (uint32_t)s->seq.tokens[i] < g->config.n_vocab) continue;
    sotto_kv_cut(g->kv, &s->seq, 0);
    return sotto_fail(g->ctx, SOTTO_ERR_INVALID_STATE,
                      "the saved state holds tokens that the model does not have");
  }
  s->last_used = ++g->clock;
  *n_tokens = s->seq.n_tokens;
  return SOTTO_OK;
}

void sotto_generator_clear_cache(sotto_generator *g) {
  for (uint32_t i = 0; i < g->n_slots; i++) {
    if (!g->slots[i].job) sotto_kv_cut(g->kv, &g->slots[i].seq, 0);
  }
}
