/* The cache's storage on a GPU: for each layer a buffer of keys, one of values, [page][KV head][32
 * positions][head_dim] with the bytes that they have on the CPU (backend/storage.h), and one of
 * states, [slot][n_state] floats. Copies and what is read or written are commands in the order of
 * the stream, so a page may be given to somebody else as soon as it is free. */
#ifndef SOTTO_BACKEND_GPU_STORAGE_H
#define SOTTO_BACKEND_GPU_STORAGE_H

#include "backend/gpu/stream.h"
#include "kv/kv.h"

typedef struct gpu_storage {
  sotto_kv_storage base;
  sotto_ctx *ctx;
  gpu_stream *stream;
  sotto_kv_shape shape;
  uint32_t *first; /* [n_layer] number of the layer's first buffer: keys, values, states */
} gpu_storage;

typedef enum gpu_storage_part { GPU_KEYS, GPU_VALUES, GPU_STATES } gpu_storage_part;

/* Bytes of the largest of its buffers. */
uint64_t gpu_storage_largest(const sotto_kv_shape *shape);
/* Numbers the buffers from *next_buffer on. ERR_OUT_OF_MEMORY. */
sotto_status gpu_storage_init(sotto_ctx *ctx, const sotto_kv_shape *shape, gpu_stream *stream,
                              uint32_t *next_buffer, gpu_storage *out);
void gpu_storage_free(gpu_storage *storage);
/* The whole of a layer's part. */
sotto_gpu_binding gpu_storage_binding(const gpu_storage *storage, uint32_t layer,
                                      gpu_storage_part part);

#endif
