/* Whether a model would run, part by part, and if not why: each is asked for by itself, so that one
 * refusal does not hide the others. */
#include "api/engine.h"
#include "arch/arch.h"

static sotto_status check_types(sotto_engine *e) {
  return sotto_gguf_check(e->gguf);
}

/* Family, keys, tensors. A program of its own: the engine's may be in use. */
static sotto_status check_architecture(sotto_engine *e) {
  sotto_program program;
  sotto_program_init(&program, &e->ctx, e->gguf);
  const sotto_status status = sotto_arch_build(&program);
  sotto_program_free(&program);
  return status;
}

static sotto_status check_tokenizer(sotto_engine *e) {
  sotto_tokenizer *tokenizer = NULL;
  sotto_status status = sotto_tokenizer_new(&e->ctx, e->gguf, &tokenizer);
  if (status == SOTTO_OK) status = sotto_arch_check_tokenizer_keys(&e->ctx, e->gguf);
  sotto_tokenizer_free(tokenizer);
  return status;
}

/* The failure of one template, with its name in front. */
static sotto_status say_which(sotto_engine *e, sotto_slice name, sotto_status status) {
  char message[SOTTO_MESSAGE_SIZE];
  if (sotto_slice_is(name, "default")) return status;
  memcpy(message, e->ctx.message, sizeof message);
  return sotto_fail(&e->ctx, status, "template '%.*s': %.400s", SOTTO_SLICE_ARG(name), message);
}

/* A model without one, or with one that is not understood, still completes texts. */
static sotto_status check_template(sotto_engine *e) {
  const sotto_gguf_kv *kv;
  sotto_slice name;
  for (size_t at = 0; (kv = engine_next_template(e, &at, &name));) {
    sotto_template *tmpl = NULL;
    const sotto_status status = sotto_template_parse(&e->ctx, kv->string, &tmpl);
    sotto_template_free(tmpl);
    if (status != SOTTO_OK) return say_which(e, name, status);
  }
  return SOTTO_OK;
}

static sotto_status check_memory(sotto_engine *e) {
  sotto_memory_plan plan;
  SOTTO_TRY(sotto_engine_plan(e, &plan));
  return plan.fits ? SOTTO_OK : engine_over_budget(e);
}

static const struct {
  const char *part;
  sotto_status (*check)(sotto_engine *engine);
} checks[] = {
    {"types", check_types},         {"architecture", check_architecture},
    {"tokenizer", check_tokenizer}, {"chat_template", check_template},
    {"memory", check_memory},
};

sotto_status sotto_engine_check(sotto_engine *e, uint32_t index, sotto_check *out) {
  *out = (sotto_check){.part = "", .message = ""};
  if (!e->gguf || !sotto_gguf_complete(e->gguf)) {
    return sotto_fail(&e->ctx, SOTTO_ERR_INVALID_ARGUMENT,
                      "call sotto_engine_feed_header until every header is done first");
  }
  if (index >= sizeof checks / sizeof *checks) return SOTTO_OK;
  out->part = checks[index].part;
  out->status = (uint32_t)checks[index].check(e);
  if (out->status) out->message = e->ctx.message;
  return SOTTO_OK;
}
