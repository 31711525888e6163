/* Byte-pair merging of one piece (Sennrich et al. 2016, as tokenizers' BPE does it): of all
 * adjacent pairs the one with the lowest rank merges first, of equal ones the leftmost.
 *
 * Words are short: up to SHORT symbols the ranks stand in an array that is searched and closed up.
 * Longer pieces use a linked list and a heap, O(n log n) for whatever a user pastes. */
#include "tokenizer/internal.h"

#define SHORT   48
#define NO_RANK UINT32_MAX

static sotto_status merge_short(const sotto_tokenizer *t, uint32_t *ids, size_t n,
                                sotto_tokens *out) {
  uint32_t rank[SHORT], to[SHORT]; /* of the pair (i, i + 1) */
  for (size_t i = 0; i + 1 < n; i++) {
    const sotto_merge *merge = sotto_merges_find(t, ids[i], ids[i + 1]);
    rank[i] = merge ? merge->rank : NO_RANK;
    to[i] = merge ? merge->id : 0;
  }
  while (n > 1) {
    size_t at = 0;
    for (size_t i = 1; i + 1 < n; i++) {
      if (rank[i] < rank[at]) at = i;
    }
    if (rank[at] == NO_RANK) break;
    ids[at] = to[at];
    n--;
    for (size_t i = at + 1; i < n; i++) ids[i] = ids[i + 1];
    for (size_t i = at + 1; i + 1 < n; i++) {
      rank[i] = rank[i + 1];
      to[i] = to[i + 1];
    }
    for (size_t i = at ? at - 1 : 0; i <= at && i + 1 < n; i++) {
      const sotto_merge *merge = sotto_merges_find(t, ids[i], ids[i + 1]);
      rank[i] = merge ? merge->rank : NO_RANK;
      to[i] = merge ? merge->id : 0;
    }
  }
  for (size_t i = 0; i < n; i++) SOTTO_TRY(sotto_tokens_push(out, (sotto_token)ids[i]));
  return SOTTO_OK;
}

/* ---- long pieces ---------------------------------------------------------------------------- */

typedef struct symbol {
  uint32_t id;         /* SOTTO_NO_ID once merged into the one before */
  uint32_t prev, next; /* positions; n behind the last, and UINT32_MAX before the first */
  uint32_t rank;       /* of the pair (this, next), NO_RANK when they do not merge */
} symbol;

/* A heap of rank << 32 | position: the smallest is the leftmost of the lowest rank. An entry whose
 * rank is no longer its symbol's is stale and skipped. */
static void sift_up(uint64_t *heap, size_t at) {
  uint64_t value = heap[at];
  for (; at && heap[(at - 1) / 2] > value; at = (at - 1) / 2) heap[at] = heap[(at - 1) / 2];
  heap[at] = value;
}

static void sift_down(uint64_t *heap, size_t at, size_t n) {
  uint64_t value = heap[at];
  for (size_t child; (child = 2 * at + 1) < n; at = child) {
    if (child + 1 < n && heap[child + 1] < heap[child]) child++;
    if (heap[child] >= value) break;
    heap[at] = heap[child];
  }
  heap[at] = value;
}

static void rank_pair(const sotto_tokenizer *t, symbol *symbols, uint32_t at, uint32_t n) {
  symbol *s = &symbols[at];
  const sotto_merge *merge = s->next < n ? sotto_merges_find(t, s->id, symbols[s->next].id) : NULL;
  s->rank = merge ? merge->rank : NO_RANK;
}

/* symbols[n] with their ids set; heap has room for 2 n entries: at most n - 1 at the start, and
 * each of at most n - 1 merges takes one and adds two. */
static void merge_long(const sotto_tokenizer *t, symbol *symbols, uint32_t n, uint64_t *heap) {
  size_t count = 0;
  for (uint32_t i = 0; i < n; i++) {
    symbols[i].prev = i - 1;
    symbols[i].next = i + 1;
  }
  for (uint32_t i = 0; i < n; i++) {
    rank_pair(t, symbols, i, n);
    if (symbols[i].rank != NO_RANK) heap[count++] = (uint64_t)symbols[i].rank << 32 | i;
  }
  for (size_t i = count / 2; i-- > 0;) sift_down(heap, i, count);
  while (count) {
    uint32_t at = (uint32_t)heap[0], rank = (uint32_t)(heap[0] >> 32);
    heap[0] = heap[--count];
    if (count) sift_down(heap, 0, count);
    symbol *left = &symbols[at];
    if (left->id == SOTTO_NO_ID || left->rank != rank) continue;
    symbol *right = &symbols[left->next];
    left->id = sotto_merges_find(t, left->id, right->id)->id;
    right->id = SOTTO_NO_ID;
    left->next = right->next;
    if (left->next < n) symbols[left->next].prev = at;
    uint32_t changed[2] = {at, left->prev};
    for (int i = 0; i < 2 && changed[i] < n; i++) {
      rank_pair(t, symbols, changed[i], n);
      uint32_t fresh = symbols[changed[i]].rank;
      if (fresh == NO_RANK) continue;
      heap[count] = (uint64_t)fresh << 32 | changed[i];
      sift_up(heap, count++);
    }
  }
}

void sotto_bpe_scratch_free(sotto_bpe_scratch *scratch) {
  sotto_free(scratch->ctx, scratch->block, scratch->size);
  scratch->block = NULL;
  scratch->size = 0;
}

/* Room for `size` bytes; what was in it is gone. */
static sotto_status reserve(sotto_bpe_scratch *scratch, size_t size) {
  if (size <= scratch->size) return SOTTO_OK;
  sotto_bpe_scratch_free(scratch);
  scratch->block = sotto_alloc(scratch->ctx, size);
  if (!scratch->block) return SOTTO_ERR_OUT_OF_MEMORY;
  scratch->size = size;
  return SOTTO_OK;
}

sotto_status sotto_bpe_merge(const sotto_tokenizer *t, sotto_bpe_scratch *scratch,
                             sotto_slice piece, sotto_tokens *out) {
  if (piece.len <= SHORT) {
    uint32_t ids[SHORT];
    size_t n = 0;
    for (size_t i = 0; i < piece.len; i++) {
      sotto_token id = t->byte_id[(unsigned char)piece.data[i]];
      if (id != SOTTO_TOKEN_NONE) ids[n++] = (uint32_t)id;
    }
    return merge_short(t, ids, n, out);
  }
  size_t size; /* 32 bytes for each byte of the piece */
  if (!sotto_size_mul(piece.len, sizeof(symbol) + 2 * sizeof(uint64_t), &size)) size = SIZE_MAX;
  SOTTO_TRY(reserve(scratch, size));
  uint64_t *heap = scratch->block;
  symbol *symbols = (symbol *)(heap + 2 * piece.len);
  uint32_t n = 0;
  for (size_t i = 0; i < piece.len; i++) {
    sotto_token id = t->byte_id[(unsigned char)piece.data[i]];
    if (id != SOTTO_TOKEN_NONE) symbols[n++].id = (uint32_t)id;
  }
  merge_long(t, symbols, n, heap);
  for (uint32_t i = 0; i < n; i = symbols[i].next) {
    SOTTO_TRY(sotto_tokens_push(out, (sotto_token)symbols[i].id));
  }
  return SOTTO_OK;
}
