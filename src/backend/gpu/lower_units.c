/* Units for a few rows. */
#include "backend/gpu/draft.h"

static const sotto_op *op_of(const gpu_lower *l, const gpu_unit *unit, sotto_op_kind kind,
                             size_t nth) {
  return gpu_unit_op(l->in->program, unit, kind, nth);
}

static const sotto_op *last_of(const gpu_lower *l, const gpu_unit *unit) {
  return &l->in->program->ops[unit->first + unit->n - 1];
}

/* A few rows of x times a shard of n_rows. */
static gpu_draft begin_matvec(const gpu_lower *l, const sotto_op *op, gpu_kernel kernel,
                              uint32_t shard, uint64_t n_rows) {
  gpu_draft d = gpu_draft_begin(l, op, kernel);
  d.type = gpu_weight_of(l, op)->tensor->type;
  gpu_spread(l, gpu_parts_of((uint32_t)n_rows, GPU_MATVEC_ROWS), d.step.n);
  d.step.axis = GPU_AXIS_Z;
  gpu_bind_batch(l, &d);
  gpu_bind_shard(l, &d, shard);
  return d;
}

/* The factor of an operation between the unit's first and its last. */
static float scale_of(const gpu_lower *l, const gpu_unit *unit) {
  const sotto_op *scale = op_of(l, unit, SOTTO_OP_SCALE, 0);
  return scale ? scale->scale.factor : 1;
}

/* The activations that an ADD adds to what the operation before it made. */
static uint32_t residual_of(const gpu_lower *l, const sotto_op *add) {
  const gpu_operands *at = gpu_operands_of(l, add);
  return add->in[0] == add[-1].out ? at->in[1] : at->in[0];
}

/* A MATMUL, of which `last` is the last operation: itself, or an ADD. */
static void lower_matvec(gpu_lower *l, const gpu_unit *unit) {
  const sotto_op *op = op_of(l, unit, SOTTO_OP_MATMUL, 0), *last = last_of(l, unit);
  const sotto_weight *w = gpu_weight_of(l, op);
  const uint32_t x = gpu_operands_of(l, op)->in[0];
  const bool adds = last != op;
  for (uint32_t i = gpu_first_shard(l, op->weight); i < gpu_first_shard(l, op->weight + 1); i++) {
    const gpu_shard *shard = gpu_shard_of(l, i);
    gpu_draft d = begin_matvec(l, op, GPU_KERNEL_matvec, i, shard->n_rows);
    gpu_bind_bias(l, &d, op, x);
    gpu_bind_activations(l, &d, x);
    gpu_bind_activations(l, &d, adds ? residual_of(l, last) : x);
    gpu_bind_out(l, &d, last);
    GPU_SET_PARAMS(&d, gpu_matmul_params, GPU_SHARD_PARAMS(shard, w), .row_at = (uint32_t)shard->at,
                   .out_dim = (uint32_t)w->rows, .per_output = d.step.per_output,
                   .has_bias = op->bias >= 0, .bias_at = gpu_bias_at(l, op), .has_residual = adds,
                   .scale = scale_of(l, unit));
    gpu_draft_finish(l, &d);
  }
}

/* Rows of out from first_row on, of n_rows of the shard. */
static void add_norm_matvec(gpu_lower *l, const sotto_op *norm, const sotto_op *op, uint32_t i,
                            uint32_t first_row, uint64_t n_rows, uint32_t out, uint32_t out_dim) {
  const gpu_shard *shard = gpu_shard_of(l, i);
  const uint32_t x = gpu_operands_of(l, norm)->in[0];
  const uint32_t bias_at = gpu_bias_at(l, op) + (uint32_t)shard->first_row;
  gpu_draft d = begin_matvec(l, op, GPU_KERNEL_norm_matvec, i, n_rows);
  gpu_bind_bias(l, &d, op, x);
  gpu_bind_activations(l, &d, x);
  gpu_bind_vector(l, &d, norm->weight);
  gpu_bind_activations(l, &d, out);
  gpu_norm_matvec_params p = {GPU_SHARD_PARAMS(shard, gpu_weight_of(l, op)),
                              .row_at = (uint32_t)shard->at,
                              .out_dim = out_dim,
                              .has_bias = op->bias >= 0,
                              .bias_at = bias_at,
                              .eps = norm->norm.eps};
  p.first_row = first_row;
  p.n_rows = (uint32_t)n_rows;
  memcpy(d.params, &p, sizeof p);
  gpu_draft_finish(l, &d);
}

static void lower_norm_matmul(gpu_lower *l, const gpu_unit *unit) {
  const sotto_op *norm = &l->in->program->ops[unit->first], *op = norm + 1;
  const uint32_t out_dim = gpu_dim_of(l, op->out);
  for (uint32_t i = gpu_first_shard(l, op->weight); i < gpu_first_shard(l, op->weight + 1); i++) {
    const gpu_shard *shard = gpu_shard_of(l, i);
    add_norm_matvec(l, norm, op, i, (uint32_t)shard->first_row, shard->n_rows,
                    gpu_operands_of(l, op)->out, out_dim);
  }
}

static void lower_norm_glu(gpu_lower *l, const gpu_unit *unit) {
  const sotto_op *norm = &l->in->program->ops[unit->first], *gate = norm + 1, *glu = norm + 3;
  const uint32_t shard = gpu_first_shard(l, gate->weight), x = gpu_operands_of(l, norm)->in[0];
  const gpu_shard *s = gpu_shard_of(l, shard);
  gpu_draft d = begin_matvec(l, gate, GPU_KERNEL_norm_matvec_glu, shard, s->n_rows);
  gpu_bind_bias(l, &d, gate, x);
  gpu_bind_activations(l, &d, x);
  gpu_bind_vector(l, &d, norm->weight);
  gpu_bind_out(l, &d, glu);
  GPU_SET_PARAMS(&d, gpu_norm_matvec_glu_params, GPU_SHARD_PARAMS(s, gpu_weight_of(l, gate)),
                 .has_bias = gate->bias >= 0, .bias_at = gpu_bias_at(l, gate),
                 .kind = glu->glu.activation == SOTTO_SILU ? GPU_SILU_MUL : GPU_GELU_MUL,
                 .eps = norm->norm.eps);
  gpu_draft_finish(l, &d);
}

static void lower_norm_add(gpu_lower *l, const gpu_unit *unit) {
  const sotto_op *norm = &l->in->program->ops[unit->first], *add = last_of(l, unit);
  gpu_draft d = gpu_draft_begin(l, add, GPU_KERNEL_norm_add);
  gpu_bind_in(l, &d, norm, 0);
  gpu_bind_vector(l, &d, norm->weight);
  gpu_bind_activations(l, &d, residual_of(l, add));
  gpu_bind_out(l, &d, add);
  GPU_SET_PARAMS(&d, gpu_norm_add_params, gpu_dim_of(l, add->out), norm->norm.eps,
                 scale_of(l, unit));
  gpu_draft_finish(l, &d);
}

/* Queries, keys and values into `wide`: those at once that lie together. */
static void lower_projections(gpu_lower *l, const sotto_op *norm, uint32_t dim) {
  const sotto_weight_id *front = l->in->units->front;
  const sotto_op *ops = norm + 1;
  uint32_t column = 0;
  for (int i = 0, n; i < 3; i += n) {
    uint64_t rows = gpu_weight_of(l, &ops[i])->rows;
    for (n = 1; i + n < 3 && front[ops[i + n].weight] == ops[i + n - 1].weight; n++)
      rows += gpu_weight_of(l, &ops[i + n])->rows;
    const sotto_weight_id w = ops[i].weight;
    for (uint32_t s = gpu_first_shard(l, w); s < gpu_first_shard(l, w + 1); s++) {
      const gpu_shard *shard = gpu_shard_of(l, s);
      add_norm_matvec(l, norm, &ops[i], s, column + (uint32_t)shard->first_row,
                      n > 1 ? rows : shard->n_rows, l->in->buffers->wide, dim);
    }
    column += (uint32_t)rows;
  }
}

static void lower_heads(gpu_lower *l, const gpu_unit *unit) {
  const sotto_program *p = l->in->program;
  const sotto_kv_shape *kv = &l->in->storage->shape;
  const sotto_op *norm = &p->ops[unit->first], *write = last_of(l, unit), *last_of_q = norm + 1;
  const sotto_op *q_norm = op_of(l, unit, SOTTO_OP_RMS_NORM, 1),
                 *rope = op_of(l, unit, SOTTO_OP_ROPE, 0);
  const uint32_t n_head_kv = write->attention.n_head_kv, head_dim = write->attention.head_dim,
                 n_head = gpu_dim_of(l, norm[1].out) / head_dim, layer = write->attention.layer,
                 group = kv->layers[layer].group;
  lower_projections(l, norm, (n_head + 2 * n_head_kv) * head_dim);
  if (q_norm) last_of_q = q_norm;
  if (rope) last_of_q = rope;
  const uint32_t wide = l->in->buffers->wide;
  gpu_draft d = gpu_draft_begin(l, last_of_q, GPU_KERNEL_heads);
  gpu_bind_batch(l, &d);
  gpu_bind_activations(l, &d, wide);
  for (int k = 0; k < 2; k++)
    if (q_norm)
      gpu_bind_vector(l, &d, q_norm[k].weight);
    else
      gpu_bind_activations(l, &d, wide);
  gpu_bind_out(l, &d, last_of_q);
  gpu_bind_cache(l, &d, layer, GPU_KEYS);
  gpu_bind_cache(l, &d, layer, GPU_VALUES);
  gpu_bind_status(l, &d);
  d.step.n[1] = n_head + n_head_kv;
  GPU_SET_PARAMS(&d, gpu_heads_params, .n_head = n_head, .n_head_kv = n_head_kv,
                 .head_dim = head_dim, .group = group, .n_pages = kv->groups[group].n_pages,
                 .has_norm = q_norm != NULL, .eps = q_norm ? q_norm->norm.eps : 0,
                 .n_rot = rope ? p->ropes[rope->rope.table].n_rot : 0,
                 .neox = rope && p->ropes[rope->rope.table].neox,
                 .table = rope ? rope->rope.table : 0, .stride = sotto_widest_rope(p));
  gpu_draft_finish(l, &d);
}

/* In parts, so that one head of one token is not one workgroup's. */
static void lower_attention(gpu_lower *l, const sotto_op *op) {
  gpu_draft part = gpu_draft_attention(l, op, GPU_KERNEL_attention_part, l->in->buffers->parts);
  part.step.n[2] = GPU_SPLITS;
  gpu_draft_finish(l, &part);
  gpu_draft d = gpu_draft_begin(l, op, GPU_KERNEL_attention_merge);
  gpu_bind_activations(l, &d, l->in->buffers->parts);
  gpu_bind_out(l, &d, op);
  d.step.n[0] = op->attention.n_head;
  d.step.axis = GPU_AXIS_Y;
  GPU_SET_PARAMS(&d, gpu_attention_merge_params, op->attention.n_head, op->attention.head_dim);
  gpu_draft_finish(l, &d);
}

bool gpu_lower_few(gpu_lower *l, const gpu_unit *unit) {
  const sotto_op *op = &l->in->program->ops[unit->first];
  switch (unit->kind) {
  case GPU_UNIT_OP:
    if (op->kind == SOTTO_OP_MATMUL)
      lower_matvec(l, unit);
    else if (op->kind == SOTTO_OP_ATTENTION)
      lower_attention(l, op);
    else
      return false;
    break;
  case GPU_UNIT_MATMUL_ADD: lower_matvec(l, unit); break;
  case GPU_UNIT_NORM_MATMUL: lower_norm_matmul(l, unit); break;
  case GPU_UNIT_NORM_GLU: lower_norm_glu(l, unit); break;
  case GPU_UNIT_NORM_ADD: lower_norm_add(l, unit); break;
  case GPU_UNIT_HEADS: lower_heads(l, unit); break;
  }
  return true;
}
