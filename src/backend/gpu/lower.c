/* Units as steps. */
#include "backend/gpu/lower.h"

#include "backend/gpu/draft.h"

/* For a few rows no unit has more dispatches than its operations and their shards have, but those
 * that pack activations first, which have one more, and attention, which has two; for many rows as
 * many again, and each product may pack first. */
size_t gpu_steps_most(const sotto_program *p, size_t n_shards) {
  size_t n = 2 * (p->n_ops + n_shards);
  for (size_t i = 0; i < p->n_ops; i++) {
    if (p->ops[i].kind == SOTTO_OP_MATMUL) n += 2;
    if (p->ops[i].kind == SOTTO_OP_ATTENTION) n += 2;
  }
  return n;
}

static uint32_t params_slot(const sotto_gpu_device *device) {
  return (GPU_MAX_PARAMS + device->alignment - 1) / device->alignment * device->alignment;
}

uint64_t gpu_params_bytes(const sotto_gpu_device *device, size_t n_steps) {
  return (uint64_t)params_slot(device) * n_steps;
}

static gpu_unit_steps lower_unit(gpu_lower *l, const gpu_unit *unit) {
  const sotto_program *p = l->in->program;
  const gpu_steps *s = l->out;
  gpu_unit_steps steps = {.few = (uint32_t)s->n, .lists = {GPU_NONE, GPU_NONE}};
  const bool differs = gpu_lower_few(l, unit);
  steps.near = (uint32_t)s->n;
  const bool has_near = gpu_lower_near(l, unit);
  steps.many = (uint32_t)s->n;
  for (size_t i = 0; i < unit->n; i++) gpu_lower_op(l, &p->ops[unit->first + i]);
  steps.n_many = (uint32_t)s->n - steps.many;
  steps.n_few = differs ? steps.near - steps.few : steps.n_many;
  if (!has_near) steps.near = steps.few;
  steps.n_near = has_near ? steps.many - steps.near : steps.n_few;
  const sotto_buffer_id out = p->ops[unit->first].out;
  steps.per_output = out >= 0 && p->buffers[out].per_output;
  return steps;
}

sotto_status gpu_steps_init(const gpu_lowering *in, gpu_steps *out) {
  const sotto_program *p = in->program;
  *out = (gpu_steps){.ctx = p->ctx, .slot = params_slot(in->device), .n_units = in->units->n};
  out->cap = gpu_steps_most(p, in->weights->n_shards);
  out->steps = sotto_alloc_zero(p->ctx, out->cap * sizeof *out->steps);
  out->units = sotto_alloc_zero(p->ctx, out->n_units * sizeof *out->units);
  out->params = sotto_alloc_zero(p->ctx, out->cap * out->slot);
  gpu_lower l = {in, out, SOTTO_OK};
  if (!out->steps || !out->units || !out->params) l.status = SOTTO_ERR_OUT_OF_MEMORY;
  for (size_t i = 0; i < out->n_units && l.status == SOTTO_OK; i++)
    out->units[i] = lower_unit(&l, &in->units->units[i]);
  if (l.status != SOTTO_OK) {
    gpu_steps_free(out);
    return l.status;
  }
  gpu_emit_write(in->stream, in->params_buffer, 0, out->params, (uint32_t)(out->n * out->slot));
  return SOTTO_OK;
}

void gpu_steps_free(gpu_steps *s) {
  if (!s->ctx) return;
  sotto_free(s->ctx, s->steps, s->cap * sizeof *s->steps);
  sotto_free(s->ctx, s->units, s->n_units * sizeof *s->units);
  sotto_free(s->ctx, s->params, s->cap * s->slot);
  *s = (gpu_steps){0};
}

const gpu_step *gpu_steps_of(const gpu_steps *s, size_t unit, gpu_extent batch, uint32_t *n) {
  const gpu_unit_steps *steps = &s->units[unit];
  const uint32_t rows = steps->per_output ? batch.n_outputs : batch.n_tokens;
  const bool many = rows >= GPU_MANY_ROWS, near = batch.few_positions;
  *n = many ? steps->n_many : near ? steps->n_near : steps->n_few;
  return s->steps + (many ? steps->many : near ? steps->near : steps->few);
}

bool gpu_step_dispatch(const gpu_step *step, gpu_extent batch, sotto_gpu_dispatch *out) {
  const uint32_t rows = (step->per_output ? batch.n_outputs : batch.n_tokens) * step->per_row;
  const bool together = rows > 1 && step->several != GPU_NONE;
  uint32_t n[3] = {step->n[0], step->n[1], step->n[2]};
  n[step->axis] *= gpu_parts_of(rows, together ? GPU_MATVEC_COLUMNS : step->tile);
  *out = (sotto_gpu_dispatch){together ? step->several : step->pipeline, step->group, n[0], n[1],
                              n[2]};
  return rows > 0;
}
