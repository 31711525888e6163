/* Quantised weights times quantised activations, one row and one token at a time; and the
 * quantisation of activations, whose buffer here holds int16 in plain order. */
#include <string.h>

#include "base/bytes.h"
#include "kernels/scalar/scalar.h"
#include "kernels/scalar/tile_weight.h"

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

/* sum over n of q_w * q_x, from weight k of the tile on. */
static int32_t dot(sotto_tile_layout layout, const uint8_t *tile, int r, int k, int n,
                   const int16_t *x) {
  int32_t sum = 0;
  for (int i = 0; i < n; i++) sum += tile_quant(layout, tile, r, k + i) * x[i];
  return sum;
}

/* acc and block b of a tile; x: its activations, sum: of them. */
static float add_block(sotto_tile_layout layout, float acc, const uint8_t *tile, int r, int b,
                       const int16_t *x, float scale, int32_t sum) {
  const float d = tile_scale(layout, tile, r);
  int32_t i[2];
  sub_scale sub[2];
  for (int h = 0; h < 2; h++) {
    i[h] = dot(layout, tile, r, 32 * b + 16 * h, 16, x + 16 * h);
    sub[h] = tile_sub_scale(layout, tile, r, 2 * b + h);
  }
  const float d0 = d * (float)sub[0].scale, d1 = d * (float)sub[1].scale;
  if (layout.panel.scales == SOTTO_PANEL_HALVES)
    return acc + ((float)i[0] * d0 + (float)i[1] * d1) * scale;
  if (layout.panel.scales == SOTTO_PANEL_INTEGERS) {
    float products = (float)(i[0] * sub[0].scale + i[1] * sub[1].scale) * d;
    if (layout.panel.has_min) {
      int32_t first = 0;
      for (int k = 0; k < 16; k++) first += x[k];
      const int32_t minima = sub[0].min * first + sub[1].min * (sum - first);
      products = products + (float)minima * tile_min(layout, tile, r);
    }
    return acc + products * scale;
  }
  acc = acc + (float)(i[0] + i[1]) * (d0 * scale);
  if (!layout.panel.has_min) return acc;
  return acc + tile_min(layout, tile, r) * (float)sub[0].min * (scale * (float)sum);
}

static inline void gemm(const sotto_gemm *g, sotto_tile_layout layout) {
  const size_t n_blocks = g->k / SOTTO_ACT_BLOCK, tile_blocks = (size_t)layout.blocks;
  const size_t tile_row_bytes = n_blocks / tile_blocks * (size_t)layout.bytes;
  for (size_t t = 0; t < g->n_tokens; t++) {
    const int16_t *x = act_row(g->act, g->k, t);
    const float *scale = g->act->scale + t * n_blocks;
    const int32_t *sum = g->act->sum + t * n_blocks;
    for (size_t row = g->row0; row < g->row1; row++) {
      const uint8_t *tiles = (const uint8_t *)g->w + row / 8 * tile_row_bytes;
      float acc = 0.0f;
      for (size_t b = 0; b < n_blocks; b++)
        acc = add_block(layout, acc, tiles + b / tile_blocks * (size_t)layout.bytes, (int)(row % 8),
                        (int)(b % tile_blocks), x + 32 * b, scale[b], sum[b]);
      g->y[t * g->y_stride + row] = acc;
    }
  }
}

#define T(NAME, ...)                                                                               \
  void sotto_gemm_##NAME##__scalar(const sotto_gemm *g) {                                          \
    gemm(g, sotto_tile_##NAME);                                                                    \
  }
#include "kernels/tiles.def"
#undef T
