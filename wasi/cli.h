/* What the files of the command share: exit codes, messages, standard output, reading of files.
 *
 * The command is a user of api/sotto.h like any other host; of the core's inside it borrows base/
 * alone (growable strings, UTF-8, limits) and the lists of kernels and cache types. Whatever can
 * fail returns an exit code, CLI_OK being 0, after the reason went to standard error. */
#ifndef SOTTO_WASI_CLI_H
#define SOTTO_WASI_CLI_H

#include "api/sotto.h"
#include "base/str.h"
#include "options.h"

enum {
  CLI_OK = 0,
  CLI_FAILED = 1, /* at run time: model, files, memory */
  CLI_USAGE = 2,  /* the command line itself */
};

typedef struct cli {
  sotto_ctx ctx; /* memory of the command's own strings */
  const struct cli_command *command;
  cli_args args;
} cli;

/* One row of main.c's table. */
typedef struct cli_command {
  const char *name, *synopsis, *summary;
  const char *details;                   /* further lines of --help */
  const cli_option_group *const *groups; /* ends with NULL */
  int (*run)(cli *c);
} cli_command;

int cli_run(cli *c);
int cli_chat(cli *c);
int cli_tokenize(cli *c);
int cli_inspect(cli *c);
int cli_perplexity(cli *c);
int cli_embed(cli *c);
int cli_bench(cli *c);

/* ---- messages: "sotto: …" on standard error ---- */
/* A fact, with --verbose only. */
void cli_note(const cli *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Something the user should know although the command goes on. */
void cli_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The command line is wrong; the message says what to write instead. Returns CLI_USAGE. */
int cli_usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A failure at run time. With --json, {"error": {"code", "message"}} goes to standard output too.
 * Returns CLI_FAILED. */
int cli_fail(const cli *c, sotto_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int cli_fail_memory(const cli *c);
int cli_fail_engine(const cli *c, sotto_status status, const sotto_engine *engine);

/* ---- standard output ---- */
void cli_print(const char *text, size_t len);
/* Text that a model made or a file holds: on a terminal its control characters, line ends and tabs
 * aside, are shown as U+FFFD, since they could make the terminal do things. */
void cli_print_foreign(const char *text, size_t len);
void cli_print_str(const sotto_str *text);
void cli_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void cli_flush(void);
/* False once writing has failed: there is nobody left to work for. */
bool cli_stdout_open(void);
/* The exit code, given what became of standard output: a reader that closed its
 * pipe is no error. */
int cli_finish(int code);

/* ---- the terminal ---- */
/* A line on standard error, if that is a terminal: it takes the place of the one before,
 * and the name is cut so that it never wraps. */
void cli_progress(const char *what, const char *name, int percent);
/* Wipes that line out. */
void cli_progress_end(void);
/* Between these two Ctrl-C ends the answer, and only a second one the program. */
void cli_answer_begins(void);
void cli_answer_ends(void);
bool cli_answer_stopped(void);
/* False where the host leaves no way to: Ctrl-C always ends the program. */
bool cli_can_stop(void);

/* ---- input ---- */
/* The whole of a file, or of standard input for "-". */
int cli_read_file(const cli *c, const char *path, sotto_str *out);
int cli_write_file(const cli *c, const char *path, const char *data, size_t len);
/* The text that -p, -f or standard input gives. CLI_USAGE when there is none. */
int cli_read_text(const cli *c, sotto_str *out);
/* Why `path` could not be opened, given errno; under WASI it says how to grant a folder. */
int cli_fail_open(const cli *c, const char *path, int error);

double cli_now_ms(void);

#endif
