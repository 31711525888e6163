/* A tiny program for each kind of operation, run here and there. */
#include "backend/gpu/self_test.h"

#include <math.h>
#include <stdio.h>

#include "kernels/math.h"
#include "program/build.h"

enum {
  VOCAB = 16, /* rows of the tables that inputs are taken from */
  FEW = 5,    /* tokens of a batch */
  MANY = 11,  /* of one that is large enough for matmul */
  LONG = 40,  /* of one that needs two pages */
  ROWS = 20,  /* of matrices: two tile rows and a half */
  WIDTH = 96, /* of rows, where nothing else asks for another */
  N_CTX = 64,
  N_PAGES = N_CTX / SOTTO_KV_PAGE,
  N_EXPERTS = 8,
  LOGITS = 1504, /* more than a chunk */
  MAX_WEIGHTS = 8,
  MAX_CASES = 64,
};

/* One operation with what leads to it: inputs are rows of tables. */
typedef struct test_case {
  const sotto_op *of; /* the operation of the model's program */
  sotto_program program;
  sotto_gguf_tensor tensors[MAX_WEIGHTS];
  unsigned char *data[MAX_WEIGHTS];
  sotto_kv_layer layer;
  sotto_kv_shape kv_shape;
  uint32_t n_tokens;
  bool ends_only; /* outputs are the last tokens of texts, else all tokens */
  bool sums_up;   /* what is tested is the summaries of outputs; `of` is NULL */
  uint32_t state; /* of the random numbers */
  sotto_token tokens[LONG];
  uint32_t positions[LONG], outputs[LONG];
  const sotto_kv_seq *seqs[LONG];
  uint32_t pages[2][N_PAGES];
  sotto_kv_seq sequences[2];
  sotto_batch batch;
  sotto_output_wish wishes[LONG];
  sotto_token named[2];
  float *expected; /* [n_outputs][width of the output] */
  double tolerance;
  gpu_model gpu;
} test_case;

struct gpu_self_test {
  sotto_ctx *ctx;
  const sotto_program *program; /* the model's */
  uint32_t n_cases;
  test_case *cases[MAX_CASES];
};

/* ---- data ---- */

static uint32_t next(test_case *c) {
  c->state = c->state * 1664525u + 1013904223u;
  return c->state >> 8;
}

static void fill_floats(test_case *c, float *x, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] = ((float)next(c) - 0x1p23f) * 0x1p-22f;
}

/* A float16 from 2^-4 to 2, of either sign; as a bfloat16 it is small too. */
static uint16_t any_half(test_case *c) {
  return (uint16_t)((next(c) & 0x8000) | (0x2C00 + next(c) % 0x1400));
}

/* Any quants, with scales that are finite and near each other. */
static void fill_block(test_case *c, sotto_dtype type, unsigned char *block) {
  static const uint8_t halves[][3] = {
      /* type, and where its scales are */
      {SOTTO_Q2_K, 80, 82}, {SOTTO_Q3_K, 108, 108}, {SOTTO_Q6_K, 208, 208}, {SOTTO_Q4_1, 0, 2},
      {SOTTO_Q5_1, 0, 2},   {SOTTO_Q4_K, 0, 2},     {SOTTO_Q5_K, 0, 2}};
  for (size_t i = 0; i < sotto_dtype_block_bytes(type); i++) block[i] = (unsigned char)next(c);
  if (type == SOTTO_MXFP4) {
    block[0] = (unsigned char)(124 + next(c) % 4);
    return;
  }
  uint8_t at[2] = {0, 0};
  for (size_t i = 0; i < sizeof halves / sizeof *halves; i++)
    if (halves[i][0] == type) memcpy(at, halves[i] + 1, sizeof at);
  for (int k = 0; k < 2; k++) {
    const uint16_t half = any_half(c);
    memcpy(block + at[k], &half, sizeof half);
  }
}

static void fill_tensor(test_case *c, sotto_dtype type, unsigned char *data, size_t n_weights) {
  if (type == SOTTO_F32) {
    fill_floats(c, (float *)data, n_weights);
    return;
  }
  const size_t block = sotto_dtype_block_weights(type);
  for (size_t i = 0; i < n_weights / block; i++)
    fill_block(c, type, data + i * sotto_dtype_block_bytes(type));
}

/* A weight of random values. */
static sotto_weight_id any_weight(test_case *c, sotto_weight_kind kind, sotto_dtype type,
                                  uint32_t rows, uint32_t cols) {
  sotto_program *p = &c->program;
  const size_t i = p->n_weights;
  const uint64_t bytes = rows * sotto_dtype_row_bytes(type, cols);
  c->tensors[i] = (sotto_gguf_tensor){.name = SOTTO_SLICE("test"),
                                      .type = type,
                                      .n_dims = 2,
                                      .ne = {cols, rows, 1, 1},
                                      .size = bytes};
  c->data[i] = sotto_arena_alloc(&p->arena, (size_t)bytes);
  if (c->data[i])
    fill_tensor(c, type, c->data[i], (size_t)rows * cols);
  else
    p->status = SOTTO_ERR_OUT_OF_MEMORY;
  return sotto_program_add_weight(
      p, (sotto_weight){.tensor = &c->tensors[i], .kind = kind, .rows = rows, .cols = cols});
}

static sotto_weight_id any_vector(test_case *c, uint32_t n) {
  return any_weight(c, SOTTO_WEIGHT_VECTOR, SOTTO_F32, 1, n);
}

/* A buffer with a row of a table for each token. */
static sotto_buffer_id input(test_case *c, const char *name, uint32_t dim) {
  const sotto_buffer_id buffer = sotto_program_buffer(&c->program, name, dim);
  const sotto_weight_id table = any_weight(c, SOTTO_WEIGHT_MATRIX, SOTTO_F32, VOCAB, dim);
  sotto_program_embed(&c->program, buffer, table, SOTTO_ROW_OF_TOKEN);
  return buffer;
}

/* ---- programs ---- */

static uint32_t width_of(sotto_dtype type) {
  return sotto_dtype_block_weights(type) == 256 ? 256 : WIDTH;
}

static void write_matmul(test_case *c, sotto_dtype type, bool bias) {
  sotto_program *p = &c->program;
  const sotto_buffer_id x = input(c, "x", width_of(type)),
                        out = sotto_program_buffer(p, "out", ROWS);
  const sotto_weight_id w = any_weight(c, SOTTO_WEIGHT_MATRIX, type, ROWS, width_of(type));
  sotto_program_matmul(p, out, x, w, bias ? any_vector(c, ROWS) : SOTTO_NONE);
}

static void write_experts(test_case *c, const sotto_program *model, sotto_dtype type,
                          bool per_token) {
  sotto_program *p = &c->program;
  const sotto_op *route = model->ops;
  while (route->kind != SOTTO_OP_ROUTE) route++;
  const uint32_t n_used = route->route.n_used < 2 ? 1 : 2, dim = width_of(type);
  const sotto_buffer_id x = input(c, "x", dim), logits = input(c, "logits", N_EXPERTS),
                        routes = sotto_program_buffer(p, "routes", 2 * n_used),
                        hidden = sotto_program_expert_buffer(p, "hidden", dim, n_used);
  sotto_program_route(p, routes, logits, n_used, route->route.normalise);
  sotto_program_matmul_experts(p, hidden, x, routes,
                               any_weight(c, SOTTO_WEIGHT_MATRIX, type, N_EXPERTS * dim, dim));
  sotto_buffer_id last = hidden;
  if (!per_token) {
    last = sotto_program_expert_buffer(p, "last", 8, n_used);
    sotto_program_matmul_experts(p, last, hidden, routes,
                                 any_weight(c, SOTTO_WEIGHT_MATRIX, type, N_EXPERTS * 8, dim));
  }
  sotto_program_combine(p, sotto_program_buffer(p, "out", per_token ? dim : 8), last, routes);
}

static void write_norm(test_case *c, const sotto_op *op, uint32_t dim) {
  sotto_program *p = &c->program;
  const bool by_head = op->norm.width < dim;
  const sotto_buffer_id x = input(c, "x", WIDTH), out = sotto_program_buffer(p, "out", WIDTH);
  const sotto_weight_id weight = any_vector(c, by_head ? WIDTH / 3 : WIDTH);
  if (op->kind == SOTTO_OP_RMS_NORM)
    sotto_program_rms_norm(p, out, x, weight, op->norm.eps);
  else
    sotto_program_layer_norm(p, out, x, weight, any_vector(c, WIDTH), op->norm.eps);
}

static void write_rope(test_case *c, const sotto_program *model, const sotto_op *op) {
  sotto_rope rope = model->ropes[op->rope.table];
  rope.factors = rope.long_factors = SOTTO_NONE;
  const uint32_t table = sotto_program_add_rope(&c->program, &rope);
  sotto_program_rope(&c->program, input(c, "out", 2 * op->rope.head_dim), table, op->rope.head_dim);
}

static void write_attention(test_case *c, const sotto_op *op) {
  sotto_program *p = &c->program;
  const uint32_t d = op->attention.head_dim, n_rep = op->attention.n_head / op->attention.n_head_kv,
                 n_head = n_rep < 3 ? n_rep : 3,
                 window = op->attention.window > 20 ? 20 : op->attention.window;
  c->layer = (sotto_kv_layer){.n_head_kv = 1, .head_dim = d};
  c->n_tokens = LONG;
  const sotto_buffer_id q = input(c, "q", n_head * d), k = input(c, "k", d), v = input(c, "v", d);
  sotto_program_kv_write(p, 0, k, v);
  sotto_program_attention(p, 0, sotto_program_buffer(p, "out", n_head * d), q, n_head,
                          op->attention.scale, op->attention.softcap, window);
}

static void write_conv(test_case *c, const sotto_op *op) {
  sotto_program *p = &c->program;
  const sotto_buffer_id x = input(c, "x", WIDTH), out = sotto_program_buffer(p, "out", WIDTH);
  sotto_program_short_conv(p, 0, out, x, any_vector(c, WIDTH * op->conv.n_taps), op->conv.n_taps);
}

/* Two inputs, or one that is changed in place. */
static void write_elements(test_case *c, const sotto_op *op) {
  sotto_program *p = &c->program;
  const sotto_buffer_id x = input(c, "x", WIDTH), out = sotto_program_buffer(p, "out", WIDTH);
  switch (op->kind) {
  case SOTTO_OP_GLU: sotto_program_glu(p, out, x, input(c, "up", WIDTH), op->glu.activation); break;
  case SOTTO_OP_ADD: sotto_program_add(p, out, x, input(c, "y", WIDTH)); break;
  case SOTTO_OP_MUL: sotto_program_mul(p, out, x, input(c, "y", WIDTH)); break;
  case SOTTO_OP_SIGMOID_GATE: {
    const sotto_buffer_id gate = sotto_program_buffer(p, "gate", 1);
    const sotto_weight_id w = any_weight(c, SOTTO_WEIGHT_MATRIX, SOTTO_F32, 1, WIDTH);
    sotto_program_matmul(p, gate, x, w, SOTTO_NONE);
    sotto_program_sigmoid_gate(p, x, gate);
    break;
  }
  case SOTTO_OP_GELU: sotto_program_gelu(p, x); break;
  case SOTTO_OP_SCALE: sotto_program_scale(p, x, op->scale.factor); break;
  default: sotto_program_softcap(p, x, op->softcap.cap);
  }
}

static void write_outputs(test_case *c, const sotto_op *op) {
  sotto_program *p = &c->program;
  const sotto_buffer_id x = input(c, "x", WIDTH);
  if (op->kind == SOTTO_OP_TAKE_OUTPUTS) {
    sotto_program_take_outputs(p, sotto_program_output_buffer(p, "out", WIDTH), x);
    return;
  }
  c->ends_only = true;
  p->pooling = op->pool.pooling;
  sotto_program_embedding(p, x); /* and its length */
}

/* The program that tests an operation. */
static void write_program(test_case *c, const sotto_program *model, const sotto_op *op) {
  sotto_program *p = &c->program;
  const sotto_dtype type = op->weight >= 0 ? model->weights[op->weight].tensor->type : SOTTO_F32;
  switch (op->kind) {
  case SOTTO_OP_EMBED: {
    const sotto_weight_id table = any_weight(c, SOTTO_WEIGHT_MATRIX, type, N_CTX, width_of(type));
    sotto_program_embed(p, sotto_program_buffer(p, "out", width_of(type)), table, op->embed.row);
    break;
  }
  case SOTTO_OP_RMS_NORM:
  case SOTTO_OP_LAYER_NORM: write_norm(c, op, model->buffers[op->out].dim); break;
  case SOTTO_OP_MATMUL: write_matmul(c, type, op->bias >= 0); break;
  case SOTTO_OP_MATMUL_EXPERTS:
    write_experts(c, model, type, model->buffers[op->in[0]].n_used == 0);
    break;
  case SOTTO_OP_ROPE: write_rope(c, model, op); break;
  case SOTTO_OP_ATTENTION: write_attention(c, op); break;
  case SOTTO_OP_SHORT_CONV: write_conv(c, op); break;
  case SOTTO_OP_TAKE_OUTPUTS:
  case SOTTO_OP_POOL: write_outputs(c, op); break;
  default: write_elements(c, op);
  }
  p->output = p->n_ops ? p->ops[p->n_ops - 1].out : SOTTO_NONE;
}

/* Operations that are tested with another one. */
static bool comes_along(sotto_op_kind kind) {
  return kind == SOTTO_OP_KV_WRITE || kind == SOTTO_OP_ROUTE || kind == SOTTO_OP_COMBINE ||
         kind == SOTTO_OP_L2_NORM;
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

sotto_status gpu_self_test_pipelines(gpu_shared *shared, const sotto_program *p) {
  uint32_t number;
  for (size_t i = 0; i < p->n_ops; i++) {
    if (p->ops[i].kind != SOTTO_OP_SIGMOID_GATE) continue;
    SOTTO_TRY(gpu_pipeline_of(&shared->pipelines, GPU_KERNEL_matvec, SOTTO_F32, &number));
    SOTTO_TRY(gpu_pipeline_of(&shared->pipelines, GPU_KERNEL_matmul, SOTTO_F32, &number));
  }
  if (gpu_summary_is_used(p))
    SOTTO_TRY(gpu_pipeline_of(&shared->pipelines, GPU_KERNEL_top_merge, SOTTO_F32, &number));
  return gpu_pipeline_of(&shared->pipelines, GPU_KERNEL_embed, SOTTO_F32, &number);
}

/* ---- running them ---- */

/* Two texts, the first three fifths as long as both; one where there are many positions. */
static void write_batch(test_case *c) {
  const uint32_t first = c->n_tokens == LONG ? LONG : (c->n_tokens * 3 + 4) / 5;
  for (uint32_t i = 0; i < 2; i++) {
    for (uint32_t k = 0; k < N_PAGES; k++) c->pages[i][k] = 2 * k + 1 - i;
    c->sequences[i] = (sotto_kv_seq){.groups = {{c->pages[i], 0, N_PAGES}}, .state = SOTTO_KV_NONE};
  }
  uint32_t n_outputs = 0;
  for (uint32_t t = 0; t < c->n_tokens; t++) {
    const bool second = t >= first;
    c->tokens[t] = (sotto_token)(next(c) % VOCAB);
    c->positions[t] = second ? t - first : t;
    c->seqs[t] = &c->sequences[second];
    const bool is_end = t + 1 == first || t + 1 == c->n_tokens;
    if (is_end || !c->ends_only) c->outputs[n_outputs++] = t;
  }
  c->named[0] = 3;
  c->named[1] = LOGITS - 1;
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

static sotto_backend_config config_of(const test_case *c, const gpu_shared *shared) {
  return (sotto_backend_config){.n_batch = c->n_tokens,
                                .n_part = c->n_tokens,
                                .n_outputs = c->batch.n_outputs,
                                .n_seqs = 2,
                                .n_ctx = N_CTX,
                                .gpu = &shared->device};
}

static const bool all_ready[MAX_WEIGHTS] = {true, true, true, true, true, true, true, true};

static sotto_status run_here(test_case *c, const sotto_backend_config *config) {
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

static sotto_status run_there(test_case *c, const sotto_backend_config *config,
                              gpu_shared *shared) {
  SOTTO_TRY(gpu_model_init(shared, &c->program, config, &c->kv_shape, c->sums_up, &c->gpu));
  sotto_weight_sink *sink = &c->gpu.weights.sink;
  for (size_t i = 0; i < c->program.n_weights; i++)
    SOTTO_TRY(sink->take(sink, i, 0, c->data[i], c->program.weights[i].rows));
  gpu_model_begin(&c->gpu, &c->batch);
  gpu_model_queue(&c->gpu, all_ready);
  gpu_model_release(&c->gpu);
  return SOTTO_OK;
}

/* What results may differ by, as a share of the largest: sums in another order, other functions,
 * and with attention keys and values that were rounded. */
static double tolerance_of(const sotto_op *op, const sotto_kv_shape *kv) {
  if (op->kind != SOTTO_OP_ATTENTION) return 2e-4;
  if (kv->k_type == SOTTO_Q8_0 || kv->v_type == SOTTO_Q8_0) return 3e-2;
  return kv->k_type == SOTTO_F16 || kv->v_type == SOTTO_F16 ? 3e-3 : 2e-4;
}

/* With op NULL of summaries. */
static sotto_status add_case(gpu_self_test *test, gpu_shared *shared, const sotto_kv_shape *kv,
                             const sotto_op *op, uint32_t n_tokens) {
  if (test->n_cases == MAX_CASES) return SOTTO_OK;
  test_case *c = sotto_alloc_zero(test->ctx, sizeof *c);
  if (!c) return SOTTO_ERR_OUT_OF_MEMORY;
  test->cases[test->n_cases++] = c;
  sotto_program *p = &c->program;
  c->of = op;
  c->sums_up = op == NULL;
  c->n_tokens = n_tokens;
  c->state = test->n_cases;
  if (op) c->tolerance = tolerance_of(op, kv);
  c->layer = (sotto_kv_layer){.n_head_kv = 1, .head_dim = 64};
  sotto_program_init(p, test->ctx, NULL);
  p->shape.n_layer = 1;
  p->kv_layers = &c->layer;
  p->causal = test->program->causal;
  if (op)
    write_program(c, test->program, op);
  else
    p->output = input(c, "logits", LOGITS);
  SOTTO_TRY(p->status);
  c->kv_shape = (sotto_kv_shape){.layers = &c->layer,
                                 .n_layer = 1,
                                 .k_type = kv->k_type,
                                 .v_type = kv->v_type,
                                 .n_groups = 1,
                                 .groups = {{.n_pages = 2 * N_PAGES}},
                                 .n_ctx = N_CTX,
                                 .n_states = 1};
  write_batch(c);
  const sotto_backend_config config = config_of(c, shared);
  SOTTO_TRY(run_here(c, &config));
  return run_there(c, &config, shared);
}

static sotto_status add_cases(gpu_self_test *test, gpu_shared *shared, const sotto_kv_shape *kv) {
  const sotto_program *p = test->program;
  for (size_t i = 0; i < p->n_ops; i++) {
    const sotto_op *op = &p->ops[i];
    if (comes_along(op->kind) || !is_first(p, op)) continue;
    SOTTO_TRY(add_case(test, shared, kv, op, FEW));
    if (op->kind == SOTTO_OP_MATMUL) SOTTO_TRY(add_case(test, shared, kv, op, MANY));
  }
  if (gpu_summary_is_used(p)) SOTTO_TRY(add_case(test, shared, kv, NULL, 2));
  return shared->stream.failed ? SOTTO_ERR_OUT_OF_MEMORY : SOTTO_OK;
}

sotto_status gpu_self_test_new(gpu_shared *shared, const sotto_program *program,
                               const sotto_kv_shape *kv_shape, gpu_self_test **out) {
  *out = NULL;
  gpu_self_test *test = sotto_alloc_zero(program->ctx, sizeof *test);
  if (!test) return SOTTO_ERR_OUT_OF_MEMORY;
  test->ctx = program->ctx;
  test->program = program;
  const sotto_status status = add_cases(test, shared, kv_shape);
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
static double difference(const test_case *c) {
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
  for (sotto_token id = 0; id < LOGITS; id++) {
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

static bool summaries_are_right(test_case *c) {
  for (uint32_t o = 0; o < c->batch.n_outputs; o++) {
    sotto_logits_summary summary;
    gpu_summary_get(&c->gpu.summary, &c->batch, o, &summary);
    if (!is_summary_of(&summary, c->expected + (size_t)o * LOGITS)) return false;
  }
  return true;
}

static void say(const gpu_self_test *test, const test_case *c, char *reason, size_t n) {
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
    test_case *c = test->cases[i];
    if (c->sums_up ? summaries_are_right(c) : difference(c) <= c->tolerance) continue;
    say(test, c, reason, n);
    return false;
  }
  return true;
}

/* Tables and matrices as they are, as they are staged, and, one case after the other, in float32;
 * the rest is small. */
uint64_t gpu_self_test_bytes(const sotto_program *p) {
  uint64_t bytes = sizeof(gpu_self_test) + (1 << 18), most = 1 << 17; /* with that of summaries */
  for (size_t i = 0; i < p->n_ops; i++) {
    const sotto_op *op = &p->ops[i];
    if (comes_along(op->kind) || !is_first(p, op)) continue;
    bytes += 1 << 16;
    if (op->kind == SOTTO_OP_MATMUL) bytes += 1 << 16; /* twice */
    if (op->kind == SOTTO_OP_ATTENTION)
      bytes += 2ull * VOCAB * 5 * op->attention.head_dim * sizeof(float);
    if (op->kind == SOTTO_OP_MATMUL_EXPERTS) {
      const uint64_t weights = 2ull * N_EXPERTS * 256 * 256;
      bytes += weights; /* of four bits and eight, twice */
      most = weights * sizeof(float);
    }
  }
  return bytes + most;
}
