/* What arrives: staging of incomplete tile rows, packing, what is ready. */
#include "base/hash.h"
#include "kernels/packed.h"
#include "load/load_internal.h"

/* Orders placements by (stage if asked for, file, offset). */
static bool before(const sotto_placement *a, const sotto_placement *b, bool by_stage) {
  if (by_stage && a->stage != b->stage) return a->stage < b->stage;
  if (a->tensor->file != b->tensor->file) return a->tensor->file < b->tensor->file;
  return a->offset < b->offset;
}

/* Heapsort of indices: no recursion and no bad case for a hostile order. */
static void sift_down(const sotto_load *load, size_t *index, size_t root, size_t n, bool by_stage) {
  const sotto_placement *p = load->placements;
  for (size_t child; (child = 2 * root + 1) < n; root = child) {
    if (child + 1 < n && before(&p[index[child]], &p[index[child + 1]], by_stage)) child++;
    if (!before(&p[index[root]], &p[index[child]], by_stage)) return;
    size_t swap = index[root];
    index[root] = index[child];
    index[child] = swap;
  }
}

static void sort_index(const sotto_load *load, size_t *index, bool by_stage) {
  size_t n = load->n;
  for (size_t i = 0; i < n; i++) index[i] = i;
  for (size_t i = n / 2; i-- > 0;) sift_down(load, index, i, n, by_stage);
  for (size_t i = n; i-- > 1;) {
    size_t swap = index[0];
    index[0] = index[i];
    index[i] = swap;
    sift_down(load, index, 0, i, by_stage);
  }
}

sotto_status sotto_load_new(sotto_ctx *ctx, const sotto_gguf *gguf,
                            const sotto_placement *placements, size_t n, sotto_weight_sink *sink,
                            sotto_load **out) {
  *out = NULL;
  sotto_load *load = sotto_alloc_zero(ctx, sizeof *load);
  if (!load) return SOTTO_ERR_OUT_OF_MEMORY;
  load->ctx = ctx;
  load->gguf = gguf;
  load->placements = placements;
  load->sink = sink;
  load->n = n;
  load->by_file = sotto_alloc(ctx, n * sizeof *load->by_file);
  load->by_stage = sotto_alloc(ctx, n * sizeof *load->by_stage);
  load->handed = sotto_alloc_zero(ctx, n * sizeof *load->handed);
  load->placed = sotto_alloc_zero(ctx, n * sizeof *load->placed);
  load->ready = sotto_alloc_zero(ctx, n * sizeof *load->ready);
  load->hashes = sotto_alloc_zero(ctx, n * sizeof *load->hashes);
  if (n && (!load->by_file || !load->by_stage || !load->handed || !load->placed || !load->ready ||
            !load->hashes)) {
    sotto_load_free(load);
    return SOTTO_ERR_OUT_OF_MEMORY;
  }
  for (size_t i = 0; i < n; i++) {
    load->total += placements[i].size;
    size_t tile_row = sotto_load_tile_row_bytes(&placements[i]);
    if (tile_row > load->max_tile_row) load->max_tile_row = tile_row;
  }
  sort_index(load, load->by_file, false);
  sort_index(load, load->by_stage, true);
  *out = load;
  return SOTTO_OK;
}

void sotto_load_free(sotto_load *load) {
  if (!load) return;
  sotto_ctx *ctx = load->ctx;
  for (size_t i = 0; i < SOTTO_LOAD_MAX_RANGES; i++) {
    sotto_free(ctx, load->ranges[i].staged, load->max_tile_row);
  }
  sotto_free(ctx, load->by_file, load->n * sizeof *load->by_file);
  sotto_free(ctx, load->by_stage, load->n * sizeof *load->by_stage);
  sotto_free(ctx, load->handed, load->n * sizeof *load->handed);
  sotto_free(ctx, load->placed, load->n * sizeof *load->placed);
  sotto_free(ctx, load->ready, load->n * sizeof *load->ready);
  sotto_free(ctx, load->hashes, load->n * sizeof *load->hashes);
  sotto_free(ctx, load, sizeof *load);
}

/* Put a tile row of a tensor into place, or several for a sink: data[len] as in the file, from byte
 * `offset` of the placement on. The last tile row may have fewer rows. */
static sotto_status place(sotto_load *load, size_t index, uint64_t offset,
                          const unsigned char *data, size_t len) {
  const sotto_placement *p = &load->placements[index];
  const sotto_dtype type = p->tensor->type;
  const size_t row_bytes = (size_t)sotto_dtype_row_bytes(type, p->cols);
  const uint64_t first_row = offset / row_bytes;
  const size_t n_rows = len / row_bytes, cols = (size_t)p->cols;
  for (size_t r = 0; r < n_rows; r++) {
    const unsigned char *row = data + r * row_bytes;
    if (!sotto_row_is_finite(type, row, cols)) {
      return sotto_fail(
          load->ctx, SOTTO_ERR_NON_FINITE_WEIGHTS,
          "row %llu of tensor '%.*s' holds NaN or infinite values; the file is damaged "
          "or was converted badly: fetch or convert it again",
          (unsigned long long)(first_row + r), SOTTO_SLICE_ARG(p->tensor->name));
    }
    if (p->kind == SOTTO_PLACE_F32) {
      sotto_dequantize_row(type, row, (float *)p->dst + (first_row + r) * cols, cols);
    }
  }
  if (p->kind == SOTTO_PLACE_PACKED) {
    char *dst =
        (char *)p->dst + first_row / SOTTO_TILE_ROWS * sotto_packed_tile_row_bytes(type, cols);
    sotto_pack_tile_row(type, data, n_rows, cols, dst);
  }
  if (p->kind == SOTTO_PLACE_SINK)
    SOTTO_TRY(load->sink->take(load->sink, index, first_row, data, n_rows));
  if (offset == 0) {
    const size_t tile_row = sotto_load_tile_row_bytes(p);
    load->hashes[index] = sotto_hash(SOTTO_HASH_START, data, len < tile_row ? len : tile_row);
  }
  load->placed[index] += len;
  load->ready[index] = load->placed[index] == p->size;
  load->loaded += len;
  return SOTTO_OK;
}

/* Bytes of one tensor, from `range->at` on: whole tile rows straight from data, for a sink all of
 * them at once; the rest staged. */
static sotto_status feed_tensor(sotto_load *load, open_range *range, size_t index,
                                const unsigned char *data, size_t len) {
  const sotto_placement *p = &load->placements[index];
  const uint64_t size = p->size, tile_row = sotto_load_tile_row_bytes(p);
  while (len) {
    uint64_t offset = range->at - p->offset - range->n_staged; /* of the tile row */
    size_t want = (size_t)(size - offset < tile_row ? size - offset : tile_row);
    if (p->kind == SOTTO_PLACE_SINK && range->n_staged == 0 && len > tile_row)
      want = (size_t)(size - offset < len ? size - offset : len / tile_row * tile_row);
    size_t take = want - range->n_staged < len ? want - range->n_staged : len;
    if (take == want) {
      SOTTO_TRY(place(load, index, offset, data, want));
    } else {
      if (!range->staged && !(range->staged = sotto_alloc(load->ctx, load->max_tile_row))) {
        return SOTTO_ERR_OUT_OF_MEMORY;
      }
      memcpy(range->staged + range->n_staged, data, take);
      range->n_staged += take;
      if (range->n_staged == want) {
        SOTTO_TRY(place(load, index, offset, range->staged, want));
        range->n_staged = 0;
      }
    }
    range->at += take;
    data += take;
    len -= take;
  }
  return SOTTO_OK;
}

sotto_status sotto_load_feed(sotto_load *load, uint32_t file, uint64_t offset, const void *data,
                             size_t len) {
  open_range *range = NULL;
  for (size_t i = 0; i < SOTTO_LOAD_MAX_RANGES && !range; i++) {
    open_range *r = &load->ranges[i];
    if (r->open && r->file == file && r->at == offset) range = r;
  }
  if (!range || len > range->end - range->at) {
    return sotto_fail(
        load->ctx, SOTTO_ERR_INVALID_ARGUMENT,
        "%zu bytes at offset %llu of file %u were not asked for; feed the ranges handed "
        "out, each from its start to its end",
        len, (unsigned long long)offset, file);
  }
  const unsigned char *bytes = data;
  while (len) {
    uint64_t stop = range->end;
    size_t index = SIZE_MAX;
    if (range->next < load->n) {
      const sotto_placement *t = &load->placements[load->by_file[range->next]];
      if (t->tensor->file == file && t->offset <= range->at) {
        index = load->by_file[range->next];
        stop = t->offset + t->size;
      } else if (t->tensor->file == file && t->offset < stop) {
        stop = t->offset; /* padding, or a tensor that the program does not use */
      }
    }
    size_t take = stop - range->at < len ? (size_t)(stop - range->at) : len;
    if (index == SIZE_MAX)
      range->at += take;
    else
      SOTTO_TRY(feed_tensor(load, range, index, bytes, take));
    bytes += take;
    len -= take;
    if (index != SIZE_MAX && range->at == stop) range->next++;
  }
  if (range->at == range->end) range->open = false;
  return SOTTO_OK;
}

const bool *sotto_load_ready(const sotto_load *load) {
  return load->ready;
}

bool sotto_load_complete(const sotto_load *load) {
  return load->loaded == load->total;
}

uint64_t sotto_load_first_rows_hash(const sotto_load *load, size_t placement) {
  return load->hashes[placement];
}

void sotto_load_progress(const sotto_load *load, uint64_t *loaded, uint64_t *total) {
  *loaded = load->loaded;
  *total = load->total;
}
