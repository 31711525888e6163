/* The backend for GPUs: what it needs, and the waiting for what the host reports. */
#include "backend/gpu/gpu.h"

#include <stdio.h>

#include "backend/gpu/batch.h"
#include "backend/gpu/kernels.h"
#include "backend/gpu/model.h"
#include "backend/gpu/self_test.h"
#include "backend/gpu/trial.h"

typedef struct gpu_backend {
  sotto_backend base;
  const sotto_program *program;
  gpu_shared shared;
  gpu_model model;
  uint32_t setup; /* serial of buffers, pipelines and bind groups */
  /* Begins when the set-up is reported, since pipelines are there then; NULL before and after. */
  gpu_self_test *self_test;
  uint32_t test; /* serial of the test's commands, 0 before */
  bool ready;    /* both are over */
  gpu_trial trial;
  sotto_status failure; /* of the device, for ever */
  char reason[256];     /* of the failure */
  uint32_t end;         /* serial of the batch's last commands, or 0 */
  uint32_t row;         /* output whose row is being read, or GPU_NONE */
  uint32_t row_end;     /* serial of that */
} gpu_backend;

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

/* Weights, the largest and the sum of the buffers for activations, and the self-test. */
static sotto_status measure(const sotto_program *p, const sotto_backend_config *config,
                            gpu_weights_plan *weights, uint64_t *largest, uint64_t *bytes,
                            uint64_t *test) {
  gpu_units units;
  gpu_buffers buffers;
  SOTTO_TRY(gpu_units_init(p, config->gpu, &units));
  sotto_status status = gpu_weights_measure(p, config->gpu, &units, weights);
  if (status == SOTTO_OK) status = gpu_buffers_init(p, &units, config, &buffers);
  *test = gpu_self_test_bytes(p, &units);
  gpu_units_free(&units);
  SOTTO_TRY(status);
  *largest = gpu_buffers_largest(&buffers);
  *bytes = gpu_buffers_bytes(&buffers);
  gpu_buffers_free(&buffers);
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
  uint64_t largest, bytes, test;
  SOTTO_TRY(measure(p, config, &weights, &largest, &bytes, &test));
  if (largest > most) return refuse(p, "n_batch", "activations", largest, most);
  const uint64_t cache = gpu_storage_largest(kv_shape);
  if (cache > most) return refuse(p, "n_ctx", "a layer's keys", cache, most);
  const uint64_t words = gpu_batch_words(p, config, kv_shape) * sizeof(uint32_t);
  if (words > most) return refuse(p, "n_ctx", "page numbers", words, most);
  out->weights = weights.host;
  out->scratch =
      gpu_model_bytes(p, config, kv_shape, &weights) - weights.host + test + sizeof(gpu_backend);
  out->gpu_weights = weights.gpu;
  out->gpu_kv = sotto_kv_bytes(kv_shape);
  /* Activations, the batch, parameters, and what is read back. */
  out->gpu_scratch = bytes + words +
                     gpu_params_bytes(config->gpu, gpu_steps_most(p, weights.n_shards)) +
                     gpu_summary_gpu_bytes(p, config->n_outputs) +
                     (uint64_t)config->n_outputs * gpu_output_width(p) * sizeof(float);
  return SOTTO_OK;
}

/* ---- life ---- */

static void destroy(sotto_backend *backend) {
  gpu_backend *b = (gpu_backend *)backend;
  if (!b) return;
  sotto_ctx *ctx = b->program->ctx;
  gpu_self_test_free(b->self_test);
  gpu_trial_free(&b->trial, &b->model);
  gpu_model_free(&b->model);
  gpu_pipelines_free(&b->shared.pipelines);
  gpu_stream_free(&b->shared.stream);
  sotto_free(ctx, b, sizeof *b);
}

static sotto_status set_up(gpu_backend *b, const sotto_backend_config *config,
                           const sotto_kv_shape *kv_shape) {
  gpu_shared *s = &b->shared;
  gpu_stream_init(&s->stream, b->program->ctx);
  SOTTO_TRY(gpu_pipelines_init(b->program->ctx, &s->device, &s->stream, kv_shape->k_type,
                               kv_shape->v_type, &s->pipelines));
  SOTTO_TRY(
      gpu_model_init(s, b->program, config, kv_shape, gpu_summary_is_used(b->program), &b->model));
  SOTTO_TRY(gpu_self_test_pipelines(s, b->program));
  b->setup = gpu_stream_mark(&s->stream);
  return s->stream.failed ? SOTTO_ERR_OUT_OF_MEMORY : SOTTO_OK;
}

static sotto_status create(const sotto_program *p, const sotto_backend_config *config,
                           const sotto_kv_shape *kv_shape, sotto_backend **out) {
  *out = NULL;
  gpu_backend *b = sotto_alloc_zero(p->ctx, sizeof *b);
  if (!b) return SOTTO_ERR_OUT_OF_MEMORY;
  b->base.type = &sotto_backend_gpu;
  b->program = p;
  b->shared.device = *config->gpu;
  const sotto_status status = set_up(b, config, kv_shape);
  if (status != SOTTO_OK) {
    destroy(&b->base);
    return status;
  }
  b->base.placements = b->model.weights.placements;
  b->base.n_placements = p->n_weights;
  b->base.sink = &b->model.weights.sink;
  b->base.storage = &b->model.storage.base;
  *out = &b->base;
  return SOTTO_OK;
}

/* ---- the host ---- */

static bool take(sotto_backend *backend, sotto_gpu_commands *out) {
  return gpu_stream_take(&((gpu_backend *)backend)->shared.stream, out);
}

/* With the message that it will have from now on. Nothing that was emitted is given out any more:
 * what it points to may be gone. */
static void fail(gpu_backend *b, sotto_status status, const char *reason) {
  if (b->failure != SOTTO_OK) return;
  b->failure = status;
  b->shared.stream.failed = true;
  snprintf(b->reason, sizeof b->reason, "%s", reason);
}

static sotto_status start_test(gpu_backend *b) {
  gpu_shared *s = &b->shared;
  SOTTO_TRY(
      gpu_self_test_new(s, b->program, &b->model.units, &b->model.storage.shape, &b->self_test));
  b->test = gpu_stream_mark(&s->stream);
  return s->stream.failed ? SOTTO_ERR_OUT_OF_MEMORY : SOTTO_OK;
}

static void end_test(gpu_backend *b) {
  char reason[sizeof b->reason];
  b->ready = gpu_self_test_passes(b->self_test, reason, sizeof reason);
  if (!b->ready) fail(b, SOTTO_ERR_GPU_UNAVAILABLE, reason);
  gpu_self_test_free(b->self_test);
  b->self_test = NULL;
}

static void go_on_setting_up(gpu_backend *b) {
  const gpu_stream *stream = &b->shared.stream;
  if (!gpu_stream_is_done(stream, b->setup)) return;
  if (b->shared.device.only_records) {
    b->ready = true;
  } else if (b->test == 0) {
    if (start_test(b) != SOTTO_OK) fail(b, SOTTO_ERR_OUT_OF_MEMORY, "no memory to test the GPU");
  } else if (gpu_stream_is_done(stream, b->test)) {
    end_test(b);
  }
}

static void report(sotto_backend *backend, uint32_t serial, sotto_status status) {
  gpu_backend *b = (gpu_backend *)backend;
  if (status == SOTTO_ERR_OUT_OF_MEMORY)
    fail(b, status, "the GPU has no memory left; load with a smaller n_ctx, n_batch or model");
  else if (status != SOTTO_OK)
    fail(b, status, "the GPU was lost; load the model again");
  gpu_stream_report(&b->shared.stream, serial);
  if (b->failure == SOTTO_OK && !b->ready) go_on_setting_up(b);
}

static uint32_t mark(const sotto_backend *backend) {
  return gpu_stream_mark(&((const gpu_backend *)backend)->shared.stream);
}

static sotto_status check(const sotto_backend *backend, uint32_t serial, bool *done) {
  const gpu_backend *b = (const gpu_backend *)backend;
  *done = gpu_stream_is_done(&b->shared.stream, serial);
  if (b->failure != SOTTO_OK) return sotto_fail(b->program->ctx, b->failure, "%s", b->reason);
  return b->shared.stream.failed ? SOTTO_ERR_OUT_OF_MEMORY : SOTTO_OK;
}

static sotto_status trial(sotto_backend *backend, double *token_ms) {
  gpu_backend *b = (gpu_backend *)backend;
  bool done;
  *token_ms = 0;
  SOTTO_TRY(check(backend, 0, &done));
  if (b->ready) SOTTO_TRY(gpu_trial_go_on(&b->trial, &b->model));
  if (b->trial.done) *token_ms = b->trial.best_ms;
  return SOTTO_OK;
}

static const sotto_backend_queue queue = {take, report, mark, check, trial};

/* ---- batches ---- */

static void begin(sotto_backend *backend, const sotto_batch *batch) {
  gpu_backend *b = (gpu_backend *)backend;
  gpu_model_begin(&b->model, batch);
  b->end = 0;
  b->row = GPU_NONE;
}

static sotto_run_result fail_sequence(gpu_backend *b) {
  const sotto_batch *batch = b->model.batch;
  const sotto_kv_shape *kv = &b->model.storage.shape;
  const uint32_t failed = UINT32_MAX - b->model.status[0][0],
                 t = failed < batch->n_tokens ? failed : 0;
  b->base.failed_seq = batch->seqs[t];
  sotto_fail(b->program->ctx, SOTTO_ERR_NON_FINITE_LOGITS,
             "keys or values at position %u are not finite in the cache (%s, %s); the model's "
             "weights are damaged or need another cache type",
             batch->positions[t], sotto_dtype_name(kv->k_type), sotto_dtype_name(kv->v_type));
  return SOTTO_RUN_NON_FINITE;
}

static sotto_run_result run(sotto_backend *backend, const bool *ready, double deadline_ms) {
  (void)deadline_ms; /* writing commands is quick */
  gpu_backend *b = (gpu_backend *)backend;
  bool done;
  if (check(backend, b->setup, &done) != SOTTO_OK) return SOTTO_RUN_FAILED;
  if (!b->ready) return SOTTO_RUN_WAIT_GPU;
  if (b->end == 0) {
    if (!gpu_model_queue(&b->model, ready)) return SOTTO_RUN_WAIT_WEIGHTS;
    b->end = mark(backend);
  }
  if (check(backend, b->end, &done) != SOTTO_OK) return SOTTO_RUN_FAILED;
  if (!done) return SOTTO_RUN_WAIT_GPU;
  return b->model.status[0][0] ? fail_sequence(b) : SOTTO_RUN_DONE;
}

static void summary(sotto_backend *backend, uint32_t output, sotto_logits_summary *out) {
  gpu_backend *b = (gpu_backend *)backend;
  const gpu_model *m = &b->model;
  gpu_summary_get(&b->model.summary, m->batch, output, out);
  if (output < m->batch->n_ahead && out->n_best && m->status[output + 1][0] == 0)
    out->next = out->best[0];
}

static sotto_run_result read_row(sotto_backend *backend, uint32_t output) {
  gpu_backend *b = (gpu_backend *)backend;
  if (b->row != output) {
    gpu_model_read_row(&b->model, output);
    b->row = output;
    b->row_end = mark(backend);
  }
  bool done;
  if (check(backend, b->row_end, &done) != SOTTO_OK) return SOTTO_RUN_FAILED;
  return done ? SOTTO_RUN_DONE : SOTTO_RUN_WAIT_GPU;
}

static double progress(const sotto_backend *backend) {
  const gpu_model *m = &((const gpu_backend *)backend)->model;
  return (double)m->next / (double)m->units.n;
}

static const float *output(const sotto_backend *backend) {
  return ((const gpu_backend *)backend)->model.output;
}

const sotto_backend_type sotto_backend_gpu = {
    .name = "webgpu",
    .most_ahead = GPU_MOST_AHEAD,
    .queue = &queue,
    .plan = plan,
    .create = create,
    .free = destroy,
    .begin = begin,
    .run = run,
    .progress = progress,
    .output = output,
    .summary = summary,
    .read_row = read_row,
};
