/* The CPU's steps: which rows, heads and pages each kernel call gets. */
#include "backend/cpu/cpu.h"

/* Multiply-adds between two looks at the clock: 2 to 20 ms on the machines this is for. */
#define SLICE_MACS (64u << 20)

static uint32_t step_rows(const cpu_backend *b, const cpu_step *step) {
  sotto_buffer_id id = step->kind == CPU_QUANTIZE ? step->op->in[0] : step->op->out;
  bool per_output = id >= 0 && b->program->buffers[id].per_output;
  return per_output ? b->batch->n_outputs : b->batch->n_tokens;
}

uint64_t cpu_step_units(const cpu_backend *b, const cpu_step *step) {
  uint32_t rows = step_rows(b, step);
  if (step->kind != CPU_MATMUL) return rows;
  return rows ? b->program->weights[step->op->weight].rows : 0;
}

uint64_t cpu_step_slice(const cpu_backend *b, const cpu_step *step) {
  const sotto_hparams *h = &b->program->hparams;
  uint64_t macs; /* of one unit */
  switch (step->kind) {
  case CPU_MATMUL:
    macs = b->program->weights[step->op->weight].cols * step_rows(b, step);
    return macs < SLICE_MACS / 64 ? SLICE_MACS / macs / 64 * 64 : 64;
  case CPU_ATTENTION:
    macs = 2ull * h->n_head * h->head_dim * (b->batch->positions[b->unit] + 1);
    return macs < SLICE_MACS ? SLICE_MACS / macs : 1;
  default: return UINT32_MAX;
  }
}

static float *buffer_row(const cpu_backend *b, sotto_buffer_id id, uint64_t row) {
  return b->buffers + b->offsets[id] + row * b->program->buffers[id].dim;
}

static void *weight(const cpu_backend *b, sotto_weight_id id) {
  return b->weights.placements[id].dst;
}

void cpu_prepare_batch(cpu_backend *b) {
  const sotto_hparams *h = &b->program->hparams;
  const float *factors = h->rope_factors >= 0 ? weight(b, h->rope_factors) : NULL;
  sotto_rope_frequencies(h, factors, b->frequencies);
  for (uint32_t t = 0; t < b->batch->n_tokens; t++) {
    sotto_rope_table(h, b->frequencies, b->batch->positions[t], b->cos_sin + (size_t)t * h->n_rot);
  }
}

static void matmul(cpu_backend *b, const cpu_step *step, uint64_t first, uint64_t last) {
  const sotto_op *op = step->op;
  const sotto_weight *w = &b->program->weights[op->weight];
  sotto_gemm gemm = {
      .y = buffer_row(b, op->out, 0),
      .y_stride = (size_t)w->rows,
      .w = weight(b, op->weight),
      .x = buffer_row(b, op->in[0], 0),
      .x_stride = (size_t)w->cols,
      .act = &b->act,
      .row0 = (size_t)first,
      .row1 = (size_t)last,
      .k = (size_t)w->cols,
      .n_tokens = step_rows(b, step),
  };
  sotto_kernels_gemm(b->config.kernels, w->tensor->type)(&gemm);
}

static bool kv_write(cpu_backend *b, const cpu_step *step, uint64_t t) {
  const sotto_hparams *h = &b->program->hparams;
  const uint32_t position = b->batch->positions[t], d = h->head_dim, layer = step->op->layer;
  const uint32_t page = b->batch->seqs[t]->pages[position / SOTTO_KV_PAGE];
  const size_t row = (size_t)(position % SOTTO_KV_PAGE) * d;
  const float *k = buffer_row(b, step->op->in[0], t), *v = buffer_row(b, step->op->in[1], t);
  bool finite = true;
  for (uint32_t head = 0; head < h->n_head_kv; head++, k += d, v += d) {
    uint16_t *keys = (uint16_t *)sotto_kv_keys(b->kv, layer, page, head) + row;
    uint16_t *values = (uint16_t *)sotto_kv_values(b->kv, layer, page, head) + row;
    finite &= b->config.kernels->f32_to_f16(k, keys, d);
    finite &= b->config.kernels->f32_to_f16(v, values, d);
  }
  if (!finite) {
    b->base.failed_seq = b->batch->seqs[t];
    sotto_fail(b->program->ctx, SOTTO_ERR_NON_FINITE_LOGITS,
               "keys or values of layer %u at position %u are not finite in float16; the model's "
               "weights are damaged or need another cache type",
               layer, position);
  }
  return finite;
}

static void attention(cpu_backend *b, const cpu_step *step, uint64_t t) {
  const sotto_hparams *h = &b->program->hparams;
  const uint32_t n_keys = b->batch->positions[t] + 1, n_rep = h->n_head / h->n_head_kv;
  const uint32_t n_pages = (n_keys + SOTTO_KV_PAGE - 1) / SOTTO_KV_PAGE;
  const uint32_t *pages = b->batch->seqs[t]->pages;
  const uint16_t **k_pages = b->pages, **v_pages = b->pages + b->config.n_ctx / SOTTO_KV_PAGE;
  for (uint32_t head = 0; head < h->n_head_kv; head++) {
    for (uint32_t i = 0; i < n_pages; i++) {
      k_pages[i] = sotto_kv_keys(b->kv, step->op->layer, pages[i], head);
      v_pages[i] = sotto_kv_values(b->kv, step->op->layer, pages[i], head);
    }
    const size_t offset = (size_t)head * n_rep * h->head_dim;
    sotto_attention args = {
        .out = buffer_row(b, step->op->out, t) + offset,
        .q = buffer_row(b, step->op->in[0], t) + offset,
        .k_pages = k_pages,
        .v_pages = v_pages,
        .n_keys = n_keys,
        .n_rep = n_rep,
        .head_dim = h->head_dim,
        .scale = h->attention_scale,
        .scores = b->scores,
    };
    b->config.kernels->attention(&args);
  }
}

static bool run_row(cpu_backend *b, const cpu_step *step, uint64_t t) {
  const sotto_kernels *kernels = b->config.kernels;
  const sotto_program *p = b->program;
  const sotto_hparams *h = &p->hparams;
  const sotto_op *op = step->op;
  const sotto_weight *w = op->weight >= 0 ? &p->weights[op->weight] : NULL;
  float *out = op->out >= 0 ? buffer_row(b, op->out, t) : NULL;
  const uint32_t dim = op->out >= 0 ? p->buffers[op->out].dim : 0;
  switch (step->kind) {
  case CPU_EMBED:
    sotto_packed_row(w->tensor->type, weight(b, op->weight), (size_t)b->batch->tokens[t], dim, out);
    break;
  case CPU_RMS_NORM:
    kernels->rms_norm(out, buffer_row(b, op->in[0], t), weight(b, op->weight), dim, h->norm_eps);
    break;
  case CPU_QUANTIZE:
    b->act.wide = step->wide;
    kernels->quantize_act(buffer_row(b, op->in[0], t), p->buffers[op->in[0]].dim, &b->act,
                          (size_t)t);
    break;
  case CPU_ROPE:
    kernels->rope(out, dim / h->head_dim, h->head_dim, h->n_rot, h->rope_neox,
                  b->cos_sin + (size_t)t * h->n_rot);
    break;
  case CPU_KV_WRITE: return kv_write(b, step, t);
  case CPU_ATTENTION: attention(b, step, t); break;
  case CPU_SWIGLU:
    kernels->swiglu(out, buffer_row(b, op->in[0], t), buffer_row(b, op->in[1], t), dim);
    break;
  case CPU_ADD:
    kernels->add(out, buffer_row(b, op->in[0], t), buffer_row(b, op->in[1], t), dim);
    break;
  case CPU_TAKE_OUTPUTS:
    memcpy(out, buffer_row(b, op->in[0], b->batch->outputs[t]), dim * sizeof(float));
    break;
  case CPU_MATMUL: break; /* not by token: matmul */
  }
  return true;
}

bool cpu_step_run(cpu_backend *b, const cpu_step *step, uint64_t first, uint64_t last) {
  if (step->kind == CPU_MATMUL) {
    matmul(b, step, first, last);
    return true;
  }
  for (uint64_t t = first; t < last; t++) {
    if (!run_row(b, step, t)) return false;
  }
  return true;
}
