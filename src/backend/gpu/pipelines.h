/* The pipelines of an engine: a kernel of kernels.def for a type of weights. They are made once, as
 * the first operation that needs one is lowered, and none after that. */
#ifndef SOTTO_BACKEND_GPU_PIPELINES_H
#define SOTTO_BACKEND_GPU_PIPELINES_H

#include "backend/gpu/device.h"
#include "backend/gpu/stream.h"
#include "tensor/dtype.h"

typedef enum gpu_kernel {
#define KERNEL(name, parts, bindings, workgroup) GPU_KERNEL_##name,
#include "backend/gpu/kernels.def"
#undef KERNEL
  GPU_N_KERNELS
} gpu_kernel;

#define GPU_USUAL_PIPELINES 42  /* of a model */
#define GPU_MAX_PIPELINES   256 /* thirteen kernels for every type, and all others */

/* type: of the weights; F32 for kernels that read none. */
typedef struct gpu_pipeline {
  gpu_kernel kernel;
  sotto_dtype type;
} gpu_pipeline;

typedef struct gpu_pipelines {
  gpu_stream *stream;
  sotto_gpu_device device;
  sotto_str constants; /* of all kernels */
  gpu_pipeline items[GPU_MAX_PIPELINES];
  uint32_t n;
} gpu_pipelines;

/* k_type, v_type: of the KV cache. ERR_OUT_OF_MEMORY. */
sotto_status gpu_pipelines_init(sotto_ctx *ctx, const sotto_gpu_device *device, gpu_stream *stream,
                                sotto_dtype k_type, sotto_dtype v_type, gpu_pipelines *out);
void gpu_pipelines_free(gpu_pipelines *pipelines);
/* The number of a pipeline, which is made where there is none yet. ERR_OUT_OF_MEMORY. */
sotto_status gpu_pipeline_of(gpu_pipelines *pipelines, gpu_kernel kernel, sotto_dtype type,
                             uint32_t *number);
/* Invocations of a workgroup. */
uint32_t gpu_kernel_workgroup(gpu_kernel kernel);

#endif
