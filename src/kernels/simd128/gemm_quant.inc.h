/* Quantised weights times quantised activations: gemm(), the body of every vector variant, and the
 * macros that make a function of each format and each kind of panel for it. A single token goes
 * through the two halves of a tile (4 rows each) side by side; a lane is a row. Tokens in groups of
 * four have a lane each: eight rows of weights are unpacked once and serve up to 64 tokens.
 *
 * The includer defines how weights meet activations:
 *   masks, hold_masks()   constants that prepare() needs
 *   weights, prepare()    16 quants (byte 4 * r + u: weight u of row r) in the form that the dots
 *                         take, once for all tokens
 *   PREPARES_BYTES        that form is bytes, too, each made of one quant: values are looked up
 *                         in it
 *   look_up()             16 of 16 bytes by their indices
 *   takes_index()         whether a value is made from its index, too, which is behind the vectors
 *   n_vectors()           vectors in `weights`
 *   second_shift()        how far left the quants of k = 16..31 stay when they are unpacked
 *   N_SUB_SCALES          vectors of a block's scales that are integers of halves: 1, a row's two
 *                         side by side as int16, or 2, each of them twice
 *   has_splats()          whether rows are copied to all lanes once for all tokens
 *   sums, start(), dot_low(), dot_high(), flush(), total(), total_of_halves()
 *                         the exact int32 sums of a block, a lane each: dot_low() adds k = 0..15,
 *                         dot_high() k = 16..31; total() keeps them apart where the halves of a
 *                         block have scales of their own, total_of_halves() multiplies them by
 *                         scales that are integers. `block` is the activations' (act.h); flush()
 *                         comes after each of the two
 *   flush_after()         how many dots a narrow sum has room for
 *   n_groups()            groups of tokens at a time: as many as the engines' registers hold */
#include "kernels/simd128/multiply_quant.inc.h"

typedef void unpack_fn(const uint8_t *tile, size_t n_tiles, int half, panel *out, bool splats);
typedef void multiply_fn(const panel *from, int half, size_t n_blocks, const uint8_t *const x[2],
                         v128_t *const y[2], int n, bool splats);
typedef void gemv_fn(const sotto_gemm *g, streams s, size_t first, size_t token);

/* What gemm() knows of a format with activations of one width. */
typedef struct format {
  const sotto_tile_layout *layout;
  act_layout act;
  int n_groups;
  bool has_splats;
  unpack_fn *unpack;
  multiply_fn *multiply;
  gemv_fn *gemv;
} format;

/* multiply_NAME() of a kind of panel. */
#define MULTIPLY(NAME, kind, act)                                                                  \
  NEVER_INLINE void multiply_##NAME(const panel *from, int half, size_t n_blocks,                  \
                                    const uint8_t *const x[2], v128_t *const y[2], int n,          \
                                    bool splats) {                                                 \
    multiply(kind, act, from, half, n_blocks, x, y, n, splats);                                    \
  }
/* unpack_NAME() and gemv_NAME() of a format. */
#define UNPACK(NAME, layout)                                                                       \
  NEVER_INLINE void unpack_##NAME(const uint8_t *tile, size_t n_tiles, int half, panel *out,       \
                                  bool splats) {                                                   \
    unpack_half(layout, tile, n_tiles, half, out, splats);                                         \
  }
#define GEMV(NAME, layout, act)                                                                    \
  NEVER_INLINE void gemv_##NAME(const sotto_gemm *g, streams s, size_t first, size_t token) {      \
    gemv(g, layout, act_of_one(act), s, first, token);                                             \
  }

/* The body of a GEMM by functions that these have made; WIDTH is behind the names of those that the
 * width of the activations matters to. */
#define GEMM(g, NAME, PANEL, layout_, kind, act_, WIDTH)                                           \
  gemm((g), &(const format){.layout = &(layout_),                                                  \
                            .act = (act_),                                                         \
                            .n_groups = n_groups((kind), (act_)),                                  \
                            .has_splats = has_splats((kind), (act_)),                              \
                            .unpack = unpack_##NAME,                                               \
                            .multiply = multiply_##PANEL##WIDTH,                                   \
                            .gemv = gemv_##NAME##WIDTH})

/* Four tokens' results for four rows, a token a lane. */
ALWAYS_INLINE void store_group(const sotto_gemm *g, size_t token, size_t row, const v128_t acc[4]) {
  v128_t tokens[4];
  transpose(acc, tokens);
  for (size_t u = 0; u < 4; u++)
    store_rows(g->y + (token + u) * g->y_stride + row, g->row1 - row, tokens[u]);
}

/* y of eight rows for n groups of four tokens, at most GROUPS. */
static void gemm_rows(const sotto_gemm *g, const format *f, size_t token, size_t n, size_t row) {
  const sotto_tile_layout *layout = f->layout;
  const bool splats = f->has_splats && n >= GROUPS_FOR_SPLATS;
  const size_t blocks = (size_t)layout->blocks, n_tiles = g->k / SOTTO_ACT_BLOCK / blocks;
  const size_t most = PIECE / blocks, n_pieces = (n_tiles + most - 1) / most;
  const uint8_t *tiles =
      (const uint8_t *)g->w + row / SOTTO_TILE_ROWS * n_tiles * (size_t)layout->bytes;
  panel panel;
  v128_t y[GROUPS][2][4];
  memset(y, 0, n * sizeof *y);
  for (size_t p = 0; p < n_pieces; p++) {
    const size_t first = n_tiles * p / n_pieces, length = n_tiles * (p + 1) / n_pieces - first;
    for (int half = 0; half < 2; half++)
      f->unpack(tiles + first * (size_t)layout->bytes, length, half, &panel, splats);
    for (size_t i = 0; i < n;) {
      const size_t two = f->n_groups == 2 && i + 2 <= n;
      const uint8_t *x[2];
      for (size_t v = 0; v <= two; v++)
        x[v] = act_group(g->act, g->k, token + 4 * (i + v)) +
               first * blocks * (size_t)act_block_bytes(f->act);
      for (int half = 0; half < 2; half++) {
        v128_t *to[2] = {y[i][half], y[i + two][half]};
        f->multiply(&panel, half, length * blocks, x, to, 1 + (int)two, splats);
      }
      i += 1 + two;
    }
  }
  for (size_t i = 0; i < n; i++)
    for (size_t half = 0; half < 2 && row + 4 * half < g->row1; half++)
      store_group(g, token + 4 * i, row + 4 * half, y[i][half]);
}

static void gemm(const sotto_gemm *g, const format *f) {
  const size_t fours = act_in_fours(g->act);
  streams s = {0};
  while (next_streams(g, fours ? 1 : g->n_streams, &s)) {
    for (size_t i = s.first; i < s.first + s.apart; i++) {
      for (size_t t = 0; t < fours; t += 4 * GROUPS)
        gemm_rows(g, f, t, fours - t < 4 * GROUPS ? (fours - t) / 4 : GROUPS, i * SOTTO_TILE_ROWS);
      for (size_t t = fours; t < g->n_tokens; t++) f->gemv(g, s, i, t);
    }
  }
}
