/* The cache's inside, shared by kv.c and snapshot.c. */
#ifndef SOTTO_KV_KV_INTERNAL_H
#define SOTTO_KV_KV_INTERNAL_H

#include "kv/kv.h"

struct sotto_kv {
  sotto_ctx *ctx;
  sotto_kv_shape shape;
  /* Of each layer, of keys and of values: its rows of one page, all heads; where page 0's begin in
   * `data`. */
  struct kv_layer_layout {
    size_t page_bytes[2], start[2];
  } *layouts; /* [n_layer] */
  size_t bytes;
  char *data;
  uint32_t *references; /* [n_pages] */
  uint32_t *free_list;  /* [n_free] used as a stack */
  uint32_t n_free;
};

#endif
