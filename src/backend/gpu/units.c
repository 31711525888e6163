/* Finding units: what architectures write, operation by operation. */
#include "backend/gpu/units.h"

#include "backend/gpu/kernels.h"
#include "backend/gpu/weights.h"

/* ---- what a unit may keep to itself, and what may lie side by side ---- */

/* Whether nobody reads what operation i writes but operations up to before `end`. */
static bool stays_inside(const sotto_program *p, size_t i, size_t end) {
  const sotto_buffer_id value = p->ops[i].out;
  for (size_t k = i + 1; k < p->n_ops; k++) {
    const sotto_op *op = &p->ops[k];
    const bool reads = op->in[0] == value || op->in[1] == value;
    if (reads && k >= end) return false;
    if (op->out == value) return true;
  }
  return value != p->output;
}

static bool is_used_once(const sotto_program *p, sotto_weight_id weight) {
  size_t n = 0;
  for (size_t i = 0; i < p->n_ops; i++) n += p->ops[i].weight == weight;
  return n == 1;
}

/* Whether the matrices of two MATMULs, and their biases, can be bound as one. */
static bool can_lie_together(const sotto_program *p, const sotto_op *a, const sotto_op *b) {
  const sotto_weight *x = &p->weights[a->weight], *y = &p->weights[b->weight];
  return x->tensor->type == y->tensor->type && x->cols == y->cols && x->rows % 8 == 0 &&
         a->weight < b->weight && is_used_once(p, b->weight) && is_used_once(p, a->weight) &&
         (a->bias < 0) == (b->bias < 0) && (a->bias < 0 || a->bias < b->bias);
}

/* Whether the matrices of n MATMULs can: each with the next, and all of them in one binding. */
static bool can_all_lie_together(const sotto_program *p, const sotto_gpu_device *device,
                                 const sotto_op *ops, size_t n) {
  uint64_t rows = 0;
  for (size_t i = 0; i < n; i++) {
    if (i > 0 && !can_lie_together(p, &ops[i - 1], &ops[i])) return false;
    rows += p->weights[ops[i].weight].rows;
  }
  const sotto_weight *w = &p->weights[ops[0].weight];
  return gpu_planes_bytes(w->tensor->type, rows, w->cols, NULL) <= gpu_most_bytes_bound(device);
}

/* ---- patterns: how many operations from `i` on they take, or 0 ---- */

static const sotto_op *op_at(const sotto_program *p, size_t i, sotto_op_kind kind) {
  return i < p->n_ops && p->ops[i].kind == kind && p->ops[i].stage == p->ops[i - (i > 0)].stage
             ? &p->ops[i]
             : NULL;
}

static bool norms_rows(const sotto_program *p, const sotto_op *op) {
  return op->kind == SOTTO_OP_RMS_NORM && op->norm.width == p->buffers[op->out].dim;
}

/* What goes on from operation i - 1, whose output is added to something else. */
static size_t match_add(const sotto_program *p, size_t first, size_t i) {
  const sotto_buffer_id value = p->ops[first].out;
  const sotto_op *scale = op_at(p, i, SOTTO_OP_SCALE);
  if (scale && scale->out == value) i++;
  const sotto_op *add = op_at(p, i, SOTTO_OP_ADD);
  if (!add || (add->in[0] == value) == (add->in[1] == value)) return 0;
  const bool overwritten = add->out == value;
  return overwritten || stays_inside(p, i - 1, i + 1) ? i + 1 - first : 0;
}

static size_t match_matmul_add(const sotto_program *p, size_t i) {
  return p->ops[i].kind == SOTTO_OP_MATMUL ? match_add(p, i, i + 1) : 0;
}

static size_t match_norm_add(const sotto_program *p, size_t i) {
  return norms_rows(p, &p->ops[i]) ? match_add(p, i, i + 1) : 0;
}

static size_t match_norm_matmul(const sotto_program *p, size_t i) {
  const sotto_op *norm = &p->ops[i], *matmul = op_at(p, i + 1, SOTTO_OP_MATMUL);
  const bool found =
      norms_rows(p, norm) && matmul && matmul->in[0] == norm->out && stays_inside(p, i, i + 2);
  return found ? 2 : 0;
}

/* The norm, and n MATMULs of it. */
static bool match_norm_matmuls(const sotto_program *p, size_t i, size_t n) {
  const sotto_op *norm = &p->ops[i];
  if (!norms_rows(p, norm)) return false;
  for (size_t k = 1; k <= n; k++) {
    const sotto_op *matmul = op_at(p, i + k, SOTTO_OP_MATMUL);
    if (!matmul || matmul->in[0] != norm->out || matmul->out == norm->out) return false;
  }
  return stays_inside(p, i, i + 1 + n);
}

static size_t match_norm_glu(const sotto_program *p, const sotto_gpu_device *device, size_t i) {
  if (!match_norm_matmuls(p, i, 2)) return 0;
  const sotto_op *gate = &p->ops[i + 1], *up = &p->ops[i + 2], *glu = op_at(p, i + 3, SOTTO_OP_GLU);
  const bool found = glu && glu->in[0] == gate->out && glu->in[1] == up->out &&
                     (glu->out == gate->out || stays_inside(p, i + 1, i + 4)) &&
                     (glu->out == up->out || stays_inside(p, i + 2, i + 4)) &&
                     can_all_lie_together(p, device, gate, 2);
  return found ? 4 : 0;
}

/* Operations on queries and the same on keys, in place. */
static bool match_pair(const sotto_program *p, size_t i, sotto_op_kind kind, sotto_buffer_id q,
                       sotto_buffer_id k) {
  const sotto_op *a = op_at(p, i, kind), *b = op_at(p, i + 1, kind);
  return a && b && a->in[0] == q && a->out == q && b->in[0] == k && b->out == k;
}

static size_t match_heads(const sotto_program *p, size_t i) {
  if (!match_norm_matmuls(p, i, 3)) return 0;
  const sotto_buffer_id q = p->ops[i + 1].out, k = p->ops[i + 2].out, v = p->ops[i + 3].out;
  size_t at = i + 4;
  const sotto_op *norms = NULL, *ropes = NULL;
  if (match_pair(p, at, SOTTO_OP_RMS_NORM, q, k)) {
    norms = &p->ops[at];
    at += 2;
  }
  if (match_pair(p, at, SOTTO_OP_ROPE, q, k)) {
    ropes = &p->ops[at];
    at += 2;
  }
  const sotto_op *write = op_at(p, at, SOTTO_OP_KV_WRITE);
  if (!write || write->in[0] != k || write->in[1] != v) return 0;
  const uint32_t head_dim = write->attention.head_dim;
  const bool alike =
      p->buffers[q].dim % head_dim == 0 &&
      (!norms || (norms[0].norm.width == head_dim && norms[1].norm.width == head_dim &&
                  norms[0].norm.eps == norms[1].norm.eps)) &&
      (!ropes || (ropes[0].rope.table == ropes[1].rope.table &&
                  ropes[0].rope.head_dim == head_dim && ropes[1].rope.head_dim == head_dim));
  const size_t last_of_k = norms || ropes ? at - 1 : i + 2;
  const bool inside = stays_inside(p, last_of_k, at + 1) && stays_inside(p, i + 3, at + 1);
  return alike && inside ? at + 1 - i : 0;
}

static gpu_unit unit_at(const sotto_program *p, const sotto_gpu_device *device, size_t i) {
  const struct {
    gpu_unit_kind kind;
    size_t n;
  } found[] = {
      {GPU_UNIT_HEADS, match_heads(p, i)},
      {GPU_UNIT_NORM_GLU, match_norm_glu(p, device, i)},
      {GPU_UNIT_NORM_MATMUL, match_norm_matmul(p, i)},
      {GPU_UNIT_NORM_ADD, match_norm_add(p, i)},
      {GPU_UNIT_MATMUL_ADD, match_matmul_add(p, i)},
  };
  for (size_t k = 0; k < sizeof found / sizeof *found; k++)
    if (found[k].n) return (gpu_unit){found[k].kind, i, found[k].n, .norm = SOTTO_NONE};
  return (gpu_unit){GPU_UNIT_OP, i, 1, .norm = SOTTO_NONE};
}

/* ---- packed activations ---- */

const sotto_op *gpu_unit_with_products(const sotto_program *p, const gpu_unit *unit) {
  return gpu_unit_op(p, unit, SOTTO_OP_MATMUL, 0) ? &p->ops[unit->first] : NULL;
}

/* The unit that has made the input of unit n. */
static gpu_unit *maker_of(const gpu_units *u, const sotto_program *p, size_t n) {
  const sotto_buffer_id value = p->ops[u->units[n].first].in[0];
  while (n-- > 0) {
    const gpu_unit *unit = &u->units[n];
    for (size_t i = unit->first + unit->n; i-- > unit->first;)
      if (p->ops[i].out == value) return i == unit->first + unit->n - 1 ? &u->units[n] : NULL;
  }
  return NULL;
}

/* Whether a unit's kernels can pack what it makes: a workgroup has whole blocks of it. */
static bool can_pack(const sotto_program *p, const sotto_gpu_device *device, const gpu_unit *unit) {
  const sotto_op *op = &p->ops[unit->first], *matmul = gpu_unit_op(p, unit, SOTTO_OP_MATMUL, 0);
  if (p->buffers[op[unit->n - 1].out].dim % (2 * GPU_BLOCK)) return false;
  if (op->kind == SOTTO_OP_ATTENTION) return op->attention.head_dim % GPU_BLOCK == 0;
  if (op->kind == SOTTO_OP_EMBED) return op->embed.row == SOTTO_ROW_OF_TOKEN;
  if (op->kind == SOTTO_OP_TAKE_OUTPUTS) return true;
  const sotto_weight *w = matmul ? &p->weights[matmul->weight] : NULL;
  return w && gpu_planes_bytes(w->tensor->type, w->rows, w->cols, NULL) <=
                  gpu_most_bytes_bound(device); /* in one shard */
}

/* Has the unit that makes the input of unit n pack it, where it can and nobody else has it do so
 * otherwise. */
static void find_packer(gpu_units *u, const sotto_program *p, const sotto_gpu_device *device,
                        size_t n) {
  gpu_unit *unit = &u->units[n];
  const sotto_op *op = gpu_unit_with_products(p, unit);
  gpu_unit *maker = op ? maker_of(u, p, n) : NULL;
  if (!maker || !can_pack(p, device, maker)) return;
  const sotto_weight_id norm = op->kind == SOTTO_OP_RMS_NORM ? op->weight : SOTTO_NONE;
  if (maker->packs && maker->norm != norm) return;
  unit->given = maker->packs = true;
  maker->norm = norm;
}

/* ---- all of them ---- */

static void lay_together(gpu_units *u, const sotto_op *a, const sotto_op *b) {
  u->front[b->weight] = a->weight;
  if (b->bias >= 0) u->front[b->bias] = a->bias;
}

/* What a unit's dispatches multiply with at once: keys with queries, and values where they can. */
static void lay_unit(gpu_units *u, const sotto_program *p, const sotto_gpu_device *device,
                     const gpu_unit *unit) {
  const sotto_op *matmuls = &p->ops[unit->first + 1];
  if (unit->kind == GPU_UNIT_NORM_GLU) {
    lay_together(u, &matmuls[0], &matmuls[1]);
  } else if (unit->kind == GPU_UNIT_HEADS) {
    size_t n = 3;
    while (n > 1 && !can_all_lie_together(p, device, matmuls, n)) n--;
    for (size_t i = 1; i < n; i++) lay_together(u, &matmuls[i - 1], &matmuls[i]);
    if (n == 1 && can_all_lie_together(p, device, matmuls + 1, 2))
      lay_together(u, &matmuls[1], &matmuls[2]);
  }
}

sotto_status gpu_units_init(const sotto_program *p, const sotto_gpu_device *device,
                            gpu_units *out) {
  *out = (gpu_units){.ctx = p->ctx, .cap = p->n_ops, .n_weights = p->n_weights};
  out->units = sotto_alloc(p->ctx, out->cap * sizeof *out->units);
  out->front = sotto_alloc(p->ctx, out->n_weights * sizeof *out->front);
  if (!out->units || (out->n_weights && !out->front)) {
    gpu_units_free(out);
    return SOTTO_ERR_OUT_OF_MEMORY;
  }
  for (size_t i = 0; i < p->n_weights; i++) out->front[i] = SOTTO_NONE;
  for (size_t i = 0; i < p->n_ops; i += out->units[out->n++].n) {
    out->units[out->n] = unit_at(p, device, i);
    lay_unit(out, p, device, &out->units[out->n]);
  }
  for (size_t i = 0; i < out->n; i++) find_packer(out, p, device, i);
  return SOTTO_OK;
}

void gpu_units_free(gpu_units *u) {
  if (!u->ctx) return;
  sotto_free(u->ctx, u->units, u->cap * sizeof *u->units);
  sotto_free(u->ctx, u->front, u->n_weights * sizeof *u->front);
  *u = (gpu_units){0};
}

bool gpu_takes_packed(const sotto_program *p, const sotto_op *op) {
  return op->kind == SOTTO_OP_MATMUL &&
         sotto_dtype_block_weights(p->weights[op->weight].tensor->type) > 1;
}

const sotto_op *gpu_unit_op(const sotto_program *p, const gpu_unit *unit, sotto_op_kind kind,
                            size_t nth) {
  for (size_t i = unit->first; i < unit->first + unit->n; i++)
    if (p->ops[i].kind == kind && nth-- == 0) return &p->ops[i];
  return NULL;
}
