/* Methods: the table, and those of containers and loops. */
#include "chat/methods.h"

enum { S = 1, L = 2, T = 4, D = 8, P = 16, C = 32 };

static const struct method_definition {
  const char *name, *parameters; /* NULL: takes its arguments raw */
  uint8_t types, required;
  method_function *call;
} definitions[] = {
#define X(types, name, parameters, required, function)                                             \
  {#name, parameters, types, required, chat_method_##function},
#include "chat/methods.def"
#undef X
};

struct method {
  value self;
  const struct method_definition *definition;
};

static int type_bit(value_type type) {
  switch (type) {
  case V_STRING: return S;
  case V_LIST: return L;
  case V_TUPLE: return T;
  case V_DICT: return D;
  case V_LOOP: return P;
  case V_CYCLER: return C;
  default: return 0;
  }
}

sotto_status chat_get_method(runtime *rt, value object, const str *name, value *out) {
  int bit = type_bit(object.type);
  out->type = V_ABSENT;
  for (size_t i = 0; bit && i < sizeof definitions / sizeof *definitions; i++) {
    const struct method_definition *d = &definitions[i];
    if (!(d->types & bit) || !chat_str_is(name, d->name)) continue;
    if (d->call == chat_method_forbidden) {
      return chat_undefined_hint(rt, "methods that change a list or dict are out of bounds", out);
    }
    struct method *m = chat_alloc(rt, sizeof *m);
    CHAT_NO_MEMORY(m);
    *m = (struct method){object, d};
    *out = (value){.type = V_METHOD, .as.method = m};
    return SOTTO_OK;
  }
  return SOTTO_OK;
}

sotto_status chat_call_method(runtime *rt, const struct method *m, const arguments *args,
                              value *out) {
  const struct method_definition *d = m->definition;
  value slots[CHAT_MAX_PARAMETERS];
  if (d->parameters) {
    SOTTO_TRY(chat_bind(rt, d->name, d->parameters, d->required, args, slots));
  }
  if (d->call == chat_method_unsupported) return chat_fail(rt, "%s() is not supported", d->name);
  return d->call(rt, m->self, slots, args, out);
}

#define METHOD(name)                                                                               \
  sotto_status chat_method_##name(runtime *rt, value self, const value *a, const arguments *args,  \
                                  value *out)
#define UNUSED                                                                                     \
  (void)rt;                                                                                        \
  (void)self;                                                                                      \
  (void)a;                                                                                         \
  (void)args

METHOD(forbidden) {
  UNUSED;
  return chat_undefined_hint(rt, "out of bounds", out);
}

METHOD(unsupported) {
  UNUSED;
  (void)out;
  return chat_fail(rt, "this method is not supported");
}

/* ---- lists ---------------------------------------------------------------------------------- */

METHOD(list_copy) {
  UNUSED;
  *out = self;
  return SOTTO_OK;
}

METHOD(list_count) {
  UNUSED;
  int64_t n = 0;
  for (size_t i = 0; i < self.as.list->n; i++) {
    bool same;
    SOTTO_TRY(chat_equal(rt, self.as.list->items[i], a[0], &same));
    n += same;
  }
  *out = value_int(n);
  return chat_work(rt, self.as.list->n * 8);
}

METHOD(list_index) {
  UNUSED;
  SOTTO_TRY(chat_work(rt, self.as.list->n * 8));
  for (size_t i = 0; i < self.as.list->n; i++) {
    bool same;
    SOTTO_TRY(chat_equal(rt, self.as.list->items[i], a[0], &same));
    if (!same) continue;
    *out = value_int((int64_t)i);
    return SOTTO_OK;
  }
  return chat_fail(rt, "index(): the list does not contain it");
}

/* ---- dicts ---------------------------------------------------------------------------------- */

METHOD(dict_copy) {
  UNUSED;
  *out = self;
  return SOTTO_OK;
}

METHOD(dict_get) {
  UNUSED;
  const value *found;
  SOTTO_TRY(chat_dict_get(rt, self.as.dict, a[0], &found));
  *out = found ? *found : a[1].type == V_ABSENT ? value_none() : a[1];
  return SOTTO_OK;
}

static sotto_status make_view(runtime *rt, value self, int what, value *out) {
  view *v = chat_alloc(rt, sizeof *v);
  CHAT_NO_MEMORY(v);
  v->dict = self.as.dict;
  v->what = what;
  *out = (value){.type = V_VIEW, .as.view = v};
  return SOTTO_OK;
}

METHOD(dict_items) {
  UNUSED;
  return make_view(rt, self, VIEW_ITEMS, out);
}

METHOD(dict_keys) {
  UNUSED;
  return make_view(rt, self, VIEW_KEYS, out);
}

METHOD(dict_values) {
  UNUSED;
  return make_view(rt, self, VIEW_VALUES, out);
}

/* ---- loops and cyclers ---------------------------------------------------------------------- */

METHOD(loop_cycle) {
  UNUSED;
  return chat_loop_method(rt, self.as.loop, true, args, out);
}

METHOD(loop_changed) {
  UNUSED;
  return chat_loop_method(rt, self.as.loop, false, args, out);
}

METHOD(cycler_next) {
  UNUSED;
  cycler *c = self.as.cycler;
  *out = c->items.items[c->at];
  c->at = (c->at + 1) % c->items.n;
  return SOTTO_OK;
}

METHOD(cycler_reset) {
  UNUSED;
  self.as.cycler->at = 0;
  *out = value_none();
  return SOTTO_OK;
}
