/* Quant blocks as they lie in a GGUF file: 32 consecutive weights of a row each.
 * d and m are float16. "Weight j" and "weight j+16" share byte qs[j] of the 4- and 5-bit formats:
 *
 *   qs[j]:  bit 7 6 5 4 | 3 2 1 0        qh (little-endian 32 bits): bit j is the fifth bit (16)
 *           weight j+16 | weight j                                   of weight j, j = 0..31
 *
 * Rows in a file may start at any address: copy a block out (memcpy) before looking into it. */
#ifndef SOTTO_TENSOR_BLOCKS_H
#define SOTTO_TENSOR_BLOCKS_H

#include <stdint.h>

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

_Static_assert(sizeof(sotto_block_q4_0) == 18, "Q4_0: d, qs[16]");
_Static_assert(sizeof(sotto_block_q4_1) == 20, "Q4_1: d, m, qs[16]");
_Static_assert(sizeof(sotto_block_q5_0) == 22, "Q5_0: d, qh[4], qs[16]");
_Static_assert(sizeof(sotto_block_q5_1) == 24, "Q5_1: d, m, qh[4], qs[16]");
_Static_assert(sizeof(sotto_block_q8_0) == 34, "Q8_0: d, qs[32]");

#endif
