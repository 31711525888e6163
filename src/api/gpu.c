/* An engine on a GPU: what the device is, its commands, and its reports. In builds without this
 * file the backend for GPUs is not linked. */
#include "backend/gpu/gpu.h"

#include "api/engine.h"
#include "backend/cpu/estimate.h"

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

sotto_status sotto_engine_gpu_status(sotto_engine *e) {
  const sotto_backend_queue *queue = e->backend ? e->backend->type->queue : NULL;
  bool done;
  return queue ? queue->check(e->backend, 0, &done) : SOTTO_OK;
}

sotto_status sotto_engine_gpu_trial(sotto_engine *e, double *gpu_ms, double *cpu_ms) {
  *gpu_ms = *cpu_ms = 0;
  SOTTO_TRY(engine_need_load(e));
  const sotto_backend_queue *queue = e->backend->type->queue;
  if (!queue) {
    return sotto_fail(&e->ctx, SOTTO_ERR_INVALID_ARGUMENT, "the engine is not on a GPU");
  }
  SOTTO_TRY(queue->trial(e->backend, gpu_ms));
  return *gpu_ms > 0 ? sotto_cpu_estimate(&e->program, &e->backend_config, cpu_ms) : SOTTO_OK;
}

/* What the engine computes with from now on. */
typedef struct compute {
  const sotto_backend_type *type;
  sotto_backend *backend;
  sotto_kv *kv;
  sotto_load *load;
} compute;

static void free_compute(compute *c) {
  sotto_load_free(c->load);
  sotto_kv_free(c->kv);
  if (c->backend) c->type->free(c->backend);
}

static sotto_status make_compute(sotto_engine *e, compute *c) {
  SOTTO_TRY(c->type->create(&e->program, &e->backend_config, &e->kv_shape, &c->backend));
  SOTTO_TRY(sotto_kv_new(&e->ctx, &e->kv_shape, c->backend->storage, &c->kv));
  SOTTO_TRY(sotto_load_new(&e->ctx, e->gguf, c->backend->placements, c->backend->n_placements,
                           c->backend->sink, &c->load));
  return sotto_generator_move(e->generator, c->backend, sotto_load_ready(c->load), c->kv);
}

/* The engine's plan for another backend; it stays as it was where that does not fit. */
static sotto_status plan_for(sotto_engine *e, const sotto_backend_type *type) {
  const sotto_backend_type *before = e->backend_type;
  const sotto_memory_plan plan = e->plan;
  e->backend_type = type;
  sotto_status status = engine_plan_shape(e, e->options.n_ctx, &e->kv_shape, &e->plan);
  if (status == SOTTO_OK && !e->plan.fits) status = engine_over_budget(e);
  if (status == SOTTO_OK) return SOTTO_OK;
  e->backend_type = before;
  e->plan = plan;
  return status;
}

sotto_status sotto_engine_recover(sotto_engine *e, const sotto_gpu_device *device,
                                  sotto_memory_plan *plan) {
  *plan = (sotto_memory_plan){0};
  SOTTO_TRY(engine_need_load(e));
  const sotto_gpu_device gpu = e->gpu;
  compute next = {.type = device ? &sotto_backend_gpu : &sotto_backend_cpu};
  e->gpu = device ? *device : (sotto_gpu_device){0};
  sotto_status status = plan_for(e, next.type);
  if (status == SOTTO_OK) status = make_compute(e, &next);
  if (status != SOTTO_OK) {
    free_compute(&next);
    e->gpu = gpu;
    return status;
  }
  compute old = {e->backend->type, e->backend, e->kv, e->load};
  free_compute(&old);
  e->backend = next.backend;
  e->kv = next.kv;
  e->load = next.load;
  e->saving = 0;
  *plan = e->plan;
  return SOTTO_OK;
}

void sotto_engine_gpu_report(sotto_engine *e, uint32_t serial, uint32_t status) {
  const sotto_backend_queue *queue = e->backend ? e->backend->type->queue : NULL;
  if (queue) queue->report(e->backend, serial, (sotto_status)status);
}
