/* map, select and their kind. As in the reference their results are generators, whose items can be
 * taken once; but the items are computed at once, where the reference waits until one is asked
 * for. */
#include "chat/filters/filters.h"

/* What is done with each item. */
typedef struct step {
  getter get;     /* an attribute, or the item itself */
  int number;     /* a filter (map) or test (select); -1: none */
  arguments args; /* for it */
  bool wanted;    /* what the test must say for an item to stay */
} step;

typedef sotto_status step_function(runtime *rt, const step *s, value item, value *out, bool *keep);

static sotto_status map_step(runtime *rt, const step *s, value item, value *out, bool *keep) {
  *keep = true;
  if (s->number >= 0) return chat_filter(rt, s->number, item, &s->args, out);
  return chat_getter_get(rt, &s->get, item, out);
}

static sotto_status select_step(runtime *rt, const step *s, value item, value *out, bool *keep) {
  value subject;
  SOTTO_TRY(chat_getter_get(rt, &s->get, item, &subject));
  bool truth = chat_truth(subject);
  if (s->number >= 0) SOTTO_TRY(chat_test(rt, s->number, subject, &s->args, &truth));
  *out = item;
  *keep = truth == s->wanted;
  return SOTTO_OK;
}

static sotto_status run(runtime *rt, value in, const step *s, step_function *function, value *out) {
  list items = {0}, kept = {0};
  if (chat_truth(in))
    SOTTO_TRY(chat_to_list(rt, in, &items)); /* what is empty or None has no items */
  CHAT_NEW_ARRAY(kept.items, items.n);
  SOTTO_TRY(chat_enter(rt));
  for (size_t i = 0; i < items.n; i++) {
    bool keep;
    SOTTO_TRY(chat_work(rt, CHAT_WORK_STEP));
    SOTTO_TRY(function(rt, s, items.items[i], &kept.items[kept.n], &keep));
    kept.n += keep;
  }
  rt->depth--;
  return chat_generator_new(rt, &kept, out);
}

static value take_keyword(const arguments *args, const char *name) {
  for (size_t i = 0; i < args->n_keywords; i++) {
    if (chat_str_is(args->keywords[i].name, name)) return args->keywords[i].v;
  }
  return value_absent();
}

/* The number of the filter or test that a value names. */
static sotto_status find_named(runtime *rt, value name, bool is_test, int *number) {
  if (name.type != V_STRING)
    return chat_fail(rt, "the name of a %s is needed here, not %s", is_test ? "test" : "filter",
                     chat_type_name(name));
  const str *s = name.as.string;
  *number = is_test ? chat_find_test(s->data, s->len) : chat_find_filter(s->data, s->len);
  if (*number >= 0) return SOTTO_OK;
  return chat_fail(rt, "%s '%.*s' is not supported", is_test ? "test" : "filter", CHAT_STR_ARG(s));
}

/* Drops the first argument. */
static void shift(arguments *args) {
  args->positional++;
  args->n--;
}

FILTER(map) {
  step s = {.number = -1, .args = *c->args};
  if (c->args->n) {
    SOTTO_TRY(find_named(rt, c->args->positional[0], false, &s.number));
    shift(&s.args);
  } else {
    value attribute = take_keyword(c->args, "attribute"),
          otherwise = take_keyword(c->args, "default");
    if (attribute.type == V_ABSENT || c->args->n_keywords > 1 + (otherwise.type != V_ABSENT)) {
      return chat_fail(rt, "map needs the name of a filter, or attribute= (and default=)");
    }
    SOTTO_TRY(chat_getter_init(rt, &s.get, attribute, false, otherwise));
  }
  return run(rt, c->self, &s, map_step, out);
}

FILTER(select) {
  step s = {.number = -1, .wanted = !(c->how & REJECT), .args = *c->args};
  if (c->how & BY_ATTRIBUTE) {
    if (!s.args.n) return chat_fail(rt, "the name of an attribute is needed here");
    SOTTO_TRY(chat_getter_init(rt, &s.get, s.args.positional[0], false, value_absent()));
    shift(&s.args);
  }
  if (s.args.n) {
    SOTTO_TRY(find_named(rt, s.args.positional[0], true, &s.number));
    shift(&s.args);
  }
  return run(rt, c->self, &s, select_step, out);
}
