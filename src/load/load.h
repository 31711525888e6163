/* Weights from arriving bytes to where they are used. A placement says, as data, where a weight's
 * bytes are in the files and where they go; the loader says which ranges of which file are still
 * wanted, puts every tile row (8 rows of a matrix) into place as soon as its bytes are there, and
 * knows which weights are ready. No file is kept in memory: the loader stages at most one
 * incomplete tile row for each open range. */
#ifndef SOTTO_LOAD_LOAD_H
#define SOTTO_LOAD_LOAD_H

#include "backend/placement.h"

typedef struct sotto_load sotto_load;

#define SOTTO_LOAD_MAX_RANGES 16 /* open at once */

/* gguf, placements[n] and sink (NULL where no placement wants one) are borrowed until free. */
sotto_status sotto_load_new(sotto_ctx *ctx, const sotto_gguf *gguf,
                            const sotto_placement *placements, size_t n, sotto_weight_sink *sink,
                            sotto_load **out);
void sotto_load_free(sotto_load *load);
/* Most bytes staged at a time, for the memory plan. */
uint64_t sotto_load_staging_bytes(const sotto_placement *placements, size_t n);

typedef enum sotto_load_order {
  SOTTO_LOAD_BY_STAGE, /* as the program needs the weights */
  SOTTO_LOAD_BY_FILE,  /* as they are in the files: fewer and longer ranges */
} sotto_load_order;

/* Open the next wanted range: `length` bytes from `offset` of `file`, at most max_length or, where
 * that is less, one tile row. *length is 0 when everything has been handed out. ERR_BUSY while
 * SOTTO_LOAD_MAX_RANGES are open. */
sotto_status sotto_load_next_range(sotto_load *load, sotto_load_order order, uint64_t max_length,
                                   uint32_t *file, uint64_t *offset, uint64_t *length);
/* Open all of a file's tensor data as one range, in file order. ERR_INVALID_ARGUMENT if ranges of
 * the file have been handed out before; ERR_BUSY as above. */
sotto_status sotto_load_stream_range(sotto_load *load, uint32_t file, uint64_t *offset,
                                     uint64_t *length);
/* The next len bytes of an open range, the first of them at `offset` of the file; they may be cut
 * anywhere. ERR_INVALID_ARGUMENT when no open range goes on at `offset` or the bytes go beyond its
 * end; ERR_NON_FINITE_WEIGHTS names tensor and row. The range closes with its last byte. */
sotto_status sotto_load_feed(sotto_load *load, uint32_t file, uint64_t offset, const void *data,
                             size_t len);
/* ready[n]: ready[i] is true once placement i is complete. The flags change as bytes are fed; the
 * pointer is valid until free. */
const bool *sotto_load_ready(const sotto_load *load);
bool sotto_load_complete(const sotto_load *load);
/* A hash of placement i's first 8 rows as they are in the file, wherever they went: a vector's all.
 * Once the placement is ready. */
uint64_t sotto_load_first_rows_hash(const sotto_load *load, size_t placement);
/* Bytes of weights in place, and of all. */
void sotto_load_progress(const sotto_load *load, uint64_t *loaded, uint64_t *total);

#endif
