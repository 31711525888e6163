/* Activations for the relaxed kernels: a word is four int8, and wide ones have a second word of
 * high bytes. */
#include <string.h>

#include "kernels/relaxed/relaxed.h"

ALWAYS_INLINE void to_words(act_layout layout, const v128_t v[8], v128_t words[2][2]) {
  v128_t low[4], high[4];
  for (int i = 0; i < 4; i++) {
    low[i] = wasm_i16x8_narrow_i32x4(v[2 * i], v[2 * i + 1]);
    high[i] = wasm_i16x8_shr(wasm_i16x8_add(low[i], wasm_i16x8_const_splat(128)), 8);
    if (layout.words == 2) low[i] = wasm_i16x8_shr(wasm_i16x8_shl(low[i], 8), 8);
  }
  for (int part = 0; part < 2; part++) {
    words[0][part] = wasm_i8x16_narrow_i16x8(low[2 * part], low[2 * part + 1]);
    words[1][part] = wasm_i8x16_narrow_i16x8(high[2 * part], high[2 * part + 1]);
  }
}

#include "kernels/simd128/quantize_act.inc.h"

void sotto_quantize_act__relaxed(const float *x, size_t k, const sotto_act *act, size_t token) {
  if (act->wide)
    quantize_token(x, k, act, token, int8s(2));
  else
    quantize_token(x, k, act, token, int8s(1));
}
