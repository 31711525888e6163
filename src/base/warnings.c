#include "base/warnings.h"

#include <stdarg.h>
#include <stdio.h>

void sotto_warnings_attach(sotto_ctx *ctx, sotto_warnings *warnings) {
  ctx->warnings = warnings;
  if (warnings && !warnings->text.ctx) sotto_str_init(&warnings->text, ctx);
}

void sotto_warnings_free(sotto_warnings *warnings) {
  sotto_str_free(&warnings->text);
  warnings->count = 0;
}

static bool was_said(const sotto_warnings *warnings, const char *line) {
  const char *at = warnings->text.data;
  for (size_t i = 0; i < warnings->count; i++, at += strlen(at) + 1) {
    if (strcmp(at, line) == 0) return true;
  }
  return false;
}

sotto_status sotto_warn(sotto_ctx *ctx, const char *format, ...) {
  if (!ctx->warnings) return SOTTO_OK;
  char line[SOTTO_MESSAGE_SIZE];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  if (was_said(ctx->warnings, line)) return SOTTO_OK;
  SOTTO_TRY(sotto_str_append(&ctx->warnings->text, line, strlen(line) + 1));
  ctx->warnings->count++;
  return SOTTO_OK;
}
