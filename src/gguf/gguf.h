/* GGUF headers: a push parser for one file or the several of a split.
 *
 * Bytes are pushed as they arrive; nothing is read. When a file's header is complete its metadata
 * and tensor table are checked as a whole: every length against the file's size, every tensor
 * against its type's block size, its neighbours and the end of the file. Tensor data itself is
 * never seen here (load/ places it). Format: GGUF v2 and v3, little-endian (ggml docs/gguf.md).
 *
 * Limits: a header of 1 GiB, 65,536 keys of 1 to 65,535 bytes, 1,048,576 tensors with names of 1 to
 * 127 bytes. Keys and names are UTF-8 without control characters. */
#ifndef SOTTO_GGUF_GGUF_H
#define SOTTO_GGUF_GGUF_H

#include "base/str.h"
#include "tensor/dtype.h"

#define SOTTO_MAX_DIMS        4
#define SOTTO_MAX_SPLIT_FILES 1024

typedef enum sotto_gguf_type { /* GGUF's numbers */
                               SOTTO_GGUF_U8 = 0,
                               SOTTO_GGUF_I8 = 1,
                               SOTTO_GGUF_U16 = 2,
                               SOTTO_GGUF_I16 = 3,
                               SOTTO_GGUF_U32 = 4,
                               SOTTO_GGUF_I32 = 5,
                               SOTTO_GGUF_F32 = 6,
                               SOTTO_GGUF_BOOL = 7,
                               SOTTO_GGUF_STRING = 8,
                               SOTTO_GGUF_ARRAY = 9,
                               SOTTO_GGUF_U64 = 10,
                               SOTTO_GGUF_I64 = 11,
                               SOTTO_GGUF_F64 = 12,
} sotto_gguf_type;

/* One metadata key. Integers are widened into all of u, i and f that can hold them (f rounds),
 * floats into f; what does not apply is 0. Slices are not NUL-terminated. */
typedef struct sotto_gguf_kv {
  sotto_slice key;
  sotto_gguf_type type;
  uint64_t u;
  int64_t i;
  double f;
  bool boolean;
  sotto_slice string;
  sotto_gguf_type element;    /* of an array; arrays of arrays are refused */
  uint64_t count;             /* elements of an array */
  const unsigned char *items; /* the elements of a scalar array as in the file (unaligned) */
  const sotto_slice *strings; /* the elements of a string array */
} sotto_gguf_kv;

typedef struct sotto_gguf_tensor {
  sotto_slice name; /* unique in the model */
  sotto_dtype type; /* until sotto_gguf_check has said OK it may be a type that does not load */
  uint32_t n_dims;
  uint64_t ne[SOTTO_MAX_DIMS]; /* ne[0] is the row length (fastest); unused dimensions are 1 */
  uint32_t file;               /* index among the model's files */
  uint64_t offset;             /* absolute byte offset in that file */
  uint64_t size;               /* bytes */
} sotto_gguf_tensor;

typedef struct sotto_gguf sotto_gguf;

/* An empty model of n_files files (1, or the number of files of a split). */
sotto_status sotto_gguf_new(sotto_ctx *ctx, uint32_t n_files, sotto_gguf **out);
void sotto_gguf_free(sotto_gguf *gguf);

/* Say a file's size in bytes before its first feed; UINT64_MAX when unknown (a plain stream): then
 * lengths are bounded by what arrives. */
sotto_status sotto_gguf_set_file_size(sotto_gguf *gguf, uint32_t file, uint64_t size);

/* Push the next `len` bytes of a file's header. *done becomes true once that header is complete;
 * *consumed then tells how many of these bytes belonged to it (len until then). The padding in
 * front of the tensor data does not belong to the header. Files of a split may be fed in any order.
 * After a failure nothing of that file can be read any more; the model can only be freed. */
sotto_status sotto_gguf_feed(sotto_gguf *gguf, uint32_t file, const void *data, size_t len,
                             size_t *consumed, bool *done);
/* The source ended: an incomplete header becomes ERR_TRUNCATED_FILE naming what was being read. */
sotto_status sotto_gguf_end(sotto_gguf *gguf, uint32_t file);

/* All headers are here; files of a split have been checked against each other. */
bool sotto_gguf_complete(const sotto_gguf *gguf);
/* OK when complete, and all tensors are of types that load; else an error that names what is
 * missing, a header or further files, or the tensor and its type. */
sotto_status sotto_gguf_check(const sotto_gguf *gguf);
/* The number of files that the first file's header asks for (split.count; 1 when absent). */
uint32_t sotto_gguf_split_count(const sotto_gguf *gguf);
/* First byte of tensor data and the file size implied by the table (end of the last tensor); 0
 * until that file's header is complete. */
uint64_t sotto_gguf_data_start(const sotto_gguf *gguf, uint32_t file);
uint64_t sotto_gguf_data_end(const sotto_gguf *gguf, uint32_t file);
uint32_t sotto_gguf_n_files(const sotto_gguf *gguf);

/* The metadata of the first file, in its order, once that header is complete: of further files only
 * the split.* keys matter. Tensors of all files, in the files' order, once the model is complete.
 * Pointers stay valid until sotto_gguf_free. */
size_t sotto_gguf_n_kv(const sotto_gguf *gguf);
const sotto_gguf_kv *sotto_gguf_kv_at(const sotto_gguf *gguf, size_t index);
const char *sotto_gguf_tensor_type_name(const sotto_gguf_tensor *tensor);
size_t sotto_gguf_n_tensors(const sotto_gguf *gguf);
const sotto_gguf_tensor *sotto_gguf_tensor_at(const sotto_gguf *gguf, size_t index);

/* NULL when there is no such key or tensor. */
const sotto_gguf_kv *sotto_gguf_find(const sotto_gguf *gguf, const char *key);
const sotto_gguf_tensor *sotto_gguf_find_tensor(const sotto_gguf *gguf, const char *name);

/* As sotto_gguf_find, for code that honours what the key says: the key counts as taken from then
 * on. Keys that nobody has taken in the end ask for something that is not done (arch/keys.def). */
const sotto_gguf_kv *sotto_gguf_take(const sotto_gguf *gguf, const char *key);
bool sotto_gguf_is_taken(const sotto_gguf *gguf, const sotto_gguf_kv *kv);

/* Typed access for architectures and tokenizers, which takes the key. A missing key without a
 * default, a wrong type or a value that does not fit (floats: that is not finite) is
 * ERR_INVALID_MODEL naming the key. Signed and unsigned integers of any width convert when the
 * value fits; so do F32 and F64. */
sotto_status sotto_gguf_u32(const sotto_gguf *gguf, const char *key, uint32_t *out);
sotto_status sotto_gguf_u32_or(const sotto_gguf *gguf, const char *key, uint32_t fallback,
                               uint32_t *out);
sotto_status sotto_gguf_f32(const sotto_gguf *gguf, const char *key, float *out);
sotto_status sotto_gguf_f32_or(const sotto_gguf *gguf, const char *key, float fallback, float *out);
sotto_status sotto_gguf_bool_or(const sotto_gguf *gguf, const char *key, bool fallback, bool *out);
sotto_status sotto_gguf_string(const sotto_gguf *gguf, const char *key, sotto_slice *out);

#endif
