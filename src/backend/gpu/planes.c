/* Taking blocks apart. */
#include "backend/gpu/planes.h"

#include <string.h>

const gpu_planes *gpu_planes_of(sotto_dtype type) {
#define PIECES(...) (sizeof((const uint16_t[][2]){__VA_ARGS__}) / sizeof(uint16_t[2]))
  static const gpu_planes table[] = {
#define PLANES(NAME, file, ...) [SOTTO_##NAME] = {file, PIECES(__VA_ARGS__), {__VA_ARGS__}},
#include "backend/gpu/planes.def"
#undef PLANES
  };
#undef PIECES
  return &table[type];
}

uint64_t gpu_plane_bytes(sotto_dtype type, uint32_t plane, uint64_t n_rows, uint64_t cols) {
  return n_rows * (cols / sotto_dtype_block_weights(type)) *
         gpu_planes_of(type)->pieces[plane].bytes;
}

uint64_t gpu_planes_bytes(sotto_dtype type, uint64_t n_rows, uint64_t cols,
                          uint64_t starts[GPU_MAX_PLANES]) {
  uint64_t total = 0;
  for (uint32_t i = 0; i < GPU_MAX_PLANES; i++) {
    if (starts) starts[i] = total;
    if (i < gpu_planes_of(type)->n)
      total += (gpu_plane_bytes(type, i, n_rows, cols) + 15) & ~(uint64_t)15;
  }
  return total;
}

/* n pieces that lie `block` bytes apart, side by side. With a size that the compiler knows a piece
 * is a load and a store or a few. */
static inline void take_pieces(char *to, const char *from, size_t block, size_t bytes, uint64_t n) {
  for (; n > 0; n--, from += block, to += bytes) memcpy(to, from, bytes);
}

void gpu_planes_take(sotto_dtype type, uint32_t plane, const void *rows, uint64_t n_rows,
                     uint64_t cols, void *out) {
  const size_t block = sotto_dtype_block_bytes(type),
               bytes = gpu_planes_of(type)->pieces[plane].bytes;
  const char *from = (const char *)rows + gpu_planes_of(type)->pieces[plane].offset;
  const uint64_t n = n_rows * (cols / sotto_dtype_block_weights(type));
  switch (bytes == block ? 0 : bytes) {
  case 0: memcpy(out, from, (size_t)n * bytes); break; /* all of the block */
#define BYTES(b)                                                                                   \
  case b: take_pieces(out, from, block, b, n); break
    BYTES(1);
    BYTES(2);
    BYTES(4);
    BYTES(16);
    BYTES(32);
#undef BYTES
  default: take_pieces(out, from, block, bytes, n);
  }
}
