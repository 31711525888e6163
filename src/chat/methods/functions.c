/* The functions that every template can call. */
#include "chat/methods/methods.h"

struct function {
  const char *name;
  sotto_status (*call)(runtime *rt, const arguments *args, value *out);
};

static sotto_status call_range(runtime *rt, const arguments *args, value *out) {
  int64_t ends[3] = {0, 0, 1};
  if (args->n < 1 || args->n > 3 || args->n_keywords) {
    return chat_fail(rt, "range() takes one to three integers");
  }
  for (size_t i = 0; i < args->n; i++) {
    value_type type = args->positional[i].type;
    if (type != V_INT && type != V_BOOL && type != V_UNDEFINED) {
      return chat_fail(rt, "range() needs integers, not %s", chat_type_name(args->positional[i]));
    }
    SOTTO_TRY(chat_take_integer(rt, args->positional[i], &ends[i]));
  }
  range *r;
  CHAT_NEW(r);
  *r = (range){.start = ends[0], .stop = ends[1], .step = ends[2]};
  if (args->n == 1) *r = (range){.stop = ends[0], .step = 1};
  if (r->step == 0) return chat_fail(rt, "range(): the step cannot be zero");
  /* The distance between two integers fits 64 bits without sign. */
  uint64_t distance = 0, step = r->step > 0 ? (uint64_t)r->step : 0 - (uint64_t)r->step;
  if (r->step > 0 && r->stop > r->start) distance = (uint64_t)r->stop - (uint64_t)r->start;
  if (r->step < 0 && r->stop < r->start) distance = (uint64_t)r->start - (uint64_t)r->stop;
  uint64_t n = distance ? (distance - 1) / step + 1 : 0;
  if (n > CHAT_MAX_RANGE) return chat_fail(rt, "a range() of more than %d", CHAT_MAX_RANGE);
  r->n = (int64_t)n;
  *out = (value){.type = V_RANGE, .as.range = r};
  return SOTTO_OK;
}

/* dict(mapping or pairs, name=value …) */
static sotto_status make_dict(runtime *rt, const arguments *args, dict **out) {
  dict *d;
  SOTTO_TRY(chat_dict_new(rt, args->n_keywords, &d));
  if (args->n > 1) return chat_fail(rt, "dict() takes at most one positional argument");
  if (args->n && args->positional[0].type == V_DICT) {
    const dict *from = args->positional[0].as.dict;
    for (size_t i = 0; i < from->n; i++) {
      SOTTO_TRY(chat_dict_set(rt, d, from->entries[i].key, from->entries[i].value));
    }
  } else if (args->n) {
    list pairs, pair;
    if (args->positional[0].type == V_UNDEFINED) {
      return chat_fail_undefined(rt, args->positional[0]);
    }
    SOTTO_TRY(chat_to_list(rt, args->positional[0], &pairs));
    for (size_t i = 0; i < pairs.n; i++) {
      SOTTO_TRY(chat_to_list(rt, pairs.items[i], &pair));
      if (pair.n != 2) return chat_fail(rt, "dict() needs pairs of key and value");
      SOTTO_TRY(chat_dict_set(rt, d, pair.items[0], pair.items[1]));
    }
  }
  for (size_t i = 0; i < args->n_keywords; i++) {
    SOTTO_TRY(chat_dict_set(rt, d, value_string(args->keywords[i].name), args->keywords[i].v));
  }
  *out = d;
  return SOTTO_OK;
}

static sotto_status call_dict(runtime *rt, const arguments *args, value *out) {
  dict *d;
  SOTTO_TRY(make_dict(rt, args, &d));
  *out = value_dict(d);
  return SOTTO_OK;
}

static sotto_status call_namespace(runtime *rt, const arguments *args, value *out) {
  dict *d;
  SOTTO_TRY(make_dict(rt, args, &d));
  for (size_t i = 0; i < d->n; i++) {
    value key = d->entries[i].key;
    if (key.type == V_STRING && key.as.string->len && key.as.string->data[0] == '_') {
      return chat_fail(rt, "attributes of a namespace cannot start with an underscore");
    }
  }
  *out = (value){.type = V_NAMESPACE, .as.dict = d};
  return SOTTO_OK;
}

static sotto_status call_raise_exception(runtime *rt, const arguments *args, value *out) {
  value slots[CHAT_MAX_PARAMETERS];
  const str *message;
  (void)out;
  SOTTO_TRY(chat_bind(rt, "raise_exception()", "message", 1, args, slots));
  SOTTO_TRY(chat_to_string(rt, slots[0], &message));
  size_t len = message->len;
  if (len >= SOTTO_MESSAGE_SIZE) { /* is cut, but not inside of a character */
    len = SOTTO_MESSAGE_SIZE - 1;
    while (len && ((unsigned char)message->data[len] & 0xC0) == 0x80) len--;
  }
  return sotto_fail(rt->ctx, SOTTO_ERR_TEMPLATE_RAISED, "%.*s", (int)len, message->data);
}

static sotto_status call_strftime_now(runtime *rt, const arguments *args, value *out) {
  value slots[CHAT_MAX_PARAMETERS];
  const str *format = NULL;
  SOTTO_TRY(chat_bind(rt, "strftime_now()", "format", 1, args, slots));
  SOTTO_TRY(chat_take_string(rt, slots[0], &format));
  if (!format) return chat_fail(rt, "strftime_now() needs a format");
  return chat_format_time(rt, format, out);
}

/* Rows without a function are jinja2's, and not supported; without a row they would count as
 * undefined variables. */
static const struct function functions[] = {
    {"cycler", NULL},
    {"dict", call_dict},
    {"joiner", NULL},
    {"lipsum", NULL},
    {"namespace", call_namespace},
    {"raise_exception", call_raise_exception},
    {"range", call_range},
    {"strftime_now", call_strftime_now},
};

const struct function *chat_find_function(const char *name, size_t len) {
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    const struct function *f = &functions[i];
    if (strlen(f->name) == len && memcmp(f->name, name, len) == 0) return f;
  }
  return NULL;
}

sotto_status chat_call_function(runtime *rt, const struct function *f, const arguments *args,
                                value *out) {
  if (!f->call) return chat_fail(rt, "function '%s' is not supported", f->name);
  return f->call(rt, args, out);
}
