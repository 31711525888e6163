/* Short convolutions over tokens. A unit is a block of channels and goes through the part's tokens
 * in their order, with the last rows in hand: so it reads a sequence's state where its tokens
 * begin, and leaves one behind every token where the sequence may end. */
#include "backend/cpu/conv.h"

#define BLOCK 16 /* channels */

uint64_t cpu_conv_units(const cpu_backend *b, const sotto_op *op) {
  return (b->program->buffers[op->in[0]].dim + BLOCK - 1) / BLOCK;
}

uint64_t cpu_conv_unit_macs(const cpu_backend *b, const sotto_op *op) {
  return (uint64_t)BLOCK * op->conv.n_taps * b->part.n_tokens;
}

/* Of token t of the part, whose sequence goes on in the next part: the slot of its last token in
 * the batch, which the next part overwrites. */
static uint32_t slot_between_parts(const cpu_backend *b, uint32_t t) {
  const sotto_batch *batch = b->batch;
  uint32_t last = b->part_first + t;
  while (last + 1 < batch->n_tokens && batch->seqs[last + 1] == batch->seqs[last]) last++;
  return sotto_kv_state_after(batch->seqs[last], batch->positions[last] + 1);
}

static bool goes_on(const cpu_backend *b, uint32_t t) {
  const uint32_t next = b->part_first + t + 1;
  return t + 1 == b->part.n_tokens && next < b->batch->n_tokens &&
         b->batch->seqs[next] == b->batch->seqs[next - 1];
}

/* The rows before token t, which is the first of its sequence in the part: rows[n_taps - 1][BLOCK],
 * oldest first. */
static void load_rows(const cpu_backend *b, const sotto_op *op, uint32_t t, uint32_t first,
                      uint32_t n, float rows[][BLOCK]) {
  const sotto_kv_seq *seq = b->part.seqs[t];
  const bool begins = b->part.positions[t] == seq->n_tokens;
  const uint32_t slot = begins ? seq->state : slot_between_parts(b, t);
  const uint32_t dim = b->program->buffers[op->in[0]].dim;
  for (uint32_t j = 0; j + 1 < op->conv.n_taps; j++) {
    if (slot == SOTTO_KV_NONE)
      memset(rows[j], 0, n * sizeof **rows);
    else
      memcpy(rows[j], sotto_storage_state(&b->storage, op->conv.layer, slot) + j * dim + first,
             n * sizeof **rows);
  }
}

static void store_rows(const cpu_backend *b, const sotto_op *op, uint32_t slot, uint32_t first,
                       uint32_t n, float rows[][BLOCK]) {
  if (slot == SOTTO_KV_NONE) return;
  const uint32_t dim = b->program->buffers[op->in[0]].dim;
  float *state = sotto_storage_state(&b->storage, op->conv.layer, slot) + first;
  for (uint32_t j = 0; j + 1 < op->conv.n_taps; j++, state += dim)
    memcpy(state, rows[j], n * sizeof **rows);
}

void cpu_conv_run(const cpu_backend *b, const sotto_op *op, uint64_t unit) {
  const uint32_t dim = b->program->buffers[op->in[0]].dim, n_taps = op->conv.n_taps;
  const uint32_t first = (uint32_t)unit * BLOCK, n = dim - first < BLOCK ? dim - first : BLOCK;
  const float *taps = (const float *)b->weights.placements[op->weight].dst + first * n_taps;
  float rows[SOTTO_MAX_TAPS][BLOCK]; /* that token t sees, its own last */
  for (uint32_t t = 0; t < b->part.n_tokens; t++) {
    const sotto_kv_seq *seq = b->part.seqs[t];
    if (t == 0 || seq != b->part.seqs[t - 1]) load_rows(b, op, t, first, n, rows);
    memcpy(rows[n_taps - 1], buffer_row(b, op->in[0], t) + first, n * sizeof **rows);
    float *out = buffer_row(b, op->out, t) + first;
    for (uint32_t c = 0; c < n; c++) {
      float sum = taps[c * n_taps] * rows[0][c];
      for (uint32_t j = 1; j < n_taps; j++) sum = sum + taps[c * n_taps + j] * rows[j][c];
      out[c] = sum;
    }
    memmove(rows[0], rows[1], (n_taps - 1) * sizeof *rows);
    store_rows(b, op, sotto_kv_state_after(seq, b->part.positions[t] + 1), first, n, rows);
    if (goes_on(b, t)) store_rows(b, op, slot_between_parts(b, t), first, n, rows);
  }
}
