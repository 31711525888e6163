/* sotto run: one prompt, one answer. */
#include <string.h>

#include "generate.h"

/* A prompt goes through the chat template where there is one, unless --raw. */
static int make_prompt(cli *c, cli_model *model, sotto_str *text, const sotto_str *chat_template,
                       cli_prompt *prompt) {
  bool template_given = chat_template->len > 0;
  if (c->args.raw || (!template_given && !model->info.has_chat_template)) {
    if (c->args.conversation || c->args.system) {
      return cli_fail(c, SOTTO_ERR_INVALID_TEMPLATE,
                      "%s has no chat template; give --chat-template-file, or leave out %s",
                      c->args.model, c->args.system ? "--system-prompt" : "--conversation");
    }
    return cli_prompt_from_text(c, model, text, prompt);
  }
  cli_message messages[2];
  size_t n = 0;
  sotto_str system;
  sotto_str_init(&system, &c->ctx);
  int code = CLI_OK;
  if (c->args.system) {
    if (sotto_str_append_c(&system, c->args.system)) code = cli_fail_memory(c);
    if (c->args.escape) cli_unescape(&system);
    messages[n++] = (cli_message){"system", system};
  }
  messages[n++] = (cli_message){"user", *text};
  if (code == CLI_OK) {
    code = cli_prompt_from_messages(c, model, messages, n, chat_template, prompt);
  }
  sotto_str_free(&system);
  return code;
}

static int answer(cli *c, cli_model *model, sotto_str *text, const sotto_str *chat_template) {
  cli_prompt prompt;
  cli_reply reply;
  cli_prompt_init(&prompt, &c->ctx);
  cli_reply_init(&reply, &c->ctx);
  int code = make_prompt(c, model, text, chat_template, &prompt);
  if (code == CLI_OK) code = cli_generate(c, model, &prompt, !c->args.json, &reply, NULL);
  if (code == CLI_OK && c->args.json) code = cli_print_reply_json(c, model, &prompt, &reply);
  if (!c->args.json && reply.text.len && reply.text.data[reply.text.len - 1] != '\n') {
    cli_printf("\n");
  }
  if (code == CLI_OK) cli_note_timings(c, model, &reply);
  if (code == CLI_OK) code = cli_save_state(c, model);
  cli_reply_free(&reply);
  cli_prompt_free(&prompt);
  return code;
}

/* echo "…" | sotto run: the line's end is the shell's, not the user's. */
static void drop_line_end(sotto_str *text) {
  if (text->len && text->data[text->len - 1] == '\n') text->len--;
  if (text->len && text->data[text->len - 1] == '\r') text->len--;
}

int cli_run(cli *c) {
  cli_model model = {0};
  sotto_str text, chat_template;
  sotto_str_init(&text, &c->ctx);
  sotto_str_init(&chat_template, &c->ctx);
  int code = cli_generate_options_ready(c, &chat_template);
  if (code == CLI_OK) code = cli_read_text(c, &text);
  if (c->args.prompt) {
    if (c->args.escape) cli_unescape(&text);
  } else {
    drop_line_end(&text);
  }
  if (code == CLI_OK) code = cli_model_open(c, CLI_BODY, &model);
  if (code == CLI_OK) code = cli_load_state(c, &model);
  if (code == CLI_OK) code = answer(c, &model, &text, &chat_template);
  cli_model_close(&model);
  sotto_str_free(&chat_template);
  sotto_str_free(&text);
  return code;
}
