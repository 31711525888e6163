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
#include "kernels/kernels.h"
#include "kv/storage.h"
#include "tokenizer/tokenizer.h"

#define SOTTO_KV_MAX_GROUPS 4
#define SOTTO_KV_NONE       UINT32_MAX /* no state slot: the state before the first token, zeros */

/* What a layer stores: for each position n_head_kv keys and as many values of head_dim elements,
 * for each sequence n_state floats. Either may be nothing. */
typedef struct sotto_kv_layer {
  uint32_t n_head_kv, head_dim;
  uint32_t group; /* of a layer with KV heads */
  uint32_t n_state;
} sotto_kv_layer;

typedef struct sotto_kv_group {
  uint32_t window;  /* most positions that a token sees, itself included; 0: all */
  uint32_t n_pages; /* for all sequences together; sotto_kv_shape_size */
} sotto_kv_group;

typedef struct sotto_kv_shape {
  const sotto_kv_layer *layers; /* [n_layer], borrowed */
  uint32_t n_layer;
  sotto_dtype k_type, v_type; /* of kernels/kv_types.def; each head_dim is a multiple of their
                               * quant blocks */
  uint32_t n_groups;
  sotto_kv_group groups[SOTTO_KV_MAX_GROUPS];
  /* ---- filled in by sotto_kv_shape_size ---- */
  uint32_t n_ctx;    /* most positions of a sequence, a multiple of 32 */
  uint32_t n_states; /* state slots */
} sotto_kv_shape;

/* Who shares the cache. */
typedef struct sotto_kv_users {
  uint32_t n_ctx;     /* positions for all sequences together, and most of one; multiple of 32 */
  uint32_t n_running; /* most sequences with tokens in a batch; the cache always has room for one */
  uint32_t n_seqs;    /* most sequences that are kept */
  uint32_t n_batch;   /* most tokens of a batch */
} sotto_kv_users;

/* Pages and state slots for them. A group without a window has n_ctx positions; one with a window
 * what all running sequences and one more need of it, where that is less. */
void sotto_kv_shape_size(sotto_kv_shape *shape, const sotto_kv_users *users);
/* Bytes of all pages and state slots; UINT64_MAX on overflow. No allocation can be larger than
 * SIZE_MAX / 2. */
uint64_t sotto_kv_bytes(const sotto_kv_shape *shape);
/* Bytes that a position of n_ctx costs: of the layers that have room for all of them. UINT64_MAX on
 * overflow. */
uint64_t sotto_kv_position_bytes(const sotto_kv_shape *shape);
/* Bytes of a state slot. */
uint64_t sotto_kv_state_bytes(const sotto_kv_shape *shape);

typedef struct sotto_kv sotto_kv;

/* The pages of a sequence in one group: numbers[i] is for positions 32 i to 32 i + 31, for i from
 * `first` to before `end`. */
typedef struct sotto_kv_pages {
  uint32_t *numbers; /* [n_ctx / 32] */
  uint32_t first, end;
} sotto_kv_pages;

/* A position where the sequence may end after the batch, and the state slot for it. */
typedef struct sotto_kv_end {
  uint32_t n_tokens, slot;
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
 * ERR_OUT_OF_MEMORY. */
sotto_status sotto_kv_save(const sotto_kv *kv, const sotto_kv_seq *seq, uint32_t n, uint64_t model,
                           sotto_str *out);
/* Whether data is such a snapshot. ERR_INVALID_STATE where it is damaged, truncated or of another
 * model, ERR_CONTEXT_LENGTH where it has more than n_ctx tokens. */
sotto_status sotto_kv_check(const sotto_kv *kv, uint64_t model, const void *data, size_t len);
/* Fill an empty sequence from a snapshot that sotto_kv_check has accepted. ERR_CONTEXT_LENGTH where
 * too little is free; the sequence is empty then. */
sotto_status sotto_kv_load(sotto_kv *kv, sotto_kv_seq *seq, const void *data);

#endif
