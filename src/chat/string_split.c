/* Methods of strings that search, cut and join. */
#include "base/utf8.h"
#include "chat/methods.h"

#define METHOD(name)                                                                               \
  sotto_status chat_method_##name(runtime *rt, value self, const value *a, const arguments *args,  \
                                  value *out)
#define SELF                                                                                       \
  const str *s = self.as.string;                                                                   \
  (void)a;                                                                                         \
  (void)args;                                                                                      \
  (void)s

sotto_status chat_take_string(runtime *rt, value v, const str **out) {
  if (v.type == V_STRING)
    *out = v.as.string;
  else if (v.type == V_UNDEFINED)
    return chat_fail_undefined(rt, v);
  else if (v.type != V_ABSENT && v.type != V_NONE) {
    return chat_fail(rt, "expected a string, got %s", chat_type_name(v));
  }
  return SOTTO_OK;
}

sotto_status chat_take_integer(runtime *rt, value v, int64_t *out) {
  if (v.type == V_INT)
    *out = v.as.integer;
  else if (v.type == V_BOOL)
    *out = v.as.boolean;
  else if (v.type == V_UNDEFINED)
    return chat_fail_undefined(rt, v);
  else if (v.type != V_ABSENT && v.type != V_NONE) {
    return chat_fail(rt, "expected an integer, got %s", chat_type_name(v));
  }
  return SOTTO_OK;
}

/* A string that must be there. */
static sotto_status need_string(runtime *rt, value v, const str **out) {
  *out = NULL;
  SOTTO_TRY(chat_take_string(rt, v, out));
  return *out ? SOTTO_OK : chat_fail(rt, "expected a string, got %s", chat_type_name(v));
}

sotto_status chat_take_bounds(runtime *rt, const str *s, const value *a, size_t *start,
                              size_t *end) {
  int64_t from = 0, to = INT64_MAX, n = s->chars;
  bool given = a[0].type != V_ABSENT || a[1].type != V_ABSENT;
  if (given && !chat_str_is_ascii(s)) SOTTO_TRY(chat_work(rt, (uint64_t)s->len * 4));
  SOTTO_TRY(chat_take_integer(rt, a[0], &from));
  SOTTO_TRY(chat_take_integer(rt, a[1], &to));
  if (from < 0) from = from < -n ? 0 : from + n;
  if (to < 0) to = to < -n ? 0 : to + n;
  *start = from > n ? (size_t)s->len + 1 : chat_str_byte(s, (size_t)from);
  *end = to > n ? s->len : chat_str_byte(s, (size_t)to);
  return SOTTO_OK;
}

sotto_status chat_string_result(runtime *rt, const str *s, value *out) {
  (void)rt;
  *out = value_string(s);
  return SOTTO_OK;
}

static sotto_status sub_result(runtime *rt, const str *s, size_t start, size_t end, value *out) {
  const str *sub;
  SOTTO_TRY(chat_str_sub(rt, s, start, end, &sub));
  *out = value_string(sub);
  return SOTTO_OK;
}

/* ---- searching ------------------------------------------------------------------------------ */

static sotto_status find(runtime *rt, const str *s, const value *a, bool last, bool must,
                         value *out) {
  const str *what;
  size_t start, end, at;
  SOTTO_TRY(need_string(rt, a[0], &what));
  SOTTO_TRY(chat_take_bounds(rt, s, a + 1, &start, &end));
  if (last)
    SOTTO_TRY(chat_str_rfind(rt, s, what, start, end, &at));
  else
    SOTTO_TRY(chat_str_find(rt, s, what, start, end, &at));
  if (at == SIZE_MAX && must) return chat_fail(rt, "index(): the string does not contain it");
  *out = value_int(at == SIZE_MAX ? -1 : (int64_t)chat_str_char(s, at));
  return chat_work(rt, at == SIZE_MAX || chat_str_is_ascii(s) ? 0 : at);
}

METHOD(str_find) {
  SELF;
  return find(rt, s, a, false, false, out);
}

METHOD(str_rfind) {
  SELF;
  return find(rt, s, a, true, false, out);
}

METHOD(str_index) {
  SELF;
  return find(rt, s, a, false, true, out);
}

METHOD(str_rindex) {
  SELF;
  return find(rt, s, a, true, true, out);
}

METHOD(str_count) {
  SELF;
  const str *what;
  size_t start, end, at;
  int64_t n = 0;
  SOTTO_TRY(need_string(rt, a[0], &what));
  SOTTO_TRY(chat_take_bounds(rt, s, a + 1, &start, &end));
  if (what->len == 0) {
    if (start <= end) n = (int64_t)(chat_str_char(s, end) - chat_str_char(s, start)) + 1;
    *out = value_int(n);
    return SOTTO_OK;
  }
  for (;; n++) {
    SOTTO_TRY(chat_str_find(rt, s, what, start, end, &at));
    if (at == SIZE_MAX) break;
    start = at + what->len;
  }
  *out = value_int(n);
  return SOTTO_OK;
}

static sotto_status has_affix(runtime *rt, const str *s, const value *a, bool suffix, value *out) {
  size_t start, end;
  SOTTO_TRY(chat_take_bounds(rt, s, a + 1, &start, &end));
  value first = a[0];
  list one = {.n = 1, .items = &first};
  const list *affixes = a[0].type == V_TUPLE ? a[0].as.list : &one;
  *out = value_bool(false);
  for (size_t i = 0; i < affixes->n; i++) {
    const str *affix;
    SOTTO_TRY(need_string(rt, affixes->items[i], &affix));
    SOTTO_TRY(chat_work(rt, affix->len + 8));
    if (start > end || affix->len > end - start) continue;
    size_t at = suffix ? end - affix->len : start;
    if (affix->len && memcmp(s->data + at, affix->data, affix->len) != 0) continue;
    *out = value_bool(true);
  }
  return SOTTO_OK;
}

METHOD(str_startswith) {
  SELF;
  return has_affix(rt, s, a, false, out);
}

METHOD(str_endswith) {
  SELF;
  return has_affix(rt, s, a, true, out);
}

METHOD(str_removeprefix) {
  SELF;
  const str *prefix;
  SOTTO_TRY(need_string(rt, a[0], &prefix));
  bool there =
      prefix->len <= s->len && (!prefix->len || !memcmp(s->data, prefix->data, prefix->len));
  return sub_result(rt, s, there ? prefix->len : 0, s->len, out);
}

METHOD(str_removesuffix) {
  SELF;
  const str *suffix;
  SOTTO_TRY(need_string(rt, a[0], &suffix));
  size_t end = s->len - (suffix->len <= s->len ? suffix->len : 0);
  bool there =
      suffix->len && suffix->len <= s->len && !memcmp(s->data + end, suffix->data, suffix->len);
  return sub_result(rt, s, 0, there ? end : s->len, out);
}

METHOD(str_replace) {
  SELF;
  const str *old, *fresh, *result;
  int64_t count = -1;
  SOTTO_TRY(need_string(rt, a[0], &old));
  SOTTO_TRY(need_string(rt, a[1], &fresh));
  SOTTO_TRY(chat_take_integer(rt, a[2], &count));
  if (s->markup) SOTTO_TRY(chat_str_escape(rt, fresh, &fresh));
  SOTTO_TRY(chat_str_replace(rt, s, old, fresh, count, &result));
  return chat_string_result(rt, result, out);
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
  SELF;
  return strip(rt, s, a[0], true, true, out);
}

METHOD(str_lstrip) {
  SELF;
  return strip(rt, s, a[0], true, false, out);
}

METHOD(str_rstrip) {
  SELF;
  return strip(rt, s, a[0], false, true, out);
}

/* ---- splitting ------------------------------------------------------------------------------ */

typedef struct pieces {
  runtime *rt;
  list list;
  size_t cap;
} pieces;

static sotto_status add_piece(pieces *p, const str *s, size_t start, size_t end) {
  runtime *rt = p->rt;
  if (p->list.n == p->cap) {
    p->cap = p->cap ? p->cap * 2 : 8;
    value *items = chat_array(rt, p->cap, sizeof *items);
    CHAT_NO_MEMORY(items);
    if (p->list.n) memcpy(items, p->list.items, p->list.n * sizeof *items);
    p->list.items = items;
  }
  SOTTO_TRY(chat_work(rt, CHAT_WORK_STEP));
  return sub_result(rt, s, start, end, &p->list.items[p->list.n++]);
}

static sotto_status pieces_result(pieces *p, bool reverse, value *out) {
  runtime *rt = p->rt;
  list *l = chat_alloc(rt, sizeof *l);
  CHAT_NO_MEMORY(l);
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
  SELF;
  return split(rt, s, a, false, out);
}

METHOD(str_rsplit) {
  SELF;
  return split(rt, s, a, true, out);
}

METHOD(str_splitlines) {
  SELF;
  bool keep;
  pieces p = {.rt = rt};
  SOTTO_TRY(chat_truth(rt, a[0], &keep));
  SOTTO_TRY(chat_work(rt, (uint64_t)s->len * 8));
  for (size_t at = 0, end, next; at < s->len; at = next) {
    chat_str_line(s, at, &end, &next);
    SOTTO_TRY(add_piece(&p, s, at, keep ? next : end));
  }
  return pieces_result(&p, false, out);
}

static sotto_status partition(runtime *rt, const str *s, value separator, bool right, value *out) {
  const str *what;
  size_t at;
  pieces p = {.rt = rt};
  SOTTO_TRY(need_string(rt, separator, &what));
  if (what->len == 0) return chat_fail(rt, "partition() by an empty string");
  if (right)
    SOTTO_TRY(chat_str_rfind(rt, s, what, 0, s->len, &at));
  else
    SOTTO_TRY(chat_str_find(rt, s, what, 0, s->len, &at));
  size_t first = at != SIZE_MAX ? at : right ? 0 : s->len;
  size_t last = at != SIZE_MAX ? at + what->len : first;
  SOTTO_TRY(add_piece(&p, s, 0, first));
  SOTTO_TRY(add_piece(&p, s, first, last));
  SOTTO_TRY(add_piece(&p, s, last, s->len));
  SOTTO_TRY(pieces_result(&p, false, out));
  out->type = V_TUPLE;
  return SOTTO_OK;
}

METHOD(str_partition) {
  SELF;
  return partition(rt, s, a[0], false, out);
}

METHOD(str_rpartition) {
  SELF;
  return partition(rt, s, a[0], true, out);
}

/* ---- joining -------------------------------------------------------------------------------- */

sotto_status chat_join(runtime *rt, const str *separator, value iterable, bool convert,
                       value *out) {
  iterator *it;
  builder b;
  const str *text;
  chat_builder_init(&b, rt);
  SOTTO_TRY(chat_iterate(rt, iterable, &it));
  for (bool first = true;; first = false) {
    value item;
    bool more;
    SOTTO_TRY(chat_next(rt, it, &item, &more));
    if (!more) break;
    if (!convert && item.type != V_STRING) {
      return chat_fail(rt, "join() needs strings, got %s", chat_type_name(item));
    }
    if (!first) SOTTO_TRY(chat_builder_add_str(&b, separator));
    SOTTO_TRY(chat_write(rt, &b, item));
  }
  SOTTO_TRY(chat_builder_finish(&b, &text));
  return chat_string_result(rt, text, out);
}

METHOD(str_join) {
  SELF;
  return chat_join(rt, s, a[0], false, out);
}
