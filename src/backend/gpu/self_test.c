/* A tiny program for each kind of operation, run here and there. */
#include "backend/gpu/self_test.h"

#include <math.h>
#include <stdio.h>

#include "backend/gpu/test_case.h"
#include "kernels/math.h"

enum {
  MAX_CASES = 128,
};

struct gpu_self_test {
  sotto_ctx *ctx;
  const sotto_program *program; /* the model's */
  uint32_t n_cases;
  gpu_test_case *cases[MAX_CASES];
};

/* Operations that have kernels of their own for a few rows, and are tested with their unit. */
static bool has_units(sotto_op_kind kind) {
  return kind == SOTTO_OP_MATMUL || kind == SOTTO_OP_ATTENTION;
}

/* Operations that are tested with another one. */
static bool comes_along(sotto_op_kind kind) {
  return has_units(kind) || kind == SOTTO_OP_KV_WRITE || kind == SOTTO_OP_ROUTE ||
         kind == SOTTO_OP_COMBINE || kind == SOTTO_OP_L2_NORM;
}

/* Whether a test of one is a test of the other. */
static bool is_same(const sotto_program *p, const sotto_op *a, const sotto_op *b) {
  if (a->kind != b->kind) return false;
  if (a->kind == SOTTO_OP_MATMUL || a->kind == SOTTO_OP_EMBED ||
      a->kind == SOTTO_OP_MATMUL_EXPERTS) {
    return p->weights[a->weight].tensor->type == p->weights[b->weight].tensor->type &&
           (a->bias >= 0) == (b->bias >= 0) &&
           (a->kind != SOTTO_OP_MATMUL_EXPERTS ||
            p->buffers[a->in[0]].n_used == p->buffers[b->in[0]].n_used);
  }
  if (a->kind == SOTTO_OP_RMS_NORM)
    return (a->norm.width < p->buffers[a->out].dim) == (b->norm.width < p->buffers[b->out].dim);
  if (a->kind == SOTTO_OP_ROPE)
    return a->rope.head_dim == b->rope.head_dim &&
           p->ropes[a->rope.table].n_rot == p->ropes[b->rope.table].n_rot;
  if (a->kind == SOTTO_OP_ATTENTION)
    return a->attention.head_dim == b->attention.head_dim &&
           (a->attention.window > 0) == (b->attention.window > 0);
  return true;
}

static bool is_first(const sotto_program *p, const sotto_op *op) {
  for (const sotto_op *before = p->ops; before < op; before++)
    if (is_same(p, before, op)) return false;
  return true;
}

static bool are_same(const sotto_program *p, const gpu_unit *a, const gpu_unit *b) {
  if (a->kind != b->kind || a->n != b->n || a->packs != b->packs) return false;
  if (a->given != b->given || (a->norm >= 0) != (b->norm >= 0)) return false;
  for (size_t i = 0; i < a->n; i++)
    if (!is_same(p, &p->ops[a->first + i], &p->ops[b->first + i])) return false;
  return true;
}

/* Whether a unit has kernels of its own for a few rows that no unit before it has. */
static bool is_first_unit(const sotto_program *p, const gpu_units *units, const gpu_unit *unit) {
  const sotto_op_kind kind = p->ops[unit->first].kind;
  if (unit->kind == GPU_UNIT_OP && !has_units(kind) && !unit->packs) return false;
  for (const gpu_unit *before = units->units; before < unit; before++)
    if (are_same(p, before, unit)) return false;
  return true;
}

sotto_status gpu_self_test_pipelines(gpu_shared *shared, const sotto_program *p) {
  static const gpu_kernel own[] = {GPU_KERNEL_embed,  GPU_KERNEL_embed_pack, GPU_KERNEL_pack_rows,
                                   GPU_KERNEL_matvec, GPU_KERNEL_matvec_4,   GPU_KERNEL_matmul};
  uint32_t number;
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    SOTTO_TRY(gpu_pipeline_of(&shared->pipelines, own[i], SOTTO_F32, &number));
  for (size_t i = 0; i < p->n_ops; i++)
    if (p->ops[i].kind == SOTTO_OP_ATTENTION)
      SOTTO_TRY(
          gpu_pipeline_of(&shared->pipelines, GPU_KERNEL_attention_merge, SOTTO_F32, &number));
  if (!gpu_summary_is_used(p)) return SOTTO_OK;
  return gpu_pipeline_of(&shared->pipelines, GPU_KERNEL_top_merge, SOTTO_F32, &number);
}

/* ---- running them ---- */

/* Two texts, the first three fifths as long as both; one where there are many positions. */
static void write_batch(gpu_test_case *c) {
  const uint32_t first = c->n_tokens == TEST_LONG ? TEST_LONG : (c->n_tokens * 3 + 4) / 5;
  for (uint32_t i = 0; i < 2; i++) {
    for (uint32_t k = 0; k < TEST_N_PAGES; k++) c->pages[i][k] = 2 * k + 1 - i;
    c->sequences[i] =
        (sotto_kv_seq){.groups = {{c->pages[i], 0, TEST_N_PAGES}}, .state = SOTTO_KV_NONE};
  }
  uint32_t n_outputs = 0;
  for (uint32_t t = 0; t < c->n_tokens; t++) {
    const bool second = t >= first;
    c->tokens[t] = (sotto_token)(gpu_test_next(c) % TEST_VOCAB);
    c->positions[t] = second ? t - first : t;
    c->seqs[t] = &c->sequences[second];
    const bool is_end = t + 1 == first || t + 1 == c->n_tokens;
    if (is_end || !c->ends_only) c->outputs[n_outputs++] = t;
  }
  c->named[0] = 3;
  c->named[1] = TEST_LOGITS - 1;
  for (uint32_t o = 0; o < n_outputs; o++)
    c->wishes[o] = (sotto_output_wish){.named = c->named, .n_named = 2};
  c->batch = (sotto_batch){.n_tokens = c->n_tokens,
                           .tokens = c->tokens,
                           .positions = c->positions,
                           .seqs = c->seqs,
                           .n_outputs = n_outputs,
                           .outputs = c->outputs,
                           .wishes = c->sums_up ? c->wishes : NULL};
}

static sotto_backend_config config_of(const gpu_test_case *c, const gpu_shared *shared) {
  return (sotto_backend_config){.n_batch = c->n_tokens,
                                .n_part = c->n_tokens,
                                .n_outputs = c->batch.n_outputs,
                                .n_seqs = 2,
                                .n_ctx = TEST_N_CTX,
                                .gpu = &shared->device};
}

static const bool all_ready[TEST_MAX_WEIGHTS] = {true, true, true, true, true, true,
                                                 true, true, true, true, true, true};

static sotto_status run_here(gpu_test_case *c, const sotto_backend_config *config) {
  const sotto_backend_type *naive = &sotto_backend_naive;
  sotto_kv_shape shape = c->kv_shape;
  shape.k_type = shape.v_type = SOTTO_F32;
  sotto_backend *b;
  SOTTO_TRY(naive->create(&c->program, config, &shape, &b));
  for (size_t i = 0; i < c->program.n_weights; i++) {
    const sotto_weight *w = &c->program.weights[i];
    sotto_dequantize_row(w->tensor->type, c->data[i], b->placements[i].dst,
                         (size_t)(w->rows * w->cols));
  }
  naive->begin(b, &c->batch);
  while (naive->run(b, all_ready, INFINITY) != SOTTO_RUN_DONE) {
  }
  const size_t n = (size_t)c->batch.n_outputs * gpu_output_width(&c->program);
  c->expected = sotto_arena_array(&c->program.arena, n, sizeof *c->expected);
  if (c->expected) memcpy(c->expected, naive->output(b), n * sizeof *c->expected);
  naive->free(b);
  return c->expected ? SOTTO_OK : SOTTO_ERR_OUT_OF_MEMORY;
}

static sotto_status run_there(gpu_test_case *c, const sotto_backend_config *config,
                              gpu_shared *shared) {
  SOTTO_TRY(gpu_model_init(shared, &c->program, config, &c->kv_shape, c->sums_up, &c->gpu));
  sotto_weight_sink *sink = &c->gpu.weights.sink;
  for (size_t i = 0; i < c->program.n_weights; i++)
    SOTTO_TRY(sink->take(sink, i, 0, c->data[i], c->program.weights[i].rows));
  if (!c->near) c->gpu.few_positions = 0; /* a few tokens attend in parts, many do not */
  gpu_model_begin(&c->gpu, &c->batch);
  gpu_model_queue(&c->gpu, all_ready);
  gpu_model_release(&c->gpu);
  return SOTTO_OK;
}

/* What results may differ by, as a share of the largest: sums in another order, other functions,
 * and with the cache keys and values that were rounded. */
static double tolerance_of(const gpu_test_case *c, const sotto_kv_shape *kv) {
  const sotto_program *p = &c->program;
  bool attends = false;
  for (size_t i = 0; i < p->n_ops; i++) attends |= p->ops[i].kind == SOTTO_OP_ATTENTION;
  if (!attends) return 2e-4;
  if (kv->k_type == SOTTO_Q8_0 || kv->v_type == SOTTO_Q8_0) return 3e-2;
  return kv->k_type == SOTTO_F16 || kv->v_type == SOTTO_F16 ? 3e-3 : 2e-4;
}

/* Of a unit, or of an operation, or with neither of summaries. */
static sotto_status add_case(gpu_self_test *test, gpu_shared *shared, const sotto_kv_shape *kv,
                             const gpu_unit *unit, const sotto_op *op, uint32_t n_tokens,
                             bool near) {
  if (test->n_cases == MAX_CASES) return SOTTO_OK;
  gpu_test_case *c = sotto_alloc_zero(test->ctx, sizeof *c);
  if (!c) return SOTTO_ERR_OUT_OF_MEMORY;
  test->cases[test->n_cases++] = c;
  sotto_program *p = &c->program;
  c->of = op;
  c->sums_up = !op && !unit;
  c->n_tokens = n_tokens;
  c->near = near;
  c->state = test->n_cases;
  c->layer = (sotto_kv_layer){.n_head_kv = 1, .head_dim = 64};
  sotto_program_init(p, test->ctx, NULL);
  p->shape.n_layer = 1;
  p->kv_layers = &c->layer;
  p->causal = test->program->causal;
  if (unit)
    gpu_test_write_unit(c, test->program, unit);
  else if (op)
    gpu_test_write_op(c, test->program);
  else
    p->output = gpu_test_input(c, "logits", TEST_LOGITS);
  SOTTO_TRY(p->status);
  c->tolerance = tolerance_of(c, kv);
  c->kv_shape = (sotto_kv_shape){.layers = &c->layer,
                                 .n_layer = 1,
                                 .k_type = kv->k_type,
                                 .v_type = kv->v_type,
                                 .n_groups = 1,
                                 .groups = {{.n_pages = 2 * TEST_N_PAGES}},
                                 .n_ctx = TEST_N_CTX,
                                 .n_states = 1};
  write_batch(c);
  const sotto_backend_config config = config_of(c, shared);
  SOTTO_TRY(run_here(c, &config));
  return run_there(c, &config, shared);
}

/* For one token and for a few, for so few positions that attention is in one part, and for so many
 * tokens that there are no units. */
static sotto_status add_unit(gpu_self_test *test, gpu_shared *shared, const sotto_kv_shape *kv,
                             const gpu_unit *unit) {
  const sotto_op_kind kind = test->program->ops[unit->first].kind;
  const bool attends = kind == SOTTO_OP_ATTENTION;
  if (gpu_unit_with_products(test->program, unit))
    SOTTO_TRY(add_case(test, shared, kv, unit, NULL, 1, false));
  SOTTO_TRY(add_case(test, shared, kv, unit, NULL, TEST_FEW, false));
  if (attends && unit->packs) SOTTO_TRY(add_case(test, shared, kv, unit, NULL, TEST_FEW, true));
  if (unit->kind == GPU_UNIT_NORM_ADD || (unit->kind == GPU_UNIT_OP && !has_units(kind)))
    return SOTTO_OK; /* what many tokens have is tested by itself */
  return add_case(test, shared, kv, unit, NULL, attends ? TEST_LONG : TEST_MANY, false);
}

static sotto_status add_cases(gpu_self_test *test, gpu_shared *shared, const sotto_kv_shape *kv,
                              const gpu_units *units) {
  const sotto_program *p = test->program;
  for (size_t i = 0; i < p->n_ops; i++) {
    const sotto_op *op = &p->ops[i];
    if (comes_along(op->kind) || !is_first(p, op)) continue;
    SOTTO_TRY(add_case(test, shared, kv, NULL, op, TEST_FEW, false));
  }
  for (size_t i = 0; i < units->n; i++)
    if (is_first_unit(p, units, &units->units[i]))
      SOTTO_TRY(add_unit(test, shared, kv, &units->units[i]));
  if (gpu_summary_is_used(p)) SOTTO_TRY(add_case(test, shared, kv, NULL, NULL, 2, false));
  return shared->stream.failed ? SOTTO_ERR_OUT_OF_MEMORY : SOTTO_OK;
}

sotto_status gpu_self_test_new(gpu_shared *shared, const sotto_program *program,
                               const gpu_units *units, const sotto_kv_shape *kv_shape,
                               gpu_self_test **out) {
  *out = NULL;
  gpu_self_test *test = sotto_alloc_zero(program->ctx, sizeof *test);
  if (!test) return SOTTO_ERR_OUT_OF_MEMORY;
  test->ctx = program->ctx;
  test->program = program;
  const sotto_status status = add_cases(test, shared, kv_shape, units);
  if (status != SOTTO_OK) {
    gpu_self_test_free(test);
    return status;
  }
  *out = test;
  return SOTTO_OK;
}

void gpu_self_test_free(gpu_self_test *test) {
  if (!test) return;
  for (uint32_t i = 0; i < test->n_cases; i++) {
    gpu_model_free(&test->cases[i]->gpu);
    sotto_program_free(&test->cases[i]->program);
    sotto_free(test->ctx, test->cases[i], sizeof *test->cases[i]);
  }
  sotto_free(test->ctx, test, sizeof *test);
}

/* The largest difference, as a share of the largest value; NaN where there is NaN. */
static double difference(const gpu_test_case *c) {
  const size_t n = (size_t)c->batch.n_outputs * gpu_output_width(&c->program);
  double largest = 0, worst = 0;
  for (size_t i = 0; i < n; i++) {
    const double expected = (double)c->expected[i], d = fabs((double)c->gpu.output[i] - expected);
    if (fabs(expected) > largest) largest = fabs(expected);
    if (!(d <= worst)) worst = d;
    if (d != d) return d;
  }
  return worst / largest;
}

/* Whether the list is in the order of the row, and the sum near what is summed up in double. */
static bool is_summary_of(const sotto_logits_summary *s, const float *row) {
  if (s->n_best != SOTTO_SUMMARY_BEST || s->n_banned || s->not_finite) return false;
  const sotto_token last = s->best[s->n_best - 1];
  double sum = 0;
  uint32_t n_listed = 0; /* fewer than there are places where a token is listed twice */
  for (sotto_token id = 0; id < TEST_LOGITS; id++) {
    uint32_t place = 0; /* in the list */
    while (place < s->n_best && s->best[place] != id) place++;
    const bool listed = place < s->n_best;
    n_listed += listed;
    if (listed != (row[id] > row[last] || (row[id] == row[last] && id <= last))) return false;
    if (listed && s->best_logits[place] != row[id]) return false;
    if (listed && place > 0 && s->best_logits[place] > s->best_logits[place - 1]) return false;
    sum += sotto_exp((double)row[id]);
  }
  for (uint32_t i = 0; i < s->n_named; i++)
    if (s->named_logits[i] != row[s->named[i]]) return false;
  const double lse = sotto_log(sum);
  return n_listed == s->n_best && s->lse_low <= lse && lse <= s->lse_high;
}

static bool summaries_are_right(gpu_test_case *c) {
  for (uint32_t o = 0; o < c->batch.n_outputs; o++) {
    sotto_logits_summary summary;
    gpu_summary_get(&c->gpu.summary, &c->batch, o, &summary);
    if (!is_summary_of(&summary, c->expected + (size_t)o * TEST_LOGITS)) return false;
  }
  return true;
}

static void say(const gpu_self_test *test, const gpu_test_case *c, char *reason, size_t n) {
  static const char verdict[] = "this GPU or its driver computes wrongly";
  if (c->sums_up) {
    snprintf(reason, n, "%s: the best logits or their sum are not right; load with backend 'cpu'",
             verdict);
    return;
  }
  const sotto_weight_id w = c->of->weight;
  snprintf(reason, n,
           "%s: the result of %s%s%s for %u tokens is off by %.2g of its largest value; load with "
           "backend 'cpu'",
           verdict, sotto_op_name(c->of), w >= 0 ? " with weights in " : "",
           w >= 0 ? sotto_dtype_name(test->program->weights[w].tensor->type) : "", c->n_tokens,
           difference(c));
}

bool gpu_self_test_passes(const gpu_self_test *test, char *reason, size_t n) {
  for (uint32_t i = 0; i < test->n_cases; i++) {
    gpu_test_case *c = test->cases[i];
    if (c->sums_up ? summaries_are_right(c) : difference(c) <= c->tolerance) continue;
    say(test, c, reason, n);
    return false;
  }
  return true;
}

/* Of matrices for the head's of a unit: two heads of queries, and a key and a value. */
static uint64_t heads_bytes(const sotto_program *p, const gpu_unit *unit) {
  const sotto_op *write = gpu_unit_op(p, unit, SOTTO_OP_KV_WRITE, 0);
  return write ? 4ull * write->attention.head_dim * 256 * sizeof(float) : 0;
}

/* Tables and matrices as they are, as they are staged, and, one case after the other, in float32;
 * the rest is small. */
uint64_t gpu_self_test_bytes(const sotto_program *p, const gpu_units *units) {
  uint64_t bytes = sizeof(gpu_self_test) + (1 << 18), most = 1 << 17; /* with that of summaries */
  for (size_t i = 0; i < p->n_ops; i++) {
    const sotto_op *op = &p->ops[i];
    if (comes_along(op->kind) || !is_first(p, op)) continue;
    bytes += 1 << 16;
    if (op->kind == SOTTO_OP_MATMUL_EXPERTS) {
      const uint64_t weights = 2ull * TEST_N_EXPERTS * 256 * 256;
      bytes += weights; /* of four bits and eight, twice */
      most = weights * sizeof(float);
    }
  }
  for (size_t i = 0; i < units->n; i++) {
    if (!is_first_unit(p, units, &units->units[i])) continue;
    const uint64_t heads = heads_bytes(p, &units->units[i]);
    const sotto_op *attention = gpu_unit_op(p, &units->units[i], SOTTO_OP_ATTENTION, 0);
    bytes += 3 * ((1 << 17) + 2 * heads); /* for one token, for a few, and for many */
    if (attention) bytes += 6ull * TEST_VOCAB * 10 * attention->attention.head_dim * sizeof(float);
    if (heads > most) most = heads;
  }
  return bytes + most;
}
