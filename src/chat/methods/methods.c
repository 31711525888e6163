/* Which methods there are, and those of dicts. */
#include "chat/methods/methods.h"

static const struct method_definition {
  const char *name, *parameters;
  value_type type;
  size_t required;
  method_function *call;
  int how;
} definitions[] = {
#define X(type, name, parameters, required, function, how)                                         \
  {#name, parameters, type, required, chat_method_##function, how},
#include "chat/methods/methods.def"
#undef X
};

/* What else Python has. Methods that change their object are undefined, as in the reference's
 * sandbox; the others, which no known model's template uses, are refused by name when they are
 * called. */
static const struct refused {
  value_type type;
  const char *changing, *others;
} refused[] = {
    {V_STRING, "",
     " casefold center count encode expandtabs find format_map index isalnum isalpha isascii "
     "isdecimal "
     "isidentifier islower isnumeric isprintable isspace istitle isupper ljust maketrans partition "
     "removeprefix removesuffix rfind rindex rjust rpartition splitlines swapcase translate "
     "zfill "},
    {V_LIST, " append clear extend insert pop remove reverse sort ", " copy count index "},
    {V_TUPLE, "", " count index "},
    {V_DICT, " clear pop popitem setdefault update ", " copy "},
};

struct method {
  value self;
  const str *name;
  const struct method_definition *definition; /* NULL where it is not supported */
};

static bool is_among(const char *words, const str *name) {
  for (const char *end; *words; words = end) {
    end = words + 1 + strcspn(words + 1, " ");
    if ((size_t)(end - words) != name->len + 1u) continue;
    if (memcmp(words + 1, name->data, name->len) == 0) return true;
  }
  return false;
}

static sotto_status bound(runtime *rt, value self, const str *name,
                          const struct method_definition *d, value *out) {
  struct method *m;
  CHAT_NEW(m);
  *m = (struct method){self, name, d};
  *out = (value){.type = V_METHOD, .as.method = m};
  return SOTTO_OK;
}

sotto_status chat_get_method(runtime *rt, value object, const str *name, value *out) {
  *out = value_absent();
  for (size_t i = 0; i < sizeof definitions / sizeof *definitions; i++) {
    const struct method_definition *d = &definitions[i];
    if (d->type == object.type && chat_str_is(name, d->name))
      return bound(rt, object, name, d, out);
  }
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    if (refused[i].type != object.type) continue;
    if (is_among(refused[i].changing, name)) {
      return chat_undefined_hint(rt, "methods that change a list or dict are out of bounds", out);
    }
    if (is_among(refused[i].others, name)) return bound(rt, object, name, NULL, out);
  }
  return SOTTO_OK;
}

sotto_status chat_call_method(runtime *rt, const struct method *m, const arguments *args,
                              value *out) {
  const struct method_definition *d = m->definition;
  if (!d) {
    return chat_fail(rt, "method '%.*s' of %s is not supported", CHAT_STR_ARG(m->name),
                     chat_type_name(m->self));
  }
  call c = {.self = m->self, .args = args, .how = d->how};
  if (d->parameters) SOTTO_TRY(chat_bind(rt, d->name, d->parameters, d->required, args, c.a));
  return d->call(rt, &c, out);
}

/* ---- dicts ---------------------------------------------------------------------------------- */

METHOD(dict_get) {
  const value *found;
  SOTTO_TRY(chat_dict_get(rt, c->self.as.dict, c->a[0], &found));
  *out = found ? *found : c->a[1].type == V_ABSENT ? value_none() : c->a[1];
  return SOTTO_OK;
}

METHOD(dict_view) {
  view *v;
  CHAT_NEW(v);
  v->dict = c->self.as.dict;
  v->what = c->how;
  *out = (value){.type = V_VIEW, .as.view = v};
  return SOTTO_OK;
}
