/* The CPU backend: packed weights, one block of scratch, the program lowered to steps, and the loop
 * that runs them in slices of time. Which steps, and with which tokens, is parts.c's. */
#include "backend/cpu/attention.h"

#include "platform/time.h"

/* Of a slice of work (cpu_step_slice), between two looks at the clock. */
#define LOOK_EVERY 0.25

#define ALIGN_UP(n) (((n) + 63) & ~(uint64_t)63)

static bool is_matmul(const sotto_op *op) {
  return op->kind == SOTTO_OP_MATMUL || op->kind == SOTTO_OP_MATMUL_EXPERTS;
}

static uint32_t widest_matmul_input(const sotto_program *p) {
  uint32_t widest = 0;
  for (size_t i = 0; i < p->n_ops; i++) {
    const sotto_op *op = &p->ops[i];
    if (op->kind != SOTTO_OP_MATMUL) continue;
    uint32_t dim = p->buffers[op->in[0]].dim;
    if (dim > widest) widest = dim;
  }
  return widest;
}

/* Bytes of the scratch block; with `b`, also points its parts into b->scratch. */
static uint64_t lay_out(const sotto_program *p, const sotto_backend_config *config,
                        cpu_backend *b) {
  uint64_t rows = config->n_part > config->n_outputs ? config->n_part : config->n_outputs;
  uint64_t n = widest_matmul_input(p), n_blocks = (n + SOTTO_ACT_BLOCK - 1) / SOTTO_ACT_BLOCK;
  const cpu_experts_sizes experts = cpu_experts_measure(p, config);
  uint64_t floats = sotto_buffers_plan(p, config, b ? b->offsets : NULL);
  if (floats == UINT64_MAX) return UINT64_MAX;
  const uint64_t sizes[] = {
      floats * sizeof(float),
      larger(sotto_act_bytes(n_blocks * SOTTO_ACT_BLOCK, rows), experts.act_bytes),
      larger(rows * n_blocks, experts.act_blocks) * sizeof(float),
      larger(rows * n_blocks, experts.act_blocks) * sizeof(int32_t),
      config->cpu.n_threads * cpu_attention_scratch(p, config) * sizeof(float),
      (uint64_t)p->n_ropes * config->n_batch * sotto_widest_rope(p) * sizeof(float),
      sotto_widest_rope(p) * sizeof(float),
      2ull * config->cpu.n_threads * (config->n_ctx / SOTTO_KV_PAGE) * sizeof(void *),
      (config->n_part + 1ull) * sizeof(uint32_t),
      cpu_experts_index_bytes(&experts),
      experts.inputs * sizeof(float),
  };
  uint64_t at[sizeof sizes / sizeof *sizes], total = 0;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    at[i] = total;
    total += ALIGN_UP(sizes[i]);
  }
  if (b && b->scratch) {
    b->buffers = (float *)(b->scratch + at[0]);
    b->act.q = b->scratch + at[1];
    b->act.scale = (float *)(b->scratch + at[2]);
    b->act.sum = (int32_t *)(b->scratch + at[3]);
    b->attention = (float *)(b->scratch + at[4]);
    b->attention_scratch = cpu_attention_scratch(p, config);
    b->query_block_tokens = cpu_attention_query_block_tokens(p, config);
    b->cos_sin = (float *)(b->scratch + at[5]);
    b->frequencies = (float *)(b->scratch + at[6]);
    b->rope_stride = sotto_widest_rope(p);
    b->pages = (const void **)(b->scratch + at[7]);
    b->query_blocks = (uint32_t *)(b->scratch + at[8]);
    cpu_experts_lay_out(&b->experts, &experts, (uint32_t *)(b->scratch + at[9]));
    b->experts.inputs = (float *)(b->scratch + at[10]);
  }
  return total;
}

static sotto_status plan(const sotto_program *p, const sotto_backend_config *config,
                         const sotto_kv_shape *kv_shape, sotto_backend_plan *out) {
  *out = (sotto_backend_plan){.kv = sotto_kv_bytes(kv_shape)};
  out->weights = sotto_weights_bytes(p, SOTTO_PLACE_PACKED);
  out->scratch = lay_out(p, config, NULL);
  return out->scratch == UINT64_MAX ? SOTTO_ERR_OUT_OF_MEMORY : SOTTO_OK;
}

static cpu_step_kind step_kind(sotto_op_kind kind) {
  switch (kind) {
  case SOTTO_OP_EMBED: return CPU_EMBED;
  case SOTTO_OP_RMS_NORM: return CPU_RMS_NORM;
  case SOTTO_OP_MATMUL: return CPU_MATMUL;
  case SOTTO_OP_ROPE: return CPU_ROPE;
  case SOTTO_OP_KV_WRITE: return CPU_KV_WRITE;
  case SOTTO_OP_ATTENTION: return CPU_ATTENTION;
  case SOTTO_OP_GLU: return CPU_GLU;
  case SOTTO_OP_ADD: return CPU_ADD;
  case SOTTO_OP_MUL: return CPU_MUL;
  case SOTTO_OP_SHORT_CONV: return CPU_SHORT_CONV;
  case SOTTO_OP_SCALE: return CPU_SCALE;
  case SOTTO_OP_SOFTCAP: return CPU_SOFTCAP;
  case SOTTO_OP_ROUTE: return CPU_ROUTE;
  case SOTTO_OP_MATMUL_EXPERTS: return CPU_MATMUL_EXPERTS;
  case SOTTO_OP_COMBINE: return CPU_COMBINE;
  case SOTTO_OP_SIGMOID_GATE: return CPU_SIGMOID_GATE;
  case SOTTO_OP_TAKE_OUTPUTS: return CPU_TAKE_OUTPUTS;
  case SOTTO_OP_LAYER_NORM: return CPU_LAYER_NORM;
  case SOTTO_OP_GELU: return CPU_GELU;
  case SOTTO_OP_POOL: return CPU_POOL;
  case SOTTO_OP_L2_NORM: return CPU_L2_NORM;
  }
  return CPU_ADD;
}

static uint32_t matmul_kind(cpu_backend *b, sotto_dtype type, bool wide, bool experts) {
  for (uint32_t i = 0; i < b->n_matmuls; i++)
    if (b->matmuls[i].type == type && b->matmuls[i].wide == wide &&
        b->matmuls[i].experts == experts)
      return i;
  cpu_matmul_kind *kind = &b->matmuls[b->n_matmuls];
  *kind = (cpu_matmul_kind){.type = type, .wide = wide, .experts = experts};
  cpu_choice_init(&kind->few, &b->config.cpu.kernels, type, SOTTO_MAX_STREAMS);
  cpu_choice_init(&kind->many, &b->config.cpu.kernels, type, 1);
  return b->n_matmuls++;
}

/* Of the program, at most. */
static uint32_t count_matmul_kinds(const sotto_program *p) {
  uint64_t seen[3] = {0, 0, 0}; /* narrow, wide, experts: a bit for each type's number */
  for (size_t i = 0; i < p->n_ops; i++) {
    const sotto_op *op = &p->ops[i];
    if (!is_matmul(op)) continue;
    const int which = op->kind == SOTTO_OP_MATMUL_EXPERTS ? 2 : op->matmul.feeds_logits;
    seen[which] |= 1ull << p->weights[op->weight].tensor->type;
  }
  return (uint32_t)(__builtin_popcountll(seen[0]) + __builtin_popcountll(seen[1]) +
                    __builtin_popcountll(seen[2]));
}

/* What a step has made ready of a matmul's input; for experts by those routes. */
typedef struct ready_input {
  sotto_buffer_id in, routes;
  bool wide;
} ready_input;

static const ready_input no_input = {SOTTO_NONE, SOTTO_NONE, false};

static void forget(ready_input *ready, sotto_buffer_id written) {
  if (written >= 0 && (written == ready->in || written == ready->routes)) *ready = no_input;
}

/* One step per operation, but a quantisation before the first of the matmuls that share an input,
 * and neighbours among these (q, k, v; gate and up) as one step: fewer meetings of the threads. */
static void lower(cpu_backend *b) {
  const sotto_program *p = b->program;
  ready_input act = no_input, rows = no_input; /* in `act`, in `experts.inputs` */
  cpu_step *group = NULL;                      /* the matmul step that the next one may join */
  for (size_t i = 0; i < p->n_ops; i++) {
    const sotto_op *op = &p->ops[i];
    if (i > 0 && op->stage != op[-1].stage) { /* both are of one part and not carried on */
      act = rows = no_input;
      group = NULL;
    }
    if (!is_matmul(op)) {
      b->steps[b->n_steps++] = (cpu_step){.kind = step_kind(op->kind), .op = op, .n_ops = 1};
      forget(&act, op->out);
      forget(&rows, op->out);
      group = NULL;
      continue;
    }
    const sotto_dtype type = p->weights[op->weight].tensor->type;
    const bool experts = op->kind == SOTTO_OP_MATMUL_EXPERTS;
    /* The output head's activations have 16 bits: their rounding goes straight into the logits. On
     * SmolLM2 that takes a fifth off the divergence from exact activations, for a fifth of decode's
     * multiply-adds and none of prefill's; all else bears 8 bits well. */
    const bool quantised = takes_act(p, op),
               wide = quantised && !experts && op->matmul.feeds_logits,
               copies = !quantised && experts && p->buffers[op->in[0]].n_used == 0;
    if (group && (op->in[0] != group->op->in[0] || op->in[1] != group->op->in[1])) group = NULL;
    ready_input *ready = quantised ? &act : &rows;
    const bool is_ready =
        op->in[0] == ready->in && op->in[1] == ready->routes && wide == ready->wide;
    if ((quantised || copies) && !is_ready) {
      b->steps[b->n_steps++] = (cpu_step){.kind = experts ? CPU_GATHER : CPU_QUANTIZE,
                                          .op = op,
                                          .n_ops = 1,
                                          .matmul_kind = matmul_kind(b, type, wide, experts)};
      *ready = (ready_input){op->in[0], op->in[1], wide};
      group = NULL;
    }
    if (group) {
      group->n_ops++;
    } else {
      group = &b->steps[b->n_steps++];
      *group = (cpu_step){.kind = step_kind(op->kind), .op = op, .n_ops = 1};
      if (!quantised) group->matmul_kind = matmul_kind(b, type, false, experts);
    }
    forget(&act, op->out);
    forget(&rows, op->out);
    if (op->out == op->in[0]) group = NULL;
  }
}

/* Neighbours that go row by row run together: a row stays in the core's cache, and the threads meet
 * once. Outputs are rows of their own, which CPU_TAKE_OUTPUTS fetches from other rows; so are those
 * of experts. */
static void join_steps(cpu_backend *b) {
  for (size_t i = b->n_steps; i-- > 0;) {
    cpu_step *step = &b->steps[i];
    step->n_together = 1;
    if (i + 1 < b->n_steps && cpu_step_is_by_row(step) && cpu_step_is_by_row(step + 1) &&
        cpu_steps_have_same_rows(b->program, step, step + 1))
      step->n_together += step[1].n_together;
  }
}

static void destroy(sotto_backend *backend) {
  cpu_backend *b = (cpu_backend *)backend;
  if (!b) return;
  sotto_ctx *ctx = b->program->ctx;
  sotto_storage_free(&b->storage);
  sotto_weights_free(ctx, &b->weights);
  sotto_free_aligned(ctx, b->scratch, (size_t)b->scratch_bytes);
  sotto_free(ctx, b->offsets, b->program->n_buffers * sizeof *b->offsets);
  sotto_free(ctx, b->carried, b->program->n_buffers * sizeof *b->carried);
  sotto_free(ctx, b->steps, b->cap_steps * sizeof *b->steps);
  sotto_free(ctx, b->matmuls, b->cap_matmuls * sizeof *b->matmuls);
  sotto_free(ctx, b, sizeof *b);
}

/* Kernels take whole blocks of quantised types and multiples of 4 per head; files were checked for
 * the former, architectures check the latter. */
static sotto_status allocate(cpu_backend *b) {
  const sotto_program *p = b->program;
  b->offsets = sotto_alloc(p->ctx, p->n_buffers * sizeof *b->offsets);
  b->carried = sotto_alloc(p->ctx, p->n_buffers * sizeof *b->carried);
  b->cap_steps = 2 * p->n_ops;
  b->steps = sotto_alloc(p->ctx, b->cap_steps * sizeof *b->steps);
  b->cap_matmuls = count_matmul_kinds(p);
  b->matmuls = sotto_alloc(p->ctx, b->cap_matmuls * sizeof *b->matmuls);
  if (!b->offsets || !b->carried || !b->steps || !b->matmuls) return SOTTO_ERR_OUT_OF_MEMORY;
  for (size_t i = 0; i < p->n_buffers; i++)
    b->carried[i] = sotto_buffer_is_carried(p, (sotto_buffer_id)i);
  b->scratch_bytes = lay_out(p, &b->config, b);
  if (b->scratch_bytes > SIZE_MAX / 2) return SOTTO_ERR_OUT_OF_MEMORY;
  b->scratch = sotto_alloc_aligned(p->ctx, (size_t)b->scratch_bytes);
  if (!b->scratch || lay_out(p, &b->config, b) == UINT64_MAX) return SOTTO_ERR_OUT_OF_MEMORY;
  lower(b);
  join_steps(b);
  cpu_threads_init(&b->threads, sotto_pool_n_threads(b->config.cpu.pool));
  return sotto_weights_new(p, SOTTO_PLACE_PACKED, &b->weights);
}

static sotto_status create(const sotto_program *p, const sotto_backend_config *config,
                           const sotto_kv_shape *kv_shape, sotto_backend **out) {
  *out = NULL;
  cpu_backend *b = sotto_alloc_zero(p->ctx, sizeof *b);
  if (!b) return SOTTO_ERR_OUT_OF_MEMORY;
  b->base.type = &sotto_backend_cpu;
  b->program = p;
  b->config = *config;
  sotto_status status = sotto_storage_init(p->ctx, kv_shape, &b->storage);
  if (status == SOTTO_OK) status = allocate(b);
  if (status != SOTTO_OK) {
    destroy(&b->base);
    return status;
  }
  b->base.placements = b->weights.placements;
  b->base.n_placements = b->weights.n;
  b->base.storage = &b->storage.base;
  *out = &b->base;
  return SOTTO_OK;
}

/* Batches that read the weights for few tokens: their speed is memory's. */
static bool is_small(const sotto_batch *batch) {
  return batch->n_tokens < 16;
}

static void begin(sotto_backend *backend, const sotto_batch *batch) {
  cpu_backend *b = (cpu_backend *)backend;
  b->batch = batch;
  b->batch_ms = 0;
  if (b->config.cpu.adapt_threads)
    sotto_pool_set_active(b->config.cpu.pool,
                          is_small(batch) ? cpu_threads_next(&b->threads) : b->threads.most);
  b->failed_token = UINT32_MAX;
  cpu_parts_begin(b);
}

static bool weights_ready(const cpu_backend *b, const cpu_step *first, const bool *ready) {
  for (const cpu_step *step = first; step < first + b->n_together; step++) {
    if (step->kind == CPU_QUANTIZE || step->kind == CPU_GATHER) continue;
    for (uint32_t i = 0; i < step->n_ops; i++)
      if (!sotto_op_is_ready(b->program, &step->op[i], b->config.n_ctx, ready)) return false;
  }
  return true;
}

static sotto_run_result fail_token(cpu_backend *b, const cpu_step *step) {
  while (step->kind != CPU_KV_WRITE) step++; /* of those that ran together */
  b->base.failed_seq = b->part.seqs[b->failed_token];
  sotto_fail(b->program->ctx, SOTTO_ERR_NON_FINITE_LOGITS,
             "keys or values of layer %u at position %u are not finite in the cache (%s, %s); the "
             "model's weights are damaged or need another cache type",
             step->op->attention.layer, b->part.positions[b->failed_token],
             sotto_dtype_name(b->storage.shape.k_type), sotto_dtype_name(b->storage.shape.v_type));
  return SOTTO_RUN_NON_FINITE;
}

static bool multiplies(const cpu_step *step) {
  return step->kind == CPU_MATMUL || step->kind == CPU_MATMUL_EXPERTS;
}

static bool is_float_matmul(const cpu_backend *b, const cpu_step *step) {
  return multiplies(step) && !takes_act(b->program, step->op);
}

static double macs_of(const cpu_backend *b, const cpu_step *step, uint64_t first, uint64_t last) {
  if (step->kind == CPU_MATMUL_EXPERTS) return cpu_experts_macs(b, step, first, last);
  return (double)(cpu_unit_macs(b, step) * (last - first));
}

/* Units from b->unit to `last`, timed where kernels are being tried. */
static void run_slice(cpu_backend *b, const cpu_step *step, uint64_t last) {
  const cpu_step *end =
      step + b->n_together - 1; /* what makes activations comes right before its matmul */
  const bool is_float = is_float_matmul(b, step);
  if (b->unit == 0 && (cpu_step_makes_act(b->program, end) || is_float)) cpu_choose_kernels(b, end);
  cpu_choice *choice = is_float ? b->float_choice : b->choice;
  const bool timed = multiplies(step) && choice;
  const double start = timed ? sotto_time_ms() : 0;
  cpu_step_run(b, step, b->unit, last);
  if (timed) cpu_choice_note(choice, macs_of(b, step, b->unit, last), start, sotto_time_ms());
}

static sotto_run_result run_steps(cpu_backend *b, const bool *ready, double deadline_ms) {
  double since_look = 0; /* in slices; the clock of a browser takes as long as a small step */
  do {
    const cpu_step *step = &b->steps[b->step];
    const uint64_t units = cpu_step_units(b, step);
    if (units == 0) continue; /* outputs, of a batch without any: their weights are not needed */
    if (!weights_ready(b, step, ready)) return SOTTO_RUN_WAIT_WEIGHTS;
    if (b->step == 0 && b->part_first == 0 && b->unit == 0) cpu_prepare_batch(b);
    const uint64_t slice = cpu_step_slice(b, step);
    while (b->unit < units) {
      if (since_look >= LOOK_EVERY) {
        if (sotto_time_ms() > deadline_ms) return SOTTO_RUN_MORE;
        since_look = 0;
      }
      const uint64_t last = units - b->unit > slice ? b->unit + slice : units;
      run_slice(b, step, last);
      if (b->failed_token != UINT32_MAX) return fail_token(b, step);
      since_look += (double)(last - b->unit) / (double)slice;
      b->unit = last;
    }
  } while (cpu_parts_advance(b));
  return SOTTO_RUN_DONE;
}

static sotto_run_result run(sotto_backend *backend, const bool *ready, double deadline_ms) {
  cpu_backend *b = (cpu_backend *)backend;
  const double start = sotto_time_ms();
  const sotto_run_result result = run_steps(b, ready, deadline_ms);
  b->batch_ms += sotto_time_ms() - start;
  if (result == SOTTO_RUN_DONE && b->config.cpu.adapt_threads && b->batch->n_tokens == 1)
    cpu_threads_note(&b->threads, b->batch_ms);
  return result;
}

static double progress(const sotto_backend *backend) {
  const cpu_backend *b = (const cpu_backend *)backend;
  return cpu_parts_steps_done(b) / (double)b->n_steps;
}

static const float *output(const sotto_backend *backend) {
  const cpu_backend *b = (const cpu_backend *)backend;
  return b->buffers + b->offsets[b->program->output];
}

const sotto_backend_type sotto_backend_cpu = {
    .name = "cpu",
    .plan = plan,
    .create = create,
    .free = destroy,
    .begin = begin,
    .run = run,
    .progress = progress,
    .output = output,
};
