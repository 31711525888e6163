/* Which ranges are wanted, in which order. */
#include "kernels/packed.h"
#include "load/load_internal.h"

/* Tensors this close in the file are fetched in one range: alignment padding, not tensors. */
#define LARGEST_GAP 4096

size_t sotto_load_tile_row_bytes(const sotto_placement *p) {
  uint64_t rows = p->rows < SOTTO_TILE_ROWS ? p->rows : SOTTO_TILE_ROWS;
  return (size_t)(rows * sotto_dtype_row_bytes(p->tensor->type, p->cols));
}

uint64_t sotto_load_staging_bytes(const sotto_placement *placements, size_t n) {
  uint64_t largest = 0;
  for (size_t i = 0; i < n; i++) {
    uint64_t tile_row = sotto_load_tile_row_bytes(&placements[i]);
    if (tile_row > largest) largest = tile_row;
  }
  return largest * SOTTO_LOAD_MAX_RANGES;
}

size_t sotto_load_find_by_file(const sotto_load *load, uint32_t file, uint64_t offset) {
  size_t low = 0, high = load->n;
  while (low < high) { /* the first placement whose end lies behind (file, offset) */
    size_t mid = low + (high - low) / 2;
    const sotto_placement *t = &load->placements[load->by_file[mid]];
    bool before = t->tensor->file != file ? t->tensor->file < file : t->offset + t->size <= offset;
    if (before)
      low = mid + 1;
    else
      high = mid;
  }
  return low;
}

static open_range *unused_range(sotto_load *load) {
  for (size_t i = 0; i < SOTTO_LOAD_MAX_RANGES; i++) {
    if (!load->ranges[i].open) return &load->ranges[i];
  }
  return NULL;
}

static void open_at(sotto_load *load, open_range *range, uint32_t file, uint64_t at, uint64_t end) {
  range->open = true;
  range->file = file;
  range->at = at;
  range->end = end;
  range->next = sotto_load_find_by_file(load, file, at);
  range->n_staged = 0;
}

static sotto_status all_open(sotto_load *load) {
  return sotto_fail(load->ctx, SOTTO_ERR_BUSY,
                    "%d ranges are open; feed one to its end before asking for the next",
                    SOTTO_LOAD_MAX_RANGES);
}

sotto_status sotto_load_next_range(sotto_load *load, sotto_load_order order, uint64_t max_length,
                                   uint32_t *file, uint64_t *offset, uint64_t *length) {
  const size_t *index = order == SOTTO_LOAD_BY_FILE ? load->by_file : load->by_stage;
  size_t *next = &load->next[order];
  *length = 0;
  while (*next < load->n) {
    size_t i = index[*next];
    if (load->handed[i] < load->placements[i].size) break;
    ++*next;
  }
  if (*next == load->n) return SOTTO_OK;
  open_range *range = unused_range(load);
  if (!range) return all_open(load);

  const sotto_placement *first = &load->placements[index[*next]];
  uint64_t start = first->offset + load->handed[index[*next]], end = start;
  /* Take whole tile rows while the tensors of the order follow each other in the file. */
  for (size_t s = *next; s < load->n; s++) {
    size_t i = index[s];
    const sotto_placement *t = &load->placements[i];
    uint64_t from = t->offset + load->handed[i];
    if (t->tensor->file != first->tensor->file || from < end || from - end > LARGEST_GAP) break;
    /* What lies in the gap must be nobody's: tensors of other stages have ranges of their own. */
    if (from > end && load->by_file[sotto_load_find_by_file(load, first->tensor->file, end)] != i)
      break;
    uint64_t tile_row = sotto_load_tile_row_bytes(t), left = t->size - load->handed[i];
    uint64_t room = start + max_length > from ? start + max_length - from : 0;
    uint64_t take = left <= room ? left : room / tile_row * tile_row;
    if (take == 0 && end == start) take = left < tile_row ? left : tile_row;
    if (take == 0) break;
    load->handed[i] += take;
    end = from + take;
    if (take < left) break;
  }
  open_at(load, range, first->tensor->file, start, end);
  *file = first->tensor->file;
  *offset = start;
  *length = end - start;
  return SOTTO_OK;
}

sotto_status sotto_load_stream_range(sotto_load *load, uint32_t file, uint64_t *offset,
                                     uint64_t *length) {
  *length = 0;
  if (file >= sotto_gguf_n_files(load->gguf)) {
    return sotto_fail(load->ctx, SOTTO_ERR_INVALID_ARGUMENT, "the model has %u files, not %u",
                      sotto_gguf_n_files(load->gguf), file + 1);
  }
  uint64_t start = UINT64_MAX, end = 0;
  for (size_t i = 0; i < load->n; i++) {
    const sotto_placement *t = &load->placements[i];
    if (t->tensor->file != file) continue;
    if (load->handed[i]) {
      return sotto_fail(load->ctx, SOTTO_ERR_INVALID_ARGUMENT,
                        "file %u is already being loaded; stream a file whole or by ranges", file);
    }
    if (t->offset < start) start = t->offset;
    if (t->offset + t->size > end) end = t->offset + t->size;
  }
  if (end == 0) { /* a file of a split without a tensor of the program */
    *offset = sotto_gguf_data_start(load->gguf, file);
    return SOTTO_OK;
  }
  open_range *range = unused_range(load);
  if (!range) return all_open(load);
  for (size_t i = 0; i < load->n; i++) {
    const sotto_placement *t = &load->placements[i];
    if (t->tensor->file == file) load->handed[i] = t->size;
  }
  open_at(load, range, file, start, end);
  *offset = start;
  *length = end - start;
  return SOTTO_OK;
}
