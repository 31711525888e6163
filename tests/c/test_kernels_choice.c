/* Which kernels an engine gets: by name and family, and only such as pass the self-test. */
#include "kernels/kernels.h"
#include "test.h"

static bool set_has(sotto_kernel_set set, const sotto_kernels *kernels) {
  for (uint32_t i = 0; i < set.n; i++)
    if (set.members[i] == kernels) return true;
  return false;
}

TEST(kernels_are_selected_by_name_and_family) {
  const sotto_kernel_set all = sotto_kernels_select(NULL);
  CHECK(sotto_kernels_at(0) == &sotto_kernels_scalar);
  CHECK(all.n >= 1 && set_has(all, &sotto_kernels_scalar) == (sotto_kernels_count() == 1));
  CHECK(sotto_kernels_select("other").n == 0);
  for (size_t v = 0; v < sotto_kernels_count(); v++) {
    const sotto_kernels *kernels = sotto_kernels_at(v);
    const bool available = !kernels->available || kernels->available();
    const sotto_kernel_set one = sotto_kernels_select(kernels->name);
    CHECK(set_has(one, kernels) == available && one.n == available);
    CHECK(set_has(sotto_kernels_select(kernels->family), kernels) == available);
    if (v > 0) CHECK(set_has(all, kernels) == available);
  }
}

/* ---- the self-test sees any kernel that is off by one bit ---- */

static void spoil(void *result, size_t byte) {
  ((unsigned char *)result)[byte] ^= 1;
}
static void wrong_quantize_act(const float *x, size_t k, const sotto_act *act, size_t token) {
  sotto_kernels_scalar.quantize_act(x, k, act, token);
  spoil(act->scale + token, 0);
}
static void wrong_wide_quantize_act(const float *x, size_t k, const sotto_act *act, size_t token) {
  sotto_kernels_scalar.quantize_act(x, k, act, token);
  if (act->wide) spoil(act->q, 2 * (token * k + 3));
}
static void wrong_gemm(const sotto_gemm *g) {
  memset(g->y, 0, (g->row1 - g->row0) * sizeof *g->y);
}
static void wrong_rms_norm(float *out, const float *x, const float *w, size_t n, float eps) {
  sotto_kernels_scalar.rms_norm(out, x, w, n, eps);
  spoil(out + n - 1, 0);
}
static void wrong_rope(float *x, size_t n_heads, size_t head_dim, size_t n_rot, int neox,
                       const float *cos_sin) {
  sotto_kernels_scalar.rope(x, n_heads, head_dim, n_rot, neox, cos_sin);
  spoil(x, 0);
}
static void wrong_swiglu(float *out, const float *gate, const float *up, size_t n) {
  sotto_kernels_scalar.swiglu(out, gate, up, n);
  spoil(out + n / 2, 0);
}
static void wrong_geglu(float *out, const float *gate, const float *up, size_t n) {
  sotto_kernels_scalar.geglu(out, gate, up, n);
  spoil(out + n / 3, 0);
}
static void wrong_layer_norm(float *out, const float *x, const float *w, const float *bias,
                             size_t n, float eps) {
  sotto_kernels_scalar.layer_norm(out, x, w, bias, n, eps);
  spoil(out + n - 1, 0);
}
static void wrong_gelu(float *out, const float *x, size_t n) {
  sotto_kernels_scalar.gelu(out, x, n);
  spoil(out + n / 2, 0);
}
static void wrong_softcap(float *x, size_t n, float cap) {
  sotto_kernels_scalar.softcap(x, n, cap);
  spoil(x + n / 4, 0);
}
static void wrong_add(float *out, const float *a, const float *b, size_t n) {
  sotto_kernels_scalar.add(out, a, b, n);
  spoil(out, 0);
}
#define K(NAME, name)                                                                              \
  static bool wrong_##NAME(const float *x, void *row, size_t n) {                                  \
    bool finite = sotto_kernels_scalar.kv_write_##NAME(x, row, n);                                 \
    spoil(row, 3);                                                                                 \
    return finite;                                                                                 \
  }                                                                                                \
  static bool blind_##NAME(const float *x, void *row, size_t n) {                                  \
    sotto_kernels_scalar.kv_write_##NAME(x, row, n);                                               \
    return true;                                                                                   \
  }                                                                                                \
  static void wrong_attention_##NAME(const sotto_attention *a) {                                   \
    sotto_kernels_scalar.attention(a);                                                             \
    if (a->k_type == SOTTO_##NAME) spoil(a->out, 0);                                               \
  }                                                                                                \
  static void uncapped_attention_##NAME(const sotto_attention *a) {                                \
    sotto_attention uncapped = *a;                                                                 \
    if (a->k_type == SOTTO_##NAME) uncapped.softcap = 0.0f;                                        \
    sotto_kernels_scalar.attention(&uncapped);                                                     \
  }
#include "kernels/kv_types.def"
#undef K

TEST(kernels_self_test_finds_errors) {
  const sotto_kernel_set all = sotto_kernels_select(NULL);
  for (uint32_t v = 0; v < all.n; v++) CHECK(sotto_kernels_self_test(all.members[v]));
  CHECK(sotto_kernels_self_test(&sotto_kernels_scalar));
#define SPOILED(field, function)                                                                   \
  {                                                                                                \
    sotto_kernels kernels = sotto_kernels_scalar;                                                  \
    kernels.field = function;                                                                      \
    CHECK(!sotto_kernels_self_test(&kernels));                                                     \
  }
#define X(NAME, number, text, weights, bytes) SPOILED(gemm_##NAME, wrong_gemm)
#include "tensor/dtypes.def"
#undef X
  SPOILED(quantize_act, wrong_quantize_act)
  SPOILED(quantize_act, wrong_wide_quantize_act)
  SPOILED(rms_norm, wrong_rms_norm)
  SPOILED(rope, wrong_rope)
  SPOILED(swiglu, wrong_swiglu)
  SPOILED(geglu, wrong_geglu)
  SPOILED(layer_norm, wrong_layer_norm)
  SPOILED(gelu, wrong_gelu)
  SPOILED(softcap, wrong_softcap)
  SPOILED(add, wrong_add)
#define K(NAME, name)                                                                              \
  SPOILED(kv_write_##NAME, wrong_##NAME)                                                           \
  SPOILED(kv_write_##NAME, blind_##NAME)                                                           \
  SPOILED(attention, wrong_attention_##NAME)                                                       \
  SPOILED(attention, uncapped_attention_##NAME)
#include "kernels/kv_types.def"
#undef K
#undef SPOILED
}
