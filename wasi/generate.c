/* One request from its prompt to its last character: the command's side of the engine's loop. */
#define _DEFAULT_SOURCE 1 /* getentropy */

#include "generate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/utf8.h"

enum { STEP_MS = 50 };

void cli_prompt_init(cli_prompt *prompt, sotto_ctx *ctx) {
  *prompt = (cli_prompt){0};
  sotto_str_init(&prompt->text, ctx);
}
void cli_prompt_free(cli_prompt *prompt) {
  sotto_str_free(&prompt->text);
}

void cli_reply_init(cli_reply *reply, sotto_ctx *ctx) {
  *reply = (cli_reply){0};
  sotto_str_init(&reply->text, ctx);
  sotto_str_init(&reply->ids, ctx);
  sotto_str_init(&reply->logprobs, ctx);
}
void cli_reply_free(cli_reply *reply) {
  sotto_str_free(&reply->text);
  sotto_str_free(&reply->ids);
  sotto_str_free(&reply->logprobs);
}

/* ---- prompts ---- */
void cli_unescape(sotto_str *text) {
  size_t to = 0;
  for (size_t from = 0; from < text->len; from++) {
    static const char codes[] = "n\nt\tr\r\\\\\"\"''";
    char letter = text->data[from];
    if (letter == '\\' && from + 1 < text->len) {
      for (const char *code = codes; *code; code += 2) {
        if (*code != text->data[from + 1]) continue;
        letter = code[1];
        from++;
        break;
      }
    }
    text->data[to++] = letter;
  }
  text->len = to;
  if (text->data) text->data[to] = 0;
}

int cli_generate_options_ready(cli *c, sotto_str *chat_template) {
  cli_args *args = &c->args;
  if (args->chat_template && args->chat_template_file) {
    return cli_usage_error("--chat-template and --chat-template-file exclude each other; give one");
  }
  if (args->conversation && args->raw) {
    return cli_usage_error("--conversation and --raw exclude each other; give one");
  }
  if (args->raw && (args->system || args->chat_template || args->chat_template_file)) {
    return cli_usage_error("--raw uses no chat template: leave out %s",
                           args->system ? "--system-prompt" : "--chat-template");
  }
  if (args->logprobs >= 0 && !args->json) {
    return cli_usage_error("--logprobs is part of the JSON output; add --json");
  }
  if (args->escape) {
    /* Unescaping only shortens: string by string, each with its NUL, within the list. */
    size_t to = 0;
    for (size_t from = 0; from < args->stops.len;) {
      size_t len = strlen(args->stops.data + from);
      sotto_str one = {.data = args->stops.data + to, .len = len};
      memmove(one.data, args->stops.data + from, len + 1);
      cli_unescape(&one);
      to += one.len + 1;
      from += len + 1;
    }
    args->stops.len = to;
  }
  if (args->chat_template_file) return cli_read_file(c, args->chat_template_file, chat_template);
  if (args->chat_template && sotto_str_append_c(chat_template, args->chat_template)) {
    return cli_fail_memory(c);
  }
  return CLI_OK;
}

static sotto_status messages_json(const cli_message *messages, size_t count,
                                  const sotto_str *chat_template, sotto_str *json) {
  SOTTO_TRY(sotto_str_append_c(json, "{\"messages\": ["));
  for (size_t i = 0; i < count; i++) {
    SOTTO_TRY(sotto_str_appendf(json, "%s{\"role\": \"%s\", \"content\": ", i ? ", " : "",
                                messages[i].role));
    SOTTO_TRY(sotto_str_append_json(
        json, (sotto_slice){messages[i].content.data, messages[i].content.len}));
    SOTTO_TRY(sotto_str_append_c(json, "}"));
  }
  SOTTO_TRY(sotto_str_append_c(json, "], \"add_generation_prompt\": true"));
  if (chat_template->len) {
    SOTTO_TRY(sotto_str_append_c(json, ", \"chat_template\": "));
    SOTTO_TRY(sotto_str_append_json(json, (sotto_slice){chat_template->data, chat_template->len}));
  }
  return sotto_str_append_c(json, "}");
}

int cli_prompt_from_messages(cli *c, cli_model *model, const cli_message *messages, size_t count,
                             const sotto_str *chat_template, cli_prompt *prompt) {
  sotto_str json;
  sotto_str_init(&json, &c->ctx);
  sotto_status status = messages_json(messages, count, chat_template, &json);
  const char *text = NULL;
  uint32_t len = 0;
  int code = CLI_OK;
  if (status) {
    code = cli_fail_memory(c);
  } else if ((status = sotto_engine_apply_chat_template(
                  model->engine, json.data, (uint32_t)json.len, (int64_t)time(NULL), &prompt->ids,
                  &prompt->n_ids, &text, &len)) != SOTTO_OK) {
    code = cli_fail_engine(c, status, model->engine);
  } else {
    prompt->text.len = 0;
    if (sotto_str_append(&prompt->text, text, len)) code = cli_fail_memory(c);
  }
  sotto_str_free(&json);
  return code;
}

int cli_prompt_from_text(cli *c, cli_model *model, const sotto_str *text, cli_prompt *prompt) {
  uint32_t flags = SOTTO_TOKENIZE_ADD_SPECIAL;
  if (c->args.parse_special) flags |= SOTTO_TOKENIZE_PARSE_SPECIAL;
  sotto_status status =
      sotto_engine_tokenize(model->engine, text->len ? text->data : "", (uint32_t)text->len, flags,
                            &prompt->ids, &prompt->n_ids);
  if (status) return cli_fail_engine(c, status, model->engine);
  prompt->text.len = 0;
  return sotto_str_append(&prompt->text, text->data, text->len) ? cli_fail_memory(c) : CLI_OK;
}

/* ---- generation ---- */
static uint64_t random_seed(void) {
  uint32_t seed;
  if (getentropy(&seed, sizeof seed) == 0) return seed;
  return (uint64_t)time(NULL);
}

static uint32_t count_stops(const sotto_str *stops) {
  uint32_t n = 0;
  for (size_t i = 0; i < stops->len; i++) n += stops->data[i] == 0;
  return n;
}

static sotto_request make_request(const cli *c, const cli_prompt *prompt, uint64_t seed) {
  const cli_args *args = &c->args;
  sotto_request request = args->request;
  request.tokens = prompt->ids;
  request.n_tokens = prompt->n_ids;
  request.max_tokens = args->n_predict < 0 ? UINT32_MAX : (uint32_t)args->n_predict;
  request.sampling.seed = seed;
  request.logit_bias = (const sotto_bias *)(const void *)args->biases.data;
  request.n_logit_bias = (uint32_t)(args->biases.len / sizeof(sotto_bias));
  request.stop = args->stops.data;
  request.n_stop = count_stops(&args->stops);
  if (args->ignore_eos) request.flags |= SOTTO_REQUEST_IGNORE_EOS;
  if (args->special) request.flags |= SOTTO_REQUEST_SPECIAL;
  if (args->no_prompt_lookup) request.flags |= SOTTO_REQUEST_NO_LOOKUP;
  if (args->logprobs >= 0) {
    request.flags |= SOTTO_REQUEST_LOGPROBS;
    request.top_logprobs = (uint32_t)args->logprobs;
  }
  return request;
}

/* A token as text: what is no whole characters is spelled as OpenAI does, bytes:\xf0\x9f. */
static sotto_status append_token(sotto_slice bytes, sotto_str *out) {
  if (sotto_utf8_valid(bytes.data, bytes.len)) return sotto_str_append_json(out, bytes);
  SOTTO_TRY(sotto_str_append_c(out, "\"bytes:"));
  for (size_t i = 0; i < bytes.len; i++)
    SOTTO_TRY(sotto_str_appendf(out, "\\\\x%02x", (unsigned)(unsigned char)bytes.data[i]));
  return sotto_str_append_c(out, "\"");
}

/* {"id", "token", "bytes", "logprob"}; a probability of zero has no finite logarithm: null. */
static sotto_status append_logprob(sotto_engine *engine, int32_t token, float logprob,
                                   sotto_str *out) {
  const uint32_t flags = SOTTO_DETOKENIZE_SPECIAL | SOTTO_DETOKENIZE_BYTES;
  const char *text;
  uint32_t len;
  SOTTO_TRY(sotto_engine_detokenize(engine, &token, 1, flags, &text, &len));
  SOTTO_TRY(sotto_str_appendf(out, "{\"id\": %d, \"token\": ", (int)token));
  SOTTO_TRY(append_token((sotto_slice){text, len}, out));
  SOTTO_TRY(sotto_str_append_c(out, ", \"bytes\": ["));
  for (uint32_t i = 0; i < len; i++)
    SOTTO_TRY(sotto_str_appendf(out, "%s%u", i ? ", " : "", (unsigned)(unsigned char)text[i]));
  SOTTO_TRY(sotto_str_append_c(out, "]"));
  if (!isfinite(logprob)) return sotto_str_append_c(out, ", \"logprob\": null");
  return sotto_str_appendf(out, ", \"logprob\": %.9g", (double)logprob);
}

static sotto_status keep_token(const cli *c, sotto_engine *engine, const sotto_event *event,
                               cli_reply *reply) {
  SOTTO_TRY(sotto_str_appendf(&reply->ids, "%s%d", reply->ids.len ? ", " : "", (int)event->token));
  if (c->args.logprobs < 0) return SOTTO_OK;
  sotto_str *out = &reply->logprobs;
  if (out->len) SOTTO_TRY(sotto_str_append_c(out, ", "));
  SOTTO_TRY(append_logprob(engine, event->token, event->logprob, out));
  SOTTO_TRY(sotto_str_append_c(out, ", \"top_logprobs\": ["));
  for (uint32_t i = 0; i < event->n_top_logprobs; i++) {
    const sotto_top_logprob *top = &event->top_logprobs[i];
    if (i) SOTTO_TRY(sotto_str_append_c(out, ", "));
    SOTTO_TRY(append_logprob(engine, top->token, top->logprob, out));
    SOTTO_TRY(sotto_str_append_c(out, "}"));
  }
  return sotto_str_append_c(out, "]}");
}

static sotto_status take_event(const cli *c, sotto_engine *engine, const sotto_event *event,
                               bool stream, cli_reply *reply) {
  if (event->text_len) {
    SOTTO_TRY(sotto_str_append(&reply->text, event->text, event->text_len));
    if (stream) {
      cli_print_foreign(event->text, event->text_len);
      cli_flush();
    }
  }
  reply->prompt_n = event->prompt_n;
  reply->cache_n = event->cache_n;
  reply->predicted_n = event->predicted_n;
  reply->prompt_ms = event->prompt_ms;
  reply->predicted_ms = event->predicted_ms;
  reply->draft_n = event->draft_n;
  reply->draft_n_accepted = event->draft_n_accepted;
  if (event->type == SOTTO_EVENT_DONE) reply->finish_reason = event->finish_reason;
  return event->type == SOTTO_EVENT_TOKEN ? keep_token(c, engine, event, reply) : SOTTO_OK;
}

int cli_generate(cli *c, cli_model *model, const cli_prompt *prompt, bool stream, cli_reply *reply,
                 bool *context_full) {
  sotto_engine *engine = model->engine;
  uint32_t id;
  reply->seed = c->args.seed < 0 ? random_seed() : (uint64_t)c->args.seed;
  sotto_request request = make_request(c, prompt, reply->seed);
  sotto_status status = sotto_engine_add_request(engine, &request, &id);
  if (context_full) *context_full = status == SOTTO_ERR_CONTEXT_LENGTH;
  if (status == SOTTO_ERR_CONTEXT_LENGTH && context_full) return CLI_FAILED;
  if (status) return cli_fail_engine(c, status, engine);

  sotto_status lost = SOTTO_OK; /* the first failure on our side; the request is then cancelled */
  for (bool cancelled = false;;) {
    sotto_step_result result = sotto_engine_step(engine, STEP_MS);
    sotto_event event;
    while (sotto_engine_next_event(engine, &event)) {
      bool done = event.type == SOTTO_EVENT_DONE;
      sotto_status failed = done ? (sotto_status)event.status : SOTTO_OK;
      if (failed) return cli_fail_engine(c, failed, engine);
      if (!lost) lost = take_event(c, engine, &event, stream, reply);
      if (done) return lost ? cli_fail_memory(c) : CLI_OK;
    }
    if ((lost || !cli_stdout_open() || cli_answer_stopped()) && !cancelled) {
      cancelled = true;
      status = sotto_engine_cancel(engine, id);
      if (status) return cli_fail_engine(c, status, engine);
    }
    if (result != SOTTO_STEP_MORE && result != SOTTO_STEP_EVENTS) {
      return cli_fail(c, SOTTO_ERR_INTERNAL, "the engine forgot the request; please report this");
    }
  }
}

/* ---- state ---- */
int cli_load_state(cli *c, cli_model *model) {
  if (!c->args.load_state) return CLI_OK;
  sotto_str data;
  sotto_str_init(&data, &c->ctx);
  int code = cli_read_file(c, c->args.load_state, &data);
  uint32_t n_tokens = 0;
  if (code == CLI_OK) {
    sotto_status status =
        data.len > UINT32_MAX
            ? SOTTO_ERR_INVALID_STATE
            : sotto_engine_load_state(model->engine, data.data, (uint32_t)data.len, &n_tokens);
    if (status) {
      code = cli_fail(c, status, "%s: %s", c->args.load_state, sotto_engine_message(model->engine));
    } else {
      cli_note(c, "%s holds %u positions", c->args.load_state, (unsigned)n_tokens);
    }
  }
  sotto_str_free(&data);
  return code;
}

int cli_save_state(cli *c, cli_model *model) {
  if (!c->args.save_state) return CLI_OK;
  const char *data;
  uint32_t len;
  sotto_status status = sotto_engine_save_state(model->engine, NULL, 0, &data, &len);
  if (status) return cli_fail_engine(c, status, model->engine);
  return cli_write_file(c, c->args.save_state, data, len);
}
