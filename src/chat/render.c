/* Rendering: makes values of the caller's input, runs the template, and hands out the text with its
 * trusted stretches. */
#include "base/utf8.h"
#include "chat/eval/rendering.h"
#include "chat/template.h"

void sotto_rendered_init(sotto_rendered *rendered, sotto_ctx *ctx) {
  *rendered = (sotto_rendered){0};
  sotto_str_init(&rendered->text, ctx);
}

void sotto_rendered_free(sotto_rendered *rendered) {
  sotto_ctx *ctx = rendered->text.ctx;
  sotto_free(ctx, rendered->trusted, rendered->cap_trusted * sizeof *rendered->trusted);
  sotto_str_free(&rendered->text);
  sotto_rendered_init(rendered, ctx);
}

/* ---- input ---------------------------------------------------------------------------------- */

static sotto_status user_string(runtime *rt, sotto_slice text, value *out) {
  const str *s = chat_str_new(rt, text.data, text.len, false);
  CHAT_NO_MEMORY(s);
  *out = value_string(s);
  return SOTTO_OK;
}

static sotto_status convert(runtime *rt, const sotto_json *json, value *out);

static sotto_status convert_list(runtime *rt, const sotto_json *json, value *out) {
  value *items;
  SOTTO_TRY(chat_list_new(rt, json->count, V_LIST, out, &items));
  for (const sotto_json *m = json->first; m; m = m->next) SOTTO_TRY(convert(rt, m, items++));
  return SOTTO_OK;
}

/* The reader of JSON lets no key repeat, so nothing has to be searched. */
static sotto_status convert_dict(runtime *rt, const sotto_json *json, dict **out) {
  dict *d;
  SOTTO_TRY(chat_dict_new(rt, json->count, &d));
  for (const sotto_json *m = json->first; m; m = m->next) {
    entry *e = &d->entries[d->n++];
    SOTTO_TRY(user_string(rt, m->key, &e->key));
    SOTTO_TRY(convert(rt, m, &e->value));
  }
  *out = d;
  return SOTTO_OK;
}

static sotto_status convert(runtime *rt, const sotto_json *json, value *out) {
  switch (json->type) {
  case SOTTO_JSON_NULL: *out = value_none(); return SOTTO_OK;
  case SOTTO_JSON_BOOL: *out = value_bool(json->boolean); return SOTTO_OK;
  case SOTTO_JSON_INT: *out = value_int(json->integer); return SOTTO_OK;
  case SOTTO_JSON_NUMBER: *out = value_float(json->number); return SOTTO_OK;
  case SOTTO_JSON_STRING: return user_string(rt, json->string, out);
  case SOTTO_JSON_ARRAY: return convert_list(rt, json, out);
  case SOTTO_JSON_OBJECT: {
    dict *d;
    SOTTO_TRY(convert_dict(rt, json, &d));
    *out = value_dict(d);
    return SOTTO_OK;
  }
  }
  return chat_fail(rt, "the input is not JSON");
}

/* A message's reasoning under the names that templates read, whatever name it came by: as in the
 * reference, `thinking` is put in front and `reasoning_content` at the end. */
static sotto_status alias_reasoning(runtime *rt, value *message) {
  static const char *const names[] = {"reasoning_content", "thinking", "reasoning"};
  value keys[3];
  const value *reasoning = NULL;
  if (message->type != V_DICT) return SOTTO_OK;
  const dict *from = message->as.dict;
  for (int i = 0; i < 3; i++) {
    const str *name = chat_str_new(rt, names[i], strlen(names[i]), false);
    CHAT_NO_MEMORY(name);
    keys[i] = value_string(name);
    if (!reasoning) SOTTO_TRY(chat_dict_get(rt, from, keys[i], &reasoning));
    if (reasoning && reasoning->type == V_NONE) reasoning = NULL;
  }
  if (!reasoning) return SOTTO_OK;
  dict *d;
  SOTTO_TRY(chat_dict_new(rt, from->n + 2, &d));
  SOTTO_TRY(chat_dict_set(rt, d, keys[1], *reasoning));
  for (size_t i = 0; i < from->n; i++) {
    SOTTO_TRY(chat_dict_set(rt, d, from->entries[i].key, from->entries[i].value));
  }
  SOTTO_TRY(chat_dict_set(rt, d, keys[0], *reasoning));
  *message = value_dict(d);
  return SOTTO_OK;
}

static void set(runtime *rt, const char *name, size_t len, value v) {
  const rendering *r = chat_rendering(rt);
  uint32_t number = chat_find_name(r->tmpl, name, len);
  if (number < r->tmpl->n_names) r->root->variables[number].v = v;
}

/* A token's text, with U+FFFD for what is not UTF-8; without data it stays undefined. */
static sotto_status set_token(runtime *rt, const char *name, sotto_slice token) {
  builder b;
  const str *text;
  if (!token.data) return SOTTO_OK;
  chat_builder_init(&b, rt);
  for (size_t i = 0; i < token.len;) {
    uint32_t c;
    i += sotto_utf8_decode(token.data + i, token.len - i, &c);
    SOTTO_TRY(chat_builder_add_code_point(&b, c, true));
  }
  SOTTO_TRY(chat_builder_finish(&b, &text));
  set(rt, name, strlen(name), value_string(text));
  return SOTTO_OK;
}

static sotto_status set_input(runtime *rt, const sotto_template_input *input) {
  value v = value_none();
  set(rt, "tools", 5, v);
  set(rt, "documents", 9, v);
  set(rt, "add_generation_prompt", 21, value_bool(input->add_generation_prompt));
  SOTTO_TRY(set_token(rt, "bos_token", input->bos_token));
  SOTTO_TRY(set_token(rt, "eos_token", input->eos_token));
  if (input->extra && input->extra->type == SOTTO_JSON_OBJECT) {
    for (const sotto_json *m = input->extra->first; m; m = m->next) {
      SOTTO_TRY(convert(rt, m, &v));
      set(rt, m->key.data, m->key.len, v);
    }
  }
  if (input->messages) {
    SOTTO_TRY(convert(rt, input->messages, &v));
    for (size_t i = 0; v.type == V_LIST && i < v.as.list->n; i++) {
      SOTTO_TRY(alias_reasoning(rt, &v.as.list->items[i]));
    }
    set(rt, "messages", 8, v);
  }
  if (input->tools) {
    SOTTO_TRY(convert(rt, input->tools, &v));
    set(rt, "tools", 5, v);
  }
  return SOTTO_OK;
}

/* ---- the run -------------------------------------------------------------------------------- */

static sotto_status prepare(rendering *r, const sotto_template_input *input) {
  const sotto_template *tmpl = r->tmpl;
  runtime *rt = &r->rt;
  SOTTO_TRY(chat_scope_new(rt, NULL, &r->root));
  r->root->kept = true;
  CHAT_NEW_ARRAY(r->root->variables, tmpl->n_names);
  for (uint32_t i = 0; i < tmpl->n_names; i++) {
    const struct function *f = chat_find_function(tmpl->names[i]->data, tmpl->names[i]->len);
    if (f) r->root->variables[i].v = (value){.type = V_FUNCTION, .as.function = f};
  }
  r->loop_name = chat_find_name(tmpl, "loop", 4);
  r->caller_name = chat_find_name(tmpl, "caller", 6);
  r->varargs_name = chat_find_name(tmpl, "varargs", 7);
  r->kwargs_name = chat_find_name(tmpl, "kwargs", 6);
  return set_input(rt, input);
}

static sotto_status copy_result(const builder *text, sotto_rendered *out) {
  sotto_ctx *ctx = out->text.ctx;
  SOTTO_TRY(sotto_str_append(&out->text, text->data, text->len));
  if (!text->n_spans) return SOTTO_OK;
  out->trusted = sotto_alloc(ctx, text->n_spans * sizeof *out->trusted);
  if (!out->trusted) return SOTTO_ERR_OUT_OF_MEMORY;
  out->n_trusted = out->cap_trusted = text->n_spans;
  for (uint32_t i = 0; i < text->n_spans; i++) {
    out->trusted[i] = (sotto_span){text->spans[i].start, text->spans[i].end};
  }
  return SOTTO_OK;
}

static sotto_status run(rendering *r, const sotto_template_input *input, sotto_rendered *out) {
  builder text;
  flow how;
  chat_builder_init(&text, &r->rt);
  r->out = &text;
  SOTTO_TRY(prepare(r, input));
  SOTTO_TRY(chat_exec(&r->rt, r->tmpl->body, r->root, &how));
  return copy_result(&text, out);
}

sotto_status sotto_template_render(const sotto_template *tmpl, const sotto_template_input *input,
                                   sotto_rendered *out) {
  sotto_ctx *ctx = out->text.ctx;
  sotto_rendered_free(out);
  rendering r = {.tmpl = tmpl,
                 .rt = {.ctx = ctx,
                        .max_memory = tmpl->max_memory,
                        .max_work = tmpl->max_work,
                        .now = input->now}};
  sotto_arena_init(&r.rt.arena, ctx);
  sotto_status status = run(&r, input, out);
  sotto_arena_free(&r.rt.arena);
  if (status != SOTTO_OK) sotto_rendered_free(out);
  return status;
}
