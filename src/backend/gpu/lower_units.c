/* Units for a few rows. */
#include "backend/gpu/draft.h"

static const sotto_op *op_of(const gpu_lower *l, const gpu_unit *unit, sotto_op_kind kind,
                             size_t nth) {
  return gpu_unit_op(l->in->program, unit, kind, nth);
}

static const sotto_op *last_of(const gpu_lower *l, const gpu_unit *unit) {
  return &l->in->program->ops[unit->first + unit->n - 1];
}

/* ---- packed activations ---- */

/* Those that a unit's products are with. It packs them itself where nobody has. */
static uint32_t packed_input(gpu_lower *l, const gpu_unit *unit) {
  const sotto_op *op = &l->in->program->ops[unit->first];
  if (unit->given) return gpu_operands_of(l, op)->given;
  gpu_lower_pack(l, op, op->kind == SOTTO_OP_RMS_NORM ? op->weight : SOTTO_NONE);
  return l->in->buffers->packed;
}

/* How a unit packs what it makes. */
static gpu_packs packs_of(const gpu_unit *unit) {
  if (!unit->packs) return 0;
  return unit->norm >= 0 ? GPU_PACKS_NORMED : GPU_PACKS_PLAIN;
}

/* What kernels that pack bind behind what those bind that do not. */
static void bind_packs(const gpu_lower *l, gpu_draft *d, const gpu_unit *unit) {
  if (!unit->packs) return;
  if (unit->norm >= 0)
    gpu_bind_vector(l, d, unit->norm);
  else
    d->bindings[d->n++] = d->bindings[0]; /* which is only read, and here not even that */
  gpu_bind_activations(l, d, gpu_operands_of(l, last_of(l, unit))->packs);
}

/* ---- products ---- */

/* What takes several rows together where `kernel` takes one. */
static gpu_kernel several_of(gpu_kernel kernel) {
  switch (kernel) {
  case GPU_KERNEL_matvec: return GPU_KERNEL_matvec_4;
  case GPU_KERNEL_matvec_pack: return GPU_KERNEL_matvec_4_pack;
  case GPU_KERNEL_matvec_glu: return GPU_KERNEL_matvec_glu_4;
  default: return GPU_KERNEL_matvec_glu_4_pack;
  }
}

/* A few packed rows, x, times n_rows of a shard. */
static gpu_draft begin_matvec(const gpu_lower *l, const sotto_op *op, gpu_kernel kernel,
                              uint32_t shard, uint64_t n_rows, uint32_t x) {
  gpu_draft d = gpu_draft_begin(l, op, kernel);
  d.several = several_of(kernel);
  d.type = gpu_weight_of(l, op)->tensor->type;
  gpu_spread(l, gpu_parts_of((uint32_t)n_rows, GPU_BLOCK), d.step.n);
  d.step.axis = GPU_AXIS_Z;
  gpu_bind_shard(l, &d, shard);
  gpu_bind_activations(l, &d, x);
  gpu_bind_bias(l, &d, op, x);
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

/* The norm that a unit begins with, or NULL. */
static const sotto_op *norm_of(const gpu_lower *l, const gpu_unit *unit) {
  const sotto_op *op = &l->in->program->ops[unit->first];
  return op->kind == SOTTO_OP_RMS_NORM ? op : NULL;
}

/* Products with a shard, or with n_rows from it on; rows of out from first_row on. */
static gpu_matvec_params matvec_params(const gpu_lower *l, const sotto_op *norm, const sotto_op *op,
                                       const gpu_shard *shard) {
  return (gpu_matvec_params){GPU_SHARD_PARAMS(shard, gpu_weight_of(l, op)),
                             .row_at = (uint32_t)shard->at,
                             .out_dim = gpu_dim_of(l, op->out),
                             .has_norm = norm != NULL,
                             .eps = norm ? norm->norm.eps : 0,
                             .has_bias = op->bias >= 0,
                             .bias_at = gpu_bias_at(l, op),
                             .scale = 1};
}

/* A MATMUL, perhaps of a norm, perhaps added to something. */
static void lower_matvec(gpu_lower *l, const gpu_unit *unit) {
  const sotto_op *norm = norm_of(l, unit), *op = op_of(l, unit, SOTTO_OP_MATMUL, 0),
                 *last = last_of(l, unit);
  const uint32_t x = packed_input(l, unit), residual = last != op ? residual_of(l, last) : x;
  const gpu_kernel kernel = unit->packs ? GPU_KERNEL_matvec_pack : GPU_KERNEL_matvec;
  for (uint32_t i = gpu_first_shard(l, op->weight); i < gpu_first_shard(l, op->weight + 1); i++) {
    const gpu_shard *shard = gpu_shard_of(l, i);
    gpu_draft d = begin_matvec(l, op, kernel, i, shard->n_rows, x);
    gpu_bind_activations(l, &d, residual);
    gpu_bind_out(l, &d, last);
    bind_packs(l, &d, unit);
    gpu_matvec_params p = matvec_params(l, norm, op, shard);
    p.has_residual = last != op;
    p.scale = scale_of(l, unit);
    p.packs = packs_of(unit);
    memcpy(d.params, &p, sizeof p);
    gpu_draft_finish(l, &d);
  }
}

static void lower_norm_glu(gpu_lower *l, const gpu_unit *unit) {
  const sotto_op *norm = norm_of(l, unit), *gate = norm + 1, *glu = norm + 3;
  const uint32_t shard = gpu_first_shard(l, gate->weight), x = packed_input(l, unit);
  const gpu_shard *s = gpu_shard_of(l, shard);
  gpu_draft d =
      begin_matvec(l, gate, unit->packs ? GPU_KERNEL_matvec_glu_pack : GPU_KERNEL_matvec_glu, shard,
                   s->n_rows, x);
  gpu_bind_out(l, &d, glu);
  bind_packs(l, &d, unit);
  GPU_SET_PARAMS(&d, gpu_matvec_glu_params, GPU_SHARD_PARAMS(s, gpu_weight_of(l, gate)),
                 .has_norm = true, .eps = norm->norm.eps, .has_bias = gate->bias >= 0,
                 .bias_at = gpu_bias_at(l, gate),
                 .kind = glu->glu.activation == SOTTO_SILU ? GPU_SILU_MUL : GPU_GELU_MUL,
                 .packs = packs_of(unit));
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

/* Rows of `wide` from `column` on: n_rows from a shard on. */
static void add_projection(gpu_lower *l, const sotto_op *norm, const sotto_op *op, uint32_t i,
                           uint32_t column, uint64_t n_rows, uint32_t x, uint32_t dim) {
  const gpu_shard *shard = gpu_shard_of(l, i);
  gpu_draft d = begin_matvec(l, op, GPU_KERNEL_matvec, i, n_rows, x);
  gpu_bind_activations(l, &d, x); /* no residual */
  gpu_bind_activations(l, &d, l->in->buffers->wide);
  gpu_matvec_params p = matvec_params(l, norm, op, shard);
  p.bias_at += (uint32_t)shard->first_row - column; /* which is added to the rows of out */
  p.first_row = column;
  p.n_rows = (uint32_t)n_rows;
  p.out_dim = dim;
  memcpy(d.params, &p, sizeof p);
  gpu_draft_finish(l, &d);
}

/* Queries, keys and values into `wide`: those at once that lie together. */
static void lower_projections(gpu_lower *l, const gpu_unit *unit, uint32_t dim) {
  const sotto_weight_id *front = l->in->units->front;
  const sotto_op *norm = norm_of(l, unit), *ops = norm + 1;
  const uint32_t x = packed_input(l, unit);
  uint32_t column = 0;
  for (int i = 0, n; i < 3; i += n) {
    uint64_t rows = gpu_weight_of(l, &ops[i])->rows;
    for (n = 1; i + n < 3 && front[ops[i + n].weight] == ops[i + n - 1].weight; n++)
      rows += gpu_weight_of(l, &ops[i + n])->rows;
    const sotto_weight_id w = ops[i].weight;
    for (uint32_t s = gpu_first_shard(l, w); s < gpu_first_shard(l, w + 1); s++) {
      const gpu_shard *shard = gpu_shard_of(l, s);
      add_projection(l, norm, &ops[i], s, column + (uint32_t)shard->first_row,
                     n > 1 ? rows : shard->n_rows, x, dim);
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
  lower_projections(l, unit, (n_head + 2 * n_head_kv) * head_dim);
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
static void lower_attention(gpu_lower *l, const gpu_unit *unit) {
  const sotto_op *op = last_of(l, unit);
  const uint32_t parts = l->in->buffers->parts;
  gpu_draft part = gpu_draft_attention(l, op, GPU_KERNEL_attention_part, parts, 0);
  part.step.n[2] = GPU_SPLITS;
  gpu_draft_finish(l, &part);
  gpu_draft d = gpu_draft_begin(
      l, op, unit->packs ? GPU_KERNEL_attention_merge_pack : GPU_KERNEL_attention_merge);
  gpu_bind_activations(l, &d, parts);
  gpu_bind_out(l, &d, op);
  bind_packs(l, &d, unit);
  d.step.n[0] = op->attention.n_head;
  d.step.axis = GPU_AXIS_Y;
  GPU_SET_PARAMS(&d, gpu_attention_merge_params, op->attention.n_head, op->attention.head_dim,
                 packs_of(unit));
  gpu_draft_finish(l, &d);
}

/* An operation that packs what it makes besides. */
static void lower_packing(gpu_lower *l, const gpu_unit *unit) {
  const sotto_op *op = last_of(l, unit);
  const gpu_packs packs = packs_of(unit);
  if (op->kind == SOTTO_OP_TAKE_OUTPUTS) {
    gpu_draft d = gpu_draft_take_outputs(l, op, GPU_KERNEL_take_outputs_pack, packs);
    bind_packs(l, &d, unit);
    gpu_draft_finish(l, &d);
    return;
  }
  for (uint32_t i = gpu_first_shard(l, op->weight); i < gpu_first_shard(l, op->weight + 1); i++) {
    gpu_draft d = gpu_draft_embed(l, op, GPU_KERNEL_embed_pack, i, packs);
    bind_packs(l, &d, unit);
    gpu_draft_finish(l, &d);
  }
}

static bool lower_few_op(gpu_lower *l, const gpu_unit *unit) {
  switch (last_of(l, unit)->kind) {
  case SOTTO_OP_MATMUL: lower_matvec(l, unit); return true;
  case SOTTO_OP_ATTENTION: lower_attention(l, unit); return true;
  default:
    if (unit->packs) lower_packing(l, unit);
    return unit->packs;
  }
}

bool gpu_lower_few(gpu_lower *l, const gpu_unit *unit) {
  switch (unit->kind) {
  case GPU_UNIT_OP: return lower_few_op(l, unit);
  case GPU_UNIT_MATMUL_ADD:
  case GPU_UNIT_NORM_MATMUL: lower_matvec(l, unit); break;
  case GPU_UNIT_NORM_GLU: lower_norm_glu(l, unit); break;
  case GPU_UNIT_NORM_ADD: lower_norm_add(l, unit); break;
  case GPU_UNIT_HEADS: lower_heads(l, unit); break;
  }
  return true;
}

/* Few positions are attended to by one workgroup a head: to join parts takes longer. */
bool gpu_lower_near(gpu_lower *l, const gpu_unit *unit) {
  const sotto_op *op = last_of(l, unit);
  if (op->kind != SOTTO_OP_ATTENTION) return false;
  const gpu_operands *at = gpu_operands_of(l, op);
  gpu_draft d =
      gpu_draft_attention(l, op, unit->packs ? GPU_KERNEL_attention_pack : GPU_KERNEL_attention,
                          at->out, packs_of(unit));
  bind_packs(l, &d, unit);
  gpu_draft_finish(l, &d);
  return true;
}
