/* The cache's inside, shared by shape.c (sizes), kv.c (pages), states.c (state slots) and
 * snapshot.c. */
#ifndef SOTTO_KV_KV_INTERNAL_H
#define SOTTO_KV_KV_INTERNAL_H

#include "kv/kv.h"

/* Pages between two checkpoints that stay as long as the sequence does. */
#define KV_CHECKPOINT_PAGES 8

/* Numbers that are handed out, to one holder or several: the pages of a group, or state slots. */
typedef struct kv_pool {
  uint32_t n;
  uint32_t *references; /* [n] holders; 0: it is free */
  uint32_t *free_list;  /* [n_free], used as a stack */
  uint32_t n_free;
} kv_pool;

struct sotto_kv {
  sotto_ctx *ctx;
  sotto_kv_shape shape;
  sotto_kv_storage *storage;
  kv_pool pages[SOTTO_KV_MAX_GROUPS];
  kv_pool states;
};

static inline uint32_t kv_pages_for(uint32_t n_tokens) {
  return (n_tokens + SOTTO_KV_PAGE - 1) / SOTTO_KV_PAGE;
}

/* The first page that the token behind n_tokens sees through the window. */
static inline uint32_t kv_first_page(uint32_t window, uint32_t n_tokens) {
  return window && n_tokens >= window ? (n_tokens + 1 - window) / SOTTO_KV_PAGE : 0;
}

static inline uint32_t kv_take(kv_pool *pool) {
  const uint32_t number = pool->free_list[--pool->n_free];
  pool->references[number] = 1;
  return number;
}

static inline void kv_hold(kv_pool *pool, uint32_t number) {
  if (number != SOTTO_KV_NONE) pool->references[number]++;
}

/* True where nobody holds the number now. */
static inline bool kv_release(kv_pool *pool, uint32_t number) {
  if (number == SOTTO_KV_NONE || --pool->references[number]) return false;
  pool->free_list[pool->n_free++] = number;
  return true;
}

/* ---- shape.c ---- */
/* Bytes of a position's keys, or with `values` of its values, in one head of the layer. */
uint64_t kv_row_bytes(const sotto_kv_shape *shape, uint32_t layer, bool values);
/* Most ends of a batch. */
uint32_t kv_most_ends(const sotto_kv_shape *shape);

/* ---- states.c: nothing to do where the model has no recurrent layers ---- */
/* Take slots for where the sequence may end after n_more tokens and n_drafts, and for checkpoints
 * on the way. False, and nothing is taken, where too few are free. */
bool kv_reserve_states(sotto_kv *kv, sotto_kv_seq *seq, uint32_t n_more, uint32_t n_drafts);
/* The sequence has come to n_tokens, from before: its state and checkpoints follow. */
void kv_commit_states(sotto_kv *kv, sotto_kv_seq *seq);
void kv_rewind_states(sotto_kv *kv, sotto_kv_seq *seq);
/* The sequence is being cut to n tokens; n_tokens still stands. */
void kv_cut_states(sotto_kv *kv, sotto_kv_seq *seq, uint32_t n);
void kv_share_states(sotto_kv *kv, sotto_kv_seq *dst, const sotto_kv_seq *src, uint32_t n);
/* The slot of the state after n tokens, a resumable position. */
uint32_t kv_state_at(const sotto_kv *kv, const sotto_kv_seq *seq, uint32_t n);
/* Where states allow the sequence to be cut, at most n. */
uint32_t kv_states_resumable(const sotto_kv *kv, const sotto_kv_seq *seq, uint32_t n);

#endif
