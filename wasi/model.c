/* Model files: opened, read in chunks as the engine asks for them, never held. Of a split model
 * (NAME-00001-of-00003.gguf) the other parts are found by their names. */
#define _DEFAULT_SOURCE 1 /* POSIX beside ISO C */

#include "model.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 20 };

/* ---- names of split files ---- */
static bool digits(const char *text, size_t n, uint32_t *out) {
  *out = 0;
  for (size_t i = 0; i < n; i++) {
    if (text[i] < '0' || text[i] > '9') return false;
    *out = *out * 10 + (uint32_t)(text[i] - '0');
  }
  return true;
}

/* NAME-00002-of-00003.gguf: 3 and the length of NAME. 1 for any other name. */
static uint32_t split_of(const char *path, size_t *stem) {
  static const char pattern[] = "-00000-of-00000.gguf";
  const size_t n = sizeof pattern - 1, len = strlen(path);
  uint32_t number, count;
  *stem = len;
  if (len < n) return 1;
  const char *tail = path + len - n;
  if (tail[0] != '-' || memcmp(tail + 6, "-of-", 4) != 0 || strcmp(tail + 15, ".gguf") != 0 ||
      !digits(tail + 1, 5, &number) || !digits(tail + 10, 5, &count)) {
    return 1;
  }
  if (number < 1 || number > count) return 1;
  *stem = len - n;
  return count;
}

static sotto_status part_path(sotto_str *out, const char *path, size_t stem, uint32_t file,
                              uint32_t count) {
  out->len = 0;
  if (count == 1) return sotto_str_append_c(out, path);
  SOTTO_TRY(sotto_str_append(out, path, stem));
  return sotto_str_appendf(out, "-%05u-of-%05u.gguf", (unsigned)file + 1, (unsigned)count);
}

/* ---- progress ---- */
static void show_progress(const cli *c, const char *what, uint64_t done, uint64_t total) {
  static int shown = -1;
  int percent = total ? (int)((double)done * 100 / (double)total) : 100;
  if (percent == shown) return;
  shown = percent;
  cli_progress(what, c->args.model, percent);
  if (percent >= 100) cli_progress_end();
}

/* ---- reading ---- */
static int fail_file(const cli *c, const cli_model *model, sotto_status status) {
  return cli_fail(c, status, "%s: %s", c->args.model, sotto_engine_message(model->engine));
}

/* Exactly the next bytes at `offset`, at most len; *got 0 is the file's end. */
static int read_at(const cli *c, const cli_model *model, uint32_t file, uint64_t offset, char *data,
                   size_t len, size_t *got) {
  *got = 0;
  while (*got < len) {
    ssize_t n = pread(model->files[file], data + *got, len - *got, (off_t)(offset + *got));
    if (n == 0) break;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      return cli_fail(c, SOTTO_ERR_IO, "cannot read %s (file %u): %s", c->args.model,
                      (unsigned)file + 1, strerror(errno));
    }
    *got += (size_t)n;
  }
  return CLI_OK;
}

static int open_file(const cli *c, cli_model *model, uint32_t file, const char *path) {
  struct stat info;
  int fd = open(path, O_RDONLY);
  if (fd < 0) return cli_fail_open(c, path, errno);
  model->files[file] = fd;
  if (fstat(fd, &info) != 0) return cli_fail_open(c, path, errno);
  if (S_ISDIR(info.st_mode)) {
    return cli_fail(c, SOTTO_ERR_IO, "%s is a folder; name the .gguf file in it", path);
  }
  if (!S_ISREG(info.st_mode)) {
    return cli_fail(c, SOTTO_ERR_IO,
                    "%s is not a regular file; the model is read in pieces, so "
                    "it cannot come through a pipe",
                    path);
  }
  if (info.st_size == 0) {
    return cli_fail(c, SOTTO_ERR_TRUNCATED_FILE, "%s is empty; download it again", path);
  }
  sotto_status status = sotto_engine_set_file_size(model->engine, file, (uint64_t)info.st_size);
  return status ? fail_file(c, model, status) : CLI_OK;
}

static int read_header(const cli *c, cli_model *model, uint32_t file, char *buffer) {
  uint64_t offset = 0;
  uint32_t done = 0, consumed = 0;
  while (!done) {
    size_t got;
    int code = read_at(c, model, file, offset, buffer, CHUNK, &got);
    if (code) return code;
    sotto_status status =
        got ? sotto_engine_feed_header(model->engine, file, buffer, (uint32_t)got, &consumed, &done)
            : sotto_engine_end_header(model->engine, file);
    if (status) return fail_file(c, model, status);
    if (!got) return cli_fail(c, SOTTO_ERR_INTERNAL, "%s: no end of the header", c->args.model);
    offset += got;
  }
  return CLI_OK;
}

static int read_range(const cli *c, cli_model *model, const sotto_range *range, char *buffer) {
  for (uint64_t done = 0; done < range->length;) {
    uint64_t left = range->length - done;
    size_t got, want = left < CHUNK ? (size_t)left : CHUNK;
    int code = read_at(c, model, range->file, range->offset + done, buffer, want, &got);
    if (code) return code;
    if (got < want) {
      return cli_fail(c, SOTTO_ERR_TRUNCATED_FILE,
                      "%s (file %u) ended while it was read, at byte %llu; download it again",
                      c->args.model, (unsigned)range->file + 1,
                      (unsigned long long)(range->offset + done + got));
    }
    sotto_status status =
        sotto_engine_feed(model->engine, range->file, range->offset + done, buffer, (uint32_t)got);
    if (status) return fail_file(c, model, status);
    done += got;
  }
  return CLI_OK;
}

/* ---- the steps ---- */
static int read_headers(cli *c, cli_model *model, char *buffer) {
  const char *path = c->args.model;
  size_t stem;
  model->n_files = split_of(path, &stem);
  sotto_status status = sotto_engine_set_files(model->engine, model->n_files);
  if (status) return fail_file(c, model, status);
  model->files = malloc(model->n_files * sizeof *model->files);
  if (!model->files) return cli_fail_memory(c);
  for (uint32_t i = 0; i < model->n_files; i++) model->files[i] = -1;

  sotto_str name;
  sotto_str_init(&name, &c->ctx);
  int code = CLI_OK;
  for (uint32_t i = 0; i < model->n_files && code == CLI_OK; i++) {
    code = part_path(&name, path, stem, i, model->n_files) ? cli_fail_memory(c) : CLI_OK;
    if (code == CLI_OK) code = open_file(c, model, i, name.data);
    if (code == CLI_OK) code = read_header(c, model, i, buffer);
  }
  sotto_str_free(&name);
  if (code) return code;
  uint32_t count = sotto_engine_split_count(model->engine);
  if (count != model->n_files) {
    return cli_fail(c, SOTTO_ERR_INVALID_MODEL,
                    "%s says that it is one of %u files, but its name says %u; keep the original "
                    "names, NAME-00001-of-%05u.gguf",
                    path, (unsigned)count, (unsigned)model->n_files, (unsigned)count);
  }
  return CLI_OK;
}

int cli_model_plan(cli *c, cli_model *model) {
  sotto_status status = sotto_engine_plan(model->engine, &model->plan);
  if (!status) status = sotto_engine_info(model->engine, &model->info);
  if (status) return fail_file(c, model, status);
  const char *warning;
  for (uint32_t i = 0; (warning = sotto_engine_warning(model->engine, i)) != NULL; i++)
    cli_warn("%s", warning);
  return CLI_OK;
}

static int load(cli *c, cli_model *model, char *buffer) {
  double start = cli_now_ms();
  sotto_status status = sotto_engine_start_load(model->engine);
  if (status) return fail_file(c, model, status);
  for (;;) {
    sotto_range range;
    status = sotto_engine_next_range(model->engine, 4 * CHUNK, &range);
    if (status) return fail_file(c, model, status);
    if (range.length == 0) break;
    int code = read_range(c, model, &range, buffer);
    if (code) return code;
    uint64_t done, total;
    sotto_engine_load_progress(model->engine, &done, &total);
    show_progress(c, "loading", done, total);
  }
  model->load_ms = cli_now_ms() - start;
  cli_note(c, "loaded %s in %.0f ms: %.1f MB of weights, %s kernels, %.1f MB in use in all",
           c->args.model, model->load_ms, (double)model->plan.weights * 1e-6,
           sotto_engine_variant(model->engine),
           (double)sotto_engine_bytes_in_use(model->engine) * 1e-6);
  return CLI_OK;
}

int cli_model_load(cli *c, cli_model *model) {
  char *buffer = malloc(CHUNK);
  if (!buffer) return cli_fail_memory(c);
  int code = load(c, model, buffer);
  free(buffer);
  for (uint32_t i = 0; i < model->n_files; i++) {
    close(model->files[i]);
    model->files[i] = -1;
  }
  return code;
}

int cli_model_open(cli *c, cli_model_part part, cli_model *model) {
  *model = (cli_model){0};
  model->engine = sotto_engine_new(&c->args.engine);
  if (!model->engine) return cli_fail_memory(c);
  char *buffer = malloc(CHUNK);
  int code = buffer ? read_headers(c, model, buffer) : cli_fail_memory(c);
  free(buffer);
  if (code == CLI_OK && part >= CLI_PLAN) code = cli_model_plan(c, model);
  if (code == CLI_OK && part >= CLI_BODY) code = cli_model_load(c, model);
  return code;
}

void cli_model_close(cli_model *model) {
  for (uint32_t i = 0; model->files && i < model->n_files; i++) {
    if (model->files[i] >= 0) close(model->files[i]);
  }
  free(model->files);
  sotto_engine_free(model->engine);
  *model = (cli_model){0};
}
