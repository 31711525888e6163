/* The pools of pages and state slots, and the sequences' lists of pages. */
#include "kv/kv_internal.h"

static sotto_status new_pool(sotto_ctx *ctx, uint32_t n, kv_pool *pool) {
  *pool = (kv_pool){.n = n};
  if (n == 0) return SOTTO_OK;
  pool->references = sotto_alloc_zero(ctx, n * sizeof *pool->references);
  pool->free_list = sotto_alloc(ctx, n * sizeof *pool->free_list);
  if (!pool->references || !pool->free_list) return SOTTO_ERR_OUT_OF_MEMORY;
  pool->n_free = n;
  for (uint32_t i = 0; i < n; i++) pool->free_list[i] = n - 1 - i; /* the lowest is taken first */
  return SOTTO_OK;
}

static void free_pool(sotto_ctx *ctx, kv_pool *pool) {
  sotto_free(ctx, pool->references, pool->n * sizeof *pool->references);
  sotto_free(ctx, pool->free_list, pool->n * sizeof *pool->free_list);
}

static sotto_status new_pools(sotto_kv *kv) {
  const sotto_kv_shape *s = &kv->shape;
  for (uint32_t g = 0; g < s->n_groups; g++)
    SOTTO_TRY(new_pool(kv->ctx, s->groups[g].n_pages, &kv->pages[g]));
  return new_pool(kv->ctx, s->n_states, &kv->states);
}

sotto_status sotto_kv_new(sotto_ctx *ctx, const sotto_kv_shape *shape, sotto_kv_storage *storage,
                          sotto_kv **out) {
  *out = NULL;
  sotto_kv *kv = sotto_alloc_zero(ctx, sizeof *kv);
  if (!kv) return SOTTO_ERR_OUT_OF_MEMORY;
  kv->ctx = ctx;
  kv->shape = *shape;
  kv->storage = storage;
  const sotto_status status = new_pools(kv);
  if (status != SOTTO_OK) {
    sotto_kv_free(kv);
    return status;
  }
  *out = kv;
  return SOTTO_OK;
}

void sotto_kv_free(sotto_kv *kv) {
  if (!kv) return;
  sotto_ctx *ctx = kv->ctx;
  for (uint32_t g = 0; g < kv->shape.n_groups; g++) free_pool(ctx, &kv->pages[g]);
  free_pool(ctx, &kv->states);
  sotto_free(ctx, kv, sizeof *kv);
}

uint32_t sotto_kv_free_pages(const sotto_kv *kv, uint32_t group) {
  return kv->pages[group].n_free;
}
uint32_t sotto_kv_free_states(const sotto_kv *kv) {
  return kv->states.n_free;
}

/* ---- sequences ---- */

sotto_status sotto_kv_seq_init(sotto_kv *kv, sotto_kv_seq *seq) {
  const sotto_kv_shape *s = &kv->shape;
  const uint32_t n_pages = s->n_ctx / SOTTO_KV_PAGE;
  *seq = (sotto_kv_seq){.state = SOTTO_KV_NONE};
  seq->tokens = sotto_alloc(kv->ctx, s->n_ctx * sizeof *seq->tokens);
  bool complete = seq->tokens;
  for (uint32_t g = 0; g < s->n_groups; g++) {
    seq->groups[g].numbers = sotto_alloc(kv->ctx, n_pages * sizeof *seq->groups[g].numbers);
    complete &= seq->groups[g].numbers != NULL;
  }
  if (s->n_states) {
    seq->checkpoints = sotto_alloc(kv->ctx, n_pages * sizeof *seq->checkpoints);
    seq->ends = sotto_alloc(kv->ctx, kv_most_ends(s) * sizeof *seq->ends);
    complete &= seq->checkpoints && seq->ends;
    for (uint32_t i = 0; seq->checkpoints && i < n_pages; i++) seq->checkpoints[i] = SOTTO_KV_NONE;
  }
  if (complete) return SOTTO_OK;
  sotto_kv_seq_free(kv, seq);
  return SOTTO_ERR_OUT_OF_MEMORY;
}

void sotto_kv_seq_free(sotto_kv *kv, sotto_kv_seq *seq) {
  const sotto_kv_shape *s = &kv->shape;
  const uint32_t n_pages = s->n_ctx / SOTTO_KV_PAGE;
  sotto_kv_cut(kv, seq, 0);
  sotto_free(kv->ctx, seq->tokens, s->n_ctx * sizeof *seq->tokens);
  for (uint32_t g = 0; g < s->n_groups; g++)
    sotto_free(kv->ctx, seq->groups[g].numbers, n_pages * sizeof *seq->groups[g].numbers);
  sotto_free(kv->ctx, seq->checkpoints, n_pages * sizeof *seq->checkpoints);
  sotto_free(kv->ctx, seq->ends, kv_most_ends(s) * sizeof *seq->ends);
  *seq = (sotto_kv_seq){0};
}

/* The page that will be written first, where it is there already and others hold it too. */
static uint32_t *shared_last(const sotto_kv *kv, const sotto_kv_seq *seq, uint32_t group) {
  const sotto_kv_pages *pages = &seq->groups[group];
  const uint32_t last = seq->n_tokens / SOTTO_KV_PAGE;
  if (last >= pages->end) return NULL;
  uint32_t *number = &pages->numbers[last];
  return kv->pages[group].references[*number] > 1 ? number : NULL;
}

static bool group_has_room(const sotto_kv *kv, const sotto_kv_seq *seq, uint32_t group,
                           uint32_t wanted) {
  const uint32_t end = seq->groups[group].end, extra = wanted > end ? wanted - end : 0;
  return extra + (shared_last(kv, seq, group) != NULL) <= kv->pages[group].n_free;
}

static void extend_group(sotto_kv *kv, sotto_kv_seq *seq, uint32_t group, uint32_t wanted) {
  kv_pool *pool = &kv->pages[group];
  sotto_kv_pages *pages = &seq->groups[group];
  uint32_t *shared = shared_last(kv, seq, group);
  if (shared) {
    const uint32_t copy = kv_take(pool);
    kv->storage->copy_page(kv->storage, group, *shared, copy);
    kv_release(pool, *shared);
    *shared = copy;
  }
  while (pages->end < wanted) pages->numbers[pages->end++] = kv_take(pool);
}

bool sotto_kv_reserve(sotto_kv *kv, sotto_kv_seq *seq, uint32_t n_more, uint32_t n_drafts) {
  sotto_kv_rewind(kv, seq);
  if (n_more > kv->shape.n_ctx - seq->n_tokens) return false;
  if (n_drafts > kv->shape.n_ctx - seq->n_tokens - n_more) return false;
  const uint32_t wanted = kv_pages_for(seq->n_tokens + n_more + n_drafts);
  for (uint32_t g = 0; g < kv->shape.n_groups; g++)
    if (!group_has_room(kv, seq, g, wanted)) return false;
  if (!kv_reserve_states(kv, seq, n_more, n_drafts)) return false;
  for (uint32_t g = 0; g < kv->shape.n_groups; g++) extend_group(kv, seq, g, wanted);
  return true;
}

void sotto_kv_commit(sotto_kv *kv, sotto_kv_seq *seq, const sotto_token *tokens, uint32_t n) {
  memcpy(seq->tokens + seq->n_tokens, tokens, n * sizeof *tokens);
  seq->n_tokens += n;
  kv_commit_states(kv, seq);
}

/* Release the group's pages behind the first n tokens. */
static void cut_group(sotto_kv *kv, sotto_kv_seq *seq, uint32_t group, uint32_t n) {
  sotto_kv_pages *pages = &seq->groups[group];
  const uint32_t keep = kv_pages_for(n);
  while (pages->end > keep && pages->end > pages->first)
    kv_release(&kv->pages[group], pages->numbers[--pages->end]);
  if (n == 0) pages->first = pages->end = 0;
}

void sotto_kv_rewind(sotto_kv *kv, sotto_kv_seq *seq) {
  for (uint32_t g = 0; g < kv->shape.n_groups; g++) cut_group(kv, seq, g, seq->n_tokens);
  kv_rewind_states(kv, seq);
}

void sotto_kv_cut(sotto_kv *kv, sotto_kv_seq *seq, uint32_t n) {
  kv_rewind_states(kv, seq);
  kv_cut_states(kv, seq, n);
  seq->n_tokens = n;
  for (uint32_t g = 0; g < kv->shape.n_groups; g++) cut_group(kv, seq, g, n);
}

bool sotto_kv_give_back(sotto_kv *kv, sotto_kv_seq *seq) {
  bool any = false;
  for (uint32_t g = 0; g < kv->shape.n_groups; g++) {
    sotto_kv_pages *pages = &seq->groups[g];
    const uint32_t needed = kv_first_page(kv->shape.groups[g].window, seq->n_tokens);
    while (pages->first < needed) any |= kv_release(&kv->pages[g], pages->numbers[pages->first++]);
  }
  return any;
}

uint32_t sotto_kv_resumable(const sotto_kv *kv, const sotto_kv_seq *seq, uint32_t n) {
  if (n > seq->n_tokens) n = seq->n_tokens;
  n = kv_states_resumable(kv, seq, n);
  /* A position further in front would need still older pages. */
  for (uint32_t g = 0; g < kv->shape.n_groups; g++)
    if (kv_first_page(kv->shape.groups[g].window, n) < seq->groups[g].first) return 0;
  return n;
}

void sotto_kv_share(sotto_kv *kv, sotto_kv_seq *dst, const sotto_kv_seq *src, uint32_t n) {
  for (uint32_t g = 0; g < kv->shape.n_groups; g++) {
    const sotto_kv_pages *from = &src->groups[g];
    sotto_kv_pages *to = &dst->groups[g];
    to->first = from->first;
    to->end = kv_pages_for(n);
    for (uint32_t i = to->first; i < to->end; i++) {
      to->numbers[i] = from->numbers[i];
      kv_hold(&kv->pages[g], from->numbers[i]);
    }
  }
  kv_share_states(kv, dst, src, n);
  memcpy(dst->tokens, src->tokens, n * sizeof *dst->tokens);
  dst->n_tokens = n;
}
