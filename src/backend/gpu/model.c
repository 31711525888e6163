/* Setting up, and writing batches into the stream. */
#include "backend/gpu/model.h"

#include "backend/gpu/batch.h"
#include "backend/gpu/kernels.h"

/* Of a batch, and a token ahead one: the GPU begins while the rest is being encoded, and none of
 * them takes so long that a system believes the GPU to hang (docs/webgpu.md). */
#define SUBMITS 4

/* Most bytes of the stream: the set-up's, or a batch's, which has a record a step. Pages that are
 * copied and states that are saved come on top. */
static uint64_t stream_bytes(size_t n_steps, size_t n_buffers) {
  const size_t group = sizeof(sotto_gpu_bind_group) + 8 * sizeof(sotto_gpu_binding);
  return n_steps * group + n_buffers * sizeof(sotto_gpu_buffer) + GPU_USUAL_PIPELINES * 2048;
}

/* Of a token that the batch finds itself. */
static uint64_t words_ahead(const sotto_program *p, const sotto_backend_config *config,
                            const sotto_kv_shape *kv_shape) {
  sotto_backend_config one = *config;
  one.n_batch = one.n_outputs = one.n_seqs = 1;
  return gpu_batch_words(p, &one, kv_shape);
}

static size_t words_bytes(uint64_t n_words, uint64_t n_words_ahead) {
  return (size_t)(n_words + GPU_MOST_AHEAD * n_words_ahead) * sizeof(uint32_t);
}

uint64_t gpu_model_bytes(const sotto_program *p, const sotto_backend_config *config,
                         const sotto_kv_shape *kv_shape, const gpu_weights_plan *weights) {
  const size_t n_steps = gpu_steps_most(p, weights->n_shards);
  const size_t n_buffers = weights->n_buffers + 3 * kv_shape->n_layer + p->n_buffers;
  return (uint64_t)config->n_outputs * gpu_output_width(p) * sizeof(float) +
         p->n_ropes * sotto_widest_rope(p) * sizeof(float) +
         words_bytes(gpu_batch_words(p, config, kv_shape), words_ahead(p, config, kv_shape)) +
         weights->host + weights->staging +
         p->n_weights * (sizeof(sotto_placement) + 2 * sizeof(uint32_t)) +
         weights->n_shards * sizeof(gpu_shard) + n_steps * sizeof(gpu_step) +
         p->n_ops * (sizeof(gpu_unit) + sizeof(gpu_unit_steps)) +
         gpu_params_bytes(config->gpu, n_steps) + p->n_ops * sizeof(gpu_operands) +
         gpu_summary_bytes(p, config->n_outputs) + stream_bytes(n_steps, n_buffers);
}

static sotto_status allocate(gpu_model *m, const sotto_kv_shape *kv_shape) {
  const sotto_program *p = m->program;
  m->rope_stride = sotto_widest_rope(p);
  m->n_words = gpu_batch_words(p, &m->config, kv_shape);
  m->n_words_ahead = words_ahead(p, &m->config, kv_shape);
  const size_t n_frequencies = p->n_ropes * m->rope_stride,
               n_output = (size_t)m->config.n_outputs * gpu_output_width(p);
  m->output = sotto_alloc(p->ctx, n_output * sizeof *m->output);
  m->frequencies = sotto_alloc(p->ctx, n_frequencies * sizeof *m->frequencies);
  m->words = sotto_alloc(p->ctx, words_bytes(m->n_words, m->n_words_ahead));
  const bool ok = m->output && m->words && (n_frequencies == 0 || m->frequencies);
  if (!ok) return SOTTO_ERR_OUT_OF_MEMORY;
  SOTTO_TRY(gpu_units_init(p, &m->shared->device, &m->units));
  return gpu_buffers_init(p, &m->units, &m->config, &m->buffers);
}

static uint32_t new_buffer(gpu_model *m, bool uniform, uint64_t bytes) {
  gpu_emit_buffer(&m->shared->stream, m->shared->n_buffers, uniform, bytes);
  return m->shared->n_buffers++;
}

static sotto_status set_up(gpu_model *m, const sotto_kv_shape *kv_shape, bool sums_up) {
  gpu_shared *s = m->shared;
  const sotto_program *p = m->program;
  const uint64_t batch_bytes = m->n_words * sizeof *m->words;
  m->batch_buffer = new_buffer(m, false, batch_bytes);
  m->status_buffer = new_buffer(m, false, GPU_STATUS_BYTES);
  const uint32_t first_activations = s->n_buffers;
  for (uint32_t i = 0; i < m->buffers.n; i++) new_buffer(m, false, m->buffers.sizes[i]);
  m->output_buffer = first_activations + m->buffers.output;
  SOTTO_TRY(gpu_storage_init(p->ctx, kv_shape, &s->stream, &s->n_buffers, &m->storage));
  SOTTO_TRY(gpu_weights_init(p, &s->device, &m->units, &s->stream, &s->n_buffers, &m->weights));
  const uint64_t params_bytes =
      gpu_params_bytes(&s->device, gpu_steps_most(p, m->weights.n_shards));
  const gpu_lowering lowering = {.program = p,
                                 .units = &m->units,
                                 .device = &s->device,
                                 .stream = &s->stream,
                                 .pipelines = &s->pipelines,
                                 .weights = &m->weights,
                                 .buffers = &m->buffers,
                                 .storage = &m->storage,
                                 .first_buffer = first_activations,
                                 .first_group = s->n_groups,
                                 .batch_buffer = m->batch_buffer,
                                 .params_buffer = new_buffer(m, true, params_bytes),
                                 .status_buffer = m->status_buffer,
                                 .batch_bytes = batch_bytes};
  SOTTO_TRY(gpu_steps_init(&lowering, &m->steps));
  s->n_groups += (uint32_t)m->steps.n;
  if (sums_up)
    SOTTO_TRY(gpu_summary_init(p, m->config.n_outputs, m->output_buffer, &s->pipelines,
                               &s->n_buffers, &s->n_groups, &m->summary));
  return s->stream.failed ? SOTTO_ERR_OUT_OF_MEMORY : SOTTO_OK;
}

sotto_status gpu_model_init(gpu_shared *shared, const sotto_program *p,
                            const sotto_backend_config *config, const sotto_kv_shape *kv_shape,
                            bool sums_up, gpu_model *out) {
  *out = (gpu_model){.shared = shared,
                     .program = p,
                     .config = *config,
                     .few_positions = GPU_FEW_POSITIONS,
                     .first_buffer = shared->n_buffers};
  sotto_status status = allocate(out, kv_shape);
  if (status == SOTTO_OK) status = set_up(out, kv_shape, sums_up);
  out->end_buffer = shared->n_buffers;
  if (status != SOTTO_OK) gpu_model_free(out);
  return status;
}

void gpu_model_free(gpu_model *m) {
  if (!m->program) return;
  sotto_ctx *ctx = m->program->ctx;
  gpu_steps_free(&m->steps);
  gpu_units_free(&m->units);
  gpu_buffers_free(&m->buffers);
  gpu_storage_free(&m->storage);
  gpu_weights_free(&m->weights);
  gpu_summary_free(&m->summary);
  const size_t n_output = (size_t)m->config.n_outputs * gpu_output_width(m->program);
  sotto_free(ctx, m->output, n_output * sizeof *m->output);
  sotto_free(ctx, m->frequencies, m->program->n_ropes * m->rope_stride * sizeof *m->frequencies);
  sotto_free(ctx, m->words, words_bytes(m->n_words, m->n_words_ahead));
  *m = (gpu_model){0};
}

void gpu_model_release(gpu_model *m) {
  gpu_emit_release(&m->shared->stream, m->first_buffer, m->end_buffer - m->first_buffer);
}

/* ---- batches ---- */

/* Nothing of a part has gone through the units yet. */
static void begin_part(gpu_model *m, uint32_t at) {
  static const uint32_t first_token = 0;
  const sotto_batch *batch = m->batch;
  m->part = *batch;
  if (batch->n_ahead)
    m->part = (sotto_batch){.n_tokens = 1,
                            .tokens = batch->tokens + at,
                            .positions = batch->positions + at,
                            .seqs = batch->seqs + at,
                            .n_outputs = 1,
                            .outputs = &first_token,
                            .wishes = batch->wishes + at};
  m->extent = (gpu_extent){m->part.n_tokens, m->part.n_outputs, true};
  for (uint32_t t = 0; t < m->part.n_tokens; t++)
    m->extent.few_positions &= m->part.positions[t] < m->few_positions;
  m->at = at;
  m->begun = false;
  m->next = 0;
}

void gpu_model_begin(gpu_model *m, const sotto_batch *batch) {
  m->batch = batch;
  begin_part(m, 0);
}

static void submit(gpu_model *m) {
  if (m->n_queued) gpu_emit_submit(&m->shared->stream);
  m->n_queued = 0;
}

static void count_units(gpu_model *m, size_t n) {
  m->next += n;
  m->n_queued += (uint32_t)n;
  if (m->at == 0 && m->n_queued > m->units.n / SUBMITS) submit(m);
}

/* When the factors of rotary tables are there. */
static void make_frequencies(gpu_model *m) {
  const sotto_program *p = m->program;
  for (size_t i = 0; i < p->n_ropes; i++) {
    const sotto_rope *r = &p->ropes[i];
    const sotto_weight_id factors = sotto_rope_factors(r, m->config.n_ctx);
    sotto_rope_frequencies(r, factors >= 0 ? m->weights.placements[factors].dst : NULL,
                           m->frequencies + i * m->rope_stride);
  }
}

/* Before the first step. Of a token ahead the GPU has its id. */
static void write_part(gpu_model *m) {
  gpu_stream *stream = &m->shared->stream;
  if (m->at == 0) make_frequencies(m);
  uint32_t *words = m->at ? m->words + m->n_words + (m->at - 1) * m->n_words_ahead : m->words;
  const uint32_t n = gpu_batch_write(m->program, &m->part, &m->storage.shape, m->frequencies,
                                     m->rope_stride, words);
  gpu_emit_write(stream, m->batch_buffer, 0, words, n * sizeof *words);
  if (m->at)
    gpu_emit_copy(stream, gpu_summary_lists(&m->summary), 0, m->batch_buffer,
                  words[GPU_BATCH_TOKENS_AT] * sizeof *words, sizeof *words);
  gpu_emit_clear(stream, m->status_buffer, 0, GPU_STATUS_BYTES);
  m->begun = true;
}

static void read_row(gpu_model *m, uint32_t output) {
  const uint32_t n = gpu_output_width(m->program), bytes = n * (uint32_t)sizeof(float);
  gpu_emit_read(&m->shared->stream, m->output_buffer, (uint64_t)output * bytes,
                m->output + (size_t)output * n, bytes);
}

static uint32_t stage_of(const gpu_model *m, size_t unit) {
  return m->program->ops[m->units.units[unit].first].stage;
}

static bool is_ready(const gpu_model *m, size_t unit, const bool *ready) {
  const gpu_unit *u = &m->units.units[unit];
  for (size_t i = u->first; i < u->first + u->n; i++)
    if (!sotto_op_is_ready(m->program, &m->program->ops[i], m->config.n_ctx, ready)) return false;
  return u->norm < 0 || ready[u->norm];
}

/* The first unit of the stage behind that of a unit. */
static size_t end_of_stage(const gpu_model *m, size_t first) {
  size_t end = first;
  while (end < m->units.n && stage_of(m, end) == stage_of(m, first)) end++;
  return end;
}

/* Of units [first, end) for one token with one output: how many dispatches these are, with `to`
 * themselves. */
static uint32_t list_single(const gpu_model *m, size_t first, size_t end, sotto_gpu_dispatch *to) {
  uint32_t total = 0;
  for (size_t unit = first; unit < end; unit++) {
    uint32_t n;
    const gpu_step *steps = gpu_steps_of(&m->steps, unit, m->extent, &n);
    for (uint32_t i = 0; to && i < n; i++) {
      sotto_gpu_dispatch dispatch;
      gpu_step_dispatch(&steps[i], m->extent, &dispatch);
      memcpy(to + total + i, &dispatch, sizeof dispatch);
    }
    total += n;
  }
  return total;
}

/* A stage for one token with one output is a list that the host has after the first time. False,
 * and nothing is emitted, where a weight of the stage is missing. */
static bool queue_list(gpu_model *m, const bool *ready) {
  const size_t first = m->next, end = end_of_stage(m, first);
  for (size_t i = first; i < end; i++)
    if (!is_ready(m, i, ready)) return false;
  if (!m->begun) write_part(m);
  uint32_t *list = &m->steps.units[first].lists[m->extent.few_positions];
  if (*list == GPU_NONE) {
    *list = m->shared->n_lists++;
    const uint32_t n = list_single(m, first, end, NULL);
    sotto_gpu_dispatch *to = gpu_emit_list(&m->shared->stream, *list, n);
    if (to) list_single(m, first, end, to);
  }
  gpu_emit_run(&m->shared->stream, *list);
  count_units(m, end - first);
  return true;
}

/* False where a weight is missing. */
static bool queue_unit(gpu_model *m, const bool *ready) {
  if (!is_ready(m, m->next, ready)) return false;
  if (!m->begun) write_part(m);
  uint32_t n;
  const gpu_step *steps = gpu_steps_of(&m->steps, m->next, m->extent, &n);
  for (uint32_t i = 0; i < n; i++) {
    sotto_gpu_dispatch dispatch;
    if (!gpu_step_dispatch(&steps[i], m->extent, &dispatch)) continue;
    gpu_emit_dispatch(&m->shared->stream, &dispatch);
  }
  count_units(m, 1);
  return true;
}

/* False where a weight is missing: then what could be done was submitted. */
static bool queue_units(gpu_model *m, const bool *ready) {
  const bool single = m->part.n_tokens == 1 && m->part.n_outputs == 1;
  while (m->next < m->units.n) {
    const bool starts = m->next == 0 || end_of_stage(m, m->next - 1) == m->next;
    if (single && starts && queue_list(m, ready)) continue;
    if (queue_unit(m, ready)) continue;
    submit(m);
    return false;
  }
  return true;
}

static void queue_results(gpu_model *m) {
  gpu_emit_read(&m->shared->stream, m->status_buffer, 0, m->status[m->at], GPU_STATUS_BYTES);
  const bool sums_up = m->part.wishes && m->summary.ctx;
  if (sums_up) gpu_summary_queue(&m->summary, &m->part, m->at);
  for (uint32_t o = 0; o < m->part.n_outputs; o++)
    if (!sums_up || m->part.wishes[o].row) read_row(m, o);
  m->n_queued++;
  submit(m);
}

bool gpu_model_queue(gpu_model *m, const bool *ready) {
  for (;;) {
    if (!queue_units(m, ready)) return false;
    queue_results(m);
    if (m->at == m->batch->n_ahead) return true;
    begin_part(m, m->at + 1);
  }
}

void gpu_model_read_row(gpu_model *m, uint32_t output) {
  read_row(m, output);
  gpu_emit_submit(&m->shared->stream);
}
