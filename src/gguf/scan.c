/* The scanner: walks a header's bytes as they arrive, wherever they are cut, and checks each length
 * before it is believed. It only finds out where the header ends; tables.c and tensors.c then read
 * the values from the bytes kept here. Memory grows with the bytes that arrived, never with a
 * length that a file claims. Layout (GGUF v3):
 *
 *   "GGUF"  u32 version  u64 n_tensors  u64 n_kv
 *   n_kv times       string key, u32 type, value
 *   n_tensors times  string name, u32 n_dims, u64 ne[n_dims], u32 type, u64 offset
 *
 * where a string is u64 length, bytes, and an array u32 element type, u64 count, elements. */
#include <stdio.h>

#include "gguf/internal.h"

#define LARGEST_HEADER      ((size_t)1 << 30)
#define MOST_KV             65536
#define MOST_TENSORS        (1u << 20)
#define LONGEST_KEY         65535
#define LONGEST_TENSOR_NAME 127
#define SMALLEST_KV         14 /* a key of one byte, a value of one byte */
#define SMALLEST_TENSOR     33 /* a name of one byte, one dimension */

static const struct {
  const char *name;
  size_t size; /* of a scalar */
} types[] = {
    [SOTTO_GGUF_U8] = {"u8", 1},         [SOTTO_GGUF_I8] = {"i8", 1},
    [SOTTO_GGUF_U16] = {"u16", 2},       [SOTTO_GGUF_I16] = {"i16", 2},
    [SOTTO_GGUF_U32] = {"u32", 4},       [SOTTO_GGUF_I32] = {"i32", 4},
    [SOTTO_GGUF_F32] = {"f32", 4},       [SOTTO_GGUF_BOOL] = {"bool", 1},
    [SOTTO_GGUF_STRING] = {"string", 0}, [SOTTO_GGUF_U64] = {"u64", 8},
    [SOTTO_GGUF_ARRAY] = {"array", 0},   [SOTTO_GGUF_I64] = {"i64", 8},
    [SOTTO_GGUF_F64] = {"f64", 8},
};
#define N_TYPES (sizeof types / sizeof *types)

size_t sotto_gguf_type_size(uint32_t type) {
  return type < N_TYPES ? types[type].size : 0;
}
const char *sotto_gguf_type_name(uint32_t type) {
  return type < N_TYPES ? types[type].name : "unknown";
}

/* ---- messages -------------------------------------------------------------------------------- */

/* The key or tensor name being read, once it is here whole and is fit to print. */
static sotto_slice current_name(const sotto_gguf_file *f) {
  if (f->name_at + 8 <= f->len) {
    uint64_t len = sotto_read_u64(f->bytes + f->name_at);
    sotto_slice name = {(const char *)f->bytes + f->name_at + 8, (size_t)len};
    if (len <= f->len - f->name_at - 8 && sotto_name_is_clean(name)) return name;
  }
  return SOTTO_SLICE("not read yet");
}

const char *sotto_gguf_where(const sotto_gguf_file *f, char *buffer, size_t size) {
  sotto_slice name = current_name(f);
  switch (f->state) {
  case SCAN_MAGIC:
  case SCAN_VERSION:
  case SCAN_COUNTS: snprintf(buffer, size, "its first 24 bytes"); break;
  case SCAN_TENSOR:
    snprintf(buffer, size, "tensor %llu of %llu (%.*s)", (unsigned long long)f->tensors_done + 1,
             (unsigned long long)f->n_tensors, SOTTO_SLICE_ARG(name));
    break;
  case SCAN_DONE: snprintf(buffer, size, "its end"); break;
  default:
    snprintf(buffer, size, "metadata key %llu of %llu (%.*s)", (unsigned long long)f->kv_done + 1,
             (unsigned long long)f->n_kv, SOTTO_SLICE_ARG(name));
  }
  return buffer;
}

#define WHERE(f)        sotto_gguf_where((f), (char[192]){0}, 192)
#define INVALID(g, ...) sotto_fail((g)->ctx, SOTTO_ERR_INVALID_MODEL, __VA_ARGS__)

/* ---- one item at a time ---------------------------------------------------------------------- */

/* *here tells whether the next n bytes have arrived. An error when they never can. */
static sotto_status want(sotto_gguf *g, sotto_gguf_file *f, uint64_t n, bool *here) {
  if (n > LARGEST_HEADER - f->at) {
    return INVALID(
        g,
        "%s asks for %llu bytes, more than the largest header (1 GiB): the file is damaged, "
        "download it again",
        WHERE(f), (unsigned long long)n);
  }
  if (n > f->size - f->at) {
    return sotto_fail(
        g->ctx, SOTTO_ERR_TRUNCATED_FILE,
        "%s needs %llu bytes from offset %zu on but the file ends at %llu: it is cut off or "
        "damaged, download it again",
        WHERE(f), (unsigned long long)n, f->at, (unsigned long long)f->size);
  }
  f->need = f->at + (size_t)n;
  *here = f->need <= f->len;
  return SOTTO_OK;
}

static sotto_status check_magic(sotto_gguf *g, const unsigned char *magic) {
  static const struct {
    const char *magic, *what;
  } others[] = {
      {"vers",
       "a Git LFS pointer: fetch the file itself (git lfs pull, or the host's download link)"},
      {"<!do", "a web page: use the host's download link"},
      {"<!DO", "a web page: use the host's download link"},
      {"<htm", "a web page: use the host's download link"},
      {"PK\3\4", "a zip archive: unpack it, or convert the model to GGUF"},
      {"tjgg", "an old GGML file: convert the model to GGUF"},
      {"lmgg", "an old GGML file: convert the model to GGUF"},
  };
  if (memcmp(magic, "GGUF", 4) == 0) return SOTTO_OK;
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    if (memcmp(magic, others[i].magic, 4) == 0) return INVALID(g, "this is %s", others[i].what);
  }
  return INVALID(g,
                 "not a GGUF file: it starts with the bytes %02x %02x %02x %02x instead of "
                 "\"GGUF\"; convert the "
                 "model to GGUF",
                 magic[0], magic[1], magic[2], magic[3]);
}

static sotto_status check_version(sotto_gguf *g, uint32_t version) {
  if (version == 2 || version == 3) return SOTTO_OK;
  if (version == 1) {
    return INVALID(g, "GGUF version 1 is not supported: convert the model again (version 2 or 3)");
  }
  if (version && (version & 0xFFFF) == 0) {
    return INVALID(
        g, "this is a big-endian GGUF file: convert it to little-endian (gguf-convert-endian)");
  }
  return INVALID(g, "GGUF version %u is not supported: convert the model to version 3", version);
}

static sotto_status check_counts(sotto_gguf *g, sotto_gguf_file *f) {
  if (f->n_kv > MOST_KV) {
    return INVALID(
        g, "the file claims %llu metadata keys (the most is %d): it is damaged, download it again",
        (unsigned long long)f->n_kv, MOST_KV);
  }
  if (f->n_tensors > MOST_TENSORS) {
    return INVALID(
        g, "the file claims %llu tensors (the most is %u): it is damaged, download it again",
        (unsigned long long)f->n_tensors, MOST_TENSORS);
  }
  uint64_t least = f->n_kv * SMALLEST_KV + f->n_tensors * SMALLEST_TENSOR;
  if (least > f->size - f->at) {
    return sotto_fail(
        g->ctx, SOTTO_ERR_TRUNCATED_FILE,
        "the file claims %llu metadata keys and %llu tensors, which its %llu bytes cannot "
        "hold: it is cut off or damaged, download it again",
        (unsigned long long)f->n_kv, (unsigned long long)f->n_tensors, (unsigned long long)f->size);
  }
  return SOTTO_OK;
}

/* Where the scanner goes when a metadata key or tensor is behind it. */
static void next_item(sotto_gguf_file *f) {
  if (f->state == SCAN_TENSOR)
    f->tensors_done++;
  else if (f->state != SCAN_COUNTS)
    f->kv_done++;
  f->name_at = f->at;
  if (f->kv_done < f->n_kv) {
    f->state = SCAN_KEY;
    return;
  }
  if (f->tensors_done == 0) f->tensors_at = f->at;
  f->state = f->tensors_done < f->n_tensors ? SCAN_TENSOR : SCAN_DONE;
}

static sotto_status scan_start(sotto_gguf *g, sotto_gguf_file *f, bool *here) {
  const unsigned char *p = f->bytes + f->at;
  switch (f->state) {
  case SCAN_MAGIC:
    SOTTO_TRY(want(g, f, 4, here));
    if (!*here) return SOTTO_OK;
    SOTTO_TRY(check_magic(g, p));
    f->at += 4;
    f->state = SCAN_VERSION;
    return SOTTO_OK;
  case SCAN_VERSION:
    SOTTO_TRY(want(g, f, 4, here));
    if (!*here) return SOTTO_OK;
    SOTTO_TRY(check_version(g, sotto_read_u32(p)));
    f->at += 4;
    f->state = SCAN_COUNTS;
    return SOTTO_OK;
  default:
    SOTTO_TRY(want(g, f, 16, here));
    if (!*here) return SOTTO_OK;
    f->n_tensors = sotto_read_u64(p);
    f->n_kv = sotto_read_u64(p + 8);
    f->at += 16;
    SOTTO_TRY(check_counts(g, f));
    next_item(f);
    return SOTTO_OK;
  }
}

/* A key or tensor name: 1 to `longest` clean bytes; `more` bytes behind it are wanted too. */
static sotto_status scan_name(sotto_gguf *g, sotto_gguf_file *f, uint64_t longest, uint64_t more,
                              const unsigned char **behind, bool *here) {
  SOTTO_TRY(want(g, f, 8, here));
  if (!*here) return SOTTO_OK;
  uint64_t len = sotto_read_u64(f->bytes + f->at);
  if (len == 0 || len > longest) {
    return INVALID(g,
                   "%s has a name of %llu bytes (1 to %llu are allowed): the file is damaged, "
                   "download it again",
                   WHERE(f), (unsigned long long)len, (unsigned long long)longest);
  }
  SOTTO_TRY(want(g, f, 8 + len + more, here));
  if (!*here) return SOTTO_OK;
  sotto_slice name = {(const char *)f->bytes + f->at + 8, (size_t)len};
  if (!sotto_name_is_clean(name)) {
    return INVALID(
        g, "the name of %s is not UTF-8 text or has control characters: the file is damaged",
        WHERE(f));
  }
  *behind = (const unsigned char *)name.data + len;
  return SOTTO_OK;
}

static sotto_status scan_key(sotto_gguf *g, sotto_gguf_file *f, bool *here) {
  const unsigned char *behind = NULL;
  SOTTO_TRY(scan_name(g, f, LONGEST_KEY, 4, &behind, here));
  if (!*here) return SOTTO_OK;
  f->type = sotto_read_u32(behind);
  f->at = f->need;
  if (f->type >= N_TYPES) {
    return INVALID(g,
                   "%s has the value type %u, which GGUF does not have: the file is damaged or of "
                   "a newer version",
                   WHERE(f), f->type);
  }
  f->state = f->type == SOTTO_GGUF_STRING  ? SCAN_STRING
             : f->type == SOTTO_GGUF_ARRAY ? SCAN_ARRAY
                                           : SCAN_SCALAR;
  return SOTTO_OK;
}

static sotto_status scan_string(sotto_gguf *g, sotto_gguf_file *f, bool *here) {
  SOTTO_TRY(want(g, f, 8, here));
  if (!*here) return SOTTO_OK;
  uint64_t len = sotto_read_u64(f->bytes + f->at);
  SOTTO_TRY(want(g, f, len > UINT64_MAX - 8 ? UINT64_MAX : 8 + len, here));
  if (*here) f->at = f->need;
  return SOTTO_OK;
}

static sotto_status scan_array(sotto_gguf *g, sotto_gguf_file *f, bool *here) {
  SOTTO_TRY(want(g, f, 12, here));
  if (!*here) return SOTTO_OK;
  f->element = sotto_read_u32(f->bytes + f->at);
  f->left = sotto_read_u64(f->bytes + f->at + 4);
  f->at = f->need;
  if (f->element >= N_TYPES || f->element == SOTTO_GGUF_ARRAY) {
    return INVALID(
        g,
        "%s is an array of %s (type %u): only arrays of numbers, bools and strings are supported",
        WHERE(f), sotto_gguf_type_name(f->element), f->element);
  }
  bool strings = f->element == SOTTO_GGUF_STRING;
  uint64_t bytes;
  if (__builtin_mul_overflow(f->left, strings ? 8 : types[f->element].size, &bytes)) {
    bytes = UINT64_MAX;
  }
  bool all; /* can the file hold them? */
  SOTTO_TRY(want(g, f, bytes, &all));
  if (strings) f->n_strings += f->left;
  f->state = strings ? SCAN_STRINGS : SCAN_ITEMS;
  return SOTTO_OK;
}

static sotto_status scan_tensor(sotto_gguf *g, sotto_gguf_file *f, bool *here) {
  const unsigned char *behind = NULL;
  SOTTO_TRY(scan_name(g, f, LONGEST_TENSOR_NAME, 4, &behind, here));
  if (!*here) return SOTTO_OK;
  uint32_t n_dims = sotto_read_u32(behind);
  if (n_dims < 1 || n_dims > SOTTO_MAX_DIMS) {
    return INVALID(g, "%s has %u dimensions (1 to %d are allowed): the file is damaged", WHERE(f),
                   n_dims, SOTTO_MAX_DIMS);
  }
  SOTTO_TRY(want(g, f, (uint64_t)(f->need - f->at) + 8 * n_dims + 12, here));
  if (!*here) return SOTTO_OK;
  f->at = f->need;
  next_item(f);
  return SOTTO_OK;
}

/* Get past one item, or find that its bytes are not here yet (*here false, f->need set). */
static sotto_status scan_one(sotto_gguf *g, sotto_gguf_file *f, bool *here) {
  switch (f->state) {
  case SCAN_KEY: return scan_key(g, f, here);
  case SCAN_SCALAR:
  case SCAN_ITEMS:
    SOTTO_TRY(want(g, f,
                   f->state == SCAN_SCALAR ? types[f->type].size : f->left * types[f->element].size,
                   here));
    if (*here) {
      f->at = f->need;
      next_item(f);
    }
    return SOTTO_OK;
  case SCAN_STRING:
    SOTTO_TRY(scan_string(g, f, here));
    if (*here) next_item(f);
    return SOTTO_OK;
  case SCAN_ARRAY: return scan_array(g, f, here);
  case SCAN_STRINGS:
    while (f->left) {
      SOTTO_TRY(scan_string(g, f, here));
      if (!*here) return SOTTO_OK;
      f->left--;
    }
    next_item(f);
    return SOTTO_OK;
  case SCAN_TENSOR: return scan_tensor(g, f, here);
  default: return scan_start(g, f, here);
  }
}

/* ---- the bytes ------------------------------------------------------------------------------- */

static sotto_status append(sotto_gguf *g, sotto_gguf_file *f, const unsigned char *data, size_t n) {
  if (n > f->cap - f->len) {
    size_t cap = f->cap + f->cap / 2;
    if (cap < f->len + n) cap = f->len + n; /* both little more than 1 GiB */
    if (cap < 4096) cap = 4096;
    unsigned char *grown = sotto_realloc(g->ctx, f->bytes, f->cap, cap);
    if (!grown) return SOTTO_ERR_OUT_OF_MEMORY;
    f->bytes = grown;
    f->cap = cap;
  }
  memcpy(f->bytes + f->len, data, n);
  f->len += n;
  return SOTTO_OK;
}

sotto_status sotto_gguf_scan(sotto_gguf *g, uint32_t file, const unsigned char *data, size_t len,
                             size_t *consumed) {
  sotto_gguf_file *f = &g->files[file];
  size_t before = f->len, taken = 0;
  while (f->state != SCAN_DONE) {
    if (f->len >= f->need) {
      bool here = true;
      SOTTO_TRY(scan_one(g, f, &here));
      if (here) continue;
    }
    if (taken == len) break;
    /* What the next item needs, or a little more, so that little of the tensor data is copied. */
    size_t n = f->need - f->len;
    if (n < 4096) n = 4096;
    if (n > len - taken) n = len - taken;
    SOTTO_TRY(append(g, f, data + taken, n));
    taken += n;
  }
  *consumed = taken;
  if (f->state == SCAN_DONE) {
    *consumed = f->at - before;
    f->len = f->at;
  }
  return SOTTO_OK;
}
