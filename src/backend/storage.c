/* Layout, and copies in it. */
#include "backend/storage.h"

static uint32_t pages_of(const sotto_storage *s, uint32_t layer) {
  return s->shape.groups[s->shape.layers[layer].group].n_pages;
}

static char *rows_of(const sotto_storage *s, uint32_t half, uint32_t layer, uint32_t page,
                     uint32_t head) {
  const sotto_storage_layer *l = &s->layers[layer];
  const size_t index = (size_t)head * pages_of(s, layer) + page;
  return s->data + l->start[half] + index * l->page_bytes[half];
}

void *sotto_storage_keys(const sotto_storage *s, uint32_t layer, uint32_t page, uint32_t head) {
  return rows_of(s, 0, layer, page, head);
}

void *sotto_storage_values(const sotto_storage *s, uint32_t layer, uint32_t page, uint32_t head) {
  return rows_of(s, 1, layer, page, head);
}

const uint32_t *sotto_storage_pages(const sotto_storage *s, uint32_t layer,
                                    const sotto_kv_seq *seq) {
  return seq->groups[s->shape.layers[layer].group].numbers;
}

float *sotto_storage_state(const sotto_storage *s, uint32_t layer, uint32_t slot) {
  const size_t bytes = s->shape.layers[layer].n_state * sizeof(float);
  return (float *)(s->data + s->layers[layer].state + slot * bytes);
}

static void copy_page(sotto_kv_storage *storage, uint32_t group, uint32_t from, uint32_t to) {
  const sotto_storage *s = (const sotto_storage *)storage;
  for (uint32_t half = 0; half < 2; half++) {
    for (uint32_t layer = 0; layer < s->shape.n_layer; layer++) {
      const sotto_kv_layer *l = &s->shape.layers[layer];
      for (uint32_t head = 0; l->group == group && head < l->n_head_kv; head++)
        memcpy(rows_of(s, half, layer, to, head), rows_of(s, half, layer, from, head),
               s->layers[layer].page_bytes[half]);
    }
  }
}

static char *at(const sotto_kv_storage *storage, const sotto_kv_place *place) {
  const sotto_storage *s = (const sotto_storage *)storage;
  if (place->kind == SOTTO_KV_STATE)
    return (char *)sotto_storage_state(s, place->layer, place->index);
  return rows_of(s, place->kind == SOTTO_KV_VALUES, place->layer, place->index, place->head);
}

static void read(const sotto_kv_storage *storage, const sotto_kv_place *place, void *bytes,
                 size_t n) {
  memcpy(bytes, at(storage, place), n);
}

static void write(sotto_kv_storage *storage, const sotto_kv_place *place, const void *bytes,
                  size_t n) {
  memcpy(at(storage, place), bytes, n);
}

static void lay_out(sotto_storage *s) {
  size_t start = 0;
  for (uint32_t half = 0; half < 2; half++) {
    for (uint32_t layer = 0; layer < s->shape.n_layer; layer++) {
      const sotto_kv_layer *l = &s->shape.layers[layer];
      const sotto_dtype type = half ? s->shape.v_type : s->shape.k_type;
      if (l->n_head_kv == 0) continue;
      s->layers[layer].page_bytes[half] =
          (size_t)sotto_dtype_row_bytes(type, l->head_dim) * SOTTO_KV_PAGE;
      s->layers[layer].start[half] = start;
      start += s->layers[layer].page_bytes[half] * pages_of(s, layer) * l->n_head_kv;
    }
  }
  for (uint32_t layer = 0; layer < s->shape.n_layer; layer++) {
    s->layers[layer].state = start;
    start += (size_t)s->shape.n_states * s->shape.layers[layer].n_state * sizeof(float);
  }
}

sotto_status sotto_storage_init(sotto_ctx *ctx, const sotto_kv_shape *shape, sotto_storage *out) {
  *out = (sotto_storage){.base = {copy_page, read, write}, .ctx = ctx, .shape = *shape};
  const uint64_t bytes = sotto_kv_bytes(shape);
  if (bytes > SIZE_MAX / 2) {
    return sotto_fail(ctx, SOTTO_ERR_MEMORY_BUDGET,
                      "a KV cache of %u positions does not fit this host; choose a smaller n_ctx",
                      shape->n_ctx);
  }
  out->bytes = (size_t)bytes;
  out->layers = sotto_alloc_zero(ctx, shape->n_layer * sizeof *out->layers);
  out->data = sotto_alloc_aligned(ctx, out->bytes);
  if (!out->layers || !out->data) {
    sotto_storage_free(out);
    return SOTTO_ERR_OUT_OF_MEMORY;
  }
  /* No memset: rows are read only after they were written, and hosts that commit memory lazily give
   * it to those pages alone that are used. */
  lay_out(out);
  return SOTTO_OK;
}

void sotto_storage_free(sotto_storage *s) {
  sotto_free(s->ctx, s->layers, s->shape.n_layer * sizeof *s->layers);
  sotto_free_aligned(s->ctx, s->data, s->bytes);
  *s = (sotto_storage){0};
}
