/* Methods of strings that compare, cut and replace. */
#include "base/utf8.h"
#include "chat/methods/methods.h"

static sotto_status sub_result(runtime *rt, const str *s, size_t start, size_t end, value *out) {
  const str *sub;
  SOTTO_TRY(chat_str_sub(rt, s, start, end, &sub));
  *out = value_string(sub);
  return SOTTO_OK;
}

static sotto_status has_affix(runtime *rt, const str *s, value given, bool suffix, value *out) {
  list one = {.n = 1, .items = &given};
  const list *affixes = given.type == V_TUPLE ? given.as.list : &one;
  *out = value_bool(false);
  for (size_t i = 0; i < affixes->n; i++) {
    const str *affix;
    SOTTO_TRY(chat_need_string(rt, affixes->items[i], &affix));
    SOTTO_TRY(chat_work(rt, affix->len + 8));
    if (affix->len > s->len) continue;
    size_t at = suffix ? s->len - affix->len : 0;
    if (affix->len && memcmp(s->data + at, affix->data, affix->len) != 0) continue;
    *out = value_bool(true);
  }
  return SOTTO_OK;
}

METHOD(str_startswith) {
  METHOD_UNUSED;
  return has_affix(rt, self.as.string, a[0], false, out);
}

METHOD(str_endswith) {
  METHOD_UNUSED;
  return has_affix(rt, self.as.string, a[0], true, out);
}

METHOD(str_replace) {
  METHOD_UNUSED;
  const str *s = self.as.string, *old, *fresh;
  int64_t count = -1;
  SOTTO_TRY(chat_need_string(rt, a[0], &old));
  SOTTO_TRY(chat_need_string(rt, a[1], &fresh));
  SOTTO_TRY(chat_take_integer(rt, a[2], &count));
  if (s->markup) SOTTO_TRY(chat_str_escape(rt, fresh, &fresh));
  SOTTO_TRY(chat_str_replace(rt, s, old, fresh, count, &s));
  *out = value_string(s);
  return SOTTO_OK;
}

/* ---- stripping ------------------------------------------------------------------------------ */

static sotto_status strip(runtime *rt, const str *s, value chars, bool left, bool right,
                          value *out) {
  const str *set = NULL;
  size_t start, end;
  SOTTO_TRY(chat_take_string(rt, chars, &set));
  SOTTO_TRY(chat_work(rt, (uint64_t)s->len * (set ? set->len : 1)));
  chat_str_strip(s, set, left, right, &start, &end);
  return sub_result(rt, s, start, end, out);
}

METHOD(str_strip) {
  METHOD_UNUSED;
  return strip(rt, self.as.string, a[0], true, true, out);
}

METHOD(str_lstrip) {
  METHOD_UNUSED;
  return strip(rt, self.as.string, a[0], true, false, out);
}

METHOD(str_rstrip) {
  METHOD_UNUSED;
  return strip(rt, self.as.string, a[0], false, true, out);
}

/* ---- splitting ------------------------------------------------------------------------------ */

typedef struct pieces {
  runtime *rt;
  list list;
  size_t cap;
} pieces;

static sotto_status add_piece(pieces *p, const str *s, size_t start, size_t end) {
  runtime *rt = p->rt;
  CHAT_GROW(p->list.items, p->list.n, p->cap);
  SOTTO_TRY(chat_work(rt, CHAT_WORK_STEP));
  return sub_result(rt, s, start, end, &p->list.items[p->list.n++]);
}

static sotto_status pieces_result(pieces *p, bool reverse, value *out) {
  runtime *rt = p->rt;
  list *l;
  CHAT_NEW(l);
  *l = p->list;
  for (size_t i = 0; reverse && i < l->n / 2; i++) {
    value swap = l->items[i];
    l->items[i] = l->items[l->n - 1 - i];
    l->items[l->n - 1 - i] = swap;
  }
  *out = (value){.type = V_LIST, .as.list = l};
  return SOTTO_OK;
}

static bool space_at(const str *s, size_t at, size_t *n) {
  uint32_t c;
  *n = sotto_utf8_decode(s->data + at, s->len - at, &c);
  return chat_is_space(c);
}

static size_t char_before(const str *s, size_t at) {
  do at--;
  while (((unsigned char)s->data[at] & 0xC0) == 0x80);
  return at;
}

static sotto_status split_space(pieces *p, const str *s, int64_t limit) {
  size_t at = 0, n;
  for (;;) {
    while (at < s->len && space_at(s, at, &n)) at += n;
    if (at >= s->len) return SOTTO_OK;
    if (limit >= 0 && (int64_t)p->list.n >= limit) return add_piece(p, s, at, s->len);
    size_t start = at;
    while (at < s->len && !space_at(s, at, &n)) at += n;
    SOTTO_TRY(add_piece(p, s, start, at));
  }
}

static sotto_status rsplit_space(pieces *p, const str *s, int64_t limit) {
  size_t at = s->len, n;
  for (;;) {
    while (at > 0 && space_at(s, char_before(s, at), &n)) at -= n;
    if (at == 0) return SOTTO_OK;
    if (limit >= 0 && (int64_t)p->list.n >= limit) return add_piece(p, s, 0, at);
    size_t end = at;
    while (at > 0 && !space_at(s, char_before(s, at), &n)) at -= n;
    SOTTO_TRY(add_piece(p, s, at, end));
  }
}

static sotto_status split(runtime *rt, const str *s, const value *a, bool right, value *out) {
  const str *separator = NULL;
  int64_t limit = -1;
  pieces p = {.rt = rt};
  SOTTO_TRY(chat_take_string(rt, a[0], &separator));
  SOTTO_TRY(chat_take_integer(rt, a[1], &limit));
  if (!separator) {
    SOTTO_TRY(chat_work(rt, (uint64_t)s->len * 8));
    SOTTO_TRY(right ? rsplit_space(&p, s, limit) : split_space(&p, s, limit));
    return pieces_result(&p, right, out);
  }
  if (separator->len == 0) return chat_fail(rt, "split() by an empty string");
  size_t start = 0, end = s->len, at;
  while (limit < 0 || (int64_t)p.list.n < limit) {
    if (right)
      SOTTO_TRY(chat_str_rfind(rt, s, separator, start, end, &at));
    else
      SOTTO_TRY(chat_str_find(rt, s, separator, start, end, &at));
    if (at == SIZE_MAX) break;
    if (right) {
      SOTTO_TRY(add_piece(&p, s, at + separator->len, end));
      end = at;
    } else {
      SOTTO_TRY(add_piece(&p, s, start, at));
      start = at + separator->len;
    }
  }
  SOTTO_TRY(add_piece(&p, s, start, end));
  return pieces_result(&p, right, out);
}

METHOD(str_split) {
  METHOD_UNUSED;
  return split(rt, self.as.string, a, false, out);
}

METHOD(str_rsplit) {
  METHOD_UNUSED;
  return split(rt, self.as.string, a, true, out);
}
