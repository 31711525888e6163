/* The order in which a GPU has a matrix's weights (planes.def): planes, one behind the other. */
#ifndef SOTTO_BACKEND_GPU_PLANES_H
#define SOTTO_BACKEND_GPU_PLANES_H

#include "tensor/dtype.h"

#define GPU_MAX_PLANES 4

typedef struct gpu_planes {
  const char *file; /* of formats/ */
  uint32_t n;
  struct {
    uint16_t offset, bytes; /* of a block's piece in the file's block */
  } pieces[GPU_MAX_PLANES];
} gpu_planes;

const gpu_planes *gpu_planes_of(sotto_dtype type);
/* Bytes of a plane for n_rows rows of cols weights. */
uint64_t gpu_plane_bytes(sotto_dtype type, uint32_t plane, uint64_t n_rows, uint64_t cols);
/* Bytes of all planes, each beginning at a multiple of 16; with `starts` these in bytes. */
uint64_t gpu_planes_bytes(sotto_dtype type, uint64_t n_rows, uint64_t cols,
                          uint64_t starts[GPU_MAX_PLANES]);
/* One plane of n_rows rows that are as in the file: gpu_plane_bytes of them. */
void gpu_planes_take(sotto_dtype type, uint32_t plane, const void *rows, uint64_t n_rows,
                     uint64_t cols, void *out);

#endif
