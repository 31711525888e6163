/* The generator's inside: requests and slots, shared by generator.c (life, requests, the step),
 * schedule.c (slots, prefixes, batches), lookup.c (drafts) and emit.c (from logits to events). */
#ifndef SOTTO_ENGINE_INTERNAL_H
#define SOTTO_ENGINE_INTERNAL_H

#include "engine/generator.h"
#include "engine/lookup.h"

struct slot;

/* A request from add to its DONE event. `tokens` are the prompt and what was generated; the sequence in
 * its slot says how many of them are computed, so that prompt, decode and recomputation are one thing:
 * tokens[seq.n_tokens ..] are still to go through the model. */
typedef struct job {
  struct job *next; /* waiting: first come first; running: by age */
  uint32_t id;
  sotto_request options; /* pointers in it are ours */
  size_t stop_bytes;     /* of its stop strings */
  sotto_tokens tokens;
  uint32_t n_prompt;
  uint32_t n_scored; /* prompt positions whose LOGITS event was given */
  uint32_t n_cached; /* prompt tokens found in the cache */
  struct slot *slot; /* NULL while waiting */
  uint32_t n_batch;  /* of `tokens`, that go into the batch being made */
  uint32_t n_draft;  /* expected tokens that go in behind them */
  sotto_lookup lookup;
  uint32_t draft_n, draft_n_accepted; /* in all batches so far */
  sotto_detokenizer detokenizer;
  sotto_str held; /* text that may still turn into a stop string */
  bool prompt_reported;
  double start_ms, prompt_end_ms; /* start 0: not begun */
} job;

/* A sequence of the cache: in use by a job, or kept for prefixes to come. */
typedef struct slot {
  sotto_kv_seq seq;
  job *job;
  uint64_t last_used;
} slot;

/* An event as queued; texts and top lists are offsets into the step's buffers. */
typedef struct queued_event {
  sotto_event event;
  size_t text, top;
} queued_event;

struct sotto_generator {
  sotto_ctx *ctx;
  sotto_generator_config config;
  sotto_backend *backend;
  const bool *ready; /* [weights] */
  bool loaded;       /* all of them are */
  sotto_kv *kv;
  const sotto_tokenizer *tokenizer;
  sotto_sampler *sampler;
  slot *slots;
  uint32_t n_slots;
  job *waiting, *running;
  uint32_t n_waiting, n_running, next_id;
  uint64_t clock; /* counts admissions, for last_used */

  bool in_flight; /* `batch` is begun and not done */
  sotto_batch batch;
  sotto_token *batch_tokens; /* [n_batch] and so on: what batch points to */
  uint32_t *batch_positions;
  const sotto_kv_seq **batch_seqs;
  job **batch_jobs;
  uint32_t *batch_outputs; /* [n_outputs] */

  queued_event *events; /* [cap_events] of this step, taken from next_event on */
  size_t n_events, cap_events, next_event;
  sotto_str text;         /* of this step's events */
  sotto_top_logprob *top; /* the same */
  size_t n_top;
};

/* ---- generator.c ---- */
/* Take a job out of its list and free it; its slot keeps what was computed. */
void generator_drop_job(sotto_generator *g, job *j);

/* ---- schedule.c ---- */
/* Admit, reserve, fill g->batch. False when there is nothing to run. */
bool generator_schedule(sotto_generator *g);
/* Note the batch's tokens as computed, all but the drafts. */
void generator_commit_batch(sotto_generator *g);
/* An idle slot with nothing in it: an empty one, else the least recently used cached one, emptied. NULL
 * when all are running. `except` is spared if possible. */
slot *generator_free_slot(sotto_generator *g, const slot *except);
uint32_t generator_common_prefix(const sotto_kv_seq *seq, const sotto_token *tokens, uint32_t n);

/* Whether an event is wanted of every prompt position. */
static inline bool generator_scores(const job *j) {
  return j->options.flags & (SOTTO_REQUEST_PROMPT_LOGITS | SOTTO_REQUEST_PROMPT_LOGPROBS);
}
/* Whether the job ends with its prompt and wants none of its logits. */
static inline bool generator_only_fills_cache(const job *j) {
  return j->options.max_tokens == 0 && !generator_scores(j);
}

/* ---- emit.c ---- */
/* Sample and queue events for every output of the finished batch. */
void generator_emit_batch(sotto_generator *g);
/* Queue the DONE event and drop the job. */
void generator_finish(sotto_generator *g, job *j, sotto_finish_reason reason, sotto_status status);

#endif
