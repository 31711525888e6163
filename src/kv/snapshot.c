/* KV snapshots: header, token ids, then every position's rows, and a checksum of it all.
 *
 *   "SOTTOKV4" | u64 model fingerprint | u64 bytes of a position's rows | u32 n_layer
 *   | u32 types of keys, values (GGUF's numbers) | u32 n_tokens | i32 tokens[n_tokens]
 *   | rows: for keys, then values: each layer, each of its KV heads, each position: head_dim
 *     elements of the type
 *   | u64 FNV-1a of everything before it
 * All little-endian (as is every host). Rows are those of the first n_tokens positions only, so a
 * snapshot does not depend on how pages were laid out. */
#include "base/bytes.h"
#include "base/hash.h"
#include "kv/kv_internal.h"

#define MAGIC        "SOTTOKV4" /* the last letter: the format's version */
#define HEADER_BYTES 40

typedef struct header {
  char magic[8];
  uint64_t model, position_bytes;
  uint32_t n_layer, k_type, v_type, n_tokens;
} header;
_Static_assert(sizeof(header) == HEADER_BYTES, "the header is written as it lies in memory");

static header header_of(const sotto_kv *kv, uint64_t model, uint32_t n_tokens) {
  header h = {.model = model,
              .position_bytes = sotto_kv_position_bytes(&kv->shape),
              .n_layer = kv->shape.n_layer,
              .k_type = kv->shape.k_type,
              .v_type = kv->shape.v_type,
              .n_tokens = n_tokens};
  memcpy(h.magic, MAGIC, sizeof h.magic);
  return h;
}

/* Visits the rows in the snapshot's order, one page's worth of one head at a time. */
typedef struct rows {
  const sotto_kv *kv;
  const sotto_kv_seq *seq;
  uint32_t n; /* positions */
  uint32_t half, layer, head, page;
} rows;

static char *next_rows(rows *r, size_t *bytes) {
  const sotto_kv_shape *s = &r->kv->shape;
  if (r->page * SOTTO_KV_PAGE >= r->n) {
    r->page = 0;
    if (++r->head == s->layers[r->layer].n_head_kv) {
      r->head = 0;
      if (++r->layer == s->n_layer) {
        r->layer = 0;
        if (++r->half == 2) return NULL;
      }
    }
  }
  uint32_t left = r->n - r->page * SOTTO_KV_PAGE;
  uint32_t n = left < SOTTO_KV_PAGE ? left : SOTTO_KV_PAGE;
  *bytes = (size_t)(n * sotto_dtype_row_bytes(r->half ? s->v_type : s->k_type,
                                              s->layers[r->layer].head_dim));
  uint32_t page = r->seq->pages[r->page++];
  return r->half ? sotto_kv_values(r->kv, r->layer, page, r->head)
                 : sotto_kv_keys(r->kv, r->layer, page, r->head);
}

sotto_status sotto_kv_save(const sotto_kv *kv, const sotto_kv_seq *seq, uint32_t n, uint64_t model,
                           sotto_str *out) {
  header h = header_of(kv, model, n);
  size_t start = out->len;
  size_t total =
      HEADER_BYTES + n * (sizeof(sotto_token) + (size_t)sotto_kv_position_bytes(&kv->shape)) + 8;
  SOTTO_TRY(sotto_str_reserve(out, total));
  SOTTO_TRY(sotto_str_append(out, &h, sizeof h));
  SOTTO_TRY(sotto_str_append(out, seq->tokens, n * sizeof *seq->tokens));
  rows r = {.kv = kv, .seq = seq, .n = n};
  size_t bytes;
  for (char *data; (data = next_rows(&r, &bytes)) != NULL;) {
    SOTTO_TRY(sotto_str_append(out, data, bytes));
  }
  uint64_t sum = sotto_hash(SOTTO_HASH_START, out->data + start, out->len - start);
  return sotto_str_append(out, &sum, sizeof sum);
}

static sotto_status refuse(const sotto_kv *kv, const char *why) {
  return sotto_fail(kv->ctx, SOTTO_ERR_INVALID_STATE,
                    "the saved state %s; compute the prompt again without it", why);
}

sotto_status sotto_kv_load(sotto_kv *kv, sotto_kv_seq *seq, uint64_t model, const void *bytes,
                           size_t len) {
  const char *data = bytes;
  header h;
  if (len < HEADER_BYTES + 8) return refuse(kv, "is truncated");
  memcpy(&h, data, sizeof h);
  if (memcmp(h.magic, MAGIC, sizeof h.magic - 1)) return refuse(kv, "is not a sotto state");
  if (memcmp(h.magic, MAGIC, sizeof h.magic)) return refuse(kv, "is of another version of sotto");
  header expected = header_of(kv, model, h.n_tokens);
  if (memcmp(&h, &expected, sizeof h)) return refuse(kv, "belongs to another model or cache type");
  uint64_t row_bytes = sizeof(sotto_token) + sotto_kv_position_bytes(&kv->shape);
  if (h.n_tokens == 0 || (len - HEADER_BYTES - 8) / row_bytes != h.n_tokens ||
      (len - HEADER_BYTES - 8) % row_bytes) {
    return refuse(kv, "is truncated");
  }
  if (sotto_hash(SOTTO_HASH_START, data, len - 8) != sotto_read_u64(data + len - 8))
    return refuse(kv, "is damaged");
  if (!sotto_kv_reserve(kv, seq, h.n_tokens)) {
    return sotto_fail(
        kv->ctx, SOTTO_ERR_CONTEXT_LENGTH,
        "the saved state has %u tokens and the cache has room for %u; load with a larger "
        "n_ctx or clear the cache",
        h.n_tokens, kv->n_free * SOTTO_KV_PAGE);
  }
  const char *at = data + HEADER_BYTES;
  for (uint32_t i = 0; i < h.n_tokens; i++, at += sizeof(sotto_token)) {
    sotto_token token = (sotto_token)sotto_read_u32(at);
    sotto_kv_append(seq, &token, 1);
  }
  rows r = {.kv = kv, .seq = seq, .n = h.n_tokens};
  size_t n;
  for (char *to; (to = next_rows(&r, &n)) != NULL; at += n) memcpy(to, at, n);
  return SOTTO_OK;
}
