/* The paged KV cache. Memory is divided into pages of 32 positions; a sequence is a list of page
 * numbers and the tokens whose keys and values are in them. Pages are reference-counted: sequences
 * that begin with the same tokens share pages, and a shared page is copied before it is written
 * (PagedAttention, Kwon et al. 2023).
 *
 * Layout in memory: all keys, then all values, each as [layer][KV head][page][32
 * positions][head_dim] in the type of keys or of values, so that what attention reads of one head
 * lies in one piece where the pages follow each other. Layers may differ in their number and width
 * of heads. */
#ifndef SOTTO_KV_KV_H
#define SOTTO_KV_KV_H

#include "base/ctx.h"
#include "base/str.h"
#include "kernels/kernels.h"
#include "tokenizer/tokenizer.h"

/* What a layer stores for each position: n_head_kv keys and as many values of head_dim elements. */
typedef struct sotto_kv_layer {
  uint32_t n_head_kv, head_dim;
} sotto_kv_layer;

typedef struct sotto_kv_shape {
  const sotto_kv_layer *layers; /* [n_layer], borrowed */
  uint32_t n_layer;
  uint32_t n_pages;
  sotto_dtype k_type, v_type; /* of kernels/kv_types.def; each head_dim is a multiple of their
                               * quant blocks */
} sotto_kv_shape;

/* Bytes of all pages; 0 where no allocation can be as large. */
uint64_t sotto_kv_bytes(const sotto_kv_shape *shape);
/* Bytes that one position takes in all layers together; UINT64_MAX on overflow. */
uint64_t sotto_kv_position_bytes(const sotto_kv_shape *shape);

typedef struct sotto_kv sotto_kv;

/* A sequence. The struct is the caller's; zero it before sotto_kv_seq_init. */
typedef struct sotto_kv_seq {
  sotto_token *tokens; /* [n_tokens] whose keys and values are in the cache */
  uint32_t n_tokens;
  uint32_t *pages;  /* [n_pages] page numbers; page i is for positions 32 i to 32 i + 31 */
  uint32_t n_pages; /* at least ceil(n_tokens / 32); more where pages are reserved */
} sotto_kv_seq;

sotto_status sotto_kv_new(sotto_ctx *ctx, const sotto_kv_shape *shape, sotto_kv **out);
void sotto_kv_free(sotto_kv *kv);
const sotto_kv_shape *sotto_kv_get_shape(const sotto_kv *kv);
uint32_t sotto_kv_free_pages(const sotto_kv *kv);

/* Allocates the sequence's lists of tokens and pages, long enough for it to hold all pages there
 * are. */
sotto_status sotto_kv_seq_init(sotto_kv *kv, sotto_kv_seq *seq);
void sotto_kv_seq_free(sotto_kv *kv, sotto_kv_seq *seq);

/* Make positions n_tokens to n_tokens + n_more - 1 writable: add free pages, and copy the last page
 * if it is shared. False when too few pages are free (nothing has changed then). */
bool sotto_kv_reserve(sotto_kv *kv, sotto_kv_seq *seq, uint32_t n_more);
/* Add tokens to the sequence whose keys and values have been written at the next n positions, which
 * were reserved. */
void sotto_kv_append(sotto_kv_seq *seq, const sotto_token *tokens, uint32_t n);
/* Keep the first n tokens and release the pages behind them, reserved ones included. */
void sotto_kv_trim(sotto_kv *kv, sotto_kv_seq *seq, uint32_t n);
/* dst, which is empty, becomes the first n tokens of src and shares their pages. */
void sotto_kv_share(sotto_kv *kv, sotto_kv_seq *dst, const sotto_kv_seq *src, uint32_t n);

/* The keys (or values) of one layer and KV head in a page: [32][head_dim] of their type. */
void *sotto_kv_keys(const sotto_kv *kv, uint32_t layer, uint32_t page, uint32_t head);
void *sotto_kv_values(const sotto_kv *kv, uint32_t layer, uint32_t page, uint32_t head);

/* Append a snapshot of the sequence's first n tokens to `out`: tokens, keys and values,
 * little-endian and the same on every host. `model` is the model's fingerprint (api/generate.c); it
 * must be the same when the snapshot is read, as must the types of the cache. ERR_OUT_OF_MEMORY. */
sotto_status sotto_kv_save(const sotto_kv *kv, const sotto_kv_seq *seq, uint32_t n, uint64_t model,
                           sotto_str *out);
/* Fill an empty sequence from a snapshot. ERR_INVALID_STATE where the snapshot is damaged,
 * truncated or of another model, ERR_CONTEXT_LENGTH where too few pages are free; the sequence is
 * empty then. */
sotto_status sotto_kv_load(sotto_kv *kv, sotto_kv_seq *seq, uint64_t model, const void *data,
                           size_t len);

#endif
