/* F32, F16 and BF16 weights times float32 activations, one row and one token at a time. */
#include "base/bytes.h"
#include "kernels/scalar/scalar.h"

static inline void gemm(const sotto_gemm *g, size_t size, float (*weight)(const uint8_t *)) {
  for (size_t t = 0; t < g->n_tokens; t++) {
    const float *x = g->x + t * g->x_stride;
    for (size_t row = g->row0; row < g->row1; row++) {
      const size_t r = row % SOTTO_TILE_ROWS;
      const uint8_t *w = (const uint8_t *)g->w + (row - r) * g->k * size;
      float a[4] = {0.0f, 0.0f, 0.0f, 0.0f};
      for (size_t k = 0; k < g->k; k++)
        a[k % 4] = a[k % 4] + weight(w + sotto_packed_index(size, g->k, r, k) * size) * x[k];
      g->y[t * g->y_stride + row] = (a[0] + a[1]) + (a[2] + a[3]);
    }
  }
}

static inline float from_f32(const uint8_t *w) {
  return sotto_read_f32(w);
}
static inline float from_f16(const uint8_t *w) {
  return sotto_f16_to_f32(sotto_read_u16(w));
}
static inline float from_bf16(const uint8_t *w) {
  return sotto_bf16_to_f32(sotto_read_u16(w));
}

void sotto_gemm_F32__scalar(const sotto_gemm *g) {
  gemm(g, 4, from_f32);
}
void sotto_gemm_F16__scalar(const sotto_gemm *g) {
  gemm(g, 2, from_f16);
}
void sotto_gemm_BF16__scalar(const sotto_gemm *g) {
  gemm(g, 2, from_bf16);
}
