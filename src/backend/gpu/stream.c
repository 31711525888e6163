/* Records in a growing block of memory. */
#include "backend/gpu/stream.h"

void gpu_stream_init(gpu_stream *s, sotto_ctx *ctx) {
  *s = (gpu_stream){.serial = 1};
  sotto_str_init(&s->records, ctx);
}

void gpu_stream_free(gpu_stream *s) {
  sotto_str_free(&s->records);
}

bool gpu_stream_take(gpu_stream *s, sotto_gpu_commands *out) {
  *out = (sotto_gpu_commands){0};
  if (s->taken || s->records.len == 0 || s->failed) return false;
  *out = (sotto_gpu_commands){s->records.data, (uint32_t)s->records.len, s->serial};
  s->taken = true;
  return true;
}

void gpu_stream_report(gpu_stream *s, uint32_t serial) {
  if (serial > s->reported && serial <= s->serial) s->reported = serial;
}

bool gpu_stream_is_done(const gpu_stream *s, uint32_t serial) {
  return s->reported >= serial;
}

uint32_t gpu_stream_mark(const gpu_stream *s) {
  return s->records.len ? s->serial : s->serial - 1;
}

/* Room for a record of `bytes`, zeroed. NULL where there is none. */
static void *emit(gpu_stream *s, sotto_gpu_record_kind kind, size_t bytes) {
  bytes = (bytes + 7) & ~(size_t)7;
  if (s->taken) {
    s->records.len = 0;
    s->taken = false;
    s->serial++;
  }
  if (s->failed || sotto_str_reserve(&s->records, bytes) != SOTTO_OK) {
    s->failed = true;
    return NULL;
  }
  char *at = s->records.data + s->records.len;
  memset(at, 0, bytes);
  const sotto_gpu_record head = {kind, (uint32_t)bytes};
  memcpy(at, &head, sizeof head);
  s->records.len += bytes;
  return at;
}

static uint64_t address(const void *data) {
  return (uint64_t)(uintptr_t)data;
}

void gpu_emit_buffer(gpu_stream *s, uint32_t buffer, bool uniform, uint64_t size) {
  sotto_gpu_buffer *r = emit(s, SOTTO_GPU_BUFFER, sizeof *r);
  if (!r) return;
  r->buffer = buffer;
  r->uniform = uniform;
  r->size = size;
}

void gpu_emit_pipeline(gpu_stream *s, uint32_t pipeline, const char *parts, const char *bindings,
                       const char *constants) {
  const size_t lens[] = {strlen(parts), strlen(bindings), strlen(constants)};
  sotto_gpu_pipeline *r = emit(s, SOTTO_GPU_PIPELINE, sizeof *r + lens[0] + lens[1] + lens[2]);
  if (!r) return;
  r->pipeline = pipeline;
  r->parts_len = (uint32_t)lens[0];
  r->bindings_len = (uint32_t)lens[1];
  r->constants_len = (uint32_t)lens[2];
  char *text = (char *)(r + 1);
  memcpy(text, parts, lens[0]);
  memcpy(text + lens[0], bindings, lens[1]);
  memcpy(text + lens[0] + lens[1], constants, lens[2]);
}

void gpu_emit_bind_group(gpu_stream *s, uint32_t group, uint32_t pipeline,
                         const sotto_gpu_binding *bindings, uint32_t n) {
  sotto_gpu_bind_group *r = emit(s, SOTTO_GPU_BIND_GROUP, sizeof *r + n * sizeof *bindings);
  if (!r) return;
  r->group = group;
  r->pipeline = pipeline;
  memcpy(r + 1, bindings, n * sizeof *bindings);
}

void gpu_emit_release(gpu_stream *s, uint32_t first, uint32_t n) {
  sotto_gpu_release *r = emit(s, SOTTO_GPU_RELEASE, sizeof *r);
  if (!r) return;
  r->first = first;
  r->n = n;
}

sotto_gpu_dispatch *gpu_emit_list(gpu_stream *s, uint32_t list, uint32_t n) {
  sotto_gpu_list *r = emit(s, SOTTO_GPU_LIST, sizeof *r + n * sizeof(sotto_gpu_dispatch));
  if (!r) return NULL;
  r->list = list;
  r->n_dispatches = n;
  return (sotto_gpu_dispatch *)(r + 1);
}

void gpu_emit_write(gpu_stream *s, uint32_t buffer, uint64_t offset, const void *data, uint32_t n) {
  sotto_gpu_write *r = emit(s, SOTTO_GPU_WRITE, sizeof *r);
  if (!r) return;
  r->buffer = buffer;
  r->n = n;
  r->offset = offset;
  r->address = address(data);
}

void gpu_emit_copy(gpu_stream *s, uint32_t from, uint64_t from_offset, uint32_t to,
                   uint64_t to_offset, uint64_t n) {
  sotto_gpu_copy *r = emit(s, SOTTO_GPU_COPY, sizeof *r);
  if (!r) return;
  r->from = from;
  r->to = to;
  r->from_offset = from_offset;
  r->to_offset = to_offset;
  r->n = n;
}

void gpu_emit_clear(gpu_stream *s, uint32_t buffer, uint64_t offset, uint64_t n) {
  sotto_gpu_clear *r = emit(s, SOTTO_GPU_CLEAR, sizeof *r);
  if (!r) return;
  r->buffer = buffer;
  r->offset = offset;
  r->n = n;
}

void gpu_emit_read(gpu_stream *s, uint32_t buffer, uint64_t offset, void *to, uint32_t n) {
  sotto_gpu_read *r = emit(s, SOTTO_GPU_READ, sizeof *r);
  if (!r) return;
  r->buffer = buffer;
  r->n = n;
  r->offset = offset;
  r->address = address(to);
}

void gpu_emit_run(gpu_stream *s, uint32_t list) {
  sotto_gpu_run *r = emit(s, SOTTO_GPU_RUN, sizeof *r);
  if (r) r->list = list;
}

void gpu_emit_dispatch(gpu_stream *s, const sotto_gpu_dispatch *dispatch) {
  sotto_gpu_record *r = emit(s, SOTTO_GPU_DISPATCH, sizeof *r + sizeof *dispatch);
  if (r) memcpy(r + 1, dispatch, sizeof *dispatch);
}

void gpu_emit_submit(gpu_stream *s) {
  emit(s, SOTTO_GPU_SUBMIT, sizeof(sotto_gpu_record));
}
