/* Requests and events, as sotto.h has them (which includes this file). */
#ifndef SOTTO_ENGINE_REQUEST_H
#define SOTTO_ENGINE_REQUEST_H

#include <stdint.h>

#include "sample/sampling.h"

typedef enum sotto_request_flags {
  SOTTO_REQUEST_IGNORE_EOS = 1,    /* go on after end-of-generation tokens */
  SOTTO_REQUEST_LOGPROBS = 2,      /* fill logprob and top_logprobs of token events */
  SOTTO_REQUEST_PROMPT_LOGITS = 4, /* an event with the logits of every prompt position */
  SOTTO_REQUEST_LOGITS = 8,        /* token events carry the logits they were picked from */
  SOTTO_REQUEST_NO_CACHE = 16,  /* neither reuse cached keys and values nor keep this request's */
  SOTTO_REQUEST_SPECIAL = 32,   /* control tokens appear in the text */
  SOTTO_REQUEST_NO_LOOKUP = 64, /* no drafts (engine/lookup.h); the answer is the same */
  /* An event with the log-probability of every prompt token but the first, and no logits. */
  SOTTO_REQUEST_PROMPT_LOGPROBS = 128,
  /* An event with the prompt's embedding, of length 1. Alone, with max_tokens 0; from a model whose
   * file says how to pool, of which nothing else can be asked. */
  SOTTO_REQUEST_EMBEDDING = 256,
} sotto_request_flags;

/* A request; start from sotto_request_default. All memory is copied. Ranges: base/limits.def. */
typedef struct sotto_request {
  sotto_sampling sampling;
  const int32_t *tokens; /* prompt ids, n_tokens >= 1 */
  uint32_t n_tokens;
  /* Most tokens to generate; UINT32_MAX: to the end of the context. 0 with PROMPT_LOGITS or
   * PROMPT_LOGPROBS: only score the prompt. 0 without: only put its keys and values into the cache,
   * for later requests. */
  uint32_t max_tokens;
  const sotto_bias *logit_bias;
  uint32_t n_logit_bias;
  const char *stop; /* n_stop strings, each with a NUL behind it */
  uint32_t n_stop;
  uint32_t top_logprobs; /* with LOGPROBS or PROMPT_LOGPROBS */
  uint32_t flags;        /* sotto_request_flags */
} sotto_request;

typedef enum sotto_event_type {
  SOTTO_EVENT_PROMPT = 1, /* progress: prompt_done of prompt_n tokens are in the cache */
  /* After prompt position `position`: with PROMPT_LOGITS the logits, with PROMPT_LOGPROBS (also
   * with LOGPROBS beside PROMPT_LOGITS) the log-probability of the prompt's next token. */
  SOTTO_EVENT_LOGITS = 2,
  SOTTO_EVENT_TOKEN = 3,
  SOTTO_EVENT_DONE = 4, /* the last event of a request; its id is free again */
  SOTTO_EVENT_EMBEDDING = 5,
} sotto_event_type;

typedef enum sotto_finish_reason {
  SOTTO_FINISH_NONE = 0,
  SOTTO_FINISH_STOP = 1,   /* end-of-generation token or stop string */
  SOTTO_FINISH_LENGTH = 2, /* max_tokens or the context's end */
  SOTTO_FINISH_CANCELLED = 3,
  SOTTO_FINISH_ERROR = 4, /* status and sotto_engine_message say why */
} sotto_finish_reason;

typedef struct sotto_event { /* pointers are valid until the next step or next_event */
  uint32_t type;             /* sotto_event_type */
  uint32_t request;          /* id */
  int32_t token;     /* TOKEN: that was picked; LOGITS: the prompt's next one, -1 at its end */
  uint32_t position; /* TOKEN: of `token` in the sequence; LOGITS: of the token before it */
  const char *text;  /* TOKEN, DONE: new whole characters (UTF-8), possibly none */
  uint32_t text_len; /* bytes */
  float logprob;     /* of `token` */
  const sotto_top_logprob *top_logprobs;
  uint32_t n_top_logprobs;
  const float *logits;       /* [n_vocab], where asked for; else NULL */
  const float *embedding;    /* EMBEDDING: [n_embd] */
  uint32_t finish_reason;    /* DONE: sotto_finish_reason */
  uint32_t status;           /* DONE with FINISH_ERROR: sotto_status */
  uint32_t prompt_n;         /* prompt tokens, cached ones included */
  uint32_t cache_n;          /* of them taken from the cache */
  uint32_t prompt_done;      /* of them computed or found in the cache so far */
  uint32_t predicted_n;      /* tokens generated so far */
  double prompt_ms;          /* from the job's first batch to the end of its prompt */
  double predicted_ms;       /* from then to now */
  uint32_t draft_n;          /* drafts that were computed so far */
  uint32_t draft_n_accepted; /* of them picked by the sampler */
} sotto_event;

typedef enum sotto_step_result {
  SOTTO_STEP_MORE = 0,         /* budget used up: call again */
  SOTTO_STEP_EVENTS = 1,       /* take the events, then call again */
  SOTTO_STEP_WAIT_WEIGHTS = 2, /* nothing to do until more weights are fed */
  SOTTO_STEP_IDLE = 3,         /* no requests */
  SOTTO_STEP_WAIT_GPU = 4,     /* nothing to do until commands for the GPU are reported */
} sotto_step_result;

#endif
