/* The parser's own state, shared by its files: scan.c walks the arriving bytes, tables.c builds the
 * metadata, tensors.c the tensor table, gguf.c joins the files of a split and answers questions. */
#ifndef SOTTO_GGUF_INTERNAL_H
#define SOTTO_GGUF_INTERNAL_H

#include "base/bytes.h"
#include "gguf/gguf.h"

#define SOTTO_GGUF_UNKNOWN_SIZE UINT64_MAX

typedef enum scan_state {
  SCAN_MAGIC,
  SCAN_VERSION,
  SCAN_COUNTS,
  SCAN_KEY,
  SCAN_SCALAR,
  SCAN_STRING,
  SCAN_ARRAY,
  SCAN_ITEMS,
  SCAN_STRINGS,
  SCAN_TENSOR,
  SCAN_DONE,
} scan_state;

typedef struct sotto_gguf_file {
  uint64_t size;        /* of the whole file; SOTTO_GGUF_UNKNOWN_SIZE for a stream */
  unsigned char *bytes; /* the header so far, as in the file */
  size_t len, cap;
  sotto_status failed; /* the failure that ended this file, or OK */

  /* scan.c */
  scan_state state;
  size_t at;              /* everything before it has been checked */
  size_t need;            /* bytes that must be here for the next item */
  size_t name_at;         /* the length field of the key or tensor being read */
  uint32_t type, element; /* of the value being read */
  uint64_t left;          /* elements of the array being read that are still to come */
  uint64_t n_kv, n_tensors,
      n_strings; /* as claimed, as claimed, elements of string arrays so far */
  uint64_t kv_done, tensors_done;
  size_t tensors_at; /* where the tensor table starts */

  /* Once state is SCAN_DONE; pointers lead into `bytes`. */
  sotto_gguf_kv *kv;          /* [n_kv] */
  uint32_t *kv_by_key;        /* [n_kv] indices in order of the keys */
  bool *taken;                /* [n_kv] code honours the key */
  sotto_slice *strings;       /* [n_strings] */
  sotto_gguf_tensor *tensors; /* [n_tensors]; given up to sotto_gguf when the files are joined */
  uint64_t data_start, data_end;
} sotto_gguf_file;

struct sotto_gguf {
  sotto_ctx *ctx;
  uint32_t n_files;
  sotto_gguf_file *files;
  /* Of all files, once complete. */
  bool complete;
  size_t n_tensors;
  sotto_gguf_tensor *tensors;
  uint32_t *tensors_by_name;
};

/* Scan the next bytes of a header; *consumed is how many of them belong to it. */
sotto_status sotto_gguf_scan(sotto_gguf *gguf, uint32_t file, const unsigned char *data, size_t len,
                             size_t *consumed);
/* What the scanner waits for, for messages: "metadata key 3 of 27 (llama.block_count)". */
const char *sotto_gguf_where(const sotto_gguf_file *file, char *buffer, size_t size);

/* Build a scanned file's tables from its bytes; checks all that does not concern other files. */
sotto_status sotto_gguf_build_kv(sotto_gguf *gguf, sotto_gguf_file *file);
sotto_status sotto_gguf_build_tensors(sotto_gguf *gguf, uint32_t file_index);
/* ERR_UNSUPPORTED_TYPE naming the type and those that load. */
sotto_status sotto_gguf_unsupported_type(const sotto_gguf *gguf, sotto_slice name, uint32_t number);

const sotto_gguf_kv *sotto_gguf_file_find(const sotto_gguf_file *file, const char *key);
/* The value of an integer key of any width; false when it is no integer or does not fit. */
bool sotto_gguf_kv_u32(const sotto_gguf_kv *kv, uint32_t *out);
/* Bytes of a scalar; 0 for strings, arrays and numbers that are no type. */
size_t sotto_gguf_type_size(uint32_t type);
const char *sotto_gguf_type_name(uint32_t type);

/* names.c: sorting instead of hashing, so that no choice of names can make it slow.
 * Row i of a table of structs of `stride` bytes starts with its name (a sotto_slice). */
void sotto_names_sort(uint32_t *order, size_t n, const void *table, size_t stride);
/* Of a sorted order: the index of a row whose name occurs twice, or -1. */
int64_t sotto_names_duplicate(const uint32_t *order, size_t n, const void *table, size_t stride);
int64_t sotto_names_find(const uint32_t *order, size_t n, const void *table, size_t stride,
                         sotto_slice name);
/* Heapsort of indices; before(user, a, b) is a strict order. */
void sotto_sort_indices(uint32_t *order, size_t n,
                        bool (*before)(const void *user, uint32_t a, uint32_t b), const void *user);
/* Printable: UTF-8 without control characters. */
bool sotto_name_is_clean(sotto_slice name);

#endif
