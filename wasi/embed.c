/* sotto embed: vectors of texts, one after the other. */
#include <string.h>

#include "model.h"

enum { STEP_MS = 50 };

/* What has been made so far. With --json all of it is printed at the end: an error stands alone. */
typedef struct results {
  sotto_str text;
  uint32_t n, tokens;
} results;

static sotto_status append_vector(const cli *c, const float *vector, uint32_t n, results *r) {
  const bool as_json = c->args.json;
  if (as_json) {
    SOTTO_TRY(sotto_str_appendf(&r->text,
                                "%s{\"object\": \"embedding\", \"index\": %u, \"embedding\": [",
                                r->n ? ",\n  " : "", (unsigned)r->n));
  }
  for (uint32_t i = 0; i < n; i++)
    SOTTO_TRY(sotto_str_appendf(&r->text, "%s%.9g",
                                i == 0    ? ""
                                : as_json ? ", "
                                          : " ",
                                (double)vector[i]));
  r->n++;
  return sotto_str_append_c(&r->text, as_json ? "]}" : "\n");
}

static int take(cli *c, const cli_model *model, const sotto_event *event, results *r) {
  r->tokens += event->prompt_n;
  if (append_vector(c, event->embedding, model->info.n_embd, r)) return cli_fail_memory(c);
  if (c->args.json) return CLI_OK;
  cli_print_str(&r->text);
  r->text.len = 0;
  return CLI_OK;
}

static int embed(cli *c, cli_model *model, sotto_slice text, results *r) {
  sotto_engine *engine = model->engine;
  sotto_request request;
  uint32_t id;
  sotto_request_default(&request);
  sotto_status status =
      sotto_engine_tokenize(engine, text.data, (uint32_t)text.len, SOTTO_TOKENIZE_ADD_SPECIAL,
                            &request.tokens, &request.n_tokens);
  request.max_tokens = 0;
  request.flags = SOTTO_REQUEST_EMBEDDING;
  if (!status) status = sotto_engine_add_request(engine, &request, &id);
  if (status) return cli_fail_engine(c, status, engine);
  for (;;) {
    const sotto_step_result result = sotto_engine_step(engine, STEP_MS);
    for (sotto_event event; sotto_engine_next_event(engine, &event);) {
      if (event.type == SOTTO_EVENT_EMBEDDING) {
        const int code = take(c, model, &event, r);
        if (code) return code;
      }
      if (event.type != SOTTO_EVENT_DONE) continue;
      return event.status ? cli_fail_engine(c, (sotto_status)event.status, engine) : CLI_OK;
    }
    if (result != SOTTO_STEP_MORE && result != SOTTO_STEP_EVENTS) {
      return cli_fail(c, SOTTO_ERR_INTERNAL, "the engine forgot the request; please report this");
    }
  }
}

/* -p is one text; of a file each line is one, and its end may be \r\n. */
static int embed_lines(cli *c, cli_model *model, const sotto_str *texts, results *r) {
  const char *at = texts->len ? texts->data : "", *end = at + texts->len;
  if (c->args.prompt) return embed(c, model, (sotto_slice){at, texts->len}, r);
  for (uint32_t line = 1; at < end && cli_stdout_open(); line++) {
    const char *next = memchr(at, '\n', (size_t)(end - at));
    size_t len = (size_t)((next ? next : end) - at);
    if (len && at[len - 1] == '\r') len--;
    if (len == 0) {
      return cli_fail(c, SOTTO_ERR_INVALID_ARGUMENT, "line %u is empty; write a text in each line",
                      (unsigned)line);
    }
    const int code = embed(c, model, (sotto_slice){at, len}, r);
    if (code) return code;
    at = next ? next + 1 : end;
  }
  return CLI_OK;
}

int cli_embed(cli *c) {
  cli_model model = {0};
  results r = {0};
  sotto_str texts;
  sotto_str_init(&texts, &c->ctx);
  sotto_str_init(&r.text, &c->ctx);
  int code = cli_read_text(c, &texts);
  if (code == CLI_OK && texts.len == 0) {
    code = cli_fail(c, SOTTO_ERR_INVALID_ARGUMENT, "there is no text; give one with -p or -f");
  }
  if (code == CLI_OK) code = cli_model_open(c, CLI_BODY, &model);
  if (code == CLI_OK) code = embed_lines(c, &model, &texts, &r);
  if (code == CLI_OK && c->args.json) {
    cli_printf("{\"object\": \"list\", \"data\": [\n  ");
    cli_print_str(&r.text);
    cli_printf("],\n \"usage\": {\"prompt_tokens\": %u, \"total_tokens\": %u}}\n",
               (unsigned)r.tokens, (unsigned)r.tokens);
  }
  cli_model_close(&model);
  sotto_str_free(&r.text);
  sotto_str_free(&texts);
  return code;
}
