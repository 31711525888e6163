/* Requests and events: the engine's public vocabulary (included by sotto.h). */
#ifndef SOTTO_ENGINE_REQUEST_H
#define SOTTO_ENGINE_REQUEST_H

#include <stdint.h>

#include "sample/sampling.h"

typedef enum sotto_request_flags {
  SOTTO_REQUEST_IGNORE_EOS = 1,    /* go on after end-of-generation tokens */
  SOTTO_REQUEST_LOGPROBS = 2,      /* fill logprob and top_logprobs of token events */
  SOTTO_REQUEST_PROMPT_LOGITS = 4, /* an event with the logits of every prompt position */
  SOTTO_REQUEST_LOGITS = 8,        /* token events carry the logits they were picked from */
  SOTTO_REQUEST_NO_CACHE = 16,     /* neither reuse nor keep KV of this request */
  SOTTO_REQUEST_SPECIAL = 32,      /* control tokens appear in the text */
  SOTTO_REQUEST_NO_LOOKUP = 64, /* no drafts from earlier tokens: one pass a token, same answer */
  SOTTO_REQUEST_PROMPT_LOGPROBS = 128, /* an event with the log-probability of every prompt token
                                        * but the first, and no logits: the same bits everywhere */
} sotto_request_flags;

/* A request; start from sotto_request_default. All memory is copied. Ranges: base/limits.def. */
typedef struct sotto_request {
  sotto_sampling sampling;
  const int32_t *tokens; /* prompt ids, n_tokens >= 1 */
  uint32_t n_tokens;
  /* UINT32_MAX: to the end of the context. 0 with PROMPT_LOGITS or PROMPT_LOGPROBS: only score; 0
   * without: only put the prompt's keys and values into the cache, for requests to come. */
  uint32_t max_tokens;
  const sotto_bias *logit_bias;
  uint32_t n_logit_bias;
  const char *stop; /* n_stop NUL-terminated strings, one behind the other */
  uint32_t n_stop;
  uint32_t top_logprobs; /* with LOGPROBS or PROMPT_LOGPROBS */
  uint32_t flags;        /* sotto_request_flags */
} sotto_request;

typedef enum sotto_event_type {
  SOTTO_EVENT_PROMPT = 1, /* progress: n_prompt_done of prompt_n tokens are in the cache */
  /* After prompt position `position`: with PROMPT_LOGITS the logits, with PROMPT_LOGPROBS (also with
   * LOGPROBS beside PROMPT_LOGITS) the log-probability of the prompt's next token. */
  SOTTO_EVENT_LOGITS = 2,
  SOTTO_EVENT_TOKEN = 3,
  SOTTO_EVENT_DONE = 4, /* the last event of a request; its id is free again */
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
  int32_t token;     /* TOKEN: the token; LOGITS: the prompt's next token, -1 behind the last */
  uint32_t position; /* of `token` in the sequence */
  const char *text;  /* TOKEN, DONE: new whole characters (UTF-8), possibly none */
  uint32_t text_len; /* bytes */
  float logprob;     /* of `token` */
  const sotto_top_logprob *top_logprobs;
  uint32_t n_top_logprobs;
  const float *logits;       /* [n_vocab], where asked for; else NULL */
  uint32_t finish_reason;    /* DONE: sotto_finish_reason */
  uint32_t status;           /* DONE with FINISH_ERROR: sotto_status */
  uint32_t prompt_n;         /* prompt tokens, cached ones included */
  uint32_t cache_n;          /* of them taken from the cache */
  uint32_t prompt_done;      /* of them computed or cached so far */
  uint32_t predicted_n;      /* tokens generated so far */
  double prompt_ms;          /* from the first step on this prompt to its last logits */
  double predicted_ms;       /* from then to now */
  uint32_t draft_n;          /* drafts computed beside the answer's tokens so far */
  uint32_t draft_n_accepted; /* of them picked */
} sotto_event;

typedef enum sotto_step_result {
  SOTTO_STEP_MORE = 0,         /* budget used up: call again */
  SOTTO_STEP_EVENTS = 1,       /* take the events, then call again */
  SOTTO_STEP_WAIT_WEIGHTS = 2, /* nothing to do until more weights are fed */
  SOTTO_STEP_WAIT_GPU = 3,     /* nothing to do until the GPU has answered */
  SOTTO_STEP_IDLE = 4,         /* no requests */
} sotto_step_result;

#endif
