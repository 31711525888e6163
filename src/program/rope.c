#include "program/rope.h"

#include "kernels/math.h"

#define TWO_PI 6.283185307179586

/* The pair, as a real number, that makes so many rotations in n_ctx_orig positions (YaRN, section
 * A.2). */
static double pair_of_rotations(const sotto_rope *rope, double rotations) {
  return rope->n_rot * sotto_log(rope->n_ctx_orig / (rotations * TWO_PI)) /
         (2 * sotto_log((double)rope->base));
}

/* How much of pair p is left as it was trained, from 0 to 1. The borders are whole pairs, as in
 * transformers and llama.cpp. */
static double unscaled_share(const sotto_rope *rope, uint32_t p) {
  double low = __builtin_floor(pair_of_rotations(rope, (double)rope->beta_fast));
  double high = __builtin_ceil(pair_of_rotations(rope, (double)rope->beta_slow));
  if (low < 0) low = 0;
  if (high > rope->n_rot - 1) high = rope->n_rot - 1;
  const double width = high - low > 0.001 ? high - low : 0.001;
  const double at = (p - low) / width;
  return 1 - (at < 0 ? 0 : at > 1 ? 1 : at);
}

void sotto_rope_frequencies(const sotto_rope *rope, const float *factors, float *frequencies) {
  for (uint32_t p = 0; p < rope->n_rot / 2; p++) {
    const double trained = sotto_pow((double)rope->base, -2.0 * p / rope->n_rot);
    double f = trained * (double)rope->scale;
    if (rope->yarn) {
      const double share = unscaled_share(rope, p);
      f = f * (1 - share) + trained * share;
    }
    frequencies[p] = (float)(factors ? f / (double)factors[p] : f);
  }
}

void sotto_rope_table(const sotto_rope *rope, const float *frequencies, uint32_t position,
                      float *cos_sin) {
  for (uint32_t p = 0; p < rope->n_rot / 2; p++) {
    float angle = (float)position * frequencies[p];
    double sine, cosine;
    sotto_sincos((double)angle, &sine, &cosine);
    cos_sin[2 * p] = (float)(cosine * (double)rope->magnitude);
    cos_sin[2 * p + 1] = (float)(sine * (double)rope->magnitude);
  }
}
