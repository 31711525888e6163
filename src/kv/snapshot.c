/* KV snapshots: header, token ids, what layers remember of them, and a checksum of it all.
 *
 *   "SOTTOKV5" | u64 model fingerprint | u64 bytes of rows and states | u32 n_layer
 *   | u32 types of keys, values (GGUF's numbers) | u32 n_tokens | i32 tokens[n_tokens]
 *   | rows: for keys, then values: each layer, each of its KV heads, each position: head_dim
 *     elements of the type
 *   | states: each recurrent layer's floats, after the last token
 *   | u64 FNV-1a of everything before it
 * All little-endian (as is every host). Positions are those of the n_tokens tokens; in layers with
 * a window, from the page on that the next token's window begins in. So a snapshot depends neither
 * on how pages were laid out nor on what was kept behind a window. */
#include "base/bytes.h"
#include "base/hash.h"
#include "kv/kv_internal.h"

#define MAGIC        "SOTTOKV5" /* the last letter: the format's version */
#define HEADER_BYTES 40

typedef struct header {
  char magic[8];
  uint64_t model, memory_bytes;
  uint32_t n_layer, k_type, v_type, n_tokens;
} header;
_Static_assert(sizeof(header) == HEADER_BYTES, "the header is written as it lies in memory");

static uint32_t first_page(const sotto_kv *kv, uint32_t layer, uint32_t n_tokens) {
  const sotto_kv_shape *s = &kv->shape;
  return kv_first_page(s->groups[s->layers[layer].group].window, n_tokens);
}

/* Of the rows and states of n_tokens; they fit in memory, as n_tokens fit in the context. */
static uint64_t memory_bytes(const sotto_kv *kv, uint32_t n_tokens) {
  uint64_t total = sotto_kv_state_bytes(&kv->shape);
  for (uint32_t layer = 0; layer < kv->shape.n_layer; layer++) {
    if (kv->shape.layers[layer].n_head_kv == 0) continue;
    const uint64_t n = n_tokens - first_page(kv, layer, n_tokens) * SOTTO_KV_PAGE;
    total += n * kv->shape.layers[layer].n_head_kv *
             (kv_row_bytes(&kv->shape, layer, false) + kv_row_bytes(&kv->shape, layer, true));
  }
  return total;
}

static header header_of(const sotto_kv *kv, uint64_t model, uint32_t n_tokens) {
  header h = {.model = model,
              .memory_bytes = memory_bytes(kv, n_tokens),
              .n_layer = kv->shape.n_layer,
              .k_type = kv->shape.k_type,
              .v_type = kv->shape.v_type,
              .n_tokens = n_tokens};
  memcpy(h.magic, MAGIC, sizeof h.magic);
  return h;
}

/* A piece of the snapshot in the storage. */
typedef struct piece {
  sotto_kv_place place;
  size_t bytes;
} piece;

typedef sotto_status visit_fn(void *data, const piece *piece);

static sotto_status visit_head(const sotto_kv *kv, const sotto_kv_seq *seq, uint32_t n,
                               sotto_kv_place place, visit_fn *visit, void *data) {
  const sotto_kv_pages *pages = &seq->groups[kv->shape.layers[place.layer].group];
  const uint64_t row = kv_row_bytes(&kv->shape, place.layer, place.kind == SOTTO_KV_VALUES);
  for (uint32_t i = first_page(kv, place.layer, n); i < kv_pages_for(n); i++) {
    const uint32_t left = n - i * SOTTO_KV_PAGE;
    place.index = pages->numbers[i];
    const piece rows = {place, (size_t)(left < SOTTO_KV_PAGE ? left : SOTTO_KV_PAGE) * row};
    SOTTO_TRY(visit(data, &rows));
  }
  return SOTTO_OK;
}

/* The rows and states of the sequence's first n tokens, in the snapshot's order; the state is in
 * slot `state`. */
static sotto_status visit_all(const sotto_kv *kv, const sotto_kv_seq *seq, uint32_t n,
                              uint32_t state, visit_fn *visit, void *data) {
  const sotto_kv_shape *s = &kv->shape;
  sotto_kv_place place = {.kind = SOTTO_KV_KEYS};
  for (;; place.kind = SOTTO_KV_VALUES) {
    for (place.layer = 0; place.layer < s->n_layer; place.layer++)
      for (place.head = 0; place.head < s->layers[place.layer].n_head_kv; place.head++)
        SOTTO_TRY(visit_head(kv, seq, n, place, visit, data));
    if (place.kind == SOTTO_KV_VALUES) break;
  }
  for (uint32_t layer = 0; layer < s->n_layer; layer++) {
    if (s->layers[layer].n_state == 0) continue;
    const piece floats = {{.kind = SOTTO_KV_STATE, .layer = layer, .index = state},
                          s->layers[layer].n_state * sizeof(float)};
    SOTTO_TRY(visit(data, &floats));
  }
  return SOTTO_OK;
}

/* ---- save ---- */

typedef struct writer {
  const sotto_kv *kv;
  sotto_str *out; /* with room for everything */
} writer;

static sotto_status write_piece(void *data, const piece *p) {
  const writer *w = data;
  w->kv->storage->read(w->kv->storage, &p->place, w->out->data + w->out->len, p->bytes);
  w->out->len += p->bytes;
  return SOTTO_OK;
}

sotto_status sotto_kv_save(const sotto_kv *kv, const sotto_kv_seq *seq, uint32_t n, uint64_t model,
                           sotto_str *out) {
  const header h = header_of(kv, model, n);
  SOTTO_TRY(sotto_str_reserve(out, HEADER_BYTES + n * sizeof(sotto_token) + (size_t)h.memory_bytes +
                                       sizeof(uint64_t)));
  SOTTO_TRY(sotto_str_append(out, &h, sizeof h));
  SOTTO_TRY(sotto_str_append(out, seq->tokens, n * sizeof *seq->tokens));
  writer w = {kv, out};
  return visit_all(kv, seq, n, kv_state_at(kv, seq, n), write_piece, &w);
}

sotto_status sotto_kv_seal(sotto_str *out, size_t start) {
  const uint64_t sum = sotto_hash(SOTTO_HASH_START, out->data + start, out->len - start);
  return sotto_str_append(out, &sum, sizeof sum);
}

/* ---- load ---- */

static sotto_status refuse(const sotto_kv *kv, const char *why) {
  return sotto_fail(kv->ctx, SOTTO_ERR_INVALID_STATE,
                    "the saved state %s; compute the prompt again without it", why);
}

static sotto_status no_room(const sotto_kv *kv, uint32_t n_tokens, uint32_t room) {
  return sotto_fail(kv->ctx, SOTTO_ERR_CONTEXT_LENGTH,
                    "the saved state has %u tokens and the cache has room for %u; load with a "
                    "larger n_ctx or clear the cache",
                    n_tokens, room);
}

sotto_status sotto_kv_check(const sotto_kv *kv, uint64_t model, const void *bytes, size_t len) {
  const char *data = bytes;
  header h;
  if (len < HEADER_BYTES + sizeof(uint64_t)) return refuse(kv, "is truncated");
  memcpy(&h, data, sizeof h);
  if (memcmp(h.magic, MAGIC, sizeof h.magic - 1)) return refuse(kv, "is not a sotto state");
  if (memcmp(h.magic, MAGIC, sizeof h.magic)) return refuse(kv, "is of another version of sotto");
  const header expected = header_of(kv, model, h.n_tokens);
  if (memcmp(&h, &expected, sizeof h)) return refuse(kv, "belongs to another model or cache type");
  const uint64_t body = len - HEADER_BYTES - sizeof(uint64_t),
                 tokens = h.n_tokens * (uint64_t)sizeof(sotto_token);
  if (h.n_tokens == 0 || body < tokens || body - tokens != h.memory_bytes)
    return refuse(kv, "is truncated");
  const size_t end = len - sizeof(uint64_t);
  if (sotto_hash(SOTTO_HASH_START, data, end) != sotto_read_u64(data + end))
    return refuse(kv, "is damaged");
  return h.n_tokens <= kv->shape.n_ctx ? SOTTO_OK : no_room(kv, h.n_tokens, kv->shape.n_ctx);
}

/* Positions of a new sequence of n tokens that fit, of n at most. */
static uint32_t room_for(const sotto_kv *kv, uint32_t n) {
  uint32_t room = n;
  for (uint32_t g = 0; g < kv->shape.n_groups; g++) {
    const uint32_t unseen = kv_first_page(kv->shape.groups[g].window, n);
    const uint32_t fit = (unseen + kv->pages[g].n_free) * SOTTO_KV_PAGE;
    if (fit < room) room = fit;
  }
  return kv->shape.n_states && kv->states.n_free == 0 ? 0 : room;
}

/* Pages and a state slot for n tokens of an empty sequence. */
static sotto_status make_room(sotto_kv *kv, sotto_kv_seq *seq, uint32_t n) {
  const uint32_t room = room_for(kv, n);
  if (room < n) return no_room(kv, n, room);
  for (uint32_t g = 0; g < kv->shape.n_groups; g++) {
    sotto_kv_pages *pages = &seq->groups[g];
    pages->first = pages->end = kv_first_page(kv->shape.groups[g].window, n);
    while (pages->end < kv_pages_for(n)) pages->numbers[pages->end++] = kv_take(&kv->pages[g]);
  }
  if (kv->shape.n_states) seq->state = kv_take(&kv->states);
  return SOTTO_OK;
}

typedef struct reader {
  const sotto_kv *kv;
  const char *at;
} reader;

static sotto_status read_piece(void *data, const piece *p) {
  reader *r = data;
  r->kv->storage->write(r->kv->storage, &p->place, r->at, p->bytes);
  r->at += p->bytes;
  return SOTTO_OK;
}

sotto_status sotto_kv_load(sotto_kv *kv, sotto_kv_seq *seq, const void *data) {
  header h;
  memcpy(&h, data, sizeof h);
  const uint32_t n = h.n_tokens;
  SOTTO_TRY(make_room(kv, seq, n));
  reader r = {kv, (const char *)data + HEADER_BYTES};
  for (; seq->n_tokens < n; r.at += sizeof(sotto_token))
    seq->tokens[seq->n_tokens++] = (sotto_token)sotto_read_u32(r.at);
  return visit_all(kv, seq, n, seq->state, read_piece, &r);
}
