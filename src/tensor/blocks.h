/* Quant blocks as they lie in a GGUF file: 32 consecutive weights of a row each, 256 of the K
 * types. d and m are float16. "Weight j" and "weight j+16" share byte qs[j] of the 4- and 5-bit
 * formats:
 *
 *   qs[j]:  bit 7 6 5 4 | 3 2 1 0        qh (little-endian 32 bits): bit j is the fifth bit (16)
 *           weight j+16 | weight j                                   of weight j, j = 0..31
 *
 * Rows in a file may start at any address: copy a block out (memcpy) before looking into it. */
#ifndef SOTTO_TENSOR_BLOCKS_H
#define SOTTO_TENSOR_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#define SOTTO_BLOCK_WEIGHTS   32
#define SOTTO_K_BLOCK_WEIGHTS 256

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

/* The K types: sub-blocks of 32 weights, b = 0..7, each with a scale and a minimum of six bits.
 *
 *   scales[i]:      bit 7 6            | 5 .. 0              scales[8 + i]: 7 .. 4    | 3 .. 0
 *   i = 0..3        scale 4 + i's top  | scale i                            minimum    scale
 *   i = 4..7        minimum i's top    | minimum i - 4                      4 + i's low bits
 *
 *   qs[32 * c + l]: bits 7..4 | 3..0: weight l of sub-block 2c + 1 | of sub-block 2c
 *   qh[l]:          bit b is the fifth bit (16) of weight l of sub-block b */
typedef struct sotto_block_q4_k { /* w = q * (d * scale) - dmin * minimum,  q in 0..15 */
  uint16_t d, dmin;
  uint8_t scales[12];
  uint8_t qs[128];
} sotto_block_q4_k;

typedef struct sotto_block_q5_k { /* the same, q in 0..31 */
  uint16_t d, dmin;
  uint8_t scales[12];
  uint8_t qh[32];
  uint8_t qs[128];
} sotto_block_q5_k;

/* Sub-blocks of 16 weights with a scale of eight bits. Weight l of the 32 from 32 * b on, b = 4h +
 * g: its low four bits are bits 4 * (g / 2) … of ql[64 * h + 32 * (g % 2) + l], its high two are
 * bits 2 * g … of qh[32 * h + l]. */
typedef struct sotto_block_q6_k { /* w = (q - 32) * (d * scale),  q in 0..63 */
  uint8_t ql[128];
  uint8_t qh[64];
  int8_t scales[16];
  uint16_t d;
} sotto_block_q6_k;

_Static_assert(sizeof(sotto_block_q4_0) == 18, "Q4_0: d, qs[16]");
_Static_assert(sizeof(sotto_block_q4_1) == 20, "Q4_1: d, m, qs[16]");
_Static_assert(sizeof(sotto_block_q5_0) == 22, "Q5_0: d, qh[4], qs[16]");
_Static_assert(sizeof(sotto_block_q5_1) == 24, "Q5_1: d, m, qh[4], qs[16]");
_Static_assert(sizeof(sotto_block_q8_0) == 34, "Q8_0: d, qs[32]");
_Static_assert(sizeof(sotto_block_q4_k) == 144, "Q4_K: d, dmin, scales[12], qs[128]");
_Static_assert(sizeof(sotto_block_q5_k) == 176, "Q5_K: d, dmin, scales[12], qh[32], qs[128]");
_Static_assert(sizeof(sotto_block_q6_k) == 210, "Q6_K: ql[128], qh[64], scales[16], d");

/* Scale (minimum false) or minimum of sub-block b, 0..63; the 12 bytes lie `stride` apart. */
static inline int sotto_k_scale(const uint8_t *scales, int stride, int b, bool minimum) {
  const uint8_t *low = scales + 4 * minimum * stride;
  if (b < 4) return low[b * stride] & 63;
  return (scales[(4 + b) * stride] >> 4 * minimum & 15) | low[(b - 4) * stride] >> 6 << 4;
}

#endif
