/* Quantised activations as the vector kernels keep them. Every four tokens are a group that goes
 * through GEMM kernels together; what is left over, and a batch of fewer than four, are groups of
 * one token. A block of 32 values consists of words of 32 bits: those of its quants, one or two for
 * four values, and behind them
 *   [-8 * sum][float scale][scale * (float)sum][sums of halves]
 * The last is -8 * sum of the first 16, or with one word for four values, where that fits, int16 of
 * the first and the last 16.
 * In a group of four each token has a lane, and a word is 16 bytes. Of one token a word is 4 bytes,
 * which kernels copy to all lanes: were it kept as copies, a long row of activations would drive
 * itself out of the core's first cache, and a GEMV read them from the next at half the speed. Its
 * quants lie in the order in which a GEMV takes them: of values 0, 16, 4, 20, 8, 24, 12, 28. */
#ifndef SOTTO_KERNELS_SIMD128_ACT_H
#define SOTTO_KERNELS_SIMD128_ACT_H

#include "kernels/kernels.h"
#include "kernels/simd128/simd.h"

typedef struct act_layout {
  int lanes; /* tokens: 4 or 1 */
  int words; /* of four values: 1 or 2 */
  /* Engines copy a word to all lanes as they load it; else they do better with one load of four
   * words and a shuffle for each. */
  bool broadcast;
} act_layout;

ALWAYS_INLINE act_layout act_of_one(act_layout act) {
  act.lanes = 1;
  return act;
}
/* Bytes of a block's quants; the block's sums and scales follow them. */
ALWAYS_INLINE int act_quant_bytes(act_layout act) {
  return 4 * act.lanes * act.words * SOTTO_ACT_BLOCK / 4;
}
ALWAYS_INLINE int act_block_bytes(act_layout act) {
  return act_quant_bytes(act) + 16 * act.lanes;
}

/* p + step, which the compiler then does not know to be related to p: it would compute addresses
 * from a counter, one addition for each. */
ALWAYS_INLINE const uint8_t *next(const uint8_t *p, int step) {
  p += step;
  __asm__("" : "+r"(p));
  return p;
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

/* The same 32 bits in all lanes; r is a constant. */
ALWAYS_INLINE v128_t splat_lane(v128_t v, int r) {
  switch (r) {
  case 0: return wasm_i32x4_shuffle(v, v, 0, 0, 0, 0);
  case 1: return wasm_i32x4_shuffle(v, v, 1, 1, 1, 1);
  case 2: return wasm_i32x4_shuffle(v, v, 2, 2, 2, 2);
  default: return wasm_i32x4_shuffle(v, v, 3, 3, 3, 3);
  }
}

/* Word i from `x` on: a token a lane, or the one token in all lanes. */
ALWAYS_INLINE v128_t act_word(act_layout act, const uint8_t *x, int i) {
  if (act.lanes == 4) return wasm_v128_load(x + 16 * i);
  if (act.broadcast) return wasm_v128_load32_splat(x + 4 * i);
  return splat_lane(wasm_v128_load(x + 16 * (i / 4)), i % 4);
}
/* What lies behind a block's quants. */
typedef enum act_rest { ACT_SUM, ACT_SCALE, ACT_SCALED_SUM, ACT_HALVES } act_rest;
ALWAYS_INLINE v128_t act_rest_word(act_layout act, const uint8_t *block, act_rest which) {
  return act_word(act, block + act_quant_bytes(act), which);
}

/* offset * sum from 8 * sum; the offset is a power of two from 4 on. */
ALWAYS_INLINE v128_t times_offset(v128_t sum, int offset) {
  if (offset == 4) return wasm_i32x4_shr(sum, 1);
  return wasm_i32x4_shl(sum, (uint32_t)__builtin_ctz((unsigned)offset / 8));
}
/* -offset * sum of the activations of a block, from -8 * sum. */
ALWAYS_INLINE v128_t correction(act_layout act, const uint8_t *block, int offset) {
  return times_offset(act_rest_word(act, block, ACT_SUM), offset);
}
/* The same for the first (part 0) or second half (part 1) of the block. */
ALWAYS_INLINE v128_t half_correction(act_layout act, const uint8_t *block, int offset, int part) {
  v128_t sum = act_rest_word(act, block, ACT_HALVES);
  if (act.words == 1)
    sum = wasm_i32x4_shr(part ? sum : wasm_i32x4_shl(sum, 16), 16);
  else if (part)
    sum = wasm_i32x4_sub(act_rest_word(act, block, ACT_SUM), sum);
  return times_offset(sum, offset);
}

/* Both, of one word, side by side in int16; the offset is 4 or 8. */
ALWAYS_INLINE v128_t pair_correction(act_layout act, const uint8_t *block, int offset) {
  v128_t sums = act_rest_word(act, block, ACT_HALVES);
  return offset == 8 ? sums : wasm_i16x8_shr(sums, 1);
}

/* One of them word by word, so that it fits int16: the low byte in wide ones' first. */
ALWAYS_INLINE void word_corrections(act_layout act, const uint8_t *block, int offset, int part,
                                    v128_t words[2]) {
  v128_t sum = half_correction(act, block, offset, part);
  if (act.words == 2) {
    words[0] = wasm_v128_and(sum, wasm_u32x4_const_splat(0xFF));
    sum = wasm_i32x4_shr(sum, 8);
  }
  words[act.words - 1] = sum;
}

/* Four words of one token; `to` is its lane of the first. */
ALWAYS_INLINE void store_words(act_layout act, uint8_t *to, v128_t v) {
  if (act.lanes == 1) {
    wasm_v128_store(to, v);
    return;
  }
  wasm_v128_store32_lane(to, v, 0);
  wasm_v128_store32_lane(to + 16, v, 1);
  wasm_v128_store32_lane(to + 32, v, 2);
  wasm_v128_store32_lane(to + 48, v, 3);
}

/* A block's quants: lane i of words[w][part] is word w of the values 16 * part + 4 * i and on. */
ALWAYS_INLINE void store_quants(act_layout act, uint8_t *to, v128_t words[2][2]) {
  const bool one = act.lanes == 1;
  if (act.words == 1) {
    v128_t first = words[0][0], second = words[0][1];
    store_words(act, to, one ? wasm_i32x4_shuffle(first, second, 0, 4, 1, 5) : first);
    store_words(act, to + 16 * act.lanes,
                one ? wasm_i32x4_shuffle(first, second, 2, 6, 3, 7) : second);
    return;
  }
  v128_t pairs[4]; /* both words of two groups of values */
  for (int part = 0; part < 2; part++) {
    pairs[2 * part] = wasm_i32x4_shuffle(words[0][part], words[1][part], 0, 4, 1, 5);
    pairs[2 * part + 1] = wasm_i32x4_shuffle(words[0][part], words[1][part], 2, 6, 3, 7);
  }
  for (int i = 0; i < 4; i++) {
    v128_t in_turn = i % 2 ? wasm_i64x2_shuffle(pairs[i / 2], pairs[i / 2 + 2], 1, 3)
                           : wasm_i64x2_shuffle(pairs[i / 2], pairs[i / 2 + 2], 0, 2);
    store_words(act, to + 16 * act.lanes * i, one ? in_turn : pairs[i]);
  }
}

#endif
