/* Norm, rope, GLU, soft caps and sums; what is left after the last whole vector is the scalar
 * kernels'. */
#include "kernels/expf_steps.h"
#include "kernels/math.h"
#include "kernels/scalar/scalar.h"
#include "kernels/simd128/exp.h"
#include "kernels/simd128/simd128.h"

/* The sum of x, or of its squares, over 16 lanes. Not inlined for the module's size. */
__attribute__((noinline)) static float sum(const float *x, size_t n, bool squares) {
  v128_t sum[4];
  for (int v = 0; v < 4; v++) sum[v] = wasm_f32x4_const_splat(0.0f);
  size_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (int v = 0; v < 4; v++) {
      v128_t a = wasm_v128_load(x + i + 4 * v);
      sum[v] = squares ? mul_add(sum[v], a, a) : wasm_f32x4_add(sum[v], a);
    }
  if (i < n) { /* the last value of some lanes only */
    float lane[16];
    for (int v = 0; v < 4; v++) wasm_v128_store(lane + 4 * v, sum[v]);
    for (size_t l = 0; i + l < n; l++)
      lane[l] = lane[l] + (squares ? x[i + l] * x[i + l] : x[i + l]);
    for (int v = 0; v < 4; v++) sum[v] = wasm_v128_load(lane + 4 * v);
  }
  return fold(wasm_f32x4_add(wasm_f32x4_add(sum[0], sum[1]), wasm_f32x4_add(sum[2], sum[3])));
}

void sotto_rms_norm__simd128(float *out, const float *x, const float *weight, size_t n, float eps) {
  float r = 1.0f / __builtin_sqrtf(sum(x, n, true) / (float)n + eps);
  size_t i = 0;
  for (; i + 4 <= n; i += 4)
    wasm_v128_store(out + i,
                    wasm_f32x4_mul(wasm_f32x4_mul(wasm_v128_load(x + i), wasm_f32x4_splat(r)),
                                   wasm_v128_load(weight + i)));
  for (; i < n; i++) out[i] = (x[i] * r) * weight[i];
}

void sotto_layer_norm__simd128(float *out, const float *x, const float *weight, const float *bias,
                               size_t n, float eps) {
  const float mean = sum(x, n, false) / (float)n;
  size_t i = 0;
  for (; i + 4 <= n; i += 4)
    wasm_v128_store(out + i, wasm_f32x4_sub(wasm_v128_load(x + i), wasm_f32x4_splat(mean)));
  for (; i < n; i++) out[i] = x[i] - mean;
  const float r = 1.0f / __builtin_sqrtf(sum(out, n, true) / (float)n + eps);
  for (i = 0; i + 4 <= n; i += 4) {
    const v128_t scaled = wasm_f32x4_mul(wasm_v128_load(out + i), wasm_f32x4_splat(r));
    wasm_v128_store(out + i, mul_add(wasm_v128_load(bias + i), scaled, wasm_v128_load(weight + i)));
  }
  for (; i < n; i++) out[i] = (out[i] * r) * weight[i] + bias[i];
}

/* Rotates four pairs by the cosines and sines at cos_sin[8]. */
ALWAYS_INLINE void rotate(v128_t *a, v128_t *b, const float *cos_sin) {
  v128_t low = wasm_v128_load(cos_sin), high = wasm_v128_load(cos_sin + 4);
  v128_t cosine = wasm_i32x4_shuffle(low, high, 0, 2, 4, 6);
  v128_t sine = wasm_i32x4_shuffle(low, high, 1, 3, 5, 7);
  v128_t first = wasm_f32x4_sub(wasm_f32x4_mul(*a, cosine), wasm_f32x4_mul(*b, sine));
  *b = wasm_f32x4_add(wasm_f32x4_mul(*a, sine), wasm_f32x4_mul(*b, cosine));
  *a = first;
}

static void rope_neox(float *x, size_t n_rot, const float *cos_sin) {
  float *y = x + n_rot / 2;
  size_t pair = 0;
  for (; pair + 4 <= n_rot / 2; pair += 4) {
    v128_t a = wasm_v128_load(x + pair), b = wasm_v128_load(y + pair);
    rotate(&a, &b, cos_sin + 2 * pair);
    wasm_v128_store(x + pair, a);
    wasm_v128_store(y + pair, b);
  }
  for (; pair < n_rot / 2; pair++) {
    float a = x[pair], b = y[pair], cosine = cos_sin[2 * pair], sine = cos_sin[2 * pair + 1];
    x[pair] = a * cosine - b * sine;
    y[pair] = a * sine + b * cosine;
  }
}

static void rope_interleaved(float *x, size_t n_rot, const float *cos_sin) {
  size_t i = 0;
  for (; i + 8 <= n_rot; i += 8) {
    v128_t low = wasm_v128_load(x + i), high = wasm_v128_load(x + i + 4);
    v128_t a = wasm_i32x4_shuffle(low, high, 0, 2, 4, 6);
    v128_t b = wasm_i32x4_shuffle(low, high, 1, 3, 5, 7);
    rotate(&a, &b, cos_sin + i);
    wasm_v128_store(x + i, wasm_i32x4_shuffle(a, b, 0, 4, 1, 5));
    wasm_v128_store(x + i + 4, wasm_i32x4_shuffle(a, b, 2, 6, 3, 7));
  }
  sotto_rope__scalar(x + i, 1, n_rot - i, n_rot - i, 0, cos_sin + i);
}

void sotto_rope__simd128(float *x, size_t n_heads, size_t head_dim, size_t n_rot, int neox,
                         const float *cos_sin) {
  for (size_t head = 0; head < n_heads; head++, x += head_dim) {
    if (neox)
      rope_neox(x, n_rot, cos_sin);
    else
      rope_interleaved(x, n_rot, cos_sin);
  }
}

void sotto_swiglu__simd128(float *out, const float *gate, const float *up, size_t n) {
  v128_t one = wasm_f32x4_const_splat(1.0f);
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    v128_t g = wasm_v128_load(gate + i);
    v128_t silu = wasm_f32x4_div(g, wasm_f32x4_add(one, exp_f32(wasm_f32x4_neg(g))));
    wasm_v128_store(out + i, wasm_f32x4_mul(silu, wasm_v128_load(up + i)));
  }
  sotto_swiglu__scalar(out + i, gate + i, up + i, n - i);
}

void sotto_geglu__simd128(float *out, const float *gate, const float *up, size_t n) {
  const v128_t one = wasm_f32x4_const_splat(1.0f), first = wasm_f32x4_const_splat(SOTTO_GELU_1);
  const v128_t third = wasm_f32x4_const_splat(SOTTO_GELU_3);
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    v128_t g = wasm_v128_load(gate + i);
    v128_t u = wasm_f32x4_mul(g, mul_add(first, third, wasm_f32x4_mul(g, g)));
    v128_t gelu = wasm_f32x4_div(g, wasm_f32x4_add(one, exp_f32(wasm_f32x4_neg(u))));
    wasm_v128_store(out + i, wasm_f32x4_mul(gelu, wasm_v128_load(up + i)));
  }
  sotto_geglu__scalar(out + i, gate + i, up + i, n - i);
}

void sotto_gelu__simd128(float *out, const float *x, size_t n) {
  const v128_t one = wasm_f32x4_const_splat(1.0f), zero = wasm_f32x4_const_splat(0.0f);
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    const v128_t v = wasm_v128_load(x + i), a = wasm_f32x4_abs(v);
    const v128_t slope = wasm_f32x4_mul(a, wasm_f32x4_const_splat(SOTTO_GELUF_SLOPE));
    const v128_t t = wasm_f32x4_div(one, wasm_f32x4_add(one, slope));
    v128_t q = wasm_f32x4_const_splat(SOTTO_GELUF_C6);
    q = wasm_f32x4_add(wasm_f32x4_mul(q, t), wasm_f32x4_const_splat(SOTTO_GELUF_C5));
    q = wasm_f32x4_add(wasm_f32x4_mul(q, t), wasm_f32x4_const_splat(SOTTO_GELUF_C4));
    q = wasm_f32x4_add(wasm_f32x4_mul(q, t), wasm_f32x4_const_splat(SOTTO_GELUF_C3));
    q = wasm_f32x4_add(wasm_f32x4_mul(q, t), wasm_f32x4_const_splat(SOTTO_GELUF_C2));
    q = wasm_f32x4_add(wasm_f32x4_mul(q, t), wasm_f32x4_const_splat(SOTTO_GELUF_C1));
    q = wasm_f32x4_add(wasm_f32x4_mul(q, t), wasm_f32x4_const_splat(SOTTO_GELUF_C0));
    q = wasm_f32x4_mul(q, t);
    const v128_t h = wasm_f32x4_mul(wasm_f32x4_mul(a, wasm_f32x4_const_splat(-0.5f)), a);
    const v128_t tail = wasm_f32x4_mul(v, wasm_f32x4_mul(q, exp_f32(h)));
    const v128_t below = wasm_f32x4_lt(v, zero);
    wasm_v128_store(out + i, wasm_v128_bitselect(tail, wasm_f32x4_sub(v, tail), below));
  }
  sotto_gelu__scalar(out + i, x + i, n - i);
}

void sotto_softcap__simd128(float *x, size_t n, float cap) {
  const v128_t caps = wasm_f32x4_splat(cap);
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    v128_t tanh = tanh_f32(wasm_f32x4_div(wasm_v128_load(x + i), caps));
    wasm_v128_store(x + i, wasm_f32x4_mul(caps, tanh));
  }
  sotto_softcap__scalar(x + i, n - i, cap);
}

void sotto_add__simd128(float *out, const float *a, const float *b, size_t n) {
  size_t i = 0;
  for (; i + 4 <= n; i += 4)
    wasm_v128_store(out + i, wasm_f32x4_add(wasm_v128_load(a + i), wasm_v128_load(b + i)));
  sotto_add__scalar(out + i, a + i, b + i, n - i);
}
