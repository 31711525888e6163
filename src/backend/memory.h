/* Memory whose planning all backends share: the weights in one allocation, and activation buffers
 * that take the same memory where they are not needed at the same time. */
#ifndef SOTTO_BACKEND_MEMORY_H
#define SOTTO_BACKEND_MEMORY_H

#include "backend/backend.h"

/* ---- weights: one allocation, 64-byte aligned ---- */
typedef struct sotto_weights {
  sotto_placement *placements; /* [n], of the program's weights in their order */
  size_t n;
  char *data; /* [bytes], which the placements' dst point into */
  uint64_t bytes;
} sotto_weights;

/* The placement of a weight with the file's side filled in; dst is NULL. */
sotto_placement sotto_placement_of(const sotto_weight *weight, sotto_place_kind kind);

/* Bytes of all weights when matrices are placed as `matrix_kind` and vectors as float32. At most
 * 2^62, whatever sizes a header claims, so that the sum of a plan does not overflow. */
uint64_t sotto_weights_bytes(const sotto_program *program, sotto_place_kind matrix_kind);
/* Allocates them. ERR_MEMORY_BUDGET where the address space is too small, ERR_OUT_OF_MEMORY. */
sotto_status sotto_weights_new(const sotto_program *program, sotto_place_kind matrix_kind,
                               sotto_weights *out);
void sotto_weights_free(sotto_ctx *ctx, sotto_weights *weights);

/* Whether the weights that an operation reads are in place. The program's first operation also
 * needs the factors of all rotary tables, since the tables are computed before it.
 * ready[n_weights]. */
bool sotto_op_is_ready(const sotto_program *program, const sotto_op *op, uint32_t n_ctx,
                       const bool *ready);
/* The largest n_rot of the program's rotary tables, 0 without any. */
uint32_t sotto_widest_rope(const sotto_program *program);

/* ---- activation buffers ---- */
/* Rows that a buffer has for a batch or a part of it. */
static inline uint64_t sotto_buffer_rows(const sotto_buffer *buffer, uint64_t n_tokens,
                                         uint64_t n_outputs) {
  if (buffer->per_output) return n_outputs;
  return buffer->n_used ? n_tokens * buffer->n_used : n_tokens;
}
/* Gives each buffer of the program an offset, in floats, such that buffers which are needed at the
 * same operation do not overlap. A buffer has rows for n_batch tokens if it is carried from one
 * stage to another, else for n_part, or for n_outputs outputs. Fills in offsets[n_buffers] unless
 * that is NULL. Returns the number of floats in all, UINT64_MAX when out of memory. */
uint64_t sotto_buffers_plan(const sotto_program *program, const sotto_backend_config *config,
                            uint64_t *offsets);

/* Whether a stage of the program reads what an earlier stage wrote into the buffer. Such a buffer
 * has a row for every token of the batch; the others only for the tokens of the part that is in a
 * stage. */
bool sotto_buffer_is_carried(const sotto_program *program, sotto_buffer_id id);

#endif
