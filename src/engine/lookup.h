/* Prompt lookup (Saxena, "Prompt Lookup Decoding", 2023; prompt_lookup_num_tokens in HF
 * transformers, lookup in llama.cpp): where the last tokens of a sequence have occurred before in
 * it, the tokens that followed then are drafts for what follows now. Drafts go through the model in
 * the same batch as the last token, and are kept as long as the sampler picks the same tokens. So
 * they change how long an answer takes and nothing else.
 *
 * This file owns the search, the belief in what it finds and the price of drafts; schedule.c puts
 * drafts into batches, and emit.c compares them with what was picked. */
#ifndef SOTTO_ENGINE_LOOKUP_H
#define SOTTO_ENGINE_LOOKUP_H

#include "tokenizer/tokenizer.h"

/* Tokens of a match: at least 2; a longer match than 8 counts as one of 8. */
#define SOTTO_LOOKUP_SHORTEST 2
#define SOTTO_LOOKUP_LONGEST  8

/* The state of one request's lookup. */
typedef struct sotto_lookup {
  uint32_t source; /* tokens[source] is expected to come next; 0: nothing is */
  uint32_t length; /* of the match in front of it, at most LONGEST */
  /* [length of the match]: how often the expected token came, 0 to 1, a moving average */
  float belief[SOTTO_LOOKUP_LONGEST + 1];
} sotto_lookup;

void sotto_lookup_init(sotto_lookup *lookup);
/* Find out what to expect behind tokens[n]: the match so far is followed while it was right, else a
 * new one is searched for. */
void sotto_lookup_find(sotto_lookup *lookup, const sotto_token *tokens, uint32_t n);
/* tokens[n - 1] has just been picked: adapt the belief to whether it was expected. */
void sotto_lookup_learn(sotto_lookup *lookup, const sotto_token *tokens, uint32_t n);

/* The probability that the next i + 1 tokens are all as expected; 0 when nothing is expected. */
float sotto_lookup_chance(const sotto_lookup *lookup, uint32_t i);
/* The i-th expected token, from 0, where sotto_lookup_chance is above 0. Behind the sequence's end
 * the match is followed into the expected tokens themselves, so i has no limit. */
sotto_token sotto_lookup_token(const sotto_lookup *lookup, const sotto_token *tokens, uint32_t n,
                               uint32_t i);

/* How many drafts are worth considering in a batch of n_tokens that are all decodes. */
uint32_t sotto_lookup_room(uint32_t n_tokens);
/* Whether n_drafts more tokens in a batch of n_tokens, of which `expected` will be right on
 * average, make generation faster. */
bool sotto_lookup_pays(uint32_t n_tokens, uint32_t n_drafts, float expected);

#endif
