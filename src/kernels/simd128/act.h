/* Quantised activations as the vector kernels keep them. A block of 32 values:
 *   [quants: planes x 8 groups of 4 values][4 x int32 -8 * sum][4 x scale][4 x scale * (float)sum]
 * Sums and scales are there four times, so that a kernel takes them with one plain load.
 * Tokens follow each other at SOTTO_ACT_BYTES a value, whatever a block takes of that. */
#ifndef SOTTO_KERNELS_SIMD128_ACT_H
#define SOTTO_KERNELS_SIMD128_ACT_H

#include "kernels/kernels.h"
#include "kernels/simd128/simd.h"

typedef struct act_layout {
  int group_bytes, planes; /* of 4 values in a plane; a block's planes follow each other */
} act_layout;

ALWAYS_INLINE int act_quant_bytes(act_layout act) {
  return act.planes * act.group_bytes * SOTTO_ACT_BLOCK / 4;
}
ALWAYS_INLINE int act_block_bytes(act_layout act) {
  return act_quant_bytes(act) + 48;
}
ALWAYS_INLINE const uint8_t *act_token(const sotto_act *act, size_t k, size_t token) {
  return (const uint8_t *)act->q + token * k * SOTTO_ACT_BYTES;
}

/* -offset * sum of the activations, from -8 * sum. */
ALWAYS_INLINE v128_t correction(const uint8_t *first, int offset) {
  v128_t sum = wasm_v128_load(first);
  return offset == 8 ? sum : wasm_i32x4_shl(sum, offset == 16 ? 1 : 4);
}

#endif
