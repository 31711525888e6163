/* Rows of the KV cache, as tensor/dtype.c defines the formats. */
#include "kernels/scalar/scalar.h"

#define K(NAME, name)                                                                              \
  bool sotto_kv_write_##NAME##__scalar(const float *x, void *row, size_t n) {                      \
    sotto_quantize_row(SOTTO_##NAME, x, row, n);                                                   \
    return sotto_row_is_finite(SOTTO_F32, x, n) && sotto_row_is_finite(SOTTO_##NAME, row, n);      \
  }
#include "kernels/kv_types.def"
#undef K
