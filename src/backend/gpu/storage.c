/* Buffers of layers, and commands on them. */
#include "backend/gpu/storage.h"

static uint64_t row_bytes(const sotto_kv_shape *s, uint32_t layer, gpu_storage_part part) {
  return sotto_dtype_row_bytes(part == GPU_VALUES ? s->v_type : s->k_type,
                               s->layers[layer].head_dim);
}

static uint64_t page_bytes(const sotto_kv_shape *s, uint32_t layer, gpu_storage_part part) {
  return s->layers[layer].n_head_kv * row_bytes(s, layer, part) * SOTTO_KV_PAGE;
}

static uint64_t part_bytes(const sotto_kv_shape *s, uint32_t layer, gpu_storage_part part) {
  const sotto_kv_layer *l = &s->layers[layer];
  if (part == GPU_STATES) return (uint64_t)s->n_states * l->n_state * sizeof(float);
  if (l->n_head_kv == 0) return 0;
  return s->groups[l->group].n_pages * page_bytes(s, layer, part);
}

uint64_t gpu_storage_largest(const sotto_kv_shape *s) {
  uint64_t largest = 0;
  for (uint32_t layer = 0; layer < s->n_layer; layer++)
    for (gpu_storage_part part = GPU_KEYS; part <= GPU_STATES; part++)
      if (part_bytes(s, layer, part) > largest) largest = part_bytes(s, layer, part);
  return largest;
}

static uint32_t buffer_of(const gpu_storage *s, uint32_t layer, gpu_storage_part part) {
  return s->first[layer] + part;
}

sotto_gpu_binding gpu_storage_binding(const gpu_storage *s, uint32_t layer, gpu_storage_part part) {
  return (sotto_gpu_binding){.buffer = buffer_of(s, layer, part),
                             .size = part_bytes(&s->shape, layer, part)};
}

static void copy_page(sotto_kv_storage *storage, uint32_t group, uint32_t from, uint32_t to) {
  const gpu_storage *s = (const gpu_storage *)storage;
  for (uint32_t layer = 0; layer < s->shape.n_layer; layer++) {
    const sotto_kv_layer *l = &s->shape.layers[layer];
    if (l->n_head_kv == 0 || l->group != group) continue;
    for (gpu_storage_part part = GPU_KEYS; part <= GPU_VALUES; part++) {
      const uint64_t bytes = page_bytes(&s->shape, layer, part);
      const uint32_t buffer = buffer_of(s, layer, part);
      gpu_emit_copy(s->stream, buffer, from * bytes, buffer, to * bytes, bytes);
    }
  }
}

/* Where a place is. */
static uint64_t find(const gpu_storage *s, const sotto_kv_place *place, uint32_t *buffer) {
  const sotto_kv_layer *l = &s->shape.layers[place->layer];
  const gpu_storage_part part = place->kind == SOTTO_KV_KEYS     ? GPU_KEYS
                                : place->kind == SOTTO_KV_VALUES ? GPU_VALUES
                                                                 : GPU_STATES;
  *buffer = buffer_of(s, place->layer, part);
  if (part == GPU_STATES) return (uint64_t)place->index * l->n_state * sizeof(float);
  return ((uint64_t)place->index * l->n_head_kv + place->head) * SOTTO_KV_PAGE *
         row_bytes(&s->shape, place->layer, part);
}

static void read(const sotto_kv_storage *storage, const sotto_kv_place *place, void *bytes,
                 size_t n) {
  const gpu_storage *s = (const gpu_storage *)storage;
  uint32_t buffer;
  const uint64_t offset = find(s, place, &buffer);
  gpu_emit_read(s->stream, buffer, offset, bytes, (uint32_t)n);
}

static void write(sotto_kv_storage *storage, const sotto_kv_place *place, const void *bytes,
                  size_t n) {
  const gpu_storage *s = (const gpu_storage *)storage;
  uint32_t buffer;
  const uint64_t offset = find(s, place, &buffer);
  gpu_emit_write(s->stream, buffer, offset, bytes, (uint32_t)n);
}

sotto_status gpu_storage_init(sotto_ctx *ctx, const sotto_kv_shape *shape, gpu_stream *stream,
                              uint32_t *next_buffer, gpu_storage *out) {
  *out = (gpu_storage){
      .base = {copy_page, read, write}, .ctx = ctx, .stream = stream, .shape = *shape};
  out->first = sotto_alloc(ctx, shape->n_layer * sizeof *out->first);
  if (!out->first) return SOTTO_ERR_OUT_OF_MEMORY;
  for (uint32_t layer = 0; layer < shape->n_layer; layer++) {
    out->first[layer] = *next_buffer;
    *next_buffer += 3;
    for (gpu_storage_part part = GPU_KEYS; part <= GPU_STATES; part++) {
      const uint64_t bytes = part_bytes(shape, layer, part);
      if (bytes) gpu_emit_buffer(stream, buffer_of(out, layer, part), false, bytes);
    }
  }
  return SOTTO_OK;
}

void gpu_storage_free(gpu_storage *s) {
  if (!s->ctx) return;
  sotto_free(s->ctx, s->first, s->shape.n_layer * sizeof *s->first);
  *s = (gpu_storage){0};
}
