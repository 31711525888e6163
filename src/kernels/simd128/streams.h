/* How the tile rows of a call are shared out to streams of reads: each stream has as many rows, far
 * from the others', and they are read by turns. What that leaves over is shared out again, or read
 * alone. */
#ifndef SOTTO_KERNELS_SIMD128_STREAMS_H
#define SOTTO_KERNELS_SIMD128_STREAMS_H

#include "kernels/kernels.h"
#include "kernels/simd128/simd.h"

/* Tile rows first … first + n * apart - 1: stream i has those from first + i * apart on. */
typedef struct streams {
  size_t first, n, apart;
} streams;

/* The streams behind `s`, which begins as all zeros; false when all rows have been in some. */
ALWAYS_INLINE bool next_streams(const sotto_gemm *g, size_t most, streams *s) {
  const size_t end = (g->row1 + SOTTO_TILE_ROWS - 1) / SOTTO_TILE_ROWS;
  s->first = s->n ? s->first + s->n * s->apart : g->row0 / SOTTO_TILE_ROWS;
  const size_t left = end - s->first;
  s->n = most < 2 || left < most ? 1 : most;
  s->apart = left / s->n;
  return left > 0;
}

#endif
