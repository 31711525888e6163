/* The table of variants and the look-up of a kernel by data type. */
#include "kernels/kernels.h"

#include <string.h>

/* What this module has of the table: the families that it is built with. */
#define HAVE_scalar(...) __VA_ARGS__
#if SOTTO_HAVE_SIMD128
#define HAVE_simd128(...) __VA_ARGS__
#else
#define HAVE_simd128(...)
#endif
#if SOTTO_HAVE_RELAXED
#define HAVE_relaxed(...) __VA_ARGS__
#else
#define HAVE_relaxed(...)
#endif

static const sotto_kernels *const variants[] = {
#define VARIANT(NAME, name, family) HAVE_##family(&sotto_kernels_##name, )
#define FAMILY(NAME, name)
#include "kernels/variants.def"
#undef VARIANT
#undef FAMILY
};
_Static_assert(sizeof variants / sizeof *variants <= SOTTO_MAX_VARIANTS, "sets hold all variants");

size_t sotto_kernels_count(void) {
  return sizeof variants / sizeof *variants;
}

const sotto_kernels *sotto_kernels_at(size_t index) {
  return variants[index];
}

sotto_kernel_set sotto_kernels_select(const char *name) {
  sotto_kernel_set set = {.n = 0};
  for (size_t i = sotto_kernels_count(); i-- > 0;) {
    const sotto_kernels *k = variants[i];
    bool wanted =
        name ? strcmp(name, k->name) == 0 || strcmp(name, k->family) == 0 : i > 0 || set.n == 0;
    if (wanted && (!k->available || k->available())) set.members[set.n++] = k;
  }
  return set;
}

bool sotto_dtype_has_bytes(sotto_dtype type) {
  switch (type) {
#define T(NAME, ...)
#define T_BYTES(NAME, ...) case SOTTO_##NAME:
#include "kernels/tiles.def"
#undef T
#undef T_BYTES
    return true;
  default: return false;
  }
}

sotto_gemm_fn *sotto_kernels_gemm(const sotto_kernels *kernels, sotto_dtype type) {
  switch (type) {
#define X(NAME, number, text, weights, bytes)                                                      \
  case SOTTO_##NAME: return kernels->gemm_##NAME;
#include "tensor/dtypes.def"
#undef X
  }
  return NULL;
}

sotto_kv_write_fn *sotto_kernels_kv_write(const sotto_kernels *kernels, sotto_dtype type) {
  switch (type) {
#define K(NAME, name)                                                                              \
  case SOTTO_##NAME: return kernels->kv_write_##NAME;
#include "kernels/kv_types.def"
#undef K
  default: return NULL;
  }
}
