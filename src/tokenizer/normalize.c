/* Normalisers: what happens to text before it is cut into pieces. SentencePiece's spaces are in
 * spm.c.
 *
 * NFC, canonical composition (Unicode Standard Annex #15): text is taken from one stable starter to
 * the next, decomposed, put in canonical order and composed. Time is linear, whatever marks pile
 * up. */
#include "base/utf8.h"
#include "tokenizer/internal.h"
#include "tokenizer/nfc_tables.h"

const sotto_normalizer sotto_normalizer_none = {NULL, .marks_are_spaces = false};

static unsigned class_of(uint32_t c) {
  if (c >= NFC_END) return 0;
  uint32_t mask = (1u << NFC_SHIFT) - 1;
  return nfc_blocks[((uint32_t)nfc_index[c >> NFC_SHIFT] << NFC_SHIFT) + (c & mask)];
}

static unsigned rank_of(uint32_t c) {
  return class_of(c) & (NFC_UNSTABLE - 1);
}

/* ---- Hangul, by rule ------------------------------------------------------------------------ */

enum { S_BASE = 0xAC00, L_BASE = 0x1100, V_BASE = 0x1161, T_BASE = 0x11A7 };
enum { L_COUNT = 19, V_COUNT = 21, T_COUNT = 28, S_COUNT = L_COUNT * V_COUNT * T_COUNT };

static uint32_t compose_hangul(uint32_t a, uint32_t b) {
  if (a - L_BASE < L_COUNT && b - V_BASE < V_COUNT) {
    return S_BASE + ((a - L_BASE) * V_COUNT + (b - V_BASE)) * T_COUNT;
  }
  bool open = a - S_BASE < S_COUNT && (a - S_BASE) % T_COUNT == 0;
  return open && b - T_BASE - 1 < T_COUNT - 1 ? a + (b - T_BASE) : 0;
}

/* ---- the tables ----------------------------------------------------------------------------- */

/* What two characters compose to, or 0. */
static uint32_t compose(uint32_t a, uint32_t b) {
  uint32_t hangul = compose_hangul(a, b);
  if (hangul) return hangul;
  size_t low = 0, high = NFC_PAIRS;
  while (low < high) {
    size_t middle = (low + high) / 2;
    const uint32_t *pair = nfc_pairs[middle];
    if (pair[0] == a && pair[1] == b) return pair[2];
    if (pair[0] < a || (pair[0] == a && pair[1] < b))
      low = middle + 1;
    else
      high = middle;
  }
  return 0;
}

/* Code points with the ranks of their combining classes: code << 8 | rank. */
typedef struct marked_text {
  sotto_ctx *ctx;
  uint32_t *items, *spare; /* halves of one block */
  size_t count, cap;
} marked_text;

static sotto_status push(marked_text *m, uint32_t c) {
  if (m->count == m->cap) {
    size_t cap = m->cap ? 2 * m->cap : 64, size;
    if (!sotto_size_mul(cap, 2 * sizeof *m->items, &size)) size = SIZE_MAX;
    uint32_t *items = sotto_realloc(m->ctx, m->items, 2 * m->cap * sizeof *m->items, size);
    if (!items) return SOTTO_ERR_OUT_OF_MEMORY;
    m->items = items;
    m->spare = items + cap;
    m->cap = cap;
  }
  m->items[m->count++] = c << 8 | rank_of(c);
  return SOTTO_OK;
}

static sotto_status decompose(marked_text *m, uint32_t c) {
  if (c - S_BASE < S_COUNT) return push(m, c); /* its parts would only compose again */
  size_t low = 0, high = NFC_DECOMPOSITIONS;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (nfc_decomposed[middle] < c)
      low = middle + 1;
    else
      high = middle;
  }
  if (low == NFC_DECOMPOSITIONS || nfc_decomposed[low] != c) return push(m, c);
  for (uint32_t i = nfc_starts[low]; i < nfc_starts[low + 1]; i++) SOTTO_TRY(push(m, nfc_parts[i]));
  return SOTTO_OK;
}

/* ---- one stretch ---------------------------------------------------------------------------- */

/* Marks between starters by rank, equal ones as they stood. */
__attribute__((noinline)) static void reorder(marked_text *m) {
  for (size_t start = 0; start < m->count;) {
    size_t end = start;
    while (end < m->count && (m->items[end] & 0xFF)) end++;
    if (end - start > 1) {
      size_t place[NFC_RANKS + 1] = {0};
      for (size_t i = start; i < end; i++) place[(m->items[i] & 0xFF) + 1]++;
      for (size_t r = 1; r <= NFC_RANKS; r++) place[r] += place[r - 1];
      for (size_t i = start; i < end; i++) m->spare[place[m->items[i] & 0xFF]++] = m->items[i];
      memcpy(m->items + start, m->spare, (end - start) * sizeof *m->items);
    }
    start = end + 1;
  }
}

static void compose_all(marked_text *m) {
  size_t n = 0, starter = SIZE_MAX;
  for (size_t i = 0; i < m->count; i++) {
    uint32_t item = m->items[i];
    unsigned rank = item & 0xFF;
    /* A mark is blocked by one of its rank or a higher one in between, a starter by any. */
    bool open = starter != SIZE_MAX && (n == starter + 1 || (m->items[n - 1] & 0xFF) < rank);
    uint32_t both = open ? compose(m->items[starter] >> 8, item >> 8) : 0;
    if (both) {
      m->items[starter] = both << 8;
    } else {
      if (rank == 0) starter = n;
      m->items[n++] = item;
    }
  }
  m->count = n;
}

static sotto_status write_out(marked_text *m, sotto_str *out) {
  SOTTO_TRY(sotto_str_reserve(out, 4 * m->count));
  for (size_t i = 0; i < m->count; i++) {
    out->len += sotto_utf8_encode(m->items[i] >> 8, out->data + out->len);
  }
  m->count = 0;
  return SOTTO_OK;
}

static sotto_status flush(marked_text *m, sotto_str *out) {
  reorder(m);
  compose_all(m);
  return write_out(m, out);
}

/* The end of what is normal as it stands: the last stable starter in front of what may change. */
static size_t normal_prefix(sotto_slice text, size_t from) {
  size_t starter = from;
  for (size_t i = from; i < text.len;) {
    unsigned char byte = (unsigned char)text.data[i];
    if (byte < 0xCC) { /* below U+0300 all is stable */
      starter = i;
      i += byte < 0x80 ? 1 : 2;
      continue;
    }
    uint32_t c;
    size_t len = sotto_utf8_decode(text.data + i, text.len - i, &c);
    if (class_of(c)) return starter;
    starter = i;
    i += len;
  }
  return text.len;
}

static sotto_status compose_text(marked_text *m, sotto_slice text, size_t at, sotto_str *out) {
  SOTTO_TRY(sotto_str_append(out, text.data, at));
  while (at < text.len) {
    /* `at` begins a stretch, which ends where the next stable starter is. */
    for (size_t start = at; at < text.len;) {
      uint32_t c;
      size_t len = sotto_utf8_decode(text.data + at, text.len - at, &c);
      if (at > start && class_of(c) == 0) break;
      SOTTO_TRY(decompose(m, c));
      at += len;
    }
    SOTTO_TRY(flush(m, out));
    size_t next = normal_prefix(text, at);
    SOTTO_TRY(sotto_str_append(out, text.data + at, next - at));
    at = next;
  }
  return SOTTO_OK;
}

static sotto_status apply_nfc(const sotto_tokenizer *t, sotto_slice *text, sotto_str *out) {
  (void)t;
  size_t at = normal_prefix(*text, 0);
  if (at == text->len) return SOTTO_OK;
  marked_text m = {.ctx = out->ctx};
  sotto_status status = compose_text(&m, *text, at, out);
  sotto_free(m.ctx, m.items, 2 * m.cap * sizeof *m.items);
  *text = (sotto_slice){out->data, out->len};
  return status;
}

/* ---- decomposition alone -------------------------------------------------------------------- */

static sotto_status decompose_hangul(marked_text *m, uint32_t c) {
  const uint32_t s = c - S_BASE;
  const uint32_t parts[] = {L_BASE + s / T_COUNT / V_COUNT, V_BASE + s / T_COUNT % V_COUNT,
                            T_BASE + s % T_COUNT};
  for (int i = 0; i < (s % T_COUNT ? 3 : 2); i++) SOTTO_TRY(push(m, parts[i]));
  return SOTTO_OK;
}

sotto_status sotto_nfd(sotto_slice text, sotto_str *out) {
  marked_text m = {.ctx = out->ctx};
  sotto_status status = SOTTO_OK;
  for (size_t i = 0; i < text.len && status == SOTTO_OK;) {
    uint32_t c;
    i += sotto_utf8_decode(text.data + i, text.len - i, &c);
    status = c - S_BASE < S_COUNT ? decompose_hangul(&m, c) : decompose(&m, c);
  }
  reorder(&m);
  if (status == SOTTO_OK) status = write_out(&m, out);
  sotto_free(m.ctx, m.items, 2 * m.cap * sizeof *m.items);
  return status;
}

const sotto_normalizer sotto_normalizer_nfc = {apply_nfc, .marks_are_spaces = false};
