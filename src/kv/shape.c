/* How large a cache is: pages, state slots, bytes. */
#include "kv/kv_internal.h"

/* State slots for drafts of one batch; where they run out there are fewer drafts. */
#define DRAFT_STATES 16

uint64_t kv_row_bytes(const sotto_kv_shape *s, uint32_t layer, bool values) {
  return sotto_dtype_row_bytes(values ? s->v_type : s->k_type, s->layers[layer].head_dim);
}

static uint64_t layer_bytes(const sotto_kv_shape *s, uint32_t layer) {
  return (kv_row_bytes(s, layer, false) + kv_row_bytes(s, layer, true)) *
         s->layers[layer].n_head_kv;
}

/* Of a position in the group's layers; UINT64_MAX on overflow. */
static uint64_t group_bytes(const sotto_kv_shape *s, uint32_t group) {
  uint64_t total = 0;
  for (uint32_t layer = 0; layer < s->n_layer; layer++) {
    if (s->layers[layer].n_head_kv == 0 || s->layers[layer].group != group) continue;
    if (__builtin_add_overflow(total, layer_bytes(s, layer), &total)) return UINT64_MAX;
  }
  return total;
}

uint64_t sotto_kv_position_bytes(const sotto_kv_shape *s) {
  uint64_t total = 0;
  for (uint32_t g = 0; g < s->n_groups; g++) {
    const bool grows = s->groups[g].n_pages == s->n_ctx / SOTTO_KV_PAGE;
    if (grows && __builtin_add_overflow(total, group_bytes(s, g), &total)) return UINT64_MAX;
  }
  return total;
}

uint64_t sotto_kv_state_bytes(const sotto_kv_shape *s) {
  uint64_t floats = 0;
  for (uint32_t layer = 0; layer < s->n_layer; layer++) floats += s->layers[layer].n_state;
  return floats * sizeof(float);
}

uint64_t sotto_kv_bytes(const sotto_kv_shape *s) {
  uint64_t total = s->n_states * sotto_kv_state_bytes(s);
  for (uint32_t g = 0; g < s->n_groups; g++) {
    uint64_t bytes;
    if (__builtin_mul_overflow(group_bytes(s, g), (uint64_t)s->groups[g].n_pages * SOTTO_KV_PAGE,
                               &bytes) ||
        __builtin_add_overflow(total, bytes, &total)) {
      return UINT64_MAX;
    }
  }
  return total;
}

/* Pages that sequences in a batch have at most in a group with a window: of each the window in
 * front of its first token, which may begin and end inside a page, and its tokens of the batch. */
static uint64_t window_pages(uint32_t window, uint32_t n_seqs, uint32_t n_batch) {
  return (uint64_t)n_seqs * (kv_pages_for(window - 1) + 2) + kv_pages_for(n_batch);
}

void sotto_kv_shape_size(sotto_kv_shape *s, const sotto_kv_users *users) {
  s->n_ctx = users->n_ctx;
  const uint32_t all = users->n_ctx / SOTTO_KV_PAGE;
  for (uint32_t g = 0; g < s->n_groups; g++) {
    s->groups[g].n_pages = all;
    if (s->groups[g].window == 0) continue;
    const uint64_t enough = window_pages(s->groups[g].window, users->n_running + 1, users->n_batch);
    if (enough < all) s->groups[g].n_pages = (uint32_t)enough;
  }
  s->n_states = 0;
  if (sotto_kv_state_bytes(s) == 0) return;
  /* Of every sequence its state and two checkpoints, of those in a batch a state and a checkpoint
   * more; the checkpoints that stay, whose pages stay with them; drafts. */
  s->n_states = 3 * users->n_seqs + 2 * users->n_running + all / KV_CHECKPOINT_PAGES + DRAFT_STATES;
}

uint32_t kv_most_ends(const sotto_kv_shape *s) {
  return s->n_states; /* each takes a slot */
}

uint64_t sotto_kv_seq_bytes(const sotto_kv_shape *s) {
  const uint64_t n_pages = s->n_ctx / SOTTO_KV_PAGE;
  const uint64_t states =
      s->n_states ? n_pages * sizeof(uint32_t) + kv_most_ends(s) * sizeof(sotto_kv_end) : 0;
  return s->n_ctx * sizeof(sotto_token) + s->n_groups * n_pages * sizeof(uint32_t) + states;
}
