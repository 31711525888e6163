/* Random weights, and a program for each kind of operation and of unit. */
#include "backend/gpu/test_case.h"

#include <math.h>

#include "program/build.h"

/* ---- data ---- */

uint32_t gpu_test_next(gpu_test_case *c) {
  c->state = c->state * 1664525u + 1013904223u;
  return c->state >> 8;
}

static void fill_floats(gpu_test_case *c, float *x, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] = ((float)gpu_test_next(c) - 0x1p23f) * 0x1p-22f;
}

/* A float16 from 2^-4 to 2, of either sign; as a bfloat16 it is small too. */
static uint16_t any_half(gpu_test_case *c) {
  return (uint16_t)((gpu_test_next(c) & 0x8000) | (0x2C00 + gpu_test_next(c) % 0x1400));
}

/* Any quants, with scales that are finite and near each other. */
static void fill_block(gpu_test_case *c, sotto_dtype type, unsigned char *block) {
  static const uint8_t halves[][3] = {
      /* type, and where its scales are */
      {SOTTO_Q2_K, 80, 82}, {SOTTO_Q3_K, 108, 108}, {SOTTO_Q6_K, 208, 208}, {SOTTO_Q4_1, 0, 2},
      {SOTTO_Q5_1, 0, 2},   {SOTTO_Q4_K, 0, 2},     {SOTTO_Q5_K, 0, 2}};
  for (size_t i = 0; i < sotto_dtype_block_bytes(type); i++)
    block[i] = (unsigned char)gpu_test_next(c);
  if (type == SOTTO_MXFP4) {
    block[0] = (unsigned char)(124 + gpu_test_next(c) % 4);
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

static void fill_tensor(gpu_test_case *c, sotto_dtype type, unsigned char *data, size_t n_weights) {
  if (type == SOTTO_F32) {
    fill_floats(c, (float *)data, n_weights);
    return;
  }
  const size_t block = sotto_dtype_block_weights(type);
  for (size_t i = 0; i < n_weights / block; i++)
    fill_block(c, type, data + i * sotto_dtype_block_bytes(type));
}

/* A weight of random values. */
static sotto_weight_id any_weight(gpu_test_case *c, sotto_weight_kind kind, sotto_dtype type,
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

static sotto_weight_id any_vector(gpu_test_case *c, uint32_t n) {
  return any_weight(c, SOTTO_WEIGHT_VECTOR, SOTTO_F32, 1, n);
}

sotto_buffer_id gpu_test_input(gpu_test_case *c, const char *name, uint32_t dim) {
  const sotto_buffer_id buffer = sotto_program_buffer(&c->program, name, dim);
  const uint32_t rows = c->unpacked ? TEST_LONG : TEST_VOCAB;
  const sotto_weight_id table = any_weight(c, SOTTO_WEIGHT_MATRIX, SOTTO_F32, rows, dim);
  sotto_program_embed(&c->program, buffer, table,
                      c->unpacked ? SOTTO_ROW_OF_POSITION : SOTTO_ROW_OF_TOKEN);
  return buffer;
}

/* ---- programs ---- */

static uint32_t width_of(sotto_dtype type) {
  return sotto_dtype_block_weights(type) == 256 ? 256 : TEST_WIDTH;
}

static void write_experts(gpu_test_case *c, const sotto_program *model, sotto_dtype type,
                          bool per_token) {
  sotto_program *p = &c->program;
  const sotto_op *route = model->ops;
  while (route->kind != SOTTO_OP_ROUTE) route++;
  const uint32_t n_used = route->route.n_used < 2 ? 1 : 2, dim = width_of(type);
  const sotto_buffer_id x = gpu_test_input(c, "x", dim),
                        logits = gpu_test_input(c, "logits", TEST_N_EXPERTS),
                        routes = sotto_program_buffer(p, "routes", 2 * n_used),
                        hidden = sotto_program_expert_buffer(p, "hidden", dim, n_used);
  sotto_program_route(p, routes, logits, n_used, route->route.normalise);
  sotto_program_matmul_experts(p, hidden, x, routes,
                               any_weight(c, SOTTO_WEIGHT_MATRIX, type, TEST_N_EXPERTS * dim, dim));
  sotto_buffer_id last = hidden;
  if (!per_token) {
    last = sotto_program_expert_buffer(p, "last", 8, n_used);
    sotto_program_matmul_experts(p, last, hidden, routes,
                                 any_weight(c, SOTTO_WEIGHT_MATRIX, type, TEST_N_EXPERTS * 8, dim));
  }
  sotto_program_combine(p, sotto_program_buffer(p, "out", per_token ? dim : 8), last, routes);
}

static void write_norm(gpu_test_case *c, const sotto_op *op, uint32_t dim) {
  sotto_program *p = &c->program;
  const bool by_head = op->norm.width < dim;
  const sotto_buffer_id x = gpu_test_input(c, "x", TEST_WIDTH),
                        out = sotto_program_buffer(p, "out", TEST_WIDTH);
  const sotto_weight_id weight = any_vector(c, by_head ? TEST_WIDTH / 3 : TEST_WIDTH);
  if (op->kind == SOTTO_OP_RMS_NORM)
    sotto_program_rms_norm(p, out, x, weight, op->norm.eps);
  else
    sotto_program_layer_norm(p, out, x, weight, any_vector(c, TEST_WIDTH), op->norm.eps);
}

/* The operation's table, without factors. */
static uint32_t any_rope(gpu_test_case *c, const sotto_program *model, const sotto_op *op) {
  sotto_rope rope = model->ropes[op->rope.table];
  rope.factors = rope.long_factors = SOTTO_NONE;
  return sotto_program_add_rope(&c->program, &rope);
}

static void write_rope(gpu_test_case *c, const sotto_program *model, const sotto_op *op) {
  const uint32_t table = any_rope(c, model, op);
  sotto_program_rope(&c->program, gpu_test_input(c, "out", 2 * op->rope.head_dim), table,
                     op->rope.head_dim);
}

static void write_attention(gpu_test_case *c, const sotto_op *op) {
  sotto_program *p = &c->program;
  const uint32_t d = op->attention.head_dim, n_rep = op->attention.n_head / op->attention.n_head_kv,
                 n_head = 2 * (n_rep < 3 ? n_rep : 3),
                 window = op->attention.window > 20 ? 20 : op->attention.window;
  c->layer = (sotto_kv_layer){.n_head_kv = 2, .head_dim = d};
  const sotto_buffer_id q = gpu_test_input(c, "q", n_head * d), k = gpu_test_input(c, "k", 2 * d),
                        v = gpu_test_input(c, "v", 2 * d);
  sotto_program_kv_write(p, 0, k, v);
  sotto_program_attention(p, 0, sotto_program_buffer(p, "out", n_head * d), q, n_head,
                          op->attention.scale, op->attention.softcap, window);
}

static void write_conv(gpu_test_case *c, const sotto_op *op) {
  sotto_program *p = &c->program;
  const sotto_buffer_id x = gpu_test_input(c, "x", TEST_WIDTH),
                        out = sotto_program_buffer(p, "out", TEST_WIDTH);
  sotto_program_short_conv(p, 0, out, x, any_vector(c, TEST_WIDTH * op->conv.n_taps),
                           op->conv.n_taps);
}

/* Two inputs, or one that is changed in place. */
static void write_elements(gpu_test_case *c, const sotto_op *op) {
  sotto_program *p = &c->program;
  const sotto_buffer_id x = gpu_test_input(c, "x", TEST_WIDTH),
                        out = sotto_program_buffer(p, "out", TEST_WIDTH);
  switch (op->kind) {
  case SOTTO_OP_GLU:
    sotto_program_glu(p, out, x, gpu_test_input(c, "up", TEST_WIDTH), op->glu.activation);
    break;
  case SOTTO_OP_ADD: sotto_program_add(p, out, x, gpu_test_input(c, "y", TEST_WIDTH)); break;
  case SOTTO_OP_MUL: sotto_program_mul(p, out, x, gpu_test_input(c, "y", TEST_WIDTH)); break;
  case SOTTO_OP_SIGMOID_GATE: {
    const sotto_buffer_id gate = sotto_program_buffer(p, "gate", 1);
    const sotto_weight_id w = any_weight(c, SOTTO_WEIGHT_MATRIX, SOTTO_F32, 1, TEST_WIDTH);
    sotto_program_matmul(p, gate, x, w, SOTTO_NONE);
    sotto_program_sigmoid_gate(p, x, gate);
    break;
  }
  case SOTTO_OP_GELU: sotto_program_gelu(p, x); break;
  case SOTTO_OP_SCALE: sotto_program_scale(p, x, op->scale.factor); break;
  default: sotto_program_softcap(p, x, op->softcap.cap);
  }
}

static void write_outputs(gpu_test_case *c, const sotto_op *op) {
  sotto_program *p = &c->program;
  const sotto_buffer_id x = gpu_test_input(c, "x", TEST_WIDTH);
  if (op->kind == SOTTO_OP_TAKE_OUTPUTS) {
    sotto_program_take_outputs(p, sotto_program_output_buffer(p, "out", TEST_WIDTH), x);
    return;
  }
  c->ends_only = true;
  p->pooling = op->pool.pooling;
  sotto_program_embedding(p, x); /* and its length */
}

void gpu_test_write_op(gpu_test_case *c, const sotto_program *model) {
  sotto_program *p = &c->program;
  const sotto_op *op = c->of;
  const sotto_dtype type = op->weight >= 0 ? model->weights[op->weight].tensor->type : SOTTO_F32;
  switch (op->kind) {
  case SOTTO_OP_EMBED: {
    const sotto_weight_id table =
        any_weight(c, SOTTO_WEIGHT_MATRIX, type, TEST_N_CTX, width_of(type));
    sotto_program_embed(p, sotto_program_buffer(p, "out", width_of(type)), table, op->embed.row);
    break;
  }
  case SOTTO_OP_RMS_NORM:
  case SOTTO_OP_LAYER_NORM: write_norm(c, op, model->buffers[op->out].dim); break;
  case SOTTO_OP_MATMUL_EXPERTS:
    write_experts(c, model, type, model->buffers[op->in[0]].n_used == 0);
    break;
  case SOTTO_OP_ROPE: write_rope(c, model, op); break;
  case SOTTO_OP_SHORT_CONV: write_conv(c, op); break;
  case SOTTO_OP_TAKE_OUTPUTS:
  case SOTTO_OP_POOL: write_outputs(c, op); break;
  default: write_elements(c, op);
  }
  p->output = p->n_ops ? p->ops[p->n_ops - 1].out : SOTTO_NONE;
}

/* ---- units ---- */

static sotto_weight_id any_matrix(gpu_test_case *c, const sotto_program *model, const sotto_op *op,
                                  uint32_t rows, uint32_t cols) {
  return any_weight(c, SOTTO_WEIGHT_MATRIX, model->weights[op->weight].tensor->type, rows, cols);
}

/* As the model's, of another size. */
static void write_matmul_as(gpu_test_case *c, const sotto_program *model, const sotto_op *op,
                            sotto_buffer_id out, sotto_buffer_id in) {
  sotto_program *p = &c->program;
  if (p->status != SOTTO_OK) return;
  const uint32_t rows = p->buffers[out].dim, cols = p->buffers[in].dim;
  const sotto_weight_id w = any_matrix(c, model, op, rows, cols);
  sotto_program_matmul(p, out, in, w, op->bias >= 0 ? any_vector(c, rows) : SOTTO_NONE);
}

/* Small enough that keys made of it fit halves, with scales of scales too. */
static sotto_weight_id small_vector(gpu_test_case *c, uint32_t n) {
  const size_t i = c->program.n_weights;
  const sotto_weight_id vector = any_vector(c, n);
  const float factor = n == TEST_WIDTH ? 0x1p-3f : 0x1p-9f;
  for (uint32_t k = 0; c->data[i] && k < n; k++) ((float *)c->data[i])[k] *= factor;
  return vector;
}

static sotto_buffer_id write_normed(gpu_test_case *c, const sotto_op *norm, sotto_buffer_id x,
                                    uint32_t dim) {
  const sotto_buffer_id out = sotto_program_buffer(&c->program, "norm", dim);
  sotto_program_rms_norm(&c->program, out, x, small_vector(c, dim), norm->norm.eps);
  return out;
}

/* The root mean square of a weight's numbers; 0 for none. */
static float size_of(gpu_test_case *c, sotto_weight_id weight) {
  sotto_program *p = &c->program;
  if (weight < 0 || p->status != SOTTO_OK) return 0;
  const sotto_weight *w = &p->weights[weight];
  const size_t row_bytes = (size_t)sotto_dtype_row_bytes(w->tensor->type, w->cols);
  float *row = sotto_arena_array(&p->arena, w->cols, sizeof *row);
  double squares = 0;
  for (uint32_t r = 0; row && r < w->rows; r++) {
    sotto_dequantize_row(w->tensor->type, c->data[weight] + r * row_bytes, row, w->cols);
    for (uint32_t i = 0; i < w->cols; i++) squares += (double)row[i] * (double)row[i];
  }
  return (float)sqrt(squares / ((double)w->rows * w->cols));
}

/* About the root mean square of the newest operation's numbers, which come from a norm. */
static float size_of_newest(gpu_test_case *c, sotto_weight_id norm, uint32_t width) {
  if (c->program.status != SOTTO_OK) return 1;
  const sotto_op *op = &c->program.ops[c->program.n_ops - 1];
  if (op->kind == SOTTO_OP_RMS_NORM) return size_of(c, op->weight);
  return sqrtf((float)width) * size_of(c, norm) * size_of(c, op->weight) + size_of(c, op->bias);
}

static void write_heads(gpu_test_case *c, const sotto_program *model, const gpu_unit *unit,
                        uint32_t width) {
  sotto_program *p = &c->program;
  const sotto_op *norm = &model->ops[unit->first], *write = norm + unit->n - 1,
                 *rope = gpu_unit_op(model, unit, SOTTO_OP_ROPE, 0),
                 *q_norm = gpu_unit_op(model, unit, SOTTO_OP_RMS_NORM, 1);
  const uint32_t d = write->attention.head_dim,
                 n_head = model->buffers[norm[1].out].dim > model->buffers[norm[2].out].dim ? 2 : 1;
  c->layer = (sotto_kv_layer){.n_head_kv = 1, .head_dim = d};
  const sotto_buffer_id x = gpu_test_input(c, "x", width), in = write_normed(c, norm, x, width);
  const sotto_buffer_id of[3] = {sotto_program_buffer(p, "q", n_head * d),
                                 sotto_program_buffer(p, "k", d), sotto_program_buffer(p, "v", d)};
  const sotto_weight_id scales = (sotto_weight_id)p->n_weights - 1; /* of the norm */
  float score = sqrtf((float)d);                                    /* without a scale */
  for (int i = 0; i < 3; i++) {
    write_matmul_as(c, model, &norm[1 + i], of[i], in);
    if (i < 2 && !q_norm) score *= size_of_newest(c, scales, width);
  }
  for (int i = 0; q_norm && i < 2; i++) {
    sotto_program_rms_norm(p, of[i], of[i], any_vector(c, d), q_norm->norm.eps);
    score *= size_of_newest(c, SOTTO_NONE, width);
  }
  if (rope) {
    const uint32_t table = any_rope(c, model, rope);
    for (int i = 0; i < 2; i++) sotto_program_rope(p, of[i], table, d);
  }
  sotto_program_kv_write(p, 0, of[1], of[2]);
  sotto_program_attention(p, 0, sotto_program_buffer(p, "out", n_head * d), of[0], n_head,
                          1 / score, 0, 0);
}

/* What ends with an ADD to y. */
static void write_added(gpu_test_case *c, const sotto_op *last, sotto_buffer_id value,
                        sotto_buffer_id y) {
  sotto_program *p = &c->program;
  if (last[-1].kind == SOTTO_OP_SCALE) sotto_program_scale(p, value, last[-1].scale.factor);
  sotto_program_add(p, y, y, value);
}

/* What reads packed activations: a matrix, behind the norm that they are packed for. */
static void write_reader(gpu_test_case *c, const gpu_unit *unit) {
  sotto_program *p = &c->program;
  if (!unit->packs || p->status != SOTTO_OK) return;
  sotto_buffer_id x = p->ops[p->n_ops - 1].out;
  const uint32_t dim = p->buffers[x].dim;
  sotto_buffer_id (*buffer)(sotto_program *, const char *, uint32_t) =
      p->buffers[x].per_output ? sotto_program_output_buffer : sotto_program_buffer;
  if (unit->norm >= 0) {
    const sotto_buffer_id norm = buffer(p, "read norm", dim);
    sotto_program_rms_norm(p, norm, x, any_vector(c, dim), 1e-5f);
    x = norm;
  }
  sotto_program_matmul(p, buffer(p, "read", TEST_ROWS), x,
                       any_weight(c, SOTTO_WEIGHT_MATRIX, SOTTO_F32, TEST_ROWS, dim), SOTTO_NONE);
}

static void write_products(gpu_test_case *c, const sotto_program *model, const gpu_unit *unit) {
  sotto_program *p = &c->program;
  const sotto_op *op = &model->ops[unit->first], *last = op + unit->n - 1, *matmul = c->of;
  const uint32_t width = width_of(model->weights[matmul->weight].tensor->type),
                 rows = unit->packs                       ? TEST_BLOCKS
                        : unit->kind == GPU_UNIT_NORM_GLU ? TEST_TILES
                                                          : TEST_ROWS;
  sotto_buffer_id x = gpu_test_input(c, "x", width);
  const sotto_buffer_id y =
      unit->kind == GPU_UNIT_MATMUL_ADD ? gpu_test_input(c, "y", rows) : SOTTO_NONE;
  if (op != matmul) x = write_normed(c, op, x, width);
  const sotto_buffer_id out = sotto_program_buffer(p, "out", rows);
  write_matmul_as(c, model, matmul, out, x);
  if (unit->kind == GPU_UNIT_MATMUL_ADD) write_added(c, last, out, y);
  if (unit->kind != GPU_UNIT_NORM_GLU) return;
  const sotto_buffer_id up = sotto_program_buffer(p, "up", rows);
  write_matmul_as(c, model, matmul + 1, up, x);
  sotto_program_glu(p, out, out, up, last->glu.activation);
}

void gpu_test_write_unit(gpu_test_case *c, const sotto_program *model, const gpu_unit *unit) {
  sotto_program *p = &c->program;
  const sotto_op *op = &model->ops[unit->first], *last = op + unit->n - 1,
                 *matmul = gpu_unit_op(model, unit, SOTTO_OP_MATMUL, 0);
  c->of = matmul ? matmul : op;
  c->unpacked = gpu_unit_with_products(model, unit) && !unit->given;
  if (unit->kind == GPU_UNIT_HEADS) {
    c->of = last;
    write_heads(c, model, unit, width_of(model->weights[matmul->weight].tensor->type));
  } else if (unit->kind == GPU_UNIT_NORM_ADD) {
    const sotto_buffer_id x = gpu_test_input(c, "x", TEST_WIDTH),
                          y = gpu_test_input(c, "y", TEST_WIDTH);
    write_added(c, last, write_normed(c, op, x, TEST_WIDTH), y);
  } else if (matmul) {
    write_products(c, model, unit);
  } else if (op->kind == SOTTO_OP_ATTENTION) {
    write_attention(c, op);
  } else {
    gpu_test_write_op(c, model);
  }
  write_reader(c, unit);
  p->output = p->n_ops ? p->ops[p->n_ops - 1].out : SOTTO_NONE;
}
