/* Which values are needed how long, and a walk that gives each a buffer. */
#include "backend/gpu/buffers.h"

#include "backend/gpu/kernels.h"
#include "backend/gpu/stream.h"

enum {
  MOST_OPS = 9, /* of a unit, whose values stay until it ends */
};

/* While the walk is at an operation. */
typedef struct walk {
  const sotto_program *program;
  const sotto_backend_config *config;
  gpu_buffers *buffers;
  bool *dies; /* [n_ops][3] the value of in[0], in[1], out is not needed behind the operation */
  uint32_t *current;  /* [program's buffers] that holds its value, or GPU_NONE */
  uint32_t *packed;   /* [program's buffers] that holds it packed, or GPU_NONE */
  bool *taken, *held; /* [cap] of the GPU's buffers; until the unit ends */
  bool *for_packed;   /* [cap] */
} walk;

/* Backwards: what is read later and not written before that. */
static void find_deaths(const walk *w, bool *needed) {
  const sotto_program *p = w->program;
  memset(needed, 0, p->n_buffers);
  needed[p->output] = true;
  for (size_t i = p->n_ops; i-- > 0;) {
    const sotto_op *op = &p->ops[i];
    bool *dies = &w->dies[3 * i];
    dies[2] = op->out >= 0 && !needed[op->out];
    if (op->out >= 0) needed[op->out] = false;
    for (int k = 0; k < 2; k++) dies[k] = op->in[k] >= 0 && !needed[op->in[k]];
    for (int k = 0; k < 2; k++)
      if (op->in[k] >= 0) needed[op->in[k]] = true;
  }
}

/* A free buffer: the smallest that is large enough, or the largest, which grows. Packed activations
 * are of a few rows, and have buffers of their own. */
static uint32_t find_room(walk *w, uint64_t bytes, bool for_packed) {
  gpu_buffers *b = w->buffers;
  uint32_t best = GPU_NONE;
  for (uint32_t i = 0; i < b->n; i++) {
    if (w->taken[i] || w->for_packed[i] != for_packed) continue;
    const bool fits = b->sizes[i] >= bytes;
    if (best == GPU_NONE || (fits && (b->sizes[best] < bytes || b->sizes[i] < b->sizes[best])) ||
        (!fits && b->sizes[best] < bytes && b->sizes[i] > b->sizes[best]))
      best = i;
  }
  if (best == GPU_NONE) best = b->n++;
  w->for_packed[best] = for_packed;
  if (b->sizes[best] < bytes) b->sizes[best] = bytes;
  w->taken[best] = true;
  return best;
}

static void release(walk *w, sotto_buffer_id id) {
  if (w->current[id] != GPU_NONE) w->held[w->current[id]] = true;
  if (w->packed[id] != GPU_NONE) w->held[w->packed[id]] = true;
  w->current[id] = w->packed[id] = GPU_NONE;
}

static void end_unit(walk *w) {
  for (uint32_t i = 0; i < w->buffers->n; i++)
    if (w->held[i]) w->taken[i] = w->held[i] = false;
}

/* Kernels that take several rows together take whole groups of them. */
static uint64_t whole_groups(uint64_t n_rows) {
  return (n_rows + GPU_MATVEC_COLUMNS - 1) / GPU_MATVEC_COLUMNS * GPU_MATVEC_COLUMNS;
}

static uint64_t rows_of(const walk *w, const sotto_buffer *b) {
  return whole_groups(sotto_buffer_rows(b, w->config->n_batch, w->config->n_outputs));
}

static uint64_t bytes_of(const walk *w, sotto_buffer_id id) {
  const sotto_buffer *b = &w->program->buffers[id];
  return rows_of(w, b) * b->dim * sizeof(float);
}

/* Rows of what only kernels for a few rows have. */
static uint64_t few_rows(const walk *w) {
  const uint64_t all = whole_groups(w->config->n_batch);
  return all < GPU_MANY_ROWS ? all : GPU_MANY_ROWS;
}

static void assign_op(walk *w, size_t i, bool packs) {
  const sotto_op *op = &w->program->ops[i];
  const bool *dies = &w->dies[3 * i];
  gpu_operands *at = &w->buffers->operands[i];
  for (int k = 0; k < 2; k++) at->in[k] = op->in[k] >= 0 ? w->current[op->in[k]] : GPU_NONE;
  at->given = op->in[0] >= 0 ? w->packed[op->in[0]] : GPU_NONE;
  at->out = op->out >= 0 ? find_room(w, bytes_of(w, op->out), false) : GPU_NONE;
  at->packs = GPU_NONE;
  for (int k = 0; k < 2; k++)
    if (op->in[k] >= 0 && (dies[k] || op->in[k] == op->out)) release(w, op->in[k]);
  if (op->out < 0) return;
  release(w, op->out); /* a value that nobody has read */
  w->current[op->out] = at->out;
  if (packs)
    at->packs =
        find_room(w, few_rows(w) * gpu_packed_bytes(w->program->buffers[op->out].dim), true);
  w->packed[op->out] = at->packs;
  if (dies[2]) release(w, op->out);
}

static void assign(walk *w, const gpu_units *units) {
  for (size_t i = 0; i < units->n; i++) {
    const gpu_unit *unit = &units->units[i];
    const size_t end = unit->first + unit->n;
    for (size_t k = unit->first; k < end; k++) assign_op(w, k, unit->packs && k + 1 == end);
    end_unit(w);
  }
  w->buffers->output = w->current[w->program->output];
}

static uint32_t add_buffer(gpu_buffers *b, uint64_t bytes) {
  if (bytes == 0) return GPU_NONE;
  b->sizes[b->n] = bytes;
  return b->n++;
}

/* The largest input, packed, of a product that takes it so. */
static uint64_t bytes_of_products(const walk *w) {
  const sotto_program *p = w->program;
  uint64_t most = 0;
  for (size_t i = 0; i < p->n_ops; i++) {
    if (!gpu_takes_packed(p, &p->ops[i])) continue;
    const sotto_buffer *b = &p->buffers[p->ops[i].in[0]];
    const uint64_t bytes = rows_of(w, b) * gpu_packed_bytes(b->dim);
    if (bytes > most) most = bytes;
  }
  return most;
}

static void add_scratch(const walk *w, const gpu_units *units) {
  const sotto_program *p = w->program;
  const uint64_t rows = few_rows(w);
  uint64_t wide = 0, parts = 0, packed = bytes_of_products(w);
  for (size_t i = 0; i < units->n; i++) {
    const gpu_unit *unit = &units->units[i];
    uint64_t dim = 0;
    if (unit->kind == GPU_UNIT_HEADS)
      for (size_t k = 0; k < 3; k++) dim += p->buffers[p->ops[unit->first + 1 + k].out].dim;
    if (dim > wide) wide = dim;
    const sotto_op *first = gpu_unit_with_products(p, unit);
    const uint64_t bytes = first ? rows * gpu_packed_bytes(p->buffers[first->in[0]].dim) : 0;
    if (!unit->given && bytes > packed) packed = bytes;
    const sotto_op *attention = gpu_unit_op(p, unit, SOTTO_OP_ATTENTION, 0);
    if (!attention) continue;
    const uint64_t fours = attention->attention.head_dim / 4 + 1,
                   n = 4 * fours * GPU_SPLITS * attention->attention.n_head;
    if (n > parts) parts = n;
  }
  w->buffers->wide = add_buffer(w->buffers, wide * rows * sizeof(float));
  w->buffers->parts = add_buffer(w->buffers, parts * rows * sizeof(float));
  w->buffers->packed = add_buffer(w->buffers, packed);
}

sotto_status gpu_buffers_init(const sotto_program *p, const gpu_units *units,
                              const sotto_backend_config *config, gpu_buffers *out) {
  sotto_ctx *ctx = p->ctx;
  const uint32_t cap = 2 * ((uint32_t)p->n_buffers + MOST_OPS) + 3;
  *out = (gpu_buffers){.ctx = ctx, .n_ops = p->n_ops, .cap = cap};
  walk w = {.program = p, .config = config, .buffers = out};
  const size_t n = p->n_buffers;
  bool *needed = sotto_alloc(ctx, n);
  w.dies = sotto_alloc(ctx, 3 * p->n_ops);
  w.current = sotto_alloc(ctx, n * sizeof *w.current);
  w.packed = sotto_alloc(ctx, n * sizeof *w.packed);
  w.taken = sotto_alloc_zero(ctx, cap);
  w.held = sotto_alloc_zero(ctx, cap);
  w.for_packed = sotto_alloc_zero(ctx, cap);
  out->operands = sotto_alloc(ctx, p->n_ops * sizeof *out->operands);
  out->sizes = sotto_alloc_zero(ctx, cap * sizeof *out->sizes);
  const bool ok = needed && w.dies && w.current && w.packed && w.taken && w.held && w.for_packed &&
                  out->operands && out->sizes;
  if (ok) {
    for (size_t i = 0; i < n; i++) w.current[i] = w.packed[i] = GPU_NONE;
    find_deaths(&w, needed);
    assign(&w, units);
    add_scratch(&w, units);
  }
  sotto_free(ctx, needed, n);
  sotto_free(ctx, w.dies, 3 * p->n_ops);
  sotto_free(ctx, w.current, n * sizeof *w.current);
  sotto_free(ctx, w.packed, n * sizeof *w.packed);
  sotto_free(ctx, w.taken, cap);
  sotto_free(ctx, w.held, cap);
  sotto_free(ctx, w.for_packed, cap);
  if (ok) return SOTTO_OK;
  gpu_buffers_free(out);
  return SOTTO_ERR_OUT_OF_MEMORY;
}

void gpu_buffers_free(gpu_buffers *b) {
  if (!b->ctx) return;
  sotto_free(b->ctx, b->operands, b->n_ops * sizeof *b->operands);
  sotto_free(b->ctx, b->sizes, b->cap * sizeof *b->sizes);
  *b = (gpu_buffers){0};
}

uint64_t gpu_buffers_bytes(const gpu_buffers *b) {
  uint64_t total = 0;
  for (uint32_t i = 0; i < b->n; i++) total += b->sizes[i];
  return total;
}

uint64_t gpu_buffers_largest(const gpu_buffers *b) {
  uint64_t largest = 0;
  for (uint32_t i = 0; i < b->n; i++)
    if (b->sizes[i] > largest) largest = b->sizes[i];
  return largest;
}
