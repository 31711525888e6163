/* The reference backend: every operation of the program over dequantised float32 weights, written
 * to be read beside the papers. Values are float32, sums are kept in double, so that the distance
 * to another float32 implementation is that one's rounding. Slow and large (4 bytes a weight) on
 * purpose; what the other backends are compared with. */
#include <math.h>

#include "backend/memory.h"
#include "backend/storage.h"
#include "kernels/math.h"
#include "platform/time.h"

typedef struct naive {
  sotto_backend base;
  const sotto_program *program;
  sotto_backend_config config;
  sotto_storage storage;
  sotto_weights weights;
  float *scratch; /* buffers, then scores[n_ctx] */
  uint64_t n_floats;
  uint64_t *offsets;            /* [n_buffers] into scratch */
  float *frequencies, *cos_sin; /* [n_ropes][stride] of the program's tables */
  uint32_t rope_stride;
  const sotto_batch *batch;
  size_t next_op;
} naive;

static uint64_t scratch_floats(const sotto_program *p, const sotto_backend_config *config,
                               uint64_t *offsets) {
  sotto_backend_config whole = *config;
  whole.n_part = config->n_batch; /* no parts here */
  uint64_t buffers = sotto_buffers_plan(p, &whole, offsets);
  return buffers == UINT64_MAX ? buffers : buffers + config->n_ctx;
}

static sotto_status plan(const sotto_program *p, const sotto_backend_config *config,
                         const sotto_kv_shape *kv_shape, sotto_backend_plan *out) {
  *out = (sotto_backend_plan){.kv = sotto_kv_bytes(kv_shape)};
  uint64_t floats = scratch_floats(p, config, NULL);
  if (floats == UINT64_MAX) return SOTTO_ERR_OUT_OF_MEMORY;
  out->weights = sotto_weights_bytes(p, SOTTO_PLACE_F32);
  out->scratch = floats * sizeof(float);
  return SOTTO_OK;
}

static void destroy(sotto_backend *backend) {
  naive *b = (naive *)backend;
  if (!b) return;
  sotto_ctx *ctx = b->program->ctx;
  sotto_storage_free(&b->storage);
  sotto_weights_free(ctx, &b->weights);
  sotto_free_aligned(ctx, b->scratch, (size_t)b->n_floats * sizeof(float));
  sotto_free(ctx, b->offsets, b->program->n_buffers * sizeof *b->offsets);
  const size_t rope_bytes = b->program->n_ropes * b->rope_stride * sizeof(float);
  sotto_free(ctx, b->frequencies, rope_bytes);
  sotto_free(ctx, b->cos_sin, rope_bytes);
  sotto_free(ctx, b, sizeof *b);
}

static sotto_status create(const sotto_program *p, const sotto_backend_config *config,
                           const sotto_kv_shape *kv_shape, sotto_backend **out) {
  *out = NULL;
  naive *b = sotto_alloc_zero(p->ctx, sizeof *b);
  if (!b) return SOTTO_ERR_OUT_OF_MEMORY;
  b->base.type = &sotto_backend_naive;
  b->program = p;
  b->config = *config;
  b->offsets = sotto_alloc(p->ctx, p->n_buffers * sizeof *b->offsets);
  b->rope_stride = sotto_widest_rope(p);
  const size_t rope_bytes = p->n_ropes * b->rope_stride * sizeof(float);
  b->frequencies = sotto_alloc(p->ctx, rope_bytes);
  b->cos_sin = sotto_alloc(p->ctx, rope_bytes);
  const bool has_tables = rope_bytes == 0 || (b->frequencies && b->cos_sin);
  if (b->offsets && has_tables) b->n_floats = scratch_floats(p, config, b->offsets);
  if (b->n_floats && b->n_floats < SIZE_MAX / sizeof(float)) {
    b->scratch = sotto_alloc_aligned(p->ctx, (size_t)b->n_floats * sizeof(float));
  }
  sotto_status status = b->scratch ? SOTTO_OK : SOTTO_ERR_OUT_OF_MEMORY;
  if (status == SOTTO_OK) status = sotto_storage_init(p->ctx, kv_shape, &b->storage);
  if (status == SOTTO_OK) status = sotto_weights_new(p, SOTTO_PLACE_F32, &b->weights);
  if (status != SOTTO_OK) {
    destroy(&b->base);
    return status;
  }
  b->base.placements = b->weights.placements;
  b->base.n_placements = b->weights.n;
  b->base.storage = &b->storage.base;
  *out = &b->base;
  return SOTTO_OK;
}

static void begin(sotto_backend *backend, const sotto_batch *batch) {
  naive *b = (naive *)backend;
  b->batch = batch;
  b->next_op = 0;
}

static float *buffer(const naive *b, sotto_buffer_id id) {
  return b->scratch + b->offsets[id];
}

static const float *weight(const naive *b, sotto_weight_id id) {
  return b->weights.placements[id].dst;
}

static void glu(sotto_activation activation, float *out, const float *gate, const float *up,
                uint32_t dim) {
  for (uint32_t i = 0; i < dim; i++) {
    const float g = gate[i];
    if (activation == SOTTO_GELU_TANH)
      out[i] = 0.5f * g * (1.0f + sotto_tanhf(0.7978845608f * (g + 0.044715f * g * g * g))) * up[i];
    else
      out[i] = g / (1.0f + sotto_expf(-g)) * up[i];
  }
}

/* Each n of the row's dim values by themselves. */
static void rms_norm(float *out, const float *x, const float *w, uint32_t dim, uint32_t n,
                     float eps) {
  for (; dim; dim -= n, out += n, x += n) {
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    float r = 1.0f / sqrtf((float)(sum / n) + eps);
    for (uint32_t i = 0; i < n; i++) out[i] = x[i] * r * w[i];
  }
}

static void layer_norm(float *out, const float *x, const float *w, const float *bias, uint32_t n,
                       float eps) {
  double mean = 0, variance = 0;
  for (uint32_t i = 0; i < n; i++) mean += (double)x[i] / n;
  for (uint32_t i = 0; i < n; i++) variance += ((double)x[i] - mean) * ((double)x[i] - mean) / n;
  const double r = 1 / sqrt(variance + (double)eps);
  for (uint32_t i = 0; i < n; i++)
    out[i] = (float)(((double)x[i] - mean) * r * (double)w[i] + (double)bias[i]);
}

/* in: [n_tokens][dim], of the batch; the text ends with its token `last`. */
static void pool(const naive *b, const sotto_op *op, float *out, const float *in, uint32_t last) {
  const uint32_t dim = b->program->buffers[op->out].dim;
  uint32_t first = last;
  while (first > 0 && b->batch->seqs[first - 1] == b->batch->seqs[last]) first--;
  if (op->pool.pooling == SOTTO_POOLING_LAST) first = last;
  if (op->pool.pooling == SOTTO_POOLING_CLS) last = first;
  for (uint32_t i = 0; i < dim; i++) {
    double sum = 0;
    for (uint32_t t = first; t <= last; t++) sum += (double)in[(size_t)t * dim + i];
    out[i] = (float)(sum / (last - first + 1));
  }
}

static void l2_norm(float *x, uint32_t n) {
  double sum = 0;
  for (uint32_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
  const double length = sum > 0 ? sqrt(sum) : 1;
  for (uint32_t i = 0; i < n; i++) x[i] = (float)((double)x[i] / length);
}

/* The sum of products in double, in eight lanes that a compiler can keep in vectors. */
static double dot(const float *a, const float *b, uint64_t n) {
  enum { LANES = 8 };
  double lanes[LANES] = {0}, sum = 0;
  uint64_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    for (int l = 0; l < LANES; l++) lanes[l] += (double)a[i + l] * (double)b[i + l];
  }
  for (; i < n; i++) sum += (double)a[i] * (double)b[i];
  for (int l = 0; l < LANES; l++) sum += lanes[l];
  return sum;
}

/* y[t][rows] = w[rows][cols] · x[t][cols] + bias. A row is kept near while all tokens use it. */
static void matmul(float *y, const float *x, const float *w, const float *bias, uint64_t rows,
                   uint64_t cols, uint32_t n_tokens) {
  for (uint64_t r = 0; r < rows; r++) {
    for (uint32_t t = 0; t < n_tokens; t++) {
      const double sum = dot(w + r * cols, x + t * cols, cols);
      y[t * rows + r] = (float)(bias ? sum + (double)bias[r] : sum);
    }
  }
}

static void rope(const naive *b, const sotto_op *op, float *x, uint32_t dim, uint32_t position) {
  const sotto_rope *r = &b->program->ropes[op->rope.table];
  float *cos_sin = b->cos_sin + op->rope.table * b->rope_stride;
  sotto_rope_table(r, b->frequencies + op->rope.table * b->rope_stride, position, cos_sin);
  for (const float *end = x + dim; x < end; x += op->rope.head_dim) {
    for (uint32_t p = 0; p < r->n_rot / 2; p++) {
      float *first = r->neox ? &x[p] : &x[2 * p];
      float *second = r->neox ? &x[p + r->n_rot / 2] : &x[2 * p + 1];
      float a = *first, c = *second, cosine = cos_sin[2 * p], sine = cos_sin[2 * p + 1];
      *first = a * cosine - c * sine;
      *second = a * sine + c * cosine;
    }
  }
}

static void kv_write(naive *b, const sotto_op *op, const float *k, const float *v, uint32_t t) {
  const uint32_t layer = op->attention.layer, d = op->attention.head_dim;
  uint32_t position = b->batch->positions[t];
  uint32_t page =
      sotto_storage_pages(&b->storage, layer, b->batch->seqs[t])[position / SOTTO_KV_PAGE];
  size_t row = (size_t)(position % SOTTO_KV_PAGE) * d;
  for (uint32_t head = 0; head < op->attention.n_head_kv; head++, k += d, v += d) {
    memcpy((float *)sotto_storage_keys(&b->storage, layer, page, head) + row, k, d * sizeof(float));
    memcpy((float *)sotto_storage_values(&b->storage, layer, page, head) + row, v,
           d * sizeof(float));
  }
}

/* Positions that token t of the batch sees, from the first on: up to its own, or the whole text,
 * which is in the batch then. */
static uint32_t n_visible(const naive *b, const sotto_op *op, uint32_t t) {
  uint32_t n = b->batch->positions[t] + 1;
  if (op->attention.causal) return n;
  for (uint32_t i = 0; i < b->batch->n_tokens; i++) {
    if (b->batch->seqs[i] == b->batch->seqs[t] && b->batch->positions[i] >= n)
      n = b->batch->positions[i] + 1;
  }
  return n;
}

static float softcap(float x, float cap) {
  return cap * sotto_tanhf(x / cap);
}

static void attention(naive *b, const sotto_op *op, float *out, const float *q, uint32_t t) {
  float *scores = b->scratch + b->n_floats - b->config.n_ctx;
  const uint32_t layer = op->attention.layer, d = op->attention.head_dim,
                 n_head = op->attention.n_head, n = n_visible(b, op, t),
                 window = op->attention.window, first = window && n > window ? n - window : 0;
  const uint32_t *pages = sotto_storage_pages(&b->storage, layer, b->batch->seqs[t]);
  for (uint32_t head = 0; head < n_head; head++, q += d, out += d) {
    uint32_t kv_head = head / (n_head / op->attention.n_head_kv);
    float max = -INFINITY;
    double sum = 0;
    for (uint32_t i = first; i < n; i++) {
      const float *k = sotto_storage_keys(&b->storage, layer, pages[i / SOTTO_KV_PAGE], kv_head);
      k += (size_t)(i % SOTTO_KV_PAGE) * d;
      scores[i] = (float)dot(q, k, d) * op->attention.scale;
      if (op->attention.softcap != 0.0f) scores[i] = softcap(scores[i], op->attention.softcap);
      if (scores[i] > max) max = scores[i];
    }
    for (uint32_t i = first; i < n; i++) {
      scores[i] = sotto_expf(scores[i] - max);
      sum += scores[i];
    }
    for (uint32_t j = 0; j < d; j++) {
      double value = 0;
      for (uint32_t i = first; i < n; i++) {
        const float *v =
            sotto_storage_values(&b->storage, layer, pages[i / SOTTO_KV_PAGE], kv_head);
        value += (double)scores[i] * (double)v[(size_t)(i % SOTTO_KV_PAGE) * d + j];
      }
      out[j] = (float)(value / sum);
    }
  }
}

static size_t embed_row(const sotto_batch *batch, const sotto_op *op, uint32_t t) {
  if (op->embed.row == SOTTO_ROW_FIRST) return 0;
  return op->embed.row == SOTTO_ROW_OF_TOKEN ? (size_t)batch->tokens[t] : batch->positions[t];
}

/* Row `position` of the convolution's input in token t's sequence: of the batch, or of the state
 * before it; NULL: zeros before the sequence. */
static const float *conv_row(const naive *b, const sotto_op *op, uint32_t t, int64_t position) {
  const sotto_kv_seq *seq = b->batch->seqs[t];
  const uint32_t dim = b->program->buffers[op->in[0]].dim;
  if (position < 0) return NULL;
  if (position >= seq->n_tokens)
    return buffer(b, op->in[0]) + (t + position - b->batch->positions[t]) * dim;
  const int64_t oldest = (int64_t)seq->n_tokens - (op->conv.n_taps - 1);
  return sotto_storage_state(&b->storage, op->conv.layer, seq->state) + (position - oldest) * dim;
}

static void short_conv(const naive *b, const sotto_op *op, float *out, uint32_t t) {
  const uint32_t dim = b->program->buffers[op->in[0]].dim, n_taps = op->conv.n_taps;
  const int64_t position = b->batch->positions[t];
  const float *taps = weight(b, op->weight), *rows[SOTTO_MAX_TAPS];
  for (uint32_t j = 0; j < n_taps; j++) rows[j] = conv_row(b, op, t, position + 1 - n_taps + j);
  for (uint32_t c = 0; c < dim; c++) {
    double sum = 0;
    for (uint32_t j = 0; j < n_taps; j++)
      if (rows[j]) sum += (double)taps[c * n_taps + j] * (double)rows[j][c];
    out[c] = (float)sum;
  }
  const uint32_t slot = sotto_kv_state_after(b->batch->seqs[t], (uint32_t)position + 1);
  if (slot == SOTTO_KV_NONE) return;
  float *state = sotto_storage_state(&b->storage, op->conv.layer, slot);
  for (uint32_t j = 1; j < n_taps; j++, state += dim) {
    if (rows[j])
      memcpy(state, rows[j], dim * sizeof *state);
    else
      memset(state, 0, dim * sizeof *state);
  }
}

/* The n_used largest logits, one after the other; softmax over all experts. */
static void route(float *routes, const float *logits, uint32_t n_experts, uint32_t n_used,
                  bool normalise) {
  float *weights = routes + n_used, max = -INFINITY;
  double all = 0, chosen = 0;
  for (uint32_t e = 0; e < n_experts; e++)
    if (logits[e] > max) max = logits[e];
  for (uint32_t e = 0; e < n_experts; e++) all += (double)sotto_expf(logits[e] - max);
  for (uint32_t i = 0; i < n_used; i++) {
    uint32_t best = n_experts;
    for (uint32_t e = 0; e < n_experts; e++) {
      bool taken = false;
      for (uint32_t j = 0; j < i; j++) taken |= routes[j] == (float)e;
      if (!taken && (best == n_experts || logits[e] > logits[best])) best = e;
    }
    routes[i] = (float)best;
    weights[i] = (float)((double)sotto_expf(logits[best] - max) / all);
    chosen += (double)weights[i];
  }
  for (uint32_t i = 0; normalise && i < n_used; i++) weights[i] = (float)(weights[i] / chosen);
}

/* Expert buffers have token t's row for its i-th expert at t * n_used + i. */
static void matmul_experts(const naive *b, const sotto_op *op) {
  const sotto_weight *w = &b->program->weights[op->weight];
  const sotto_buffer *out = &b->program->buffers[op->out];
  const bool per_token = b->program->buffers[op->in[0]].n_used == 0;
  for (uint32_t t = 0; t < b->batch->n_tokens; t++) {
    const float *routes = buffer(b, op->in[1]) + (size_t)t * 2 * out->n_used;
    for (uint32_t i = 0; i < out->n_used; i++) {
      const size_t row = (size_t)t * out->n_used + i;
      const float *x = buffer(b, op->in[0]) + (per_token ? t : row) * w->cols;
      const float *expert = weight(b, op->weight) + (size_t)routes[i] * out->dim * w->cols;
      matmul(buffer(b, op->out) + row * out->dim, x, expert, NULL, out->dim, w->cols, 1);
    }
  }
}

/* x[n_used][dim] of one token. */
static void combine(float *out, const float *x, const float *routes, uint32_t dim,
                    uint32_t n_used) {
  for (uint32_t i = 0; i < dim; i++) {
    double sum = 0;
    for (uint32_t e = 0; e < n_used; e++)
      sum += (double)routes[n_used + e] * (double)x[e * dim + i];
    out[i] = (float)sum;
  }
}

/* One row of an operation: token (or output) t, or one of its experts. */
static void run_row(naive *b, const sotto_op *op, uint32_t t) {
  const sotto_program *p = b->program;
  const sotto_batch *batch = b->batch;
  uint32_t dim = op->out >= 0 ? p->buffers[op->out].dim : 0;
  float *out = op->out >= 0 ? buffer(b, op->out) + (size_t)t * dim : NULL;
  const float *in[2] = {NULL, NULL};
  for (int i = 0; i < 2; i++) {
    if (op->in[i] >= 0) in[i] = buffer(b, op->in[i]) + (size_t)t * p->buffers[op->in[i]].dim;
  }
  switch (op->kind) {
  case SOTTO_OP_EMBED:
    memcpy(out, weight(b, op->weight) + embed_row(batch, op, t) * dim, dim * sizeof(float));
    break;
  case SOTTO_OP_RMS_NORM:
    rms_norm(out, in[0], weight(b, op->weight), dim, op->norm.width, op->norm.eps);
    break;
  case SOTTO_OP_MATMUL:
  case SOTTO_OP_MATMUL_EXPERTS: break; /* not by row: run */
  case SOTTO_OP_ROPE: rope(b, op, out, dim, batch->positions[t]); break;
  case SOTTO_OP_KV_WRITE: kv_write(b, op, in[0], in[1], t); break;
  case SOTTO_OP_ATTENTION: attention(b, op, out, in[0], t); break;
  case SOTTO_OP_GLU: glu(op->glu.activation, out, in[0], in[1], dim); break;
  case SOTTO_OP_ADD:
    for (uint32_t i = 0; i < dim; i++) out[i] = in[0][i] + in[1][i];
    break;
  case SOTTO_OP_MUL:
    for (uint32_t i = 0; i < dim; i++) out[i] = in[0][i] * in[1][i];
    break;
  case SOTTO_OP_SHORT_CONV: short_conv(b, op, out, t); break;
  case SOTTO_OP_SCALE:
    for (uint32_t i = 0; i < dim; i++) out[i] = in[0][i] * op->scale.factor;
    break;
  case SOTTO_OP_SOFTCAP:
    for (uint32_t i = 0; i < dim; i++) out[i] = softcap(in[0][i], op->softcap.cap);
    break;
  case SOTTO_OP_ROUTE:
    route(out, in[0], p->buffers[op->in[0]].dim, op->route.n_used, op->route.normalise);
    break;
  case SOTTO_OP_COMBINE: {
    const uint32_t n_used = p->buffers[op->in[0]].n_used;
    combine(out, buffer(b, op->in[0]) + (size_t)t * n_used * dim, in[1], dim, n_used);
    break;
  }
  case SOTTO_OP_SIGMOID_GATE:
    for (uint32_t i = 0; i < dim; i++) out[i] = in[0][i] * (1.0f / (1.0f + sotto_expf(-in[1][0])));
    break;
  case SOTTO_OP_TAKE_OUTPUTS:
    memcpy(out, buffer(b, op->in[0]) + (size_t)batch->outputs[t] * dim, dim * sizeof(float));
    break;
  case SOTTO_OP_LAYER_NORM:
    layer_norm(out, in[0], weight(b, op->weight), weight(b, op->bias), dim, op->norm.eps);
    break;
  case SOTTO_OP_GELU:
    for (uint32_t i = 0; i < dim; i++) out[i] = sotto_geluf(in[0][i]);
    break;
  case SOTTO_OP_POOL: pool(b, op, out, buffer(b, op->in[0]), batch->outputs[t]); break;
  case SOTTO_OP_L2_NORM: l2_norm(out, dim); break;
  }
}

/* Frequencies of the rotary tables, whose factors are weights. */
static void prepare_ropes(naive *b) {
  for (size_t i = 0; i < b->program->n_ropes; i++) {
    const sotto_rope *r = &b->program->ropes[i];
    const sotto_weight_id factors = sotto_rope_factors(r, b->config.n_ctx);
    sotto_rope_frequencies(r, factors >= 0 ? weight(b, factors) : NULL,
                           b->frequencies + i * b->rope_stride);
  }
}

static sotto_run_result run(sotto_backend *backend, const bool *ready, double deadline_ms) {
  naive *b = (naive *)backend;
  const sotto_program *p = b->program;
  for (const size_t first = b->next_op; b->next_op < p->n_ops; b->next_op++) {
    const sotto_op *op = &p->ops[b->next_op];
    if (b->next_op > first && sotto_time_ms() > deadline_ms) return SOTTO_RUN_MORE;
    uint32_t rows = b->batch->n_tokens;
    if (op->out >= 0)
      rows = (uint32_t)sotto_buffer_rows(&p->buffers[op->out], rows, b->batch->n_outputs);
    if (rows == 0) continue;
    if (!sotto_op_is_ready(p, op, b->config.n_ctx, ready)) return SOTTO_RUN_WAIT_WEIGHTS;
    if (b->next_op == 0) prepare_ropes(b);
    if (op->kind == SOTTO_OP_MATMUL) {
      const sotto_weight *w = &p->weights[op->weight];
      matmul(buffer(b, op->out), buffer(b, op->in[0]), weight(b, op->weight),
             op->bias >= 0 ? weight(b, op->bias) : NULL, w->rows, w->cols, rows);
      continue;
    }
    if (op->kind == SOTTO_OP_MATMUL_EXPERTS) {
      matmul_experts(b, op);
      continue;
    }
    for (uint32_t t = 0; t < rows; t++) run_row(b, op, t);
  }
  return SOTTO_RUN_DONE;
}

static double progress(const sotto_backend *backend) {
  const naive *b = (const naive *)backend;
  return (double)b->next_op / (double)b->program->n_ops;
}

static const float *output(const sotto_backend *backend) {
  const naive *b = (const naive *)backend;
  return buffer(b, b->program->output);
}

const sotto_backend_type sotto_backend_naive = {
    .name = "naive",
    .float_cache = true,
    .plan = plan,
    .create = create,
    .free = destroy,
    .begin = begin,
    .run = run,
    .progress = progress,
    .output = output,
};
