/* Where a tensor's bytes go: data that a backend writes and the loader follows. */
#ifndef SOTTO_BACKEND_PLACEMENT_H
#define SOTTO_BACKEND_PLACEMENT_H

#include "gguf/gguf.h"

typedef enum sotto_place_kind {
  SOTTO_PLACE_PACKED, /* into the CPU's packed layout */
  SOTTO_PLACE_F32,    /* dequantised rows, row-major */
  SOTTO_PLACE_UPLOAD, /* bytes as in the file, handed to the loader's sink as they arrive */
} sotto_place_kind;

typedef struct sotto_placement {
  const sotto_gguf_tensor *tensor;
  uint64_t offset, size; /* bytes in the tensor's file: all of it, or a slice of its rows */
  uint64_t rows, cols;
  sotto_place_kind kind;
  uint32_t stage; /* needed earlier: lower. Ranges are handed out by stage, then by file offset */
  void *dst;      /* PACKED: sotto_packed_bytes; F32: rows * cols * 4 bytes; UPLOAD: not used */
} sotto_placement;

#endif
