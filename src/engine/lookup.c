/* Prompt lookup: search, belief, price. */
#include "engine/lookup.h"

/* What a request begins with, and a new outcome's weight: drafts start after some right guesses, stop
 * after some wrong ones, and guessing goes on meanwhile, since it costs no pass. */
#define BELIEF 0.7f
#define RATE   0.1f

/* Matrices go through the kernels in tiles of 4 tokens, and what does not fill one goes one by one. A
 * pass of SmolLM2 135M costs, in passes of one token (x86-64):
 *
 *     tokens                       2     3     4     5     8     12
 *     wasmtime, Q4_0              2.0   2.9   3.3   4.2   6.7  10.0
 *     wasmtime, Q8_0              2.1   3.0   3.4
 *     Node.js 24, Q4_0, 1 thread  2.0         2.6         5.7
 *     Node.js 24, Q8_0, 1 thread  1.9         2.2         4.8
 *     Node.js 24, Q4_0, 2 threads 1.7         2.1         3.9
 *
 * So drafts fill a tile up and no more: two tiles at once bring no more than one after the other. The
 * price is that of the dearer host, where a sequence alone needs tokens that come true seven times
 * of eight. `npm run bench -- sequences` measures it. */
#define TILE       4
#define TILE_PRICE 3.3f

void sotto_lookup_init(sotto_lookup *l) {
  *l = (sotto_lookup){0};
  for (uint32_t i = SOTTO_LOOKUP_SHORTEST; i <= SOTTO_LOOKUP_LONGEST; i++) {
    l->belief[i] = BELIEF;
  }
}

/* The longest match wins, of several the latest: one walk back over the tokens. That takes microseconds
 * per 10,000 tokens, which no index beats by anything that a pass would notice. */
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
  return (TILE - n_tokens % TILE) % TILE;
}

/* Of a pass, in passes of one token. */
static float price(uint32_t n_tokens) {
  return (float)(n_tokens / TILE) * TILE_PRICE + (float)(n_tokens % TILE);
}

bool sotto_lookup_pays(uint32_t n_tokens, uint32_t n_drafts, float expected) {
  const float tokens = (float)n_tokens;
  return (tokens + expected) / price(n_tokens + n_drafts) > tokens / price(n_tokens);
}
