/* Quant blocks of 256 consecutive weights of a row, with scales of sub-blocks; d and dmin are
 * float16. See blocks.h, which includes this. */
#ifndef SOTTO_TENSOR_BLOCKS_K_H
#define SOTTO_TENSOR_BLOCKS_K_H

#include <stdbool.h>
#include <stdint.h>

#define SOTTO_K_BLOCK_WEIGHTS 256

/* Sub-blocks of 32 weights, b = 0..7, each with a scale and a minimum of six bits.
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

/* Sub-blocks of 16 weights with a scale and a minimum of four bits. Weight l of the 32 from 32 * b
 * on, b = 4h + g, is bits 2 * g … of qs[32 * h + l].
 * scales[i], bits 7..4 | 3..0: minimum | scale of sub-block i */
typedef struct sotto_block_q2_k { /* w = q * (d * scale) - dmin * minimum,  q in 0..3 */
  uint8_t scales[16];
  uint8_t qs[64];
  uint16_t d, dmin;
} sotto_block_q2_k;

/* Sub-blocks of 16 weights with a scale of six bits. The low two bits of a weight are where Q2_K
 * has them, its third (4) is bit b of hmask[l].
 * scales[i], i = 0..7, bits 7..4 | 3..0: low bits of scale 8 + i | of scale i
 * scales[8 + i], i = 0..3, bits 7 6 | 5 4 | 3 2 | 1 0: top of scale 12 + i | 8 + i | 4 + i | i */
typedef struct sotto_block_q3_k { /* w = (q - 4) * (d * (scale - 32)),  q in 0..7 */
  uint8_t hmask[32];
  uint8_t qs[64];
  uint8_t scales[12];
  uint16_t d;
} sotto_block_q3_k;

/* Sub-blocks of 32 weights; of the 16 bytes of each the nibbles are as in Q4_0.
 * scales_h (little-endian 16 bits), bits 2 * b …: top of scale b
 * scales_l[i], bits 7..4 | 3..0: low bits of scale 2i + 1 | of scale 2i */
typedef struct sotto_block_iq4_xs { /* w = value * (d * (scale - 32)), values as in IQ4_NL */
  uint16_t d;
  uint8_t scales_h[2];
  uint8_t scales_l[4];
  uint8_t qs[128];
} sotto_block_iq4_xs;

_Static_assert(sizeof(sotto_block_q4_k) == 144, "Q4_K: d, dmin, scales[12], qs[128]");
_Static_assert(sizeof(sotto_block_q5_k) == 176, "Q5_K: d, dmin, scales[12], qh[32], qs[128]");
_Static_assert(sizeof(sotto_block_q2_k) == 84, "Q2_K: scales[16], qs[64], d, dmin");
_Static_assert(sizeof(sotto_block_q3_k) == 110, "Q3_K: hmask[32], qs[64], scales[12], d");
_Static_assert(sizeof(sotto_block_iq4_xs) == 136, "IQ4_XS: d, scales_h, scales_l[4], qs[128]");
_Static_assert(sizeof(sotto_block_q6_k) == 210, "Q6_K: ql[128], qh[64], scales[16], d");

/* Scale (minimum false) or minimum of sub-block b, 0..63; the 12 bytes lie `stride` apart. */
static inline int sotto_k_scale(const uint8_t scales[12], int b, bool minimum) {
  const uint8_t *low = scales + 4 * minimum;
  if (b < 4) return low[b] & 63;
  return (scales[4 + b] >> 4 * minimum & 15) | low[b - 4] >> 6 << 4;
}

/* Scale of sub-block s of Q3_K and of b of IQ4_XS, -32..31, from the 12 and six bytes likewise. */
static inline int sotto_q3_k_scale(const uint8_t scales[12], int s) {
  const int low = scales[s % 8] >> 4 * (s / 8) & 15;
  return (low | (scales[8 + s % 4] >> 2 * (s / 4) & 3) << 4) - 32;
}
static inline int sotto_iq4_xs_scale(const uint8_t high[2], const uint8_t low[4], int b) {
  return ((low[b / 2] >> 4 * (b % 2) & 15) | (high[b / 4] >> 2 * (b % 4) & 3) << 4) - 32;
}

#endif
