#include "backend/cpu/experts.h"

#include "backend/cpu/cpu.h"
#include "kernels/math.h"

/* Groups of activations that n rows of one expert take. */
static uint64_t n_groups(uint64_t n) {
  return n / 4 + n % 4;
}

cpu_experts_sizes cpu_experts_measure(const sotto_program *p, const sotto_backend_config *config) {
  cpu_experts_sizes sizes = {0};
  for (size_t i = 0; i < p->n_ops; i++) {
    const sotto_op *op = &p->ops[i];
    if (op->kind != SOTTO_OP_MATMUL_EXPERTS) continue;
    const sotto_weight *w = &p->weights[op->weight];
    const uint64_t rows = sotto_buffer_rows(&p->buffers[op->out], config->n_part, 0);
    const uint64_t n_experts = w->rows / p->buffers[op->out].dim,
                   blocks = w->cols / SOTTO_ACT_BLOCK;
    const uint64_t groups = rows / 4 + 3 * n_experts;
    sizes.rows = larger(sizes.rows, rows);
    sizes.n_experts = larger(sizes.n_experts, n_experts);
    if (takes_act(p, op)) {
      const uint64_t most = groups < rows ? groups : rows;
      sizes.act_bytes = larger(sizes.act_bytes, most * blocks * SOTTO_ACT_GROUP_BYTES);
      sizes.act_blocks = larger(sizes.act_blocks, rows * blocks);
    } else if (p->buffers[op->in[0]].n_used == 0) {
      sizes.inputs = larger(sizes.inputs, rows * w->cols);
    }
  }
  return sizes;
}

uint64_t cpu_experts_index_bytes(const cpu_experts_sizes *sizes) {
  return (3 * sizes->rows + 3 * sizes->n_experts + 1) * sizeof(uint32_t);
}

void cpu_experts_lay_out(cpu_experts *experts, const cpu_experts_sizes *sizes, uint32_t *indices) {
  experts->row_of = indices;
  experts->token_of = experts->row_of + sizes->rows;
  experts->active_of = experts->token_of + sizes->rows;
  experts->ids = experts->active_of + sizes->rows;
  experts->groups = experts->ids + sizes->n_experts;
  experts->first = experts->groups + sizes->n_experts;
}

/* ---- which experts ---- */

/* The best expert behind `last`, the better ones having been chosen; NONE: the best of all. Beside
 * NaN there may be none: `fallback`. */
#define NONE UINT32_MAX
static uint32_t next_best(const float *logits, uint32_t n, uint32_t last, uint32_t fallback) {
  uint32_t best = NONE;
  for (uint32_t e = 0; e < n; e++) {
    const bool is_behind =
        last == NONE || logits[e] < logits[last] || (logits[e] == logits[last] && e > last);
    if (is_behind && (best == NONE || logits[e] > logits[best])) best = e;
  }
  return best == NONE ? fallback : best;
}

/* routes[2 * n_used] of one token. Sums of weights begin at +0: of all experts in the order of
 * their indices, then of the chosen in that of their logits. */
static void choose(const sotto_op *op, const float *logits, uint32_t n_experts, float *routes) {
  const uint32_t n_used = op->route.n_used;
  float *weights = routes + n_used, sum = 0.0f;
  uint32_t last = NONE;
  for (uint32_t i = 0; i < n_used; i++) {
    last = next_best(logits, n_experts, last, i);
    routes[i] = (float)last;
  }
  const float max = logits[(uint32_t)routes[0]];
  for (uint32_t e = 0; e < n_experts; e++) sum = sum + sotto_expf(logits[e] - max);
  for (uint32_t i = 0; i < n_used; i++)
    weights[i] = sotto_expf(logits[(uint32_t)routes[i]] - max) / sum;
  if (!op->route.normalise) return;
  sum = 0.0f;
  for (uint32_t i = 0; i < n_used; i++) sum = sum + weights[i];
  for (uint32_t i = 0; i < n_used; i++) weights[i] = weights[i] / sum;
}

/* Counting sort. Until the end `first` has the counts, then the next row, of every expert. */
static void sort_rows(cpu_experts *x, const float *routes, uint32_t n_tokens, uint32_t n_used,
                      uint32_t n_experts) {
  uint32_t row = 0, groups = 0;
  memset(x->first, 0, n_experts * sizeof *x->first);
  for (uint32_t t = 0; t < n_tokens; t++)
    for (uint32_t i = 0; i < n_used; i++) x->first[(uint32_t)routes[2 * n_used * t + i]]++;
  x->n_active = 0;
  for (uint32_t e = 0; e < n_experts; e++) {
    const uint32_t n = x->first[e];
    x->first[e] = row;
    if (n == 0) continue;
    x->ids[x->n_active] = e;
    x->groups[x->n_active] = groups;
    for (uint32_t i = 0; i < n; i++) x->active_of[row + i] = x->n_active;
    x->n_active++;
    row += n;
    groups += (uint32_t)n_groups(n);
  }
  for (uint32_t t = 0; t < n_tokens; t++)
    for (uint32_t i = 0; i < n_used; i++) {
      const uint32_t at = x->first[(uint32_t)routes[2 * n_used * t + i]]++;
      x->row_of[n_used * t + i] = at;
      x->token_of[at] = t;
    }
  for (uint32_t r = row; r-- > 0;) x->first[x->active_of[r]] = r;
  x->first[x->n_active] = row;
}

void cpu_experts_route(cpu_backend *b, const sotto_op *op) {
  const uint32_t n_experts = b->program->buffers[op->in[0]].dim;
  for (uint32_t t = 0; t < b->part.n_tokens; t++)
    choose(op, buffer_row(b, op->in[0], t), n_experts, buffer_row(b, op->out, t));
  sort_rows(&b->experts, buffer_row(b, op->out, 0), b->part.n_tokens, op->route.n_used, n_experts);
}

/* ---- multiplication ---- */

static uint32_t n_rows(const cpu_experts *x, uint32_t active) {
  return x->first[active + 1] - x->first[active];
}

/* Where the activations of an expert's rows are, each of k values. */
static sotto_act act_of(const cpu_backend *b, uint32_t active, uint64_t k) {
  const cpu_experts *x = &b->experts;
  const size_t blocks = (size_t)k / SOTTO_ACT_BLOCK, first = x->first[active] * blocks;
  return (sotto_act){
      .q = (char *)b->act.q + x->groups[active] * blocks * SOTTO_ACT_GROUP_BYTES,
      .scale = b->act.scale + first,
      .sum = b->act.sum + first,
      .wide = b->act.wide,
      .n_tokens = n_rows(x, active),
  };
}

void cpu_experts_gather(const cpu_backend *b, const sotto_op *op, uint64_t row) {
  const cpu_experts *x = &b->experts;
  const sotto_buffer *in = &b->program->buffers[op->in[0]];
  const float *values = buffer_row(b, op->in[0], in->n_used ? row : x->token_of[row]);
  if (!takes_act(b->program, op)) {
    memcpy(x->inputs + row * in->dim, values, in->dim * sizeof *values);
    return;
  }
  const uint32_t active = x->active_of[row];
  const sotto_act act = act_of(b, active, in->dim);
  b->act_kernels->quantize_act(values, in->dim, &act, (size_t)row - x->first[active]);
}

static uint64_t tile_rows(const cpu_backend *b, const sotto_op *op) {
  return b->program->buffers[op->out].dim / SOTTO_TILE_ROWS;
}

uint64_t cpu_experts_units(const cpu_backend *b, const cpu_step *step) {
  uint64_t units = 0;
  for (uint32_t i = 0; i < step->n_ops; i++)
    units += b->experts.n_active * tile_rows(b, &step->op[i]);
  return units;
}

uint64_t cpu_experts_mean_rows(const cpu_backend *b) {
  const cpu_experts *x = &b->experts;
  return (x->first[x->n_active] + x->n_active / 2) / x->n_active;
}

uint64_t cpu_experts_most_rows(const cpu_backend *b) {
  uint64_t most = 0;
  for (uint32_t a = 0; a < b->experts.n_active; a++) most = larger(most, n_rows(&b->experts, a));
  return most;
}

typedef void part_fn(const cpu_backend *b, const sotto_op *op, uint32_t active, uint64_t first,
                     uint64_t last, void *user);

/* Calls part for each operation's and each expert's tile rows among units [first, last). */
static void each_part(const cpu_backend *b, const cpu_step *step, uint64_t first, uint64_t last,
                      part_fn *part, void *user) {
  uint64_t begin = 0; /* of the expert's tile rows in the step's units */
  for (uint32_t i = 0; i < step->n_ops; i++) {
    const uint64_t n = tile_rows(b, &step->op[i]);
    for (uint32_t a = 0; a < b->experts.n_active && begin < last; a++, begin += n) {
      if (begin + n <= first) continue;
      const uint64_t from = first > begin ? first - begin : 0;
      part(b, &step->op[i], a, from, last - begin < n ? last - begin : n, user);
    }
  }
}

static void add_macs(const cpu_backend *b, const sotto_op *op, uint32_t active, uint64_t first,
                     uint64_t last, void *user) {
  const double rows = (double)((last - first) * SOTTO_TILE_ROWS * n_rows(&b->experts, active));
  *(double *)user += rows * (double)b->program->weights[op->weight].cols;
}

double cpu_experts_macs(const cpu_backend *b, const cpu_step *step, uint64_t first, uint64_t last) {
  double macs = 0;
  each_part(b, step, first, last, add_macs, &macs);
  return macs;
}

static void multiply(const cpu_backend *b, const sotto_op *op, uint32_t active, uint64_t first,
                     uint64_t last, void *user) {
  (void)user;
  const cpu_experts *x = &b->experts;
  const sotto_weight *w = &b->program->weights[op->weight];
  const sotto_dtype type = w->tensor->type;
  const uint64_t expert =
      x->ids[active] * tile_rows(b, op) * sotto_packed_tile_row_bytes(type, w->cols);
  const bool quantised = takes_act(b->program, op);
  const sotto_act act = quantised ? act_of(b, active, w->cols) : (sotto_act){0};
  const bool gathered = b->program->buffers[op->in[0]].n_used == 0;
  const float *inputs = gathered ? x->inputs : buffer_row(b, op->in[0], 0);
  const sotto_gemm gemm = {
      .y = buffer_row(b, op->out, x->first[active]),
      .y_stride = b->program->buffers[op->out].dim,
      .w = (const char *)b->weights.placements[op->weight].dst + expert,
      .x = inputs + x->first[active] * w->cols,
      .x_stride = (size_t)w->cols,
      .act = &act,
      .row0 = (size_t)(first * SOTTO_TILE_ROWS),
      .row1 = (size_t)(last * SOTTO_TILE_ROWS),
      .k = (size_t)w->cols,
      .n_tokens = n_rows(x, active),
      .n_streams = quantised ? b->n_streams : b->float_streams,
  };
  sotto_kernels_gemm(quantised ? b->act_kernels : first_kernels(b), type)(&gemm);
}

void cpu_experts_run(const cpu_backend *b, const cpu_step *step, uint64_t first, uint64_t last) {
  each_part(b, step, first, last, multiply, NULL);
}

void cpu_experts_combine(const cpu_backend *b, const sotto_op *op, uint64_t t) {
  const uint32_t n_used = b->program->buffers[op->in[0]].n_used;
  const uint32_t dim = b->program->buffers[op->out].dim;
  const uint32_t *rows = b->experts.row_of + t * n_used;
  const float *weights = buffer_row(b, op->in[1], t) + n_used;
  float *out = buffer_row(b, op->out, t);
  for (uint32_t e = 0; e < n_used; e++) {
    const float *x = buffer_row(b, op->in[0], rows[e]), weight = weights[e];
    for (uint32_t i = 0; i < dim; i++) out[i] = e == 0 ? weight * x[i] : out[i] + weight * x[i];
  }
}
