/* Weight blocks, overlapping activation buffers. */
#include "backend/memory.h"

/* More than any host has, and small enough to be added to. */
#define TOO_MANY    (UINT64_MAX / 4)
#define ALIGN_UP(n) (((n) + 63) & ~(uint64_t)63)

static sotto_place_kind kind_of(const sotto_weight *w, sotto_place_kind matrix_kind) {
  return w->kind == SOTTO_WEIGHT_MATRIX ? matrix_kind : SOTTO_PLACE_F32;
}

static uint64_t placed_bytes(const sotto_weight *w, sotto_place_kind kind) {
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

bool sotto_buffer_is_carried(const sotto_program *p, sotto_buffer_id id) {
  uint32_t written = UINT32_MAX; /* in this stage */
  for (size_t i = 0; i < p->n_ops; i++) {
    const sotto_op *op = &p->ops[i];
    if ((op->in[0] == id || op->in[1] == id) && written != op->stage) return true;
    if (op->out == id) written = op->stage;
  }
  return false;
}

/* live[i * n_buffers + b]: buffer b holds a value that operation i reads, writes, or that is read
 * later. Walking backwards: a write of the whole buffer that does not read it ends the life. */
static void find_lives(const sotto_program *p, bool *needed, bool *live) {
  const size_t n = p->n_buffers;
  memset(needed, 0, n);
  needed[p->output] = true;
  for (size_t i = p->n_ops; i-- > 0;) {
    const sotto_op *op = &p->ops[i];
    bool *at = live + i * n;
    memcpy(at, needed, n);
    if (op->out >= 0) at[op->out] = true, needed[op->out] = false;
    for (int k = 0; k < 2; k++)
      if (op->in[k] >= 0) at[op->in[k]] = needed[op->in[k]] = true;
  }
}

/* meets[other]: that buffer in front of b lives at the same time. Only where b lives is looked at:
 * models with a width of their own in every layer have many buffers with short lives. */
static void find_meeting(const sotto_program *p, const bool *live, size_t b, bool *meets) {
  memset(meets, 0, b);
  for (size_t i = 0; i < p->n_ops; i++) {
    const bool *at = live + i * p->n_buffers;
    for (size_t other = 0; at[b] && other < b; other++) meets[other] |= at[other];
  }
}

/* Where a buffer lies, in floats. */
typedef struct space {
  uint64_t at, size;
  bool carried;
} space;

static space space_of(const sotto_program *p, const sotto_backend_config *config, size_t b) {
  const bool carried = sotto_buffer_is_carried(p, (sotto_buffer_id)b);
  const uint64_t rows = sotto_buffer_rows(
      &p->buffers[b], carried ? config->n_batch : config->n_part, config->n_outputs);
  return (space){.size = ALIGN_UP(rows * p->buffers[b].dim), .carried = carried};
}

/* Puts buffer b at the lowest offset free of every earlier buffer that lives at the same time.
 * `parts`: while one part of a batch is in a stage, what is carried holds the other parts' rows. */
static void find_room(space *spaces, size_t b, bool parts, const bool *meets) {
  space *s = &spaces[b];
  for (bool moved = true; moved;) {
    moved = false;
    for (size_t other = 0; other < b; other++) {
      const space *o = &spaces[other];
      const bool apart = !meets[other] && !(parts && (s->carried || o->carried));
      if (apart || s->at >= o->at + o->size || o->at >= s->at + s->size) continue;
      s->at = o->at + o->size;
      moved = true;
    }
  }
}

uint64_t sotto_buffers_plan(const sotto_program *p, const sotto_backend_config *config,
                            uint64_t *offsets) {
  sotto_ctx *ctx = p->ctx;
  const size_t n = p->n_buffers;
  size_t n_live;
  if (!sotto_size_mul(n, p->n_ops, &n_live)) n_live = SIZE_MAX; /* which no allocator has */
  bool *live = sotto_alloc(ctx, n_live), *meets = sotto_alloc(ctx, n);
  space *spaces = sotto_alloc(ctx, n * sizeof *spaces);
  uint64_t total = UINT64_MAX;
  if (live && meets && spaces) {
    find_lives(p, meets, live);
    total = 0;
    for (size_t b = 0; b < n; b++) {
      spaces[b] = space_of(p, config, b);
      find_meeting(p, live, b, meets);
      find_room(spaces, b, config->n_batch > config->n_part, meets);
      if (spaces[b].at + spaces[b].size > total) total = spaces[b].at + spaces[b].size;
      if (offsets) offsets[b] = spaces[b].at;
    }
  }
  sotto_free(ctx, live, n_live);
  sotto_free(ctx, meets, n);
  sotto_free(ctx, spaces, n * sizeof *spaces);
  return total;
}
