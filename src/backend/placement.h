/* Where the bytes of a weight go. A backend writes one placement for each weight of the program,
 * and the loader (load/) follows it. */
#ifndef SOTTO_BACKEND_PLACEMENT_H
#define SOTTO_BACKEND_PLACEMENT_H

#include "gguf/gguf.h"

typedef enum sotto_place_kind {
  SOTTO_PLACE_PACKED, /* into the CPU's packed layout (kernels/packed.h) */
  SOTTO_PLACE_F32,    /* dequantised to float32, row-major */
} sotto_place_kind;

typedef struct sotto_placement {
  const sotto_gguf_tensor *tensor;
  uint64_t offset,
      size;            /* in the tensor's file, in bytes: the whole tensor or a slice of its rows */
  uint64_t rows, cols; /* of the slice, in weights */
  sotto_place_kind kind;
  uint32_t
      stage; /* of the program. Ranges are handed out by stage, within a stage by file offset */
  void *dst; /* PACKED: sotto_packed_bytes; F32: rows * cols * 4 bytes */
} sotto_placement;

#endif
