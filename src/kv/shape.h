/* What layers store, and how large a cache for it is: pages, state slots, bytes. kv.h says what
 * these are. */
#ifndef SOTTO_KV_SHAPE_H
#define SOTTO_KV_SHAPE_H

#include "tensor/dtype.h"

#define SOTTO_KV_MAX_GROUPS 4

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

#endif
