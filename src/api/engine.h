/* The opaque engine's inside, shared by the files of api/. */
#ifndef SOTTO_API_ENGINE_H
#define SOTTO_API_ENGINE_H

#include "api/sotto.h"
#include "backend/backend.h"
#include "base/warnings.h"
#include "chat/template.h"
#include "engine/generator.h"
#include "gguf/gguf.h"
#include "load/load.h"
#include "program/program.h"

struct sotto_engine {
  sotto_ctx ctx;
  sotto_warnings warnings;      /* of the model, and of the options for it */
  sotto_engine_options options; /* defaults filled in by plan */
  sotto_gpu_device gpu;         /* after set_gpu; else zeros */
  sotto_kernel_set kernels;     /* after plan; those that pass their test after start_load */

  /* after the headers */
  sotto_gguf *gguf;
  /* after plan */
  bool planned;
  sotto_memory_plan plan;
  sotto_program program;
  sotto_tokenizer *tokenizer;
  sotto_backend_config backend_config;
  sotto_generator_config generator_config;
  sotto_str names; /* architecture, name: each with a NUL behind it */
  const sotto_backend_type *backend_type, *gpu_backend; /* the latter after set_gpu */
  sotto_kv_shape kv_shape;
  /* after start_load */
  sotto_pool *pool;
  sotto_backend *backend;
  sotto_kv *kv;
  sotto_load *load;
  sotto_generator *generator;

  sotto_str text;     /* handed out by calls that return text */
  sotto_str state;    /* handed out by save_state */
  uint32_t saving;    /* serial of what save_state waits for, or 0 */
  sotto_str rendered; /* handed out by apply_chat_template */
  sotto_tokens ids;   /* handed out by calls that return ids */

  sotto_template *chat_template; /* the last one used, and its source */
  sotto_str template_source;
};

/* ERR_INVALID_ARGUMENT naming the call that is missing. */
sotto_status engine_need_plan(sotto_engine *engine);
sotto_status engine_need_load(sotto_engine *engine);
/* The data type of a sotto_cache_type. ERR_INVALID_ARGUMENT naming `option` where the value is not
 * one, or where the model's heads are no multiple of the type's quant blocks. */
sotto_status engine_pick_cache_type(sotto_engine *engine, const char *option, uint32_t value,
                                    sotto_dtype *type);
/* The width of a head that is no multiple of the type's quant blocks; 0 when all heads are. */
uint32_t engine_odd_head(const sotto_engine *engine, sotto_dtype type);
/* Sizes the shape of a KV cache for n_ctx, and fills in the fields of the plan that depend on it,
 * the total and `fits`; the others have been filled in before. */
sotto_status engine_plan_shape(const sotto_engine *engine, uint32_t n_ctx, sotto_kv_shape *shape,
                               sotto_memory_plan *plan);
/* Fails with ERR_MEMORY_BUDGET; the message has the plan's numbers and says what would fit. */
sotto_status engine_over_budget(sotto_engine *engine);
/* One of the model's chat templates after the other, with its name; start with *at = 0. NULL behind
 * the last one. */
const sotto_gguf_kv *engine_next_template(const sotto_engine *engine, size_t *at,
                                          sotto_slice *name);
/* The template that a request names, brings along or needs; valid until the next call. */
sotto_status engine_find_template(sotto_engine *engine, const sotto_json *request,
                                  sotto_template **out);
/* Copies for sotto_engine_info, with a NUL, as the file's strings have none. */
sotto_status engine_copy_names(sotto_engine *engine);

#endif
