/* The pages, which of them are free, and the sequences' lists of pages. */
#include "kv/kv_internal.h"

/* Of one position and head. */
static uint64_t row_bytes(const sotto_kv_shape *s, uint32_t layer, uint32_t half) {
  return sotto_dtype_row_bytes(half ? s->v_type : s->k_type, s->layers[layer].head_dim);
}

uint64_t sotto_kv_position_bytes(const sotto_kv_shape *s) {
  uint64_t total = 0;
  for (uint32_t layer = 0; layer < s->n_layer; layer++) {
    const uint64_t bytes =
        (row_bytes(s, layer, 0) + row_bytes(s, layer, 1)) * s->layers[layer].n_head_kv;
    if (__builtin_add_overflow(total, bytes, &total)) return UINT64_MAX;
  }
  return total;
}

uint64_t sotto_kv_bytes(const sotto_kv_shape *s) {
  uint64_t total;
  if (__builtin_mul_overflow(sotto_kv_position_bytes(s), (uint64_t)s->n_pages * SOTTO_KV_PAGE,
                             &total) ||
      total > SIZE_MAX / 2) {
    return 0;
  }
  return total;
}

sotto_status sotto_kv_new(sotto_ctx *ctx, const sotto_kv_shape *shape, sotto_kv **out) {
  *out = NULL;
  uint64_t bytes = sotto_kv_bytes(shape);
  if (bytes == 0) {
    return sotto_fail(ctx, SOTTO_ERR_MEMORY_BUDGET,
                      "a KV cache of %llu positions does not fit this host; choose a smaller n_ctx",
                      (unsigned long long)shape->n_pages * SOTTO_KV_PAGE);
  }
  sotto_kv *kv = sotto_alloc_zero(ctx, sizeof *kv);
  if (!kv) return SOTTO_ERR_OUT_OF_MEMORY;
  kv->ctx = ctx;
  kv->shape = *shape;
  kv->bytes = (size_t)bytes;
  kv->layouts = sotto_alloc(ctx, shape->n_layer * sizeof *kv->layouts);
  kv->data = sotto_alloc_aligned(ctx, kv->bytes);
  kv->references = sotto_alloc_zero(ctx, shape->n_pages * sizeof *kv->references);
  kv->free_list = sotto_alloc(ctx, shape->n_pages * sizeof *kv->free_list);
  if (!kv->layouts || !kv->data || !kv->references || !kv->free_list) {
    sotto_kv_free(kv);
    return SOTTO_ERR_OUT_OF_MEMORY;
  }
  size_t start = 0;
  for (uint32_t half = 0; half < 2; half++) {
    for (uint32_t layer = 0; layer < shape->n_layer; layer++) {
      struct kv_layer_layout *layout = &kv->layouts[layer];
      layout->page_bytes[half] = (size_t)row_bytes(shape, layer, half) * SOTTO_KV_PAGE;
      layout->start[half] = start;
      start += layout->page_bytes[half] * shape->n_pages * shape->layers[layer].n_head_kv;
    }
  }
  /* No memset: rows are read only after they were written, and hosts that commit memory lazily give
   * it to those pages alone that are used. */
  kv->n_free = shape->n_pages;
  for (uint32_t i = 0; i < shape->n_pages; i++) kv->free_list[i] = shape->n_pages - 1 - i;
  *out = kv;
  return SOTTO_OK;
}

void sotto_kv_free(sotto_kv *kv) {
  if (!kv) return;
  sotto_ctx *ctx = kv->ctx;
  sotto_free(ctx, kv->layouts, kv->shape.n_layer * sizeof *kv->layouts);
  sotto_free_aligned(ctx, kv->data, kv->bytes);
  sotto_free(ctx, kv->references, kv->shape.n_pages * sizeof *kv->references);
  sotto_free(ctx, kv->free_list, kv->shape.n_pages * sizeof *kv->free_list);
  sotto_free(ctx, kv, sizeof *kv);
}

const sotto_kv_shape *sotto_kv_get_shape(const sotto_kv *kv) {
  return &kv->shape;
}
uint32_t sotto_kv_free_pages(const sotto_kv *kv) {
  return kv->n_free;
}

static char *rows_of(const sotto_kv *kv, uint32_t half, uint32_t layer, uint32_t page,
                     uint32_t head) {
  const struct kv_layer_layout *layout = &kv->layouts[layer];
  const size_t index = (size_t)head * kv->shape.n_pages + page;
  return kv->data + layout->start[half] + index * layout->page_bytes[half];
}

void *sotto_kv_keys(const sotto_kv *kv, uint32_t layer, uint32_t page, uint32_t head) {
  return rows_of(kv, 0, layer, page, head);
}

void *sotto_kv_values(const sotto_kv *kv, uint32_t layer, uint32_t page, uint32_t head) {
  return rows_of(kv, 1, layer, page, head);
}

sotto_status sotto_kv_seq_init(sotto_kv *kv, sotto_kv_seq *seq) {
  *seq = (sotto_kv_seq){0};
  seq->pages = sotto_alloc(kv->ctx, kv->shape.n_pages * sizeof *seq->pages);
  seq->tokens =
      sotto_alloc(kv->ctx, (size_t)kv->shape.n_pages * SOTTO_KV_PAGE * sizeof *seq->tokens);
  if (!seq->pages || !seq->tokens) {
    sotto_kv_seq_free(kv, seq);
    return SOTTO_ERR_OUT_OF_MEMORY;
  }
  return SOTTO_OK;
}

void sotto_kv_seq_free(sotto_kv *kv, sotto_kv_seq *seq) {
  sotto_kv_trim(kv, seq, 0);
  sotto_free(kv->ctx, seq->pages, kv->shape.n_pages * sizeof *seq->pages);
  sotto_free(kv->ctx, seq->tokens, (size_t)kv->shape.n_pages * SOTTO_KV_PAGE * sizeof *seq->tokens);
  *seq = (sotto_kv_seq){0};
}

static uint32_t take_page(sotto_kv *kv) {
  uint32_t page = kv->free_list[--kv->n_free];
  kv->references[page] = 1;
  return page;
}

static void release_page(sotto_kv *kv, uint32_t page) {
  if (--kv->references[page] == 0) kv->free_list[kv->n_free++] = page;
}

static void copy_page(const sotto_kv *kv, uint32_t from, uint32_t to) {
  for (uint32_t half = 0; half < 2; half++)
    for (uint32_t layer = 0; layer < kv->shape.n_layer; layer++)
      for (uint32_t head = 0; head < kv->shape.layers[layer].n_head_kv; head++)
        memcpy(rows_of(kv, half, layer, to, head), rows_of(kv, half, layer, from, head),
               kv->layouts[layer].page_bytes[half]);
}

static uint32_t pages_for(uint32_t n_tokens) {
  return (n_tokens + SOTTO_KV_PAGE - 1) / SOTTO_KV_PAGE;
}

bool sotto_kv_reserve(sotto_kv *kv, sotto_kv_seq *seq, uint32_t n_more) {
  if (n_more == 0) return true;
  if (n_more > kv->shape.n_pages * SOTTO_KV_PAGE - seq->n_tokens) return false;
  uint32_t wanted = pages_for(seq->n_tokens + n_more);
  uint32_t last = seq->n_tokens / SOTTO_KV_PAGE; /* the first page that will be written */
  bool copy = last < seq->n_pages && kv->references[seq->pages[last]] > 1;
  uint32_t extra = wanted > seq->n_pages ? wanted - seq->n_pages : 0;
  if (kv->n_free < extra + copy) return false;
  if (copy) {
    uint32_t from = seq->pages[last], to = take_page(kv);
    copy_page(kv, from, to);
    release_page(kv, from);
    seq->pages[last] = to;
  }
  while (seq->n_pages < wanted) seq->pages[seq->n_pages++] = take_page(kv);
  return true;
}

void sotto_kv_append(sotto_kv_seq *seq, const sotto_token *tokens, uint32_t n) {
  memcpy(seq->tokens + seq->n_tokens, tokens, n * sizeof *tokens);
  seq->n_tokens += n;
}

void sotto_kv_trim(sotto_kv *kv, sotto_kv_seq *seq, uint32_t n) {
  if (n < seq->n_tokens) seq->n_tokens = n;
  uint32_t keep = pages_for(seq->n_tokens);
  while (seq->n_pages > keep) release_page(kv, seq->pages[--seq->n_pages]);
}

void sotto_kv_share(sotto_kv *kv, sotto_kv_seq *dst, const sotto_kv_seq *src, uint32_t n) {
  uint32_t n_pages = pages_for(n);
  for (uint32_t i = 0; i < n_pages; i++) {
    dst->pages[i] = src->pages[i];
    kv->references[src->pages[i]]++;
  }
  dst->n_pages = n_pages;
  memcpy(dst->tokens, src->tokens, n * sizeof *dst->tokens);
  dst->n_tokens = n;
}
