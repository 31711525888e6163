/* Merging of one piece into tokens (byte-pair encoding, Sennrich et al. 2016): a piece is cut into
 * symbols; of all adjacent pairs of symbols the one with the lowest rank merges first, of equal
 * ranks the leftmost. The algorithm (bpe.c, spm.c) says what the symbols are and what rank a pair
 * has.
 *
 * Words are short: up to SOTTO_SHORT symbols the ranks stand in an array that is searched and
 * closed up. This case is inline, so that each algorithm gets its own copy: calls through pointers
 * cost a quarter of the speed. Longer pieces are merge.c's. */
#ifndef SOTTO_TOKENIZER_MERGE_H
#define SOTTO_TOKENIZER_MERGE_H

#include "tokenizer/internal.h"

#define SOTTO_NO_RANK UINT32_MAX

/* What a merging algorithm says about symbols. A symbol covers some bytes of the piece. */
typedef struct sotto_merger {
  /* Returns the length of the first symbol of text[left], left >= 1. *id is its token, or
   * SOTTO_NO_ID where it has none and is dropped. */
  size_t (*symbol)(const sotto_tokenizer *t, const char *text, size_t left, uint32_t *id);
  /* Returns the rank of two adjacent symbols with the ids left and right, which together cover
   * `bytes`; *id is the token they become. SOTTO_NO_RANK: they do not merge. */
  uint32_t (*pair)(const sotto_tokenizer *t, uint32_t left, uint32_t right, sotto_slice bytes,
                   uint32_t *id);
  /* Append the tokens of a symbol that is left when no pair merges any more. */
  sotto_status (*emit)(const sotto_tokenizer *t, uint32_t id, sotto_slice bytes, sotto_tokens *out);
} sotto_merger;

sotto_status sotto_merge_long(const sotto_tokenizer *t, const sotto_merger *merger,
                              sotto_scratch *scratch, sotto_slice piece, sotto_tokens *out);

#define SOTTO_SHORT 48

/* Symbol i covers piece[start[i] .. start[i + 1]). */
typedef struct sotto_short_list {
  uint32_t id[SOTTO_SHORT], rank[SOTTO_SHORT],
      to[SOTTO_SHORT]; /* of the pair (i, i + 1): its rank, what it gives */
  uint8_t start[SOTTO_SHORT + 1];
  size_t n;
} sotto_short_list;

static inline void sotto_rank_short(const sotto_tokenizer *t, const sotto_merger *m,
                                    sotto_slice piece, sotto_short_list *s, size_t i) {
  sotto_slice bytes = {piece.data + s->start[i], (size_t)(s->start[i + 2] - s->start[i])};
  s->rank[i] = m->pair(t, s->id[i], s->id[i + 1], bytes, &s->to[i]);
}

static inline sotto_status sotto_merge_short(const sotto_tokenizer *t, const sotto_merger *m,
                                             sotto_slice piece, sotto_tokens *out) {
  sotto_short_list s;
  s.n = 0;
  for (size_t at = 0; at < piece.len;) {
    s.start[s.n] = (uint8_t)at;
    at += m->symbol(t, piece.data + at, piece.len - at, &s.id[s.n]);
    if (s.id[s.n] != SOTTO_NO_ID) s.n++;
  }
  s.start[s.n] = (uint8_t)piece.len;
  for (size_t i = 0; i + 1 < s.n; i++) sotto_rank_short(t, m, piece, &s, i);
  while (s.n > 1) {
    size_t at = 0;
    for (size_t i = 1; i + 1 < s.n; i++) {
      if (s.rank[i] < s.rank[at]) at = i;
    }
    if (s.rank[at] == SOTTO_NO_RANK) break;
    s.id[at] = s.to[at];
    s.n--;
    for (size_t i = at + 1; i < s.n; i++) {
      s.id[i] = s.id[i + 1];
      s.start[i] = s.start[i + 1];
    }
    s.start[s.n] = (uint8_t)piece.len;
    for (size_t i = at + 1; i + 1 < s.n; i++) {
      s.rank[i] = s.rank[i + 1];
      s.to[i] = s.to[i + 1];
    }
    for (size_t i = at ? at - 1 : 0; i <= at && i + 1 < s.n; i++)
      sotto_rank_short(t, m, piece, &s, i);
  }
  for (size_t i = 0; i < s.n; i++) {
    sotto_slice bytes = {piece.data + s.start[i], (size_t)(s.start[i + 1] - s.start[i])};
    SOTTO_TRY(m->emit(t, s.id[i], bytes, out));
  }
  return SOTTO_OK;
}

/* Append the tokens of one piece. */
static inline sotto_status sotto_merge_piece(const sotto_tokenizer *t, const sotto_merger *merger,
                                             sotto_scratch *scratch, sotto_slice piece,
                                             sotto_tokens *out) {
  if (piece.len <= SOTTO_SHORT) return sotto_merge_short(t, merger, piece, out);
  return sotto_merge_long(t, merger, scratch, piece, out);
}

#endif
