/* Standard output, messages on standard error, and the files that the command itself reads and
 * writes (prompts, templates, saved states; models are read by model.c). */
#define _DEFAULT_SOURCE 1 /* POSIX beside ISO C */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/utf8.h"
#include "cli.h"

/* ---- messages ---- */
static void say(const char *format, va_list args) {
  cli_flush(); /* on a terminal, in the order in which things happened */
  cli_progress_end();
  fputs("sotto: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
}

void cli_note(const cli *c, const char *format, ...) {
  if (!c->args.verbose) return;
  va_list args;
  va_start(args, format);
  say(format, args);
  va_end(args);
}

void cli_warn(const char *format, ...) {
  va_list args;
  va_start(args, format);
  say(format, args);
  va_end(args);
}

int cli_usage_error(const char *format, ...) {
  va_list args;
  va_start(args, format);
  say(format, args);
  va_end(args);
  return CLI_USAGE;
}

int cli_fail(const cli *c, sotto_status status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  say(format, args);
  va_end(args);
  if (c->args.json) {
    char message[1024]; /* names of files may be longer; standard error has all of it */
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    sotto_ctx ctx = c->ctx;
    sotto_str text;
    sotto_str_init(&text, &ctx);
    if (!sotto_str_append_json(&text, (sotto_slice){message, strlen(message)})) {
      cli_printf("{\"error\": {\"code\": \"%s\", \"message\": ", sotto_status_name(status));
      cli_print_str(&text);
      cli_printf("}}\n");
    }
    sotto_str_free(&text);
  }
  return CLI_FAILED;
}

int cli_fail_memory(const cli *c) {
  return cli_fail(c, SOTTO_ERR_OUT_OF_MEMORY,
                  "out of memory; use a smaller -c or a shorter prompt");
}

int cli_fail_engine(const cli *c, sotto_status status, const sotto_engine *engine) {
  return cli_fail(c, status, "%s", sotto_engine_message(engine));
}

/* ---- standard output ---- */
static int stdout_error; /* errno of the first write that failed */

static void check_write(bool ok) {
  if (!ok && !stdout_error) stdout_error = errno ? errno : EIO;
}

void cli_print(const char *text, size_t len) {
  if (!stdout_error && len) check_write(fwrite(text, 1, len, stdout) == len);
}

void cli_print_foreign(const char *text, size_t len) {
  if (!isatty(STDOUT_FILENO)) {
    cli_print(text, len);
    return;
  }
  for (size_t i = 0, n; i < len; i += n) {
    uint32_t c;
    n = sotto_utf8_decode(text + i, len - i, &c);
    bool harmless = (c >= 0x20 && c < 0x7f) || c >= 0xa0 || c == '\n' || c == '\t';
    if (harmless) {
      cli_print(text + i, n);
    } else {
      cli_print("\xef\xbf\xbd", 3);
    }
  }
}

void cli_print_str(const sotto_str *text) {
  cli_print(text->data, text->len);
}

void cli_printf(const char *format, ...) {
  if (stdout_error) return;
  va_list args;
  va_start(args, format);
  check_write(vfprintf(stdout, format, args) >= 0);
  va_end(args);
}

void cli_flush(void) {
  if (!stdout_error) check_write(fflush(stdout) == 0);
}

bool cli_stdout_open(void) {
  return stdout_error == 0;
}

/* wasmtime reports a closed pipe as an I/O error; on a file that would be a failing disk. */
static bool reader_went_away(void) {
  struct stat info;
  if (stdout_error == EPIPE) return true;
  return stdout_error == EIO && (fstat(STDOUT_FILENO, &info) != 0 || !S_ISREG(info.st_mode));
}

int cli_finish(int code) {
  cli_flush();
  if (!stdout_error) return code;
  if (reader_went_away()) return code == CLI_USAGE ? code : CLI_OK;
  fprintf(stderr, "sotto: cannot write to standard output: %s\n", strerror(stdout_error));
  return CLI_FAILED;
}

/* ---- files ---- */
int cli_read_file(const cli *c, const char *path, sotto_str *out) {
  bool is_stdin = strcmp(path, "-") == 0;
  FILE *file = is_stdin ? stdin : fopen(path, "rb");
  const char *name = is_stdin ? "standard input" : path;
  if (!file) return cli_fail_open(c, path, errno);
  int code = CLI_OK;
  size_t chunk = 1 << 16, n;
  do {
    if (sotto_str_reserve(out, chunk)) {
      code = cli_fail(c, SOTTO_ERR_OUT_OF_MEMORY, "%s: too large for memory (%zu bytes read)", name,
                      out->len);
      break;
    }
    n = fread(out->data + out->len, 1, chunk, file);
    out->len += n;
    out->data[out->len] = 0;
  } while (n);
  if (code == CLI_OK && ferror(file)) {
    code = cli_fail(c, SOTTO_ERR_IO, "cannot read %s: %s", name,
                    errno == EBADF || errno == EISDIR ? "it is a folder" : strerror(errno));
  }
  if (!is_stdin) fclose(file);
  return code;
}

int cli_write_file(const cli *c, const char *path, const char *data, size_t len) {
  FILE *file = fopen(path, "wb");
  if (!file) return cli_fail_open(c, path, errno);
  bool ok = fwrite(data, 1, len, file) == len;
  int error = errno;
  if (fclose(file) != 0 && ok) {
    ok = false;
    error = errno;
  }
  if (ok) return CLI_OK;
  return cli_fail(c, SOTTO_ERR_IO, "cannot write %s: %s", path, strerror(error));
}

int cli_read_text(const cli *c, sotto_str *out) {
  const cli_args *args = &c->args;
  if (args->prompt && args->file) return cli_usage_error("-p and -f exclude each other; give one");
  if (!args->prompt && !args->file && isatty(STDIN_FILENO)) {
    return cli_usage_error("no text; give -p TEXT or -f FILE, or pipe it in");
  }
  if (args->prompt) {
    if (sotto_str_append_c(out, args->prompt)) return cli_fail_memory(c);
  } else {
    int code = cli_read_file(c, args->file ? args->file : "-", out);
    if (code) return code;
  }
  if (out->len > UINT32_MAX / 4) {
    return cli_fail(c, SOTTO_ERR_CONTEXT_LENGTH, "the text has %zu bytes, too many for any context",
                    out->len);
  }
  return CLI_OK;
}

double cli_now_ms(void) {
  struct timespec now;
  if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) return 0;
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}
