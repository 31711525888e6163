/* The way of a batch through the steps. A batch of at most n_part tokens goes straight through. A
 * longer one, made while weights arrive, goes through each stage (a layer) in parts: so all of it
 * is as far as the weights are, and only the buffers between stages hold rows of all its tokens. No
 * sum sees more than one token, so the parts change no bit. */
#include "backend/cpu/attention.h"

static bool has_parts(const cpu_backend *b) {
  return b->batch->n_tokens > b->config.n_part;
}

static bool same_stage(const cpu_backend *b, size_t step, size_t other) {
  return b->steps[step].op->stage == b->steps[other].op->stage;
}

/* Steps from b->step on that run together: none beyond the stage, where the batch has parts. */
static uint32_t together(const cpu_backend *b) {
  const uint32_t most = b->steps[b->step].n_together;
  uint32_t n = 1;
  while (n < most && (!has_parts(b) || same_stage(b, b->step, b->step + n))) n++;
  return n;
}

/* Outputs may be of any token: their stage takes the whole batch. */
static bool takes_all(const cpu_backend *b) {
  return !has_parts(b) || cpu_step_is_per_output(b->program, &b->steps[b->step]);
}

static void take_part(cpu_backend *b, uint32_t first) {
  b->part_first = first;
  b->part = *b->batch;
  if (!takes_all(b)) {
    const uint32_t left = b->batch->n_tokens - first;
    b->part.n_tokens = left < b->config.n_part ? left : b->config.n_part;
    b->part.tokens += first;
    b->part.positions += first;
    b->part.seqs += first;
    cpu_attention_prepare(b);
  } else if (!has_parts(b)) {
    cpu_attention_prepare(b);
  }
}

void cpu_parts_begin(cpu_backend *b) {
  b->stage = b->step = 0;
  b->unit = 0;
  take_part(b, 0);
  b->n_together = together(b);
}

bool cpu_parts_advance(cpu_backend *b) {
  const size_t done = b->step, next = b->step + b->n_together;
  b->unit = 0;
  b->step = next;
  if (has_parts(b) && (next == b->n_steps || !same_stage(b, done, next))) {
    const uint32_t end = b->part_first + b->part.n_tokens;
    if (end < b->batch->n_tokens) {
      b->step = b->stage;
      take_part(b, end);
    } else if (next < b->n_steps) {
      b->stage = next;
      take_part(b, 0);
    }
  }
  if (b->step == b->n_steps) return false;
  b->n_together = together(b);
  return true;
}

double cpu_parts_steps_done(const cpu_backend *b) {
  if (!has_parts(b) || b->step == b->n_steps) return (double)b->step;
  size_t end = b->stage;
  while (end < b->n_steps && same_stage(b, b->stage, end)) end++;
  const double n_tokens = b->batch->n_tokens;
  return (double)b->stage + (double)(end - b->stage) * b->part_first / n_tokens +
         (double)(b->step - b->stage) * b->part.n_tokens / n_tokens;
}
