/* The builder of strings: bytes, and which of them are trusted. */
#include "base/utf8.h"
#include "chat/values/strings.h"

void chat_builder_init(builder *b, runtime *rt) {
  *b = (builder){.rt = rt};
}

static sotto_status reserve(builder *b, size_t extra) {
  runtime *rt = b->rt;
  SOTTO_TRY(chat_work(rt, extra));
  if (extra <= b->cap - b->len) return SOTTO_OK;
  if (extra > CHAT_MAX_STRING - b->len) {
    return chat_fail(rt, "a text of more than %zu MB", CHAT_MAX_STRING >> 20);
  }
  size_t cap = b->cap < 32 ? 64 : b->cap * 2;
  while (cap < b->len + extra) cap *= 2;
  char *data = chat_alloc(rt, cap);
  CHAT_NO_MEMORY(data);
  if (b->len) memcpy(data, b->data, b->len);
  b->data = data;
  b->cap = cap;
  return SOTTO_OK;
}

/* Marks bytes [start, end) of the builder as trusted. They must lie behind all that is marked
 * already. */
static sotto_status mark(builder *b, size_t start, size_t end) {
  if (start == end) return SOTTO_OK;
  if (b->n_spans && b->spans[b->n_spans - 1].end == start) {
    b->spans[b->n_spans - 1].end = (uint32_t)end;
    return SOTTO_OK;
  }
  runtime *rt = b->rt;
  CHAT_GROW(b->spans, b->n_spans, b->cap_spans);
  b->spans[b->n_spans++] = (span){(uint32_t)start, (uint32_t)end};
  return SOTTO_OK;
}

sotto_status chat_builder_add(builder *b, const char *data, size_t len, bool trusted) {
  if (len == 0) return SOTTO_OK;
  SOTTO_TRY(reserve(b, len));
  memcpy(b->data + b->len, data, len);
  b->len += len;
  return trusted ? mark(b, b->len - len, b->len) : SOTTO_OK;
}

sotto_status chat_builder_add_c(builder *b, const char *c_string, bool trusted) {
  return chat_builder_add(b, c_string, strlen(c_string), trusted);
}

sotto_status chat_builder_add_code_point(builder *b, uint32_t c, bool trusted) {
  char bytes[4];
  return chat_builder_add(b, bytes, sotto_utf8_encode(c, bytes), trusted);
}

sotto_status chat_builder_add_str(builder *b, const str *s) {
  return chat_builder_add_sub(b, s, 0, s->len);
}

sotto_status chat_builder_add_sub(builder *b, const str *s, size_t start, size_t end) {
  size_t base = b->len;
  SOTTO_TRY(chat_builder_add(b, s->data + start, end - start, s->trust == TRUSTED));
  if (s->trust != MIXED) return SOTTO_OK;
  for (uint32_t i = chat_str_span(s, start); i < s->n_spans && s->spans[i].start < end; i++) {
    size_t from = s->spans[i].start > start ? s->spans[i].start : start;
    size_t to = s->spans[i].end < end ? s->spans[i].end : end;
    SOTTO_TRY(mark(b, base + from - start, base + to - start));
  }
  return SOTTO_OK;
}

sotto_status chat_builder_add_fill(builder *b, uint32_t c, int64_t n, bool trusted) {
  if (n <= 0) return SOTTO_OK;
  if ((uint64_t)n > CHAT_MAX_STRING) {
    return chat_fail(b->rt, "a text of more than %zu MB", CHAT_MAX_STRING >> 20);
  }
  char bytes[4];
  size_t len = sotto_utf8_encode(c, bytes), start = b->len;
  SOTTO_TRY(reserve(b, len * (size_t)n));
  for (int64_t i = 0; i < n; i++) {
    memcpy(b->data + b->len, bytes, len);
    b->len += len;
  }
  return trusted ? mark(b, start, b->len) : SOTTO_OK;
}

sotto_status chat_builder_finish(builder *b, const str **out) {
  runtime *rt = b->rt;
  str *s;
  CHAT_NEW(s);
  chat_str_set(s, b->len ? b->data : "", b->len, false);
  if (b->n_spans) {
    bool all = b->n_spans == 1 && b->spans[0].start == 0 && b->spans[0].end == b->len;
    s->trust = all ? TRUSTED : MIXED;
    s->spans = all ? NULL : b->spans;
    s->n_spans = all ? 0 : b->n_spans;
  }
  if (b->len) {
    unsigned slot = rt->next_tail++ % (sizeof rt->tails / sizeof rt->tails[0]);
    rt->tails[slot].end = b->data + b->len;
    rt->tails[slot].room = b->cap - b->len;
  }
  *out = s;
  return SOTTO_OK;
}

sotto_status chat_builder_start(builder *b, const str *s) {
  runtime *rt = b->rt;
  for (unsigned i = 0; s->len && i < sizeof rt->tails / sizeof rt->tails[0]; i++) {
    if (rt->tails[i].end != s->data + s->len) continue;
    b->data = rt->tails[i].end - s->len;
    b->len = s->len;
    b->cap = s->len + rt->tails[i].room;
    rt->tails[i].end = NULL;
    if (s->trust == TRUSTED) return mark(b, 0, s->len);
    for (uint32_t k = 0; k < s->n_spans; k++)
      SOTTO_TRY(mark(b, s->spans[k].start, s->spans[k].end));
    return chat_work(rt, s->n_spans * sizeof(span));
  }
  return chat_builder_add_str(b, s);
}
