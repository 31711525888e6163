/* The loader's inside, shared by ranges.c (what is wanted) and load.c (what arrives). */
#ifndef SOTTO_LOAD_LOAD_INTERNAL_H
#define SOTTO_LOAD_LOAD_INTERNAL_H

#include "load/load.h"

/* A range that was handed out: where its next byte belongs, and the bytes of a tile row that is not
 * complete yet. */
typedef struct open_range {
  bool open;
  uint32_t file;
  uint64_t at, end;      /* file offsets of the next byte and of the end */
  size_t next;           /* index into by_file: the placement at or behind `at` */
  unsigned char *staged; /* [max_tile_row] bytes, allocated on first use */
  size_t n_staged;
} open_range;

struct sotto_load {
  sotto_ctx *ctx;
  const sotto_gguf *gguf;
  const sotto_placement *placements;
  sotto_weight_sink *sink;
  size_t n;
  size_t *by_file;  /* [n] indices of placements, sorted by file and offset */
  size_t *by_stage; /* [n] the same, sorted by stage, file and offset */
  uint64_t *handed; /* [n] bytes handed out in ranges, all of it or whole tile rows */
  uint64_t *placed; /* [n] bytes put into place */
  bool *ready;      /* [n] all bytes are in place */
  uint64_t *hashes; /* [n] of the first tile row */
  size_t next[2];   /* index into by_stage and by_file, as sotto_load_order counts them: placements
                     * before it are handed out wholly */
  uint64_t loaded, total;
  size_t max_tile_row; /* largest sotto_load_tile_row_bytes of the placements */
  open_range ranges[SOTTO_LOAD_MAX_RANGES];
};

/* Bytes of the file that are put into place together: a tile row, which is SOTTO_TILE_ROWS rows of
 * the tensor. All rows where the tensor has fewer, so that a vector is one tile row. */
size_t sotto_load_tile_row_bytes(const sotto_placement *placement);
/* Index into by_file of the placement that contains the file offset, or else of the first one
 * behind it; n where there is none. */
size_t sotto_load_find_by_file(const sotto_load *load, uint32_t file, uint64_t offset);

#endif
