/* Writing the command stream (records.h). Records gather until the host takes them; each such batch
 * of records has a serial, by which the host says that it is done. Running out of memory is sticky:
 * what is emitted after that is dropped, and gpu_stream_failed says so. */
#ifndef SOTTO_BACKEND_GPU_STREAM_H
#define SOTTO_BACKEND_GPU_STREAM_H

#include "backend/gpu/records.h"
#include "base/str.h"

#define GPU_NONE UINT32_MAX

typedef struct gpu_stream {
  sotto_str records;
  bool taken;        /* the host has them; they go when the next one comes */
  bool failed;       /* a record could not be stored */
  uint32_t serial;   /* of the records that gather now, from 1 */
  uint32_t reported; /* the last serial that is done */
} gpu_stream;

void gpu_stream_init(gpu_stream *stream, sotto_ctx *ctx);
void gpu_stream_free(gpu_stream *stream);
/* Hand out what has gathered. False where there is nothing. */
bool gpu_stream_take(gpu_stream *stream, sotto_gpu_commands *out);
/* The commands up to this serial are done. Older ones than the last are ignored. */
void gpu_stream_report(gpu_stream *stream, uint32_t serial);
/* Whether all that was emitted before gpu_stream_mark returned `serial` is done. */
bool gpu_stream_is_done(const gpu_stream *stream, uint32_t serial);
/* The serial that covers all that has been emitted so far. */
uint32_t gpu_stream_mark(const gpu_stream *stream);

void gpu_emit_buffer(gpu_stream *stream, uint32_t buffer, bool uniform, uint64_t size);
/* parts, bindings and constants: see sotto_gpu_pipeline. */
void gpu_emit_pipeline(gpu_stream *stream, uint32_t pipeline, const char *parts,
                       const char *bindings, const char *constants);
void gpu_emit_bind_group(gpu_stream *stream, uint32_t group, uint32_t pipeline,
                         const sotto_gpu_binding *bindings, uint32_t n);
void gpu_emit_release(gpu_stream *stream, uint32_t first, uint32_t n);
/* Returns where its dispatches are to be written, before anything else is emitted; NULL without
 * memory. */
sotto_gpu_dispatch *gpu_emit_list(gpu_stream *stream, uint32_t list, uint32_t n);
/* n is a multiple of 4. data stays as it is until the host has taken the records. */
void gpu_emit_write(gpu_stream *stream, uint32_t buffer, uint64_t offset, const void *data,
                    uint32_t n);
void gpu_emit_copy(gpu_stream *stream, uint32_t from, uint64_t from_offset, uint32_t to,
                   uint64_t to_offset, uint64_t n);
void gpu_emit_clear(gpu_stream *stream, uint32_t buffer, uint64_t offset, uint64_t n);
/* `to` is filled by the time that the serial is reported. */
void gpu_emit_read(gpu_stream *stream, uint32_t buffer, uint64_t offset, void *to, uint32_t n);
void gpu_emit_run(gpu_stream *stream, uint32_t list);
void gpu_emit_dispatch(gpu_stream *stream, const sotto_gpu_dispatch *dispatch);
void gpu_emit_submit(gpu_stream *stream);

#endif
