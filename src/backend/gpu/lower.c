/* Each operation's kernel, parameters and bindings. */
#include "backend/gpu/lower.h"

#include "backend/gpu/kernels.h"

#define MAX_BINDINGS 8
#define MAX_PARAMS   64 /* bytes */

/* A dispatch that is being put together. */
typedef struct draft {
  gpu_step step;
  gpu_kernel kernel, many_kernel;
  sotto_dtype type;
  sotto_gpu_binding bindings[MAX_BINDINGS]; /* from binding 1 on */
  uint32_t n;
  char params[MAX_PARAMS];
} draft;

typedef struct lowering {
  const gpu_lowering *in;
  gpu_steps *out;
  const sotto_op *op;
  const gpu_operands *operands;
  sotto_status *status; /* of the first failure */
} lowering;

size_t gpu_steps_most(const sotto_program *p, const gpu_weights *weights) {
  size_t n = 0;
  for (size_t i = 0; i < p->n_ops; i++) {
    const sotto_weight_id w = p->ops[i].weight;
    const bool matrix = w >= 0 && p->weights[w].kind == SOTTO_WEIGHT_MATRIX;
    n += matrix ? weights->first_shard[w + 1] - weights->first_shard[w] : 1;
  }
  return n;
}

static uint32_t params_slot(const sotto_gpu_device *device) {
  return (MAX_PARAMS + device->alignment - 1) / device->alignment * device->alignment;
}

uint64_t gpu_params_bytes(const sotto_gpu_device *device, size_t n_steps) {
  return (uint64_t)params_slot(device) * n_steps;
}

static sotto_gpu_binding whole(uint32_t buffer, uint64_t size) {
  return (sotto_gpu_binding){.buffer = buffer, .size = size};
}

static void bind(draft *d, sotto_gpu_binding binding) {
  d->bindings[d->n++] = binding;
}
static void bind_batch(const lowering *l, draft *d) {
  bind(d, whole(l->in->batch_buffer, l->in->batch_bytes));
}
static void bind_activations(const lowering *l, draft *d, uint32_t index) {
  bind(d, whole(l->in->first_buffer + index, l->in->buffers->sizes[index]));
}
static void bind_in(const lowering *l, draft *d, int k) {
  bind_activations(l, d, l->operands->in[k]);
}
static void bind_out(const lowering *l, draft *d) {
  bind_activations(l, d, l->operands->out);
}
static void bind_shard(const lowering *l, draft *d, uint32_t shard) {
  const gpu_shard *s = &l->in->weights->shards[shard];
  bind(d, (sotto_gpu_binding){.buffer = s->buffer, .offset = s->offset, .size = s->bytes});
}
/* A vector, which is never shard. */
static void bind_vector(const lowering *l, draft *d, sotto_weight_id weight) {
  bind_shard(l, d, l->in->weights->first_shard[weight]);
}
static void bind_cache(const lowering *l, draft *d, uint32_t layer, gpu_storage_part part) {
  bind(d, gpu_storage_binding(l->in->storage, layer, part));
}

#define SET_PARAMS(draft, type, ...)                                                               \
  do {                                                                                             \
    const type params_ = {__VA_ARGS__};                                                            \
    _Static_assert(sizeof params_ <= MAX_PARAMS, "parameters fit their slot");                     \
    memcpy((draft)->params, &params_, sizeof params_);                                             \
  } while (0)

static draft begin(const lowering *l, gpu_kernel kernel) {
  draft d = {.kernel = kernel, .many_kernel = kernel};
  const sotto_op *op = l->op;
  const sotto_program *p = l->in->program;
  d.step = (gpu_step){.op = op, .n = {1, 1, 1}, .many = GPU_NONE, .list = GPU_NONE, .per_row = 1};
  if (op->out >= 0) {
    d.step.per_output = p->buffers[op->out].per_output;
    if (p->buffers[op->out].n_used) d.step.per_row = p->buffers[op->out].n_used;
  }
  return d;
}

static uint32_t pipeline_of(const lowering *l, gpu_kernel kernel, sotto_dtype type) {
  uint32_t number;
  const sotto_status status = gpu_pipeline_of(l->in->pipelines, kernel, type, &number);
  if (status != SOTTO_OK) *l->status = status;
  return number;
}

static void finish(const lowering *l, draft *d) {
  gpu_steps *s = l->out;
  const gpu_lowering *in = l->in;
  const uint32_t index = (uint32_t)s->n;
  gpu_step *step = &s->steps[s->n++];
  *step = d->step;
  step->pipeline = pipeline_of(l, d->kernel, d->type);
  step->group = in->first_group + index;
  if (d->many_kernel != d->kernel) step->many = pipeline_of(l, d->many_kernel, d->type);
  memcpy(s->params + (size_t)index * s->slot, d->params, MAX_PARAMS);
  sotto_gpu_binding bindings[1 + MAX_BINDINGS];
  bindings[0] = (sotto_gpu_binding){
      .buffer = in->params_buffer, .offset = (uint64_t)index * s->slot, .size = MAX_PARAMS};
  memcpy(bindings + 1, d->bindings, d->n * sizeof *bindings);
  gpu_emit_bind_group(in->stream, step->group, step->pipeline, bindings, 1 + d->n);
}

static uint32_t dim_of(const lowering *l, sotto_buffer_id id) {
  return l->in->program->buffers[id].dim;
}

static uint32_t parts_of(uint32_t n, uint32_t part) {
  return (n + part - 1) / part;
}

/* (columns, rows): an invocation for each element of the output. */
static draft begin_elements(const lowering *l, gpu_kernel kernel) {
  draft d = begin(l, kernel);
  d.step.n[0] = parts_of(dim_of(l, l->op->out), gpu_kernel_workgroup(kernel));
  d.step.axis = GPU_AXIS_Y;
  return d;
}

/* n workgroups along x, and along y where these are too many. */
static void spread(const lowering *l, uint32_t n, uint32_t counts[3]) {
  const uint32_t most = l->in->device->max_workgroups;
  counts[0] = n < most ? n : most;
  counts[1] = parts_of(n, counts[0]);
  counts[2] = 1;
}

#define WEIGHT_PARAMS(shard, weight)                                                               \
  .first_row = (uint32_t)(shard)->first_row, .n_rows = (uint32_t)(shard)->n_rows,                  \
  .cols = (uint32_t)(weight)->cols, .plane_1 = (shard)->planes[1], .plane_2 = (shard)->planes[2],  \
  .plane_3 = (shard)->planes[3]

static void lower_embed(const lowering *l, uint32_t i) {
  const gpu_shard *shard = &l->in->weights->shards[i];
  const sotto_weight *w = &l->in->program->weights[l->op->weight];
  draft d = begin(l, GPU_KERNEL_embed);
  d.type = w->tensor->type;
  bind_batch(l, &d);
  bind_shard(l, &d, i);
  bind_out(l, &d);
  SET_PARAMS(&d, gpu_embed_params, WEIGHT_PARAMS(shard, w), .row = l->op->embed.row);
  finish(l, &d);
}

static void lower_matmul(const lowering *l, uint32_t i) {
  const gpu_shard *shard = &l->in->weights->shards[i];
  const sotto_weight *w = &l->in->program->weights[l->op->weight];
  draft d = begin(l, GPU_KERNEL_matvec);
  d.many_kernel = GPU_KERNEL_matmul;
  d.type = w->tensor->type;
  bind_batch(l, &d);
  bind_shard(l, &d, i);
  if (l->op->bias >= 0)
    bind_vector(l, &d, l->op->bias);
  else
    bind_in(l, &d, 0);
  bind_in(l, &d, 0);
  bind_out(l, &d);
  spread(l, parts_of((uint32_t)shard->n_rows, GPU_MATVEC_ROWS), d.step.n);
  d.step.axis = GPU_AXIS_Z;
  d.step.n_many[0] = parts_of((uint32_t)shard->n_rows, GPU_MATMUL_N);
  SET_PARAMS(&d, gpu_matmul_params, WEIGHT_PARAMS(shard, w), .out_dim = (uint32_t)w->rows,
             .per_output = d.step.per_output, .has_bias = l->op->bias >= 0);
  finish(l, &d);
}

static void lower_experts(const lowering *l, uint32_t i) {
  const gpu_shard *shard = &l->in->weights->shards[i];
  const sotto_weight *w = &l->in->program->weights[l->op->weight];
  const uint32_t dim = dim_of(l, l->op->out);
  draft d = begin(l, GPU_KERNEL_matmul_experts);
  d.type = w->tensor->type;
  bind_batch(l, &d);
  bind_shard(l, &d, i);
  bind_in(l, &d, 0);
  bind_in(l, &d, 1);
  bind_out(l, &d);
  spread(l, parts_of(dim, GPU_MATVEC_ROWS), d.step.n);
  d.step.axis = GPU_AXIS_Z;
  SET_PARAMS(&d, gpu_matmul_experts_params, WEIGHT_PARAMS(shard, w), .dim = dim,
             .n_used = d.step.per_row,
             .per_token = l->in->program->buffers[l->op->in[0]].n_used == 0);
  finish(l, &d);
}

static void lower_norm(const lowering *l) {
  const sotto_op *op = l->op;
  const uint32_t dim = dim_of(l, op->out);
  const bool rms = op->kind == SOTTO_OP_RMS_NORM;
  draft d = begin(l, rms ? GPU_KERNEL_rms_norm : GPU_KERNEL_layer_norm);
  bind_in(l, &d, 0);
  bind_vector(l, &d, op->weight);
  if (!rms) bind_vector(l, &d, op->bias);
  bind_out(l, &d);
  if (rms) {
    d.step.n[1] = dim / op->norm.width;
    SET_PARAMS(&d, gpu_rms_norm_params, dim, op->norm.width, op->norm.eps);
  } else {
    SET_PARAMS(&d, gpu_layer_norm_params, dim, op->norm.eps);
  }
  finish(l, &d);
}

static void lower_rope(const lowering *l) {
  const sotto_rope *r = &l->in->program->ropes[l->op->rope.table];
  const uint32_t dim = dim_of(l, l->op->out);
  draft d = begin(l, GPU_KERNEL_rope);
  bind_batch(l, &d);
  bind_in(l, &d, 0);
  bind_out(l, &d);
  d.step.n[1] = parts_of(dim / 2, gpu_kernel_workgroup(d.kernel));
  SET_PARAMS(&d, gpu_rope_params, dim, l->op->rope.head_dim, r->n_rot, r->neox, l->op->rope.table,
             sotto_widest_rope(l->in->program));
  finish(l, &d);
}

static void lower_kv_write(const lowering *l) {
  const sotto_kv_shape *kv = &l->in->storage->shape;
  const uint32_t layer = l->op->attention.layer, group = kv->layers[layer].group;
  draft d = begin(l, GPU_KERNEL_kv_write);
  bind_batch(l, &d);
  bind_in(l, &d, 0);
  bind_in(l, &d, 1);
  bind_cache(l, &d, layer, GPU_KEYS);
  bind_cache(l, &d, layer, GPU_VALUES);
  bind(&d, whole(l->in->status_buffer, GPU_STATUS_BYTES));
  d.step.n[1] = l->op->attention.n_head_kv;
  SET_PARAMS(&d, gpu_kv_write_params, l->op->attention.n_head_kv, l->op->attention.head_dim, group,
             kv->groups[group].n_pages);
  finish(l, &d);
}

static void lower_attention(const lowering *l) {
  const sotto_kv_shape *kv = &l->in->storage->shape;
  const uint32_t layer = l->op->attention.layer, group = kv->layers[layer].group;
  draft d = begin(l, GPU_KERNEL_attention);
  bind_batch(l, &d);
  bind_in(l, &d, 0);
  bind_cache(l, &d, layer, GPU_KEYS);
  bind_cache(l, &d, layer, GPU_VALUES);
  bind_out(l, &d);
  d.step.n[0] = l->op->attention.n_head;
  d.step.axis = GPU_AXIS_Y;
  SET_PARAMS(&d, gpu_attention_params, .n_head = l->op->attention.n_head,
             .n_head_kv = l->op->attention.n_head_kv, .head_dim = l->op->attention.head_dim,
             .group = group, .n_pages = kv->groups[group].n_pages, .scale = l->op->attention.scale,
             .softcap = l->op->attention.softcap, .window = l->op->attention.window,
             .causal = l->op->attention.causal);
  finish(l, &d);
}

static void lower_binary(const lowering *l, gpu_binary_kind kind) {
  draft d = begin_elements(l, GPU_KERNEL_binary);
  bind_in(l, &d, 0);
  bind_in(l, &d, 1);
  bind_out(l, &d);
  SET_PARAMS(&d, gpu_binary_params, dim_of(l, l->op->out), kind);
  finish(l, &d);
}

static void lower_unary(const lowering *l, gpu_unary_kind kind, float value) {
  draft d = begin_elements(l, GPU_KERNEL_unary);
  bind_in(l, &d, 0);
  bind_out(l, &d);
  SET_PARAMS(&d, gpu_unary_params, dim_of(l, l->op->out), kind, value);
  finish(l, &d);
}

static void lower_route(const lowering *l) {
  draft d = begin(l, GPU_KERNEL_route);
  bind_in(l, &d, 0);
  bind_out(l, &d);
  SET_PARAMS(&d, gpu_route_params, dim_of(l, l->op->in[0]), l->op->route.n_used,
             l->op->route.normalise);
  finish(l, &d);
}

static void lower_combine(const lowering *l) {
  draft d = begin_elements(l, GPU_KERNEL_combine);
  bind_in(l, &d, 0);
  bind_in(l, &d, 1);
  bind_out(l, &d);
  SET_PARAMS(&d, gpu_combine_params, dim_of(l, l->op->out),
             l->in->program->buffers[l->op->in[0]].n_used);
  finish(l, &d);
}

static void lower_conv(const lowering *l) {
  draft d = begin_elements(l, GPU_KERNEL_short_conv);
  bind_batch(l, &d);
  bind_vector(l, &d, l->op->weight);
  bind_in(l, &d, 0);
  bind_cache(l, &d, l->op->conv.layer, GPU_STATES);
  bind_out(l, &d);
  SET_PARAMS(&d, gpu_short_conv_params, dim_of(l, l->op->out), l->op->conv.n_taps);
  finish(l, &d);
}

/* Rows of the output taken from rows of the batch's tokens. */
static void lower_gather(const lowering *l) {
  const bool pools = l->op->kind == SOTTO_OP_POOL;
  draft d = begin_elements(l, pools ? GPU_KERNEL_pool : GPU_KERNEL_take_outputs);
  bind_batch(l, &d);
  bind_in(l, &d, 0);
  bind_out(l, &d);
  if (pools)
    SET_PARAMS(&d, gpu_pool_params, dim_of(l, l->op->out), l->op->pool.pooling);
  else
    SET_PARAMS(&d, gpu_take_outputs_params, dim_of(l, l->op->out));
  finish(l, &d);
}

static void lower_l2_norm(const lowering *l) {
  draft d = begin(l, GPU_KERNEL_l2_norm);
  bind_in(l, &d, 0);
  bind_out(l, &d);
  SET_PARAMS(&d, gpu_l2_norm_params, dim_of(l, l->op->out));
  finish(l, &d);
}

/* A dispatch for each shard of the operation's matrix. */
static void lower_shards(const lowering *l, void (*lower)(const lowering *, uint32_t shard)) {
  const uint32_t *first = &l->in->weights->first_shard[l->op->weight];
  for (uint32_t i = first[0]; i < first[1]; i++) lower(l, i);
}

static void lower_op(const lowering *l) {
  const sotto_op *op = l->op;
  switch (op->kind) {
  case SOTTO_OP_EMBED: lower_shards(l, lower_embed); break;
  case SOTTO_OP_RMS_NORM:
  case SOTTO_OP_LAYER_NORM: lower_norm(l); break;
  case SOTTO_OP_MATMUL: lower_shards(l, lower_matmul); break;
  case SOTTO_OP_MATMUL_EXPERTS: lower_shards(l, lower_experts); break;
  case SOTTO_OP_ROPE: lower_rope(l); break;
  case SOTTO_OP_KV_WRITE: lower_kv_write(l); break;
  case SOTTO_OP_ATTENTION: lower_attention(l); break;
  case SOTTO_OP_GLU:
    lower_binary(l, op->glu.activation == SOTTO_SILU ? GPU_SILU_MUL : GPU_GELU_MUL);
    break;
  case SOTTO_OP_ADD: lower_binary(l, GPU_ADD); break;
  case SOTTO_OP_MUL: lower_binary(l, GPU_MUL); break;
  case SOTTO_OP_SIGMOID_GATE: lower_binary(l, GPU_GATE); break;
  case SOTTO_OP_GELU: lower_unary(l, GPU_GELU, 0); break;
  case SOTTO_OP_SCALE: lower_unary(l, GPU_SCALE, op->scale.factor); break;
  case SOTTO_OP_SOFTCAP: lower_unary(l, GPU_SOFTCAP, op->softcap.cap); break;
  case SOTTO_OP_ROUTE: lower_route(l); break;
  case SOTTO_OP_COMBINE: lower_combine(l); break;
  case SOTTO_OP_SHORT_CONV: lower_conv(l); break;
  case SOTTO_OP_TAKE_OUTPUTS:
  case SOTTO_OP_POOL: lower_gather(l); break;
  case SOTTO_OP_L2_NORM: lower_l2_norm(l); break;
  }
}

sotto_status gpu_steps_init(const gpu_lowering *in, gpu_steps *out) {
  const sotto_program *p = in->program;
  *out = (gpu_steps){.ctx = p->ctx, .slot = params_slot(in->device)};
  out->cap = gpu_steps_most(p, in->weights);
  out->steps = sotto_alloc_zero(p->ctx, out->cap * sizeof *out->steps);
  out->params = sotto_alloc_zero(p->ctx, out->cap * out->slot);
  sotto_status status = out->steps && out->params ? SOTTO_OK : SOTTO_ERR_OUT_OF_MEMORY;
  for (size_t i = 0; i < p->n_ops && status == SOTTO_OK; i++) {
    const lowering l = {in, out, &p->ops[i], &in->buffers->operands[i], &status};
    lower_op(&l);
  }
  if (status != SOTTO_OK) {
    gpu_steps_free(out);
    return status;
  }
  gpu_emit_write(in->stream, in->params_buffer, 0, out->params, (uint32_t)(out->n * out->slot));
  return SOTTO_OK;
}

void gpu_steps_free(gpu_steps *s) {
  if (!s->ctx) return;
  sotto_free(s->ctx, s->steps, s->cap * sizeof *s->steps);
  sotto_free(s->ctx, s->params, s->cap * s->slot);
  *s = (gpu_steps){0};
}

bool gpu_step_dispatch(const gpu_step *step, uint32_t n_tokens, uint32_t n_outputs,
                       sotto_gpu_dispatch *out) {
  const uint32_t rows = (step->per_output ? n_outputs : n_tokens) * step->per_row;
  if (rows == 0) return false;
  if (step->many != GPU_NONE && rows >= GPU_MANY_ROWS) {
    *out = (sotto_gpu_dispatch){.pipeline = step->many,
                                .group = step->group,
                                .x = step->n_many[0],
                                .y = parts_of(rows, GPU_MATMUL_M),
                                .z = 1};
    return true;
  }
  uint32_t n[3] = {step->n[0], step->n[1], step->n[2]};
  n[step->axis] *= rows;
  *out = (sotto_gpu_dispatch){step->pipeline, step->group, n[0], n[1], n[2]};
  return true;
}

void gpu_steps_emit_list(const gpu_steps *s, size_t first, size_t end, uint32_t list,
                         gpu_stream *stream) {
  sotto_gpu_dispatch *to = gpu_emit_list(stream, list, (uint32_t)(end - first));
  for (size_t i = first; to && i < end; i++) {
    sotto_gpu_dispatch dispatch;
    gpu_step_dispatch(&s->steps[i], 1, 1, &dispatch);
    memcpy(to++, &dispatch, sizeof dispatch);
  }
}
