/* Prompt lookup (Saxena, "Prompt Lookup Decoding", 2023; HF's prompt_lookup_num_tokens, llama.cpp's
 * lookup): what followed the last tokens when they occurred before is what may follow now. Such drafts
 * go through the model beside the last token and are kept as far as sampling picks the same, so they
 * change how long an answer takes and nothing else.
 *
 * This file owns the search, the belief in what it finds and the price of drafts; schedule.c puts them
 * into batches, emit.c compares. */
#ifndef SOTTO_ENGINE_LOOKUP_H
#define SOTTO_ENGINE_LOOKUP_H

#include "tokenizer/tokenizer.h"

/* A match has at least 2 tokens; more than 8 are not told apart. */
#define SOTTO_LOOKUP_SHORTEST 2
#define SOTTO_LOOKUP_LONGEST  8

/* Of one request; from sotto_lookup_init on. */
typedef struct sotto_lookup {
  uint32_t source; /* tokens[source] is expected next; 0: nothing is */
  uint32_t length; /* tokens before it that match the last ones, at most LONGEST */
  float belief[SOTTO_LOOKUP_LONGEST + 1]; /* [length]: how often the expected token has come */
} sotto_lookup;

void sotto_lookup_init(sotto_lookup *lookup);
/* Expect something after tokens[n]: go on with what was right so far, else search. */
void sotto_lookup_find(sotto_lookup *lookup, const sotto_token *tokens, uint32_t n);
/* tokens[n - 1] has been picked: was it expected? */
void sotto_lookup_learn(sotto_lookup *lookup, const sotto_token *tokens, uint32_t n);

/* How likely the expected tokens 0 to i are to come, all of them; 0 when nothing is expected. */
float sotto_lookup_chance(const sotto_lookup *lookup, uint32_t i);
/* The i-th expected token, if the chance is above 0. There is no last one: repetitions go on. */
sotto_token sotto_lookup_token(const sotto_lookup *lookup, const sotto_token *tokens, uint32_t n,
                               uint32_t i);

/* Drafts worth considering beside a batch of n_tokens that are all decodes. */
uint32_t sotto_lookup_room(uint32_t n_tokens);
/* Do n_drafts more tokens, of which so many are expected to come true, make the batch faster? */
bool sotto_lookup_pays(uint32_t n_tokens, uint32_t n_drafts, float expected);

#endif
