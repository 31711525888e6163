/* The CPU's steps: which rows each kernel call gets. Attention and the cache are attention.c's,
 * convolutions conv.c's, experts experts.c's. */
#include "backend/cpu/attention.h"
#include "backend/cpu/conv.h"
#include "kernels/math.h"

#include "backend/cpu/pool.h"

/* Multiply-adds of a thread between two looks at the clock: 2 to 20 ms on the machines this is
 * for. */
#define SLICE_MACS (64u << 20)
/* Elementwise steps of fewer values stay on the caller's thread: a meeting of threads costs
 * more. */
#define SERIAL_VALUES 16384
/* Tasks per thread: so many that a slower thread can take fewer; but none that is over in less
 * than about 25 microseconds, as each costs a dispute over who takes it and a new place in
 * memory. */
#define TASKS_PER_THREAD 4
#define TASK_MACS        1500000
#define ATTENTION_FACTOR 4 /* attention takes longer for a multiply-add */

bool cpu_step_is_by_row(const cpu_step *step) {
  switch (step->kind) {
  case CPU_MATMUL:
  case CPU_ATTENTION:
  case CPU_SHORT_CONV:
  case CPU_ROUTE:
  case CPU_MATMUL_EXPERTS: return false;
  default: return true;
  }
}

/* The buffer whose rows are a step's; NULL: the tokens are. */
static const sotto_buffer *rows_of(const sotto_program *p, const cpu_step *step) {
  const sotto_buffer_id id = step->kind == CPU_QUANTIZE ? step->op->in[0] : step->op->out;
  return id >= 0 ? &p->buffers[id] : NULL;
}

bool cpu_step_is_per_output(const sotto_program *p, const cpu_step *step) {
  const sotto_buffer *rows = rows_of(p, step);
  return rows && rows->per_output;
}

bool cpu_steps_have_same_rows(const sotto_program *p, const cpu_step *a, const cpu_step *b) {
  static const sotto_buffer tokens;
  const sotto_buffer *x = rows_of(p, a), *y = rows_of(p, b);
  if (!x) x = &tokens;
  if (!y) y = &tokens;
  return x->per_output == y->per_output && x->n_used == y->n_used;
}

bool cpu_step_makes_act(const sotto_program *p, const cpu_step *step) {
  return step->kind == CPU_QUANTIZE || (step->kind == CPU_GATHER && takes_act(p, step->op));
}

static uint32_t step_rows(const cpu_backend *b, const cpu_step *step) {
  const sotto_buffer *rows = rows_of(b->program, step);
  if (!rows) return b->part.n_tokens;
  return (uint32_t)sotto_buffer_rows(rows, b->part.n_tokens, b->part.n_outputs);
}

static uint64_t tile_rows(const cpu_backend *b, const sotto_op *op) {
  return (b->program->weights[op->weight].rows + SOTTO_TILE_ROWS - 1) / SOTTO_TILE_ROWS;
}

uint64_t cpu_step_units(const cpu_backend *b, const cpu_step *step) {
  uint64_t units = step_rows(b, step);
  if (step->kind == CPU_ATTENTION) return cpu_attention_units(b, step->op);
  if (step->kind == CPU_SHORT_CONV) return cpu_conv_units(b, step->op);
  if (step->kind == CPU_MATMUL_EXPERTS) return cpu_experts_units(b, step);
  if (step->kind == CPU_ROUTE) return 1;
  if (step->kind != CPU_MATMUL || units == 0) return units;
  units = 0;
  for (uint32_t i = 0; i < step->n_ops; i++) units += tile_rows(b, &step->op[i]);
  return units;
}

uint64_t cpu_unit_macs(const cpu_backend *b, const cpu_step *step) {
  if (step->kind == CPU_ATTENTION) return cpu_attention_unit_macs(b, step->op);
  if (step->kind == CPU_SHORT_CONV) return cpu_conv_unit_macs(b, step->op);
  if (step->kind != CPU_MATMUL && step->kind != CPU_MATMUL_EXPERTS) return 0;
  const uint64_t rows = step->kind == CPU_MATMUL ? step_rows(b, step) : cpu_experts_most_rows(b);
  return SOTTO_TILE_ROWS * b->program->weights[step->op->weight].cols * rows;
}

uint64_t cpu_step_slice(const cpu_backend *b, const cpu_step *step) {
  const uint64_t budget = (uint64_t)SLICE_MACS * active_threads(b), macs = cpu_unit_macs(b, step);
  if (macs == 0) return UINT32_MAX;
  return macs < budget ? budget / macs : 1;
}

void cpu_choose_kernels(cpu_backend *b, const cpu_step *step) {
  cpu_matmul_kind *kind = &b->matmuls[step->matmul_kind];
  const uint64_t rows = kind->experts ? cpu_experts_mean_rows(b) : step_rows(b, step);
  cpu_choice *choice = rows < CPU_MANY_TOKENS ? &kind->few : &kind->many;
  const cpu_candidate *chosen = cpu_choice_next(choice);
  if (choice->round == CPU_CHOICE_SETTLED) choice = NULL;
  if (!cpu_step_makes_act(b->program, step)) {
    b->float_streams = chosen->n_streams;
    b->float_choice = choice;
    return;
  }
  b->act_kernels = chosen->kernels;
  b->n_streams = chosen->n_streams;
  b->choice = choice;
  b->act.wide = kind->wide;
  b->act.n_tokens = step_rows(b, step);
}

static void *weight(const cpu_backend *b, sotto_weight_id id) {
  return b->weights.placements[id].dst;
}

void cpu_prepare_batch(cpu_backend *b) {
  const uint32_t stride = b->rope_stride;
  float *cos_sin = b->cos_sin;
  for (size_t i = 0; i < b->program->n_ropes; i++) {
    const sotto_rope *rope = &b->program->ropes[i];
    const sotto_weight_id factors = sotto_rope_factors(rope, b->config.n_ctx);
    sotto_rope_frequencies(rope, factors >= 0 ? weight(b, factors) : NULL, b->frequencies);
    for (uint32_t t = 0; t < b->batch->n_tokens; t++)
      sotto_rope_table(rope, b->frequencies, b->batch->positions[t], cos_sin + (size_t)t * stride);
    cos_sin += (size_t)b->config.n_batch * stride;
  }
}

static const float *rope_table(const cpu_backend *b, const sotto_op *op, uint64_t t) {
  const size_t row = (size_t)op->rope.table * b->config.n_batch + b->part_first + (size_t)t;
  return b->cos_sin + row * b->rope_stride;
}

/* Tile rows [first, last) of one matmul. */
static void matmul(const cpu_backend *b, const cpu_step *step, const sotto_op *op, uint64_t first,
                   uint64_t last) {
  const sotto_weight *w = &b->program->weights[op->weight];
  const sotto_dtype type = w->tensor->type;
  const bool quantised = takes_act(b->program, op);
  const uint64_t end = last * SOTTO_TILE_ROWS;
  sotto_gemm gemm = {
      .y = buffer_row(b, op->out, 0),
      .y_stride = (size_t)w->rows,
      .w = weight(b, op->weight),
      .x = buffer_row(b, op->in[0], 0),
      .x_stride = (size_t)w->cols,
      .act = &b->act,
      .row0 = (size_t)(first * SOTTO_TILE_ROWS),
      .row1 = (size_t)(end < w->rows ? end : w->rows),
      .k = (size_t)w->cols,
      .n_tokens = step_rows(b, step),
      .n_streams = quantised ? b->n_streams : b->float_streams,
  };
  const sotto_kernels *kernels = quantised ? b->act_kernels : first_kernels(b);
  sotto_kernels_gemm(kernels, type)(&gemm);
  for (size_t t = 0; op->bias >= 0 && t < gemm.n_tokens; t++) {
    float *y = gemm.y + t * gemm.y_stride + gemm.row0;
    kernels->add(y, y, (const float *)weight(b, op->bias) + gemm.row0, gemm.row1 - gemm.row0);
  }
}

/* Tile rows [first, last) of the step's matmuls, counted through one behind the other. */
static void matmuls(const cpu_backend *b, const cpu_step *step, uint64_t first, uint64_t last) {
  for (uint32_t i = 0; i < step->n_ops && first < last; i++) {
    const uint64_t rows = tile_rows(b, &step->op[i]);
    if (first < rows) matmul(b, step, &step->op[i], first, last < rows ? last : rows);
    first = first > rows ? first - rows : 0;
    last = last > rows ? last - rows : 0;
  }
}

static size_t embed_row(const cpu_backend *b, const sotto_op *op, uint64_t t) {
  if (op->embed.row == SOTTO_ROW_FIRST) return 0;
  return op->embed.row == SOTTO_ROW_OF_TOKEN ? (size_t)b->part.tokens[t] : b->part.positions[t];
}

static void run_row(cpu_backend *b, const cpu_step *step, uint64_t t) {
  const sotto_kernels *kernels = first_kernels(b);
  const sotto_program *p = b->program;
  const sotto_op *op = step->op;
  const sotto_weight *w = op->weight >= 0 ? &p->weights[op->weight] : NULL;
  float *out = op->out >= 0 ? buffer_row(b, op->out, t) : NULL;
  const uint32_t dim = op->out >= 0 ? p->buffers[op->out].dim : 0;
  switch (step->kind) {
  case CPU_EMBED:
    sotto_packed_row(w->tensor->type, weight(b, op->weight), embed_row(b, op, t), dim, out);
    break;
  case CPU_RMS_NORM:
    for (uint32_t i = 0; i < dim; i += op->norm.width) {
      kernels->rms_norm(out + i, buffer_row(b, op->in[0], t) + i, weight(b, op->weight),
                        op->norm.width, op->norm.eps);
    }
    break;
  case CPU_QUANTIZE:
    b->act_kernels->quantize_act(buffer_row(b, op->in[0], t), p->buffers[op->in[0]].dim, &b->act,
                                 (size_t)t);
    break;
  case CPU_GATHER: cpu_experts_gather(b, op, t); break;
  case CPU_COMBINE: cpu_experts_combine(b, op, t); break;
  case CPU_ROPE:
    kernels->rope(out, dim / op->rope.head_dim, op->rope.head_dim, p->ropes[op->rope.table].n_rot,
                  p->ropes[op->rope.table].neox, rope_table(b, op, t));
    break;
  case CPU_KV_WRITE: cpu_kv_write(b, step, t); break;
  case CPU_GLU: {
    const bool gelu = op->glu.activation == SOTTO_GELU_TANH;
    (gelu ? kernels->geglu : kernels->swiglu)(out, buffer_row(b, op->in[0], t),
                                              buffer_row(b, op->in[1], t), dim);
    break;
  }
  case CPU_ADD:
    kernels->add(out, buffer_row(b, op->in[0], t), buffer_row(b, op->in[1], t), dim);
    break;
  case CPU_MUL: {
    const float *x = buffer_row(b, op->in[0], t), *y = buffer_row(b, op->in[1], t);
    for (uint32_t i = 0; i < dim; i++) out[i] = x[i] * y[i];
    break;
  }
  case CPU_SCALE:
    for (uint32_t i = 0; i < dim; i++) out[i] = out[i] * op->scale.factor;
    break;
  case CPU_SOFTCAP: kernels->softcap(out, dim, op->softcap.cap); break;
  case CPU_SIGMOID_GATE: {
    const float gate = 1.0f / (1.0f + sotto_expf(-buffer_row(b, op->in[1], t)[0]));
    for (uint32_t i = 0; i < dim; i++) out[i] = out[i] * gate;
    break;
  }
  case CPU_TAKE_OUTPUTS:
    memcpy(out, buffer_row(b, op->in[0], b->part.outputs[t]), dim * sizeof(float));
    break;
  case CPU_LAYER_NORM:
    kernels->layer_norm(out, buffer_row(b, op->in[0], t), weight(b, op->weight),
                        weight(b, op->bias), dim, op->norm.eps);
    break;
  case CPU_GELU: kernels->gelu(out, buffer_row(b, op->in[0], t), dim); break;
  case CPU_POOL: cpu_pool(b, op, out, b->part.outputs[t]); break;
  case CPU_L2_NORM: cpu_l2_norm(out, dim); break;
  case CPU_MATMUL:
  case CPU_ATTENTION:
  case CPU_SHORT_CONV:
  case CPU_ROUTE:
  case CPU_MATMUL_EXPERTS: break; /* not by row: run_units */
  }
}

static void run_units(cpu_backend *b, const cpu_step *step, uint64_t first, uint64_t last,
                      uint32_t thread) {
  switch (step->kind) {
  case CPU_MATMUL: matmuls(b, step, first, last); break;
  case CPU_MATMUL_EXPERTS: cpu_experts_run(b, step, first, last); break;
  case CPU_ROUTE: cpu_experts_route(b, step->op); break;
  case CPU_ATTENTION:
    for (uint64_t unit = first; unit < last; unit++) cpu_attention_run(b, step->op, unit, thread);
    break;
  case CPU_SHORT_CONV:
    for (uint64_t unit = first; unit < last; unit++) cpu_conv_run(b, step->op, unit);
    break;
  default:
    for (uint64_t row = first; row < last; row++)
      for (uint32_t i = 0; i < b->n_together; i++) run_row(b, &step[i], row);
  }
}

typedef struct cpu_tasks {
  cpu_backend *backend;
  const cpu_step *step;
  uint64_t first, n_units;
  uint32_t n_tasks;
} cpu_tasks;

static void run_task(void *user, uint32_t task, uint32_t thread) {
  const cpu_tasks *tasks = user;
  run_units(tasks->backend, tasks->step, tasks->first + tasks->n_units * task / tasks->n_tasks,
            tasks->first + tasks->n_units * (task + 1) / tasks->n_tasks, thread);
}

/* How many tasks are worth the threads' meeting. */
static uint32_t n_tasks(const cpu_backend *b, const cpu_step *step, uint64_t n_units) {
  const uint32_t threads = active_threads(b);
  if (threads == 1) return 1;
  if (cpu_step_is_by_row(step)) {
    uint64_t values = 0;
    for (uint32_t i = 0; i < b->n_together; i++) {
      const sotto_op *op = step[i].op;
      values += n_units * b->program->buffers[op->out >= 0 ? op->out : op->in[0]].dim;
    }
    if (values < SERIAL_VALUES) return 1;
  }
  uint64_t n = threads * TASKS_PER_THREAD, worth = n;
  if (!cpu_step_is_by_row(step)) {
    const uint64_t factor = step->kind == CPU_ATTENTION ? ATTENTION_FACTOR : 1;
    worth = n_units * cpu_unit_macs(b, step) * factor / TASK_MACS;
  }
  if (worth < n) n = worth > threads ? worth / threads * threads : threads;
  return (uint32_t)(n_units < n ? n_units : n);
}

void cpu_step_run(cpu_backend *b, const cpu_step *step, uint64_t first, uint64_t last) {
  cpu_tasks tasks = {b, step, first, last - first, n_tasks(b, step, last - first)};
  sotto_pool_run(b->config.cpu.pool, tasks.n_tasks, run_task, &tasks);
}
