/* The vocabulary: tokens as the file spells them, the bytes they stand for, and the way back from
 * bytes to a token. Strings are copied, so that the GGUF can go. */
#include "tokenizer/internal.h"

#define TOKENS "tokenizer.ggml.tokens"
#define TYPES  "tokenizer.ggml.token_type"
/* Buckets looked at for one key. Honest vocabularies need far fewer; a file made to collide must
 * not make loading quadratic. */
#define MAX_PROBES 1024

/* ---- bytes to token ------------------------------------------------------------------------- */

#define ID_BITS 24
static uint32_t id_in(uint32_t bucket) {
  return (bucket & ((1u << ID_BITS) - 1)) - 1;
}

/* The bucket of these bytes, or the empty one where they belong; n_buckets when there is neither.
 * *tag: the upper bits that their bucket has, above the id. */
static uint32_t probe(const sotto_tokenizer *t, const char *bytes, size_t len, uint32_t *tag) {
  uint64_t hash = len * 0x9E3779B97F4A7C15u, word;
  const char *p = bytes;
  size_t left = len;
  for (; left >= 8; p += 8, left -= 8) {
    memcpy(&word, p, 8);
    hash = (hash ^ word) * 0xD6E8FEB86659FD93u;
    hash ^= hash >> 32;
  }
  word = 0;
  for (size_t i = 0; i < left; i++) word |= (uint64_t)(unsigned char)p[i] << 8 * i;
  hash = (hash ^ word) * 0xD6E8FEB86659FD93u;
  hash = (hash ^ hash >> 32) * 0x9E3779B97F4A7C15u;
  *tag = (uint32_t)hash & ~(uint32_t)0 << ID_BITS;
  uint32_t bucket = (uint32_t)((hash >> 32) * t->n_buckets >> 32);
  for (int i = 0; i < MAX_PROBES; i++) {
    const uint32_t value = t->buckets[bucket];
    if (!value) return bucket;
    if ((value & ~(uint32_t)0 << ID_BITS) == *tag &&
        sotto_slice_eq(sotto_vocab_bytes(t, id_in(value)), (sotto_slice){bytes, len})) {
      return bucket;
    }
    if (++bucket == t->n_buckets) bucket = 0;
  }
  return t->n_buckets;
}

uint32_t sotto_vocab_find(const sotto_tokenizer *t, const char *bytes, size_t len) {
  if (len > t->longest) return SOTTO_NO_ID;
  uint32_t tag, bucket = probe(t, bytes, len, &tag);
  return bucket < t->n_buckets && t->buckets[bucket] ? id_in(t->buckets[bucket]) : SOTTO_NO_ID;
}

/* User-defined tokens give way to a normal one of the same bytes: that is the one merges know. */
static sotto_status insert(sotto_tokenizer *t, uint32_t id) {
  sotto_slice bytes = sotto_vocab_bytes(t, id);
  uint32_t tag, bucket = probe(t, bytes.data, bytes.len, &tag);
  if (bucket == t->n_buckets) {
    return sotto_fail(t->ctx, SOTTO_ERR_INVALID_MODEL,
                      TOKENS "[%u]: too many tokens share one bucket of the hash table, as only a "
                             "file made to attack does; get the model from another source",
                      id);
  }
  if (t->buckets[bucket]) {
    if (sotto_vocab_attr(t, id) == SOTTO_TOKEN_USER_DEFINED || t->model->algorithm->repeats) {
      return SOTTO_OK;
    }
    return sotto_fail(t->ctx, SOTTO_ERR_INVALID_MODEL,
                      TOKENS "[%u] and [%u] are the same token '%.*s'; " SOTTO_VOCAB_NEXT_STEP,
                      id_in(t->buckets[bucket]), id, SOTTO_SLICE_ARG(sotto_vocab_text(t, id)));
  }
  t->buckets[bucket] = tag | (id + 1);
  t->flags[id] |= SOTTO_FLAG_FOUND;
  if (bytes.len > t->longest) t->longest = (uint32_t)bytes.len;
  return SOTTO_OK;
}

sotto_status sotto_vocab_index(sotto_tokenizer *t) {
  t->n_buckets = t->n_vocab + t->n_vocab / 2 + 16;
  t->buckets = sotto_alloc_zero(t->ctx, sizeof *t->buckets * t->n_buckets);
  if (!t->buckets) return SOTTO_ERR_OUT_OF_MEMORY;
  for (int user_defined = 0; user_defined < 2; user_defined++) {
    for (uint32_t id = 0; id < t->n_vocab; id++) {
      if ((sotto_vocab_attr(t, id) == SOTTO_TOKEN_USER_DEFINED) != user_defined) continue;
      if (t->model->algorithm->reachable(t, id)) SOTTO_TRY(insert(t, id));
    }
  }
  return SOTTO_OK;
}

/* ---- reading the metadata ------------------------------------------------------------------- */

static sotto_status load_types(sotto_tokenizer *t, const sotto_gguf *gguf) {
  memset(t->flags, SOTTO_TOKEN_NORMAL, t->n_vocab);
  const sotto_gguf_kv *kv = sotto_gguf_take(gguf, TYPES);
  if (!kv) {
    return sotto_warn(t->ctx,
                      TYPES " is missing: no token counts as special but those that a key names "
                            "or that end a turn; convert the model anew with a current "
                            "converter");
  }
  bool right = kv->type == SOTTO_GGUF_ARRAY &&
               (kv->element == SOTTO_GGUF_I32 || kv->element == SOTTO_GGUF_U32);
  if (!right || kv->count != t->n_vocab) {
    return sotto_fail(
        t->ctx, SOTTO_ERR_INVALID_MODEL,
        TYPES " is not an array of %u 32-bit integers, one for each token; " SOTTO_VOCAB_NEXT_STEP,
        t->n_vocab);
  }
  for (uint32_t id = 0; id < t->n_vocab; id++) {
    uint32_t type;
    memcpy(&type, kv->items + 4 * (size_t)id, 4);
    if (type > SOTTO_TOKEN_BYTE) {
      return sotto_fail(t->ctx, SOTTO_ERR_INVALID_MODEL,
                        TYPES "[%u] is %u, and types end at %d; " SOTTO_VOCAB_NEXT_STEP, id, type,
                        SOTTO_TOKEN_BYTE);
    }
    if (type) t->flags[id] = (uint8_t)type; /* 0 is "undefined" */
  }
  return SOTTO_OK;
}

/* Fill strings, start, n_bytes and PLAIN from the tokens of the file. Memory is allocated for the
 * worst case, every token stored twice, and cut to what was used. */
static sotto_status load_strings(sotto_tokenizer *t, const sotto_slice *strings) {
  uint64_t total = 0;
  for (uint32_t id = 0; id < t->n_vocab; id++) {
    if (strings[id].len > SOTTO_MAX_TOKEN_BYTES) {
      return sotto_fail(
          t->ctx, SOTTO_ERR_INVALID_MODEL,
          TOKENS "[%u] has %zu bytes, and %d is the most a token may have; " SOTTO_VOCAB_NEXT_STEP,
          id, strings[id].len, SOTTO_MAX_TOKEN_BYTES);
    }
    total += strings[id].len * 2;
  }
  if (total >= UINT32_MAX) {
    return sotto_fail(t->ctx, SOTTO_ERR_INVALID_MODEL,
                      TOKENS " holds more than 2 GB of text; " SOTTO_VOCAB_NEXT_STEP);
  }
  size_t size = (size_t)total + 1, used = 0; /* never empty, so that pointers into it are valid */
  t->strings = sotto_alloc(t->ctx, size);
  if (!t->strings) return SOTTO_ERR_OUT_OF_MEMORY;
  t->strings_size = size;
  for (uint32_t id = 0; id < t->n_vocab; id++) {
    sotto_slice text = strings[id];
    t->start[id] = (uint32_t)used;
    if (text.len) memcpy(t->strings + used, text.data, text.len);
    used += text.len;
    char *bytes = t->strings + used;
    size_t n = t->model->decoder->bytes(text, sotto_vocab_attr(t, id), bytes);
    bool plain = n == SIZE_MAX || n == text.len; /* decoders shorten what they change */
    if (plain)
      t->flags[id] |= SOTTO_FLAG_PLAIN;
    else
      used += n;
    t->n_bytes[id] = (uint16_t)(plain ? text.len : n);
  }
  t->start[t->n_vocab] = (uint32_t)used;
  char *cut = sotto_realloc(t->ctx, t->strings, t->strings_size, used + 1);
  if (!cut) return SOTTO_ERR_OUT_OF_MEMORY;
  t->strings = cut;
  t->strings_size = used + 1;
  return SOTTO_OK;
}

sotto_status sotto_vocab_load(sotto_tokenizer *t, const sotto_gguf *gguf) {
  const sotto_gguf_kv *kv = sotto_gguf_take(gguf, TOKENS);
  if (!kv || kv->type != SOTTO_GGUF_ARRAY || kv->element != SOTTO_GGUF_STRING || !kv->count) {
    return sotto_fail(t->ctx, SOTTO_ERR_INVALID_MODEL, TOKENS " is %s; " SOTTO_VOCAB_NEXT_STEP,
                      kv ? "not an array of strings, or an empty one" : "missing");
  }
  if (kv->count > SOTTO_MAX_VOCAB) {
    return sotto_fail(t->ctx, SOTTO_ERR_INVALID_MODEL,
                      TOKENS
                      " has %llu elements, and %u is the most supported; " SOTTO_VOCAB_NEXT_STEP,
                      (unsigned long long)kv->count, SOTTO_MAX_VOCAB);
  }
  size_t n = (size_t)kv->count;
  t->n_vocab = (uint32_t)n;
  t->start = sotto_alloc(t->ctx, sizeof *t->start * (n + 1));
  t->n_bytes = sotto_alloc(t->ctx, sizeof *t->n_bytes * n);
  t->flags = sotto_alloc(t->ctx, n);
  if (!t->start || !t->n_bytes || !t->flags) return SOTTO_ERR_OUT_OF_MEMORY;
  SOTTO_TRY(load_types(t, gguf));
  return load_strings(t, kv->strings);
}
