/* How the next token is picked, as sotto.h has it (which includes this file). sampler.h says in
 * which order the filters are applied, base/limits.def what the numbers may be. */
#ifndef SOTTO_SAMPLE_SAMPLING_H
#define SOTTO_SAMPLE_SAMPLING_H

#include <stdint.h>

typedef struct sotto_sampling {
  float temperature;       /* default 0.8; 0: the highest logit */
  int32_t top_k;           /* default 40; 0: off */
  float top_p;             /* default 0.95; 1: off */
  float min_p;             /* default 0.05; 0: off */
  float typical_p;         /* default 1: off */
  float repeat_penalty;    /* default 1: off */
  int32_t repeat_last_n;   /* tokens the penalties look back; default 64; 0: off, -1: all */
  float presence_penalty;  /* default 0 */
  float frequency_penalty; /* default 0 */
  uint64_t seed;
} sotto_sampling;

typedef struct sotto_bias {
  int32_t token;
  float bias; /* added to the logit; -INFINITY bans the token */
} sotto_bias;

typedef struct sotto_top_logprob {
  int32_t token;
  float logprob; /* natural logarithm, of the raw logits' softmax (as OpenAI's logprobs) */
} sotto_top_logprob;

#endif
