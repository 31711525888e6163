/* Methods of strings that compare, cut and replace. */
#include "base/utf8.h"
#include "chat/methods/methods.h"

static sotto_status sub_result(runtime *rt, const str *s, size_t start, size_t end, value *out) {
  const str *sub;
  SOTTO_TRY(chat_str_sub(rt, s, start, end, &sub));
  *out = value_string(sub);
  return SOTTO_OK;
}

METHOD(str_has_affix) {
  const str *s = c->self.as.string;
  const list *tuple = c->a[0].type == V_TUPLE ? c->a[0].as.list : NULL;
  *out = value_bool(false);
  for (size_t i = 0; i < (tuple ? tuple->n : 1); i++) {
    const str *affix;
    SOTTO_TRY(chat_need_string(rt, tuple ? tuple->items[i] : c->a[0], &affix));
    SOTTO_TRY(chat_work(rt, affix->len + 8));
    if (affix->len > s->len) continue;
    size_t at = c->how == RIGHT ? s->len - affix->len : 0;
    if (affix->len && memcmp(s->data + at, affix->data, affix->len) != 0) continue;
    *out = value_bool(true);
  }
  return SOTTO_OK;
}

METHOD(str_replace) {
  const str *s = c->self.as.string, *old, *fresh;
  int64_t count = -1;
  SOTTO_TRY(chat_need_string(rt, c->a[0], &old));
  SOTTO_TRY(chat_need_string(rt, c->a[1], &fresh));
  SOTTO_TRY(chat_take_integer(rt, c->a[2], &count));
  if (s->markup) SOTTO_TRY(chat_str_escape(rt, fresh, &fresh));
  SOTTO_TRY(chat_str_replace(rt, s, old, fresh, count, &s));
  *out = value_string(s);
  return SOTTO_OK;
}

METHOD(str_strip) {
  const str *s = c->self.as.string, *chars = NULL;
  size_t start, end;
  SOTTO_TRY(chat_take_string(rt, c->a[0], &chars));
  SOTTO_TRY(chat_work(rt, (uint64_t)s->len * (chars ? chars->len : 1)));
  chat_str_strip(s, chars, c->how & LEFT, c->how & RIGHT, &start, &end);
  return sub_result(rt, s, start, end, out);
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

METHOD(str_split) {
  const str *s = c->self.as.string, *separator = NULL;
  const bool right = c->how == RIGHT;
  int64_t limit = -1;
  pieces p = {.rt = rt};
  SOTTO_TRY(chat_take_string(rt, c->a[0], &separator));
  SOTTO_TRY(chat_take_integer(rt, c->a[1], &limit));
  if (!separator) {
    if (right) return chat_fail(rt, "rsplit() without a separator is not supported");
    SOTTO_TRY(chat_work(rt, (uint64_t)s->len * 8));
    SOTTO_TRY(split_space(&p, s, limit));
    return pieces_result(&p, false, out);
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
