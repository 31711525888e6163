/* Where the bytes of a weight go. A backend writes one placement for each weight of the program,
 * and the loader (load/) follows it. What is not kept in this memory goes to the backend's sink. */
#ifndef SOTTO_BACKEND_PLACEMENT_H
#define SOTTO_BACKEND_PLACEMENT_H

#include "base/status.h"
#include "gguf/gguf.h"

typedef enum sotto_place_kind {
  SOTTO_PLACE_PACKED, /* into the CPU's packed layout (kernels/packed.h) */
  SOTTO_PLACE_F32,    /* dequantised to float32, row-major */
  SOTTO_PLACE_SINK,   /* to the backend's sink, rows as they are in the file */
} sotto_place_kind;

typedef struct sotto_placement {
  const sotto_gguf_tensor *tensor;
  uint64_t offset,
      size;            /* in the tensor's file, in bytes: the whole tensor or a slice of its rows */
  uint64_t rows, cols; /* of the slice, in weights */
  sotto_place_kind kind;
  uint32_t
      stage; /* of the program. Ranges are handed out by stage, within a stage by file offset */
  void *dst; /* PACKED: sotto_packed_bytes; F32: rows * cols * 4 bytes; SINK: NULL */
} sotto_placement;

typedef struct sotto_weight_sink sotto_weight_sink;
struct sotto_weight_sink {
  /* The next rows of placement `index`, [row, row + n_rows), finite ones: whole tile rows, or the
   * last rows. */
  sotto_status (*take)(sotto_weight_sink *sink, size_t index, uint64_t row, const void *rows,
                       uint64_t n_rows);
};

#endif
