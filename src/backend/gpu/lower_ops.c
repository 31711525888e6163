/* Each operation's kernel, parameters and bindings. */
#include "backend/gpu/draft.h"

static void lower_embed(gpu_lower *l, const sotto_op *op, uint32_t i) {
  gpu_draft d = gpu_draft_embed(l, op, GPU_KERNEL_embed, i, 0);
  gpu_draft_finish(l, &d);
}

gpu_draft gpu_draft_embed(const gpu_lower *l, const sotto_op *op, gpu_kernel kernel, uint32_t i,
                          gpu_packs packs) {
  const gpu_shard *shard = gpu_shard_of(l, i);
  const sotto_weight *w = gpu_weight_of(l, op);
  gpu_draft d = gpu_draft_begin(l, op, kernel);
  d.type = w->tensor->type;
  gpu_bind_batch(l, &d);
  gpu_bind_shard(l, &d, i);
  gpu_bind_out(l, &d, op);
  d.step.n[0] = gpu_parts_of(4 * gpu_parts_of((uint32_t)w->cols, 32), gpu_kernel_workgroup(kernel));
  d.step.axis = GPU_AXIS_Y;
  GPU_SET_PARAMS(&d, gpu_embed_params, GPU_SHARD_PARAMS(shard, w), .row = op->embed.row,
                 .packs = packs);
  return d;
}

gpu_draft gpu_draft_take_outputs(const gpu_lower *l, const sotto_op *op, gpu_kernel kernel,
                                 gpu_packs packs) {
  const uint32_t dim = gpu_dim_of(l, op->out);
  gpu_draft d = gpu_draft_begin(l, op, kernel);
  gpu_bind_batch(l, &d);
  gpu_bind_in(l, &d, op, 0);
  gpu_bind_out(l, &d, op);
  d.step.n[0] = gpu_parts_of(dim / 4, gpu_kernel_workgroup(kernel));
  d.step.axis = GPU_AXIS_Y;
  GPU_SET_PARAMS(&d, gpu_take_outputs_params, dim, packs);
  return d;
}

void gpu_lower_pack(gpu_lower *l, const sotto_op *op, sotto_weight_id norm) {
  const uint32_t dim = gpu_dim_of(l, op->in[0]),
                 fours = gpu_parts_of(dim, 2 * GPU_BLOCK) * 2 * GPU_BLOCK / 4;
  gpu_draft d = gpu_draft_begin(l, op, GPU_KERNEL_pack_rows);
  gpu_bind_in(l, &d, op, 0);
  if (norm >= 0)
    gpu_bind_vector(l, &d, norm);
  else
    gpu_bind_in(l, &d, op, 0);
  gpu_bind_activations(l, &d, l->in->buffers->packed);
  d.step.n[0] = gpu_parts_of(fours, gpu_kernel_workgroup(d.kernel));
  d.step.axis = GPU_AXIS_Y;
  GPU_SET_PARAMS(&d, gpu_pack_rows_params, dim, norm >= 0 ? GPU_PACKS_NORMED : GPU_PACKS_PLAIN);
  gpu_draft_finish(l, &d);
}

/* Whether the operation before has packed what this one takes. */
static bool is_packed_already(const gpu_lower *l, const sotto_op *op) {
  const sotto_program *p = l->in->program;
  return op > p->ops && op[-1].in[0] == op->in[0] && gpu_takes_packed(p, &op[-1]) &&
         p->buffers[op[-1].out].per_output == p->buffers[op->out].per_output;
}

static void lower_matmul(gpu_lower *l, const sotto_op *op, uint32_t i) {
  const gpu_shard *shard = gpu_shard_of(l, i);
  const sotto_weight *w = gpu_weight_of(l, op);
  const bool packed = gpu_takes_packed(l->in->program, op);
  const uint32_t x = packed ? l->in->buffers->packed : gpu_operands_of(l, op)->in[0];
  if (packed && i == gpu_first_shard(l, op->weight) && !is_packed_already(l, op))
    gpu_lower_pack(l, op, SOTTO_NONE);
  gpu_draft d = gpu_draft_begin(l, op, packed ? GPU_KERNEL_matmul_packed : GPU_KERNEL_matmul);
  d.type = w->tensor->type;
  gpu_bind_batch(l, &d);
  gpu_bind_shard(l, &d, i);
  gpu_bind_bias(l, &d, op, x);
  gpu_bind_activations(l, &d, x);
  gpu_bind_out(l, &d, op);
  d.step.n[0] = gpu_parts_of((uint32_t)shard->n_rows, GPU_MATMUL_N);
  d.step.axis = GPU_AXIS_Y;
  d.step.tile = GPU_MATMUL_M;
  GPU_SET_PARAMS(&d, gpu_matmul_params, GPU_SHARD_PARAMS(shard, w), .row_at = (uint32_t)shard->at,
                 .out_dim = (uint32_t)w->rows, .per_output = d.step.per_output,
                 .has_bias = op->bias >= 0, .bias_at = gpu_bias_at(l, op));
  gpu_draft_finish(l, &d);
}

static void lower_experts(gpu_lower *l, const sotto_op *op, uint32_t i) {
  const gpu_shard *shard = gpu_shard_of(l, i);
  const sotto_weight *w = gpu_weight_of(l, op);
  const uint32_t dim = gpu_dim_of(l, op->out);
  gpu_draft d = gpu_draft_begin(l, op, GPU_KERNEL_matmul_experts);
  d.type = w->tensor->type;
  gpu_bind_batch(l, &d);
  gpu_bind_shard(l, &d, i);
  gpu_bind_in(l, &d, op, 0);
  gpu_bind_in(l, &d, op, 1);
  gpu_bind_out(l, &d, op);
  gpu_spread(l, gpu_parts_of(dim, GPU_MATVEC_ROWS), d.step.n);
  d.step.axis = GPU_AXIS_Z;
  GPU_SET_PARAMS(&d, gpu_matmul_experts_params, GPU_SHARD_PARAMS(shard, w), .dim = dim,
                 .n_used = d.step.per_row,
                 .per_token = l->in->program->buffers[op->in[0]].n_used == 0);
  gpu_draft_finish(l, &d);
}

static void lower_norm(gpu_lower *l, const sotto_op *op) {
  const uint32_t dim = gpu_dim_of(l, op->out);
  const bool rms = op->kind == SOTTO_OP_RMS_NORM;
  gpu_draft d = gpu_draft_begin(l, op, rms ? GPU_KERNEL_rms_norm : GPU_KERNEL_layer_norm);
  gpu_bind_in(l, &d, op, 0);
  gpu_bind_vector(l, &d, op->weight);
  if (!rms) gpu_bind_vector(l, &d, op->bias);
  gpu_bind_out(l, &d, op);
  if (rms) {
    d.step.n[1] = dim / op->norm.width;
    GPU_SET_PARAMS(&d, gpu_rms_norm_params, dim, op->norm.width, op->norm.eps);
  } else {
    GPU_SET_PARAMS(&d, gpu_layer_norm_params, dim, op->norm.eps);
  }
  gpu_draft_finish(l, &d);
}

static void lower_rope(gpu_lower *l, const sotto_op *op) {
  const sotto_rope *r = &l->in->program->ropes[op->rope.table];
  const uint32_t dim = gpu_dim_of(l, op->out);
  gpu_draft d = gpu_draft_begin(l, op, GPU_KERNEL_rope);
  gpu_bind_batch(l, &d);
  gpu_bind_in(l, &d, op, 0);
  gpu_bind_out(l, &d, op);
  d.step.n[1] = gpu_parts_of(dim / 2, gpu_kernel_workgroup(d.kernel));
  GPU_SET_PARAMS(&d, gpu_rope_params, dim, op->rope.head_dim, r->n_rot, r->neox, op->rope.table,
                 sotto_widest_rope(l->in->program));
  gpu_draft_finish(l, &d);
}

static void lower_kv_write(gpu_lower *l, const sotto_op *op) {
  const sotto_kv_shape *kv = &l->in->storage->shape;
  const uint32_t layer = op->attention.layer, group = kv->layers[layer].group;
  gpu_draft d = gpu_draft_begin(l, op, GPU_KERNEL_kv_write);
  gpu_bind_batch(l, &d);
  gpu_bind_in(l, &d, op, 0);
  gpu_bind_in(l, &d, op, 1);
  gpu_bind_cache(l, &d, layer, GPU_KEYS);
  gpu_bind_cache(l, &d, layer, GPU_VALUES);
  gpu_bind_status(l, &d);
  d.step.n[1] = op->attention.n_head_kv;
  GPU_SET_PARAMS(&d, gpu_kv_write_params, op->attention.n_head_kv, op->attention.head_dim, group,
                 kv->groups[group].n_pages);
  gpu_draft_finish(l, &d);
}

gpu_draft gpu_draft_attention(const gpu_lower *l, const sotto_op *op, gpu_kernel kernel,
                              uint32_t out, gpu_packs packs) {
  const sotto_kv_shape *kv = &l->in->storage->shape;
  const uint32_t layer = op->attention.layer, group = kv->layers[layer].group;
  gpu_draft d = gpu_draft_begin(l, op, kernel);
  gpu_bind_batch(l, &d);
  gpu_bind_in(l, &d, op, 0);
  gpu_bind_cache(l, &d, layer, GPU_KEYS);
  gpu_bind_cache(l, &d, layer, GPU_VALUES);
  gpu_bind_activations(l, &d, out);
  d.step.n[0] = op->attention.n_head;
  d.step.axis = GPU_AXIS_Y;
  GPU_SET_PARAMS(&d, gpu_attention_params, .n_head = op->attention.n_head,
                 .n_head_kv = op->attention.n_head_kv, .head_dim = op->attention.head_dim,
                 .group = group, .n_pages = kv->groups[group].n_pages, .scale = op->attention.scale,
                 .softcap = op->attention.softcap, .window = op->attention.window,
                 .causal = op->attention.causal, .packs = packs);
  return d;
}

static void lower_attention(gpu_lower *l, const sotto_op *op) {
  gpu_draft d = gpu_draft_attention(l, op, GPU_KERNEL_attention, gpu_operands_of(l, op)->out, 0);
  gpu_draft_finish(l, &d);
}

static void lower_binary(gpu_lower *l, const sotto_op *op, gpu_binary_kind kind) {
  gpu_draft d = gpu_draft_elements(l, op, GPU_KERNEL_binary);
  gpu_bind_in(l, &d, op, 0);
  gpu_bind_in(l, &d, op, 1);
  gpu_bind_out(l, &d, op);
  GPU_SET_PARAMS(&d, gpu_binary_params, gpu_dim_of(l, op->out), kind);
  gpu_draft_finish(l, &d);
}

static void lower_unary(gpu_lower *l, const sotto_op *op, gpu_unary_kind kind, float value) {
  gpu_draft d = gpu_draft_elements(l, op, GPU_KERNEL_unary);
  gpu_bind_in(l, &d, op, 0);
  gpu_bind_out(l, &d, op);
  GPU_SET_PARAMS(&d, gpu_unary_params, gpu_dim_of(l, op->out), kind, value);
  gpu_draft_finish(l, &d);
}

static void lower_route(gpu_lower *l, const sotto_op *op) {
  gpu_draft d = gpu_draft_begin(l, op, GPU_KERNEL_route);
  gpu_bind_in(l, &d, op, 0);
  gpu_bind_out(l, &d, op);
  GPU_SET_PARAMS(&d, gpu_route_params, gpu_dim_of(l, op->in[0]), op->route.n_used,
                 op->route.normalise);
  gpu_draft_finish(l, &d);
}

static void lower_combine(gpu_lower *l, const sotto_op *op) {
  gpu_draft d = gpu_draft_elements(l, op, GPU_KERNEL_combine);
  gpu_bind_in(l, &d, op, 0);
  gpu_bind_in(l, &d, op, 1);
  gpu_bind_out(l, &d, op);
  GPU_SET_PARAMS(&d, gpu_combine_params, gpu_dim_of(l, op->out),
                 l->in->program->buffers[op->in[0]].n_used);
  gpu_draft_finish(l, &d);
}

static void lower_conv(gpu_lower *l, const sotto_op *op) {
  gpu_draft d = gpu_draft_elements(l, op, GPU_KERNEL_short_conv);
  gpu_bind_batch(l, &d);
  gpu_bind_vector(l, &d, op->weight);
  gpu_bind_in(l, &d, op, 0);
  gpu_bind_cache(l, &d, op->conv.layer, GPU_STATES);
  gpu_bind_out(l, &d, op);
  GPU_SET_PARAMS(&d, gpu_short_conv_params, gpu_dim_of(l, op->out), op->conv.n_taps);
  gpu_draft_finish(l, &d);
}

static void lower_take_outputs(gpu_lower *l, const sotto_op *op) {
  gpu_draft d = gpu_draft_take_outputs(l, op, GPU_KERNEL_take_outputs, 0);
  gpu_draft_finish(l, &d);
}

static void lower_pool(gpu_lower *l, const sotto_op *op) {
  gpu_draft d = gpu_draft_elements(l, op, GPU_KERNEL_pool);
  gpu_bind_batch(l, &d);
  gpu_bind_in(l, &d, op, 0);
  gpu_bind_out(l, &d, op);
  GPU_SET_PARAMS(&d, gpu_pool_params, gpu_dim_of(l, op->out), op->pool.pooling);
  gpu_draft_finish(l, &d);
}

static void lower_l2_norm(gpu_lower *l, const sotto_op *op) {
  gpu_draft d = gpu_draft_begin(l, op, GPU_KERNEL_l2_norm);
  gpu_bind_in(l, &d, op, 0);
  gpu_bind_out(l, &d, op);
  GPU_SET_PARAMS(&d, gpu_l2_norm_params, gpu_dim_of(l, op->out));
  gpu_draft_finish(l, &d);
}

/* A dispatch for each shard of the operation's matrix. */
static void lower_shards(gpu_lower *l, const sotto_op *op,
                         void (*lower)(gpu_lower *, const sotto_op *, uint32_t shard)) {
  for (uint32_t i = gpu_first_shard(l, op->weight); i < gpu_first_shard(l, op->weight + 1); i++)
    lower(l, op, i);
}

void gpu_lower_op(gpu_lower *l, const sotto_op *op) {
  switch (op->kind) {
  case SOTTO_OP_EMBED: lower_shards(l, op, lower_embed); break;
  case SOTTO_OP_RMS_NORM:
  case SOTTO_OP_LAYER_NORM: lower_norm(l, op); break;
  case SOTTO_OP_MATMUL: lower_shards(l, op, lower_matmul); break;
  case SOTTO_OP_MATMUL_EXPERTS: lower_shards(l, op, lower_experts); break;
  case SOTTO_OP_ROPE: lower_rope(l, op); break;
  case SOTTO_OP_KV_WRITE: lower_kv_write(l, op); break;
  case SOTTO_OP_ATTENTION: lower_attention(l, op); break;
  case SOTTO_OP_GLU:
    lower_binary(l, op, op->glu.activation == SOTTO_SILU ? GPU_SILU_MUL : GPU_GELU_MUL);
    break;
  case SOTTO_OP_ADD: lower_binary(l, op, GPU_ADD); break;
  case SOTTO_OP_MUL: lower_binary(l, op, GPU_MUL); break;
  case SOTTO_OP_SIGMOID_GATE: lower_binary(l, op, GPU_GATE); break;
  case SOTTO_OP_GELU: lower_unary(l, op, GPU_GELU, 0); break;
  case SOTTO_OP_SCALE: lower_unary(l, op, GPU_SCALE, op->scale.factor); break;
  case SOTTO_OP_SOFTCAP: lower_unary(l, op, GPU_SOFTCAP, op->softcap.cap); break;
  case SOTTO_OP_ROUTE: lower_route(l, op); break;
  case SOTTO_OP_COMBINE: lower_combine(l, op); break;
  case SOTTO_OP_SHORT_CONV: lower_conv(l, op); break;
  case SOTTO_OP_TAKE_OUTPUTS: lower_take_outputs(l, op); break;
  case SOTTO_OP_POOL: lower_pool(l, op); break;
  case SOTTO_OP_L2_NORM: lower_l2_norm(l, op); break;
  }
}
