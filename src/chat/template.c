/* Making and freeing templates. */
#include "chat/template.h"

#include "chat/syntax/ast.h"

sotto_status sotto_template_parse(sotto_ctx *ctx, sotto_slice source, sotto_template **out) {
  *out = NULL;
  sotto_template *tmpl = sotto_alloc_zero(ctx, sizeof *tmpl);
  if (!tmpl) return SOTTO_ERR_OUT_OF_MEMORY;
  tmpl->ctx = ctx;
  tmpl->max_work = CHAT_MAX_WORK;
  tmpl->max_memory = CHAT_MAX_MEMORY;
  sotto_arena_init(&tmpl->arena, ctx);
  sotto_status status = chat_parse(tmpl, source);
  if (status == SOTTO_OK)
    *out = tmpl;
  else
    sotto_template_free(tmpl);
  return status;
}

void sotto_template_free(sotto_template *tmpl) {
  if (!tmpl) return;
  sotto_arena_free(&tmpl->arena);
  sotto_free(tmpl->ctx, tmpl, sizeof *tmpl);
}
