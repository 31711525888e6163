/* Quantised activations as the vector kernels keep them. Every four tokens are a group that goes
 * through GEMM kernels together, a token a lane; what is left over, and a batch of fewer than four,
 * are groups of one token that fills all lanes. A group's block of 32 values, lanes of 4 bytes:
 *   [quants: 8 x 4 values in each plane][4 x int32 -8 * sum][4 x scale][4 x scale * (float)sum]
 *   [4 x int32 -8 * sum of the first 16]
 * so that a kernel takes everything with plain loads. */
#ifndef SOTTO_KERNELS_SIMD128_ACT_H
#define SOTTO_KERNELS_SIMD128_ACT_H

#include "kernels/kernels.h"
#include "kernels/simd128/simd.h"

typedef struct act_layout {
  int group_bytes; /* of 4 values in all lanes */
  int planes;      /* of 8 groups each, one behind the other: the bytes of wide activations */
} act_layout;

ALWAYS_INLINE int act_plane_bytes(act_layout act) {
  return act.group_bytes * SOTTO_ACT_BLOCK / 4;
}
/* Bytes of a block's quants; the block's sums and scales follow them. */
ALWAYS_INLINE int act_quant_bytes(act_layout act) {
  return act.planes * act_plane_bytes(act);
}
ALWAYS_INLINE int act_block_bytes(act_layout act) {
  return act_quant_bytes(act) + 64;
}

/* How many tokens, from the first on, are in groups of four. */
ALWAYS_INLINE size_t act_in_fours(const sotto_act *act) {
  return act->n_tokens / 4 * 4;
}
/* The group that a token is in. */
ALWAYS_INLINE uint8_t *act_group(const sotto_act *act, size_t k, size_t token) {
  size_t fours = act_in_fours(act);
  size_t group = token < fours ? token / 4 : fours / 4 + (token - fours);
  return (uint8_t *)act->q + group * (k / SOTTO_ACT_BLOCK) * SOTTO_ACT_GROUP_BYTES;
}

/* -offset * sum of the activations of a block, from -8 * sum. */
ALWAYS_INLINE v128_t correction(const uint8_t *first, int offset) {
  return wasm_i32x4_shl(wasm_v128_load(first), (uint32_t)__builtin_ctz((unsigned)offset / 8));
}
/* The same for the first (part 0) or second half (part 1) of the block. */
ALWAYS_INLINE v128_t half_correction(const uint8_t *first, int offset, int part) {
  v128_t sum = wasm_v128_load(first + 48);
  if (part) sum = wasm_i32x4_sub(wasm_v128_load(first), sum);
  return wasm_i32x4_shl(sum, (uint32_t)__builtin_ctz((unsigned)offset / 8));
}

/* The same 32 bits in all lanes; r is a constant. */
ALWAYS_INLINE v128_t splat_lane(v128_t v, int r) {
  switch (r) {
  case 0: return wasm_i32x4_shuffle(v, v, 0, 0, 0, 0);
  case 1: return wasm_i32x4_shuffle(v, v, 1, 1, 1, 1);
  case 2: return wasm_i32x4_shuffle(v, v, 2, 2, 2, 2);
  default: return wasm_i32x4_shuffle(v, v, 3, 3, 3, 3);
  }
}

/* Lane i of v goes to lane `lane` of vector i of a group, or with lane < 0 to all lanes. */
ALWAYS_INLINE void store_lanes(uint8_t *q, size_t stride, v128_t v, int lane) {
  if (lane < 0) {
    wasm_v128_store(q, splat_lane(v, 0));
    wasm_v128_store(q + stride, splat_lane(v, 1));
    wasm_v128_store(q + 2 * stride, splat_lane(v, 2));
    wasm_v128_store(q + 3 * stride, splat_lane(v, 3));
  } else {
    q += 4 * lane;
    wasm_v128_store32_lane(q, v, 0);
    wasm_v128_store32_lane(q + stride, v, 1);
    wasm_v128_store32_lane(q + 2 * stride, v, 2);
    wasm_v128_store32_lane(q + 3 * stride, v, 3);
  }
}

/* All lanes of v are alike. */
ALWAYS_INLINE void store_splat(uint8_t *to, v128_t v, int lane) {
  if (lane < 0)
    wasm_v128_store(to, v);
  else
    wasm_v128_store32_lane(to + 4 * lane, v, 0);
}

#endif
