/* Memory that backends share the planning of: weights in one block, activation buffers that overlap
 * where their lives do not. */
#ifndef SOTTO_BACKEND_MEMORY_H
#define SOTTO_BACKEND_MEMORY_H

#include "backend/backend.h"

/* ---- weights: one 64-byte aligned block ---- */
typedef struct sotto_weights {
  sotto_placement *placements; /* [program->n_weights] */
  size_t n;
  char *data;
  uint64_t bytes;
} sotto_weights;

/* Where the weight's bytes are in the file; dst is still NULL. */
sotto_placement sotto_placement_of(const sotto_weight *weight, sotto_place_kind kind);

/* Bytes of the block when matrices are placed as `matrix_kind` and vectors as float32; at most 2^62, so that
 * a plan can add to it: headers may claim more than 64 bits count. */
uint64_t sotto_weights_bytes(const sotto_program *program, sotto_place_kind matrix_kind);
sotto_status sotto_weights_new(const sotto_program *program, sotto_place_kind matrix_kind,
                               sotto_weights *out);
void sotto_weights_free(sotto_ctx *ctx, sotto_weights *weights);

/* Whether all that an operation reads of weights is there: its own, and before the first operation what
 * rotary tables are made of. */
bool sotto_op_is_ready(const sotto_program *program, const sotto_op *op, uint32_t n_ctx,
                       const bool *ready);
/* The largest n_rot of the program's rotary tables. */
uint32_t sotto_widest_rope(const sotto_program *program);

/* ---- activation buffers ---- */
/* Offsets in floats of every buffer of the program, such that buffers alive at the same operation do
 * not overlap; each has room for n_part (or n_outputs) rows, or n_batch where it is carried.
 * offsets[n_buffers] is filled in when not NULL. Returns the number of floats in all; UINT64_MAX
 * without memory. */
uint64_t sotto_buffers_plan(const sotto_program *program, const sotto_backend_config *config,
                            uint64_t *offsets);

/* Whether one stage of the program reads what an earlier one wrote into the buffer: then it holds rows
 * of the whole batch, the others only those of the part that is in a stage. */
bool sotto_buffer_is_carried(const sotto_program *program, sotto_buffer_id id);

#endif
