/* The terminal: the line of progress, which never wraps, and Ctrl-C during an answer. */
#define _DEFAULT_SOURCE 1 /* POSIX beside ISO C */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef __wasi__
#include <signal.h>
#include <sys/ioctl.h>
#endif

#include "base/utf8.h"
#include "cli.h"

/* ---- progress ---- */
enum { DEFAULT_WIDTH = 80, WIDEST = 1000 };

/* Columns of the terminal. WASI does not say: the launcher puts them into the environment. */
static unsigned terminal_width(void) {
#ifndef __wasi__
  struct winsize size;
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col) return size.ws_col;
#endif
  const char *text = getenv("COLUMNS");
  long width = text ? strtol(text, NULL, 10) : 0;
  return width > 0 && width < WIDEST ? (unsigned)width : DEFAULT_WIDTH;
}

/* Columns that a character takes at most: two for those that Unicode calls wide. What combines with
 * another counts as well, so that a line may come out shorter than it could be. */
static unsigned columns_of(uint32_t c) {
  bool wide = (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
              (c >= 0xa960 && c <= 0xa97f) || (c >= 0xac00 && c <= 0xd7a3) ||
              (c >= 0xf900 && c <= 0xfaff) || (c >= 0xfe10 && c <= 0xfe6f) ||
              (c >= 0xff00 && c <= 0xff60) || (c >= 0xffe0 && c <= 0xffe6) ||
              (c >= 0x1f000 && c <= 0x1faff) || (c >= 0x20000 && c <= 0x3fffd) ||
              (c >= 0x2300 && c <= 0x27bf) || (c >= 0x2b00 && c <= 0x2bff);
  return wide ? 2 : 1;
}

static unsigned width_of(const char *text) {
  unsigned width = 0;
  uint32_t c;
  for (size_t len = strlen(text); len;) {
    size_t n = sotto_utf8_decode(text, len, &c);
    width += columns_of(c);
    text += n;
    len -= n;
  }
  return width;
}

/* A name of a file: what a terminal would obey, or cannot show, is shown as U+FFFD. */
static void put_name(const char *text) {
  uint32_t c;
  for (size_t len = strlen(text), n; len; text += n, len -= n) {
    n = sotto_utf8_decode(text, len, &c);
    if ((c >= 0x20 && c < 0x7f) || (c >= 0xa0 && c != 0xfffd)) {
      fwrite(text, 1, n, stderr);
    } else {
      fputs("\xef\xbf\xbd", stderr);
    }
  }
}

static bool line_shown;

void cli_progress(const char *what, const char *name, int percent) {
  if (!isatty(STDERR_FILENO)) return;
  /* A character in the last column may already wrap. */
  unsigned fixed = (unsigned)strlen(what) + (unsigned)strlen("sotto:   100 %") + 1;
  unsigned width = terminal_width(), ellipsis = 2;
  if (width < fixed + ellipsis) return;
  unsigned room = width - fixed, left = width_of(name);
  bool cut = left > room;
  while (cut && left > room - ellipsis) { /* the end of a path tells most */
    uint32_t c;
    name += sotto_utf8_decode(name, strlen(name), &c);
    left -= columns_of(c);
  }
  fprintf(stderr, "\rsotto: %s %s", what, cut ? "\xe2\x80\xa6" : "");
  put_name(name);
  fprintf(stderr, " %d %%", percent);
  line_shown = true;
}

void cli_progress_end(void) {
  if (line_shown) fputs("\r\033[K", stderr);
  line_shown = false;
}

/* ---- Ctrl-C ---- */
#ifdef __wasi__
/* WASI has no signals. Whoever starts the command may name a file that is there while an answer is
 * under way; it ends when the file is removed. */
static const char *file;

bool cli_can_stop(void) {
  const char *name = getenv("SOTTO_ANSWERING");
  return name && *name;
}

void cli_answer_begins(void) {
  if (!cli_can_stop()) return;
  file = getenv("SOTTO_ANSWERING");
  int fd = open(file, O_WRONLY | O_CREAT, 0600);
  if (fd >= 0) close(fd);
  if (fd < 0) file = NULL;
}

bool cli_answer_stopped(void) {
  return file && access(file, F_OK) != 0;
}

void cli_answer_ends(void) {
  if (file) unlink(file);
  file = NULL;
}
#else
static volatile sig_atomic_t interrupted;
static struct sigaction before;

static void interrupt(int signal) {
  (void)signal;
  interrupted = 1;
}

bool cli_can_stop(void) {
  return true;
}

void cli_answer_begins(void) {
  struct sigaction action = {0};
  interrupted = 0;
  action.sa_handler = interrupt;
  action.sa_flags = (int)(SA_RESTART | SA_RESETHAND); /* a second one ends the program */
  sigaction(SIGINT, NULL, &before);
  if (before.sa_handler != SIG_IGN) sigaction(SIGINT, &action, NULL);
}

bool cli_answer_stopped(void) {
  return interrupted != 0;
}

void cli_answer_ends(void) {
  sigaction(SIGINT, &before, NULL);
  interrupted = 0;
}
#endif
