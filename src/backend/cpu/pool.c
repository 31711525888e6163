/* From a text's tokens to its embedding. Once a text, so there is one form for all variants:
 * sums of floats over tokens in their order, and the length from a sum of squares in double, in
 * order. */
#include "backend/cpu/pool.h"

void cpu_pool(const cpu_backend *b, const sotto_op *op, float *out, uint32_t last) {
  const uint32_t dim = b->program->buffers[op->out].dim;
  const sotto_kv_seq *const *seqs = b->part.seqs;
  uint32_t first = last;
  while (first > 0 && seqs[first - 1] == seqs[last]) first--;
  if (op->pool.pooling == SOTTO_POOLING_LAST) first = last;
  if (op->pool.pooling == SOTTO_POOLING_CLS) last = first;
  memcpy(out, buffer_row(b, op->in[0], first), dim * sizeof *out);
  for (uint32_t t = first + 1; t <= last; t++)
    first_kernels(b)->add(out, out, buffer_row(b, op->in[0], t), dim);
  const float n = (float)(last - first + 1);
  for (uint32_t i = 0; i < dim; i++) out[i] = out[i] / n;
}

void cpu_l2_norm(float *x, uint32_t n) {
  double sum = 0;
  for (uint32_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
  const double length = __builtin_sqrt(sum);
  for (uint32_t i = 0; length > 0 && i < n; i++) x[i] = (float)((double)x[i] / length);
}
