/* sotto chat: a conversation, one message a line of standard input. The whole conversation
 * goes through the template each time; the engine finds that all but the last message
 * is in its cache. */
#define _DEFAULT_SOURCE 1 /* getline */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "generate.h"

typedef struct chat {
  cli *c;
  cli_model model;
  sotto_str chat_template;
  cli_message *messages;
  size_t count, cap;
  size_t n_system; /* 1 when messages[0] is the system message, else 0 */
} chat;

static int add_message(chat *chat, const char *role, const char *text, size_t len) {
  if (chat->count == chat->cap) {
    size_t cap = chat->cap ? chat->cap * 2 : 16;
    cli_message *grown = realloc(chat->messages, cap * sizeof *grown);
    if (!grown) return cli_fail_memory(chat->c);
    chat->messages = grown;
    chat->cap = cap;
  }
  cli_message *message = &chat->messages[chat->count];
  message->role = role;
  sotto_str_init(&message->content, &chat->c->ctx);
  if (sotto_str_append(&message->content, text, len)) return cli_fail_memory(chat->c);
  chat->count++;
  return CLI_OK;
}

static void drop_messages(chat *chat, size_t from, size_t to) {
  if (from == to) return;
  for (size_t i = from; i < to; i++) sotto_str_free(&chat->messages[i].content);
  memmove(chat->messages + from, chat->messages + to, (chat->count - to) * sizeof *chat->messages);
  chat->count -= to - from;
}

/* The next message: a line, or several of which all but the last end in a backslash. false: no
 * more. */
static bool read_message(sotto_str *out, int *code, const cli *c) {
  char *line = NULL;
  size_t cap = 0;
  ssize_t len;
  out->len = 0;
  bool any = false, more = true;
  while (more && (len = getline(&line, &cap, stdin)) >= 0) {
    any = true;
    if (len && line[len - 1] == '\n') len--;
    if (len && line[len - 1] == '\r') len--;
    more = len && line[len - 1] == '\\';
    if (more) line[len - 1] = '\n';
    if (sotto_str_append(out, line, (size_t)len)) {
      *code = cli_fail_memory(c);
      break;
    }
  }
  free(line);
  return any;
}

/* Answers the last message, and adds the answer. A conversation that has outgrown the context loses
 * its oldest turns; a last message that alone is too long is taken back. */
static int answer(chat *chat) {
  cli *c = chat->c;
  cli_prompt prompt;
  cli_reply reply;
  cli_prompt_init(&prompt, &c->ctx);
  cli_reply_init(&reply, &c->ctx);
  bool full = false, taken_back = false;
  int code;
  do {
    code = cli_prompt_from_messages(c, &chat->model, chat->messages, chat->count,
                                    &chat->chat_template, &prompt);
    if (code) break;
    cli_answer_begins();
    code = cli_generate(c, &chat->model, &prompt, true, &reply, &full);
    cli_answer_ends();
    if (!full) break;
    code = CLI_OK;
    if (chat->count > chat->n_system + 2) {
      cli_warn("the conversation fills the context of %u positions: its oldest turn is forgotten",
               (unsigned)chat->model.plan.n_ctx);
      drop_messages(chat, chat->n_system, chat->n_system + 2);
    } else {
      cli_warn("this message does not fit the context of %u positions: shorten it, or start with a "
               "larger -c",
               (unsigned)chat->model.plan.n_ctx);
      drop_messages(chat, chat->count - 1, chat->count);
      taken_back = true;
    }
  } while (full && !taken_back);
  if (code == CLI_OK && !taken_back) {
    cli_printf("\n");
    cli_flush();
    cli_note_timings(c, &chat->model, &reply);
    /* A question whose answer was interrupted before its first word is taken back. */
    if (reply.finish_reason == SOTTO_FINISH_CANCELLED && !reply.text.len) {
      drop_messages(chat, chat->count - 1, chat->count);
    } else {
      code = add_message(chat, "assistant", reply.text.data, reply.text.len);
    }
  }
  cli_reply_free(&reply);
  cli_prompt_free(&prompt);
  return code;
}

static int converse(chat *chat) {
  cli *c = chat->c;
  bool tty = isatty(STDIN_FILENO);
  int code = CLI_OK;
  sotto_str line;
  sotto_str_init(&line, &c->ctx);
  if (tty) {
    fputs("Write to the model. A backslash at the end of a line goes on with the next one;\n"
          "/clear forgets the conversation, /exit or the end of input ends it.\n",
          stderr);
    if (cli_can_stop()) fputs("Ctrl-C ends an answer.\n", stderr);
  }
  while (code == CLI_OK && cli_stdout_open()) {
    if (tty) fputs("> ", stderr);
    if (!read_message(&line, &code, c)) break;
    if (code) break;
    if (line.len == 0) continue;
    if (strcmp(line.data, "/exit") == 0) break;
    if (strcmp(line.data, "/clear") == 0) {
      drop_messages(chat, chat->n_system, chat->count);
      continue;
    }
    code = add_message(chat, "user", line.data, line.len);
    if (code == CLI_OK) code = answer(chat);
  }
  sotto_str_free(&line);
  return code;
}

int cli_chat(cli *c) {
  chat chat = {.c = c};
  sotto_str_init(&chat.chat_template, &c->ctx);
  int code = cli_generate_options_ready(c, &chat.chat_template);
  if (code == CLI_OK && c->args.system) {
    chat.n_system = 1;
    code = add_message(&chat, "system", c->args.system, strlen(c->args.system));
  }
  if (code == CLI_OK) code = cli_model_open(c, CLI_BODY, &chat.model);
  if (code == CLI_OK && !chat.model.info.has_chat_template && !chat.chat_template.len) {
    code = cli_fail(c, SOTTO_ERR_INVALID_TEMPLATE,
                    "%s has no chat template; give --chat-template-file, or continue text with "
                    "'sotto run --raw'",
                    c->args.model);
  }
  if (code == CLI_OK) code = cli_load_state(c, &chat.model);
  if (code == CLI_OK) code = converse(&chat);
  if (code == CLI_OK && chat.count > chat.n_system) code = cli_save_state(c, &chat.model);
  drop_messages(&chat, 0, chat.count);
  free(chat.messages);
  cli_model_close(&chat.model);
  sotto_str_free(&chat.chat_template);
  return code;
}
