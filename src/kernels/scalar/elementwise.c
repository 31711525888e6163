/* Norm, rope, GLU, soft caps and sums. */
#include "kernels/math.h"
#include "kernels/scalar/scalar.h"

static float fold_16(const float *l) {
  float v[4];
  for (int i = 0; i < 4; i++) v[i] = (l[i] + l[4 + i]) + (l[8 + i] + l[12 + i]);
  return (v[0] + v[1]) + (v[2] + v[3]);
}

static float sum_of_squares(const float *x, size_t n) {
  float l[16] = {0.0f};
  for (size_t i = 0; i < n; i++) l[i % 16] = l[i % 16] + x[i] * x[i];
  return fold_16(l);
}

void sotto_rms_norm__scalar(float *out, const float *x, const float *weight, size_t n, float eps) {
  float r = 1.0f / __builtin_sqrtf(sum_of_squares(x, n) / (float)n + eps);
  for (size_t i = 0; i < n; i++) out[i] = (x[i] * r) * weight[i];
}

void sotto_layer_norm__scalar(float *out, const float *x, const float *weight, const float *bias,
                              size_t n, float eps) {
  float l[16] = {0.0f};
  for (size_t i = 0; i < n; i++) l[i % 16] = l[i % 16] + x[i];
  float mean = fold_16(l) / (float)n;
  for (size_t i = 0; i < n; i++) out[i] = x[i] - mean;
  float r = 1.0f / __builtin_sqrtf(sum_of_squares(out, n) / (float)n + eps);
  for (size_t i = 0; i < n; i++) out[i] = (out[i] * r) * weight[i] + bias[i];
}

void sotto_rope__scalar(float *x, size_t n_heads, size_t head_dim, size_t n_rot, int neox,
                        const float *cos_sin) {
  for (size_t head = 0; head < n_heads; head++, x += head_dim) {
    for (size_t pair = 0; pair < n_rot / 2; pair++) {
      float *first = neox ? x + pair : x + 2 * pair;
      float *second = neox ? x + pair + n_rot / 2 : x + 2 * pair + 1;
      float a = *first, b = *second, cosine = cos_sin[2 * pair], sine = cos_sin[2 * pair + 1];
      *first = a * cosine - b * sine;
      *second = a * sine + b * cosine;
    }
  }
}

void sotto_swiglu__scalar(float *out, const float *gate, const float *up, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = (gate[i] / (1.0f + sotto_expf(-gate[i]))) * up[i];
}

void sotto_geglu__scalar(float *out, const float *gate, const float *up, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const float g = gate[i], u = g * (SOTTO_GELU_1 + SOTTO_GELU_3 * (g * g));
    out[i] = (g / (1.0f + sotto_expf(-u))) * up[i];
  }
}

void sotto_gelu__scalar(float *out, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = sotto_geluf(x[i]);
}

void sotto_softcap__scalar(float *x, size_t n, float cap) {
  for (size_t i = 0; i < n; i++) x[i] = cap * sotto_tanhf(x[i] / cap);
}

void sotto_add__scalar(float *out, const float *a, const float *b, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = a[i] + b[i];
}
