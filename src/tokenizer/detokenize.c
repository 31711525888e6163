/* The streaming detokeniser: bytes of tokens in, whole characters out. What it gives in total is
 * what decoding all bytes at once would give, however they were cut. */
#include "base/utf8.h"
#include "tokenizer/internal.h"

void sotto_detokenizer_init(sotto_detokenizer *d) {
  *d = (sotto_detokenizer){0};
}

void sotto_detokenizer_init_text(sotto_detokenizer *d, const sotto_tokenizer *t) {
  *d = (sotto_detokenizer){.drop_space = t->add_space_prefix};
}

/* `out` has room: three bytes for each of text's. */
static void append_lossy(sotto_str *out, const char *text, size_t len) {
  if (sotto_utf8_valid(text, len)) {
    if (len) memcpy(out->data + out->len, text, len);
    out->len += len;
  } else {
    for (size_t i = 0; i < len;) {
      uint32_t c;
      i += sotto_utf8_decode(text + i, len - i, &c);
      out->len += sotto_utf8_encode(c, out->data + out->len);
    }
  }
  out->data[out->len] = 0;
}

sotto_status sotto_detokenizer_feed(sotto_detokenizer *d, sotto_slice bytes, sotto_str *out) {
  if (bytes.len == 0) return SOTTO_OK;
  /* Asked for before anything changes, so that a failure leaves the stream as it was. */
  if (bytes.len > SIZE_MAX / 4) {
    return sotto_fail(out->ctx, SOTTO_ERR_INVALID_ARGUMENT, "%zu bytes at once: feed less",
                      bytes.len);
  }
  SOTTO_TRY(sotto_str_reserve(out, 3 * (d->n_pending + bytes.len)));
  size_t used = d->drop_space && bytes.data[0] == ' ';
  d->drop_space = false;
  while (d->n_pending && used < bytes.len) {
    d->pending[d->n_pending++] = bytes.data[used++];
    size_t whole = sotto_utf8_complete_prefix(d->pending, d->n_pending);
    append_lossy(out, d->pending, whole);
    d->n_pending -= (unsigned)whole;
    memmove(d->pending, d->pending + whole, d->n_pending);
  }
  const char *rest = bytes.data + used;
  size_t len = bytes.len - used;
  size_t whole = sotto_utf8_complete_prefix(rest, len);
  append_lossy(out, rest, whole);
  if (whole < len) { /* then nothing was pending, or it would have taken these bytes */
    memcpy(d->pending, rest + whole, len - whole);
    d->n_pending = (unsigned)(len - whole);
  }
  return SOTTO_OK;
}

sotto_status sotto_detokenizer_end(sotto_detokenizer *d, sotto_str *out) {
  SOTTO_TRY(sotto_str_reserve(out, 3 * sizeof d->pending));
  append_lossy(out, d->pending, d->n_pending);
  d->n_pending = 0;
  return SOTTO_OK;
}
