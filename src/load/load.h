/* Weights from a stream of bytes to where they are used. A placement says, as data, what becomes of a
 * tensor; the loader says which ranges of which file are still wanted, puts every tile row into place
 * as soon as its bytes are there, and knows what is ready. A file is never held: at most the rows of one
 * unfinished tile row per open range are staged. */
#ifndef SOTTO_LOAD_LOAD_H
#define SOTTO_LOAD_LOAD_H

#include "backend/placement.h"

/* Receives UPLOAD tensors: bytes [offset, offset + len) of the tensor as in the file, cut at multiples
 * of 4 bytes, valid during the call. A failure ends the load. */
typedef sotto_status sotto_upload_sink(void *user, size_t placement, uint64_t offset,
                                       const void *data, size_t len);

typedef struct sotto_load sotto_load;

#define SOTTO_LOAD_MAX_RANGES 16 /* open at once */

/* placements[n] are borrowed until free. */
sotto_status sotto_load_new(sotto_ctx *ctx, const sotto_gguf *gguf,
                            const sotto_placement *placements, size_t n, sotto_upload_sink *sink,
                            void *sink_user, sotto_load **out);
void sotto_load_free(sotto_load *load);
/* Most bytes staged at a time, for the memory plan. */
uint64_t sotto_load_staging_bytes(const sotto_placement *placements, size_t n);

typedef enum sotto_load_order {
  SOTTO_LOAD_BY_STAGE, /* as the program needs the weights */
  SOTTO_LOAD_BY_FILE,  /* as they lie in the files: fewer and longer ranges */
} sotto_load_order;

/* Open the next wanted range of at most max_length bytes (rounded up to one tile row); *length 0 when
 * everything has been handed out. ERR_BUSY while SOTTO_LOAD_MAX_RANGES are open. */
sotto_status sotto_load_next_range(sotto_load *load, sotto_load_order order, uint64_t max_length,
                                   uint32_t *file, uint64_t *offset, uint64_t *length);
/* Open all of a file's tensor data as one range, in file order. */
sotto_status sotto_load_stream_range(sotto_load *load, uint32_t file, uint64_t *offset,
                                     uint64_t *length);
/* The next bytes of an open range. ERR_INVALID_ARGUMENT when no open range continues at `offset`;
 * ERR_NON_FINITE_WEIGHTS names tensor and row. Bytes behind the range's end are refused. */
sotto_status sotto_load_feed(sotto_load *load, uint32_t file, uint64_t offset, const void *data,
                             size_t len);
/* [n] true once placements[i] is complete; the flags change as bytes are fed. */
const bool *sotto_load_ready(const sotto_load *load);
bool sotto_load_complete(const sotto_load *load);
void sotto_load_progress(const sotto_load *load, uint64_t *loaded, uint64_t *total);

#endif
