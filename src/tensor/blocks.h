/* Quant blocks as they lie in a GGUF file: 32 consecutive weights of a row each, or 256
 * (blocks_k.h). d and m are float16. "Weight j" and "weight j+16" share byte qs[j] of the 4- and
 * 5-bit formats:
 *
 *   qs[j]:  bit 7 6 5 4 | 3 2 1 0        qh (little-endian 32 bits): bit j is the fifth bit (16)
 *           weight j+16 | weight j                                   of weight j, j = 0..31
 *
 * Rows in a file may start at any address: copy a block out (memcpy) before looking into it. */
#ifndef SOTTO_TENSOR_BLOCKS_H
#define SOTTO_TENSOR_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "tensor/blocks_k.h"

#define SOTTO_BLOCK_WEIGHTS 32

typedef struct sotto_block_q4_0 { /* w = (q - 8) * d,  q in 0..15 */
  uint16_t d;
  uint8_t qs[16];
} sotto_block_q4_0;

typedef struct sotto_block_q4_1 { /* w = q * d + m,  q in 0..15 */
  uint16_t d, m;
  uint8_t qs[16];
} sotto_block_q4_1;

typedef struct sotto_block_q5_0 { /* w = (q - 16) * d,  q in 0..31 */
  uint16_t d;
  uint8_t qh[4];
  uint8_t qs[16];
} sotto_block_q5_0;

typedef struct sotto_block_q5_1 { /* w = q * d + m,  q in 0..31 */
  uint16_t d, m;
  uint8_t qh[4];
  uint8_t qs[16];
} sotto_block_q5_1;

typedef struct sotto_block_q8_0 { /* w = q * d,  q in -128..127; qs[j] is weight j */
  uint16_t d;
  int8_t qs[32];
} sotto_block_q8_0;

/* Four bits are the index of a value. qs as in Q4_0. */
typedef struct sotto_block_iq4_nl { /* w = value * d */
  uint16_t d;
  uint8_t qs[16];
} sotto_block_iq4_nl;

/* OCP's microscaling format: four bits are a float of two bits of exponent and one of mantissa, and
 * here the index of twice its value; e is 127 more than the scale's exponent. qs as in Q4_0. */
typedef struct sotto_block_mxfp4 { /* w = value * 2^(e - 128) */
  uint8_t e;
  uint8_t qs[16];
} sotto_block_mxfp4;
#define SOTTO_E8M0_HIGHEST 252 /* with which every weight is finite */

static const int8_t sotto_iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                            1,    13,   25,  38,  53,  69,  89,  113};
static const int8_t sotto_fp4_values[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                            0, -1, -2, -3, -4, -6, -8, -12};

_Static_assert(sizeof(sotto_block_q4_0) == 18, "Q4_0: d, qs[16]");
_Static_assert(sizeof(sotto_block_q4_1) == 20, "Q4_1: d, m, qs[16]");
_Static_assert(sizeof(sotto_block_q5_0) == 22, "Q5_0: d, qh[4], qs[16]");
_Static_assert(sizeof(sotto_block_q5_1) == 24, "Q5_1: d, m, qh[4], qs[16]");
_Static_assert(sizeof(sotto_block_q8_0) == 34, "Q8_0: d, qs[32]");
_Static_assert(sizeof(sotto_block_iq4_nl) == 18, "IQ4_NL: d, qs[16]");
_Static_assert(sizeof(sotto_block_mxfp4) == 17, "MXFP4: e, qs[16]");

/* 2^(e - 128), exactly. */
static inline float sotto_e8m0_half(uint8_t e) {
  union {
    uint32_t u;
    float f;
  } v = {e == 0 ? 1u << 22 : (uint32_t)e << 23};
  return v.f * 0.5f;
}

#endif
