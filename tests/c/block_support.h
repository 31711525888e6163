/* What tests know of the bytes of quant blocks: where the numbers are that the rest is multiplied
 * with. */
#ifndef SOTTO_TESTS_BLOCK_SUPPORT_H
#define SOTTO_TESTS_BLOCK_SUPPORT_H

#include <stddef.h>

#include "tensor/blocks.h"
#include "tensor/dtype.h"

/* How many halves a block has, a scale and any minimum, and where. */
static inline int test_halves_of(sotto_dtype type, size_t at[2]) {
  at[0] = 0, at[1] = 2;
  switch (type) {
  case SOTTO_F32:
  case SOTTO_MXFP4: return 0; /* MXFP4 begins with a byte of exponent */
  case SOTTO_Q4_1:
  case SOTTO_Q5_1:
  case SOTTO_Q4_K:
  case SOTTO_Q5_K: return 2;
  case SOTTO_Q2_K: at[0] = 80, at[1] = 82; return 2;
  case SOTTO_Q3_K: at[0] = 108; return 1;
  case SOTTO_Q6_K: at[0] = 208; return 1;
  default: return 1;
  }
}

#endif
