/* Constants and struct layouts as JSON, so that JavaScript never hard-codes an offset, and which
 * kernels for GPUs the core was built with. Field types: u32, i32, u64, f32, f64, ptr. A test
 * checks that every struct's fields cover it whole. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "api/sotto.h"
#include "backend/gpu/kernels_hash.h"

#define CAPACITY 16384

typedef struct constant {
  const char *name;
  long long value;
} constant;

static const constant statuses[] = {
#define X(name, number, code) {code, number},
#include "base/status.def"
#undef X
};

#define CONSTANT(name) {#name, SOTTO_##name},
#define STRUCT(type)
#define FIELD(type, field)
static const constant constants[] = {
#include "api/layout.def"
};
#undef CONSTANT
#undef STRUCT
#undef FIELD

/* A struct (type NULL, value its size) or a field of the last struct (value its offset). */
typedef struct layout_row {
  const char *name, *type;
  size_t value;
} layout_row;

#define TYPE_OF(struct_type, field)                                                                \
  _Generic(((struct_type *)0)->field,                                                              \
      uint32_t: "u32",                                                                             \
      int32_t: "i32",                                                                              \
      uint64_t: "u64",                                                                             \
      float: "f32",                                                                                \
      double: "f64",                                                                               \
      default: "ptr")

#define CONSTANT(name)
#define STRUCT(type)       {#type, NULL, sizeof(sotto_##type)},
#define FIELD(type, field) {#field, TYPE_OF(sotto_##type, field), offsetof(sotto_##type, field)},
static const layout_row rows[] = {
#include "api/layout.def"
};

typedef struct writer {
  char *data;
  size_t len;
} writer;

static void put(writer *w, const char *text) {
  while (*text && w->len < CAPACITY - 1) w->data[w->len++] = *text++;
  w->data[w->len] = 0;
}

static void put_number(writer *w, long long n) {
  char digits[24];
  snprintf(digits, sizeof digits, "%lld", n);
  put(w, digits);
}

/* "name": behind a comma unless it is the first of its object. */
static void put_key(writer *w, const char *name) {
  if (w->data[w->len - 1] != '{') put(w, ",");
  put(w, "\"");
  put(w, name);
  put(w, "\":");
}

static void put_constants(writer *w, const char *name, const constant *list, size_t n) {
  put_key(w, name);
  put(w, "{");
  for (size_t i = 0; i < n; i++) {
    put_key(w, list[i].name);
    put_number(w, list[i].value);
  }
  put(w, "}");
}

static void put_structs(writer *w) {
  put_key(w, "structs");
  put(w, "{");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const layout_row *e = &rows[i];
    if (!e->type && i) put(w, "}}");
    const char *dot = strrchr(e->name, '.');
    put_key(w, dot ? dot + 1 : e->name);
    put(w, e->type ? "[\"" : "{\"size\":");
    if (e->type) {
      put(w, e->type);
      put(w, "\",");
    }
    put_number(w, (long long)e->value);
    put(w, e->type ? "]" : ",\"fields\":{");
  }
  put(w, "}}}");
}

const char *sotto_layout_json(void) {
  static char json[CAPACITY]; /* the same at every call: written once, or again alike */
  if (json[0]) return json;
  writer w = {json, 0};
  put(&w, "{");
  put_constants(&w, "status", statuses, sizeof statuses / sizeof *statuses);
  put_constants(&w, "constants", constants, sizeof constants / sizeof *constants);
  put_structs(&w);
  put_key(&w, "gpu_kernels");
  put(&w, "\"" SOTTO_GPU_KERNELS_HASH "\"}");
  return json;
}
