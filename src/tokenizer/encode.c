/* Encoding: repair the text, cut out special tokens where they may be, normalise and pre-tokenise
 * what lies between, and hand each piece to the algorithm. Also the list of tokens that all this
 * appends to. */
#include "base/utf8.h"
#include "tokenizer/internal.h"

/* Positions inside a piece are 32-bit, and repairing can triple a text. */
#define MAX_TEXT (1 << 29)

void sotto_tokens_init(sotto_tokens *tokens, sotto_ctx *ctx) {
  *tokens = (sotto_tokens){.ctx = ctx};
}

void sotto_tokens_free(sotto_tokens *tokens) {
  sotto_free(tokens->ctx, tokens->ids, tokens->cap * sizeof *tokens->ids);
  *tokens = (sotto_tokens){.ctx = tokens->ctx};
}

sotto_status sotto_tokens_push(sotto_tokens *tokens, sotto_token id) {
  if (tokens->count == tokens->cap) {
    size_t cap = tokens->cap ? tokens->cap * 2 : 64, size;
    if (!sotto_size_mul(cap, sizeof id, &size)) size = SIZE_MAX;
    sotto_token *ids = sotto_realloc(tokens->ctx, tokens->ids, tokens->cap * sizeof id, size);
    if (!ids) return SOTTO_ERR_OUT_OF_MEMORY;
    tokens->ids = ids;
    tokens->cap = cap;
  }
  tokens->ids[tokens->count++] = id;
  return SOTTO_OK;
}

/* ---- repairing ------------------------------------------------------------------------------ */

#define MARK "\xE2\x96\x81" /* U+2581, a space in sentencepiece's vocabularies */

static bool has_mark(sotto_slice text) {
  const char *p = text.data, *end = p + text.len;
  while (p < end && (p = memchr(p, MARK[0], (size_t)(end - p)))) {
    if (end - p >= 3 && memcmp(p, MARK, 3) == 0) return true;
    p++;
  }
  return false;
}

/* `text` with U+FFFD for what is not UTF-8 and, if so wanted, a space for U+2581, and the spans
 * that go with it: a span keeps only the characters that lie wholly inside it. Both arrays hold n
 * spans. */
static sotto_status repair(sotto_slice text, bool spaces, const sotto_span *spans, size_t n,
                           sotto_str *out, sotto_span *moved) {
  size_t k = 0, at = 0;
  bool open = false;
  while (at < text.len) {
    uint32_t c;
    char bytes[4];
    size_t len = sotto_utf8_decode(text.data + at, text.len - at, &c);
    while (k < n && at + len > spans[k].end) { /* this character is beyond the span's end */
      moved[k].end = out->len;
      if (!open) moved[k].start = out->len;
      open = false;
      k++;
    }
    if (k < n && !open && at >= spans[k].start) {
      moved[k].start = out->len;
      open = true;
    }
    if (spaces && c == 0x2581) c = ' ';
    SOTTO_TRY(sotto_str_append(out, bytes, sotto_utf8_encode(c, bytes)));
    at += len;
  }
  for (; k < n; k++) {
    moved[k].end = out->len;
    if (!open) moved[k].start = out->len;
    open = false;
  }
  return SOTTO_OK;
}

/* ---- pieces --------------------------------------------------------------------------------- */

typedef struct encoder {
  const sotto_tokenizer *t;
  sotto_slice text; /* valid UTF-8 */
  const sotto_span *trusted;
  size_t n_trusted, span; /* the first span that does not end before the position looked at */
  sotto_scratch scratch;
  sotto_str normal; /* what the normaliser wrote */
  sotto_tokens *out;
} encoder;

/* Most words are one token. Where merging was once seen to give the token of a piece's own bytes it
 * need not be done again; the note is a single bit that any thread may set. */
static sotto_status encode_piece(encoder *e, sotto_slice piece) {
  const sotto_tokenizer *t = e->t;
  uint32_t id = sotto_vocab_find(t, piece.data, piece.len);
  if (id != SOTTO_NO_ID &&
      (t->pre->ignore_merges || sotto_vocab_flags(t, id) & SOTTO_FLAG_DIRECT)) {
    return sotto_tokens_push(e->out, (sotto_token)id);
  }
  size_t before = e->out->count;
  SOTTO_TRY(t->model->algorithm->encode(t, &e->scratch, piece, e->out));
  if (e->out->count == before + 1 && e->out->ids[before] == (sotto_token)id) {
    __atomic_fetch_or(&t->flags[id], SOTTO_FLAG_DIRECT, __ATOMIC_RELAXED);
  }
  return SOTTO_OK;
}

static sotto_status encode_plain(encoder *e, size_t start, size_t end) {
  if (start == end) return SOTTO_OK;
  sotto_slice text = {e->text.data + start, end - start};
  const sotto_pre *pre = e->t->pre;
  if (pre->normalizer->apply) {
    e->normal.len = 0;
    SOTTO_TRY(pre->normalizer->apply(e->t, &text, &e->normal));
  }
  const char *p = text.data, *stop = text.data + text.len;
  while (p < stop) {
    const char *next = pre->split(e->t, p, stop);
    SOTTO_TRY(encode_piece(e, (sotto_slice){p, (size_t)(next - p)}));
    p = next;
  }
  return SOTTO_OK;
}

/* The end of the trusted stretch that holds `at`, or `at` when none does. Spans that touch
 * are one. */
static size_t trusted_end(encoder *e, size_t at) {
  while (e->span < e->n_trusted && e->trusted[e->span].end <= at) e->span++;
  if (e->span == e->n_trusted || e->trusted[e->span].start > at) return at;
  size_t k = e->span;
  while (k + 1 < e->n_trusted && e->trusted[k + 1].start == e->trusted[k].end) k++;
  return e->trusted[k].end;
}

static sotto_status encode_text(encoder *e) {
  const sotto_tokenizer *t = e->t;
  size_t done = 0, at = 0;
  while (at < e->text.len) {
    size_t end = trusted_end(e, at), len;
    if (end == at && !t->has_user_defined) { /* nothing can be found before the next span */
      if (e->span == e->n_trusted) break;
      at = e->trusted[e->span].start;
      continue;
    }
    sotto_token id = sotto_special_match(t, e->text, at, end, &len);
    if (id == SOTTO_TOKEN_NONE) {
      at++;
      continue;
    }
    SOTTO_TRY(encode_plain(e, done, at));
    SOTTO_TRY(sotto_tokens_push(e->out, id));
    done = at += len;
  }
  return encode_plain(e, done, e->text.len);
}

static sotto_status check_arguments(sotto_ctx *ctx, sotto_slice text, const sotto_span *trusted,
                                    size_t n_trusted) {
  if (text.len > MAX_TEXT) {
    return sotto_fail(ctx, SOTTO_ERR_INVALID_ARGUMENT,
                      "a text of %zu bytes; at most %d can be tokenized at once: split it",
                      text.len, MAX_TEXT);
  }
  for (size_t i = 0, last = 0; i < n_trusted; last = trusted[i++].end) {
    if (trusted[i].start < last || trusted[i].end < trusted[i].start || trusted[i].end > text.len) {
      return sotto_fail(ctx, SOTTO_ERR_INVALID_ARGUMENT,
                        "trusted span %zu [%zu, %zu) overlaps the one before or leaves the text of "
                        "%zu bytes: pass sorted spans inside it",
                        i, trusted[i].start, trusted[i].end, text.len);
    }
  }
  return SOTTO_OK;
}

sotto_status sotto_tokenizer_encode(const sotto_tokenizer *t, sotto_slice text,
                                    const sotto_span *trusted, size_t n_trusted,
                                    sotto_tokens *out) {
  SOTTO_TRY(check_arguments(out->ctx, text, trusted, n_trusted));
  size_t before = out->count, moved_size = 0;
  sotto_span *moved = NULL;
  sotto_str repaired;
  sotto_str_init(&repaired, out->ctx);
  encoder e = {.t = t, .text = text, .trusted = trusted, .n_trusted = n_trusted, .out = out};
  e.scratch.ctx = out->ctx;
  sotto_str_init(&e.normal, out->ctx);
  sotto_status status = SOTTO_OK;
  const bool spaces = t->pre->normalizer->marks_are_spaces;
  if (!sotto_utf8_valid(text.data, text.len) || (spaces && has_mark(text))) {
    moved_size = n_trusted * sizeof *moved;
    moved = sotto_alloc(out->ctx, moved_size);
    if (n_trusted && !moved) return SOTTO_ERR_OUT_OF_MEMORY;
    status = repair(text, spaces, trusted, n_trusted, &repaired, moved);
    e.text = (sotto_slice){repaired.data, repaired.len};
    e.trusted = moved;
  }
  if (status == SOTTO_OK) status = encode_text(&e);
  if (status != SOTTO_OK) out->count = before;
  sotto_scratch_free(&e.scratch);
  sotto_str_free(&e.normal);
  sotto_str_free(&repaired);
  sotto_free(out->ctx, moved, moved_size);
  return status;
}
