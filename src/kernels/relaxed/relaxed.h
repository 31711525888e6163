/* The relaxed-SIMD kernels: integer dot products and look-ups only, so that every engine gives the
 * same bits. What engines may do differently is how an operand with bit 7 set counts, whether pairs
 * of products saturate in int16, and what an index above 15 finds; the kernels stay where they all
 * agree.
 *   relaxed_i16  i16x8.relaxed_dot: one instruction on x86 in every engine
 *   relaxed_i32  i32x4.relaxed_dot_add: one instruction on x86 with VNNI and on ARM with dot
 *                products where the engine emits it, else several
 *   relaxed_u8   relaxed_i32 with quants of eight bits in one dot, on engines where all eight of
 *                the second operand count without a sign and nothing saturates
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
#define T(NAME, ...)
#define T_BYTES(NAME, ...)                                                                         \
  sotto_gemm_fn sotto_gemm_##NAME##__relaxed_u8, sotto_gemm_##NAME##__relaxed_s8;
#include "kernels/tiles.def"
#undef T
#undef T_BYTES
bool sotto_relaxed_dot_is_u8(void);
bool sotto_relaxed_dot_is_s8(void);
void sotto_quantize_act__relaxed(const float *x, size_t k, const sotto_act *act, size_t token);

/* All variants prepare weights byte by byte. Indices are below 16, which all engines take alike. */
#define PREPARES_BYTES true
#define look_up        wasm_i8x16_relaxed_swizzle

/* Of a kind of panel, and of a format, what both widths of activations need; act_of is one of the
 * two functions above. */
#define MULTIPLY_BOTH(NAME, kind, act_of)                                                          \
  MULTIPLY(NAME##_narrow, kind, act_of(1))                                                         \
  MULTIPLY(NAME##_wide, kind, act_of(2))
#define UNPACK_AND_GEMV(NAME, layout, act_of)                                                      \
  UNPACK(NAME, layout)                                                                             \
  GEMV(NAME##_narrow, layout, act_of(1))                                                           \
  GEMV(NAME##_wide, layout, act_of(2))
/* The body of a GEMM, by the width that its activations have. */
#define GEMM_NARROW_OR_WIDE(g, NAME, PANEL, layout, kind, act_of)                                  \
  if ((g)->act->wide)                                                                              \
    GEMM(g, NAME, PANEL, layout, kind, act_of(2), _wide);                                          \
  else                                                                                             \
    GEMM(g, NAME, PANEL, layout, kind, act_of(1), _narrow)

#endif
