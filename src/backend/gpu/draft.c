/* Bindings, and the records of a step. */
#include "backend/gpu/draft.h"

static sotto_gpu_binding whole(uint32_t buffer, uint64_t size) {
  return (sotto_gpu_binding){.buffer = buffer, .size = size};
}

static void bind(gpu_draft *d, sotto_gpu_binding binding) {
  d->bindings[d->n++] = binding;
}
void gpu_bind_batch(const gpu_lower *l, gpu_draft *d) {
  bind(d, whole(l->in->batch_buffer, l->in->batch_bytes));
}
void gpu_bind_activations(const gpu_lower *l, gpu_draft *d, uint32_t index) {
  bind(d, whole(l->in->first_buffer + index, l->in->buffers->sizes[index]));
}
void gpu_bind_in(const gpu_lower *l, gpu_draft *d, const sotto_op *op, int k) {
  gpu_bind_activations(l, d, gpu_operands_of(l, op)->in[k]);
}
void gpu_bind_out(const gpu_lower *l, gpu_draft *d, const sotto_op *op) {
  gpu_bind_activations(l, d, gpu_operands_of(l, op)->out);
}
void gpu_bind_shard(const gpu_lower *l, gpu_draft *d, uint32_t shard) {
  const gpu_shard *s = gpu_shard_of(l, shard);
  bind(d, (sotto_gpu_binding){.buffer = s->buffer, .offset = s->offset, .size = s->bytes});
}
void gpu_bind_vector(const gpu_lower *l, gpu_draft *d, sotto_weight_id weight) {
  gpu_bind_shard(l, d, gpu_first_shard(l, weight));
}
void gpu_bind_bias(const gpu_lower *l, gpu_draft *d, const sotto_op *op, uint32_t activations) {
  if (op->bias >= 0)
    gpu_bind_vector(l, d, op->bias);
  else
    gpu_bind_activations(l, d, activations);
}
void gpu_bind_cache(const gpu_lower *l, gpu_draft *d, uint32_t layer, gpu_storage_part part) {
  bind(d, gpu_storage_binding(l->in->storage, layer, part));
}
void gpu_bind_status(const gpu_lower *l, gpu_draft *d) {
  bind(d, whole(l->in->status_buffer, GPU_STATUS_BYTES));
}

gpu_draft gpu_draft_begin(const gpu_lower *l, const sotto_op *op, gpu_kernel kernel) {
  gpu_draft d = {.kernel = kernel, .several = kernel};
  const sotto_program *p = l->in->program;
  d.step = (gpu_step){.n = {1, 1, 1}, .tile = 1, .per_row = 1, .several = GPU_NONE};
  if (op->out >= 0) {
    d.step.per_output = p->buffers[op->out].per_output;
    if (p->buffers[op->out].n_used) d.step.per_row = p->buffers[op->out].n_used;
  }
  return d;
}

gpu_draft gpu_draft_elements(const gpu_lower *l, const sotto_op *op, gpu_kernel kernel) {
  gpu_draft d = gpu_draft_begin(l, op, kernel);
  d.step.n[0] = gpu_parts_of(gpu_dim_of(l, op->out), gpu_kernel_workgroup(kernel));
  d.step.axis = GPU_AXIS_Y;
  return d;
}

void gpu_draft_finish(gpu_lower *l, gpu_draft *d) {
  gpu_steps *s = l->out;
  const gpu_lowering *in = l->in;
  const uint32_t index = (uint32_t)s->n;
  gpu_step *step = &s->steps[s->n++];
  *step = d->step;
  const sotto_status status = gpu_pipeline_of(in->pipelines, d->kernel, d->type, &step->pipeline);
  if (status != SOTTO_OK) l->status = status;
  if (d->several != d->kernel) {
    const sotto_status too = gpu_pipeline_of(in->pipelines, d->several, d->type, &step->several);
    if (too != SOTTO_OK) l->status = too;
  }
  step->group = in->first_group + index;
  memcpy(s->params + (size_t)index * s->slot, d->params, GPU_MAX_PARAMS);
  sotto_gpu_binding bindings[1 + GPU_MAX_BINDINGS];
  bindings[0] = (sotto_gpu_binding){
      .buffer = in->params_buffer, .offset = (uint64_t)index * s->slot, .size = GPU_MAX_PARAMS};
  memcpy(bindings + 1, d->bindings, d->n * sizeof *bindings);
  gpu_emit_bind_group(in->stream, step->group, step->pipeline, bindings, 1 + d->n);
}

void gpu_spread(const gpu_lower *l, uint32_t n, uint32_t counts[3]) {
  const uint32_t most = l->in->device->max_workgroups;
  counts[0] = n < most ? n : most;
  counts[1] = gpu_parts_of(n, counts[0]);
  counts[2] = 1;
}
