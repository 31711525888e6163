/* The for statement and its `loop` variable. Items are fetched one by one, as in the reference: a
 * filter of the loop sees what the body did to namespaces before. */
#include "chat/strings.h"

struct loop {
  const node *node;
  scope *outer;
  iterator *items;
  value iterable;
  int64_t index0, length; /* length -1: not known yet */
  value before, current, after;
  bool has_after; /* `after` was fetched early */
  int64_t depth0;
  value changed; /* argument of the last loop.changed() */
};

static sotto_status fetch(runtime *rt, struct loop *l, value *out, bool *more) {
  if (l->has_after) {
    l->has_after = false;
    *out = l->after;
    *more = true;
    return SOTTO_OK;
  }
  return chat_next(rt, l->items, out, more);
}

static sotto_status peek(runtime *rt, struct loop *l) {
  if (l->has_after) return SOTTO_OK;
  return chat_next(rt, l->items, &l->after, &l->has_after);
}

static sotto_status length(runtime *rt, struct loop *l, int64_t *out) {
  if (l->length < 0 && l->iterable.type != V_ITERATOR) {
    SOTTO_TRY(chat_length(rt, l->iterable, &l->length));
  } else if (l->length < 0) { /* fetch all the rest */
    list rest;
    value again, source = {.type = V_ITERATOR, .as.iter = l->items};
    SOTTO_TRY(chat_to_list(rt, source, &rest));
    SOTTO_TRY(chat_iterator_of_list(rt, &rest, &again));
    l->items = again.as.iter;
    l->length = (int64_t)rest.n + l->index0 + 1 + l->has_after;
  }
  *out = l->length;
  return SOTTO_OK;
}

/* One item at a time: whether it passes the loop's own filter. */
typedef struct loop_filter {
  const node *node;
  scope *outer;
} loop_filter;

static sotto_status pass_filter(runtime *rt, void *data, value item, value *out, bool *keep) {
  const loop_filter *f = data;
  scope *s;
  value test;
  SOTTO_TRY(chat_scope_new(rt, f->outer, &s));
  SOTTO_TRY(chat_assign(rt, f->node->a, s, item));
  SOTTO_TRY(chat_eval(rt, f->node->e, s, &test));
  *out = item;
  return chat_truth(rt, test, keep);
}

static sotto_status start(runtime *rt, const node *n, scope *s, value iterable, struct loop **out) {
  struct loop *l = *out = chat_alloc(rt, sizeof *l);
  CHAT_NO_MEMORY(l);
  *l = (struct loop){.node = n, .outer = s, .iterable = iterable, .index0 = -1, .length = -1};
  SOTTO_TRY(chat_iterate(rt, iterable, &l->items));
  if (!n->e) return SOTTO_OK;
  loop_filter *filter = chat_alloc(rt, sizeof *filter);
  CHAT_NO_MEMORY(filter);
  *filter = (loop_filter){n, s};
  SOTTO_TRY(chat_iterator_new(rt, l->items, pass_filter, filter, &l->items));
  l->iterable = (value){.type = V_ITERATOR, .as.iter = l->items};
  return SOTTO_OK;
}

static sotto_status run(runtime *rt, struct loop *l, flow *how) {
  const node *n = l->node;
  scope *s = NULL;
  bool completed =
      false; /* some body ran to its end; as in the reference, `else` runs if none did */
  *how = FLOW_NORMAL;
  for (;;) {
    value item;
    bool more;
    rt->at = n;
    SOTTO_TRY(fetch(rt, l, &item, &more));
    if (!more) break;
    l->index0++;
    l->before = l->current;
    l->current = item;
    if (!s || s->kept) SOTTO_TRY(chat_scope_new(rt, l->outer, &s));
    s->n = 0;
    if (rt->loop_name < rt->tmpl->n_names) {
      value self = {.type = V_LOOP, .as.loop = l};
      SOTTO_TRY(chat_scope_set(rt, s, rt->loop_name, self));
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
  SOTTO_TRY(chat_eval(rt, n->b, s, &iterable));
  rt->at = n;
  SOTTO_TRY(start(rt, n, s, iterable, &l));
  return run(rt, l, how);
}

/* loop(items), in a loop marked recursive: the whole loop again, over these. */
sotto_status chat_call_loop(runtime *rt, struct loop *l, const arguments *args, value *out) {
  value slots[CHAT_MAX_PARAMETERS];
  struct loop *inner;
  builder text, *outer = rt->out;
  flow how;
  const str *result;
  SOTTO_TRY(chat_bind(rt, "loop()", "iterable", 1, args, slots));
  if (!l->node->flag) return chat_fail(rt, "loop() needs a loop marked 'recursive'");
  if (rt->depth >= CHAT_MAX_DEPTH) return chat_fail(rt, "nested too deeply (endless recursion?)");
  rt->depth++;
  SOTTO_TRY(start(rt, l->node, l->outer, slots[0], &inner));
  inner->depth0 = l->depth0 + 1;
  chat_builder_init(&text, rt);
  rt->out = &text;
  SOTTO_TRY(run(rt, inner, &how));
  rt->out = outer;
  rt->depth--;
  SOTTO_TRY(chat_builder_finish(&text, &result));
  *out = value_string(result);
  return SOTTO_OK;
}

static sotto_status neighbour(runtime *rt, struct loop *l, bool next, value *out) {
  if (next) {
    SOTTO_TRY(peek(rt, l));
    if (!l->has_after) return chat_undefined_hint(rt, "there is no next item", out);
    *out = l->after;
    return SOTTO_OK;
  }
  if (l->index0 == 0) return chat_undefined_hint(rt, "there is no previous item", out);
  *out = l->before;
  return SOTTO_OK;
}

sotto_status chat_loop_attribute(runtime *rt, struct loop *l, const str *name, value *out) {
  int64_t n;
  if (chat_str_is(name, "index"))
    *out = value_int(l->index0 + 1);
  else if (chat_str_is(name, "index0"))
    *out = value_int(l->index0);
  else if (chat_str_is(name, "first"))
    *out = value_bool(l->index0 == 0);
  else if (chat_str_is(name, "depth"))
    *out = value_int(l->depth0 + 1);
  else if (chat_str_is(name, "depth0"))
    *out = value_int(l->depth0);
  else if (chat_str_is(name, "previtem"))
    return neighbour(rt, l, false, out);
  else if (chat_str_is(name, "nextitem"))
    return neighbour(rt, l, true, out);
  else if (chat_str_is(name, "last")) {
    SOTTO_TRY(peek(rt, l));
    *out = value_bool(!l->has_after);
  } else if (chat_str_is(name, "length") || chat_str_is(name, "revindex") ||
             chat_str_is(name, "revindex0")) {
    SOTTO_TRY(length(rt, l, &n));
    if (name->len > 6) n -= l->index0 + (name->len > 8);
    *out = value_int(n);
  } else {
    value self = {.type = V_LOOP, .as.loop = l};
    return chat_get_method(rt, self, name, out);
  }
  return SOTTO_OK;
}

/* loop.cycle(…) and loop.changed(…) */
sotto_status chat_loop_method(runtime *rt, struct loop *l, bool cycle, const arguments *args,
                              value *out) {
  if (cycle) {
    if (args->n == 0) return chat_fail(rt, "loop.cycle() needs items");
    *out = args->positional[(size_t)l->index0 % args->n];
    return SOTTO_OK;
  }
  value *items, now;
  bool same = false;
  SOTTO_TRY(chat_list_new(rt, args->n, V_TUPLE, &now, &items));
  for (size_t i = 0; i < args->n; i++) items[i] = args->positional[i];
  if (l->changed.type != V_ABSENT) SOTTO_TRY(chat_equal(rt, l->changed, now, &same));
  l->changed = now;
  *out = value_bool(!same);
  return SOTTO_OK;
}
