/* Shards, buffers, and the sink that repacks what arrives. */
#include "backend/gpu/weights.h"

#define MAX_BUFFER (1ull << 30) /* weights share buffers up to this size */

static uint64_t smaller(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}
static uint64_t align(uint64_t n, uint64_t to) {
  return (n + to - 1) / to * to;
}

/* The factors of rotary tables, which the tables are made of here. */
static bool stays_here(const sotto_program *p, size_t weight) {
  for (size_t i = 0; i < p->n_ropes; i++)
    if (p->ropes[i].factors == (sotto_weight_id)weight ||
        p->ropes[i].long_factors == (sotto_weight_id)weight)
      return true;
  return false;
}

/* On the GPU: vectors are dequantised. */
static sotto_dtype type_of(const sotto_weight *w) {
  return w->kind == SOTTO_WEIGHT_MATRIX ? w->tensor->type : SOTTO_F32;
}

uint64_t gpu_most_bytes_bound(const sotto_gpu_device *device) {
  return smaller(smaller(device->max_binding, device->max_buffer), MAX_BUFFER);
}

/* Most rows of a weight in one binding, a multiple of 8 or all. */
static uint64_t rows_of_shard(const sotto_weight *w, const sotto_gpu_device *device) {
  const uint64_t most = gpu_most_bytes_bound(device);
  const uint64_t row = gpu_planes_bytes(type_of(w), 1, w->cols, NULL);
  if (row > most) return 0;
  const uint64_t rows = most / row; /* with the gaps between planes of one row: enough for many */
  return rows >= w->rows ? w->rows : rows / 8 * 8;
}

/* What the walk over all shards has come to. */
typedef struct layout {
  uint32_t n_shards, n_buffers;
  uint64_t buffer_bytes, total; /* of the last buffer; of all */
} layout;

static void add_shard(layout *l, const sotto_gpu_device *device, gpu_shard *shard,
                      uint64_t *buffers) {
  const uint64_t start = align(l->buffer_bytes, device->alignment);
  const bool fits =
      l->n_buffers > 0 && start + shard->bytes <= smaller(device->max_buffer, MAX_BUFFER);
  if (!fits) l->n_buffers++;
  shard->offset = fits ? start : 0;
  shard->buffer = l->n_buffers - 1;
  const uint64_t end = shard->offset + shard->bytes;
  l->total += fits ? end - l->buffer_bytes : end;
  l->buffer_bytes = end;
  if (buffers) buffers[shard->buffer] = end;
  l->n_shards++;
}

/* The weight as if those behind it were its own. */
static sotto_weight with_those_behind(const sotto_program *p, const gpu_units *units, size_t i) {
  sotto_weight all = p->weights[i];
  for (size_t k = i + 1, last = i; k < p->n_weights; k++) {
    if (units->front[k] != (sotto_weight_id)last) continue;
    if (all.kind == SOTTO_WEIGHT_MATRIX)
      all.rows += p->weights[k].rows;
    else
      all.cols += p->weights[k].cols;
    last = k;
  }
  return all;
}

/* A weight's shard behind that of another one, in the same binding. */
static gpu_shard shard_behind(const gpu_shard *front, const sotto_weight *its,
                              const sotto_weight *weight) {
  gpu_shard shard = *front;
  shard.at += its->kind == SOTTO_WEIGHT_MATRIX ? its->rows : its->cols;
  shard.n_rows = weight->rows;
  return shard;
}

/* Walks over all shards, and with `w` writes them down. */
static sotto_status lay_out(const sotto_program *p, const sotto_gpu_device *device,
                            const gpu_units *units, layout *l, gpu_weights *w) {
  *l = (layout){0};
  for (size_t i = 0; i < p->n_weights; i++) {
    const sotto_weight *weight = &p->weights[i];
    if (w) w->first_shard[i] = l->n_shards;
    if (stays_here(p, i)) continue;
    const sotto_dtype type = type_of(weight);
    const uint64_t most = rows_of_shard(weight, device);
    if (most == 0 || (weight->kind == SOTTO_WEIGHT_MATRIX && weight->cols % 4)) {
      return sotto_fail(p->ctx, SOTTO_ERR_UNSUPPORTED_TYPE,
                        "a row of tensor '%.*s' has %llu weights, which the kernels for GPUs do "
                        "not take; load with backend 'cpu'",
                        SOTTO_SLICE_ARG(weight->tensor->name), (unsigned long long)weight->cols);
    }
    const sotto_weight_id front = units->front[i];
    if (front >= 0) {
      l->n_shards++;
      if (w)
        w->shards[l->n_shards - 1] =
            shard_behind(&w->shards[w->first_shard[front]], &p->weights[front], weight);
      continue;
    }
    const sotto_weight all = with_those_behind(p, units, i);
    for (uint64_t row = 0; row < weight->rows; row += most) {
      gpu_shard shard = {.first_row = row, .n_rows = smaller(most, weight->rows - row)};
      uint64_t starts[GPU_MAX_PLANES];
      const uint64_t n_rows = shard.n_rows + all.rows - weight->rows;
      shard.bytes = gpu_planes_bytes(type, n_rows, all.cols, starts);
      for (int k = 0; k < GPU_MAX_PLANES; k++) shard.planes[k] = (uint32_t)(starts[k] / 4);
      add_shard(l, device, &shard, w ? w->buffers : NULL);
      if (!w) continue;
      shard.buffer += w->first_buffer;
      w->shards[l->n_shards - 1] = shard;
    }
  }
  if (w) w->first_shard[p->n_weights] = l->n_shards;
  return SOTTO_OK;
}

static size_t host_floats(const sotto_program *p) {
  size_t n = 0;
  for (size_t i = 0; i < p->n_weights; i++)
    if (stays_here(p, i)) n += (size_t)p->weights[i].cols;
  return n;
}

/* Of a feed: its rows in the GPU's form, with a tile row that was begun by an earlier one. Vectors
 * grow to float32, by four at most. Never more than everything. */
static size_t staging_bytes(const sotto_program *p) {
  uint64_t tile_row = 0, all = 0;
  for (size_t i = 0; i < p->n_weights; i++) {
    const sotto_weight *w = &p->weights[i];
    const uint64_t bytes = gpu_planes_bytes(type_of(w), smaller(w->rows, 8), w->cols, NULL);
    if (bytes > tile_row) tile_row = bytes;
    all += gpu_planes_bytes(type_of(w), w->rows, w->cols, NULL);
  }
  return (size_t)smaller(all, 4 * (SOTTO_GPU_MAX_FEED + tile_row));
}

sotto_status gpu_weights_measure(const sotto_program *p, const sotto_gpu_device *device,
                                 const gpu_units *units, gpu_weights_plan *out) {
  layout l;
  *out = (gpu_weights_plan){0};
  SOTTO_TRY(lay_out(p, device, units, &l, NULL));
  *out = (gpu_weights_plan){.gpu = l.total,
                            .host = host_floats(p) * sizeof(float),
                            .staging = staging_bytes(p),
                            .n_shards = l.n_shards,
                            .n_buffers = l.n_buffers};
  return SOTTO_OK;
}

/* Room for n bytes until the stream's records are taken. */
static char *stage(gpu_weights *w, size_t n) {
  if (w->stream->taken || w->stream->serial != w->staged_serial) w->n_staged = 0;
  n = (n + 15) & ~(size_t)15;
  if (n > w->cap_staging - w->n_staged) return NULL;
  w->n_staged += n;
  return w->staging + w->n_staged - n;
}

static sotto_status write_rows(gpu_weights *w, const sotto_weight *weight, const gpu_shard *shard,
                               uint64_t row, const char *rows, uint64_t n_rows) {
  const sotto_dtype type = type_of(weight);
  for (uint32_t plane = 0; plane < gpu_planes_of(type)->n; plane++) {
    const size_t bytes = (size_t)gpu_plane_bytes(type, plane, n_rows, weight->cols);
    char *staged = stage(w, bytes);
    if (!staged) {
      return sotto_fail(w->program->ctx, SOTTO_ERR_BUSY,
                        "carry out the commands for the GPU before feeding more, at most %u bytes "
                        "at a time",
                        SOTTO_GPU_MAX_FEED);
    }
    if (weight->kind == SOTTO_WEIGHT_MATRIX)
      gpu_planes_take(type, plane, rows, n_rows, weight->cols, staged);
    else
      sotto_dequantize_row(weight->tensor->type, rows, (float *)staged, (size_t)weight->cols);
    uint64_t before = 4 * shard->at; /* of a vector */
    if (weight->kind == SOTTO_WEIGHT_MATRIX)
      before = gpu_plane_bytes(type, plane, row - shard->first_row + shard->at, weight->cols);
    gpu_emit_write(w->stream, shard->buffer, shard->offset + 4ull * shard->planes[plane] + before,
                   staged, (uint32_t)align(bytes, 4));
    w->staged_serial = w->stream->serial;
  }
  return SOTTO_OK;
}

static sotto_status take(sotto_weight_sink *sink, size_t index, uint64_t row, const void *rows,
                         uint64_t n_rows) {
  gpu_weights *w = (gpu_weights *)sink;
  const sotto_weight *weight = &w->program->weights[index];
  const char *at = rows;
  for (uint32_t s = w->first_shard[index]; s < w->first_shard[index + 1] && n_rows > 0; s++) {
    const gpu_shard *shard = &w->shards[s];
    if (row >= shard->first_row + shard->n_rows) continue;
    const uint64_t n = smaller(n_rows, shard->first_row + shard->n_rows - row);
    SOTTO_TRY(write_rows(w, weight, shard, row, at, n));
    at += n * sotto_dtype_row_bytes(weight->tensor->type, weight->cols);
    row += n;
    n_rows -= n;
  }
  return w->stream->failed ? SOTTO_ERR_OUT_OF_MEMORY : SOTTO_OK;
}

static void place(gpu_weights *w) {
  float *host = w->host;
  for (size_t i = 0; i < w->program->n_weights; i++) {
    const sotto_weight *weight = &w->program->weights[i];
    const bool here = stays_here(w->program, i);
    w->placements[i] = sotto_placement_of(weight, here ? SOTTO_PLACE_F32 : SOTTO_PLACE_SINK);
    if (!here) continue;
    w->placements[i].dst = host;
    host += weight->cols;
  }
}

sotto_status gpu_weights_init(const sotto_program *p, const sotto_gpu_device *device,
                              const gpu_units *units, gpu_stream *stream, uint32_t *next_buffer,
                              gpu_weights *out) {
  sotto_ctx *ctx = p->ctx;
  *out =
      (gpu_weights){.sink = {take}, .program = p, .stream = stream, .first_buffer = *next_buffer};
  layout l;
  SOTTO_TRY(lay_out(p, device, units, &l, NULL));
  out->n_shards = l.n_shards;
  out->n_buffers = l.n_buffers;
  out->n_host = host_floats(p);
  out->cap_staging = staging_bytes(p);
  out->placements = sotto_alloc(ctx, p->n_weights * sizeof *out->placements);
  out->first_shard = sotto_alloc(ctx, (p->n_weights + 1) * sizeof *out->first_shard);
  out->shards = sotto_alloc(ctx, l.n_shards * sizeof *out->shards);
  out->buffers = sotto_alloc(ctx, l.n_buffers * sizeof *out->buffers);
  out->host = sotto_alloc(ctx, out->n_host * sizeof *out->host);
  out->staging = sotto_alloc(ctx, out->cap_staging);
  if (!out->placements || !out->first_shard || !out->shards || !out->buffers || !out->staging ||
      (out->n_host && !out->host)) {
    gpu_weights_free(out);
    return SOTTO_ERR_OUT_OF_MEMORY;
  }
  SOTTO_TRY(lay_out(p, device, units, &l, out));
  for (size_t i = 0; i < out->n_host; i++) out->host[i] = 1; /* until they are there */
  place(out);
  for (uint32_t i = 0; i < out->n_buffers; i++)
    gpu_emit_buffer(stream, out->first_buffer + i, false, align(out->buffers[i], 4));
  *next_buffer += out->n_buffers;
  return SOTTO_OK;
}

void gpu_weights_free(gpu_weights *w) {
  if (!w->program) return;
  sotto_ctx *ctx = w->program->ctx;
  const size_t n = w->program->n_weights;
  sotto_free(ctx, w->placements, n * sizeof *w->placements);
  sotto_free(ctx, w->first_shard, (n + 1) * sizeof *w->first_shard);
  sotto_free(ctx, w->shards, w->n_shards * sizeof *w->shards);
  sotto_free(ctx, w->buffers, w->n_buffers * sizeof *w->buffers);
  sotto_free(ctx, w->host, w->n_host * sizeof *w->host);
  sotto_free(ctx, w->staging, w->cap_staging);
  *w = (gpu_weights){0};
}
