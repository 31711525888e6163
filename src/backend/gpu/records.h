/* What the core wants a GPU to do: a stream of records in linear memory, which the host carries out
 * in order (js/src/gpu/executor.js, with navigator.gpu or Dawn). Records are structs that begin
 * with a sotto_gpu_record; JavaScript learns them from sotto_layout_json, as all of sotto.h, which
 * includes this file.
 *
 * Numbers of buffers, pipelines, bind groups and lists are the core's, from 0 and dense. Addresses
 * are those of linear memory; what is there has to be read before the host calls the core again.
 * All sizes and offsets are multiples of 4. */
#ifndef SOTTO_BACKEND_GPU_RECORDS_H
#define SOTTO_BACKEND_GPU_RECORDS_H

#include <stdint.h>

typedef enum sotto_gpu_record_kind {
  /* set-up */
  SOTTO_GPU_BUFFER = 1,
  SOTTO_GPU_PIPELINE = 2,
  SOTTO_GPU_BIND_GROUP = 3,
  SOTTO_GPU_LIST = 4,
  SOTTO_GPU_RELEASE = 12,
  /* data; in the order of the queue, behind what was dispatched before */
  SOTTO_GPU_WRITE = 5,
  SOTTO_GPU_COPY = 6,
  SOTTO_GPU_CLEAR = 7,
  SOTTO_GPU_READ = 8,
  /* steps */
  SOTTO_GPU_RUN = 9,
  SOTTO_GPU_DISPATCH = 10,
  SOTTO_GPU_SUBMIT = 11,
} sotto_gpu_record_kind;

typedef struct sotto_gpu_record {
  uint32_t kind;  /* sotto_gpu_record_kind */
  uint32_t bytes; /* of the record with all that belongs to it, a multiple of 8: the next one's
                   * start */
} sotto_gpu_record;

/* A buffer for storage and copies both ways, or with `uniform` for parameters; zeros at first. */
typedef struct sotto_gpu_buffer {
  uint32_t kind, bytes;
  uint32_t buffer;
  uint32_t uniform;
  uint64_t size;
} sotto_gpu_buffer;

/* A compute pipeline with the entry point `main`, compiled while other things go on. Its WGSL is
 * `constants`, then each of the parts behind each other: names of files of src/backend/gpu without
 * their ending, separated by spaces. `bindings` has a letter for each binding of group 0, by
 * number: u uniform, r storage that is read, w storage that is written too. Text follows the
 * record: parts, bindings, constants, without NULs between them. */
typedef struct sotto_gpu_pipeline {
  uint32_t kind, bytes;
  uint32_t pipeline;
  uint32_t parts_len, bindings_len, constants_len;
} sotto_gpu_pipeline;

/* What one binding of a group is: part of a buffer. */
typedef struct sotto_gpu_binding {
  uint64_t offset, size;
  uint32_t buffer;
  uint32_t reserved;
} sotto_gpu_binding;

/* A bind group for a pipeline. A sotto_gpu_binding for each of its bindings follows. */
typedef struct sotto_gpu_bind_group {
  uint32_t kind, bytes;
  uint32_t group, pipeline;
} sotto_gpu_bind_group;

/* One dispatch of x * y * z workgroups: of a list, or behind a sotto_gpu_record as a record of its
 * own. */
typedef struct sotto_gpu_dispatch {
  uint32_t pipeline, group;
  uint32_t x, y, z;
} sotto_gpu_dispatch;

/* A list of dispatches to be run again and again. So many sotto_gpu_dispatch follow. A list of a
 * number that exists replaces it. */
typedef struct sotto_gpu_list {
  uint32_t kind, bytes;
  uint32_t list, n_dispatches;
} sotto_gpu_list;

/* The n buffers from number `first` on, those of them that exist, and the bind groups that use them
 * are not needed any more. */
typedef struct sotto_gpu_release {
  uint32_t kind, bytes;
  uint32_t first, n;
} sotto_gpu_release;

/* n bytes of linear memory into a buffer. */
typedef struct sotto_gpu_write {
  uint32_t kind, bytes;
  uint32_t buffer, n;
  uint64_t offset, address;
} sotto_gpu_write;

/* Bytes of a buffer to another place, in another buffer or beside it in the same one. */
typedef struct sotto_gpu_copy {
  uint32_t kind, bytes;
  uint32_t from, to;
  uint64_t from_offset, to_offset, n;
} sotto_gpu_copy;

/* Zeros. */
typedef struct sotto_gpu_clear {
  uint32_t kind, bytes;
  uint32_t buffer, reserved;
  uint64_t offset, n;
} sotto_gpu_clear;

/* n bytes of a buffer, as they are here in the stream, to linear memory, before the stream's serial
 * is reported. */
typedef struct sotto_gpu_read {
  uint32_t kind, bytes;
  uint32_t buffer, n;
  uint64_t offset, address;
} sotto_gpu_read;

typedef struct sotto_gpu_run {
  uint32_t kind, bytes;
  uint32_t list, reserved;
} sotto_gpu_run;

/* Commands to carry out, valid until the next call to the core. */
typedef struct sotto_gpu_commands {
  const void *records;
  uint32_t n_bytes;
  uint32_t serial; /* to be reported when they are done, whatever the order of the reports */
} sotto_gpu_commands;

#endif
