/* Picks the architecture by general.architecture. */
#include "arch/arch.h"

static const struct {
  const char *name;
  sotto_status (*build)(sotto_program *program);
} archs[] = {
#define X(name, build) {name, build},
#include "arch/archs.def"
#undef X
};

sotto_status sotto_arch_build(sotto_program *program) {
  sotto_slice name;
  SOTTO_TRY(sotto_gguf_string(program->gguf, "general.architecture", &name));
  for (size_t i = 0; i < sizeof archs / sizeof *archs; i++) {
    if (sotto_slice_is(name, archs[i].name)) {
      SOTTO_TRY(archs[i].build(program));
      return sotto_program_finish(program);
    }
  }
  return sotto_fail(program->ctx, SOTTO_ERR_UNSUPPORTED_ARCHITECTURE,
                    "architecture '%.*s' is not supported; use a model of one of these: "
#define X(name, build) name " "
#include "arch/archs.def"
#undef X
                    ,
                    SOTTO_SLICE_ARG(name));
}
