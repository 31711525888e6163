/* The batch as words for the kernels (batch.def), and the constants that tell WGSL of its
 * header. */
#ifndef SOTTO_BACKEND_GPU_BATCH_H
#define SOTTO_BACKEND_GPU_BATCH_H

#include "backend/backend.h"

enum {
#define X(NAME) GPU_BATCH_##NAME,
#include "backend/gpu/batch.def"
#undef X
  GPU_BATCH_HEADER,
  GPU_SEQUENCE_WORDS = 8,
};
_Static_assert(GPU_SEQUENCE_WORDS >= 4 + SOTTO_KV_MAX_GROUPS, "a word for each layer group");

/* Most words that a batch takes. */
uint64_t gpu_batch_words(const sotto_program *program, const sotto_backend_config *config,
                         const sotto_kv_shape *kv_shape);
/* Writes them; returns how many there are. frequencies: of each rotary table, `stride` apart. */
uint32_t gpu_batch_write(const sotto_program *program, const sotto_batch *batch,
                         const sotto_kv_shape *kv_shape, const float *frequencies, uint32_t stride,
                         uint32_t *words);

#endif
