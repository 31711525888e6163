/* The generator's inside: jobs and slots, shared by generator.c (life, requests, the step),
 * schedule.c (slots, prefixes, batches), lookup.c (drafts), pick.c (from logits to tokens) and
 * emit.c (to events). */
#ifndef SOTTO_ENGINE_INTERNAL_H
#define SOTTO_ENGINE_INTERNAL_H

#include "engine/generator.h"
#include "engine/lookup.h"
#include "sample/summary.h"

struct slot;

/* A job: the life of a request in the engine, from add to its DONE event. `tokens` are the prompt
 * and what was generated since. The first slot->seq.n_tokens of them are in the KV cache, and the
 * rest are still to go through the model: the rest of a prompt, the last token picked, or after
 * preemption all of them. */
typedef struct job {
  struct job *next; /* in the queue: next to be admitted first; running: oldest first */
  uint32_t id;
  sotto_request options; /* copied; what its pointers point to is the job's */
  size_t stop_bytes;     /* of its stop strings, NULs included */
  sotto_tokens tokens;
  uint32_t n_prompt;
  uint32_t n_scored; /* prompt positions whose LOGITS event has been queued */
  uint32_t n_cached; /* prompt tokens found in the cache */
  struct slot *slot; /* NULL while waiting */
  uint32_t n_batch;  /* how many of `tokens` go into the batch */
  uint32_t n_draft;  /* drafts that go into the batch behind them, or tokens that it finds itself */
  sotto_lookup lookup;
  uint32_t draft_n, draft_n_accepted; /* in all batches so far */
  sotto_detokenizer detokenizer;
  sotto_str held; /* text not given out yet: it may be the start of a stop string */
  bool prompt_reported;
  double start_ms, prompt_end_ms; /* 0: not begun, still in the prompt */
} job;

/* A place for one sequence: running for a job, or idle, with a sequence kept because later requests
 * may begin with the same tokens (as the slots of llama.cpp's server). */
typedef struct slot {
  sotto_kv_seq seq;
  job *job;           /* NULL: idle */
  uint64_t last_used; /* the generator's clock at the last admission */
} slot;

/* An event in the queue. Its text and top_logprobs are offsets into the step's buffers, which may
 * still move; next_event makes pointers of them. */
typedef struct queued_event {
  sotto_event event;
  size_t text, top;
} queued_event;

struct sotto_generator {
  sotto_ctx *ctx;
  sotto_generator_config config;
  sotto_backend *backend;
  const bool *ready; /* [n_weights] from the loader */
  bool loaded;       /* all weights are ready */
  sotto_kv *kv;
  const sotto_tokenizer *tokenizer;
  sotto_sampler *sampler;
  slot *slots;
  uint32_t n_slots;
  job *waiting, *running;
  uint32_t n_waiting, n_running, next_id;
  uint64_t clock; /* counts admissions, for last_used */

  bool in_flight;  /* the backend has begun `batch` and is not done with it */
  double begin_ms; /* when it began */
  double token_ms; /* of the last batch of one token, or of one token and those ahead: of each */
  sotto_batch batch;
  /* [n_batch_loading] each, of the batch's tokens; `batch` points to them. batch_jobs[t] is NULL
   * once the job of token t has ended. */
  sotto_token *batch_tokens;
  uint32_t *batch_positions;
  const sotto_kv_seq **batch_seqs;
  job **batch_jobs;
  uint32_t *batch_outputs;   /* [n_outputs] */
  sotto_output_wish *wishes; /* [n_outputs] */
  sotto_token *named; /* [n_named] SOTTO_SUMMARY_NAMED for each output; 0 without summaries */
  size_t n_named;
  bool emitting; /* the batch is done and its outputs before next_output are emitted */
  uint32_t next_output;

  queued_event *events; /* [cap_events] of this step; those before next_event have been taken */
  size_t n_events, cap_events, next_event;
  sotto_str text;         /* of this step's events */
  sotto_top_logprob *top; /* of this step's events */
  size_t n_top;
};

/* ---- generator.c ---- */
/* Take a job out of its list and free it. Its slot becomes idle and keeps what was computed, unless
 * the request forbids it (NO_CACHE). */
void generator_drop_job(sotto_generator *g, job *j);

/* ---- schedule.c ---- */
/* Admit jobs to slots, reserve pages and fill g->batch. False when there is nothing to run. */
bool generator_schedule(sotto_generator *g);
/* The batch is done: add its tokens to their sequences, but not the drafts. */
void generator_commit_batch(sotto_generator *g);
/* An idle slot to begin a sequence in: an empty one, else the least recently used one, which is
 * emptied. `except` is taken only if there is no other, and is then not emptied. NULL when all are
 * running. */
slot *generator_free_slot(sotto_generator *g, const slot *except);
/* How many of tokens[n] a sequence that begins with them need not compute, as `seq` has. */
uint32_t generator_reusable_prefix(const sotto_generator *g, const sotto_kv_seq *seq,
                                   const sotto_token *tokens, uint32_t n);
/* Free pages that are held only because nobody needed them: those behind windows, then those of the
 * least recently used idle slot. False where there are none. */
bool generator_make_room(sotto_generator *g);
/* Send all running jobs back to the queue, in order, and forget what was computed of them. */
void generator_preempt_all(sotto_generator *g);

/* Whether the request wants an event for every position of its prompt. */
static inline bool generator_scores(const job *j) {
  return j->options.flags & (SOTTO_REQUEST_PROMPT_LOGITS | SOTTO_REQUEST_PROMPT_LOGPROBS);
}
/* Whether the request only puts its prompt into the cache, and wants no output. */
static inline bool generator_only_fills_cache(const job *j) {
  return j->options.max_tokens == 0 && !generator_scores(j) &&
         !(j->options.flags & SOTTO_REQUEST_EMBEDDING);
}

/* ---- emit.c ---- */
/* The batch is done: queue its progress; its outputs come next. */
void generator_begin_emitting(sotto_generator *g);
/* Sample from the outputs, from next_output on, and queue the events. DONE at the end, else what a
 * row waits for. */
sotto_run_result generator_emit_batch(sotto_generator *g);
/* A new event of the job with its statistics filled in. */
sotto_event *generator_queue(sotto_generator *g, const job *j, sotto_event_type type);
/* Queue the job's DONE event and drop the job. */
void generator_finish(sotto_generator *g, job *j, sotto_finish_reason reason, sotto_status status);

/* ---- pick.c ---- */
/* What the o-th output of the batch, behind so many drafts of the job, is wanted for. */
void generator_wish(sotto_generator *g, const job *j, uint32_t o, uint32_t n_drafts);
/* Whether the job's next token is the best of the raw logits, and nobody asks for their row. */
bool generator_picks_best(sotto_generator *g, const job *j);
/* Pick a token from the o-th output. *status and *token are set with DONE. */
sotto_run_result generator_pick(sotto_generator *g, const job *j, uint32_t o, sotto_status *status,
                                sotto_token *token);

/* ---- embed.c ---- */
/* Whether the model gives what the request asks for: text and logits, or an embedding. */
sotto_status generator_check_output(sotto_generator *g, const sotto_request *request);
/* Queue the embedding of a job whose text is done, then its end. */
void generator_emit_embedding(sotto_generator *g, job *j, const float *embedding);

#endif
