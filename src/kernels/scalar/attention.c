/* Attention, one query row at a time: scores, exact maximum, exp, weighted sum of the values. */
#include "kernels/math.h"
#include "kernels/scalar/scalar.h"

/* x[head_dim] = the key or value of position i. */
static void read(const sotto_attention *a, const void *const *pages, sotto_dtype type, size_t i,
                 float *x) {
  const size_t row = (size_t)sotto_dtype_row_bytes(type, a->head_dim);
  const char *page = pages[i / SOTTO_KV_PAGE];
  sotto_dequantize_row(type, page + i % SOTTO_KV_PAGE * row, x, a->head_dim);
}

static float dot(const float *q, const float *key, size_t n) {
  float lane[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  for (size_t d = 0; d < n; d++) lane[d % 4] = lane[d % 4] + q[d] * key[d];
  return (lane[0] + lane[1]) + (lane[2] + lane[3]);
}

/* The keys from `first` to n_keys - 1. */
static void attend(const sotto_attention *a, size_t first, size_t n_keys, const float *q,
                   float *out) {
  float *x = a->scratch, *p = x + a->head_dim;
  for (size_t i = first; i < n_keys; i++) {
    read(a, a->k_pages, a->k_type, i, x);
    p[i] = dot(q, x, a->head_dim) * a->scale;
  }
  if (a->softcap != 0.0f) sotto_softcap__scalar(p + first, n_keys - first, a->softcap);

  float max = p[first];
  for (size_t i = first + 1; i < n_keys; i++)
    if (p[i] > max) max = p[i];
  float lane[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  for (size_t i = first; i < n_keys; i++) {
    p[i] = sotto_expf(p[i] - max);
    lane[i % 4] = lane[i % 4] + p[i];
  }
  float sum = (lane[0] + lane[1]) + (lane[2] + lane[3]);

  for (size_t d = 0; d < a->head_dim; d++) out[d] = 0.0f;
  for (size_t i = first; i < n_keys; i++) {
    read(a, a->v_pages, a->v_type, i, x);
    for (size_t d = 0; d < a->head_dim; d++) out[d] = out[d] + p[i] * x[d];
  }
  for (size_t d = 0; d < a->head_dim; d++) out[d] = out[d] / sum;
}

void sotto_attention__scalar(const sotto_attention *a) {
  for (size_t t = 0; t < a->n_tokens; t++)
    for (size_t head = 0; head < a->n_rep; head++) {
      const size_t row = t * a->stride + head * a->head_dim;
      attend(a, sotto_attention_first_key(a, t), sotto_attention_keys(a, t), a->q + row,
             a->out + row);
    }
}
