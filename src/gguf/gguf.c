/* The model: its files, how the files of a split are joined, and the questions it answers. */
#include "gguf/gguf.h"

#include "gguf/internal.h"

#define INVALID(g, ...) sotto_fail((g)->ctx, SOTTO_ERR_INVALID_MODEL, __VA_ARGS__)

sotto_status sotto_gguf_new(sotto_ctx *ctx, uint32_t n_files, sotto_gguf **out) {
  *out = NULL;
  if (n_files < 1 || n_files > SOTTO_MAX_SPLIT_FILES) {
    return sotto_fail(ctx, SOTTO_ERR_INVALID_ARGUMENT, "a model of %u files: give 1 to %d", n_files,
                      SOTTO_MAX_SPLIT_FILES);
  }
  sotto_gguf *g = sotto_alloc_zero(ctx, sizeof *g);
  if (!g) return SOTTO_ERR_OUT_OF_MEMORY;
  g->ctx = ctx;
  g->files = sotto_alloc_zero(ctx, n_files * sizeof *g->files);
  if (!g->files) {
    sotto_free(ctx, g, sizeof *g);
    return SOTTO_ERR_OUT_OF_MEMORY;
  }
  g->n_files = n_files;
  for (uint32_t i = 0; i < n_files; i++) {
    g->files[i].size = SOTTO_GGUF_UNKNOWN_SIZE;
    g->files[i].need = 4;
  }
  *out = g;
  return SOTTO_OK;
}

void sotto_gguf_free(sotto_gguf *g) {
  if (!g) return;
  sotto_ctx *ctx = g->ctx;
  for (uint32_t i = 0; i < g->n_files; i++) {
    sotto_gguf_file *f = &g->files[i];
    sotto_free(ctx, f->bytes, f->cap);
    sotto_free(ctx, f->kv, (size_t)f->n_kv * sizeof *f->kv);
    sotto_free(ctx, f->kv_by_key, (size_t)f->n_kv * sizeof *f->kv_by_key);
    sotto_free(ctx, f->taken, (size_t)f->n_kv * sizeof *f->taken);
    sotto_free(ctx, f->strings, (size_t)f->n_strings * sizeof *f->strings);
    sotto_free(ctx, f->tensors, (size_t)f->n_tensors * sizeof *f->tensors);
  }
  sotto_free(ctx, g->tensors, g->n_tensors * sizeof *g->tensors);
  sotto_free(ctx, g->tensors_by_name, g->n_tensors * sizeof *g->tensors_by_name);
  sotto_free(ctx, g->files, g->n_files * sizeof *g->files);
  sotto_free(ctx, g, sizeof *g);
}

/* ---- joining the files of a split ------------------------------------------------------------ */

/* An integer key of a split; the fallback when it is absent. */
static sotto_status split_key(sotto_gguf *g, uint32_t file, const char *key, uint32_t fallback,
                              uint32_t *out) {
  *out = fallback;
  const sotto_gguf_kv *kv = sotto_gguf_file_find(&g->files[file], key);
  if (!kv || sotto_gguf_kv_u32(kv, out)) return SOTTO_OK;
  return INVALID(g, "%s of file %u is not a whole number: the file is damaged", key, file + 1);
}

/* One file's number in the split, as far as it can be checked without the others. */
static sotto_status check_split(sotto_gguf *g, uint32_t file) {
  uint32_t no, count;
  SOTTO_TRY(split_key(g, file, "split.count", 1, &count));
  SOTTO_TRY(split_key(g, file, "split.no", 0, &no));
  if (count == 0) count = 1;
  if (count > SOTTO_MAX_SPLIT_FILES) {
    return INVALID(g, "split.count is %u (the most is %d): the file is damaged", count,
                   SOTTO_MAX_SPLIT_FILES);
  }
  if (no >= count) {
    return INVALID(g, "split.no is %u in a split of %u files: the file is damaged", no, count);
  }
  if (no != file) {
    return INVALID(g, "file %u is number %u of %u of a split model: give all its files, in order",
                   file + 1, no + 1, count);
  }
  if (count < g->n_files) {
    return INVALID(
        g,
        "file %u belongs to a model of %u files but %u were given: leave out those of other models",
        file + 1, count, g->n_files);
  }
  return SOTTO_OK;
}

static sotto_status check_tensor_count(sotto_gguf *g, uint32_t file) {
  uint32_t total;
  const sotto_gguf_kv *kv = sotto_gguf_file_find(&g->files[file], "split.tensors.count");
  if (!kv) {
    if (file == 0 && g->n_files > 1) {
      return INVALID(g, "split.tensors.count is missing in the first file: split the model again");
    }
    return SOTTO_OK;
  }
  SOTTO_TRY(split_key(g, file, "split.tensors.count", 0, &total));
  if (total != g->n_tensors) {
    return INVALID(g,
                   "file %u tells of %u tensors (split.tensors.count) but all files together have "
                   "%zu: the files "
                   "are not of one model, download them again",
                   file + 1, total, g->n_tensors);
  }
  return SOTTO_OK;
}

/* Every header is here: one table of tensors, sorted by name. */
static sotto_status join(sotto_gguf *g) {
  size_t n = 0;
  for (uint32_t i = 0; i < g->n_files; i++) {
    n += (size_t)g->files[i].n_tensors; /* at most 2^10 * 2^20 */
    uint32_t count;
    SOTTO_TRY(split_key(g, i, "split.count", 1, &count));
    if (count != sotto_gguf_split_count(g) && g->n_files > 1) {
      return INVALID(g,
                     "file %u belongs to a split of %u files, file 1 to one of %u: the files are "
                     "not of one model",
                     i + 1, count, sotto_gguf_split_count(g));
    }
  }
  if (g->n_files == 1) { /* the table as it is */
    g->tensors = g->files[0].tensors;
    g->n_tensors = n;
    g->files[0].tensors = NULL;
  } else if (n) {
    size_t bytes;
    if (!sotto_size_mul(n, sizeof *g->tensors, &bytes)) bytes = SIZE_MAX;
    g->tensors = sotto_alloc(g->ctx, bytes);
    if (!g->tensors) return SOTTO_ERR_OUT_OF_MEMORY;
    for (uint32_t i = 0; i < g->n_files; i++) {
      sotto_gguf_file *f = &g->files[i];
      size_t n_file = (size_t)f->n_tensors;
      if (n_file) memcpy(g->tensors + g->n_tensors, f->tensors, n_file * sizeof *f->tensors);
      g->n_tensors += n_file;
      sotto_free(g->ctx, f->tensors, n_file * sizeof *f->tensors);
      f->tensors = NULL;
    }
  }
  for (uint32_t i = 0; i < g->n_files; i++) SOTTO_TRY(check_tensor_count(g, i));
  if (n == 0) return SOTTO_OK;
  g->tensors_by_name = sotto_alloc(g->ctx, n * sizeof *g->tensors_by_name);
  if (!g->tensors_by_name) return SOTTO_ERR_OUT_OF_MEMORY;
  sotto_names_sort(g->tensors_by_name, n, g->tensors, sizeof *g->tensors);
  int64_t twice = sotto_names_duplicate(g->tensors_by_name, n, g->tensors, sizeof *g->tensors);
  if (twice >= 0) {
    return INVALID(g, "the tensor %.*s occurs twice: the file is damaged or was given twice",
                   SOTTO_SLICE_ARG(g->tensors[twice].name));
  }
  return SOTTO_OK;
}

/* ---- feeding --------------------------------------------------------------------------------- */

static sotto_status check_index(const sotto_gguf *g, uint32_t file) {
  if (file < g->n_files) return SOTTO_OK;
  return sotto_fail(g->ctx, SOTTO_ERR_INVALID_ARGUMENT, "file index %u of a model of %u files",
                    file, g->n_files);
}

sotto_status sotto_gguf_set_file_size(sotto_gguf *g, uint32_t file, uint64_t size) {
  SOTTO_TRY(check_index(g, file));
  if (g->files[file].len || g->files[file].state != SCAN_MAGIC) {
    return sotto_fail(g->ctx, SOTTO_ERR_INVALID_ARGUMENT,
                      "the size of file %u comes after its first bytes: set it before", file + 1);
  }
  g->files[file].size = size;
  return SOTTO_OK;
}

/* A file's header has been scanned: build its tables; with the last one, join them all. */
static sotto_status finish(sotto_gguf *g, uint32_t file) {
  sotto_gguf_file *f = &g->files[file];
  unsigned char *fitted = sotto_realloc(g->ctx, f->bytes, f->cap, f->len);
  if (!fitted) return SOTTO_ERR_OUT_OF_MEMORY;
  f->bytes = fitted;
  f->cap = f->len;
  SOTTO_TRY(sotto_gguf_build_kv(g, f));
  SOTTO_TRY(sotto_gguf_build_tensors(g, file));
  SOTTO_TRY(check_split(g, file));
  for (uint32_t i = 0; i < g->n_files; i++) {
    if (g->files[i].state != SCAN_DONE || g->files[i].failed) return SOTTO_OK;
  }
  if (sotto_gguf_split_count(g) > g->n_files) return SOTTO_OK; /* sotto_gguf_check tells */
  SOTTO_TRY(join(g));
  g->complete = true;
  return SOTTO_OK;
}

sotto_status sotto_gguf_feed(sotto_gguf *g, uint32_t file, const void *data, size_t len,
                             size_t *consumed, bool *done) {
  *consumed = 0;
  *done = false;
  SOTTO_TRY(check_index(g, file));
  sotto_gguf_file *f = &g->files[file];
  if (f->failed) {
    return sotto_fail(g->ctx, f->failed,
                      "the header of file %u was refused before: load the model anew", file + 1);
  }
  if (f->state == SCAN_DONE) {
    *done = true;
    return SOTTO_OK;
  }
  sotto_status status = sotto_gguf_scan(g, file, data, len, consumed);
  if (status == SOTTO_OK && f->state == SCAN_DONE) status = finish(g, file);
  f->failed = status;
  if (status != SOTTO_OK) f->data_start = f->data_end = 0;
  *done = status == SOTTO_OK && f->state == SCAN_DONE;
  return status;
}

sotto_status sotto_gguf_end(sotto_gguf *g, uint32_t file) {
  SOTTO_TRY(check_index(g, file));
  sotto_gguf_file *f = &g->files[file];
  if (f->failed) return sotto_gguf_feed(g, file, NULL, 0, &(size_t){0}, &(bool){false});
  if (f->state == SCAN_DONE) return SOTTO_OK;
  char buffer[192];
  f->failed = SOTTO_ERR_TRUNCATED_FILE;
  return sotto_fail(g->ctx, SOTTO_ERR_TRUNCATED_FILE,
                    "file %u ends after %zu bytes, inside %s: it is cut off, download it again",
                    file + 1, f->len, sotto_gguf_where(f, buffer, sizeof buffer));
}

/* ---- answers --------------------------------------------------------------------------------- */

bool sotto_gguf_complete(const sotto_gguf *g) {
  return g->complete;
}

static sotto_status check_types(const sotto_gguf *g) {
  for (size_t i = 0; i < g->n_tensors; i++) {
    const sotto_gguf_tensor *t = &g->tensors[i];
    if (!sotto_dtype_supported((uint32_t)t->type))
      return sotto_gguf_unsupported_type(g, t->name, (uint32_t)t->type);
  }
  return SOTTO_OK;
}

sotto_status sotto_gguf_check(const sotto_gguf *g) {
  if (g->complete) return check_types(g);
  for (uint32_t i = 0; i < g->n_files; i++) {
    const sotto_gguf_file *f = &g->files[i];
    if (f->state == SCAN_DONE && !f->failed) continue;
    return sotto_fail(g->ctx, f->failed ? f->failed : SOTTO_ERR_INVALID_MODEL,
                      "the header of file %u of %u is %s", i + 1, g->n_files,
                      f->failed ? "damaged: load the model anew"
                                : "not complete: feed its bytes from the file's start on");
  }
  return INVALID(g,
                 "the model is split into %u files but %u were given: give all its files, in order",
                 sotto_gguf_split_count(g), g->n_files);
}

uint32_t sotto_gguf_split_count(const sotto_gguf *g) {
  const sotto_gguf_kv *kv = sotto_gguf_find(g, "split.count");
  uint32_t count;
  return kv && sotto_gguf_kv_u32(kv, &count) && count ? count : 1;
}

uint64_t sotto_gguf_data_start(const sotto_gguf *g, uint32_t file) {
  return file < g->n_files ? g->files[file].data_start : 0;
}
uint64_t sotto_gguf_data_end(const sotto_gguf *g, uint32_t file) {
  return file < g->n_files ? g->files[file].data_end : 0;
}
uint32_t sotto_gguf_n_files(const sotto_gguf *g) {
  return g->n_files;
}

size_t sotto_gguf_n_tensors(const sotto_gguf *g) {
  return g->complete ? g->n_tensors : 0;
}

const sotto_gguf_tensor *sotto_gguf_tensor_at(const sotto_gguf *g, size_t index) {
  return index < sotto_gguf_n_tensors(g) ? &g->tensors[index] : NULL;
}

const sotto_gguf_tensor *sotto_gguf_find_tensor(const sotto_gguf *g, const char *name) {
  if (!g->complete) return NULL;
  int64_t i = sotto_names_find(g->tensors_by_name, g->n_tensors, g->tensors, sizeof *g->tensors,
                               (sotto_slice){name, strlen(name)});
  return i < 0 ? NULL : &g->tensors[i];
}
