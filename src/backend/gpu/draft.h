/* Dispatches that are being put together: what lowering operations (lower_ops.c) and units
 * (lower_units.c) has in common. */
#ifndef SOTTO_BACKEND_GPU_DRAFT_H
#define SOTTO_BACKEND_GPU_DRAFT_H

#include "backend/gpu/kernels.h"
#include "backend/gpu/lower.h"

#define GPU_MAX_BINDINGS 8  /* behind the parameters */
#define GPU_MAX_PARAMS   64 /* bytes */

typedef struct gpu_draft {
  gpu_step step;
  gpu_kernel kernel, several; /* the latter for several rows together, or the former */
  sotto_dtype type;           /* of its weights */
  sotto_gpu_binding bindings[GPU_MAX_BINDINGS]; /* from binding 1 on */
  uint32_t n;
  char params[GPU_MAX_PARAMS];
} gpu_draft;

/* Of one program. */
typedef struct gpu_lower {
  const gpu_lowering *in;
  gpu_steps *out;
  sotto_status status; /* of the first failure */
} gpu_lower;

/* A dispatch for the rows of an operation's output, with one workgroup for each. */
gpu_draft gpu_draft_begin(const gpu_lower *lower, const sotto_op *op, gpu_kernel kernel);
/* (columns, rows): an invocation for each element of the output. */
gpu_draft gpu_draft_elements(const gpu_lower *lower, const sotto_op *op, gpu_kernel kernel);
/* Of a shard's rows; and of the batch's outputs. What kernels that pack bind more is left out. */
gpu_draft gpu_draft_embed(const gpu_lower *lower, const sotto_op *op, gpu_kernel kernel,
                          uint32_t shard, gpu_packs packs);
gpu_draft gpu_draft_take_outputs(const gpu_lower *lower, const sotto_op *op, gpu_kernel kernel,
                                 gpu_packs packs);
/* One that takes attention's parameters and bindings. */
gpu_draft gpu_draft_attention(const gpu_lower *lower, const sotto_op *op, gpu_kernel kernel,
                              uint32_t out, gpu_packs packs);
/* Makes a step of it. */
void gpu_draft_finish(gpu_lower *lower, gpu_draft *draft);

/* What the kernels list (kernels.h), one after the other. */
void gpu_bind_batch(const gpu_lower *lower, gpu_draft *draft);
void gpu_bind_activations(const gpu_lower *lower, gpu_draft *draft, uint32_t index);
void gpu_bind_in(const gpu_lower *lower, gpu_draft *draft, const sotto_op *op, int k);
void gpu_bind_out(const gpu_lower *lower, gpu_draft *draft, const sotto_op *op);
void gpu_bind_shard(const gpu_lower *lower, gpu_draft *draft, uint32_t shard);
/* A vector, which is never more than one shard. */
void gpu_bind_vector(const gpu_lower *lower, gpu_draft *draft, sotto_weight_id weight);
/* An operation's bias, or where it has none the activations, which kernels do not read as such. */
void gpu_bind_bias(const gpu_lower *lower, gpu_draft *draft, const sotto_op *op,
                   uint32_t activations);
void gpu_bind_cache(const gpu_lower *lower, gpu_draft *draft, uint32_t layer,
                    gpu_storage_part part);
void gpu_bind_status(const gpu_lower *lower, gpu_draft *draft);

#define GPU_SET_PARAMS(draft, type, ...)                                                           \
  do {                                                                                             \
    const type params_ = {__VA_ARGS__};                                                            \
    _Static_assert(sizeof params_ <= GPU_MAX_PARAMS, "parameters fit their slot");                 \
    memcpy((draft)->params, &params_, sizeof params_);                                             \
  } while (0)

#define GPU_SHARD_PARAMS(shard, weight)                                                            \
  .first_row = (uint32_t)(shard)->first_row, .n_rows = (uint32_t)(shard)->n_rows,                  \
  .cols = (uint32_t)(weight)->cols, .plane_1 = (shard)->planes[1], .plane_2 = (shard)->planes[2],  \
  .plane_3 = (shard)->planes[3]

static inline const gpu_operands *gpu_operands_of(const gpu_lower *l, const sotto_op *op) {
  return &l->in->buffers->operands[op - l->in->program->ops];
}
static inline uint32_t gpu_dim_of(const gpu_lower *l, sotto_buffer_id id) {
  return l->in->program->buffers[id].dim;
}
static inline const sotto_weight *gpu_weight_of(const gpu_lower *l, const sotto_op *op) {
  return &l->in->program->weights[op->weight];
}
/* The shards of a weight are those from here to before that of the next one. */
static inline uint32_t gpu_first_shard(const gpu_lower *l, sotto_weight_id weight) {
  return l->in->weights->first_shard[weight];
}
static inline const gpu_shard *gpu_shard_of(const gpu_lower *l, uint32_t shard) {
  return &l->in->weights->shards[shard];
}
/* Numbers in front of an operation's bias in its binding. */
static inline uint32_t gpu_bias_at(const gpu_lower *l, const sotto_op *op) {
  return op->bias >= 0 ? (uint32_t)gpu_shard_of(l, gpu_first_shard(l, op->bias))->at : 0;
}
static inline uint32_t gpu_parts_of(uint32_t n, uint32_t part) {
  return (n + part - 1) / part;
}
/* n workgroups along x, and along y where these are too many. */
void gpu_spread(const gpu_lower *lower, uint32_t n, uint32_t counts[3]);

/* Packs an operation's first input into the scratch `packed`, times a vector if `norm` is one. */
void gpu_lower_pack(gpu_lower *lower, const sotto_op *op, sotto_weight_id norm);
/* Dispatches of one operation by itself. */
void gpu_lower_op(gpu_lower *lower, const sotto_op *op);
/* Dispatches of a unit for a few rows; false, and none, where they are those of its operations. */
bool gpu_lower_few(gpu_lower *lower, const gpu_unit *unit);
/* … for a few rows with few positions; false, and none, where these are not different. */
bool gpu_lower_near(gpu_lower *lower, const gpu_unit *unit);

#endif
