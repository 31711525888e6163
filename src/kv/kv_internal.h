/* The cache's inside, shared by kv.c and snapshot.c. */
#ifndef SOTTO_KV_KV_INTERNAL_H
#define SOTTO_KV_KV_INTERNAL_H

#include "kv/kv.h"

/* Where a layer's keys (index 0) and values (index 1) are, in bytes. */
struct kv_layer_layout {
  size_t page_bytes[2]; /* of one head's rows of one page */
  size_t start[2]; /* offset in sotto_kv.data of the first head's page 0; the head's other pages
                           follow, then the other heads' */
};

struct sotto_kv {
  sotto_ctx *ctx;
  sotto_kv_shape shape;
  struct kv_layer_layout *layouts; /* [n_layer] */
  size_t bytes;
  char *data;           /* [bytes]: the layout is drawn in kv.h */
  uint32_t *references; /* [n_pages]: sequences that have the page; 0: it is free */
  uint32_t *free_list;  /* [n_free] numbers of free pages, used as a stack */
  uint32_t n_free;
};

#endif
