/* What the core is told of a GPU: WebGPU's limits and features as the device has them, which
 * sotto.h includes. */
#ifndef SOTTO_BACKEND_GPU_DEVICE_H
#define SOTTO_BACKEND_GPU_DEVICE_H

#include <stdint.h>

typedef enum sotto_gpu_feature {
  SOTTO_GPU_F16 = 1,        /* shader-f16 */
  SOTTO_GPU_SUBGROUPS = 2,  /* subgroups, and subgroup sizes are known */
  SOTTO_GPU_PACKED_DOT = 4, /* packed_4x8_integer_dot_product */
} sotto_gpu_feature;

typedef struct sotto_gpu_device {
  uint64_t max_buffer;           /* maxBufferSize */
  uint64_t max_binding;          /* maxStorageBufferBindingSize */
  uint32_t max_storage_buffers;  /* maxStorageBuffersPerShaderStage */
  uint32_t max_workgroup_memory; /* maxComputeWorkgroupStorageSize */
  uint32_t max_invocations;      /* maxComputeInvocationsPerWorkgroup */
  uint32_t max_workgroups;       /* maxComputeWorkgroupsPerDimension */
  uint32_t alignment;            /* the larger of minStorage- and minUniformBufferOffsetAlignment */
  uint32_t subgroup_min, subgroup_max; /* of the adapter; 0: unknown */
  uint32_t features;                   /* sotto_gpu_feature */
  uint32_t only_records; /* 1: the host computes nothing, and there is no test of what it does */
  /* Milliseconds of tokens that it may find itself before anybody looks at them (sotto_batch); 0:
   * each is waited for. */
  uint32_t ahead_ms;
  uint64_t budget; /* bytes that may be taken of the GPU's memory; 0: no limit known */
} sotto_gpu_device;

/* The least of max_buffer and max_binding, by WebGPU's defaults. */
#define SOTTO_GPU_LEAST_BUFFER (128ull << 20)

#endif
