/* Metadata: the table of a scanned header, and typed access to it. The scanner has checked every
 * length, so the walk here reads without looking left or right. */
#include <float.h>

#include "gguf/internal.h"

static const unsigned char *read_string(const unsigned char *p, sotto_slice *out) {
  *out = (sotto_slice){(const char *)p + 8, (size_t)sotto_read_u64(p)};
  return p + 8 + out->len;
}

static void set_signed(sotto_gguf_kv *kv, int64_t value) {
  kv->i = value;
  kv->u = value < 0 ? 0 : (uint64_t)value;
  kv->f = (double)value;
}

static void set_unsigned(sotto_gguf_kv *kv, uint64_t value) {
  kv->u = value;
  kv->i = value > INT64_MAX ? 0 : (int64_t)value;
  kv->f = (double)value;
}

static void read_scalar(const unsigned char *p, sotto_gguf_kv *kv) {
  switch (kv->type) {
  case SOTTO_GGUF_U8: set_unsigned(kv, *p); break;
  case SOTTO_GGUF_I8: set_signed(kv, (int8_t)*p); break;
  case SOTTO_GGUF_U16: set_unsigned(kv, sotto_read_u16(p)); break;
  case SOTTO_GGUF_I16: set_signed(kv, (int16_t)sotto_read_u16(p)); break;
  case SOTTO_GGUF_U32: set_unsigned(kv, sotto_read_u32(p)); break;
  case SOTTO_GGUF_I32: set_signed(kv, (int32_t)sotto_read_u32(p)); break;
  case SOTTO_GGUF_U64: set_unsigned(kv, sotto_read_u64(p)); break;
  case SOTTO_GGUF_I64: set_signed(kv, (int64_t)sotto_read_u64(p)); break;
  case SOTTO_GGUF_F32: kv->f = (double)sotto_read_f32(p); break;
  case SOTTO_GGUF_F64: kv->f = sotto_read_f64(p); break;
  case SOTTO_GGUF_BOOL: kv->boolean = *p != 0; break;
  default: break;
  }
}

static const unsigned char *read_kv(const unsigned char *p, sotto_gguf_kv *kv,
                                    sotto_slice **strings) {
  p = read_string(p, &kv->key);
  kv->type = (sotto_gguf_type)sotto_read_u32(p);
  p += 4;
  if (kv->type == SOTTO_GGUF_STRING) return read_string(p, &kv->string);
  if (kv->type != SOTTO_GGUF_ARRAY) {
    read_scalar(p, kv);
    return p + sotto_gguf_type_size(kv->type);
  }
  kv->element = (sotto_gguf_type)sotto_read_u32(p);
  kv->count = sotto_read_u64(p + 4);
  p += 12;
  if (kv->element != SOTTO_GGUF_STRING) {
    kv->items = p;
    return p + kv->count * sotto_gguf_type_size(kv->element);
  }
  kv->strings = *strings;
  for (uint64_t i = 0; i < kv->count; i++) p = read_string(p, (*strings)++);
  return p;
}

sotto_status sotto_gguf_build_kv(sotto_gguf *g, sotto_gguf_file *f) {
  /* n_kv * 14 and n_strings * 8 bytes have arrived: none of these products overflows. */
  size_t n = (size_t)f->n_kv;
  if (n) {
    f->kv = sotto_alloc_zero(g->ctx, n * sizeof *f->kv);
    f->kv_by_key = sotto_alloc(g->ctx, n * sizeof *f->kv_by_key);
    f->taken = sotto_alloc_zero(g->ctx, n * sizeof *f->taken);
    if (!f->kv || !f->kv_by_key || !f->taken) return SOTTO_ERR_OUT_OF_MEMORY;
  }
  if (f->n_strings) {
    f->strings = sotto_alloc(g->ctx, (size_t)f->n_strings * sizeof *f->strings);
    if (!f->strings) return SOTTO_ERR_OUT_OF_MEMORY;
  }
  const unsigned char *p = f->bytes + 24;
  sotto_slice *strings = f->strings;
  for (size_t i = 0; i < n; i++) p = read_kv(p, &f->kv[i], &strings);
  sotto_names_sort(f->kv_by_key, n, f->kv, sizeof *f->kv);
  int64_t twice = sotto_names_duplicate(f->kv_by_key, n, f->kv, sizeof *f->kv);
  if (twice >= 0) {
    return sotto_fail(
        g->ctx, SOTTO_ERR_INVALID_MODEL,
        "the metadata key %.*s occurs twice: the file is damaged, convert the model again",
        SOTTO_SLICE_ARG(f->kv[twice].key));
  }
  return SOTTO_OK;
}

/* ---- access ---------------------------------------------------------------------------------- */

const sotto_gguf_kv *sotto_gguf_file_find(const sotto_gguf_file *f, const char *key) {
  if (f->state != SCAN_DONE || f->failed) return NULL;
  int64_t i = sotto_names_find(f->kv_by_key, (size_t)f->n_kv, f->kv, sizeof *f->kv,
                               (sotto_slice){key, strlen(key)});
  return i < 0 ? NULL : &f->kv[i];
}

size_t sotto_gguf_n_kv(const sotto_gguf *g) {
  const sotto_gguf_file *f = &g->files[0];
  return f->state == SCAN_DONE && !f->failed ? (size_t)f->n_kv : 0;
}

const sotto_gguf_kv *sotto_gguf_kv_at(const sotto_gguf *g, size_t index) {
  return index < sotto_gguf_n_kv(g) ? &g->files[0].kv[index] : NULL;
}

const sotto_gguf_kv *sotto_gguf_find(const sotto_gguf *g, const char *key) {
  return sotto_gguf_file_find(&g->files[0], key);
}

const sotto_gguf_kv *sotto_gguf_take(const sotto_gguf *g, const char *key) {
  const sotto_gguf_kv *kv = sotto_gguf_find(g, key);
  if (kv) g->files[0].taken[kv - g->files[0].kv] = true;
  return kv;
}

bool sotto_gguf_is_taken(const sotto_gguf *g, const sotto_gguf_kv *kv) {
  return g->files[0].taken[kv - g->files[0].kv];
}

bool sotto_gguf_kv_u32(const sotto_gguf_kv *kv, uint32_t *out) {
  switch (kv->type) {
  case SOTTO_GGUF_U8:
  case SOTTO_GGUF_I8:
  case SOTTO_GGUF_U16:
  case SOTTO_GGUF_I16:
  case SOTTO_GGUF_U32:
  case SOTTO_GGUF_I32:
  case SOTTO_GGUF_U64:
  case SOTTO_GGUF_I64: break;
  default: return false;
  }
  if (kv->i < 0 || kv->u > UINT32_MAX) return false;
  *out = (uint32_t)kv->u;
  return true;
}

static sotto_status missing(const sotto_gguf *g, const char *key) {
  return sotto_fail(
      g->ctx, SOTTO_ERR_INVALID_MODEL,
      "the metadata key %s is missing: convert the model again with a current converter", key);
}

static sotto_status wrong(const sotto_gguf *g, const sotto_gguf_kv *kv, const char *wanted) {
  return sotto_fail(g->ctx, SOTTO_ERR_INVALID_MODEL,
                    "the metadata key %.*s (%s) does not hold %s: convert the model again with a "
                    "current converter",
                    SOTTO_SLICE_ARG(kv->key), sotto_gguf_type_name(kv->type), wanted);
}

sotto_status sotto_gguf_u32(const sotto_gguf *g, const char *key, uint32_t *out) {
  const sotto_gguf_kv *kv = sotto_gguf_take(g, key);
  if (!kv) return missing(g, key);
  return sotto_gguf_kv_u32(kv, out) ? SOTTO_OK : wrong(g, kv, "an integer from 0 to 4294967295");
}

sotto_status sotto_gguf_u32_or(const sotto_gguf *g, const char *key, uint32_t fallback,
                               uint32_t *out) {
  *out = fallback;
  return sotto_gguf_find(g, key) ? sotto_gguf_u32(g, key, out) : SOTTO_OK;
}

sotto_status sotto_gguf_f32(const sotto_gguf *g, const char *key, float *out) {
  const sotto_gguf_kv *kv = sotto_gguf_take(g, key);
  if (!kv) return missing(g, key);
  bool is_float = kv->type == SOTTO_GGUF_F32 || kv->type == SOTTO_GGUF_F64;
  if (!is_float || !(kv->f >= -(double)FLT_MAX && kv->f <= (double)FLT_MAX)) {
    return wrong(g, kv, "a finite float");
  }
  *out = (float)kv->f;
  return SOTTO_OK;
}

sotto_status sotto_gguf_f32_or(const sotto_gguf *g, const char *key, float fallback, float *out) {
  *out = fallback;
  return sotto_gguf_find(g, key) ? sotto_gguf_f32(g, key, out) : SOTTO_OK;
}

sotto_status sotto_gguf_bool_or(const sotto_gguf *g, const char *key, bool fallback, bool *out) {
  *out = fallback;
  const sotto_gguf_kv *kv = sotto_gguf_take(g, key);
  if (!kv) return SOTTO_OK;
  if (kv->type != SOTTO_GGUF_BOOL) return wrong(g, kv, "a bool");
  *out = kv->boolean;
  return SOTTO_OK;
}

sotto_status sotto_gguf_string(const sotto_gguf *g, const char *key, sotto_slice *out) {
  const sotto_gguf_kv *kv = sotto_gguf_take(g, key);
  if (!kv) return missing(g, key);
  if (kv->type != SOTTO_GGUF_STRING) return wrong(g, kv, "a string");
  *out = kv->string;
  return SOTTO_OK;
}
