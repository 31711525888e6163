#ifndef SOTTO_TENSOR_QUANTIZE_VALUES_H
#define SOTTO_TENSOR_QUANTIZE_VALUES_H

#include "tensor/dtype.h"

/* block = x[32] as IQ4_NL or MXFP4, or x[256] as IQ4_XS. */
void sotto_quantize_values_block(sotto_dtype type, const float *x, void *block);

#endif
