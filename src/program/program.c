/* Building a program: buffers, weights checked against the file, operations checked against shapes. */
#include "program/program.h"

#include <stdio.h>

void sotto_program_init(sotto_program *p, sotto_ctx *ctx, const sotto_gguf *gguf) {
  *p = (sotto_program){.ctx = ctx, .gguf = gguf, .logits = SOTTO_NONE};
  p->hparams.rope_factors = SOTTO_NONE;
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

static sotto_buffer_id add_buffer(sotto_program *p, const char *name, uint32_t dim,
                                  bool per_output) {
  if (!ok(p) || !grow(p, (void **)&p->buffers, p->n_buffers, &p->cap_buffers, sizeof *p->buffers)) {
    return SOTTO_NONE;
  }
  p->buffers[p->n_buffers] = (sotto_buffer){name, dim, per_output};
  return (sotto_buffer_id)p->n_buffers++;
}

sotto_buffer_id sotto_program_buffer(sotto_program *p, const char *name, uint32_t dim) {
  return add_buffer(p, name, dim, false);
}

sotto_buffer_id sotto_program_output_buffer(sotto_program *p, const char *name, uint32_t dim) {
  return add_buffer(p, name, dim, true);
}

bool sotto_program_has(const sotto_program *p, const char *name) {
  return sotto_gguf_find_tensor(p->gguf, name) != NULL;
}

static sotto_weight_id take_weight(sotto_program *p, const char *name_format, uint32_t layer,
                                   uint64_t rows, uint64_t cols, sotto_weight_kind kind) {
  char name[128];
  snprintf(name, sizeof name, name_format, layer);
  if (!ok(p)) return SOTTO_NONE;
  const sotto_gguf_tensor *tensor = sotto_gguf_find_tensor(p->gguf, name);
  if (!tensor) {
    p->status = sotto_fail(p->ctx, SOTTO_ERR_INVALID_MODEL,
                           "tensor '%s' is missing: the file is incomplete or not of the "
                           "architecture it names; convert the model again",
                           name);
    return SOTTO_NONE;
  }
  if (tensor->ne[0] != cols || tensor->ne[1] != rows || tensor->ne[2] != 1 || tensor->ne[3] != 1) {
    p->status =
        sotto_fail(p->ctx, SOTTO_ERR_INVALID_MODEL,
                   "tensor '%s' is %llu x %llu, the hyper-parameters ask for %llu x %llu; "
                   "convert the model again",
                   name, (unsigned long long)tensor->ne[1], (unsigned long long)tensor->ne[0],
                   (unsigned long long)rows, (unsigned long long)cols);
    return SOTTO_NONE;
  }
  /* A tensor may be used twice (tied embedding): one weight. */
  for (size_t i = 0; i < p->n_weights; i++) {
    if (p->weights[i].tensor == tensor) return (sotto_weight_id)i;
  }
  if (!grow(p, (void **)&p->weights, p->n_weights, &p->cap_weights, sizeof *p->weights)) {
    return SOTTO_NONE;
  }
  p->weights[p->n_weights] = (sotto_weight){tensor, kind, rows, cols, p->stage};
  return (sotto_weight_id)p->n_weights++;
}

sotto_weight_id sotto_program_matrix(sotto_program *p, const char *name_format, uint32_t layer,
                                     uint64_t rows, uint64_t cols) {
  return take_weight(p, name_format, layer, rows, cols, SOTTO_WEIGHT_MATRIX);
}

sotto_weight_id sotto_program_vector(sotto_program *p, const char *name_format, uint32_t layer,
                                     uint64_t cols) {
  return take_weight(p, name_format, layer, 1, cols, SOTTO_WEIGHT_VECTOR);
}

/* Operations. Shapes of buffers and weights are fixed by the architecture's code, so a mismatch here
 * is a mistake in that code, found by the first test that builds the program. */

static void emit(sotto_program *p, sotto_op op) {
  if (!ok(p) || !grow(p, (void **)&p->ops, p->n_ops, &p->cap_ops, sizeof *p->ops)) return;
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

#define DIM(id)         (p->buffers[id].dim)
#define SAME_ROWS(a, b) (p->buffers[a].per_output == p->buffers[b].per_output)

void sotto_program_embed(sotto_program *p, sotto_buffer_id out, sotto_weight_id table) {
  check(p, ok(p) && DIM(out) == p->weights[table].cols, "embed");
  emit(p, (sotto_op){SOTTO_OP_EMBED, out, {SOTTO_NONE, SOTTO_NONE}, table, 0, p->stage});
}

void sotto_program_rms_norm(sotto_program *p, sotto_buffer_id out, sotto_buffer_id in,
                            sotto_weight_id weight) {
  check(p, ok(p) && DIM(out) == DIM(in) && DIM(in) == p->weights[weight].cols && SAME_ROWS(out, in),
        "rms_norm");
  emit(p, (sotto_op){SOTTO_OP_RMS_NORM, out, {in, SOTTO_NONE}, weight, 0, p->stage});
}

void sotto_program_matmul(sotto_program *p, sotto_buffer_id out, sotto_buffer_id in,
                          sotto_weight_id weight) {
  check(p,
        ok(p) && DIM(in) == p->weights[weight].cols && DIM(out) == p->weights[weight].rows &&
            SAME_ROWS(out, in),
        "matmul");
  emit(p, (sotto_op){SOTTO_OP_MATMUL, out, {in, SOTTO_NONE}, weight, 0, p->stage});
}

void sotto_program_rope(sotto_program *p, sotto_buffer_id x) {
  check(p, ok(p) && DIM(x) % p->hparams.head_dim == 0, "rope");
  emit(p, (sotto_op){SOTTO_OP_ROPE, x, {x, SOTTO_NONE}, SOTTO_NONE, 0, p->stage});
}

void sotto_program_kv_write(sotto_program *p, uint32_t layer, sotto_buffer_id k,
                            sotto_buffer_id v) {
  check(p,
        ok(p) && DIM(k) == p->hparams.n_head_kv * p->hparams.head_dim && DIM(v) == DIM(k) &&
            layer < p->hparams.n_layer,
        "kv_write");
  emit(p, (sotto_op){SOTTO_OP_KV_WRITE, SOTTO_NONE, {k, v}, SOTTO_NONE, layer, p->stage});
}

void sotto_program_attention(sotto_program *p, uint32_t layer, sotto_buffer_id out,
                             sotto_buffer_id q) {
  check(p,
        ok(p) && DIM(out) == DIM(q) && DIM(q) == p->hparams.n_head * p->hparams.head_dim &&
            layer < p->hparams.n_layer,
        "attention");
  emit(p, (sotto_op){SOTTO_OP_ATTENTION, out, {q, SOTTO_NONE}, SOTTO_NONE, layer, p->stage});
}

void sotto_program_swiglu(sotto_program *p, sotto_buffer_id out, sotto_buffer_id gate,
                          sotto_buffer_id up) {
  check(p, ok(p) && DIM(out) == DIM(gate) && DIM(gate) == DIM(up), "swiglu");
  emit(p, (sotto_op){SOTTO_OP_SWIGLU, out, {gate, up}, SOTTO_NONE, 0, p->stage});
}

void sotto_program_add(sotto_program *p, sotto_buffer_id out, sotto_buffer_id a,
                       sotto_buffer_id b) {
  check(p, ok(p) && DIM(out) == DIM(a) && DIM(a) == DIM(b) && SAME_ROWS(a, b), "add");
  emit(p, (sotto_op){SOTTO_OP_ADD, out, {a, b}, SOTTO_NONE, 0, p->stage});
}

void sotto_program_take_outputs(sotto_program *p, sotto_buffer_id out, sotto_buffer_id in) {
  check(p, ok(p) && DIM(out) == DIM(in) && p->buffers[out].per_output && !p->buffers[in].per_output,
        "take_outputs");
  emit(p, (sotto_op){SOTTO_OP_TAKE_OUTPUTS, out, {in, SOTTO_NONE}, SOTTO_NONE, 0, p->stage});
}

sotto_status sotto_program_finish(sotto_program *p) {
  check(p, ok(p) && p->n_ops > 0 && p->logits >= 0 && DIM(p->logits) == p->hparams.n_vocab, "end");
  return p->status;
}
