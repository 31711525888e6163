/* Strings with provenance: cutting, joining, searching and replacing. */
#include "chat/values/strings.h"
#include "base/utf8.h"

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

uint32_t chat_str_span(const str *s, size_t byte) {
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

bool chat_str_trusted_at(const str *s, size_t byte) {
  if (s->trust != MIXED) return s->trust == TRUSTED;
  uint32_t i = chat_str_span(s, byte);
  return i < s->n_spans && s->spans[i].start <= byte;
}

sotto_status chat_str_sub(runtime *rt, const str *s, size_t start, size_t end, const str **out) {
  if (start == 0 && end == s->len) {
    *out = s;
    return SOTTO_OK;
  }
  SOTTO_TRY(chat_work(rt, end - start));
  str *sub;
  CHAT_NEW(sub);
  chat_str_set(sub, s->data + start, end - start, s->trust == TRUSTED);
  sub->markup = s->markup;
  *out = sub;
  if (s->trust != MIXED) return SOTTO_OK;
  uint32_t first = chat_str_span(s, start), last = first;
  while (last < s->n_spans && s->spans[last].start < end) last++;
  if (first == last) return SOTTO_OK;
  if (s->spans[first].start <= start && s->spans[first].end >= end) {
    sub->trust = TRUSTED;
    return SOTTO_OK;
  }
  span *spans;
  CHAT_NEW_ARRAY(spans, last - first);
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
  if (a->markup != b->markup) { /* as in the reference, joining text to markup escapes the text */
    if (!a->markup) SOTTO_TRY(chat_str_escape(rt, a, &a));
    if (!b->markup) SOTTO_TRY(chat_str_escape(rt, b, &b));
  }
  builder text;
  chat_builder_init(&text, rt);
  SOTTO_TRY(chat_builder_start(&text, a));
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
    /* Copies double what is there, unless provenance differs inside: then one copy at a time is
     * added. */
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
  if (!chat_str_is_ascii(s))
    SOTTO_TRY(chat_work(rt, (uint64_t)s->len * 2)); /* finding a code point means counting */
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
  str *copy;
  CHAT_NEW(copy);
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

int chat_str_compare(const str *a,
                     const str *b) { /* the bytes of UTF-8 sort as its code points do */
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
    /* A hostile pattern may match almost to its end at every place. */
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
  size_t at = 0; /* all before this place has been copied */
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
