/* The paged KV cache. Memory is divided into pages of 32 positions; a sequence is a list of page
 * numbers and the tokens whose keys and values they hold. Pages are reference-counted: sequences that
 * begin alike share them, and a shared page is copied before it is written.
 *
 * Layout: keys, then values, each [layer][page][kv head][32 positions][head_dim] of their type, with the
 * heads of the layer. */
#ifndef SOTTO_KV_KV_H
#define SOTTO_KV_KV_H

#include "base/ctx.h"
#include "base/str.h"
#include "kernels/kernels.h"
#include "tokenizer/tokenizer.h"

/* What a layer keeps of each position: n_head_kv keys and as many values, head_dim wide. */
typedef struct sotto_kv_layer {
  uint32_t n_head_kv, head_dim;
} sotto_kv_layer;

typedef struct sotto_kv_shape {
  const sotto_kv_layer *layers; /* [n_layer], borrowed */
  uint32_t n_layer;
  uint32_t n_pages;
  sotto_dtype k_type, v_type; /* of kernels/kv_types.def; head_dim is a multiple of their blocks */
} sotto_kv_shape;

/* Bytes of all pages; 0 where no allocation can be as large. */
uint64_t sotto_kv_bytes(const sotto_kv_shape *shape);
/* Bytes that one position takes over all layers; UINT64_MAX where no number holds them. */
uint64_t sotto_kv_position_bytes(const sotto_kv_shape *shape);

typedef struct sotto_kv sotto_kv;

/* What a sequence holds; owned by the caller, zeroed before first use. */
typedef struct sotto_kv_seq {
  sotto_token *tokens; /* [n_tokens]: what the cache holds keys and values of */
  uint32_t n_tokens;
  uint32_t *pages; /* [n_pages] >= ceil(n_tokens / 32) */
  uint32_t n_pages;
} sotto_kv_seq;

sotto_status sotto_kv_new(sotto_ctx *ctx, const sotto_kv_shape *shape, sotto_kv **out);
void sotto_kv_free(sotto_kv *kv);
const sotto_kv_shape *sotto_kv_get_shape(const sotto_kv *kv);
uint32_t sotto_kv_free_pages(const sotto_kv *kv);

/* Allocates the sequence's lists of tokens and pages, long enough for it to hold all pages there are. */
sotto_status sotto_kv_seq_init(sotto_kv *kv, sotto_kv_seq *seq);
void sotto_kv_seq_free(sotto_kv *kv, sotto_kv_seq *seq);

/* Make positions n_tokens .. n_tokens + n_more - 1 writable: add pages, copy a shared last page.
 * False when too few pages are free (nothing has changed then). */
bool sotto_kv_reserve(sotto_kv *kv, sotto_kv_seq *seq, uint32_t n_more);
/* Note tokens whose rows have been written (positions follow). Room was reserved. */
void sotto_kv_append(sotto_kv_seq *seq, const sotto_token *tokens, uint32_t n);
/* Keep the first n tokens; pages behind them are released. */
void sotto_kv_trim(sotto_kv *kv, sotto_kv_seq *seq, uint32_t n);
/* dst (empty) = the first n tokens of src, pages shared. */
void sotto_kv_share(sotto_kv *kv, sotto_kv_seq *dst, const sotto_kv_seq *src, uint32_t n);

/* Key (or value) rows of a page: [32][head_dim] of one layer and KV head. */
void *sotto_kv_keys(const sotto_kv *kv, uint32_t layer, uint32_t page, uint32_t head);
void *sotto_kv_values(const sotto_kv *kv, uint32_t layer, uint32_t page, uint32_t head);

/* Snapshot of a sequence's first n tokens, appended to out. The form is the same on every host:
 * little-endian; `model` is a fingerprint that must match when it is read back, as must the types. */
sotto_status sotto_kv_save(const sotto_kv *kv, const sotto_kv_seq *seq, uint32_t n, uint64_t model,
                           sotto_str *out);
/* Fill an empty sequence from a snapshot. ERR_INVALID_STATE leaves it empty. */
sotto_status sotto_kv_load(sotto_kv *kv, sotto_kv_seq *seq, uint64_t model, const void *data,
                           size_t len);

#endif
