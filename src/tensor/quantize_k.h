#ifndef SOTTO_TENSOR_QUANTIZE_K_H
#define SOTTO_TENSOR_QUANTIZE_K_H

#include "tensor/dtype.h"

/* block = x[256] as Q2_K to Q6_K. */
void sotto_quantize_k_block(sotto_dtype type, const float *x, void *block);

#endif
