/* LFM2 (Liquid AI, 2025): Llama with norms on queries and keys, in which most layers have a gated
 * short convolution in place of attention. These are the layers without KV heads. */
#include "arch/hparams.h"

sotto_status sotto_lfm2_read(sotto_program *p, sotto_hparams *h) {
  h->rope.neox = h->qk_norm = true;
  h->output_norm = "token_embd_norm.weight";
  SOTTO_TRY(sotto_arch_u32(p, "shortconv.l_cache", 0, &h->n_taps));
  if (h->n_embd > INT32_MAX / SOTTO_MAX_TAPS)
    return sotto_arch_invalid(p, "embedding_length", "is too large");
  if (h->n_taps >= 2 && h->n_taps <= SOTTO_MAX_TAPS) return SOTTO_OK;
  return sotto_arch_invalid(p, "shortconv.l_cache", "is not from 2 to 8");
}

void sotto_arch_short_conv(sotto_layer l, const sotto_hparams *h, sotto_buffer_id out,
                           sotto_buffer_id in) {
  sotto_program *p = l.p;
  static const char *const names[3] = {"conv_b", "conv_c", "conv_x"};
  const uint32_t n = h->n_embd;
  const char *projection = "blk.%u.shortconv.in_proj.weight"; /* [3 n][n] */
  sotto_buffer_id bcx[3];
  for (uint32_t i = 0; i < 3; i++) {
    bcx[i] = sotto_program_buffer(p, names[i], n);
    sotto_program_matmul(
        p, bcx[i], in,
        sotto_program_matrix_rows(p, projection, l.index, 3ull * n, n, (uint64_t)i * n, n),
        SOTTO_NONE);
  }
  const sotto_buffer_id b = bcx[0], c = bcx[1], x = bcx[2];
  sotto_program_mul(p, b, b, x);
  sotto_program_short_conv(
      p, l.index, x, b,
      sotto_program_taps(p, "blk.%u.shortconv.conv.weight", l.index, n, h->n_taps), h->n_taps);
  sotto_program_mul(p, x, c, x);
  sotto_arch_linear(l, out, x, "shortconv.out_proj");
}
