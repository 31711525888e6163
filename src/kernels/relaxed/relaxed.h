/* The relaxed-SIMD kernels: integer dot products only, so that every engine gives the same bits.
 * What engines may do differently is how an operand with bit 7 set counts, and whether pairs of
 * products saturate in int16; the kernels stay where they all agree.
 *   relaxed_i16  i16x8.relaxed_dot: one instruction on x86 in every engine
 *   relaxed_i32  i32x4.relaxed_dot_add: one instruction on x86 with VNNI and on ARM with dot
 *                products where the engine emits it, else several
 *   relaxed_u8   relaxed_i32 with Q8_0 in one dot, on engines where all eight bits of the second
 *                operand count without a sign and nothing saturates
 *   relaxed_s8   the same where they count with a sign
 * All share their activations: a word is four int8. Wide ones have two, low then high, with
 * q = low + 256 * high, high = (q + 128) >> 8 in -127..127, low in -128..127. The rest
 * is the SIMD128 variant's. */
#ifndef SOTTO_KERNELS_RELAXED_RELAXED_H
#define SOTTO_KERNELS_RELAXED_RELAXED_H

#include "kernels/simd128/act.h"
#include "kernels/simd128/simd128.h"

ALWAYS_INLINE act_layout int8s(int words) {
  return (act_layout){.lanes = 4, .words = words};
}
ALWAYS_INLINE act_layout int8s_broadcast(int words) {
  return (act_layout){.lanes = 4, .words = words, .broadcast = true};
}

#define T(NAME, ...)                                                                               \
  sotto_gemm_fn sotto_gemm_##NAME##__relaxed_i16, sotto_gemm_##NAME##__relaxed_i32;
#include "kernels/tiles.def"
#undef T
sotto_gemm_fn sotto_gemm_Q8_0__relaxed_u8, sotto_gemm_Q8_0__relaxed_s8;
bool sotto_relaxed_dot_is_u8(void);
bool sotto_relaxed_dot_is_s8(void);
void sotto_quantize_act__relaxed(const float *x, size_t k, const sotto_act *act, size_t token);

/* The body of a GEMM, by the two constants that `wide` chooses from; act_of is one of the two
 * functions above. */
#define GEMM_NARROW_OR_WIDE(g, layout, act_of)                                                     \
  if ((g)->act->wide)                                                                              \
    gemm((g), (layout), act_of(2));                                                                \
  else                                                                                             \
    gemm((g), (layout), act_of(1))

#endif
