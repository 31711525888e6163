/* Writing a program, for architectures. Building never fails midway: the builder keeps its first
 * error (sticky) and ignores what follows, so that an architecture reads like the paper;
 * sotto_program_finish reports it. */
#ifndef SOTTO_PROGRAM_BUILD_H
#define SOTTO_PROGRAM_BUILD_H

#include "program/program.h"

/* Returns the first error of building. Also ERR_UNSUPPORTED_ARCHITECTURE for a tensor of the file
 * that no weight covers, or not all of it: such a model would run and answer wrongly. */
sotto_status sotto_program_finish(sotto_program *program);

/* The buffer of this name, dim floats wide, which is made where there is none yet; with
 * output_buffer it has a row for each wanted output. */
sotto_buffer_id sotto_program_buffer(sotto_program *program, const char *name, uint32_t dim);
sotto_buffer_id sotto_program_output_buffer(sotto_program *program, const char *name, uint32_t dim);
/* A row for each of a token's n_used experts. */
sotto_buffer_id sotto_program_expert_buffer(sotto_program *program, const char *name, uint32_t dim,
                                            uint32_t n_used);
/* The tensor `name_format` (with one %u for the layer, or none) as a weight of rows x cols, which
 * must be its shape; a vector of cols elements. */
sotto_weight_id sotto_program_matrix(sotto_program *program, const char *name_format,
                                     uint32_t layer, uint64_t rows, uint64_t cols);
sotto_weight_id sotto_program_vector(sotto_program *program, const char *name_format,
                                     uint32_t layer, uint64_t cols);
/* A slice: rows [first, first + rows) of a tensor of n_rows x cols; elements [first, first + cols)
 * of a vector of n. */
sotto_weight_id sotto_program_matrix_rows(sotto_program *program, const char *name_format,
                                          uint32_t layer, uint64_t n_rows, uint64_t cols,
                                          uint64_t first, uint64_t rows);
sotto_weight_id sotto_program_vector_slice(sotto_program *program, const char *name_format,
                                           uint32_t layer, uint64_t n, uint64_t first,
                                           uint64_t cols);
/* A tensor of so many channels' taps, [channels][n_taps]. */
sotto_weight_id sotto_program_taps(sotto_program *program, const char *name_format, uint32_t layer,
                                   uint32_t channels, uint32_t n_taps);
/* A tensor of n experts, each a matrix of rows x cols (rows a multiple of 8), as one weight. */
sotto_weight_id sotto_program_experts(sotto_program *program, const char *name_format,
                                      uint32_t layer, uint64_t n, uint64_t rows, uint64_t cols);
/* A weight of a tensor that need not be in the file; the same number for the same slice. */
sotto_weight_id sotto_program_add_weight(sotto_program *program, sotto_weight weight);
/* Whether the file has such a tensor. */
bool sotto_program_has(const sotto_program *program, const char *name_format, uint32_t layer);
/* The file may have a tensor of this name that nothing needs. */
void sotto_program_pass_over(sotto_program *program, const char *name);
/* The index of a new rotary table. */
uint32_t sotto_program_add_rope(sotto_program *program, const sotto_rope *rope);

/* out[t] = a row of table: that of the token, of its position, or the first */
void sotto_program_embed(sotto_program *program, sotto_buffer_id out, sotto_weight_id table,
                         sotto_embed_row row);
/* out[t] = in[t] / rms(in[t]) * weight; where weight is a head wide, each head by itself */
void sotto_program_rms_norm(sotto_program *program, sotto_buffer_id out, sotto_buffer_id in,
                            sotto_weight_id weight, float eps);
/* out[t] = (in[t] - mean(in[t])) / deviation(in[t]) * weight + bias */
void sotto_program_layer_norm(sotto_program *program, sotto_buffer_id out, sotto_buffer_id in,
                              sotto_weight_id weight, sotto_weight_id bias, float eps);
/* out[t] = weight · in[t] + bias; bias may be SOTTO_NONE */
void sotto_program_matmul(sotto_program *program, sotto_buffer_id out, sotto_buffer_id in,
                          sotto_weight_id weight, sotto_weight_id bias);
/* out[t] = weight · in[t], where `out` is to be the logits */
void sotto_program_logits(sotto_program *program, sotto_buffer_id out, sotto_buffer_id in,
                          sotto_weight_id weight);
/* x[t] = x[t] rotated by its token's position, in place, head by head */
void sotto_program_rope(sotto_program *program, sotto_buffer_id x, uint32_t table,
                        uint32_t head_dim);
/* Keys and values of the layer in the KV cache, at the tokens' positions, = k, v */
void sotto_program_kv_write(sotto_program *program, uint32_t layer, sotto_buffer_id k,
                            sotto_buffer_id v);
/* out = softmax(softcap(q · K * scale)) · V over each token's sequence: up to its own position, and
 * from there at most `window` positions back where that is not 0; or where the program is not
 * causal over all of it. n_head query heads, as wide as the layer's KV heads. A softcap of 0 is
 * none. */
void sotto_program_attention(sotto_program *program, uint32_t layer, sotto_buffer_id out,
                             sotto_buffer_id q, uint32_t n_head, float scale, float softcap,
                             uint32_t window);
/* out = activation(gate) * up */
void sotto_program_glu(sotto_program *program, sotto_buffer_id out, sotto_buffer_id gate,
                       sotto_buffer_id up, sotto_activation activation);
/* x = GELU(x) with the error function, in place */
void sotto_program_gelu(sotto_program *program, sotto_buffer_id x);
/* out = a + b */
void sotto_program_add(sotto_program *program, sotto_buffer_id out, sotto_buffer_id a,
                       sotto_buffer_id b);
/* out = a * b, element by element */
void sotto_program_mul(sotto_program *program, sotto_buffer_id out, sotto_buffer_id a,
                       sotto_buffer_id b);
/* A causal convolution of each channel c over the tokens of a sequence:
 *   out[t][c] = sum over j of taps[c][j] * in[t - n_taps + 1 + j][c], j ascending
 * in[t] before the sequence's first token is 0; the layer's recurrent state holds the n_taps - 1
 * rows before the batch. n_taps is from 2 to SOTTO_MAX_TAPS. */
void sotto_program_short_conv(sotto_program *program, uint32_t layer, sotto_buffer_id out,
                              sotto_buffer_id in, sotto_weight_id taps, uint32_t n_taps);
/* x = x * factor, in place; nothing for the factor 1 */
void sotto_program_scale(sotto_program *program, sotto_buffer_id x, float factor);
/* x = cap * tanh(x / cap), in place; nothing for the cap 0 */
void sotto_program_softcap(sotto_program *program, sotto_buffer_id x, float cap);
/* Mixture of experts (Shazeer et al. 2017, arXiv 1701.06538). routes[t] = {e_0 … e_(n-1), w_0 …
 * w_(n-1)}: the n = n_used experts with the largest logits[t], the largest first and of equal ones
 * that with the lower index, and their softmax, over all or with `normalise` over the chosen. The
 * indices are of experts whatever the logits are; with NaN among them weights are NaN. What follows
 * takes the routes of the stage's last one. */
void sotto_program_route(sotto_program *program, sotto_buffer_id routes, sotto_buffer_id logits,
                         uint32_t n_used, bool normalise);
/* out[t, i] = the matrix of expert e_i · in, which is in[t] or in[t, i] */
void sotto_program_matmul_experts(sotto_program *program, sotto_buffer_id out, sotto_buffer_id in,
                                  sotto_buffer_id routes, sotto_weight_id experts);
/* out[t] = w_0 * in[t, 0] + w_1 * in[t, 1] + … */
void sotto_program_combine(sotto_program *program, sotto_buffer_id out, sotto_buffer_id in,
                           sotto_buffer_id routes);
/* x[t] = x[t] * (1 / (1 + exp(-gate[t]))), in place; gate is 1 wide */
void sotto_program_sigmoid_gate(sotto_program *program, sotto_buffer_id x, sotto_buffer_id gate);
/* out = the rows of in whose logits are wanted */
void sotto_program_take_outputs(sotto_program *program, sotto_buffer_id out, sotto_buffer_id in);
/* The program's output: of each text the tokens of in pooled as program->pooling says, and that
 * divided by its length. */
void sotto_program_embedding(sotto_program *program, sotto_buffer_id in);

#endif
