/* The for statement and its `loop` variable. The loop's own filter sees one item at a time, as in
 * the reference: it sees what the body did to namespaces before. */
#include "chat/eval/rendering.h"

struct loop {
  const node *node;
  scope *outer;
  generator *items;
  int64_t index0, length; /* length is -1 as long as it is not known */
  value before, current, after;
  bool has_after; /* `after` has been taken already */
};

/* Whether an item passes the loop's own filter. */
static sotto_status passes(runtime *rt, const struct loop *l, value item, bool *out) {
  scope *s;
  value test;
  *out = true;
  if (!l->node->e) return SOTTO_OK;
  SOTTO_TRY(chat_scope_new(rt, l->outer, &s));
  SOTTO_TRY(chat_assign(rt, l->node->a, s, item));
  SOTTO_TRY(chat_eval(rt, l->node->e, s, &test));
  *out = chat_truth(test);
  return SOTTO_OK;
}

static sotto_status take(runtime *rt, struct loop *l, value *out, bool *more) {
  for (*more = false; !*more && l->items->at < l->items->items.n;) {
    SOTTO_TRY(chat_work(rt, CHAT_WORK_STEP));
    *out = l->items->items.items[l->items->at++];
    SOTTO_TRY(passes(rt, l, *out, more));
  }
  return SOTTO_OK;
}

static sotto_status next(runtime *rt, struct loop *l, value *out, bool *more) {
  if (!l->has_after) return take(rt, l, out, more);
  l->has_after = false;
  *out = l->after;
  *more = true;
  return SOTTO_OK;
}

static sotto_status peek(runtime *rt, struct loop *l) {
  return l->has_after ? SOTTO_OK : take(rt, l, &l->after, &l->has_after);
}

/* Counts the items that are still to come, which means taking them all; they are kept for the
 * loop. */
static sotto_status find_length(runtime *rt, struct loop *l) {
  list rest = {0};
  bool more = true;
  if (l->length >= 0) return SOTTO_OK;
  CHAT_NEW_ARRAY(rest.items, l->items->items.n - l->items->at + 1);
  while (more) {
    SOTTO_TRY(take(rt, l, &rest.items[rest.n], &more));
    rest.n += more;
  }
  CHAT_NEW(l->items);
  l->items->items = rest;
  l->length = l->index0 + 1 + l->has_after + (int64_t)rest.n;
  return SOTTO_OK;
}

static sotto_status run(runtime *rt, struct loop *l, flow *how) {
  const node *n = l->node;
  const rendering *r = chat_rendering(rt);
  scope *s = NULL;
  bool completed =
      false; /* a body ran to its end; as in the reference, `else` is for loops where none did */
  for (;;) {
    value item;
    bool more;
    rt->at = &n->at;
    SOTTO_TRY(next(rt, l, &item, &more));
    if (!more) break;
    l->index0++;
    l->before = l->current;
    l->current = item;
    if (!s || s->kept) SOTTO_TRY(chat_scope_new(rt, l->outer, &s));
    s->n = 0;
    if (r->loop_name < r->tmpl->n_names) {
      SOTTO_TRY(chat_scope_set(rt, s, r->loop_name, (value){.type = V_LOOP, .as.loop = l}));
    }
    SOTTO_TRY(chat_assign(rt, n->a, s, item));
    SOTTO_TRY(chat_exec(rt, n->c, s, how));
    if (*how == FLOW_BREAK) break;
    completed |= *how == FLOW_NORMAL;
  }
  *how = FLOW_NORMAL;
  if (completed || !n->d) return SOTTO_OK;
  SOTTO_TRY(chat_scope_new(rt, l->outer, &s));
  return chat_exec(rt, n->d, s, how);
}

sotto_status chat_exec_for(runtime *rt, const node *n, scope *s, flow *how) {
  value iterable;
  struct loop *l;
  *how = FLOW_NORMAL;
  SOTTO_TRY(chat_eval(rt, n->b, s, &iterable));
  rt->at = &n->at;
  CHAT_NEW(l);
  *l = (struct loop){.node = n, .outer = s, .index0 = -1, .length = -1};
  SOTTO_TRY(chat_iterate(rt, iterable, &l->items));
  if (!n->e && iterable.type != V_GENERATOR) l->length = (int64_t)l->items->items.n;
  return run(rt, l, how);
}

sotto_status chat_loop_attribute(runtime *rt, struct loop *l, const str *name, value *out) {
  if (chat_str_is(name, "index") || chat_str_is(name, "index0")) {
    *out = value_int(l->index0 + (name->len == 5));
  } else if (chat_str_is(name, "first")) {
    *out = value_bool(l->index0 == 0);
  } else if (chat_str_is(name, "previtem")) {
    if (l->index0 == 0) return chat_undefined_hint(rt, "there is no previous item", out);
    *out = l->before;
  } else if (chat_str_is(name, "nextitem")) {
    SOTTO_TRY(peek(rt, l));
    if (!l->has_after) return chat_undefined_hint(rt, "there is no next item", out);
    *out = l->after;
  } else if (chat_str_is(name, "last")) {
    SOTTO_TRY(peek(rt, l));
    *out = value_bool(!l->has_after);
  } else if (chat_str_is(name, "length")) {
    SOTTO_TRY(find_length(rt, l));
    *out = value_int(l->length);
  } else if (chat_str_is(name, "revindex") || chat_str_is(name, "revindex0")) {
    SOTTO_TRY(find_length(rt, l));
    *out = value_int(l->length - l->index0 - (name->len == 9));
  } else {
    return chat_fail(rt, "'%.*s' of loop is not supported", CHAT_STR_ARG(name));
  }
  return SOTTO_OK;
}
