#include "gpu_host.h"

#include <stdlib.h>

#include "engine_support.h"
#include "test.h"

sotto_gpu_device gpu_least_device(void) {
  return (sotto_gpu_device){.max_buffer = 256u << 20,
                            .max_binding = 128u << 20,
                            .max_storage_buffers = 8,
                            .max_workgroup_memory = 16384,
                            .max_invocations = 256,
                            .max_workgroups = 65535,
                            .alignment = 256,
                            .ahead_ms = 20,
                            .only_records = 1};
}

/* Whether [offset, offset + n) is in the buffer. */
static bool is_in(const gpu_host *h, uint32_t buffer, uint64_t offset, uint64_t n) {
  return buffer < GPU_HOST_MOST && n > 0 && n <= h->buffers[buffer].size &&
         offset <= h->buffers[buffer].size - n && offset % 4 == 0 && n % 4 == 0;
}

static void make_buffer(gpu_host *h, const sotto_gpu_buffer *r) {
  if (!CHECK(r->buffer < GPU_HOST_MOST && h->buffers[r->buffer].size == 0)) return;
  CHECK(r->size > 0 && r->size <= h->device.max_buffer && r->size % 4 == 0);
  h->buffers[r->buffer].size = r->size;
  h->buffers[r->buffer].uniform = r->uniform;
  h->bytes += r->size;
}

static void make_pipeline(gpu_host *h, const sotto_gpu_pipeline *r) {
  if (!CHECK(r->pipeline < GPU_HOST_MOST && !h->pipelines[r->pipeline].exists)) return;
  h->pipelines[r->pipeline].exists = true;
  h->n_pipelines++;
  CHECK(r->bindings_len < 16 && r->parts_len > 0 && r->constants_len > 0);
  CHECK(sizeof *r + r->parts_len + r->bindings_len + r->constants_len <= r->bytes);
  memcpy(h->pipelines[r->pipeline].bindings, (const char *)(r + 1) + r->parts_len, r->bindings_len);
  uint32_t n_storage = 0;
  for (const char *kind = h->pipelines[r->pipeline].bindings; *kind; kind++)
    n_storage += *kind != 'u';
  CHECK(n_storage <= h->device.max_storage_buffers);
}

/* No buffer is written and also bound otherwise. */
static void check_usage(const gpu_host *h, uint32_t group) {
  for (uint32_t i = 0; i < h->groups[group].n; i++)
    for (uint32_t j = 0; j < h->groups[group].n; j++)
      CHECK(i == j || h->groups[group].bindings[i] != 'w' ||
            h->groups[group].of[i].buffer != h->groups[group].of[j].buffer);
}

static void make_group(gpu_host *h, const sotto_gpu_bind_group *r) {
  if (!CHECK(r->group < GPU_HOST_MOST && !h->groups[r->group].exists)) return;
  if (!CHECK(r->pipeline < GPU_HOST_MOST && h->pipelines[r->pipeline].exists)) return;
  const char *kinds = h->pipelines[r->pipeline].bindings;
  const uint32_t n = (uint32_t)strlen(kinds);
  if (!CHECK(r->bytes == sizeof *r + n * sizeof(sotto_gpu_binding))) return;
  h->groups[r->group].exists = true;
  h->groups[r->group].n = n;
  memcpy(h->groups[r->group].bindings, kinds, n + 1);
  memcpy(h->groups[r->group].of, r + 1, n * sizeof(sotto_gpu_binding));
  for (uint32_t i = 0; i < n; i++) {
    const sotto_gpu_binding *b = &h->groups[r->group].of[i];
    if (!CHECK(is_in(h, b->buffer, b->offset, b->size))) continue;
    CHECK(b->offset % h->device.alignment == 0);
    CHECK(h->buffers[b->buffer].uniform == (kinds[i] == 'u'));
    CHECK(b->size <= (kinds[i] == 'u' ? 65536 : h->device.max_binding));
  }
  check_usage(h, r->group);
}

static void release(gpu_host *h, const sotto_gpu_release *r) {
  CHECK(r->n > 0);
  for (uint32_t i = r->first; i < r->first + r->n && CHECK(i < GPU_HOST_MOST); i++) {
    h->bytes -= h->buffers[i].size;
    h->buffers[i].size = 0;
  }
}

static void dispatch(gpu_host *h, const sotto_gpu_dispatch *d) {
  if (!CHECK(d->pipeline < GPU_HOST_MOST && h->pipelines[d->pipeline].exists)) return;
  if (!CHECK(d->group < GPU_HOST_MOST && h->groups[d->group].exists)) return;
  CHECK(strcmp(h->pipelines[d->pipeline].bindings, h->groups[d->group].bindings) == 0);
  const uint32_t most = h->device.max_workgroups;
  CHECK(d->x > 0 && d->y > 0 && d->z > 0 && d->x <= most && d->y <= most && d->z <= most);
  h->n_dispatches++;
}

static void make_list(gpu_host *h, const sotto_gpu_list *r) {
  if (!CHECK(r->list < sizeof h->lists / sizeof *h->lists && h->lists[r->list].n == 0)) return;
  if (!CHECK(r->n_dispatches > 0 && r->n_dispatches <= 256)) return;
  CHECK(sizeof *r + r->n_dispatches * sizeof(sotto_gpu_dispatch) <= r->bytes);
  h->lists[r->list].n = r->n_dispatches;
  memcpy(h->lists[r->list].of, r + 1, r->n_dispatches * sizeof(sotto_gpu_dispatch));
  h->n_lists++;
}

static void run_list(gpu_host *h, const sotto_gpu_run *r) {
  if (!CHECK(r->list < sizeof h->lists / sizeof *h->lists && h->lists[r->list].n > 0)) return;
  for (uint32_t i = 0; i < h->lists[r->list].n; i++) dispatch(h, &h->lists[r->list].of[i]);
  h->n_runs++;
}

static void copy(const gpu_host *h, const sotto_gpu_copy *r) {
  CHECK(is_in(h, r->from, r->from_offset, r->n) && is_in(h, r->to, r->to_offset, r->n));
  const uint64_t apart =
      r->from_offset < r->to_offset ? r->to_offset - r->from_offset : r->from_offset - r->to_offset;
  CHECK(r->from != r->to || apart >= r->n);
}

static void carry_out(gpu_host *h, const void *record, sotto_gpu_record_kind kind) {
  switch (kind) {
  case SOTTO_GPU_BUFFER: make_buffer(h, record); break;
  case SOTTO_GPU_PIPELINE: make_pipeline(h, record); break;
  case SOTTO_GPU_BIND_GROUP: make_group(h, record); break;
  case SOTTO_GPU_RELEASE: release(h, record); break;
  case SOTTO_GPU_WRITE: {
    const sotto_gpu_write *r = record;
    CHECK(is_in(h, r->buffer, r->offset, r->n));
    static volatile unsigned char sum; /* a sanitizer sees that all of it is there */
    const unsigned char *data = (const unsigned char *)(uintptr_t)r->address;
    for (uint32_t i = 0; i < r->n; i++) sum ^= data[i];
    h->bytes_written += r->n;
    break;
  }
  case SOTTO_GPU_READ: {
    const sotto_gpu_read *r = record;
    CHECK(is_in(h, r->buffer, r->offset, r->n));
    memset((void *)(uintptr_t)r->address, 0, r->n);
    h->n_reads++;
    break;
  }
  case SOTTO_GPU_COPY: copy(h, record); break;
  case SOTTO_GPU_CLEAR: {
    const sotto_gpu_clear *r = record;
    CHECK(is_in(h, r->buffer, r->offset, r->n));
    break;
  }
  case SOTTO_GPU_DISPATCH:
    dispatch(h, (const sotto_gpu_dispatch *)((const sotto_gpu_record *)record + 1));
    break;
  case SOTTO_GPU_LIST: make_list(h, record); break;
  case SOTTO_GPU_RUN: run_list(h, record); break;
  case SOTTO_GPU_SUBMIT: h->n_submits++; break;
  default: CHECK(false);
  }
}

bool gpu_host_take(gpu_host *h, sotto_engine *e) {
  sotto_gpu_commands commands;
  if (!sotto_engine_gpu_take(e, &commands)) return false;
  const char *at = commands.records, *end = at + commands.n_bytes;
  while (at < end) {
    const sotto_gpu_record *r = (const sotto_gpu_record *)at;
    if (!CHECK(r->bytes >= sizeof *r && r->bytes % 8 == 0 && r->bytes <= (size_t)(end - at))) break;
    carry_out(h, r, r->kind);
    at += r->bytes;
  }
  CHECK(commands.serial > h->pending);
  h->pending = commands.serial;
  h->n_serials++;
  return true;
}

void gpu_host_report(gpu_host *h, sotto_engine *e) {
  sotto_engine_gpu_report(e, h->pending, SOTTO_OK);
  h->pending = 0;
}

/* In pieces that a host with a GPU may feed. */
static bool feed_weights(gpu_host *h, sotto_engine *e, const char *data) {
  for (;;) {
    sotto_range range;
    if (sotto_engine_next_range(e, 1 << 20, &range) != SOTTO_OK) return false;
    if (range.length == 0) return true;
    for (uint64_t at = 0, n; at < range.length; at += n) {
      n = range.length - at < 100003 ? range.length - at : 100003;
      if (sotto_engine_feed(e, 0, range.offset + at, data + range.offset + at, (uint32_t)n) !=
          SOTTO_OK)
        return false;
      gpu_host_take(h, e);
    }
  }
}

static void forget(gpu_host *h, const sotto_gpu_device *device) {
  memset(h, 0, sizeof *h);
  h->device = *device;
}

bool gpu_host_feed(gpu_host *h, const sotto_gpu_device *device, sotto_engine *e, const char *path) {
  forget(h, device);
  size_t len;
  char *data = test_read_file(path, &len);
  bool ok = data && gpu_host_take(h, e) && feed_weights(h, e, data);
  do {
    gpu_host_report(h, e);
  } while (gpu_host_take(h, e));
  free(data);
  return ok;
}

sotto_engine *gpu_host_open(gpu_host *h, const char *path, const sotto_engine_options *options,
                            const sotto_gpu_device *device, sotto_memory_plan *plan) {
  forget(h, device);
  sotto_engine_options on_gpu = *options;
  on_gpu.backend = SOTTO_BACKEND_WEBGPU;
  sotto_engine *e = sotto_engine_new(&on_gpu);
  bool ok = e && sotto_engine_set_gpu(e, device) == SOTTO_OK;
  ok = ok && feed_headers(e, &path, 1, (delivery){0}, plan) == SOTTO_OK;
  ok = ok && sotto_engine_start_load(e) == SOTTO_OK;
  ok = ok && gpu_host_feed(h, device, e, path);
  if (CHECK(ok)) return e;
  printf("    %s: %s\n", path, e ? sotto_engine_message(e) : "no engine");
  sotto_engine_free(e);
  return NULL;
}
