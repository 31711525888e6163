/* The cache's storage in this host's memory, for the backends that compute there. All keys, then
 * all values, each as [layer][KV head][page][32 positions][head_dim] in the type of keys or of
 * values, so that what attention reads of one head lies in one piece where the pages follow each
 * other; then states, [layer][slot][n_state] floats. */
#ifndef SOTTO_BACKEND_STORAGE_H
#define SOTTO_BACKEND_STORAGE_H

#include "kv/kv.h"

/* Where a layer's keys (index 0) and values (index 1) are, in bytes. */
typedef struct sotto_storage_layer {
  size_t page_bytes[2]; /* of one head's rows of one page */
  size_t start[2];      /* of the first head's page 0; its other pages follow, then other heads' */
  size_t state;
} sotto_storage_layer;

typedef struct sotto_storage {
  sotto_kv_storage base;
  sotto_ctx *ctx;
  sotto_kv_shape shape;
  sotto_storage_layer *layers; /* [n_layer] */
  char *data;                  /* [bytes] */
  size_t bytes;
} sotto_storage;

/* Allocates sotto_kv_bytes(shape). ERR_MEMORY_BUDGET where the address space is too small,
 * ERR_OUT_OF_MEMORY. */
sotto_status sotto_storage_init(sotto_ctx *ctx, const sotto_kv_shape *shape, sotto_storage *out);
void sotto_storage_free(sotto_storage *storage);

/* The keys (or values) of one layer and KV head in a page: [32][head_dim] of their type. */
void *sotto_storage_keys(const sotto_storage *storage, uint32_t layer, uint32_t page,
                         uint32_t head);
void *sotto_storage_values(const sotto_storage *storage, uint32_t layer, uint32_t page,
                           uint32_t head);
/* The sequence's page numbers in a layer, for the positions that it holds. */
const uint32_t *sotto_storage_pages(const sotto_storage *storage, uint32_t layer,
                                    const sotto_kv_seq *seq);
/* A layer's state: [n_state] floats. */
float *sotto_storage_state(const sotto_storage *storage, uint32_t layer, uint32_t slot);

#endif
