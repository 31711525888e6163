/* Quantised weights times quantised activations, one row and one token at a time; and the
 * quantisation of activations, whose buffer here holds int16 in plain order. */
#include <string.h>

#include "base/bytes.h"
#include "kernels/scalar/scalar.h"
#include "kernels/tile.h"

static const int16_t *act_row(const sotto_act *act, size_t k, size_t token) {
  return (const int16_t *)act->q + token * k;
}

void sotto_quantize_act__scalar(const float *x, size_t k, const sotto_act *act, size_t token) {
  int16_t *q = (int16_t *)act->q + token * k;
  float *scale = act->scale + token * (k / SOTTO_ACT_BLOCK);
  int32_t *sum = act->sum + token * (k / SOTTO_ACT_BLOCK);
  float limit = sotto_act_limit(act);
  for (size_t b = 0; b < k / SOTTO_ACT_BLOCK; b++, q += SOTTO_ACT_BLOCK, x += SOTTO_ACT_BLOCK) {
    /* Compared as integers, magnitudes keep their order, and infinity and NaN are the largest. */
    uint32_t most = 0;
    for (int i = 0; i < SOTTO_ACT_BLOCK; i++) {
      uint32_t magnitude = sotto_read_u32(x + i) & 0x7FFFFFFF;
      if (magnitude > most) most = magnitude;
    }
    float max = sotto_read_f32(&most);
    float inv = limit / max;
    bool finite = most < 0x7F800000, zero = inv > 0x1.fffffep127f;
    scale[b] = max / limit;
    if (zero) scale[b] = 0.0f;
    if (!finite) memcpy(scale + b, &(uint32_t){0x7FC00000}, 4);
    sum[b] = 0;
    for (int i = 0; i < SOTTO_ACT_BLOCK; i++) {
      /* Adding 1.5 * 2^23 rounds to the nearest integer, ties to even. */
      float nearest = finite && !zero ? (x[i] * inv + 0x1.8p23f) - 0x1.8p23f : 0.0f;
      if (nearest > limit) nearest = limit;
      if (nearest < -limit) nearest = -limit;
      q[i] = (int16_t)nearest;
      sum[b] += q[i];
    }
  }
}

static void unpack(sotto_tile_layout layout, const uint8_t *tile, int8_t q[8][32]) {
  for (int r = 0; r < 8; r++)
    for (int k = 0; k < 32; k++)
      q[r][k] = (int8_t)(sotto_tile_quant(layout, tile, r, k) - layout.offset);
}

static inline void gemm(const sotto_gemm *g, sotto_tile_layout layout) {
  size_t n_blocks = g->k / SOTTO_ACT_BLOCK;
  for (size_t row = g->row0; row < g->row1; row += 8) {
    const uint8_t *tiles = (const uint8_t *)g->w + row / 8 * n_blocks * (size_t)layout.bytes;
    size_t n_rows = g->row1 - row < 8 ? g->row1 - row : 8;
    for (size_t t = 0; t < g->n_tokens; t++) {
      const int16_t *x = act_row(g->act, g->k, t);
      const float *scale = g->act->scale + t * n_blocks;
      const int32_t *sum = g->act->sum + t * n_blocks;
      float acc[8] = {0.0f};
      for (size_t b = 0; b < n_blocks; b++) {
        const uint8_t *tile = tiles + b * (size_t)layout.bytes;
        int8_t q[8][32];
        unpack(layout, tile, q);
        for (size_t r = 0; r < 8; r++) {
          int32_t i = 0;
          for (int k = 0; k < 32; k++) i += q[r][k] * x[32 * b + (size_t)k];
          float d = sotto_f16_to_f32(sotto_read_u16(tile + 2 * r));
          acc[r] = acc[r] + (float)i * (d * scale[b]);
          if (layout.has_min) {
            float m = sotto_f16_to_f32(sotto_read_u16(tile + layout.min + 2 * r));
            acc[r] = acc[r] + m * (scale[b] * (float)sum[b]);
          }
        }
      }
      memcpy(g->y + t * g->y_stride + row, acc, n_rows * sizeof *acc);
    }
  }
}

#define T(NAME, ...)                                                                               \
  void sotto_gemm_##NAME##__scalar(const sotto_gemm *g) {                                          \
    gemm(g, sotto_tile_##NAME);                                                                    \
  }
#include "kernels/tiles.def"
#undef T
