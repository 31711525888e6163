/* --help of a command, printed from its tables. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

enum { HELP_COLUMN = 34, LINE_END = 96 };

/* The default of a number or choice, as one would write it; a text of at most 31 bytes. */
static void default_text(const cli *c, const cli_option *option, char out[32]) {
  const void *field = (const char *)&c->args + option->offset;
  size_t len = 0;
  const char *word;
  switch (option->type) {
  case CLI_I32: snprintf(out, 32, "%d", (int)*(const int32_t *)field); break;
  case CLI_U32: snprintf(out, 32, "%u", (unsigned)*(const uint32_t *)field); break;
  case CLI_I64: snprintf(out, 32, "%lld", (long long)*(const int64_t *)field); break;
  case CLI_F32: snprintf(out, 32, "%g", (double)*(const float *)field); break;
  case CLI_CHOICE:
    word = cli_choice_word(option->value, *(const uint32_t *)field, &len);
    snprintf(out, 32, "%.*s", (int)len, word);
    break;
  default: out[0] = 0;
  }
}

/* Words from `column` on, in lines that begin at HELP_COLUMN. Returns the column behind them. */
static size_t print_words(const char *text, size_t column) {
  while (*text) {
    size_t len = strcspn(text, " ");
    if (column + 1 + len > LINE_END) {
      cli_printf("\n%*s", HELP_COLUMN, "");
      column = HELP_COLUMN;
    } else if (column > HELP_COLUMN) {
      cli_printf(" ");
      column++;
    }
    cli_print(text, len);
    column += len;
    text += len + (text[len] == ' ');
  }
  return column;
}

static void print_option(const cli *c, const cli_option *option) {
  size_t column = 2;
  cli_printf("  ");
  for (int k = 0; k < 4 && option->names[k]; k++) {
    cli_printf("%s%s", k ? ", " : "", option->names[k]);
    column += (k ? 2 : 0) + strlen(option->names[k]);
  }
  if (option->value) {
    cli_printf(" %s", option->value);
    column += 1 + strlen(option->value);
  }
  if (column > HELP_COLUMN - 2) {
    cli_printf("\n");
    column = 0;
  }
  cli_printf("%*s", (int)(HELP_COLUMN - column), "");
  column = print_words(option->help, HELP_COLUMN);
  if (option->shows_default) {
    char text[32], note[48];
    default_text(c, option, text);
    snprintf(note, sizeof note, "(default: %s)", text);
    print_words(note, column);
  }
  cli_printf("\n");
}

void cli_print_help(cli *c) {
  const cli_command *command = c->command;
  cli_printf("Usage: sotto %s %s\n\n%c%s.\n", command->name, command->synopsis,
             toupper((unsigned char)command->summary[0]), command->summary + 1);
  if (command->details) cli_printf("%s\n", command->details);
  /* Defaults are read from a fresh set: --help may follow other options. */
  cli fresh = {.ctx = c->ctx, .command = command};
  cli_args_default(&fresh.args, &fresh.ctx);
  for (const cli_option_group *const *group = command->groups; *group; group++) {
    cli_printf("\n%s:\n", (*group)->title);
    for (size_t i = 0; i < (*group)->count; i++) print_option(&fresh, &(*group)->options[i]);
  }
  cli_args_free(&fresh.args);
}
