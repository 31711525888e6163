/* One request from its prompt to its last character, for run and chat. */
#ifndef SOTTO_WASI_GENERATE_H
#define SOTTO_WASI_GENERATE_H

#include "model.h"

/* A conversation as the JSON that sotto_engine_apply_chat_template takes. */
typedef struct cli_message {
  const char *role; /* "system", "user", "assistant" */
  sotto_str content;
} cli_message;

typedef struct cli_prompt {
  const int32_t *ids; /* the engine's, until the next call that gives ids */
  uint32_t n_ids;
  sotto_str text; /* as the model sees it */
} cli_prompt;

typedef struct cli_reply {
  sotto_str text;     /* everything generated */
  sotto_str ids;      /* "1, 2, 3" */
  sotto_str logprobs; /* JSON objects with commas between them */
  uint64_t seed;
  uint32_t finish_reason, prompt_n, cache_n, predicted_n, draft_n, draft_n_accepted;
  double prompt_ms, predicted_ms;
} cli_reply;

void cli_prompt_init(cli_prompt *prompt, sotto_ctx *ctx);
void cli_prompt_free(cli_prompt *prompt);
void cli_reply_init(cli_reply *reply, sotto_ctx *ctx);
void cli_reply_free(cli_reply *reply);

/* Checks what the tables cannot; replaces \n and the like where --escape asks for it, reads
 * --chat-template-file into *chat_template (empty: the model's own). */
int cli_generate_options_ready(cli *c, sotto_str *chat_template);
/* A conversation, or text as it stands, to ids. sotto_status ERR_CONTEXT_LENGTH is left to
 * cli_generate to find. */
int cli_prompt_from_messages(cli *c, cli_model *model, const cli_message *messages, size_t count,
                             const sotto_str *chat_template, cli_prompt *prompt);
int cli_prompt_from_text(cli *c, cli_model *model, const sotto_str *text, cli_prompt *prompt);

/* Run the request, streaming text to standard output if `stream`. Options come from c->args.
 * *context_full (may be NULL): the prompt does not fit; no message was printed. */
int cli_generate(cli *c, cli_model *model, const cli_prompt *prompt, bool stream, cli_reply *reply,
                 bool *context_full);
/* Backslash escapes in `text` replaced in place. */
void cli_unescape(sotto_str *text);

int cli_load_state(cli *c, cli_model *model);
int cli_save_state(cli *c, cli_model *model);

/* run --json. */
int cli_print_reply_json(cli *c, cli_model *model, const cli_prompt *prompt,
                         const cli_reply *reply);
void cli_note_timings(cli *c, const cli_model *model, const cli_reply *reply);

#endif
