/* Buffers, dispatches, and putting together what comes back. */
#include "backend/gpu/summary.h"

#include "backend/gpu/logits.h"
#include "kernels/math.h"

_Static_assert(GPU_TOP_BEST == SOTTO_SUMMARY_BEST && GPU_MAX_NAMED == SOTTO_SUMMARY_NAMED,
               "the kernels give what a summary has");

enum { LIST_BYTES = GPU_TOP_BEST * 8, PART_BYTES = 16, NAMED_BYTES = GPU_MAX_NAMED * 4 };

static uint32_t parts_of(uint32_t n, uint32_t part) {
  return (n + part - 1) / part;
}

static uint32_t chunks_of(const sotto_program *p) {
  return parts_of(p->buffers[p->output].dim, GPU_TOP_CHUNK);
}

bool gpu_summary_is_used(const sotto_program *p) {
  return p->pooling == SOTTO_POOLING_NONE && !sotto_program_takes_whole_texts(p);
}

static uint64_t lists_bytes(const sotto_program *p, uint32_t n_outputs, int which) {
  const uint32_t n = chunks_of(p);
  return (uint64_t)n_outputs * (which ? parts_of(n, GPU_TOP_LISTS) : n) * LIST_BYTES;
}

uint64_t gpu_summary_gpu_bytes(const sotto_program *p, uint32_t n_outputs) {
  if (!gpu_summary_is_used(p)) return 0;
  return lists_bytes(p, n_outputs, 0) + lists_bytes(p, n_outputs, 1) +
         (uint64_t)n_outputs * (chunks_of(p) * PART_BYTES + 2 * NAMED_BYTES) +
         (GPU_MAX_MERGES + 2) * 256;
}

uint64_t gpu_summary_bytes(const sotto_program *p, uint32_t n_outputs) {
  if (!gpu_summary_is_used(p)) return 0;
  /* With the names that the generator keeps for each output. */
  return (uint64_t)n_outputs * (LIST_BYTES + chunks_of(p) * PART_BYTES + 3 * NAMED_BYTES) +
         (GPU_MAX_MERGES + 2) * 256;
}

static sotto_status allocate(gpu_summary *s, const sotto_gpu_device *device) {
  const size_t n = s->n_outputs;
  s->slot = device->alignment > 16 ? device->alignment : 16;
  s->read_lists = sotto_alloc(s->ctx, n * LIST_BYTES);
  s->read_parts = sotto_alloc(s->ctx, n * s->n_chunks * PART_BYTES);
  s->read_named = sotto_alloc(s->ctx, n * NAMED_BYTES);
  s->write_ids = sotto_alloc_zero(s->ctx, n * NAMED_BYTES);
  s->params = sotto_alloc_zero(s->ctx, (GPU_MAX_MERGES + 2) * (size_t)s->slot);
  const bool ok = s->read_lists && s->read_parts && s->read_named && s->write_ids && s->params;
  return ok ? SOTTO_OK : SOTTO_ERR_OUT_OF_MEMORY;
}

/* Dispatches being made. */
typedef struct maker {
  gpu_summary *s;
  gpu_pipelines *pipelines;
  uint32_t *next_group;
  uint32_t params_buffer, n; /* dispatches so far */
  sotto_status status;
} maker;

/* With two parameters and up to three bindings behind them. */
static sotto_gpu_dispatch make(maker *m, gpu_kernel kernel, uint32_t x, uint32_t first,
                               uint32_t second, const sotto_gpu_binding *bindings, uint32_t n) {
  gpu_summary *s = m->s;
  sotto_gpu_binding all[4] = {
      {.buffer = m->params_buffer, .offset = (uint64_t)m->n * s->slot, .size = 16}};
  uint32_t *params = s->params + m->n++ * (s->slot / 4);
  params[0] = first;
  params[1] = second;
  memcpy(all + 1, bindings, n * sizeof *all);
  sotto_gpu_dispatch dispatch = {.group = (*m->next_group)++, .x = x, .y = 1, .z = 1};
  const sotto_status status = gpu_pipeline_of(m->pipelines, kernel, SOTTO_F32, &dispatch.pipeline);
  if (status != SOTTO_OK) m->status = status;
  gpu_emit_bind_group(s->stream, dispatch.group, dispatch.pipeline, all, 1 + n);
  return dispatch;
}

static void make_dispatches(maker *m, const uint64_t bytes[2]) {
  gpu_summary *s = m->s;
  const uint64_t n = s->n_outputs, vocab_bytes = n * s->n_vocab * sizeof(float);
  const sotto_gpu_binding logits = {.buffer = s->logits, .size = vocab_bytes},
                          lists[2] = {{.buffer = s->lists[0], .size = bytes[0]},
                                      {.buffer = s->lists[1], .size = bytes[1]}};
  const sotto_gpu_binding of_chunk[] = {
      logits, lists[0], {.buffer = s->parts, .size = n * s->n_chunks * PART_BYTES}};
  const sotto_gpu_binding of_named[] = {logits,
                                        {.buffer = s->ids, .size = n * NAMED_BYTES},
                                        {.buffer = s->named, .size = n * NAMED_BYTES}};
  s->chunk = make(m, GPU_KERNEL_top_chunk, s->n_chunks, s->n_vocab, s->n_chunks, of_chunk, 3);
  s->gather = make(m, GPU_KERNEL_named, GPU_MAX_NAMED / gpu_kernel_workgroup(GPU_KERNEL_named),
                   s->n_vocab, 0, of_named, 3);
  for (uint32_t n_in = s->n_chunks; n_in > 1; n_in = parts_of(n_in, GPU_TOP_LISTS)) {
    const uint32_t n_out = parts_of(n_in, GPU_TOP_LISTS), from = s->n_merges % 2;
    const sotto_gpu_binding of_merge[] = {lists[from], lists[1 - from]};
    s->merges[s->n_merges++] = make(m, GPU_KERNEL_top_merge, n_out, n_in, n_out, of_merge, 2);
  }
}

sotto_status gpu_summary_init(const sotto_program *p, uint32_t n_outputs, uint32_t logits,
                              gpu_pipelines *pipelines, uint32_t *next_buffer, uint32_t *next_group,
                              gpu_summary *out) {
  *out = (gpu_summary){.ctx = p->ctx,
                       .stream = pipelines->stream,
                       .n_vocab = p->buffers[p->output].dim,
                       .n_outputs = n_outputs,
                       .n_chunks = chunks_of(p),
                       .logits = logits};
  SOTTO_TRY(allocate(out, &pipelines->device));
  const uint64_t lists[2] = {lists_bytes(p, n_outputs, 0), lists_bytes(p, n_outputs, 1)};
  const struct {
    uint32_t *buffer;
    uint64_t bytes;
  } buffers[] = {{&out->lists[0], lists[0]},
                 {&out->lists[1], lists[1]},
                 {&out->parts, (uint64_t)n_outputs * out->n_chunks * PART_BYTES},
                 {&out->ids, (uint64_t)n_outputs * NAMED_BYTES},
                 {&out->named, (uint64_t)n_outputs * NAMED_BYTES}};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
    *buffers[i].buffer = (*next_buffer)++;
    gpu_emit_buffer(out->stream, *buffers[i].buffer, false, buffers[i].bytes);
  }
  maker m = {.s = out,
             .pipelines = pipelines,
             .next_group = next_group,
             .params_buffer = (*next_buffer)++};
  const uint32_t params_bytes = (GPU_MAX_MERGES + 2) * out->slot;
  gpu_emit_buffer(out->stream, m.params_buffer, true, params_bytes);
  make_dispatches(&m, lists);
  gpu_emit_write(out->stream, m.params_buffer, 0, out->params, params_bytes);
  return m.status;
}

void gpu_summary_free(gpu_summary *s) {
  if (!s->ctx) return;
  const size_t n = s->n_outputs;
  sotto_free(s->ctx, s->read_lists, n * LIST_BYTES);
  sotto_free(s->ctx, s->read_parts, n * s->n_chunks * PART_BYTES);
  sotto_free(s->ctx, s->read_named, n * NAMED_BYTES);
  sotto_free(s->ctx, s->write_ids, n * NAMED_BYTES);
  sotto_free(s->ctx, s->params, (GPU_MAX_MERGES + 2) * (size_t)s->slot);
  *s = (gpu_summary){0};
}

static void dispatch(gpu_summary *s, sotto_gpu_dispatch one, uint32_t n_outputs) {
  one.y = n_outputs;
  gpu_emit_dispatch(s->stream, &one);
}

uint32_t gpu_summary_lists(const gpu_summary *s) {
  return s->lists[s->n_merges % 2];
}

void gpu_summary_queue(gpu_summary *s, const sotto_batch *batch, uint32_t first) {
  bool any = false, any_named = false;
  for (uint32_t o = 0; o < batch->n_outputs; o++) {
    const sotto_output_wish *wish = &batch->wishes[o];
    if (wish->row) continue;
    any = true;
    if (wish->n_named == 0) continue;
    any_named = true;
    uint32_t *ids = s->write_ids + (size_t)o * GPU_MAX_NAMED;
    memcpy(ids, wish->named, wish->n_named * sizeof *ids);
    gpu_emit_write(s->stream, s->ids, (uint64_t)o * NAMED_BYTES, ids,
                   wish->n_named * (uint32_t)sizeof *ids);
  }
  if (!any) return;
  dispatch(s, s->chunk, batch->n_outputs);
  for (uint32_t i = 0; i < s->n_merges; i++) dispatch(s, s->merges[i], batch->n_outputs);
  if (any_named) dispatch(s, s->gather, batch->n_outputs);
  const uint32_t part_bytes = s->n_chunks * PART_BYTES;
  for (uint32_t o = 0; o < batch->n_outputs; o++) {
    const sotto_output_wish *wish = &batch->wishes[o];
    if (wish->row) continue;
    const size_t to = first + o;
    gpu_emit_read(s->stream, gpu_summary_lists(s), (uint64_t)o * LIST_BYTES,
                  s->read_lists + to * GPU_TOP_BEST * 2, LIST_BYTES);
    gpu_emit_read(s->stream, s->parts, (uint64_t)o * part_bytes,
                  s->read_parts + to * s->n_chunks * 4, part_bytes);
    if (wish->n_named)
      gpu_emit_read(s->stream, s->named, (uint64_t)o * NAMED_BYTES,
                    s->read_named + to * GPU_MAX_NAMED, wish->n_named * 4);
  }
}

static float float_of(uint32_t bits) {
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

/* Maxima and sums of the chunks, in double. */
static void add_parts(const gpu_summary *s, const uint32_t *parts, sotto_logits_summary *out) {
  float highest = -__builtin_inff();
  for (uint32_t c = 0; c < s->n_chunks; c++) {
    out->n_banned += parts[4 * c + 2];
    out->not_finite |= parts[4 * c + 3] != 0;
    if (float_of(parts[4 * c]) > highest) highest = float_of(parts[4 * c]);
  }
  double sum = 0;
  for (uint32_t c = 0; c < s->n_chunks; c++) {
    const double m = (double)float_of(parts[4 * c]) - (double)highest;
    if (float_of(parts[4 * c + 1]) > 0) sum += (double)float_of(parts[4 * c + 1]) * sotto_exp(m);
  }
  const double lse = (double)highest + sotto_log(sum);
  /* And what doubles round. */
  const double margin = 1.01 * GPU_SUM_ERROR + 1e-15 * (lse < 0 ? -lse : lse);
  out->lse_low = lse - margin;
  out->lse_high = lse + margin;
}

void gpu_summary_get(gpu_summary *s, const sotto_batch *batch, uint32_t o,
                     sotto_logits_summary *out) {
  const uint32_t *list = s->read_lists + (size_t)o * GPU_TOP_BEST * 2;
  *out = (sotto_logits_summary){.best = s->best,
                                .best_logits = s->best_logits,
                                .named = batch->wishes[o].named,
                                .named_logits = s->read_named + (size_t)o * GPU_MAX_NAMED,
                                .n_named = batch->wishes[o].n_named,
                                .next = SOTTO_TOKEN_NONE};
  for (; out->n_best < GPU_TOP_BEST && list[2 * out->n_best] < s->n_vocab; out->n_best++) {
    s->best[out->n_best] = (sotto_token)list[2 * out->n_best];
    s->best_logits[out->n_best] = float_of(list[2 * out->n_best + 1]);
  }
  add_parts(s, s->read_parts + (size_t)o * s->n_chunks * 4, out);
}
