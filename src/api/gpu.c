/* An engine on a GPU: what the device is, its commands, and its reports. In builds without this
 * file the backend for GPUs is not linked. */
#include "backend/gpu/gpu.h"

#include "api/engine.h"

sotto_status sotto_engine_set_gpu(sotto_engine *e, const sotto_gpu_device *device) {
  const bool usable = device->max_buffer >= SOTTO_GPU_LEAST_BUFFER &&
                      device->max_binding >= SOTTO_GPU_LEAST_BUFFER &&
                      device->max_storage_buffers >= 8 && device->max_invocations >= 256 &&
                      device->max_workgroup_memory >= 16384 && device->max_workgroups >= 65535 &&
                      device->alignment > 0 && device->alignment <= 256;
  if (!usable || e->planned) {
    return sotto_fail(&e->ctx, SOTTO_ERR_INVALID_ARGUMENT,
                      e->planned ? "set the GPU before sotto_engine_plan"
                                 : "the GPU's limits are below WebGPU's defaults");
  }
  e->gpu = *device;
  e->gpu_backend = &sotto_backend_gpu;
  return SOTTO_OK;
}

uint32_t sotto_engine_gpu_take(sotto_engine *e, sotto_gpu_commands *commands) {
  *commands = (sotto_gpu_commands){0};
  const sotto_backend_queue *queue = e->backend ? e->backend->type->queue : NULL;
  return queue && queue->take(e->backend, commands);
}

void sotto_engine_gpu_report(sotto_engine *e, uint32_t serial, uint32_t status) {
  const sotto_backend_queue *queue = e->backend ? e->backend->type->queue : NULL;
  if (queue) queue->report(e->backend, serial, (sotto_status)status);
}
