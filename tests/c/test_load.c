/* load/: the same bytes get into place, in the order the program needs them, whatever the cuts;
 * what was not asked for is refused. */
#include <stdlib.h>

#include "arch/arch.h"
#include "backend/memory.h"
#include "load/load.h"
#include "test.h"

typedef struct model {
  sotto_ctx ctx;
  char *data;
  size_t len;
  sotto_gguf *gguf;
  sotto_program program;
} model;

static bool open_header(model *m, const char *path) {
  sotto_ctx_init(&m->ctx, NULL, NULL);
  m->data = test_read_file(path, &m->len);
  size_t consumed;
  bool done = false;
  if (!m->data || !CHECK(sotto_gguf_new(&m->ctx, 1, &m->gguf) == SOTTO_OK)) return false;
  CHECK(sotto_gguf_feed(m->gguf, 0, m->data, m->len, &consumed, &done) == SOTTO_OK);
  sotto_program_init(&m->program, &m->ctx, m->gguf);
  return CHECK(done) && CHECK(sotto_arch_build(&m->program) == SOTTO_OK);
}

static void close_header(model *m) {
  sotto_program_free(&m->program);
  sotto_gguf_free(m->gguf);
  free(m->data);
  CHECK(m->ctx.bytes_in_use == 0);
}

static sotto_status feed_all(sotto_load *load, const model *m, sotto_load_order order,
                             uint64_t max_length, uint32_t step) {
  for (uint64_t last = 0;;) {
    uint32_t file;
    uint64_t offset, length;
    SOTTO_TRY(sotto_load_next_range(load, order, max_length, &file, &offset, &length));
    if (length == 0) return SOTTO_OK;
    CHECK(order != SOTTO_LOAD_BY_FILE || offset >= last);
    last = offset + length;
    for (uint64_t at = 0; at < length; at += step) {
      size_t n = length - at < step ? (size_t)(length - at) : step;
      SOTTO_TRY(sotto_load_feed(load, file, offset + at, m->data + offset + at, n));
    }
  }
}

/* Places all of a model's weights, in new memory. */
typedef struct placed {
  sotto_weights weights;
  sotto_load *load;
} placed;

static bool place_all(model *m, placed *p, sotto_place_kind kind, sotto_load_order order,
                      uint64_t max_length, uint32_t step) {
  return CHECK(sotto_weights_new(&m->program, kind, &p->weights) == SOTTO_OK) &&
         CHECK(sotto_load_new(&m->ctx, m->gguf, p->weights.placements, p->weights.n, NULL,
                              &p->load) == SOTTO_OK) &&
         CHECK(feed_all(p->load, m, order, max_length, step) == SOTTO_OK) &&
         CHECK(sotto_load_complete(p->load));
}

static void free_placed(model *m, placed *p) {
  sotto_load_free(p->load);
  sotto_weights_free(&m->ctx, &p->weights);
}

TEST(load_puts_the_file_into_place_whatever_the_cuts) {
  static const char *const paths[] = {"models/tiny/tiny-f32.gguf",  "models/tiny/tiny-f16.gguf",
                                      "models/tiny/tiny-bf16.gguf", "models/tiny/tiny-q4_0.gguf",
                                      "models/tiny/tiny-q4_1.gguf", "models/tiny/tiny-q5_0.gguf",
                                      "models/tiny/tiny-q5_1.gguf", "models/tiny/tiny-q8_0.gguf"};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    model m;
    placed a, b;
    REQUIRE(open_header(&m, paths[i]));
    REQUIRE(place_all(&m, &a, SOTTO_PLACE_PACKED, SOTTO_LOAD_BY_STAGE, 3000, 777));
    REQUIRE(place_all(&m, &b, SOTTO_PLACE_PACKED, SOTTO_LOAD_BY_FILE, 30000, 4099));
    for (size_t t = 0; t < a.weights.n; t++) {
      const sotto_placement *p = &a.weights.placements[t], *q = &b.weights.placements[t];
      const char *file = m.data + p->offset;
      CHECK(sotto_load_ready(a.load)[t] && sotto_load_ready(b.load)[t]);
      if (p->kind != SOTTO_PLACE_PACKED) {
        CHECK(memcmp(p->dst, q->dst, (size_t)(p->rows * p->cols) * sizeof(float)) == 0);
        continue;
      }
      size_t row = (size_t)sotto_dtype_row_bytes(p->tensor->type, p->cols);
      char *rows = malloc(8 * row);
      for (uint64_t first = 0; first < p->rows; first += 8) {
        size_t n = p->rows - first < 8 ? (size_t)(p->rows - first) : 8;
        const char *tile_row = (char *)p->dst + first * row;
        sotto_unpack_tile_row(p->tensor->type, tile_row, n, (size_t)p->cols, rows);
        CHECK(memcmp(rows, file + first * row, n * row) == 0);
        CHECK(memcmp(tile_row, (char *)q->dst + first * row, 8 * row) == 0);
      }
      free(rows);
    }
    free_placed(&m, &a);
    free_placed(&m, &b);
    close_header(&m);
  }
}

TEST(load_hashes_first_rows_wherever_they_go) {
  model m;
  placed a, b, c;
  REQUIRE(open_header(&m, "models/tiny/tiny-q4_0.gguf"));
  REQUIRE(place_all(&m, &a, SOTTO_PLACE_PACKED, SOTTO_LOAD_BY_STAGE, 3000, 777));
  REQUIRE(place_all(&m, &b, SOTTO_PLACE_F32, SOTTO_LOAD_BY_FILE, 30000, 4099));
  for (size_t t = 0; t < a.weights.n; t++) {
    m.data[a.weights.placements[t].offset] ^= 1; /* a scale's or a float's lowest bit */
    CHECK(sotto_load_first_rows_hash(a.load, t) == sotto_load_first_rows_hash(b.load, t));
  }
  REQUIRE(place_all(&m, &c, SOTTO_PLACE_PACKED, SOTTO_LOAD_BY_STAGE, 3000, 777));
  for (size_t t = 0; t < a.weights.n; t++)
    CHECK(sotto_load_first_rows_hash(a.load, t) != sotto_load_first_rows_hash(c.load, t));
  free_placed(&m, &a);
  free_placed(&m, &b);
  free_placed(&m, &c);
  close_header(&m);
}

TEST(load_hands_out_early_layers_first) {
  model m;
  REQUIRE(open_header(&m, "models/tiny/tiny-q4_1.gguf"));
  sotto_weights w;
  REQUIRE(sotto_weights_new(&m.program, SOTTO_PLACE_PACKED, &w) == SOTTO_OK);
  sotto_load *load;
  REQUIRE(sotto_load_new(&m.ctx, m.gguf, w.placements, w.n, NULL, &load) == SOTTO_OK);
  uint32_t ready_stage = 0;
  for (;;) {
    uint32_t file;
    uint64_t offset, length;
    REQUIRE(sotto_load_next_range(load, SOTTO_LOAD_BY_STAGE, 512, &file, &offset, &length) ==
            SOTTO_OK);
    if (length == 0) break;
    REQUIRE(sotto_load_feed(load, file, offset, m.data + offset, (size_t)length) == SOTTO_OK);
    /* Whatever has arrived, no stage is begun before the one before it is complete. */
    for (size_t i = 0; i < w.n; i++) {
      if (!sotto_load_ready(load)[i]) continue;
      if (w.placements[i].stage > ready_stage) ready_stage = w.placements[i].stage;
      for (size_t j = 0; j < w.n; j++) {
        if (w.placements[j].stage < w.placements[i].stage) CHECK(sotto_load_ready(load)[j]);
      }
    }
  }
  CHECK(ready_stage == 1 + m.program.shape.n_layer);
  sotto_load_free(load);
  sotto_weights_free(&m.ctx, &w);
  close_header(&m);
}

TEST(load_refuses_what_was_not_asked_for) {
  model m;
  REQUIRE(open_header(&m, "models/tiny/tiny-q8_0.gguf"));
  sotto_weights w;
  REQUIRE(sotto_weights_new(&m.program, SOTTO_PLACE_PACKED, &w) == SOTTO_OK);
  sotto_load *load;
  REQUIRE(sotto_load_new(&m.ctx, m.gguf, w.placements, w.n, NULL, &load) == SOTTO_OK);
  uint32_t file;
  uint64_t offset, length, other;
  CHECK(sotto_load_feed(load, 0, 5000, m.data, 10) == SOTTO_ERR_INVALID_ARGUMENT);
  REQUIRE(sotto_load_next_range(load, SOTTO_LOAD_BY_STAGE, 4096, &file, &offset, &length) ==
          SOTTO_OK);
  CHECK(sotto_load_feed(load, file, offset + 1, m.data, 1) == SOTTO_ERR_INVALID_ARGUMENT);
  CHECK(sotto_load_feed(load, file, offset, m.data + offset, (size_t)length + 1) ==
        SOTTO_ERR_INVALID_ARGUMENT);
  CHECK(sotto_load_feed(load, file, offset, m.data + offset, 100) == SOTTO_OK);
  CHECK(sotto_load_feed(load, file, offset, m.data + offset, 100) == SOTTO_ERR_INVALID_ARGUMENT);
  CHECK(sotto_load_stream_range(load, 0, &other, &length) == SOTTO_ERR_INVALID_ARGUMENT);
  CHECK(sotto_load_stream_range(load, 1, &other, &length) == SOTTO_ERR_INVALID_ARGUMENT);
  for (int open = 1; open < SOTTO_LOAD_MAX_RANGES; open++) {
    REQUIRE(sotto_load_next_range(load, SOTTO_LOAD_BY_STAGE, 16, &file, &offset, &length) ==
            SOTTO_OK);
    REQUIRE(length > 0);
  }
  CHECK(sotto_load_next_range(load, SOTTO_LOAD_BY_STAGE, 16, &file, &offset, &length) ==
        SOTTO_ERR_BUSY);
  CHECK(!sotto_load_complete(load));
  sotto_load_free(load);
  sotto_weights_free(&m.ctx, &w);
  close_header(&m);
}

TEST(program_buffers_do_not_overlap_while_both_live) {
  model m;
  REQUIRE(open_header(&m, "models/tiny/tiny-f16.gguf"));
  const sotto_program *p = &m.program;
  sotto_backend_config config = {.n_batch = 8, .n_part = 8, .n_outputs = 4, .n_ctx = 64};
  uint64_t offsets[32], sum = 0;
  REQUIRE(p->n_buffers <= 32);
  uint64_t total = sotto_buffers_plan(p, &config, offsets);
  /* Interpret the program on buffer contents that name their last writer: a read must find what the
   * program's order promises, so no other write may have landed in between. */
  int *owner = malloc(total * sizeof *owner);
  int *written = calloc(p->n_buffers, sizeof *written);
  for (size_t i = 0; i < p->n_ops; i++) {
    const sotto_op *op = &p->ops[i];
    for (int k = 0; k < 2; k++) {
      if (op->in[k] < 0) continue;
      const sotto_buffer *b = &p->buffers[op->in[k]];
      uint64_t n = (uint64_t)b->dim * (b->per_output ? 4 : 8);
      for (uint64_t f = 0; f < n; f++) CHECK(owner[offsets[op->in[k]] + f] == written[op->in[k]]);
    }
    if (op->out < 0) continue;
    const sotto_buffer *b = &p->buffers[op->out];
    uint64_t n = (uint64_t)b->dim * (b->per_output ? 4 : 8);
    written[op->out] = (int)i + 1;
    for (uint64_t f = 0; f < n; f++) owner[offsets[op->out] + f] = (int)i + 1;
  }
  for (size_t b = 0; b < p->n_buffers; b++) {
    sum += (uint64_t)p->buffers[b].dim * (p->buffers[b].per_output ? 4 : 8);
  }
  CHECK(total < sum); /* and sharing saves something */
  free(owner);
  free(written);
  close_header(&m);
}
