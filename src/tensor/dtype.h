/* Tensor data types: numbers, block sizes, and the rows' conversion to and from float32, which is
 * the definition of each format. */
#ifndef SOTTO_TENSOR_DTYPE_H
#define SOTTO_TENSOR_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum sotto_dtype {
#define X(name, number, text, weights, bytes) SOTTO_##name = number,
#include "tensor/dtypes.def"
#undef X
} sotto_dtype;

/* False for a type number that is not in the table. */
bool sotto_dtype_supported(uint32_t number);
const char *sotto_dtype_name(sotto_dtype type);
size_t sotto_dtype_block_weights(sotto_dtype type);
size_t sotto_dtype_block_bytes(sotto_dtype type);
/* Bytes of a row of n weights; n must be a multiple of the block. */
uint64_t sotto_dtype_row_bytes(sotto_dtype type, uint64_t n);

/* out[n] = the row's values. */
void sotto_dequantize_row(sotto_dtype type, const void *row, float *out, size_t n);
/* row = x[n] in the format, with ggml's reference rounding. */
void sotto_quantize_row(sotto_dtype type, const float *x, void *row, size_t n);
/* False when a value or scale of the row is NaN or infinite. */
bool sotto_row_is_finite(sotto_dtype type, const void *row, size_t n);

float sotto_f16_to_f32(uint16_t h);
/* Nearest, ties to even; overflow gives infinity. */
uint16_t sotto_f32_to_f16(float f);
static inline float sotto_bf16_to_f32(uint16_t h) {
  union {
    uint32_t u;
    float f;
  } v = {(uint32_t)h << 16};
  return v.f;
}
uint16_t sotto_f32_to_bf16(float f);

#endif
