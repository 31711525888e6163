/* What layers remember of a sequence, as tables; the memory itself is the backend's storage.
 *
 * Keys and values: positions are divided into pages of 32. A layer group is the layers whose tokens
 * see equally far back (a window, or everything); it has a pool of pages of its own, and a sequence
 * has a list of page numbers for each group. Pages are reference-counted: sequences that begin with
 * the same tokens share pages, and a shared page is copied before it is written (PagedAttention,
 * Kwon et al. 2023). What lies behind a group's window is kept while nobody needs its pages, as the
 * sequence can then still be cut, and given back where somebody does.
 *
 * Recurrent states: all that recurrent layers remember is one state of fixed size, after the last
 * token. States of all those layers together lie in a state slot. A batch writes new states beside
 * the old one, one for each position where the sequence may end (behind every draft); committing
 * chooses, so a batch that is given up and a draft that is rejected leave what was there. Some
 * states at page borders are kept as checkpoints, from which a sequence with the same beginning can
 * go on. */
#ifndef SOTTO_KV_KV_H
#define SOTTO_KV_KV_H

#include "base/ctx.h"
#include "base/str.h"
#include "kernels/attention.h"
#include "kv/shape.h"
#include "kv/storage.h"
#include "tokenizer/tokenizer.h"

#define SOTTO_KV_NONE UINT32_MAX /* no state slot: the state before the first token, zeros */

typedef struct sotto_kv sotto_kv;

/* The pages of a sequence in one group: numbers[i] is for positions 32 i to 32 i + 31, for i from
 * `first` to before `end`. */
typedef struct sotto_kv_pages {
  uint32_t *numbers; /* [n_ctx / 32] */
  uint32_t first, end;
} sotto_kv_pages;

/* A position where the sequence may end after the batch, or where a checkpoint is to be, and the
 * state slot for it. */
typedef struct sotto_kv_end {
  uint32_t n_tokens, slot;
  bool checkpoint;
} sotto_kv_end;

/* A sequence. The struct is the caller's; zero it before sotto_kv_seq_init. */
typedef struct sotto_kv_seq {
  sotto_token *tokens; /* [n_tokens] that the cache remembers */
  uint32_t n_tokens;
  sotto_kv_pages groups[SOTTO_KV_MAX_GROUPS];
  uint32_t state;        /* slot of the state after n_tokens */
  uint32_t *checkpoints; /* [n_ctx / 32] slot of the state after 32 (i + 1) tokens, or NONE */
  sotto_kv_end *ends;    /* [n_ends] reserved, ascending */
  uint32_t n_ends;
} sotto_kv_seq;

/* storage is borrowed until free. */
sotto_status sotto_kv_new(sotto_ctx *ctx, const sotto_kv_shape *shape, sotto_kv_storage *storage,
                          sotto_kv **out);
void sotto_kv_free(sotto_kv *kv);
uint32_t sotto_kv_free_pages(const sotto_kv *kv, uint32_t group);
uint32_t sotto_kv_free_states(const sotto_kv *kv);

/* Allocates the sequence's lists, long enough for n_ctx positions. */
sotto_status sotto_kv_seq_init(sotto_kv *kv, sotto_kv_seq *seq);
void sotto_kv_seq_free(sotto_kv *kv, sotto_kv_seq *seq);
/* Bytes of these lists. */
uint64_t sotto_kv_seq_bytes(const sotto_kv_shape *shape);

/* Make room for n_more >= 1 tokens, and behind them for n_drafts that may be rejected one by one:
 * add free pages, copy the last page where it is shared, take state slots. False when too little is
 * free; nothing is reserved then, nor is what was before. */
bool sotto_kv_reserve(sotto_kv *kv, sotto_kv_seq *seq, uint32_t n_more, uint32_t n_drafts);
/* Add n tokens that a batch has computed. The sequence's new end is one of those reserved. */
void sotto_kv_commit(sotto_kv *kv, sotto_kv_seq *seq, const sotto_token *tokens, uint32_t n);
/* Release what is reserved for a batch and not committed. */
void sotto_kv_rewind(sotto_kv *kv, sotto_kv_seq *seq);
/* Release pages behind the windows of the sequence's next token. False where none is free now that
 * was not. */
bool sotto_kv_give_back(sotto_kv *kv, sotto_kv_seq *seq);

/* The largest position up to n from which the sequence, or one that begins with the same n tokens,
 * can go on: any where all layers remember all positions; with windows one whose window is still
 * there; with recurrent states the sequence's end or a checkpoint. 0: none but the start. */
uint32_t sotto_kv_resumable(const sotto_kv *kv, const sotto_kv_seq *seq, uint32_t n);
/* Keep the first n tokens, 0 or a resumable position; what is behind them is released. */
void sotto_kv_cut(sotto_kv *kv, sotto_kv_seq *seq, uint32_t n);
/* dst, which is empty, becomes the first n tokens of src, a resumable position, and shares what is
 * remembered of them. */
void sotto_kv_share(sotto_kv *kv, sotto_kv_seq *dst, const sotto_kv_seq *src, uint32_t n);

/* For backends: the slot to write the state after `n_tokens` tokens to, or NONE where nobody wants
 * it. */
uint32_t sotto_kv_state_after(const sotto_kv_seq *seq, uint32_t n_tokens);

/* Append a snapshot of the sequence's first n tokens, a resumable position, to `out`: tokens, keys
 * and values, states, little-endian and the same on every host. `model` is the model's fingerprint
 * (api/generate.c); it must be the same when the snapshot is read, as must the types of the cache.
 * When the storage has read everything, sotto_kv_seal completes what begins at `start` of `out`, to
 * which nothing is done meanwhile. ERR_OUT_OF_MEMORY. */
sotto_status sotto_kv_save(const sotto_kv *kv, const sotto_kv_seq *seq, uint32_t n, uint64_t model,
                           sotto_str *out);
sotto_status sotto_kv_seal(sotto_str *out, size_t start);
/* Whether data is such a snapshot. ERR_INVALID_STATE where it is damaged, truncated or of another
 * model, ERR_CONTEXT_LENGTH where it has more than n_ctx tokens. */
sotto_status sotto_kv_check(const sotto_kv *kv, uint64_t model, const void *data, size_t len);
/* Fill an empty sequence from a snapshot that sotto_kv_check has accepted. ERR_CONTEXT_LENGTH where
 * too little is free; the sequence is empty then. */
sotto_status sotto_kv_load(sotto_kv *kv, sotto_kv_seq *seq, const void *data);

#endif
