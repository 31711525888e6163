/* The table of variants and the look-up of a GEMM by data type. */
#include "kernels/kernels.h"

#include <string.h>

static const sotto_kernels *const variants[] = {
#define X(name) &sotto_kernels_##name,
#include "kernels/variants.def"
#undef X
};

size_t sotto_kernels_count(void) {
  return sizeof variants / sizeof *variants;
}

const sotto_kernels *sotto_kernels_at(size_t index) {
  return variants[index];
}

const sotto_kernels *sotto_kernels_find(const char *name) {
  for (size_t i = 0; i < sotto_kernels_count(); i++)
    if (strcmp(variants[i]->name, name) == 0) return variants[i];
  return NULL;
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
