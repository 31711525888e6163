/* Weights on a GPU: where each of them is, and how its bytes get there. Matrices keep their bits,
 * in planes (planes.h); vectors are float32. A weight that is larger than the device can bind lies
 * in several shards, ranges of its rows. Factors of rotary tables stay in this memory, where the
 * tables are computed. */
#ifndef SOTTO_BACKEND_GPU_WEIGHTS_H
#define SOTTO_BACKEND_GPU_WEIGHTS_H

#include "backend/gpu/device.h"
#include "backend/gpu/planes.h"
#include "backend/gpu/stream.h"
#include "backend/gpu/units.h"
#include "backend/memory.h"

/* Rows of a weight in one binding, where other weights may be too (units.h). */
typedef struct gpu_shard {
  uint64_t first_row, n_rows;
  uint64_t at;                     /* rows, or elements of vectors, in front of it there */
  uint64_t offset, bytes;          /* in its buffer */
  uint32_t buffer;                 /* number in the stream */
  uint32_t planes[GPU_MAX_PLANES]; /* where planes begin, in words from `offset` */
} gpu_shard;

typedef struct gpu_weights {
  sotto_weight_sink sink;
  const sotto_program *program;
  gpu_stream *stream;
  sotto_placement *placements; /* [n_weights] */
  uint32_t *first_shard;       /* [n_weights + 1] of each weight in `shards` */
  gpu_shard *shards;
  uint32_t n_shards;
  uint64_t *buffers; /* [n_buffers] sizes in bytes */
  uint32_t n_buffers, first_buffer;
  float *host; /* [n_host] weights that stay here */
  size_t n_host;
  char *staging; /* [cap_staging] what was repacked and is not taken yet */
  size_t n_staged, cap_staging;
  uint32_t staged_serial; /* of the records that point into it */
} gpu_weights;

/* Most bytes of a feed while weights go to a GPU. */
#define SOTTO_GPU_MAX_FEED (1u << 19)

typedef struct gpu_weights_plan {
  uint64_t gpu;     /* bytes on the GPU */
  uint64_t host;    /* of weights that stay here */
  uint64_t staging; /* here, for what is on its way */
  uint32_t n_shards, n_buffers;
} gpu_weights_plan;

/* Most bytes of weights in one binding. */
uint64_t gpu_most_bytes_bound(const sotto_gpu_device *device);
/* ERR_UNSUPPORTED_TYPE where a tensor cannot be read by the kernels, by its name. */
sotto_status gpu_weights_measure(const sotto_program *program, const sotto_gpu_device *device,
                                 const gpu_units *units, gpu_weights_plan *out);
/* Numbers the buffers from *next_buffer on. */
sotto_status gpu_weights_init(const sotto_program *program, const sotto_gpu_device *device,
                              const gpu_units *units, gpu_stream *stream, uint32_t *next_buffer,
                              gpu_weights *out);
void gpu_weights_free(gpu_weights *weights);

#endif
