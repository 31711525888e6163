/* map, select and their kind: lazy, as in the reference, so that nothing fails that nobody asks for;
 * and join, which may look up attributes on the way. */
#include "chat/filters.h"

/* What is done to each item. */
typedef struct step {
  getter get;     /* an attribute, or the item itself */
  int number;     /* a filter (map) or test (select); -1: none */
  arguments args; /* for it */
  bool wanted;    /* what the test must say for an item to stay */
} step;

static sotto_status map_step(runtime *rt, void *data, value item, value *out, bool *keep) {
  step *s = data;
  *keep = true;
  if (s->number >= 0) return chat_filter(rt, s->number, item, &s->args, out);
  return chat_getter_get(rt, &s->get, item, out);
}

static sotto_status select_step(runtime *rt, void *data, value item, value *out, bool *keep) {
  step *s = data;
  value subject;
  bool truth;
  SOTTO_TRY(chat_getter_get(rt, &s->get, item, &subject));
  if (s->number >= 0)
    SOTTO_TRY(chat_test(rt, s->number, subject, &s->args, &truth));
  else
    SOTTO_TRY(chat_truth(rt, subject, &truth));
  *out = item;
  *keep = truth == s->wanted;
  return SOTTO_OK;
}

static sotto_status start(runtime *rt, value in, const step *what, iterate_step *function,
                          value *out) {
  iterator *source, *it;
  step *s = chat_alloc(rt, sizeof *s);
  CHAT_NO_MEMORY(s);
  *s = *what;
  bool truth;
  SOTTO_TRY(chat_truth(rt, in, &truth)); /* what is empty or none gives nothing */
  list nothing = {0};
  if (!truth) return chat_iterator_of_list(rt, &nothing, out);
  SOTTO_TRY(chat_iterate(rt, in, &source));
  SOTTO_TRY(chat_iterator_new(rt, source, function, s, &it));
  *out = (value){.type = V_ITERATOR, .as.iter = it};
  return SOTTO_OK;
}

static value take_keyword(const arguments *args, const char *name) {
  for (size_t i = 0; i < args->n_keywords; i++) {
    if (chat_str_is(args->keywords[i].name, name)) return args->keywords[i].v;
  }
  return (value){.type = V_ABSENT};
}

/* The name of a filter or test in a value. */
static sotto_status find_named(runtime *rt, value name, bool is_test, int *number) {
  if (name.type != V_STRING)
    return chat_fail(rt, "the name of a %s is needed here, not %s", is_test ? "test" : "filter",
                     chat_type_name(name));
  const str *s = name.as.string;
  *number = is_test ? chat_find_test(s->data, s->len) : chat_find_filter(s->data, s->len);
  if (*number >= 0) return SOTTO_OK;
  return chat_fail(rt, "there is no %s '%.*s'", is_test ? "test" : "filter",
                   (int)(s->len < 64 ? s->len : 64), s->data);
}

FILTER(map) {
  FILTER_UNUSED;
  step s = {.number = -1};
  if (args->n) {
    SOTTO_TRY(find_named(rt, args->positional[0], false, &s.number));
    s.args = *args;
    s.args.positional++;
    s.args.n--;
  } else {
    value attribute = take_keyword(args, "attribute"), otherwise = take_keyword(args, "default");
    if (attribute.type == V_ABSENT || args->n_keywords > 1 + (otherwise.type != V_ABSENT)) {
      return chat_fail(rt, "map needs the name of a filter, or attribute= (and default=)");
    }
    SOTTO_TRY(chat_getter_init(rt, &s.get, attribute, false, otherwise));
  }
  return start(rt, in, &s, map_step, out);
}

static sotto_status select_items(runtime *rt, value in, const arguments *args, bool attribute,
                                 bool wanted, value *out) {
  step s = {.number = -1, .wanted = wanted, .args = *args};
  value absent = {.type = V_ABSENT};
  if (attribute) {
    if (!s.args.n) return chat_fail(rt, "the name of an attribute is needed here");
    SOTTO_TRY(chat_getter_init(rt, &s.get, s.args.positional[0], false, absent));
    s.args.positional++;
    s.args.n--;
  }
  if (s.args.n) {
    SOTTO_TRY(find_named(rt, s.args.positional[0], true, &s.number));
    s.args.positional++;
    s.args.n--;
  }
  return start(rt, in, &s, select_step, out);
}

FILTER(select) {
  FILTER_UNUSED;
  return select_items(rt, in, args, false, true, out);
}

FILTER(reject) {
  FILTER_UNUSED;
  return select_items(rt, in, args, false, false, out);
}

FILTER(selectattr) {
  FILTER_UNUSED;
  return select_items(rt, in, args, true, true, out);
}

FILTER(rejectattr) {
  FILTER_UNUSED;
  return select_items(rt, in, args, true, false, out);
}

FILTER(join) {
  FILTER_UNUSED;
  const str *separator = CHAT_STR(rt, "");
  step s = {.number = -1};
  CHAT_NO_MEMORY(separator);
  if (a[0].type != V_ABSENT) SOTTO_TRY(chat_to_string(rt, a[0], &separator));
  if (a[1].type != V_ABSENT && a[1].type != V_NONE) {
    value absent = {.type = V_ABSENT};
    iterator *source, *it;
    SOTTO_TRY(chat_getter_init(rt, &s.get, a[1], false, absent));
    SOTTO_TRY(chat_iterate(rt, in, &source));
    SOTTO_TRY(chat_iterator_new(rt, source, map_step, &s, &it)); /* used up before we return */
    in = (value){.type = V_ITERATOR, .as.iter = it};
  }
  return chat_join(rt, separator, in, true, out);
}
