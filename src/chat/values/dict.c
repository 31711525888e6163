/* Dicts: entries in the order they came. Lookups search in line, and count as the work they are. */
#include "chat/values/strings.h"

static bool same_key(value a, value b) {
  bool ordered;
  if (chat_is_number(a) && chat_is_number(b)) return chat_compare_numbers(a, b, &ordered) == 0;
  if (a.type != b.type) return false;
  return a.type != V_STRING || chat_str_equal(a.as.string, b.as.string);
}

static sotto_status check_key(runtime *rt, value key) {
  switch (key.type) {
  case V_NONE:
  case V_BOOL:
  case V_INT:
  case V_FLOAT:
  case V_UNDEFINED: return chat_work(rt, CHAT_WORK_STEP / 4);
  case V_STRING: return chat_work(rt, key.as.string->len);
  case V_LIST:
  case V_DICT: return chat_fail(rt, "%s cannot be a key", chat_type_name(key));
  default: return chat_fail(rt, "%s as a key is not supported", chat_type_name(key));
  }
}

static sotto_status find(runtime *rt, const dict *d, value key, entry **out) {
  SOTTO_TRY(check_key(rt, key));
  SOTTO_TRY(chat_work(rt, d->n * 16));
  *out = NULL;
  for (size_t i = 0; i < d->n && !*out; i++) {
    if (same_key(d->entries[i].key, key)) *out = &d->entries[i];
  }
  return SOTTO_OK;
}

sotto_status chat_dict_new(runtime *rt, size_t cap, dict **out) {
  CHAT_NEW(*out);
  CHAT_NEW_ARRAY((*out)->entries, cap);
  (*out)->cap = cap;
  return SOTTO_OK;
}

sotto_status chat_dict_set(runtime *rt, dict *d, value key, value v) {
  entry *e;
  SOTTO_TRY(find(rt, d, key, &e));
  if (e) {
    e->value = v;
    return SOTTO_OK;
  }
  CHAT_GROW(d->entries, d->n, d->cap);
  d->entries[d->n++] = (entry){key, v};
  return SOTTO_OK;
}

sotto_status chat_dict_get(runtime *rt, const dict *d, value key, const value **out) {
  entry *e;
  SOTTO_TRY(find(rt, d, key, &e));
  *out = e ? &e->value : NULL;
  return SOTTO_OK;
}
