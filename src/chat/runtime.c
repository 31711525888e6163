/* Memory, limits, failures and variables of one rendering. */
#include "chat/runtime.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"
#include "chat/strings.h"

/* Why a value is undefined, for the message when it is used all the same. */
typedef struct undefined {
  const char *hint;      /* whole message, or NULL */
  const char *type_name; /* of the object without such an attribute, or NULL: a variable */
  const struct str *name;
} undefined;

void *chat_alloc(runtime *rt, size_t size) {
  if (size > rt->tmpl->max_memory - rt->memory) {
    chat_fail(rt, "rendering needs more than %zu MB of memory", rt->tmpl->max_memory >> 20);
    return NULL;
  }
  rt->memory += size;
  return sotto_arena_alloc(&rt->arena, size);
}

void *chat_array(runtime *rt, size_t n, size_t size) {
  size_t total;
  if (!sotto_size_mul(n, size, &total)) total = SIZE_MAX;
  return chat_alloc(rt, total);
}

sotto_status chat_fail(runtime *rt, const char *format, ...) {
  char message[SOTTO_MESSAGE_SIZE];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  message[sotto_utf8_complete_prefix(message, strlen(message))] = 0;
  return sotto_fail(rt->ctx, SOTTO_ERR_INVALID_TEMPLATE,
                    "chat template, line %u, column %u: %.400s", rt->at ? rt->at->line : 0,
                    rt->at ? rt->at->column : 0, message);
}

sotto_status chat_work(runtime *rt, uint64_t bytes) {
  if (bytes <= rt->tmpl->max_work - rt->work) {
    rt->work += bytes;
    return SOTTO_OK;
  }
  return chat_fail(rt, "rendering takes too long (an endless loop?)");
}

sotto_status chat_fail_undefined(runtime *rt, value v) {
  const undefined *u = v.as.undefined;
  if (!u) return chat_fail(rt, "an undefined value is used");
  if (u->hint) return chat_fail(rt, "%s", u->hint);
  sotto_slice name = {u->name->data, u->name->len};
  if (!u->type_name) return chat_fail(rt, "'%.*s' is undefined", SOTTO_SLICE_ARG(name));
  return chat_fail(rt, "'%s' has no attribute '%.*s'", u->type_name, SOTTO_SLICE_ARG(name));
}

static sotto_status make_undefined(runtime *rt, undefined why, value *out) {
  undefined *u = chat_alloc(rt, sizeof *u);
  CHAT_NO_MEMORY(u);
  *u = why;
  *out = (value){.type = V_UNDEFINED, .as.undefined = u};
  return SOTTO_OK;
}

sotto_status chat_undefined_name(runtime *rt, const str *name, value *out) {
  return make_undefined(rt, (undefined){.name = name}, out);
}

sotto_status chat_undefined_hint(runtime *rt, const char *hint, value *out) {
  return make_undefined(rt, (undefined){.hint = hint}, out);
}

sotto_status chat_undefined_attribute(runtime *rt, value object, value name, value *out) {
  if (name.type != V_STRING) return chat_undefined_hint(rt, "there is no such element", out);
  return make_undefined(
      rt, (undefined){.type_name = chat_type_name(object), .name = name.as.string}, out);
}

/* ---- variables ------------------------------------------------------------------------------ */

sotto_status chat_scope_new(runtime *rt, scope *parent, scope **out) {
  *out = chat_alloc(rt, sizeof **out);
  CHAT_NO_MEMORY(*out);
  (*out)->parent = parent;
  return SOTTO_OK;
}

sotto_status chat_scope_set(runtime *rt, scope *s, uint32_t name, value v) {
  if (s == rt->root) {
    s->variables[name].v = v;
    return SOTTO_OK;
  }
  SOTTO_TRY(chat_work(rt, s->n));
  for (uint32_t i = 0; i < s->n; i++) {
    if (s->variables[i].name == name) {
      s->variables[i].v = v;
      return SOTTO_OK;
    }
  }
  if (s->n == s->cap) {
    uint32_t cap = s->cap ? s->cap * 2 : 4;
    struct variable *variables = chat_array(rt, cap, sizeof *variables);
    CHAT_NO_MEMORY(variables);
    if (s->n) memcpy(variables, s->variables, s->n * sizeof *variables);
    s->variables = variables;
    s->cap = cap;
  }
  s->variables[s->n++] = (struct variable){name, v};
  return SOTTO_OK;
}

sotto_status chat_scope_get(runtime *rt, scope *s, uint32_t name, value *out) {
  for (; s != rt->root; s = s->parent) {
    SOTTO_TRY(chat_work(rt, s->n + 1));
    for (uint32_t i = 0; i < s->n; i++) {
      if (s->variables[i].name != name) continue;
      *out = s->variables[i].v;
      return SOTTO_OK;
    }
  }
  *out = s->variables[name].v;
  if (out->type != V_ABSENT) return SOTTO_OK;
  return chat_undefined_name(rt, rt->tmpl->names[name], out);
}

/* ---- arguments ------------------------------------------------------------------------------ */

/* The index of a name in "a,b,c", or -1. */
static int find_parameter(const char *names, const str *name) {
  for (int i = 0; *names; i++) {
    size_t len = strcspn(names, ",");
    if (len == name->len && memcmp(names, name->data, len) == 0) return i;
    names += len;
    if (*names) names++;
  }
  return -1;
}

sotto_status chat_bind(runtime *rt, const char *callee, const char *names, size_t required,
                       const arguments *args, value *slots) {
  size_t n = *names ? 1 : 0;
  for (const char *p = names; *p; p++) n += *p == ',';
  for (size_t i = 0; i < CHAT_MAX_PARAMETERS; i++) slots[i].type = V_ABSENT;
  if (args->n > n) {
    return chat_fail(rt, "%s takes at most %zu argument%s, got %zu", callee, n, n == 1 ? "" : "s",
                     args->n);
  }
  for (size_t i = 0; i < args->n; i++) slots[i] = args->positional[i];
  for (size_t i = 0; i < args->n_keywords; i++) {
    const struct keyword *k = &args->keywords[i];
    sotto_slice name = {k->name->data, k->name->len};
    int slot = find_parameter(names, k->name);
    if (slot < 0) {
      return chat_fail(rt, "%s takes no argument '%.*s'", callee, SOTTO_SLICE_ARG(name));
    }
    if (slots[slot].type != V_ABSENT) {
      return chat_fail(rt, "%s got '%.*s' twice", callee, SOTTO_SLICE_ARG(name));
    }
    slots[slot] = k->v;
  }
  for (size_t i = 0; i < required; i++) {
    if (slots[i].type == V_ABSENT) {
      return chat_fail(rt, "%s needs at least %zu argument%s", callee, required,
                       required == 1 ? "" : "s");
    }
  }
  return SOTTO_OK;
}
