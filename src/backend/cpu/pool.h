/* From a text's tokens to its embedding. */
#ifndef SOTTO_BACKEND_CPU_POOL_H
#define SOTTO_BACKEND_CPU_POOL_H

#include "backend/cpu/cpu.h"

/* out[dim] = the tokens pooled of the text that ends with the batch's token `last`. */
void cpu_pool(const cpu_backend *backend, const sotto_op *op, float *out, uint32_t last);
/* x[n] divided by its length, in place; a length of 0 stays. */
void cpu_l2_norm(float *x, uint32_t n);

#endif
