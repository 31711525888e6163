/* Strings with provenance: making, cutting and joining them. */
#include "chat/strings.h"

#include "base/utf8.h"

/* ---- builder -------------------------------------------------------------------------------- */

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

/* Bytes [start, end) of the builder are trusted; they lie behind all that is marked already. */
static sotto_status mark(builder *b, size_t start, size_t end) {
  if (start == end) return SOTTO_OK;
  if (b->n_spans && b->spans[b->n_spans - 1].end == start) {
    b->spans[b->n_spans - 1].end = (uint32_t)end;
    return SOTTO_OK;
  }
  if (b->n_spans == b->cap_spans) {
    runtime *rt = b->rt;
    uint32_t cap = b->cap_spans ? b->cap_spans * 2 : 4;
    span *spans = chat_array(rt, cap, sizeof *spans);
    CHAT_NO_MEMORY(spans);
    if (b->n_spans) memcpy(spans, b->spans, b->n_spans * sizeof *spans);
    b->spans = spans;
    b->cap_spans = cap;
  }
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

/* The first span that ends behind `byte`. */
static uint32_t span_at(const str *s, size_t byte) {
  uint32_t low = 0, high = s->n_spans;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (s->spans[middle].end <= byte)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

sotto_status chat_builder_add_sub(builder *b, const str *s, size_t start, size_t end) {
  size_t base = b->len;
  SOTTO_TRY(chat_builder_add(b, s->data + start, end - start, s->trust == TRUSTED));
  if (s->trust != MIXED) return SOTTO_OK;
  for (uint32_t i = span_at(s, start); i < s->n_spans && s->spans[i].start < end; i++) {
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
  str *s = chat_alloc(rt, sizeof *s);
  CHAT_NO_MEMORY(s);
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

/* Start with s, in place if nothing follows it in its memory: a text grown bit by bit in a loop is
 * then copied only when its memory is full. */
static sotto_status start_with(builder *b, const str *s) {
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

/* ---- strings -------------------------------------------------------------------------------- */

static size_t next_char(const str *s, size_t at) {
  do at++;
  while (at < s->len && ((unsigned char)s->data[at] & 0xC0) == 0x80);
  return at;
}

void chat_str_set(str *s, const char *data, size_t len, bool trusted) {
  *s = (str){.data = data, .len = (uint32_t)len, .trust = trusted ? TRUSTED : UNTRUSTED};
  for (size_t i = 0; i < len; i++) s->chars += ((unsigned char)data[i] & 0xC0) != 0x80;
}

const str *chat_str_new(runtime *rt, const char *data, size_t len, bool trusted) {
  if (len > CHAT_MAX_STRING) {
    chat_fail(rt, "a text of more than %zu MB", CHAT_MAX_STRING >> 20);
    return NULL;
  }
  str *s = chat_work(rt, len) == SOTTO_OK ? chat_alloc(rt, sizeof *s) : NULL;
  if (s) chat_str_set(s, data, len, trusted);
  return s;
}

bool chat_str_trusted_at(const str *s, size_t byte) {
  if (s->trust != MIXED) return s->trust == TRUSTED;
  uint32_t i = span_at(s, byte);
  return i < s->n_spans && s->spans[i].start <= byte;
}

sotto_status chat_str_sub(runtime *rt, const str *s, size_t start, size_t end, const str **out) {
  if (start == 0 && end == s->len) {
    *out = s;
    return SOTTO_OK;
  }
  SOTTO_TRY(chat_work(rt, end - start));
  str *sub = chat_alloc(rt, sizeof *sub);
  CHAT_NO_MEMORY(sub);
  chat_str_set(sub, s->data + start, end - start, s->trust == TRUSTED);
  sub->markup = s->markup;
  *out = sub;
  if (s->trust != MIXED) return SOTTO_OK;
  uint32_t first = span_at(s, start), last = first;
  while (last < s->n_spans && s->spans[last].start < end) last++;
  if (first == last) return SOTTO_OK;
  if (s->spans[first].start <= start && s->spans[first].end >= end) {
    sub->trust = TRUSTED;
    return SOTTO_OK;
  }
  span *spans = chat_array(rt, last - first, sizeof *spans);
  CHAT_NO_MEMORY(spans);
  for (uint32_t i = first; i < last; i++) {
    span t = s->spans[i];
    spans[i - first].start = (uint32_t)(t.start > start ? t.start - start : 0);
    spans[i - first].end = (uint32_t)((t.end < end ? t.end : end) - start);
  }
  sub->trust = MIXED;
  sub->spans = spans;
  sub->n_spans = last - first;
  return SOTTO_OK;
}

sotto_status chat_concat(runtime *rt, const str *a, const str *b, const str **out) {
  if (a->markup != b->markup) { /* Markup + str escapes the str */
    if (!a->markup) SOTTO_TRY(chat_str_escape(rt, a, &a));
    if (!b->markup) SOTTO_TRY(chat_str_escape(rt, b, &b));
  }
  builder text;
  chat_builder_init(&text, rt);
  SOTTO_TRY(start_with(&text, a));
  SOTTO_TRY(chat_builder_add_str(&text, b));
  SOTTO_TRY(chat_builder_finish(&text, out));
  return chat_str_mark(rt, *out, a->markup, out);
}

sotto_status chat_repeat(runtime *rt, const str *s, int64_t times, const str **out) {
  builder text;
  chat_builder_init(&text, rt);
  if (s->len && times > (int64_t)(CHAT_MAX_STRING / s->len)) {
    return chat_fail(rt, "a text of more than %zu MB", CHAT_MAX_STRING >> 20);
  }
  if (s->trust == MIXED) SOTTO_TRY(chat_work(rt, (uint64_t)(times > 0 ? times : 0) * 16));
  for (size_t done = 0, all = times > 0 ? s->len * (size_t)times : 0; done < all;) {
    /* Double what is there; of several stretches, add one after the other. */
    size_t n = done && s->trust != MIXED ? done : s->len;
    if (n > all - done) n = all - done;
    if (n <= s->len)
      SOTTO_TRY(chat_builder_add_sub(&text, s, 0, n));
    else
      SOTTO_TRY(chat_builder_add(&text, text.data, n, s->trust == TRUSTED));
    done += n;
  }
  SOTTO_TRY(chat_builder_finish(&text, out));
  return chat_str_mark(rt, *out, s->markup, out);
}

sotto_status chat_str_slice(runtime *rt, const str *s, int64_t start, int64_t step, int64_t n,
                            const str **out) {
  if (n <= 0) return chat_str_sub(rt, s, 0, 0, out);
  if (!chat_str_is_ascii(s)) SOTTO_TRY(chat_work(rt, (uint64_t)s->len * 2)); /* count to there */
  if (step == 1) {
    size_t from = chat_str_byte(s, (size_t)start);
    size_t to = n == (int64_t)s->chars - start ? s->len : chat_str_byte(s, (size_t)(start + n));
    return chat_str_sub(rt, s, from, to, out);
  }
  builder text;
  chat_builder_init(&text, rt);
  size_t at = chat_str_byte(s, (size_t)start);
  for (int64_t i = 0;;) {
    SOTTO_TRY(chat_builder_add_sub(&text, s, at, next_char(s, at)));
    if (++i == n) break;
    if (chat_str_is_ascii(s)) {
      at = (size_t)((int64_t)at + step);
    } else {
      for (int64_t k = 0; k < step; k++) at = next_char(s, at);
      for (int64_t k = 0; k > step; k--) {
        do at--;
        while (((unsigned char)s->data[at] & 0xC0) == 0x80);
      }
    }
  }
  return chat_builder_finish(&text, out);
}

sotto_status chat_str_mark(runtime *rt, const str *s, bool markup, const str **out) {
  *out = s;
  if (s->markup == markup) return SOTTO_OK;
  str *copy = chat_alloc(rt, sizeof *copy);
  CHAT_NO_MEMORY(copy);
  *copy = *s;
  copy->markup = markup;
  *out = copy;
  return SOTTO_OK;
}

sotto_status chat_str_escape(runtime *rt, const str *s, const str **out) {
  *out = s;
  if (s->markup) return SOTTO_OK;
  builder text;
  chat_builder_init(&text, rt);
  SOTTO_TRY(chat_work(rt, (uint64_t)s->len * 4));
  for (size_t i = 0, plain = 0; i <= s->len; i++) {
    const char *entity = NULL;
    switch (i < s->len ? s->data[i] : 'x') {
    case '<': entity = "&lt;"; break;
    case '>': entity = "&gt;"; break;
    case '&': entity = "&amp;"; break;
    case '"': entity = "&#34;"; break;
    case '\'': entity = "&#39;"; break;
    }
    if (!entity && i < s->len) continue;
    SOTTO_TRY(chat_builder_add_sub(&text, s, plain, i));
    if (entity) SOTTO_TRY(chat_builder_add_c(&text, entity, chat_str_trusted_at(s, i)));
    plain = i + 1;
  }
  SOTTO_TRY(chat_builder_finish(&text, out));
  return chat_str_mark(rt, *out, true, out);
}

bool chat_str_equal(const str *a, const str *b) {
  return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

bool chat_str_is(const str *s, const char *c_string) {
  size_t len = strlen(c_string);
  return s->len == len && (len == 0 || memcmp(s->data, c_string, len) == 0);
}

int chat_str_compare(const str *a, const str *b) { /* UTF-8 sorts like its code points */
  size_t n = a->len < b->len ? a->len : b->len;
  int c = n ? memcmp(a->data, b->data, n) : 0;
  return c ? c : (a->len > b->len) - (a->len < b->len);
}

size_t chat_str_byte(const str *s, size_t chars) {
  if (chars >= s->chars) return s->len;
  if (chat_str_is_ascii(s)) return chars;
  size_t at = 0;
  while (chars--) at = next_char(s, at);
  return at;
}

size_t chat_str_char(const str *s, size_t byte) {
  if (chat_str_is_ascii(s)) return byte;
  size_t chars = 0;
  for (size_t i = 0; i < byte; i++) chars += ((unsigned char)s->data[i] & 0xC0) != 0x80;
  return chars;
}

sotto_status chat_str_find(runtime *rt, const str *s, const str *what, size_t start, size_t end,
                           size_t *out) {
  *out = SIZE_MAX;
  if (start > end || what->len > end - start) return SOTTO_OK;
  if (what->len == 0) {
    *out = start;
    return SOTTO_OK;
  }
  for (size_t at = start, last = end - what->len; at <= last; at++) {
    const char *hit = memchr(s->data + at, what->data[0], last - at + 1);
    if (!hit) return chat_work(rt, last - at);
    size_t skipped = (size_t)(hit - s->data) - at;
    at += skipped;
    /* Hostile patterns match for long, again and again. */
    SOTTO_TRY(chat_work(rt, skipped + what->len + 16));
    if (memcmp(hit, what->data, what->len) == 0) {
      *out = at;
      break;
    }
  }
  return SOTTO_OK;
}

sotto_status chat_str_rfind(runtime *rt, const str *s, const str *what, size_t start, size_t end,
                            size_t *out) {
  *out = SIZE_MAX;
  if (start > end || what->len > end - start) return SOTTO_OK;
  size_t at = end - what->len + 1;
  while (at-- > start) {
    if (what->len && s->data[at] != what->data[0]) continue;
    SOTTO_TRY(chat_work(rt, what->len));
    if (what->len && memcmp(s->data + at, what->data, what->len) != 0) continue;
    *out = at;
    return chat_work(rt, (end - at) * 2);
  }
  return chat_work(rt, (end - start) * 2);
}

static bool to_strip(uint32_t c, const str *chars) {
  if (!chars) return chat_is_space(c);
  for (size_t i = 0; i < chars->len;) {
    uint32_t each;
    i += sotto_utf8_decode(chars->data + i, chars->len - i, &each);
    if (each == c) return true;
  }
  return false;
}

void chat_str_strip(const str *s, const str *chars, bool left, bool right, size_t *start,
                    size_t *end) {
  uint32_t c;
  *start = 0;
  *end = s->len;
  while (left && *start < *end) {
    size_t n = sotto_utf8_decode(s->data + *start, *end - *start, &c);
    if (!to_strip(c, chars)) break;
    *start += n;
  }
  while (right && *end > *start) {
    size_t at = *end - 1;
    while (((unsigned char)s->data[at] & 0xC0) == 0x80) at--;
    sotto_utf8_decode(s->data + at, *end - at, &c);
    if (!to_strip(c, chars)) break;
    *end = at;
  }
}

sotto_status chat_str_replace(runtime *rt, const str *s, const str *old, const str *fresh,
                              int64_t count, const str **out) {
  builder text;
  chat_builder_init(&text, rt);
  size_t at = 0; /* what lies before is in `text` */
  for (int64_t done = 0; count < 0 || done < count; done++) {
    size_t hit;
    if (old->len)
      SOTTO_TRY(chat_str_find(rt, s, old, at, s->len, &hit));
    else
      hit = done == 0 ? 0 : at < s->len ? next_char(s, at) : SIZE_MAX;
    if (hit == SIZE_MAX) break;
    SOTTO_TRY(chat_work(rt, CHAT_WORK_STEP / 2));
    SOTTO_TRY(chat_builder_add_sub(&text, s, at, hit));
    SOTTO_TRY(chat_builder_add_str(&text, fresh));
    at = hit + old->len;
  }
  if (at == 0 && text.len == 0) { /* nothing replaced */
    *out = s;
    return SOTTO_OK;
  }
  SOTTO_TRY(chat_builder_add_sub(&text, s, at, s->len));
  return chat_builder_finish(&text, out);
}

void chat_str_line(const str *s, size_t start, size_t *end, size_t *next) {
  for (size_t i = start; i < s->len;) {
    uint32_t c;
    size_t n = sotto_utf8_decode(s->data + i, s->len - i, &c);
    if (chat_is_line_break(c)) {
      *end = i;
      *next = c == '\r' && i + 1 < s->len && s->data[i + 1] == '\n' ? i + 2 : i + n;
      return;
    }
    i += n;
  }
  *end = *next = s->len;
}
