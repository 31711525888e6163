/* The engine's life from options to running: headers, memory plan, weights. */
#include "api/engine.h"

#include "arch/arch.h"
#include "backend/memory.h"
#include "base/limits.h"

#define DEFAULT_N_CTX      4096
#define DEFAULT_N_BATCH    128
#define DEFAULT_GPU_BATCH  512
#define DEFAULT_N_PARALLEL 4
/* Rows of logits per batch: a scored prompt goes through in chunks of this many tokens. */
#define MIN_OUTPUTS 16

uint32_t sotto_api_version(void) {
  return SOTTO_API_VERSION;
}

const char *sotto_status_name(uint32_t status) {
  return sotto_status_code((sotto_status)status);
}

void sotto_engine_options_default(sotto_engine_options *options) {
  *options = (sotto_engine_options){0};
}

sotto_engine *sotto_engine_new(const sotto_engine_options *options) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  return sotto_engine_new_with(&ctx, options);
}

sotto_engine *sotto_engine_new_with(const sotto_ctx *ctx, const sotto_engine_options *options) {
  sotto_ctx own = *ctx;
  sotto_engine *e = sotto_alloc_zero(&own, sizeof *e);
  if (!e) return NULL;
  e->ctx = own;
  e->options = *options;
  sotto_warnings_attach(&e->ctx, &e->warnings);
  sotto_str_init(&e->text, &e->ctx);
  sotto_str_init(&e->state, &e->ctx);
  sotto_str_init(&e->rendered, &e->ctx);
  sotto_str_init(&e->names, &e->ctx);
  sotto_str_init(&e->template_source, &e->ctx);
  sotto_tokens_init(&e->ids, &e->ctx);
  sotto_program_init(&e->program, &e->ctx, NULL);
  return e;
}

void sotto_engine_free(sotto_engine *e) {
  if (!e) return;
  sotto_generator_free(e->generator);
  sotto_load_free(e->load);
  sotto_kv_free(e->kv);
  if (e->backend) e->backend->type->free(e->backend);
  sotto_pool_free(e->pool);
  sotto_tokenizer_free(e->tokenizer);
  sotto_program_free(&e->program);
  sotto_gguf_free(e->gguf);
  sotto_str_free(&e->text);
  sotto_str_free(&e->state);
  sotto_str_free(&e->rendered);
  sotto_str_free(&e->names);
  sotto_tokens_free(&e->ids);
  sotto_template_free(e->chat_template);
  sotto_str_free(&e->template_source);
  sotto_warnings_free(&e->warnings);
  sotto_ctx ctx = e->ctx;
  sotto_free(&ctx, e, sizeof *e);
}

const char *sotto_engine_message(const sotto_engine *e) {
  return e->ctx.message;
}
const char *sotto_engine_error_field(const sotto_engine *e) {
  return e->ctx.field ? e->ctx.field : "";
}
uint64_t sotto_engine_bytes_in_use(const sotto_engine *e) {
  return e->ctx.bytes_in_use;
}
uint64_t sotto_engine_bytes_peak(const sotto_engine *e) {
  return e->ctx.bytes_peak;
}

/* ---- header ---- */

static sotto_status wrong_order(sotto_engine *e, const char *missing) {
  return sotto_fail(&e->ctx, SOTTO_ERR_INVALID_ARGUMENT, "call %s first", missing);
}

sotto_status engine_need_plan(sotto_engine *e) {
  return e->planned ? SOTTO_OK : wrong_order(e, "sotto_engine_plan");
}

sotto_status engine_need_load(sotto_engine *e) {
  return e->generator ? SOTTO_OK : wrong_order(e, "sotto_engine_start_load");
}

static sotto_status need_headers(sotto_engine *e) {
  if (e->planned) {
    return sotto_fail(&e->ctx, SOTTO_ERR_INVALID_ARGUMENT,
                      "the headers are complete and planned; make a new engine for another model");
  }
  return e->gguf ? SOTTO_OK : sotto_gguf_new(&e->ctx, 1, &e->gguf);
}

sotto_status sotto_engine_set_files(sotto_engine *e, uint32_t n_files) {
  SOTTO_TRY(need_headers(e));
  sotto_gguf_free(e->gguf);
  e->gguf = NULL;
  return sotto_gguf_new(&e->ctx, n_files, &e->gguf);
}

sotto_status sotto_engine_set_file_size(sotto_engine *e, uint32_t file, uint64_t size) {
  SOTTO_TRY(need_headers(e));
  return sotto_gguf_set_file_size(e->gguf, file, size);
}

sotto_status sotto_engine_feed_header(sotto_engine *e, uint32_t file, const void *data,
                                      uint32_t len, uint32_t *consumed, uint32_t *done) {
  *consumed = *done = 0;
  SOTTO_TRY(need_headers(e));
  size_t n = 0;
  bool complete = false;
  SOTTO_TRY(sotto_gguf_feed(e->gguf, file, data, len, &n, &complete));
  *consumed = (uint32_t)n;
  *done = complete;
  return SOTTO_OK;
}

sotto_status sotto_engine_end_header(sotto_engine *e, uint32_t file) {
  SOTTO_TRY(need_headers(e));
  return sotto_gguf_end(e->gguf, file);
}

uint32_t sotto_engine_split_count(const sotto_engine *e) {
  return e->gguf ? sotto_gguf_split_count(e->gguf) : 1;
}

/* ---- plan ---- */

static uint32_t round_to_pages(uint32_t n_ctx) {
  return (n_ctx + SOTTO_KV_PAGE - 1) / SOTTO_KV_PAGE * SOTTO_KV_PAGE;
}

/* Texts that are not cut go through in one batch. */
static uint32_t whole_text_batch(uint32_t n_ctx) {
  const uint32_t most = sotto_limit_max(SOTTO_LIMIT_n_batch);
  return n_ctx < most ? round_to_pages(n_ctx) : most;
}

/* A number that stands for a word. */
static sotto_status check_word(sotto_engine *e, const char *field, uint32_t value, uint32_t last) {
  if (value <= last) return SOTTO_OK;
  return sotto_fail_field(&e->ctx, field, "%s is %u, must be at most %u", field, value, last);
}

static sotto_status fill_options(sotto_engine *e) {
  sotto_engine_options *o = &e->options;
  SOTTO_TRY(sotto_check_limit(&e->ctx, SOTTO_LIMIT_n_ctx, o->n_ctx));
  SOTTO_TRY(sotto_check_limit(&e->ctx, SOTTO_LIMIT_n_batch, o->n_batch));
  SOTTO_TRY(sotto_check_limit(&e->ctx, SOTTO_LIMIT_n_parallel, o->n_parallel));
  SOTTO_TRY(sotto_check_limit(&e->ctx, SOTTO_LIMIT_memory_budget, (double)o->memory_budget));
  const uint32_t trained = e->program.shape.n_ctx_train;
  if (o->n_ctx == 0) o->n_ctx = trained < DEFAULT_N_CTX ? trained : DEFAULT_N_CTX;
  if (o->n_batch == 0)
    o->n_batch = sotto_program_takes_whole_texts(&e->program) ? whole_text_batch(o->n_ctx)
                 : o->backend == SOTTO_BACKEND_WEBGPU         ? DEFAULT_GPU_BATCH
                                                              : DEFAULT_N_BATCH;
  if (o->n_parallel == 0) o->n_parallel = DEFAULT_N_PARALLEL;
  if (o->n_threads == 0) o->n_threads = 1;
  SOTTO_TRY(sotto_check_limit(&e->ctx, SOTTO_LIMIT_n_threads, o->n_threads));
  SOTTO_TRY(check_word(e, "adapt_threads", o->adapt_threads, 1));
  SOTTO_TRY(check_word(e, "backend", o->backend, SOTTO_BACKEND_WEBGPU));
  SOTTO_TRY(check_word(e, "variant", o->variant, SOTTO_N_VARIANTS - 1));
  const bool learned = e->program.n_positions != UINT32_MAX; /* no sequence gets beyond those */
  if (o->n_ctx > trained && !learned) {
    SOTTO_TRY(sotto_warn(&e->ctx,
                         "n_ctx is %u and the model was trained for %u: answers get worse beyond "
                         "that",
                         o->n_ctx, trained));
  }
  o->n_ctx = round_to_pages(o->n_ctx);
  if (o->n_batch < o->n_parallel) o->n_batch = o->n_parallel;
  return SOTTO_OK;
}

static const char *const variant_names[SOTTO_N_VARIANTS] = {
#define VARIANT(NAME, name, family) [SOTTO_VARIANT_##NAME] = #name,
#define FAMILY(NAME, name)          [SOTTO_VARIANT_##NAME] = #name,
#include "kernels/variants.def"
#undef VARIANT
#undef FAMILY
};

static sotto_status pick_kernels(sotto_engine *e) {
  const char *name = variant_names[e->options.variant];
  e->kernels = sotto_kernels_select(name);
  if (e->kernels.n == 0) {
    return sotto_fail_field(
        &e->ctx, "variant",
        "there are no '%s' kernels in this build for this engine; use another variant, or 'auto'",
        name);
  }
  return SOTTO_OK;
}

/* Keep the kernels that compute on this engine what scalar does. */
static sotto_status test_kernels(sotto_engine *e) {
  sotto_kernel_set *set = &e->kernels;
  const char *name = set->members[0]->name;
  uint32_t n = 0;
  for (uint32_t i = 0; i < set->n; i++)
    if (sotto_kernels_self_test(set->members[i])) set->members[n++] = set->members[i];
  set->n = n;
  if (n > 0) return SOTTO_OK;
  set->members[set->n++] = &sotto_kernels_scalar; /* for sotto_engine_variant; nothing will run */
  return sotto_fail(&e->ctx, SOTTO_ERR_INTERNAL,
                    "the '%s' kernels give wrong results on this engine; load with another variant",
                    name);
}

uint32_t engine_odd_head(const sotto_engine *e, sotto_dtype type) {
  for (uint32_t l = 0; l < e->program.shape.n_layer; l++) {
    const uint32_t head_dim = e->program.kv_layers[l].head_dim;
    if (head_dim % sotto_dtype_block_weights(type)) return head_dim;
  }
  return 0;
}

sotto_status engine_pick_cache_type(sotto_engine *e, const char *option, uint32_t value,
                                    sotto_dtype *type) {
  static const sotto_dtype types[] = {
#define K(NAME, name) SOTTO_##NAME,
#include "kernels/kv_types.def"
#undef K
  };
  SOTTO_TRY(check_word(e, option, value, SOTTO_N_CACHE_TYPES - 1));
  *type = e->backend_type->float_cache ? SOTTO_F32 : types[value];
  const uint32_t head_dim = engine_odd_head(e, *type);
  if (head_dim == 0) return SOTTO_OK;
  return sotto_fail_field(
      &e->ctx, option,
      "%s %s takes blocks of %u values and this model's heads are %u wide; use f16 "
      "or f32",
      option, sotto_dtype_name(*type), (unsigned)sotto_dtype_block_weights(*type), head_dim);
}

const char *sotto_engine_variant(const sotto_engine *e) {
  if (!e->planned) return sotto_kernels_select(NULL).members[0]->family;
  const char *asked_for = variant_names[e->options.variant];
  return asked_for ? asked_for : e->kernels.members[0]->family;
}

uint32_t sotto_engine_n_threads(const sotto_engine *e) {
  return e->pool ? sotto_pool_n_threads(e->pool) : 1;
}

static uint64_t file_bytes(const sotto_gguf *gguf) {
  uint64_t total = 0;
  for (uint32_t i = 0; i < sotto_gguf_n_files(gguf); i++) total += sotto_gguf_data_end(gguf, i);
  return total;
}

/* The backend for GPUs is there once the host has said what its GPU is. */
static sotto_status pick_backend(sotto_engine *e) {
  switch (e->options.backend) {
  case SOTTO_BACKEND_NAIVE: e->backend_type = &sotto_backend_naive; break;
  case SOTTO_BACKEND_CPU: e->backend_type = &sotto_backend_cpu; break;
  default:
    if (!e->gpu_backend) return wrong_order(e, "sotto_engine_set_gpu");
    e->backend_type = e->gpu_backend;
  }
  return SOTTO_OK;
}

/* Everything the model needs, before memory for it is asked for. */
static sotto_status build(sotto_engine *e) {
  if (!e->gguf) return wrong_order(e, "sotto_engine_feed_header");
  SOTTO_TRY(sotto_gguf_check(e->gguf));
  sotto_program_free(&e->program);
  sotto_program_init(&e->program, &e->ctx, e->gguf);
  SOTTO_TRY(sotto_arch_build(&e->program));
  if (!e->tokenizer) SOTTO_TRY(sotto_tokenizer_new(&e->ctx, e->gguf, &e->tokenizer));
  SOTTO_TRY(sotto_arch_check_tokenizer_keys(&e->ctx, e->gguf));
  const sotto_model_shape *h = &e->program.shape;
  if (sotto_tokenizer_n_vocab(e->tokenizer) > h->n_vocab) {
    return sotto_fail(
        &e->ctx, SOTTO_ERR_INVALID_MODEL,
        "the vocabulary has %u tokens and the embedding %u rows; convert the model again",
        sotto_tokenizer_n_vocab(e->tokenizer), h->n_vocab);
  }
  SOTTO_TRY(fill_options(e));
  SOTTO_TRY(pick_kernels(e));
  const sotto_engine_options *o = &e->options;
  const bool embeds = e->program.pooling != SOTTO_POOLING_NONE;
  const bool whole_texts = sotto_program_takes_whole_texts(&e->program);
  uint32_t n_outputs = o->n_parallel > MIN_OUTPUTS || embeds ? o->n_parallel : MIN_OUTPUTS;
  if (whole_texts && !embeds && n_outputs < o->n_batch) n_outputs = o->n_batch;
  SOTTO_TRY(pick_backend(e));
  e->backend_config =
      (sotto_backend_config){.n_batch = o->n_batch,
                             .n_part = o->n_batch,
                             .n_outputs = n_outputs,
                             .n_seqs = o->n_parallel,
                             .n_ctx = o->n_ctx,
                             .gpu = &e->gpu,
                             .cpu = {.n_threads = o->n_threads, .adapt_threads = o->adapt_threads}};
  e->generator_config = (sotto_generator_config){.n_ctx = o->n_ctx,
                                                 .n_batch = o->n_batch,
                                                 .n_outputs = n_outputs,
                                                 .n_parallel = o->n_parallel,
                                                 .n_vocab = h->n_vocab,
                                                 .n_embd = embeds ? h->n_embd : 0,
                                                 .n_positions = e->program.n_positions,
                                                 .ahead_ms = e->gpu.ahead_ms,
                                                 .whole_texts = whole_texts,
                                                 .n_batch_loading = o->n_batch};
  e->kv_shape = (sotto_kv_shape){
      .layers = e->program.kv_layers, .n_layer = h->n_layer, .n_groups = e->program.n_kv_windows};
  for (uint32_t g = 0; g < e->program.n_kv_windows; g++)
    e->kv_shape.groups[g].window = e->program.kv_windows[g];
  SOTTO_TRY(engine_pick_cache_type(e, "cache_type_k", o->cache_type_k, &e->kv_shape.k_type));
  return engine_pick_cache_type(e, "cache_type_v", o->cache_type_v, &e->kv_shape.v_type);
}

sotto_status sotto_engine_plan(sotto_engine *e, sotto_memory_plan *plan) {
  *plan = (sotto_memory_plan){0};
  if (!e->planned) {
    SOTTO_TRY(build(e));
    e->plan = (sotto_memory_plan){.metadata = e->ctx.bytes_in_use,
                                  .file = file_bytes(e->gguf),
                                  .limit = e->options.memory_budget};
    for (size_t i = 0; i < e->program.n_weights; i++) {
      const sotto_placement placement =
          sotto_placement_of(&e->program.weights[i], SOTTO_PLACE_PACKED);
      uint64_t staging = sotto_load_staging_bytes(&placement, 1);
      if (staging > e->plan.staging) e->plan.staging = staging;
    }
    SOTTO_TRY(engine_plan_shape(e, e->options.n_ctx, &e->kv_shape, &e->plan));
    SOTTO_TRY(engine_copy_names(e));
    e->planned = true;
  }
  *plan = e->plan;
  if (!e->plan.fits) engine_over_budget(e);
  return SOTTO_OK;
}

/* Batches of up to n tokens while weights are missing. */
static sotto_status plan_batches(sotto_engine *e, uint32_t n) {
  e->backend_config.n_batch = e->generator_config.n_batch_loading = n;
  return engine_plan_shape(e, e->options.n_ctx, &e->kv_shape, &e->plan);
}

sotto_status sotto_engine_plan_prefill(sotto_engine *e, uint32_t n_tokens,
                                       sotto_memory_plan *plan) {
  *plan = (sotto_memory_plan){0};
  SOTTO_TRY(engine_need_plan(e));
  if (e->generator) {
    return sotto_fail(&e->ctx, SOTTO_ERR_INVALID_ARGUMENT,
                      "loading has started; plan for a prompt before sotto_engine_start_load");
  }
  SOTTO_TRY(sotto_generator_check_length(&e->ctx, &e->generator_config, n_tokens));
  const uint32_t usual = e->options.n_batch;
  /* Parts see only what comes before. A GPU takes batches as they are, and the rest of a prompt
   * costs it little. */
  const bool longer = n_tokens > usual && !e->generator_config.whole_texts && !e->gpu_backend;
  sotto_status status = plan_batches(e, longer ? n_tokens : usual);
  if (status != SOTTO_OK || !e->plan.fits) status = plan_batches(e, usual);
  *plan = e->plan;
  if (status == SOTTO_OK && !e->plan.fits) engine_over_budget(e);
  return status;
}

/* ---- body ---- */

sotto_status sotto_engine_start_load(sotto_engine *e) {
  SOTTO_TRY(engine_need_plan(e));
  if (e->generator) return SOTTO_OK;
  if (!e->plan.fits) return engine_over_budget(e);
  SOTTO_TRY(test_kernels(e));
  e->backend_config.cpu.kernels = e->kernels;
  if (!e->pool) {
    SOTTO_TRY(sotto_pool_new(&e->ctx, e->options.n_threads, &e->pool));
    e->backend_config.cpu.pool = e->pool;
  }
  if (!e->backend) {
    SOTTO_TRY(e->backend_type->create(&e->program, &e->backend_config, &e->kv_shape, &e->backend));
  }
  if (!e->kv) SOTTO_TRY(sotto_kv_new(&e->ctx, &e->kv_shape, e->backend->storage, &e->kv));
  if (!e->load) {
    SOTTO_TRY(sotto_load_new(&e->ctx, e->gguf, e->backend->placements, e->backend->n_placements,
                             e->backend->sink, &e->load));
  }
  return sotto_generator_new(&e->ctx, &e->generator_config, e->backend, sotto_load_ready(e->load),
                             e->kv, e->tokenizer, &e->generator);
}

static sotto_status next_range(sotto_engine *e, sotto_load_order order, uint64_t max_length,
                               sotto_range *range) {
  *range = (sotto_range){0};
  SOTTO_TRY(engine_need_load(e));
  return sotto_load_next_range(e->load, order, max_length, &range->file, &range->offset,
                               &range->length);
}

sotto_status sotto_engine_next_range(sotto_engine *e, uint64_t max_length, sotto_range *range) {
  return next_range(e, SOTTO_LOAD_BY_STAGE, max_length, range);
}

sotto_status sotto_engine_next_file_range(sotto_engine *e, uint64_t max_length,
                                          sotto_range *range) {
  return next_range(e, SOTTO_LOAD_BY_FILE, max_length, range);
}

sotto_status sotto_engine_stream_range(sotto_engine *e, uint32_t file, sotto_range *range) {
  *range = (sotto_range){.file = file};
  SOTTO_TRY(engine_need_load(e));
  return sotto_load_stream_range(e->load, file, &range->offset, &range->length);
}

sotto_status sotto_engine_feed(sotto_engine *e, uint32_t file, uint64_t offset, const void *data,
                               uint32_t len) {
  SOTTO_TRY(engine_need_load(e));
  return sotto_load_feed(e->load, file, offset, data, len);
}

void sotto_engine_load_progress(const sotto_engine *e, uint64_t *loaded, uint64_t *total) {
  *loaded = *total = 0;
  if (e->load) sotto_load_progress(e->load, loaded, total);
}
