/* Text in and out: tokens, chat templates, and descriptions for people and tools. */
#include "api/engine.h"

#define OUT_OF_RANGE "token %u is %d, must be from 0 to %u"

static sotto_status hand_out_text(sotto_str *str, const char **text, uint32_t *len) {
  *text = str->data ? str->data : "";
  *len = (uint32_t)str->len;
  return SOTTO_OK;
}

/* ---- tokens ---- */

sotto_status sotto_engine_tokenize(sotto_engine *e, const char *text, uint32_t len, uint32_t flags,
                                   const int32_t **ids, uint32_t *n_ids) {
  *ids = NULL;
  *n_ids = 0;
  SOTTO_TRY(engine_need_plan(e));
  const sotto_tokenizer *t = e->tokenizer;
  const bool add_special = flags & SOTTO_TOKENIZE_ADD_SPECIAL;
  const sotto_span all = {0, len};
  e->ids.count = 0;
  if (add_special && sotto_tokenizer_add_bos(t) && sotto_tokenizer_bos(t) >= 0) {
    SOTTO_TRY(sotto_tokens_push(&e->ids, sotto_tokenizer_bos(t)));
  }
  SOTTO_TRY(sotto_tokenizer_encode(t, (sotto_slice){text, len}, &all,
                                   flags & SOTTO_TOKENIZE_PARSE_SPECIAL ? 1 : 0, &e->ids));
  if (add_special && sotto_tokenizer_add_eos(t) && sotto_tokenizer_eos(t) >= 0) {
    SOTTO_TRY(sotto_tokens_push(&e->ids, sotto_tokenizer_eos(t)));
  }
  *ids = e->ids.ids;
  *n_ids = (uint32_t)e->ids.count;
  return SOTTO_OK;
}

sotto_status sotto_engine_detokenize(sotto_engine *e, const int32_t *ids, uint32_t n_ids,
                                     uint32_t flags, const char **text, uint32_t *len) {
  *text = NULL;
  *len = 0;
  SOTTO_TRY(engine_need_plan(e));
  uint32_t n_vocab = sotto_tokenizer_n_vocab(e->tokenizer);
  sotto_detokenizer detokenizer;
  sotto_detokenizer_init(&detokenizer);
  if (flags & SOTTO_DETOKENIZE_WHOLE) sotto_detokenizer_init_text(&detokenizer, e->tokenizer);
  const bool special = flags & SOTTO_DETOKENIZE_SPECIAL;
  e->text.len = 0;
  for (uint32_t i = 0; i < n_ids; i++) {
    if (ids[i] < 0 || (uint32_t)ids[i] >= n_vocab) {
      return sotto_fail_field(&e->ctx, "tokens", OUT_OF_RANGE, i, ids[i], n_vocab - 1);
    }
    sotto_slice bytes = sotto_tokenizer_bytes(e->tokenizer, ids[i], special);
    if (flags & SOTTO_DETOKENIZE_BYTES)
      SOTTO_TRY(sotto_str_append(&e->text, bytes.data, bytes.len));
    else
      SOTTO_TRY(sotto_detokenizer_feed(&detokenizer, bytes, &e->text));
  }
  SOTTO_TRY(sotto_detokenizer_end(&detokenizer, &e->text));
  return hand_out_text(&e->text, text, len);
}

/* ---- chat ---- */

static sotto_slice token_text(const sotto_engine *e, sotto_token id) {
  return id < 0 ? (sotto_slice){"", 0} : sotto_tokenizer_text(e->tokenizer, id);
}

static sotto_status check_messages(sotto_engine *e, const sotto_json *messages) {
  if (!messages || messages->type != SOTTO_JSON_ARRAY || messages->count == 0) {
    return sotto_fail_field(
        &e->ctx, "messages",
        "messages must be an array of at least one {\"role\": …, \"content\": …}");
  }
  size_t i = 0;
  for (const sotto_json *m = messages->first; m; m = m->next, i++) {
    const sotto_json *role = sotto_json_get(m, "role");
    if (!role || role->type != SOTTO_JSON_STRING) {
      return sotto_fail_field(&e->ctx, "messages",
                              "messages[%zu] must be an object with a string \"role\"", i);
    }
  }
  return SOTTO_OK;
}

static sotto_status render(sotto_engine *e, sotto_arena *arena, sotto_slice json, int64_t now,
                           sotto_rendered *rendered) {
  sotto_json *request;
  SOTTO_TRY(sotto_json_parse(arena, json, &request));
  sotto_json *messages = (sotto_json *)sotto_json_get(request, "messages"); /* ours to change */
  SOTTO_TRY(check_messages(e, messages));
  const sotto_json *tools = sotto_json_get(request, "tools");
  const sotto_json *generate = sotto_json_get(request, "add_generation_prompt");
  const sotto_json *kwargs = sotto_json_get(request, "chat_template_kwargs");
  sotto_template_input input = {
      .messages = messages,
      .tools = tools && tools->type == SOTTO_JSON_ARRAY && tools->count ? tools : NULL,
      .extra = kwargs && kwargs->type == SOTTO_JSON_OBJECT ? kwargs : NULL,
      .add_generation_prompt = generate && generate->type == SOTTO_JSON_BOOL && generate->boolean,
      .bos_token = token_text(e, sotto_tokenizer_bos(e->tokenizer)),
      .eos_token = token_text(e, sotto_tokenizer_eos(e->tokenizer)),
      .now = now,
  };
  sotto_template *tmpl;
  SOTTO_TRY(engine_find_template(e, request, &tmpl));
  SOTTO_TRY(sotto_template_read_arguments(tmpl, arena, messages));
  return sotto_template_render(tmpl, &input, rendered);
}

sotto_status sotto_engine_apply_chat_template(sotto_engine *e, const char *json, uint32_t json_len,
                                              int64_t now, const int32_t **ids, uint32_t *n_ids,
                                              const char **text, uint32_t *text_len) {
  *ids = NULL;
  *text = NULL;
  *n_ids = *text_len = 0;
  SOTTO_TRY(engine_need_plan(e));
  sotto_arena arena;
  sotto_arena_init(&arena, &e->ctx);
  sotto_rendered rendered;
  sotto_rendered_init(&rendered, &e->ctx);
  sotto_status status = render(e, &arena, (sotto_slice){json, json_len}, now, &rendered);
  e->ids.count = 0;
  if (status == SOTTO_OK) {
    status =
        sotto_tokenizer_encode(e->tokenizer, (sotto_slice){rendered.text.data, rendered.text.len},
                               rendered.trusted, rendered.n_trusted, &e->ids);
  }
  if (status == SOTTO_OK) { /* keep the text: swap it with the last one */
    sotto_str old = e->rendered;
    e->rendered = rendered.text;
    rendered.text = old;
    *ids = e->ids.ids;
    *n_ids = (uint32_t)e->ids.count;
    hand_out_text(&e->rendered, text, text_len);
  }
  sotto_rendered_free(&rendered);
  sotto_arena_free(&arena);
  return status;
}

sotto_status sotto_engine_print_program(sotto_engine *e, const char **text, uint32_t *len) {
  *text = NULL;
  *len = 0;
  SOTTO_TRY(engine_need_plan(e));
  e->text.len = 0;
  SOTTO_TRY(sotto_program_print(&e->program, &e->text));
  return hand_out_text(&e->text, text, len);
}
