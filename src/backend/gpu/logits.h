/* The kernels that sum up logits, as kernels.h has the others: so that of a row of 128k logits a
 * few kilobytes are read back. A row is divided into chunks of TOP_CHUNK logits; of each chunk its
 * TOP_BEST best are sorted out, and lists are merged by TOP_LISTS until one is left.
 *
 * An entry of a list is a vec2u: id, bits of the logit. Lists are in descending order, ties (-0
 * equals 0) to the lower id; NaN counts as -inf. Where there are fewer logits than entries the rest
 * are {0xffffffff, -inf}, behind everything. */
#ifndef SOTTO_BACKEND_GPU_LOGITS_H
#define SOTTO_BACKEND_GPU_LOGITS_H

#include <stdint.h>

#define GPU_TOP_CHUNK 1024
#define GPU_TOP_BEST  256 /* SOTTO_SUMMARY_BEST */
#define GPU_TOP_LISTS 4
#define GPU_MAX_NAMED 1024 /* SOTTO_SUMMARY_NAMED */

/* Of chunk c of output o the list o * n_chunks + c, and what its logits come to: parts[o * n_chunks
 * + c] is a vec4u: bits of the highest logit m, bits of the sum of exp(logit - m) in float32, how
 * many are -inf, how many are NaN or +inf (then the first two mean nothing; where all are -inf the
 * sum is 0). x (logits, [outputs][n_vocab]), lists, parts (both written). Workgroups: (n_chunks,
 * outputs). The sum is that of a tree, no chain longer than 16 additions, so that its relative
 * error is below GPU_SUM_ERROR. */
typedef struct gpu_top_chunk_params {
  uint32_t n_vocab, n_chunks;
} gpu_top_chunk_params;

/* WGSL's exp is within 3 + 2 |x| units in the last place; |x| exp(x) adds up to at most ln(1024)
 * times the sum; 10 levels of additions: 3 + 2 * 7 + 7 + 16 halves, doubled for drivers that are
 * not quite as good. */
#define GPU_SUM_ERROR 1e-5

/* List o * n_out + j is what lists TOP_LISTS * j … of the n_in of output o have best. lists in,
 * lists out (written). Workgroups: (n_out, outputs). */
typedef struct gpu_top_merge_params {
  uint32_t n_in, n_out;
} gpu_top_merge_params;

/* out[o][i] = x[o][ids[o][i]] for i < MAX_NAMED; an id outside the vocabulary gives 0. x, ids
 * (u32), out. Workgroups: (MAX_NAMED / WORKGROUP, outputs). */
typedef struct gpu_named_params {
  uint32_t n_vocab;
} gpu_named_params;

#endif
