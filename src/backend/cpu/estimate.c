/* One matrix of each type of weights, large enough that it comes from memory. */
#include "backend/cpu/estimate.h"

#include "backend/cpu/cpu.h"
#include "platform/time.h"
#include "program/build.h"

enum { COLS = 2048, SAMPLE_BYTES = 8 << 20, RUNS = 12 };

/* Bytes of matrices that a token meets in this type, so far as they are quantised alike. */
static uint64_t token_bytes(const sotto_program *p, sotto_dtype type) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < p->n_ops; i++) {
    const sotto_op *op = &p->ops[i];
    if (op->kind != SOTTO_OP_MATMUL && op->kind != SOTTO_OP_MATMUL_EXPERTS) continue;
    const sotto_weight *w = &p->weights[op->weight];
    const sotto_buffer *out = &p->buffers[op->out];
    const uint64_t rows = out->n_used ? (uint64_t)out->n_used * out->dim : w->rows;
    if (w->tensor->type == type) bytes += rows * sotto_dtype_row_bytes(type, w->cols);
  }
  return bytes;
}

/* out = matrix · in, where in is a row of a table. */
typedef struct sample {
  sotto_program program;
  sotto_gguf_tensor table, matrix;
  sotto_kv_layer layer;
  sotto_kv_shape kv_shape;
} sample;

static void write_sample(sample *s, sotto_ctx *ctx, sotto_dtype type) {
  sotto_program *p = &s->program;
  const uint64_t rows = SAMPLE_BYTES / sotto_dtype_row_bytes(type, COLS) / 8 * 8;
  sotto_program_init(p, ctx, NULL);
  s->layer = (sotto_kv_layer){.n_head_kv = 1, .head_dim = 32};
  p->shape.n_layer = 1;
  p->kv_layers = &s->layer;
  s->table = (sotto_gguf_tensor){.name = SOTTO_SLICE("table"), .type = SOTTO_F32};
  s->matrix = (sotto_gguf_tensor){.name = SOTTO_SLICE("matrix"), .type = type};
  const sotto_weight table = {&s->table, SOTTO_WEIGHT_MATRIX, 0, 8, COLS, 0},
                     matrix = {&s->matrix, SOTTO_WEIGHT_MATRIX, 0, rows, COLS, 0};
  const sotto_buffer_id in = sotto_program_buffer(p, "in", COLS),
                        out = sotto_program_buffer(p, "out", (uint32_t)rows);
  sotto_program_embed(p, in, sotto_program_add_weight(p, table), SOTTO_ROW_OF_TOKEN);
  sotto_program_matmul(p, out, in, sotto_program_add_weight(p, matrix), SOTTO_NONE);
  p->output = out;
  s->kv_shape = (sotto_kv_shape){.layers = &s->layer,
                                 .n_layer = 1,
                                 .k_type = SOTTO_F32,
                                 .v_type = SOTTO_F32,
                                 .n_groups = 1,
                                 .groups = {{.n_pages = 1}},
                                 .n_ctx = SOTTO_KV_PAGE};
}

/* The fastest of some runs, in milliseconds a byte. */
static double measure(sotto_backend *b, const sample *s) {
  static const bool ready[2] = {true, true};
  uint32_t page = 0;
  const sotto_kv_seq seq = {.groups = {{&page, 0, 1}}, .state = SOTTO_KV_NONE};
  const sotto_kv_seq *const seqs[1] = {&seq};
  const sotto_token token = 0;
  const uint32_t position = 0, output = 0;
  const sotto_batch batch = {.n_tokens = 1,
                             .tokens = &token,
                             .positions = &position,
                             .seqs = seqs,
                             .n_outputs = 1,
                             .outputs = &output};
  const sotto_weight *w = &s->program.weights[1];
  const double bytes = (double)(w->rows * sotto_dtype_row_bytes(w->tensor->type, COLS));
  double best = 1e9;
  for (int i = 0; i < RUNS; i++) {
    const double start = sotto_time_ms();
    b->type->begin(b, &batch);
    while (b->type->run(b, ready, start + 1e9) != SOTTO_RUN_DONE) {
    }
    const double ms = sotto_time_ms() - start;
    if (ms < best) best = ms;
  }
  return best / bytes;
}

static sotto_status measure_type(sotto_ctx *ctx, const sotto_backend_config *config,
                                 sotto_dtype type, double *ms_per_byte) {
  sample s;
  write_sample(&s, ctx, type);
  sotto_backend_config small = *config;
  small.n_batch = small.n_part = small.n_outputs = small.n_seqs = 1;
  small.n_ctx = SOTTO_KV_PAGE;
  sotto_backend *b = NULL;
  sotto_status status = s.program.status;
  if (status == SOTTO_OK) status = sotto_backend_cpu.create(&s.program, &small, &s.kv_shape, &b);
  if (status == SOTTO_OK) {
    const sotto_weights *weights = &((cpu_backend *)b)->weights;
    memset(weights->data, 0, (size_t)weights->bytes);
    *ms_per_byte = measure(b, &s);
  }
  sotto_backend_cpu.free(b);
  sotto_program_free(&s.program);
  return status;
}

sotto_status sotto_cpu_estimate(const sotto_program *p, const sotto_backend_config *config,
                                double *token_ms) {
  static const sotto_dtype types[] = {
#define X(NAME, number, text, weights, bytes) SOTTO_##NAME,
#include "tensor/dtypes.def"
#undef X
  };
  *token_ms = 0;
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    const uint64_t bytes = token_bytes(p, types[i]);
    double ms_per_byte;
    if (bytes == 0) continue;
    SOTTO_TRY(measure_type(p->ctx, config, types[i], &ms_per_byte));
    *token_ms += (double)bytes * ms_per_byte;
  }
  return SOTTO_OK;
}
