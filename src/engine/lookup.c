/* Prompt lookup (lookup.h): the search, the belief in what it finds, the price of drafts. */
#include "engine/lookup.h"

/* The belief that a request begins with, and how much of it each new outcome replaces: drafts start
 * after some right guesses and stop after some wrong ones. Guesses go on being checked meanwhile,
 * since that needs no pass. */
#define BELIEF 0.7f
#define RATE   0.1f

/* The kernels multiply by four tokens together, and by the one to three left over one at a time. A
 * pass (a batch's way through the program) of SmolLM2 135M costs, in passes of one token (x86-64):
 *
 *     tokens                       2     3     4     5     8     12
 *     wasmtime, Q4_0              2.0   2.9   3.3   4.2   6.7  10.0
 *     wasmtime, Q8_0              2.1   3.0   3.4
 *     Node.js 24, Q4_0, 1 thread  2.0         2.6         5.7
 *     Node.js 24, Q8_0, 1 thread  1.9         2.2         4.8
 *     Node.js 24, Q4_0, 2 threads 1.7         2.1         3.9
 *
 * So drafts fill the batch up to a multiple of four tokens and no further: eight tokens in one pass
 * bring no more than in two. The price is that of the dearer host, where drafts beside a single
 * sequence pay if seven of eight are right. `npm run bench -- sequences` measures it. */
#define GEMM_TOKENS 4    /* that a GEMM takes together */
#define GEMM_PRICE  3.3f /* of a pass of so many, in passes of one token */

void sotto_lookup_init(sotto_lookup *l) {
  *l = (sotto_lookup){0};
  for (uint32_t i = SOTTO_LOOKUP_SHORTEST; i <= SOTTO_LOOKUP_LONGEST; i++) {
    l->belief[i] = BELIEF;
  }
}

/* The longest match wins, of several the latest. One walk back over all tokens takes some
 * microseconds per 10,000 of them, so an index would save nothing that counts beside a pass of
 * milliseconds. */
static void search(sotto_lookup *l, const sotto_token *tokens, uint32_t n) {
  uint32_t best = SOTTO_LOOKUP_SHORTEST - 1;
  if (n <= best) return;
  const sotto_token last = tokens[n - 1];
  for (uint32_t end = n - 1; end > best && best < SOTTO_LOOKUP_LONGEST; end--) {
    if (tokens[end - 1] != last) continue;
    uint32_t length = 1;
    while (length < SOTTO_LOOKUP_LONGEST && length < end &&
           tokens[end - 1 - length] == tokens[n - 1 - length]) {
      length++;
    }
    if (length <= best) continue;
    best = l->length = length;
    l->source = end;
  }
}

void sotto_lookup_find(sotto_lookup *l, const sotto_token *tokens, uint32_t n) {
  if (l->source == 0) search(l, tokens, n);
}

void sotto_lookup_learn(sotto_lookup *l, const sotto_token *tokens, uint32_t n) {
  if (l->source == 0) return;
  const bool came = tokens[l->source] == tokens[n - 1];
  l->belief[l->length] += RATE * ((came ? 1.0f : 0.0f) - l->belief[l->length]);
  l->source = came ? l->source + 1 : 0;
  if (l->length < SOTTO_LOOKUP_LONGEST) l->length++;
}

sotto_token sotto_lookup_token(const sotto_lookup *l, const sotto_token *tokens, uint32_t n,
                               uint32_t i) {
  /* Behind the last token come the expected ones themselves. */
  return tokens[l->source + i % (n - l->source)];
}

float sotto_lookup_chance(const sotto_lookup *l, uint32_t i) {
  if (l->source == 0) return 0;
  float chance = 1;
  for (uint32_t length = l->length; length <= l->length + i; length++) {
    chance *= l->belief[length < SOTTO_LOOKUP_LONGEST ? length : SOTTO_LOOKUP_LONGEST];
  }
  return chance;
}

uint32_t sotto_lookup_room(uint32_t n_tokens) {
  return (GEMM_TOKENS - n_tokens % GEMM_TOKENS) % GEMM_TOKENS;
}

/* Of a pass of n_tokens, in passes of one token. */
static float price(uint32_t n_tokens) {
  return (float)(n_tokens / GEMM_TOKENS) * GEMM_PRICE + (float)(n_tokens % GEMM_TOKENS);
}

bool sotto_lookup_pays(uint32_t n_tokens, uint32_t n_drafts, float expected) {
  const float tokens = (float)n_tokens;
  return (tokens + expected) / price(n_tokens + n_drafts) > tokens / price(n_tokens);
}
