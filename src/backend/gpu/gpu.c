/* The backend for GPUs: everything that the model needs there, and the loop that writes a batch's
 * dispatches into the stream and waits for the host to say that they are done. */
#include "backend/gpu/gpu.h"

#include "backend/gpu/batch.h"
#include "backend/gpu/kernels.h"
#include "backend/gpu/lower.h"

/* Dispatches between two submits: the GPU begins while the rest is being encoded, and none of them
 * takes so long that a system believes the GPU to hang. */
#define DISPATCHES_PER_SUBMIT 128

typedef struct gpu_backend {
  sotto_backend base;
  const sotto_program *program;
  sotto_backend_config config;
  sotto_gpu_device device;
  gpu_stream stream;
  gpu_weights weights;
  gpu_storage storage;
  gpu_buffers buffers;
  gpu_steps steps;
  uint32_t batch_buffer, status_buffer, output_buffer;

  float *output;      /* [n_outputs][width] that were read back */
  float *frequencies; /* [n_ropes][rope_stride] */
  uint32_t rope_stride;
  uint32_t *words; /* [n_words] the batch */
  uint64_t n_words;
  uint32_t status[GPU_STATUS_BYTES / 4]; /* that was read back */
  sotto_status failure;                  /* of the device, for ever */
  uint32_t setup;                        /* serial of pipelines and bind groups */

  const sotto_batch *batch;
  bool begun;        /* the batch's words have been written */
  size_t next;       /* step */
  uint32_t n_queued; /* dispatches since the last submit */
  uint32_t end;      /* serial of the batch's last commands, or 0 */
} gpu_backend;

/* Floats of a row of the output. */
static uint32_t output_width(const sotto_program *p) {
  return p->buffers[p->output].dim;
}

/* Most bytes of the stream: the set-up's, or a batch's, which has a record a step. Pages that are
 * copied and states that are saved come on top. */
static uint64_t stream_bytes(size_t n_steps, size_t n_buffers) {
  const size_t group = sizeof(sotto_gpu_bind_group) + 8 * sizeof(sotto_gpu_binding);
  return n_steps * group + n_buffers * sizeof(sotto_gpu_buffer) + GPU_USUAL_PIPELINES * 2048;
}

/* Of this memory, beside weights. */
static uint64_t host_bytes(const sotto_program *p, const sotto_backend_config *config,
                           const sotto_kv_shape *kv_shape, const gpu_weights_plan *weights) {
  const size_t n_steps = p->n_ops + weights->n_splits;
  const size_t n_buffers = weights->n_buffers + 3 * kv_shape->n_layer + p->n_buffers;
  return (uint64_t)config->n_outputs * output_width(p) * sizeof(float) +
         p->n_ropes * sotto_widest_rope(p) * sizeof(float) +
         gpu_batch_words(p, config, kv_shape) * sizeof(uint32_t) + weights->staging +
         p->n_weights * (sizeof(sotto_placement) + sizeof(uint32_t)) +
         weights->n_splits * sizeof(gpu_split) + n_steps * sizeof(gpu_step) +
         gpu_params_bytes(config->gpu, n_steps) + p->n_ops * sizeof(gpu_operands) +
         stream_bytes(n_steps, n_buffers) + sizeof(gpu_backend);
}

/* ---- plan ---- */

static sotto_status refuse(const sotto_program *p, const char *field, const char *what,
                           uint64_t bytes, uint64_t most) {
  const sotto_status status =
      sotto_fail_field(p->ctx, field,
                       "%s of %.1f MB cannot be bound on this GPU, which takes %.1f MB: choose a "
                       "smaller %s, or load "
                       "with backend 'cpu'",
                       what, (double)bytes * 1e-6, (double)most * 1e-6, field);
  return status;
}

static sotto_status check_heads(const sotto_program *p, const sotto_kv_shape *kv) {
  for (uint32_t layer = 0; layer < kv->n_layer; layer++) {
    const uint32_t head_dim = kv->layers[layer].n_head_kv ? kv->layers[layer].head_dim : 0;
    const bool odd = head_dim % 4 || head_dim > GPU_MAX_HEAD_DIM;
    if (odd) {
      return sotto_fail(p->ctx, SOTTO_ERR_UNSUPPORTED_ARCHITECTURE,
                        "heads of layer %u are %u wide; kernels for GPUs take multiples of 4 up to "
                        "%u: load with backend 'cpu'",
                        layer, head_dim, GPU_MAX_HEAD_DIM);
    }
    const bool quantised = kv->k_type == SOTTO_Q8_0 || kv->v_type == SOTTO_Q8_0;
    if (quantised && head_dim % 64) {
      return sotto_fail_field(p->ctx, kv->k_type == SOTTO_Q8_0 ? "cache_type_k" : "cache_type_v",
                              "a KV cache in q8_0 takes heads of multiples of 64 on a GPU and this "
                              "model's are %u wide; use f16, or load with backend 'cpu'",
                              head_dim);
    }
  }
  return SOTTO_OK;
}

static sotto_status plan(const sotto_program *p, const sotto_backend_config *config,
                         const sotto_kv_shape *kv_shape, sotto_backend_plan *out) {
  *out = (sotto_backend_plan){0};
  const uint64_t most = config->gpu->max_binding < config->gpu->max_buffer
                            ? config->gpu->max_binding
                            : config->gpu->max_buffer;
  SOTTO_TRY(check_heads(p, kv_shape));
  gpu_weights_plan weights;
  SOTTO_TRY(gpu_weights_measure(p, config->gpu, &weights));
  gpu_buffers buffers;
  SOTTO_TRY(gpu_buffers_init(p, config, &buffers));
  const uint64_t largest = gpu_buffers_largest(&buffers), bytes = gpu_buffers_bytes(&buffers);
  gpu_buffers_free(&buffers);
  if (largest > most) return refuse(p, "n_batch", "activations", largest, most);
  const uint64_t cache = gpu_storage_largest(kv_shape);
  if (cache > most) return refuse(p, "n_ctx", "a layer's keys", cache, most);
  const uint64_t words = gpu_batch_words(p, config, kv_shape) * sizeof(uint32_t);
  if (words > most) return refuse(p, "n_ctx", "page numbers", words, most);
  out->weights = weights.host;
  out->scratch = host_bytes(p, config, kv_shape, &weights);
  out->gpu_weights = weights.gpu;
  out->gpu_kv = sotto_kv_bytes(kv_shape);
  /* Activations, the batch, parameters, and what is read back. */
  out->gpu_scratch = bytes + words + gpu_params_bytes(config->gpu, p->n_ops + weights.n_splits) +
                     (uint64_t)config->n_outputs * output_width(p) * sizeof(float);
  return SOTTO_OK;
}

/* ---- life ---- */

static void destroy(sotto_backend *backend) {
  gpu_backend *b = (gpu_backend *)backend;
  if (!b) return;
  sotto_ctx *ctx = b->program->ctx;
  gpu_steps_free(&b->steps);
  gpu_buffers_free(&b->buffers);
  gpu_storage_free(&b->storage);
  gpu_weights_free(&b->weights);
  gpu_stream_free(&b->stream);
  sotto_free(ctx, b->output,
             (size_t)b->config.n_outputs * output_width(b->program) * sizeof(float));
  sotto_free(ctx, b->frequencies, b->program->n_ropes * b->rope_stride * sizeof(float));
  sotto_free(ctx, b->words, (size_t)b->n_words * sizeof *b->words);
  sotto_free(ctx, b, sizeof *b);
}

static sotto_status allocate(gpu_backend *b, const sotto_kv_shape *kv_shape) {
  const sotto_program *p = b->program;
  sotto_ctx *ctx = p->ctx;
  b->rope_stride = sotto_widest_rope(p);
  b->n_words = gpu_batch_words(p, &b->config, kv_shape);
  const size_t n_frequencies = p->n_ropes * b->rope_stride;
  b->output = sotto_alloc(ctx, (size_t)b->config.n_outputs * output_width(p) * sizeof(float));
  b->frequencies = sotto_alloc(ctx, n_frequencies * sizeof *b->frequencies);
  b->words = sotto_alloc(ctx, (size_t)b->n_words * sizeof *b->words);
  if (!b->output || !b->words || (n_frequencies && !b->frequencies)) return SOTTO_ERR_OUT_OF_MEMORY;
  SOTTO_TRY(gpu_buffers_init(p, &b->config, &b->buffers));
  enum { PARAMS, BATCH, STATUS, FIRST };
  uint32_t next = FIRST;
  const uint64_t batch_bytes = b->n_words * sizeof *b->words;
  gpu_emit_buffer(&b->stream, BATCH, false, batch_bytes);
  gpu_emit_buffer(&b->stream, STATUS, false, GPU_STATUS_BYTES);
  const uint32_t first_activations = next;
  for (uint32_t i = 0; i < b->buffers.n; i++)
    gpu_emit_buffer(&b->stream, next++, false, b->buffers.sizes[i]);
  b->batch_buffer = BATCH;
  b->status_buffer = STATUS;
  b->output_buffer = first_activations + b->buffers.output;
  SOTTO_TRY(gpu_storage_init(ctx, kv_shape, &b->stream, &next, &b->storage));
  SOTTO_TRY(gpu_weights_init(p, &b->device, &b->stream, &next, &b->weights));
  gpu_emit_buffer(&b->stream, PARAMS, true,
                  gpu_params_bytes(&b->device, gpu_steps_most(p, &b->weights)));
  const gpu_lowering lowering = {.program = p,
                                 .device = &b->device,
                                 .stream = &b->stream,
                                 .weights = &b->weights,
                                 .buffers = &b->buffers,
                                 .storage = &b->storage,
                                 .first_buffer = first_activations,
                                 .batch_buffer = BATCH,
                                 .params_buffer = PARAMS,
                                 .status_buffer = STATUS,
                                 .batch_bytes = batch_bytes};
  SOTTO_TRY(gpu_steps_init(&lowering, &b->steps));
  b->setup = gpu_stream_mark(&b->stream);
  return b->stream.failed ? SOTTO_ERR_OUT_OF_MEMORY : SOTTO_OK;
}

static sotto_status create(const sotto_program *p, const sotto_backend_config *config,
                           const sotto_kv_shape *kv_shape, sotto_backend **out) {
  *out = NULL;
  gpu_backend *b = sotto_alloc_zero(p->ctx, sizeof *b);
  if (!b) return SOTTO_ERR_OUT_OF_MEMORY;
  b->base.type = &sotto_backend_gpu;
  b->program = p;
  b->config = *config;
  b->device = *config->gpu;
  gpu_stream_init(&b->stream, p->ctx);
  const sotto_status status = allocate(b, kv_shape);
  if (status != SOTTO_OK) {
    destroy(&b->base);
    return status;
  }
  b->base.placements = b->weights.placements;
  b->base.n_placements = p->n_weights;
  b->base.sink = &b->weights.sink;
  b->base.storage = &b->storage.base;
  *out = &b->base;
  return SOTTO_OK;
}

/* ---- batches ---- */

static void begin(sotto_backend *backend, const sotto_batch *batch) {
  gpu_backend *b = (gpu_backend *)backend;
  b->batch = batch;
  b->begun = false;
  b->next = 0;
  b->end = 0;
}

static void submit(gpu_backend *b) {
  if (b->n_queued) gpu_emit_submit(&b->stream);
  b->n_queued = 0;
}

/* Before the first step, when the factors of rotary tables are there. */
static void write_batch(gpu_backend *b) {
  const sotto_program *p = b->program;
  for (size_t i = 0; i < p->n_ropes; i++) {
    const sotto_rope *r = &p->ropes[i];
    const sotto_weight_id factors = sotto_rope_factors(r, b->config.n_ctx);
    sotto_rope_frequencies(r, factors >= 0 ? b->weights.placements[factors].dst : NULL,
                           b->frequencies + i * b->rope_stride);
  }
  const uint32_t n =
      gpu_batch_write(p, b->batch, &b->storage.shape, b->frequencies, b->rope_stride, b->words);
  gpu_emit_write(&b->stream, b->batch_buffer, 0, b->words, n * sizeof *b->words);
  gpu_emit_clear(&b->stream, b->status_buffer, 0, GPU_STATUS_BYTES);
  b->begun = true;
}

/* Dispatches up to the first one whose weights are missing; false there. */
static bool queue_steps(gpu_backend *b, const bool *ready) {
  for (; b->next < b->steps.n; b->next++) {
    const gpu_step *step = &b->steps.steps[b->next];
    if (!sotto_op_is_ready(b->program, step->op, b->config.n_ctx, ready)) return false;
    if (!b->begun) write_batch(b);
    sotto_gpu_dispatch dispatch;
    if (!gpu_step_dispatch(step, b->batch->n_tokens, b->batch->n_outputs, &dispatch)) continue;
    gpu_emit_dispatch(&b->stream, &dispatch);
    if (++b->n_queued == DISPATCHES_PER_SUBMIT) submit(b);
  }
  return true;
}

static sotto_run_result fail_sequence(gpu_backend *b) {
  const uint32_t t = UINT32_MAX - b->status[0];
  b->base.failed_seq = b->batch->seqs[t < b->batch->n_tokens ? t : 0];
  sotto_fail(b->program->ctx, SOTTO_ERR_NON_FINITE_LOGITS,
             "keys or values at position %u are not finite in the cache (%s, %s); the model's "
             "weights are damaged or need another cache type",
             b->batch->positions[t < b->batch->n_tokens ? t : 0],
             sotto_dtype_name(b->storage.shape.k_type), sotto_dtype_name(b->storage.shape.v_type));
  return SOTTO_RUN_NON_FINITE;
}

static sotto_status fail_device(const gpu_backend *b) {
  if (b->failure != SOTTO_OK && b->failure != SOTTO_ERR_OUT_OF_MEMORY)
    return sotto_fail(b->program->ctx, b->failure, "the GPU was lost; load the model again");
  return sotto_fail(b->program->ctx, SOTTO_ERR_OUT_OF_MEMORY,
                    "there is no memory left for the GPU's work; load with a smaller n_ctx or "
                    "n_batch");
}

static sotto_status check(const sotto_backend *backend, uint32_t serial, bool *done) {
  const gpu_backend *b = (const gpu_backend *)backend;
  *done = gpu_stream_is_done(&b->stream, serial);
  return b->failure == SOTTO_OK && !b->stream.failed ? SOTTO_OK : fail_device(b);
}

static sotto_run_result run(sotto_backend *backend, const bool *ready, double deadline_ms) {
  (void)deadline_ms; /* writing commands is quick */
  gpu_backend *b = (gpu_backend *)backend;
  bool is_set_up;
  if (check(backend, b->setup, &is_set_up) != SOTTO_OK) return SOTTO_RUN_FAILED;
  if (!is_set_up) return SOTTO_RUN_WAIT_GPU;
  if (b->end == 0) {
    if (!queue_steps(b, ready)) {
      submit(b);
      return SOTTO_RUN_WAIT_WEIGHTS;
    }
    const uint32_t width = output_width(b->program), n = b->batch->n_outputs;
    gpu_emit_read(&b->stream, b->status_buffer, 0, b->status, GPU_STATUS_BYTES);
    if (n)
      gpu_emit_read(&b->stream, b->output_buffer, 0, b->output,
                    n * width * (uint32_t)sizeof(float));
    b->n_queued = 1;
    submit(b);
    b->end = gpu_stream_mark(&b->stream);
  }
  bool done;
  if (check(backend, b->end, &done) != SOTTO_OK) return SOTTO_RUN_FAILED;
  if (!done) return SOTTO_RUN_WAIT_GPU;
  return b->status[0] ? fail_sequence(b) : SOTTO_RUN_DONE;
}

static double progress(const sotto_backend *backend) {
  const gpu_backend *b = (const gpu_backend *)backend;
  return (double)b->next / (double)b->steps.n;
}

static const float *output(const sotto_backend *backend) {
  return ((const gpu_backend *)backend)->output;
}

/* ---- the host ---- */

static bool take(sotto_backend *backend, sotto_gpu_commands *out) {
  return gpu_stream_take(&((gpu_backend *)backend)->stream, out);
}

static void report(sotto_backend *backend, uint32_t serial, sotto_status status) {
  gpu_backend *b = (gpu_backend *)backend;
  if (status != SOTTO_OK && b->failure == SOTTO_OK) b->failure = status;
  gpu_stream_report(&b->stream, serial);
}

static uint32_t mark(const sotto_backend *backend) {
  return gpu_stream_mark(&((const gpu_backend *)backend)->stream);
}

static const sotto_backend_queue queue = {take, report, mark, check};

const sotto_backend_type sotto_backend_gpu = {
    .name = "webgpu",
    .queue = &queue,
    .plan = plan,
    .create = create,
    .free = destroy,
    .begin = begin,
    .run = run,
    .progress = progress,
    .output = output,
};
