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

static sotto_status find_family(sotto_program *p, const family **out) {
  sotto_slice name;
  SOTTO_TRY(sotto_gguf_string(p->gguf, "general.architecture", &name));
  for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
    *out = &families[i];
    if (sotto_slice_is(name, families[i].name)) return SOTTO_OK;
  }
  return sotto_fail(p->ctx, SOTTO_ERR_UNSUPPORTED_ARCHITECTURE,
                    "architecture '%.*s' is not supported; use a model of one of these: "
#define X(name, models, read, write) name " "
#include "arch/archs.def"
#undef X
                    ,
                    SOTTO_SLICE_ARG(name));
}

sotto_status sotto_arch_build(sotto_program *p) {
  const family *family;
  SOTTO_TRY(find_family(p, &family));
  sotto_hparams h;
  SOTTO_TRY(sotto_hparams_read(p, &h));
  SOTTO_TRY(family->read(p, &h));
  SOTTO_TRY(sotto_arch_check_keys(p));
  family->write(p, &h);
  return sotto_program_finish(p);
}
