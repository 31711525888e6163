/* Weight blocks, overlapping activation buffers. */
#include "backend/memory.h"

/* More than any host has, and small enough to be added to. */
#define TOO_MANY    (UINT64_MAX / 4)
#define ALIGN_UP(n) (((n) + 63) & ~(uint64_t)63)

static sotto_place_kind kind_of(const sotto_weight *w, sotto_place_kind matrix_kind) {
  return w->kind == SOTTO_WEIGHT_MATRIX ? matrix_kind : SOTTO_PLACE_F32;
}

static uint64_t placed_bytes(const sotto_weight *w, sotto_place_kind kind) {
  if (kind == SOTTO_PLACE_UPLOAD) return 0;
  if (kind == SOTTO_PLACE_F32) return w->rows * w->cols * sizeof(float);
  return sotto_packed_bytes(w->tensor->type, w->rows, w->cols);
}

sotto_placement sotto_placement_of(const sotto_weight *w, sotto_place_kind kind) {
  const uint64_t first = w->kind == SOTTO_WEIGHT_MATRIX ? w->first * w->cols : w->first;
  const sotto_dtype type = w->tensor->type;
  return (sotto_placement){.tensor = w->tensor,
                           .offset = w->tensor->offset + sotto_dtype_row_bytes(type, first),
                           .size = w->rows * sotto_dtype_row_bytes(type, w->cols),
                           .rows = w->rows,
                           .cols = w->cols,
                           .kind = kind,
                           .stage = w->stage};
}

uint64_t sotto_weights_bytes(const sotto_program *program, sotto_place_kind matrix_kind) {
  uint64_t total = 0;
  for (size_t i = 0; i < program->n_weights; i++) {
    const sotto_weight *w = &program->weights[i];
    const uint64_t bytes = ALIGN_UP(placed_bytes(w, kind_of(w, matrix_kind)));
    if (bytes > TOO_MANY - total) return TOO_MANY;
    total += bytes;
  }
  return total;
}

sotto_status sotto_weights_new(const sotto_program *program, sotto_place_kind matrix_kind,
                               sotto_weights *out) {
  sotto_ctx *ctx = program->ctx;
  *out = (sotto_weights){.n = program->n_weights};
  out->bytes = sotto_weights_bytes(program, matrix_kind);
  if (out->bytes > SIZE_MAX / 2 + SIZE_MAX / 4) {
    return sotto_fail(
        ctx, SOTTO_ERR_MEMORY_BUDGET,
        "%llu bytes of weights do not fit this host's address space; use a smaller or "
        "more strongly quantised model",
        (unsigned long long)out->bytes);
  }
  out->placements = sotto_alloc_zero(ctx, out->n * sizeof *out->placements);
  out->data = sotto_alloc_aligned(ctx, (size_t)out->bytes);
  if (!out->placements || !out->data) {
    sotto_weights_free(ctx, out);
    return SOTTO_ERR_OUT_OF_MEMORY;
  }
  uint64_t offset = 0;
  for (size_t i = 0; i < out->n; i++) {
    const sotto_weight *w = &program->weights[i];
    sotto_place_kind kind = kind_of(w, matrix_kind);
    out->placements[i] = sotto_placement_of(w, kind);
    out->placements[i].dst = out->data + offset;
    offset += ALIGN_UP(placed_bytes(w, kind));
  }
  return SOTTO_OK;
}

void sotto_weights_free(sotto_ctx *ctx, sotto_weights *weights) {
  sotto_free(ctx, weights->placements, weights->n * sizeof *weights->placements);
  sotto_free_aligned(ctx, weights->data, (size_t)weights->bytes);
  *weights = (sotto_weights){0};
}

bool sotto_op_is_ready(const sotto_program *p, const sotto_op *op, uint32_t n_ctx,
                       const bool *ready) {
  if (op->weight >= 0 && !ready[op->weight]) return false;
  if (op->bias >= 0 && !ready[op->bias]) return false;
  for (size_t i = 0; op == p->ops && i < p->n_ropes; i++) {
    const sotto_weight_id factors = sotto_rope_factors(&p->ropes[i], n_ctx);
    if (factors >= 0 && !ready[factors]) return false;
  }
  return true;
}

uint32_t sotto_widest_rope(const sotto_program *p) {
  uint32_t widest = 0;
  for (size_t i = 0; i < p->n_ropes; i++)
    if (p->ropes[i].n_rot > widest) widest = p->ropes[i].n_rot;
  return widest;
}

/* live[b * n_ops + i]: buffer b holds a value that operation i reads, writes, or that is read later.
 * Walking backwards: a write of the whole buffer that does not read it ends the life. */
static void find_lives(const sotto_program *p, bool *live) {
  for (size_t b = 0; b < p->n_buffers; b++) {
    bool needed = (sotto_buffer_id)b == p->logits;
    for (size_t i = p->n_ops; i-- > 0;) {
      const sotto_op *op = &p->ops[i];
      bool reads = op->in[0] == (sotto_buffer_id)b || op->in[1] == (sotto_buffer_id)b;
      bool writes = op->out == (sotto_buffer_id)b;
      live[b * p->n_ops + i] = needed || reads || writes;
      if (writes) needed = false;
      if (reads) needed = true;
    }
  }
}

static bool lives_meet(const sotto_program *p, const bool *live, size_t a, size_t b) {
  for (size_t i = 0; i < p->n_ops; i++) {
    if (live[a * p->n_ops + i] && live[b * p->n_ops + i]) return true;
  }
  return false;
}

bool sotto_buffer_is_carried(const sotto_program *p, sotto_buffer_id id) {
  uint32_t written = UINT32_MAX; /* in this stage */
  for (size_t i = 0; i < p->n_ops; i++) {
    const sotto_op *op = &p->ops[i];
    if ((op->in[0] == id || op->in[1] == id) && written != op->stage) return true;
    if (op->out == id) written = op->stage;
  }
  return false;
}

static uint64_t buffer_floats(const sotto_program *p, const sotto_backend_config *config,
                              size_t b) {
  uint64_t rows = p->buffers[b].per_output                         ? config->n_outputs
                  : sotto_buffer_is_carried(p, (sotto_buffer_id)b) ? config->n_batch
                                                                   : config->n_part;
  return ALIGN_UP(rows * p->buffers[b].dim);
}

/* While one part of a batch is in a stage, what is carried holds the other parts' rows. */
static bool meet(const sotto_program *p, const sotto_backend_config *config, const bool *live,
                 size_t a, size_t b) {
  const bool held =
      config->n_batch > config->n_part && (sotto_buffer_is_carried(p, (sotto_buffer_id)a) ||
                                           sotto_buffer_is_carried(p, (sotto_buffer_id)b));
  return held || lives_meet(p, live, a, b);
}

uint64_t sotto_buffers_plan(const sotto_program *p, const sotto_backend_config *config,
                            uint64_t *offsets) {
  sotto_ctx *ctx = p->ctx;
  size_t n = p->n_buffers, n_live = n * p->n_ops;
  bool *live = sotto_alloc_zero(ctx, n_live);
  uint64_t *at = sotto_alloc_zero(ctx, n * sizeof *at);
  uint64_t total = UINT64_MAX;
  if (live && at) {
    find_lives(p, live);
    total = 0;
    for (size_t b = 0; b < n; b++) {
      /* The lowest offset free of every earlier buffer that lives at the same time. */
      uint64_t size = buffer_floats(p, config, b), offset = 0;
      for (bool moved = true; moved;) {
        moved = false;
        for (size_t other = 0; other < b; other++) {
          uint64_t end = at[other] + buffer_floats(p, config, other);
          if (offset < end && at[other] < offset + size && meet(p, config, live, b, other)) {
            offset = end;
            moved = true;
          }
        }
      }
      at[b] = offset;
      if (offset + size > total) total = offset + size;
    }
    if (offsets) memcpy(offsets, at, n * sizeof *at);
  }
  sotto_free(ctx, live, n_live);
  sotto_free(ctx, at, n * sizeof *at);
  return total;
}
