/* The kernels that sum up logits, as kernels.h has the others: so that of a row of 128k logits a
 * few kilobytes are read back. A row is divided into chunks of TOP_CHUNK logits; of each chunk its
 * TOP_BEST best are sorted out, and lists are merged by TOP_LISTS until one is left.
 *
 * An entry of a list is a vec2u: id, bits of the logit, where NaN has become -inf and -0 is 0.
 * Lists are in descending order, ties to the lower id. Where there are fewer logits than entries
 * the rest are {0xffffffff, -inf}, behind everything. */
#ifndef SOTTO_BACKEND_GPU_LOGITS_H
#define SOTTO_BACKEND_GPU_LOGITS_H

#include <stdint.h>

#define GPU_TOP_CHUNK 1024 /* GPU_TOP_LISTS * GPU_TOP_BEST, which is what is sorted at once */
#define GPU_TOP_BEST  256  /* SOTTO_SUMMARY_BEST */
#define GPU_TOP_LISTS 4
#define GPU_MAX_NAMED 1024 /* SOTTO_SUMMARY_NAMED */

/* Of chunk c of output o the list o * n_chunks + c, and what its logits come to: parts[o * n_chunks
 * + c] is a vec4u: bits of the highest logit m, bits of the sum of exp(logit - m) in float32, how
 * many are -inf, how many are NaN or +inf (then the first two mean nothing; where all are -inf the
 * sum is 0). The sum's relative error is below GPU_SUM_ERROR. x [outputs][n_vocab], lists, parts
 * (both written). Workgroups: (n_chunks, outputs). */
typedef struct gpu_top_chunk_params {
  uint32_t n_vocab, n_chunks;
} gpu_top_chunk_params;

/* In units of u = 2^-23, for WGSL rounds either way. With d = m - logit a term e^-d is off by d of
 * the subtraction, and by 3 + 2 d of exp. The mean of d, weighted by the terms, is their entropy
 * less the logarithm of their sum, which is 1 or more: at most ln 1024 < 7. So the terms are off by
 * 3 + 3 * 7 of their sum, and adding, 3 times in an invocation and 15 on each of two levels, by 33:
 * 57 u = 6.8e-6. This has room for an exp that is off by twice as much. What is flushed or below
 * e^-88 is 1024 * 1e-38 at most. */
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
