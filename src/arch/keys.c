/* The rule that a model runs only if all of it is understood, as far as metadata goes: keys.def
 * says what there is, the header which of it somebody honoured. */
#include <stdio.h>

#include "arch/hparams.h"
#include "base/bytes.h"
#include "base/warnings.h"

typedef enum key_class {
  SHAPE,
  FORWARD,
  INFORMATION,
} key_class;

typedef struct known_key {
  const char *name;
  key_class class;
  const char *what;
  double neutral[2];
  bool zero_asks;
  const char *neutral_text;
  const char *if_set;   /* it matters only beside this one */
  const char *at_least; /* values from this key's on ask for nothing */
} known_key;

static const known_key architecture_keys[] = {
#define KEY(name_, class_, ...) {.name = name_, .class = class_, .what = __VA_ARGS__},
#include "arch/keys.def"
#undef KEY
};

static const known_key tokenizer_keys[] = {
#define TOKENIZER_KEY(name_, class_, ...) {.name = name_, .class = class_, .what = __VA_ARGS__},
#include "arch/keys.def"
#undef TOKENIZER_KEY
};

/* The keys that begin with `prefix`, and what is known of them. */
typedef struct namespace {
  sotto_ctx *ctx;
  const sotto_gguf *gguf;
  char prefix[128]; /* with its dot */
  const known_key *keys;
  size_t n_keys;
}
namespace;

static double element_value(const sotto_gguf_kv *kv, uint64_t i) {
  const unsigned char *p = kv->items;
  switch (kv->element) {
  case SOTTO_GGUF_U8:
  case SOTTO_GGUF_BOOL: return p[i];
  case SOTTO_GGUF_I8: return (int8_t)p[i];
  case SOTTO_GGUF_U16: return sotto_read_u16(p + 2 * i);
  case SOTTO_GGUF_I16: return (int16_t)sotto_read_u16(p + 2 * i);
  case SOTTO_GGUF_U32: return sotto_read_u32(p + 4 * i);
  case SOTTO_GGUF_I32: return (int32_t)sotto_read_u32(p + 4 * i);
  case SOTTO_GGUF_F32: return (double)sotto_read_f32(p + 4 * i);
  case SOTTO_GGUF_U64: return (double)sotto_read_u64(p + 8 * i);
  case SOTTO_GGUF_I64: return (double)(int64_t)sotto_read_u64(p + 8 * i);
  default: return sotto_read_f64(p + 8 * i);
  }
}

static double scalar_value(const sotto_gguf_kv *kv) {
  return kv->type == SOTTO_GGUF_BOOL ? kv->boolean : kv->f;
}

static bool is_neutral_number(const known_key *key, double value) {
  const float f = (float)value; /* neutral values are written as most files hold them */
  if (f == 0.0f) return !key->zero_asks;
  return f == (float)key->neutral[0] || f == (float)key->neutral[1];
}

static bool is_neutral_text(const known_key *key, sotto_slice text) {
  return text.len == 0 || (key->neutral_text && sotto_slice_is(text, key->neutral_text));
}

static bool is_neutral(const known_key *key, const sotto_gguf_kv *kv) {
  if (kv->type == SOTTO_GGUF_STRING) return is_neutral_text(key, kv->string);
  if (kv->type != SOTTO_GGUF_ARRAY) return is_neutral_number(key, scalar_value(kv));
  for (uint64_t i = 0; i < kv->count; i++) {
    if (kv->element == SOTTO_GGUF_STRING ? !is_neutral_text(key, kv->strings[i])
                                         : !is_neutral_number(key, element_value(kv, i)))
      return false;
  }
  return true;
}

static const sotto_gguf_kv *sibling(const namespace *n, const char *name) {
  char full[256];
  snprintf(full, sizeof full, "%s%s", n->prefix, name);
  return sotto_gguf_find(n->gguf, full);
}

static bool asks_for_something(const namespace *n, const known_key *key, const sotto_gguf_kv *kv) {
  if (key->class == INFORMATION || is_neutral(key, kv)) return false;
  if (key->if_set) {
    const sotto_gguf_kv *other = sibling(n, key->if_set);
    static const known_key plain;
    if (!other || is_neutral(&plain, other)) return false;
  }
  if (key->at_least) {
    const sotto_gguf_kv *other = sibling(n, key->at_least);
    if (other && kv->type != SOTTO_GGUF_ARRAY && scalar_value(kv) >= scalar_value(other))
      return false;
  }
  return true;
}

typedef struct value_text {
  char text[64];
} value_text;

static value_text print_value(const sotto_gguf_kv *kv) {
  value_text value = {"an array"};
  if (kv->type == SOTTO_GGUF_STRING)
    snprintf(value.text, sizeof value.text, "'%.*s'", SOTTO_SLICE_ARG(kv->string));
  else if (kv->type != SOTTO_GGUF_ARRAY)
    snprintf(value.text, sizeof value.text, "%.9g", scalar_value(kv));
  return value;
}

static sotto_status refuse(const namespace *n, const known_key *key, const sotto_gguf_kv *kv) {
  return sotto_fail(n->ctx, SOTTO_ERR_UNSUPPORTED_ARCHITECTURE,
                    "the metadata key %.*s is %s, which asks for %s: sotto does not do that with "
                    "this model, so the answers would be wrong; use another model",
                    SOTTO_SLICE_ARG(kv->key), print_value(kv).text, key->what);
}

static sotto_status check_key(const namespace *n, const sotto_gguf_kv *kv, size_t prefix_len) {
  const sotto_slice name = {kv->key.data + prefix_len, kv->key.len - prefix_len};
  for (size_t i = 0; i < n->n_keys; i++) {
    const known_key *key = &n->keys[i];
    if (!sotto_slice_is(name, key->name)) continue;
    if (!asks_for_something(n, key, kv)) return SOTTO_OK;
    return refuse(n, key, kv);
  }
  return sotto_warn(n->ctx,
                    "the metadata key %.*s is not known: if the model's answers depend on it, they "
                    "are wrong",
                    SOTTO_SLICE_ARG(kv->key));
}

static sotto_status check(const namespace *n) {
  const size_t len = strlen(n->prefix);
  for (size_t i = 0; i < sotto_gguf_n_kv(n->gguf); i++) {
    const sotto_gguf_kv *kv = sotto_gguf_kv_at(n->gguf, i);
    if (kv->key.len <= len || memcmp(kv->key.data, n->prefix, len)) continue;
    if (!sotto_gguf_is_taken(n->gguf, kv)) SOTTO_TRY(check_key(n, kv, len));
  }
  return SOTTO_OK;
}

sotto_status sotto_arch_check_keys(sotto_program *p) {
  namespace n = {.ctx = p->ctx,
                 .gguf = p->gguf,
                 .keys = architecture_keys,
                 .n_keys = sizeof architecture_keys / sizeof *architecture_keys};
  sotto_slice name;
  SOTTO_TRY(sotto_gguf_string(p->gguf, "general.architecture", &name));
  snprintf(n.prefix, sizeof n.prefix, "%.*s.", SOTTO_SLICE_ARG(name));
  return check(&n);
}

sotto_status sotto_arch_check_tokenizer_keys(sotto_ctx *ctx, const sotto_gguf *gguf) {
  const namespace n = {.ctx = ctx,
                       .gguf = gguf,
                       .prefix = "tokenizer.ggml.",
                       .keys = tokenizer_keys,
                       .n_keys = sizeof tokenizer_keys / sizeof *tokenizer_keys};
  return check(&n);
}
