/* Which chat template a request goes through: text of its own, one of the model's by name, or the
 * model's choice. GGUF keeps the one without a name as tokenizer.chat_template and further ones
 * behind it, as tokenizer.chat_template.tool_use. The last one used stays parsed. */
#include <stdio.h>

#include "api/engine.h"
#include "base/utf8.h"

#define KEY       "tokenizer.chat_template"
#define FOR_TOOLS "tool_use"
#define NO_NAME   "default"

/* The name of the template that an entry holds; no data where it holds none. */
static sotto_slice name_of(const sotto_gguf_kv *kv) {
  const size_t n = sizeof KEY - 1;
  if (kv->type != SOTTO_GGUF_STRING || kv->key.len < n || memcmp(kv->key.data, KEY, n) != 0) {
    return (sotto_slice){NULL, 0};
  }
  if (kv->key.len == n) return SOTTO_SLICE(NO_NAME);
  if (kv->key.data[n] != '.') return (sotto_slice){NULL, 0};
  return (sotto_slice){kv->key.data + n + 1, kv->key.len - n - 1};
}

const sotto_gguf_kv *engine_next_template(const sotto_engine *e, size_t *at, sotto_slice *name) {
  while (*at < sotto_gguf_n_kv(e->gguf)) {
    const sotto_gguf_kv *kv = sotto_gguf_kv_at(e->gguf, (*at)++);
    *name = name_of(kv);
    if (name->data) return kv;
  }
  return NULL;
}

static const sotto_gguf_kv *find(const sotto_engine *e, sotto_slice wanted) {
  const sotto_gguf_kv *kv;
  sotto_slice name;
  for (size_t at = 0; (kv = engine_next_template(e, &at, &name));) {
    if (sotto_slice_eq(name, wanted)) return kv;
  }
  return NULL;
}

/* "default, tool_use, rag", cut where a message must end. */
static void list_names(const sotto_engine *e, char *out, size_t size) {
  size_t n = 0, at = 0;
  sotto_slice name;
  *out = 0;
  while (n < size && engine_next_template(e, &at, &name)) {
    n += (size_t)snprintf(out + n, size - n, "%s%.*s", n ? ", " : "", SOTTO_SLICE_ARG(name));
  }
  out[sotto_utf8_complete_prefix(out, strlen(out))] = 0;
}

static sotto_status fail_missing(sotto_engine *e, sotto_slice wanted) {
  char names[256];
  list_names(e, names, sizeof names);
  if (wanted.data && *names) {
    return sotto_fail_field(&e->ctx, "chat_template",
                            "the model has no chat template '%.*s'; it has: %s",
                            SOTTO_SLICE_ARG(wanted), names);
  }
  if (*names) {
    return sotto_fail(&e->ctx, SOTTO_ERR_INVALID_TEMPLATE,
                      "the model has only chat templates with names; give one as chat_template: %s",
                      names);
  }
  return sotto_fail(&e->ctx, SOTTO_ERR_INVALID_TEMPLATE,
                    "the model has no chat template; give one as chat_template, or use a plain "
                    "completion");
}

/* Text with a brace is a template, other text the name of one. */
static bool is_source(sotto_slice text) {
  return text.len && memchr(text.data, '{', text.len);
}

static sotto_status find_source(sotto_engine *e, const sotto_json *request, sotto_slice *source) {
  const sotto_json *own = sotto_json_get(request, "chat_template");
  const sotto_json *tools = sotto_json_get(request, "tools");
  const bool named = own && own->type == SOTTO_JSON_STRING;
  const sotto_gguf_kv *kv = NULL;
  if (named && is_source(own->string)) {
    *source = own->string;
    return SOTTO_OK;
  }
  if (named) {
    kv = find(e, own->string);
  } else {
    if (tools && tools->type == SOTTO_JSON_ARRAY && tools->count) {
      kv = find(e, SOTTO_SLICE(FOR_TOOLS));
    }
    if (!kv) kv = find(e, SOTTO_SLICE(NO_NAME));
  }
  if (!kv) return fail_missing(e, named ? own->string : (sotto_slice){NULL, 0});
  *source = kv->string;
  return SOTTO_OK;
}

sotto_status engine_find_template(sotto_engine *e, const sotto_json *request,
                                  sotto_template **out) {
  sotto_slice source;
  const sotto_slice last = {e->template_source.data, e->template_source.len};
  SOTTO_TRY(find_source(e, request, &source));
  if (!e->chat_template || !sotto_slice_eq(source, last)) {
    sotto_template_free(e->chat_template);
    e->chat_template = NULL;
    e->template_source.len = 0;
    SOTTO_TRY(sotto_str_append(&e->template_source, source.data, source.len));
    SOTTO_TRY(sotto_template_parse(&e->ctx, source, &e->chat_template));
  }
  *out = e->chat_template;
  return SOTTO_OK;
}
