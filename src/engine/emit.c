/* From logits to events: sampling, text, stop strings, the end of a request. */
#include "engine/internal.h"
#include "platform/time.h"

/* An event of the job with its statistics filled in; the capacity was reckoned for the worst
 * step. */
static queued_event *queue(sotto_generator *g, const job *j, sotto_event_type type) {
  queued_event *queued = &g->events[g->n_events++];
  uint32_t computed = j->slot ? j->slot->seq.n_tokens : 0;
  double now = sotto_time_ms();
  *queued = (queued_event){
      .event =
          {
              .type = type,
              .request = j->id,
              .token = -1,
              .prompt_n = j->n_prompt,
              .cache_n = j->n_cached,
              .prompt_done = computed < j->n_prompt && !j->prompt_reported ? computed : j->n_prompt,
              .predicted_n = (uint32_t)j->tokens.count - j->n_prompt,
              .draft_n = j->draft_n,
              .draft_n_accepted = j->draft_n_accepted,
          },
      .text = g->text.len,
      .top = g->n_top,
  };
  if (j->start_ms > 0) {
    bool predicting = j->prompt_end_ms > 0;
    queued->event.prompt_ms = (predicting ? j->prompt_end_ms : now) - j->start_ms;
    queued->event.predicted_ms = predicting ? now - j->prompt_end_ms : 0;
  }
  return queued;
}

sotto_event *generator_queue(sotto_generator *g, const job *j, sotto_event_type type) {
  return &queue(g, j, type)->event;
}

/* Append text of an event to the step's buffer. */
static sotto_status add_text(sotto_generator *g, queued_event *queued, const char *text,
                             size_t len) {
  SOTTO_TRY(sotto_str_append(&g->text, text, len));
  queued->event.text_len += (uint32_t)len;
  return SOTTO_OK;
}

void generator_finish(sotto_generator *g, job *j, sotto_finish_reason reason, sotto_status status) {
  /* Text that waited for more of a stop string, and half a character, come with the last event. */
  if (status == SOTTO_OK && reason != SOTTO_FINISH_STOP) {
    status = sotto_detokenizer_end(&j->detokenizer, &j->held);
  }
  queued_event *queued = queue(g, j, SOTTO_EVENT_DONE);
  if (status == SOTTO_OK && j->held.len) status = add_text(g, queued, j->held.data, j->held.len);
  queued->event.finish_reason = status == SOTTO_OK ? reason : SOTTO_FINISH_ERROR;
  queued->event.status = status;
  if (status != SOTTO_OK) j->options.flags |= SOTTO_REQUEST_NO_CACHE; /* do not keep what failed */
  generator_drop_job(g, j);
}

/* ---- stop strings ---- */

/* The earliest stop string in `held`, or its length when there is none. */
static size_t find_stop(const job *j, const sotto_str *held) {
  size_t first = held->len;
  const char *stop = j->options.stop;
  for (uint32_t i = 0; i < j->options.n_stop; i++, stop += strlen(stop) + 1) {
    size_t len = strlen(stop);
    for (size_t at = 0; at + len <= held->len && at < first; at++) {
      if (memcmp(held->data + at, stop, len) == 0) first = at;
    }
  }
  return first;
}

/* How many bytes at the end of `held` could begin a stop string. */
static size_t begun_stop(const job *j, const sotto_str *held) {
  size_t longest = 0;
  const char *stop = j->options.stop;
  for (uint32_t i = 0; i < j->options.n_stop; i++, stop += strlen(stop) + 1) {
    size_t len = strlen(stop);
    size_t n = held->len < len - 1 ? held->len : len - 1;
    for (; n > longest; n--) {
      if (memcmp(held->data + held->len - n, stop, n) == 0) longest = n;
    }
  }
  return longest;
}

/* Text of a new token to the event, all but what may belong to a stop string. *stopped: one was
 * found; nothing from it on is given. */
static sotto_status emit_text(sotto_generator *g, job *j, queued_event *queued, sotto_token token,
                              bool *stopped) {
  *stopped = false;
  bool special = j->options.flags & SOTTO_REQUEST_SPECIAL;
  sotto_slice bytes = sotto_tokenizer_bytes(g->tokenizer, token, special);
  SOTTO_TRY(sotto_detokenizer_feed(&j->detokenizer, bytes, &j->held));
  size_t stop = find_stop(j, &j->held);
  *stopped = stop < j->held.len;
  size_t give = *stopped ? stop : j->held.len - begun_stop(j, &j->held);
  SOTTO_TRY(add_text(g, queued, j->held.data, give));
  size_t keep = *stopped ? 0 : j->held.len - give;
  if (keep) memmove(j->held.data, j->held.data + give, keep);
  j->held.len = keep;
  return SOTTO_OK;
}

/* ---- logits ---- */

static void add_logprobs(sotto_generator *g, const job *j, queued_event *queued,
                         const float *logits) {
  const uint32_t n_vocab = g->config.n_vocab;
  if (queued->event.token >= 0) {
    queued->event.logprob = sotto_logprob(logits, n_vocab, queued->event.token);
  }
  if (j->options.top_logprobs == 0) return;
  queued->top = g->n_top;
  sotto_top_logprobs(logits, n_vocab, j->options.top_logprobs, g->top + g->n_top,
                     &queued->event.n_top_logprobs);
  g->n_top += queued->event.n_top_logprobs;
}

static void emit_prompt_position(sotto_generator *g, job *j, uint32_t position,
                                 const float *logits) {
  const uint32_t flags = j->options.flags;
  const bool last = position + 1 == j->n_prompt; /* nothing of the prompt comes behind it */
  j->n_scored = position + 1;
  if (last && !(flags & SOTTO_REQUEST_PROMPT_LOGITS)) return;
  queued_event *queued = queue(g, j, SOTTO_EVENT_LOGITS);
  queued->event.position = position;
  if (!last) queued->event.token = j->tokens.ids[position + 1];
  if (flags & SOTTO_REQUEST_PROMPT_LOGITS) queued->event.logits = logits;
  if (flags & (SOTTO_REQUEST_LOGPROBS | SOTTO_REQUEST_PROMPT_LOGPROBS))
    add_logprobs(g, j, queued, logits);
}

/* A token was picked for a job whose last token, with these logits (where they are asked for), is
 * the batch's t-th. */
static void emit_token(sotto_generator *g, job *j, uint32_t t, sotto_status status,
                       sotto_token token, const float *logits) {
  uint32_t position = (uint32_t)j->tokens.count;
  if (status == SOTTO_OK) status = sotto_tokens_push(&j->tokens, token);
  if (status != SOTTO_OK) {
    generator_finish(g, j, SOTTO_FINISH_ERROR, status);
    return;
  }
  sotto_lookup_learn(&j->lookup, j->tokens.ids, (uint32_t)j->tokens.count);
  const bool draft = !g->batch.n_ahead && t + 1 < g->batch.n_tokens && g->batch_jobs[t + 1] == j;
  if (draft && g->batch_tokens[t + 1] == token) j->draft_n_accepted++;
  queued_event *queued = queue(g, j, SOTTO_EVENT_TOKEN);
  queued->event.token = token;
  queued->event.position = position;
  if (j->options.flags & SOTTO_REQUEST_LOGITS) queued->event.logits = logits;
  if (j->options.flags & SOTTO_REQUEST_LOGPROBS) add_logprobs(g, j, queued, logits);
  bool end_of_generation =
      !(j->options.flags & SOTTO_REQUEST_IGNORE_EOS) && sotto_tokenizer_is_eog(g->tokenizer, token);
  bool stopped = false;
  if (!end_of_generation) status = emit_text(g, j, queued, token, &stopped);
  if (status != SOTTO_OK) {
    generator_finish(g, j, SOTTO_FINISH_ERROR, status);
  } else if (end_of_generation) {
    status = sotto_detokenizer_end(&j->detokenizer, &j->held);
    generator_finish(g, j, SOTTO_FINISH_STOP, status);
  } else if (stopped) {
    generator_finish(g, j, SOTTO_FINISH_STOP, SOTTO_OK);
  } else if (j->tokens.count - j->n_prompt >= j->options.max_tokens ||
             j->tokens.count > g->config.n_ctx) {
    generator_finish(g, j, SOTTO_FINISH_LENGTH, SOTTO_OK);
  }
}

/* Progress of a prompt, once per batch that held some of it. */
static void emit_progress(sotto_generator *g) {
  for (uint32_t t = 0; t < g->batch.n_tokens; t++) {
    job *j = g->batch_jobs[t];
    bool last_of_job = t + 1 == g->batch.n_tokens || g->batch_jobs[t + 1] != j;
    if (!j || !last_of_job || j->prompt_reported) continue;
    if (j->slot->seq.n_tokens >= j->n_prompt) {
      j->prompt_end_ms = sotto_time_ms();
      queue(g, j, SOTTO_EVENT_PROMPT);
      j->prompt_reported = true;
    } else {
      queue(g, j, SOTTO_EVENT_PROMPT);
    }
  }
}

/* Whether the batch's t-th token is one of the job's: every token but the drafts that were not
 * picked. A draft that was picked counts as computed from now on. */
static bool is_picked(sotto_generator *g, job *j, uint32_t t) {
  const uint32_t position = g->batch_positions[t];
  if (position < j->slot->seq.n_tokens) return true;
  if (position + 1 != j->tokens.count || j->tokens.ids[position] != g->batch_tokens[t])
    return false;
  sotto_kv_commit(g->kv, &j->slot->seq, &g->batch_tokens[t], 1);
  return true;
}

/* Jobs that wanted no more than their prompt in the cache have no output to end at. */
static void finish_filled(sotto_generator *g) {
  for (job *j = g->running, *next; j; j = next) {
    next = j->next;
    if (generator_only_fills_cache(j) && j->slot->seq.n_tokens == j->tokens.count)
      generator_finish(g, j, SOTTO_FINISH_LENGTH, SOTTO_OK);
  }
}

static sotto_run_result emit_output(sotto_generator *g, uint32_t o) {
  const size_t width = g->config.n_embd ? g->config.n_embd : g->config.n_vocab;
  const float *row = g->backend->type->output(g->backend) + o * width;
  uint32_t t = g->batch_outputs[o];
  job *j = g->batch_jobs[t];
  if (!j || !is_picked(g, j, t)) return SOTTO_RUN_DONE; /* ended meanwhile, or drafted in vain */
  uint32_t position = g->batch_positions[t];
  if (generator_scores(j) && position >= j->n_scored && position < j->n_prompt)
    emit_prompt_position(g, j, position, row);
  if (position + 1 != j->tokens.count) return SOTTO_RUN_DONE;
  if (g->config.n_embd) {
    generator_emit_embedding(g, j, row);
  } else if (j->options.max_tokens == 0) {
    generator_finish(g, j, SOTTO_FINISH_LENGTH, SOTTO_OK);
  } else {
    sotto_status status;
    sotto_token token;
    const sotto_run_result result = generator_pick(g, j, o, &status, &token);
    if (result != SOTTO_RUN_DONE) return result;
    emit_token(g, j, t, status, token, row);
  }
  return SOTTO_RUN_DONE;
}

void generator_begin_emitting(sotto_generator *g) {
  g->emitting = true;
  g->next_output = 0;
  emit_progress(g);
}

sotto_run_result generator_emit_batch(sotto_generator *g) {
  for (; g->next_output < g->batch.n_outputs; g->next_output++) {
    const sotto_run_result result = emit_output(g, g->next_output);
    if (result != SOTTO_RUN_DONE) return result;
  }
  finish_filled(g);
  for (job *j = g->running; j; j = j->next) {
    if (j->n_draft) sotto_kv_rewind(g->kv, &j->slot->seq);
  }
  return SOTTO_RUN_DONE;
}
