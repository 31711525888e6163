/* The tensor table of one scanned file: each tensor against its type and shape, all of them against
 * each other and the end of the file. */
#include "gguf/internal.h"

#define DEFAULT_ALIGNMENT 32
#define LARGEST_ALIGNMENT (1u << 30)
#define LARGEST_FILE      ((uint64_t)1 << 62) /* keeps sums of an offset and a size in range */

#define INVALID(g, ...) sotto_fail((g)->ctx, SOTTO_ERR_INVALID_MODEL, __VA_ARGS__)

typedef struct foreign_type {
  uint32_t number;
  const char *name;
  uint32_t weights, bytes;
} foreign_type;

static const foreign_type foreign_types[] = {
#define X(number, name, weights, bytes) {number, name, weights, bytes},
#include "gguf/foreign_types.def"
#undef X
};

/* NULL for a number that is not known. */
static const foreign_type *find_foreign(uint32_t number) {
  for (size_t i = 0; i < sizeof foreign_types / sizeof *foreign_types; i++)
    if (foreign_types[i].number == number) return &foreign_types[i];
  return NULL;
}

const char *sotto_gguf_tensor_type_name(const sotto_gguf_tensor *t) {
  const foreign_type *foreign = find_foreign((uint32_t)t->type);
  return foreign ? foreign->name : sotto_dtype_name(t->type);
}

sotto_status sotto_gguf_unsupported_type(const sotto_gguf *g, sotto_slice name, uint32_t number) {
  const foreign_type *foreign = find_foreign(number);
  const char *type_name = foreign ? foreign->name : "unknown";
  return sotto_fail(
      g->ctx, SOTTO_ERR_UNSUPPORTED_TYPE,
      "tensor %.*s has type %s (number %u), which is not supported: convert the model to one of"
#define X(type, n, text, weights, bytes) " " text
#include "tensor/dtypes.def"
#undef X
      ,
      SOTTO_SLICE_ARG(name), type_name, number);
}

static sotto_status alignment_of(sotto_gguf *g, const sotto_gguf_file *f, uint64_t *out) {
  *out = DEFAULT_ALIGNMENT;
  const sotto_gguf_kv *kv = sotto_gguf_file_find(f, "general.alignment");
  if (!kv) return SOTTO_OK;
  uint32_t alignment = 0;
  bool integer = sotto_gguf_kv_u32(kv, &alignment);
  if (!integer || alignment == 0 || alignment & (alignment - 1) || alignment > LARGEST_ALIGNMENT) {
    return INVALID(g,
                   "general.alignment is not a power of two from 1 to 2^30: the file is damaged");
  }
  *out = alignment;
  return SOTTO_OK;
}

/* Shape and size; ne and type as they stand in the file. */
static sotto_status shape(sotto_gguf *g, sotto_gguf_tensor *t, uint32_t type) {
  for (uint32_t d = 0; d < t->n_dims; d++) {
    if (t->ne[d] == 0) {
      return INVALID(g, "tensor %.*s has dimension %u of size 0: the file is damaged",
                     SOTTO_SLICE_ARG(t->name), d);
    }
  }
  const foreign_type *foreign = find_foreign(type);
  const bool supported = sotto_dtype_supported(type);
  t->type = (sotto_dtype)type;
  const size_t block = supported ? sotto_dtype_block_weights(t->type)
                       : foreign ? foreign->weights
                                 : 0;
  if (block == 0) return sotto_gguf_unsupported_type(g, t->name, type);
  const size_t block_bytes = supported ? sotto_dtype_block_bytes(t->type) : foreign->bytes;
  if (t->ne[0] % block) {
    return INVALID(
        g,
        "tensor %.*s (%s) has rows of %llu weights, no multiple of the type's %zu: convert the "
        "model again",
        SOTTO_SLICE_ARG(t->name), sotto_gguf_tensor_type_name(t), (unsigned long long)t->ne[0],
        block);
  }
  bool overflow = __builtin_mul_overflow(t->ne[0] / block, block_bytes, &t->size);
  for (uint32_t d = 1; d < t->n_dims; d++) {
    overflow |= __builtin_mul_overflow(t->size, t->ne[d], &t->size);
  }
  if (overflow || t->size > LARGEST_FILE) {
    return INVALID(
        g,
        "tensor %.*s claims %llu x %llu x %llu x %llu weights, more than any file holds: the file "
        "is damaged",
        SOTTO_SLICE_ARG(t->name), (unsigned long long)t->ne[0], (unsigned long long)t->ne[1],
        (unsigned long long)t->ne[2], (unsigned long long)t->ne[3]);
  }
  return SOTTO_OK;
}

/* One row of the table; *offset is relative to the start of the data. */
static const unsigned char *read_tensor(const unsigned char *p, sotto_gguf_tensor *t,
                                        uint32_t *type) {
  t->name = (sotto_slice){(const char *)p + 8, (size_t)sotto_read_u64(p)};
  p += 8 + t->name.len;
  t->n_dims = sotto_read_u32(p);
  p += 4;
  for (uint32_t d = 0; d < SOTTO_MAX_DIMS; d++) {
    t->ne[d] = 1;
    if (d < t->n_dims) {
      t->ne[d] = sotto_read_u64(p);
      p += 8;
    }
  }
  *type = sotto_read_u32(p);
  t->offset = sotto_read_u64(p + 4);
  return p + 12;
}

static sotto_status locate(sotto_gguf *g, const sotto_gguf_file *f, sotto_gguf_tensor *t,
                           uint64_t alignment) {
  if (t->offset % alignment) {
    return INVALID(
        g,
        "tensor %.*s starts at offset %llu, no multiple of the alignment %llu: the file is damaged",
        SOTTO_SLICE_ARG(t->name), (unsigned long long)t->offset, (unsigned long long)alignment);
  }
  if (t->offset > LARGEST_FILE) {
    return INVALID(
        g, "tensor %.*s starts at offset %llu, behind the end of any file: the file is damaged",
        SOTTO_SLICE_ARG(t->name), (unsigned long long)t->offset);
  }
  t->offset += f->data_start;
  if (t->offset + t->size > f->size) { /* at most 2^62 + 2^62 + 2^31 */
    return sotto_fail(g->ctx, SOTTO_ERR_TRUNCATED_FILE,
                      "tensor %.*s needs bytes %llu to %llu but the file ends at %llu: it is cut "
                      "off, download it "
                      "again",
                      SOTTO_SLICE_ARG(t->name), (unsigned long long)t->offset,
                      (unsigned long long)(t->offset + t->size), (unsigned long long)f->size);
  }
  return SOTTO_OK;
}

static bool starts_before(const void *user, uint32_t a, uint32_t b) {
  const sotto_gguf_tensor *tensors = user;
  return tensors[a].offset < tensors[b].offset;
}

static sotto_status check_overlaps(sotto_gguf *g, const sotto_gguf_file *f, uint32_t *order) {
  sotto_sort_indices(order, (size_t)f->n_tensors, starts_before, f->tensors);
  for (size_t i = 1; i < f->n_tensors; i++) {
    const sotto_gguf_tensor *a = &f->tensors[order[i - 1]], *b = &f->tensors[order[i]];
    if (a->offset + a->size > b->offset) {
      return INVALID(g,
                     "the tensors %.*s and %.*s overlap at offset %llu: the file is damaged, "
                     "convert the model "
                     "again",
                     SOTTO_SLICE_ARG(a->name), SOTTO_SLICE_ARG(b->name),
                     (unsigned long long)b->offset);
    }
  }
  return SOTTO_OK;
}

sotto_status sotto_gguf_build_tensors(sotto_gguf *g, uint32_t file_index) {
  sotto_gguf_file *f = &g->files[file_index];
  uint64_t alignment;
  SOTTO_TRY(alignment_of(g, f, &alignment));
  f->data_start = (f->at + alignment - 1) / alignment * alignment;
  f->data_end = f->at;
  size_t n = (size_t)f->n_tensors; /* n * 33 bytes have arrived: no product below overflows */
  if (n == 0) return SOTTO_OK;
  f->tensors = sotto_alloc_zero(g->ctx, n * sizeof *f->tensors);
  if (!f->tensors) return SOTTO_ERR_OUT_OF_MEMORY;
  const unsigned char *p = f->bytes + f->tensors_at;
  for (size_t i = 0; i < n; i++) {
    sotto_gguf_tensor *t = &f->tensors[i];
    uint32_t type;
    p = read_tensor(p, t, &type);
    t->file = file_index;
    SOTTO_TRY(shape(g, t, type));
    SOTTO_TRY(locate(g, f, t, alignment));
    if (t->offset + t->size > f->data_end) f->data_end = t->offset + t->size;
  }
  uint32_t *order = sotto_alloc(g->ctx, n * sizeof *order);
  if (!order) return SOTTO_ERR_OUT_OF_MEMORY;
  sotto_status status = check_overlaps(g, f, order);
  sotto_free(g->ctx, order, n * sizeof *order);
  return status;
}
