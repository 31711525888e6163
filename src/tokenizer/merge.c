/* Merging of pieces that are too long for merge.h's arrays: a linked list and a heap, O(n log n)
 * for whatever a user pastes. */
#include "tokenizer/merge.h"

/* A symbol stands in the list at the offset of its first byte. */
typedef struct symbol {
  uint32_t id; /* SOTTO_NO_ID: no symbol starts here (any more) */
  uint32_t prev,
      next;      /* offsets; the piece's length behind the last, UINT32_MAX before the first */
  uint32_t rank; /* of the pair (this, next), SOTTO_NO_RANK when they do not merge */
} symbol;

/* A heap of rank << 32 | offset: the smallest is the leftmost of the lowest rank. An element whose
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

typedef struct long_list {
  const sotto_tokenizer *t;
  const sotto_merger *m;
  sotto_slice piece;
  symbol *symbols; /* piece.len */
  uint64_t *heap;  /* room for 2 piece.len: at most n - 1 elements at the start, and each of at most
                    * n - 1 merges takes one and adds two */
  size_t count;    /* elements of the heap */
} long_list;

/* The rank of the pair that starts at `at`; *id is what it gives. */
static uint32_t rank_long(const long_list *l, uint32_t at, uint32_t *id) {
  const symbol *s = &l->symbols[at];
  if (s->next >= l->piece.len) return SOTTO_NO_RANK;
  const symbol *right = &l->symbols[s->next];
  return l->m->pair(l->t, s->id, right->id, (sotto_slice){l->piece.data + at, right->next - at},
                    id);
}

/* Returns the offset of the first symbol. */
static uint32_t fill_list(long_list *l) {
  const uint32_t end = (uint32_t)l->piece.len;
  uint32_t first = end, last = UINT32_MAX;
  for (uint32_t at = 0; at < end;) {
    uint32_t id, start = at;
    at += (uint32_t)l->m->symbol(l->t, l->piece.data + at, end - at, &id);
    for (uint32_t i = start; i < at; i++) l->symbols[i].id = SOTTO_NO_ID;
    if (id == SOTTO_NO_ID) continue;
    l->symbols[start] = (symbol){.id = id, .prev = last, .next = end};
    if (last == UINT32_MAX)
      first = start;
    else
      l->symbols[last].next = start;
    last = start;
  }
  return first;
}

static void merge_all(long_list *l, uint32_t first) {
  const uint32_t end = (uint32_t)l->piece.len;
  uint32_t id;
  for (uint32_t at = first; at < end; at = l->symbols[at].next) {
    uint32_t rank = l->symbols[at].rank = rank_long(l, at, &id);
    if (rank != SOTTO_NO_RANK) l->heap[l->count++] = (uint64_t)rank << 32 | at;
  }
  for (size_t i = l->count / 2; i-- > 0;) sift_down(l->heap, i, l->count);
  while (l->count) {
    uint32_t at = (uint32_t)l->heap[0], rank = (uint32_t)(l->heap[0] >> 32);
    l->heap[0] = l->heap[--l->count];
    if (l->count) sift_down(l->heap, 0, l->count);
    symbol *left = &l->symbols[at];
    if (left->id == SOTTO_NO_ID || left->rank != rank) continue;
    symbol *right = &l->symbols[left->next];
    rank_long(l, at, &left->id);
    right->id = SOTTO_NO_ID;
    left->next = right->next;
    if (left->next < end) l->symbols[left->next].prev = at;
    uint32_t changed[2] = {at, left->prev};
    for (int i = 0; i < 2 && changed[i] < end; i++) {
      uint32_t fresh = l->symbols[changed[i]].rank = rank_long(l, changed[i], &id);
      if (fresh == SOTTO_NO_RANK) continue;
      l->heap[l->count] = (uint64_t)fresh << 32 | changed[i];
      sift_up(l->heap, l->count++);
    }
  }
}

void sotto_scratch_free(sotto_scratch *scratch) {
  sotto_free(scratch->ctx, scratch->data, scratch->size);
  scratch->data = NULL;
  scratch->size = 0;
}

/* Room for `size` bytes; what was in it is gone. */
static sotto_status reserve(sotto_scratch *scratch, size_t size) {
  if (size <= scratch->size) return SOTTO_OK;
  sotto_scratch_free(scratch);
  scratch->data = sotto_alloc(scratch->ctx, size);
  if (!scratch->data) return SOTTO_ERR_OUT_OF_MEMORY;
  scratch->size = size;
  return SOTTO_OK;
}

sotto_status sotto_merge_long(const sotto_tokenizer *t, const sotto_merger *m,
                              sotto_scratch *scratch, sotto_slice piece, sotto_tokens *out) {
  size_t size; /* 32 bytes for each byte of the piece */
  if (!sotto_size_mul(piece.len, sizeof(symbol) + 2 * sizeof(uint64_t), &size)) size = SIZE_MAX;
  SOTTO_TRY(reserve(scratch, size));
  uint64_t *heap = scratch->data;
  long_list l = {t, m, piece, (symbol *)(heap + 2 * piece.len), heap, 0};
  uint32_t first = fill_list(&l);
  merge_all(&l, first);
  for (uint32_t at = first; at < piece.len; at = l.symbols[at].next) {
    sotto_slice bytes = {piece.data + at, l.symbols[at].next - at};
    SOTTO_TRY(m->emit(t, l.symbols[at].id, bytes, out));
  }
  return SOTTO_OK;
}
