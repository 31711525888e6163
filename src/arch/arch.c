/* Picks the family by general.architecture. */
#include "arch/arch.h"

#include "arch/hparams.h"

typedef struct family {
  const char *name;
  sotto_status (*read)(sotto_program *program, sotto_hparams *hparams);
  void (*write)(sotto_program *program, const sotto_hparams *hparams);
} family;

static const family families[] = {
#define X(name, models, read, write) {name, read, write},
#include "arch/archs.def"
#undef X
};

/* Files that hold no model, but an adapter, a projector or statistics, may name a family all the
 * same. */
static sotto_status check_kind(sotto_program *p) {
  const sotto_gguf_kv *kind = sotto_gguf_find(p->gguf, "general.type");
  if (!kind || kind->type != SOTTO_GGUF_STRING || kind->string.len == 0) return SOTTO_OK;
  if (sotto_slice_is(kind->string, "model")) return SOTTO_OK;
  return sotto_fail(
      p->ctx, SOTTO_ERR_UNSUPPORTED_ARCHITECTURE,
      "general.type is '%.*s': the file holds no model of its own; load the model that "
      "it belongs to",
      SOTTO_SLICE_ARG(kind->string));
}

static sotto_status find_family(sotto_program *p, const family **out) {
  sotto_slice name;
  SOTTO_TRY(sotto_gguf_string(p->gguf, "general.architecture", &name));
  for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
    *out = &families[i];
    if (sotto_slice_is(name, families[i].name)) return SOTTO_OK;
  }
  return sotto_fail(p->ctx, SOTTO_ERR_UNSUPPORTED_ARCHITECTURE,
                    "architecture '%.*s' is not supported; use a model of one of these:"
#define X(name, models, read, write) " " name
#include "arch/archs.def"
#undef X
                    ,
                    SOTTO_SLICE_ARG(name));
}

/* Layers without attention have a convolution, which sees no token behind its own. */
static sotto_status check_mixers(sotto_program *p, const sotto_hparams *h) {
  if (h->n_taps && !p->causal) {
    return sotto_fail(p->ctx, SOTTO_ERR_UNSUPPORTED_ARCHITECTURE,
                      "attention.causal is false: convolutions in both directions are not "
                      "supported; use another model");
  }
  for (uint32_t l = 0; l < h->n_layer && h->n_taps == 0; l++) {
    if (h->n_head_kv[l]) continue;
    return sotto_fail(p->ctx, SOTTO_ERR_UNSUPPORTED_ARCHITECTURE,
                      "attention.head_count_kv is 0 in layer %u: layers without attention are not "
                      "supported in this architecture; use another model",
                      l);
  }
  return SOTTO_OK;
}

sotto_status sotto_arch_build(sotto_program *p) {
  SOTTO_TRY(check_kind(p));
  const family *family;
  SOTTO_TRY(find_family(p, &family));
  sotto_hparams h;
  SOTTO_TRY(sotto_hparams_read(p, &h));
  SOTTO_TRY(family->read(p, &h));
  if (h.norm_eps == 0.0f)
    SOTTO_TRY(sotto_arch_norm_eps(p, "attention.layer_norm_rms_epsilon", &h.norm_eps));
  SOTTO_TRY(check_mixers(p, &h));
  if (h.window && !p->causal) {
    return sotto_fail(p->ctx, SOTTO_ERR_UNSUPPORTED_ARCHITECTURE,
                      "%s.attention.causal is false: windows of attention (%u) in both directions "
                      "are not supported; use another model",
                      family->name, h.window);
  }
  SOTTO_TRY(sotto_arch_check_keys(p));
  family->write(p, &h);
  return sotto_program_finish(p);
}
