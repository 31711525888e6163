/* Building a program: buffers, weights checked against the file, operations checked against
 * shapes. */
#include "program/build.h"

#include <stdio.h>

#include "kernels/packed.h"

void sotto_program_init(sotto_program *p, sotto_ctx *ctx, const sotto_gguf *gguf) {
  *p = (sotto_program){
      .ctx = ctx, .gguf = gguf, .output = SOTTO_NONE, .causal = true, .n_positions = UINT32_MAX};
  sotto_arena_init(&p->arena, ctx);
}

void sotto_program_free(sotto_program *p) {
  sotto_arena_free(&p->arena);
}

static bool ok(const sotto_program *p) {
  return p->status == SOTTO_OK;
}

/* Room for one more item in an arena array; false (and the sticky error) without memory. */
static bool grow(sotto_program *p, void **items, size_t count, size_t *cap, size_t size) {
  if (count < *cap) return true;
  size_t wanted = *cap ? *cap * 2 : 64;
  void *grown = sotto_arena_array(&p->arena, wanted, size);
  if (!grown) {
    p->status = SOTTO_ERR_OUT_OF_MEMORY;
    return false;
  }
  if (count) memcpy(grown, *items, count * size);
  *items = grown;
  *cap = wanted;
  return true;
}

static sotto_buffer_id add_buffer(sotto_program *p, sotto_buffer wanted) {
  for (size_t i = 0; i < p->n_buffers; i++) {
    const sotto_buffer *b = &p->buffers[i];
    if (b->dim == wanted.dim && b->per_output == wanted.per_output && b->n_used == wanted.n_used &&
        strcmp(b->name, wanted.name) == 0)
      return (sotto_buffer_id)i;
  }
  if (!ok(p) || !grow(p, (void **)&p->buffers, p->n_buffers, &p->cap_buffers, sizeof *p->buffers)) {
    return SOTTO_NONE;
  }
  p->buffers[p->n_buffers] = wanted;
  return (sotto_buffer_id)p->n_buffers++;
}

sotto_buffer_id sotto_program_buffer(sotto_program *p, const char *name, uint32_t dim) {
  return add_buffer(p, (sotto_buffer){name, dim, false, 0});
}

sotto_buffer_id sotto_program_output_buffer(sotto_program *p, const char *name, uint32_t dim) {
  return add_buffer(p, (sotto_buffer){name, dim, true, 0});
}

sotto_buffer_id sotto_program_expert_buffer(sotto_program *p, const char *name, uint32_t dim,
                                            uint32_t n_used) {
  return add_buffer(p, (sotto_buffer){name, dim, false, n_used});
}

uint32_t sotto_program_add_rope(sotto_program *p, const sotto_rope *rope) {
  if (!ok(p) || !grow(p, (void **)&p->ropes, p->n_ropes, &p->cap_ropes, sizeof *p->ropes)) return 0;
  p->ropes[p->n_ropes] = *rope;
  return (uint32_t)p->n_ropes++;
}

/* ---- weights ---- */

typedef struct tensor_name {
  char text[128]; /* the longest that a header may have */
} tensor_name;

static tensor_name name_of(const char *format, uint32_t layer) {
  tensor_name name;
  snprintf(name.text, sizeof name.text, format, layer);
  return name;
}

bool sotto_program_has(const sotto_program *p, const char *name_format, uint32_t layer) {
  return sotto_gguf_find_tensor(p->gguf, name_of(name_format, layer).text) != NULL;
}

void sotto_program_pass_over(sotto_program *p, const char *name) {
  p->passed_over = sotto_gguf_find_tensor(p->gguf, name);
}

static sotto_weight_id refuse(sotto_program *p, sotto_status status) {
  p->status = status;
  return SOTTO_NONE;
}

/* The slice as a weight, an old one where it is taken again (tied embeddings). */
sotto_weight_id sotto_program_add_weight(sotto_program *p, sotto_weight wanted) {
  for (size_t i = 0; i < p->n_weights; i++) {
    const sotto_weight *w = &p->weights[i];
    if (w->tensor == wanted.tensor && w->first == wanted.first && w->rows == wanted.rows &&
        w->cols == wanted.cols) {
      return (sotto_weight_id)i;
    }
  }
  if (!grow(p, (void **)&p->weights, p->n_weights, &p->cap_weights, sizeof *p->weights)) {
    return SOTTO_NONE;
  }
  p->weights[p->n_weights] = wanted;
  return (sotto_weight_id)p->n_weights++;
}

typedef struct shape_text {
  char text[72];
} shape_text;

static shape_text print_shape(uint64_t n_slices, uint64_t n_rows, uint64_t n_cols) {
  shape_text shape;
  const int n = n_slices == 1 ? 0
                              : snprintf(shape.text, sizeof shape.text, "%llu x ",
                                         (unsigned long long)n_slices);
  snprintf(shape.text + n, sizeof shape.text - (size_t)n, "%llu x %llu", (unsigned long long)n_rows,
           (unsigned long long)n_cols);
  return shape;
}

/* The tensor, checked against n_slices (1: none) times n_rows x n_cols. NULL and the sticky error
 * otherwise. */
static const sotto_gguf_tensor *find_stack(sotto_program *p, const char *name_format,
                                           uint32_t layer, uint64_t n_slices, uint64_t n_rows,
                                           uint64_t n_cols) {
  if (!ok(p)) return NULL;
  const tensor_name name = name_of(name_format, layer);
  const sotto_gguf_tensor *tensor = sotto_gguf_find_tensor(p->gguf, name.text);
  if (!tensor) {
    refuse(p, sotto_fail(p->ctx, SOTTO_ERR_INVALID_MODEL,
                         "tensor '%s' is missing: the file is incomplete or not of the "
                         "architecture it names; convert the model again",
                         name.text));
    return NULL;
  }
  const uint64_t *ne = tensor->ne;
  if (ne[0] == n_cols && ne[1] == n_rows && ne[2] == n_slices && ne[3] == 1) return tensor;
  refuse(p, sotto_fail(p->ctx, SOTTO_ERR_INVALID_MODEL,
                       "tensor '%s' is %s, the hyper-parameters ask for %s; convert the model "
                       "again",
                       name.text, print_shape(ne[2], ne[1], ne[0]).text,
                       print_shape(n_slices, n_rows, n_cols).text));
  return NULL;
}

static const sotto_gguf_tensor *find_tensor(sotto_program *p, const char *name_format,
                                            uint32_t layer, uint64_t n_rows, uint64_t n_cols) {
  return find_stack(p, name_format, layer, 1, n_rows, n_cols);
}

sotto_weight_id sotto_program_matrix_rows(sotto_program *p, const char *name_format, uint32_t layer,
                                          uint64_t n_rows, uint64_t cols, uint64_t first,
                                          uint64_t rows) {
  const sotto_gguf_tensor *tensor = find_tensor(p, name_format, layer, n_rows, cols);
  if (!tensor) return SOTTO_NONE;
  return sotto_program_add_weight(
      p, (sotto_weight){tensor, SOTTO_WEIGHT_MATRIX, first, rows, cols, p->stage});
}

sotto_weight_id sotto_program_vector_slice(sotto_program *p, const char *name_format,
                                           uint32_t layer, uint64_t n, uint64_t first,
                                           uint64_t cols) {
  const sotto_gguf_tensor *tensor = find_tensor(p, name_format, layer, 1, n);
  if (!tensor) return SOTTO_NONE;
  /* A type that does not load has no blocks here; who asks whether the types load names it. */
  const bool loads = sotto_dtype_supported((uint32_t)tensor->type);
  const uint64_t block = loads ? sotto_dtype_block_weights(tensor->type) : 1;
  if (first % block || cols % block) {
    return refuse(p, sotto_fail(p->ctx, SOTTO_ERR_INVALID_MODEL,
                                "the slices of vector '%.*s' cut quant blocks of its type %s; "
                                "convert the model again with vectors in F32",
                                SOTTO_SLICE_ARG(tensor->name), sotto_dtype_name(tensor->type)));
  }
  return sotto_program_add_weight(
      p, (sotto_weight){tensor, SOTTO_WEIGHT_VECTOR, first, 1, cols, p->stage});
}

sotto_weight_id sotto_program_taps(sotto_program *p, const char *name_format, uint32_t layer,
                                   uint32_t channels, uint32_t n_taps) {
  const sotto_gguf_tensor *tensor = find_tensor(p, name_format, layer, channels, n_taps);
  if (!tensor) return SOTTO_NONE;
  return sotto_program_add_weight(
      p, (sotto_weight){tensor, SOTTO_WEIGHT_VECTOR, 0, 1, (uint64_t)channels * n_taps, p->stage});
}

sotto_weight_id sotto_program_experts(sotto_program *p, const char *name_format, uint32_t layer,
                                      uint64_t n, uint64_t rows, uint64_t cols) {
  const sotto_gguf_tensor *tensor = find_stack(p, name_format, layer, n, rows, cols);
  if (!tensor) return SOTTO_NONE;
  if (rows % SOTTO_TILE_ROWS) {
    return refuse(p, sotto_fail(p->ctx, SOTTO_ERR_UNSUPPORTED_ARCHITECTURE,
                                "experts of tensor '%.*s' have %llu rows, which is no multiple of "
                                "%d; use another model",
                                SOTTO_SLICE_ARG(tensor->name), (unsigned long long)rows,
                                SOTTO_TILE_ROWS));
  }
  return sotto_program_add_weight(
      p, (sotto_weight){tensor, SOTTO_WEIGHT_MATRIX, 0, n * rows, cols, p->stage});
}

sotto_weight_id sotto_program_matrix(sotto_program *p, const char *name_format, uint32_t layer,
                                     uint64_t rows, uint64_t cols) {
  return sotto_program_matrix_rows(p, name_format, layer, rows, cols, 0, rows);
}

sotto_weight_id sotto_program_vector(sotto_program *p, const char *name_format, uint32_t layer,
                                     uint64_t cols) {
  return sotto_program_vector_slice(p, name_format, layer, cols, 0, cols);
}

/* ---- operations ---- */

/* The shapes of buffers and weights are fixed by the architecture's code. So a mismatch here is a
 * mistake in that code, found by the first test that builds the program. */

static void emit(sotto_program *p, sotto_op op) {
  if (!ok(p) || !grow(p, (void **)&p->ops, p->n_ops, &p->cap_ops, sizeof *p->ops)) return;
  op.stage = p->stage;
  p->ops[p->n_ops++] = op;
}

static void check(sotto_program *p, bool shapes_fit, const char *op) {
  if (ok(p) && !shapes_fit) {
    p->status = sotto_fail(p->ctx, SOTTO_ERR_INTERNAL,
                           "operation %zu (%s) of the program has shapes that do not fit; please "
                           "report this with the model's name",
                           p->n_ops, op);
  }
}

#define DIM(id)       (p->buffers[id].dim)
#define PER_TOKEN(id) (!p->buffers[id].per_output && p->buffers[id].n_used == 0)
#define SAME_ROWS(a, b)                                                                            \
  (p->buffers[a].per_output == p->buffers[b].per_output &&                                         \
   p->buffers[a].n_used == p->buffers[b].n_used)
/* An operation without weights; designators that follow override. */
#define OP(KIND, out_, in0, in1)                                                                   \
  .kind = SOTTO_OP_##KIND, .out = (out_), .in = {(in0), (in1)}, .weight = SOTTO_NONE,              \
  .bias = SOTTO_NONE

void sotto_program_embed(sotto_program *p, sotto_buffer_id out, sotto_weight_id table,
                         sotto_embed_row row) {
  check(p, ok(p) && DIM(out) == p->weights[table].cols, "embed");
  sotto_op op = {OP(EMBED, out, SOTTO_NONE, SOTTO_NONE), .embed = {row}};
  op.weight = table;
  emit(p, op);
}

void sotto_program_rms_norm(sotto_program *p, sotto_buffer_id out, sotto_buffer_id in,
                            sotto_weight_id weight, float eps) {
  check(p,
        ok(p) && DIM(out) == DIM(in) && DIM(in) % p->weights[weight].cols == 0 &&
            SAME_ROWS(out, in),
        "rms_norm");
  if (!ok(p)) return;
  sotto_op op = {OP(RMS_NORM, out, in, SOTTO_NONE),
                 .norm = {eps, (uint32_t)p->weights[weight].cols}};
  op.weight = weight;
  emit(p, op);
}

void sotto_program_layer_norm(sotto_program *p, sotto_buffer_id out, sotto_buffer_id in,
                              sotto_weight_id weight, sotto_weight_id bias, float eps) {
  check(p,
        ok(p) && DIM(out) == DIM(in) && DIM(in) == p->weights[weight].cols &&
            p->weights[bias].cols == DIM(in) && SAME_ROWS(out, in),
        "layer_norm");
  if (!ok(p)) return;
  sotto_op op = {OP(LAYER_NORM, out, in, SOTTO_NONE), .norm = {eps, DIM(in)}};
  op.weight = weight;
  op.bias = bias;
  emit(p, op);
}

static void matmul(sotto_program *p, sotto_buffer_id out, sotto_buffer_id in,
                   sotto_weight_id weight, sotto_weight_id bias, bool feeds_logits) {
  check(p,
        ok(p) && DIM(in) == p->weights[weight].cols && DIM(out) == p->weights[weight].rows &&
            SAME_ROWS(out, in) && p->buffers[in].n_used == 0 &&
            (bias < 0 || p->weights[bias].cols == DIM(out)),
        "matmul");
  sotto_op op = {OP(MATMUL, out, in, SOTTO_NONE), .matmul = {feeds_logits}};
  op.weight = weight;
  op.bias = bias;
  emit(p, op);
}

void sotto_program_matmul(sotto_program *p, sotto_buffer_id out, sotto_buffer_id in,
                          sotto_weight_id weight, sotto_weight_id bias) {
  matmul(p, out, in, weight, bias, false);
}

void sotto_program_logits(sotto_program *p, sotto_buffer_id out, sotto_buffer_id in,
                          sotto_weight_id weight) {
  matmul(p, out, in, weight, SOTTO_NONE, true);
  p->output = out;
}

void sotto_program_rope(sotto_program *p, sotto_buffer_id x, uint32_t table, uint32_t head_dim) {
  check(p,
        ok(p) && table < p->n_ropes && DIM(x) % head_dim == 0 && p->ropes[table].n_rot <= head_dim,
        "rope");
  emit(p, (sotto_op){OP(ROPE, x, x, SOTTO_NONE), .rope = {table, head_dim}});
}

void sotto_program_kv_write(sotto_program *p, uint32_t layer, sotto_buffer_id k,
                            sotto_buffer_id v) {
  check(p, ok(p) && layer < p->shape.n_layer, "kv_write");
  if (!ok(p)) return;
  const sotto_kv_layer *kv = &p->kv_layers[layer];
  check(p, DIM(k) == kv->n_head_kv * kv->head_dim && DIM(v) == DIM(k), "kv_write");
  emit(p, (sotto_op){
              OP(KV_WRITE, SOTTO_NONE, k, v),
              .attention = {.layer = layer, .n_head_kv = kv->n_head_kv, .head_dim = kv->head_dim}});
}

/* The group of layers with this window. Families have two at most. */
static uint32_t kv_group(sotto_program *p, uint32_t window) {
  uint32_t g = 0;
  while (g < p->n_kv_windows && p->kv_windows[g] != window) g++;
  if (g == SOTTO_KV_MAX_GROUPS) {
    check(p, false, "attention");
    return 0;
  }
  if (g == p->n_kv_windows) p->kv_windows[p->n_kv_windows++] = window;
  return g;
}

void sotto_program_attention(sotto_program *p, uint32_t layer, sotto_buffer_id out,
                             sotto_buffer_id q, uint32_t n_head, float scale, float softcap,
                             uint32_t window) {
  check(p, ok(p) && layer < p->shape.n_layer, "attention");
  if (!ok(p)) return;
  sotto_kv_layer *kv = &p->kv_layers[layer];
  kv->group = kv_group(p, window);
  check(p,
        DIM(out) == DIM(q) && DIM(q) == n_head * kv->head_dim && n_head % kv->n_head_kv == 0 &&
            (p->causal || window == 0),
        "attention");
  emit(p, (sotto_op){OP(ATTENTION, out, q, SOTTO_NONE),
                     .attention = {layer, n_head, kv->n_head_kv, kv->head_dim, scale, softcap,
                                   window, p->causal}});
}

void sotto_program_glu(sotto_program *p, sotto_buffer_id out, sotto_buffer_id gate,
                       sotto_buffer_id up, sotto_activation activation) {
  check(p, ok(p) && DIM(out) == DIM(gate) && DIM(gate) == DIM(up) && SAME_ROWS(gate, up), "glu");
  emit(p, (sotto_op){OP(GLU, out, gate, up), .glu = {activation}});
}

void sotto_program_gelu(sotto_program *p, sotto_buffer_id x) {
  emit(p, (sotto_op){OP(GELU, x, x, SOTTO_NONE)});
}

void sotto_program_add(sotto_program *p, sotto_buffer_id out, sotto_buffer_id a,
                       sotto_buffer_id b) {
  check(p, ok(p) && DIM(out) == DIM(a) && DIM(a) == DIM(b) && SAME_ROWS(a, b), "add");
  emit(p, (sotto_op){OP(ADD, out, a, b)});
}

void sotto_program_mul(sotto_program *p, sotto_buffer_id out, sotto_buffer_id a,
                       sotto_buffer_id b) {
  check(p, ok(p) && DIM(out) == DIM(a) && DIM(a) == DIM(b) && SAME_ROWS(a, b), "mul");
  emit(p, (sotto_op){OP(MUL, out, a, b)});
}

void sotto_program_short_conv(sotto_program *p, uint32_t layer, sotto_buffer_id out,
                              sotto_buffer_id in, sotto_weight_id taps, uint32_t n_taps) {
  check(p,
        ok(p) && layer < p->shape.n_layer && out != in && DIM(out) == DIM(in) && n_taps >= 2 &&
            n_taps <= SOTTO_MAX_TAPS && p->weights[taps].cols == (uint64_t)DIM(in) * n_taps,
        "short_conv");
  if (!ok(p)) return;
  p->kv_layers[layer].n_state = (n_taps - 1) * DIM(in);
  sotto_op op = {OP(SHORT_CONV, out, in, SOTTO_NONE), .conv = {layer, n_taps}};
  op.weight = taps;
  emit(p, op);
}

void sotto_program_scale(sotto_program *p, sotto_buffer_id x, float factor) {
  if (factor == 1.0f) return;
  emit(p, (sotto_op){OP(SCALE, x, x, SOTTO_NONE), .scale = {factor}});
}

void sotto_program_softcap(sotto_program *p, sotto_buffer_id x, float cap) {
  if (cap == 0.0f) return;
  emit(p, (sotto_op){OP(SOFTCAP, x, x, SOTTO_NONE), .softcap = {cap}});
}

void sotto_program_route(sotto_program *p, sotto_buffer_id routes, sotto_buffer_id logits,
                         uint32_t n_used, bool normalise) {
  check(p,
        ok(p) && n_used > 0 && n_used <= DIM(logits) && DIM(routes) == 2 * n_used &&
            PER_TOKEN(routes) && PER_TOKEN(logits),
        "route");
  emit(p, (sotto_op){OP(ROUTE, routes, logits, SOTTO_NONE), .route = {n_used, normalise}});
}

/* The experts that the stage's last ROUTE chose from, where it wrote these routes; else 0. */
static uint32_t n_experts_of(const sotto_program *p, sotto_buffer_id routes) {
  for (size_t i = p->n_ops; i-- > 0 && p->ops[i].stage == p->stage;) {
    if (p->ops[i].kind == SOTTO_OP_ROUTE) return p->ops[i].out == routes ? DIM(p->ops[i].in[0]) : 0;
  }
  return 0;
}

void sotto_program_matmul_experts(sotto_program *p, sotto_buffer_id out, sotto_buffer_id in,
                                  sotto_buffer_id routes, sotto_weight_id experts) {
  check(p,
        ok(p) && out != in && DIM(in) == p->weights[experts].cols && n_experts_of(p, routes) > 0 &&
            p->weights[experts].rows == (uint64_t)n_experts_of(p, routes) * DIM(out) &&
            p->buffers[out].n_used > 0 && DIM(routes) == 2 * p->buffers[out].n_used &&
            (PER_TOKEN(in) || SAME_ROWS(in, out)),
        "matmul_experts");
  sotto_op op = {OP(MATMUL_EXPERTS, out, in, routes)};
  op.weight = experts;
  emit(p, op);
}

void sotto_program_combine(sotto_program *p, sotto_buffer_id out, sotto_buffer_id in,
                           sotto_buffer_id routes) {
  check(p,
        ok(p) && DIM(out) == DIM(in) && p->buffers[in].n_used > 0 && n_experts_of(p, routes) > 0 &&
            DIM(routes) == 2 * p->buffers[in].n_used && PER_TOKEN(out),
        "combine");
  emit(p, (sotto_op){OP(COMBINE, out, in, routes)});
}

void sotto_program_sigmoid_gate(sotto_program *p, sotto_buffer_id x, sotto_buffer_id gate) {
  check(p, ok(p) && DIM(gate) == 1 && SAME_ROWS(x, gate), "sigmoid_gate");
  emit(p, (sotto_op){OP(SIGMOID_GATE, x, x, gate)});
}

void sotto_program_take_outputs(sotto_program *p, sotto_buffer_id out, sotto_buffer_id in) {
  check(p, ok(p) && DIM(out) == DIM(in) && p->buffers[out].per_output && PER_TOKEN(in),
        "take_outputs");
  emit(p, (sotto_op){OP(TAKE_OUTPUTS, out, in, SOTTO_NONE)});
}

void sotto_program_embedding(sotto_program *p, sotto_buffer_id in) {
  check(p, ok(p) && p->pooling && !p->buffers[in].per_output, "pool");
  if (!ok(p)) return;
  p->output = sotto_program_output_buffer(p, "embedding", DIM(in));
  emit(p, (sotto_op){OP(POOL, p->output, in, SOTTO_NONE), .pool = {p->pooling}});
  emit(p, (sotto_op){OP(L2_NORM, p->output, p->output, SOTTO_NONE)});
}

/* ---- the end ---- */

/* Every element of every tensor belongs to exactly one weight. */
static sotto_status check_coverage(sotto_program *p) {
  const size_t n = sotto_gguf_n_tensors(p->gguf);
  uint64_t *taken = sotto_arena_array(&p->arena, n ? n : 1, sizeof *taken);
  if (!taken) return SOTTO_ERR_OUT_OF_MEMORY;
  const sotto_gguf_tensor *tensors = sotto_gguf_tensor_at(p->gguf, 0);
  for (size_t i = 0; i < p->n_weights; i++)
    taken[p->weights[i].tensor - tensors] += p->weights[i].rows * p->weights[i].cols;
  for (size_t i = 0; i < n; i++) {
    const sotto_gguf_tensor *t = &tensors[i];
    if (taken[i] == t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3] || t == p->passed_over) continue;
    return sotto_fail(p->ctx, SOTTO_ERR_UNSUPPORTED_ARCHITECTURE,
                      "tensor '%.*s' is %s by this architecture as sotto knows it, so the answers "
                      "would be wrong; use a model without it",
                      SOTTO_SLICE_ARG(t->name), taken[i] ? "not used as a whole" : "not used");
  }
  return SOTTO_OK;
}

sotto_status sotto_program_finish(sotto_program *p) {
  const uint32_t width = p->pooling ? p->shape.n_embd : p->shape.n_vocab;
  check(p, ok(p) && p->n_ops > 0 && p->output >= 0 && DIM(p->output) == width, "end");
  if (ok(p)) p->status = check_coverage(p);
  return p->status;
}
