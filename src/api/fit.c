/* What would fit where a plan does not: shorter contexts, other types of KV cache. The plan itself
 * is engine.c's. */
#include "api/engine.h"

#include <stdio.h>
#include <string.h>

/* So that a total does not overflow. */
static uint64_t capped(uint64_t bytes) {
  return bytes < UINT64_MAX / 4 ? bytes : UINT64_MAX / 4;
}

sotto_status engine_plan_shape(const sotto_engine *e, uint32_t n_ctx, sotto_kv_shape *shape,
                               sotto_memory_plan *plan) {
  sotto_backend_config backend_config = e->backend_config;
  sotto_generator_config generator_config = e->generator_config;
  backend_config.n_ctx = generator_config.n_ctx = n_ctx;
  const sotto_kv_users users = {.n_ctx = n_ctx,
                                .n_running = generator_config.n_parallel,
                                .n_seqs = sotto_generator_slots(generator_config.n_parallel),
                                .n_batch = generator_config.n_batch_loading};
  sotto_kv_shape_size(shape, &users);
  sotto_backend_plan backend;
  SOTTO_TRY(e->backend_type->plan(&e->program, &backend_config, shape, &backend));
  plan->weights = backend.weights;
  plan->scratch = backend.scratch + sotto_generator_bytes(&generator_config, shape);
  plan->per_position = sotto_kv_position_bytes(shape);
  plan->kv = capped(backend.kv);
  plan->n_ctx = n_ctx;
  plan->total = plan->weights + plan->kv + plan->scratch + plan->metadata + plan->staging;
  plan->gpu_weights = backend.gpu_weights;
  plan->gpu_kv = capped(backend.gpu_kv);
  plan->gpu_scratch = backend.gpu_scratch;
  plan->gpu_total = plan->gpu_weights + plan->gpu_kv + plan->gpu_scratch;
  plan->gpu_limit = e->gpu.budget;
  plan->cpu_total = plan->total;
  if (e->backend_type->queue) {
    sotto_backend_plan cpu;
    SOTTO_TRY(sotto_backend_cpu.plan(&e->program, &backend_config, shape, &cpu));
    plan->cpu_total +=
        cpu.weights - backend.weights + capped(cpu.kv) + cpu.scratch - backend.scratch;
  }
  const bool addressable = backend.kv <= SIZE_MAX / 2;
  plan->fits = addressable && (plan->limit == 0 || plan->total <= plan->limit) &&
               (plan->gpu_limit == 0 || plan->gpu_total <= plan->gpu_limit);
  return SOTTO_OK;
}

/* A longer context never needs less, so the largest that fits is found by halving. */
static sotto_status fit(const sotto_engine *e, sotto_kv_shape shape, sotto_memory_plan *plan) {
  const uint32_t most = shape.n_ctx / SOTTO_KV_PAGE;
  uint32_t fits = 0, too_many = most + 1; /* pages */
  while (too_many - fits > 1) {
    const uint32_t tried = too_many == most + 1 ? most : fits + (too_many - fits) / 2;
    SOTTO_TRY(engine_plan_shape(e, tried * SOTTO_KV_PAGE, &shape, plan));
    if (plan->fits)
      fits = tried;
    else
      too_many = tried;
  }
  return engine_plan_shape(e, fits * SOTTO_KV_PAGE, &shape, plan);
}

sotto_status sotto_engine_plan_fitting(sotto_engine *e, uint32_t cache_type_k,
                                       uint32_t cache_type_v, sotto_memory_plan *plan) {
  *plan = (sotto_memory_plan){0};
  SOTTO_TRY(engine_need_plan(e));
  sotto_kv_shape shape = e->kv_shape;
  SOTTO_TRY(engine_pick_cache_type(e, "cache_type_k", cache_type_k, &shape.k_type));
  SOTTO_TRY(engine_pick_cache_type(e, "cache_type_v", cache_type_v, &shape.v_type));
  *plan = e->plan;
  return fit(e, shape, plan);
}

/* "n_ctx 1024 would fit, and n_ctx 2048 with a KV cache in q8_0" */
static sotto_status append_advice(sotto_engine *e, sotto_str *out) {
  sotto_memory_plan as_asked = e->plan, smaller = e->plan;
  SOTTO_TRY(fit(e, e->kv_shape, &as_asked));
  sotto_kv_shape shape = e->kv_shape;
  shape.k_type = shape.v_type = SOTTO_Q8_0;
  const bool possible = !e->backend_type->float_cache && engine_odd_head(e, SOTTO_Q8_0) == 0;
  if (possible) SOTTO_TRY(fit(e, shape, &smaller));
  const bool helps = possible && smaller.n_ctx > as_asked.n_ctx;
  if (as_asked.n_ctx) SOTTO_TRY(sotto_str_appendf(out, "n_ctx %u would fit", as_asked.n_ctx));
  if (as_asked.n_ctx && helps) SOTTO_TRY(sotto_str_appendf(out, ", and "));
  if (helps) {
    return sotto_str_appendf(out, "n_ctx %u %swith a KV cache in q8_0", smaller.n_ctx,
                             as_asked.n_ctx ? "" : "would fit ");
  }
  if (as_asked.n_ctx) return SOTTO_OK;
  return sotto_str_appendf(out, "no context fits; use a smaller or more strongly quantised model");
}

sotto_status engine_over_budget(sotto_engine *e) {
  const sotto_memory_plan *p = &e->plan;
  char advice[128] = "use a smaller or more strongly quantised model";
  sotto_str text;
  sotto_str_init(&text, &e->ctx);
  if (append_advice(e, &text) == SOTTO_OK && text.len < sizeof advice) {
    memcpy(advice, text.data, text.len + 1);
  }
  sotto_str_free(&text);
  const double mb = 1e-6;
  if (p->gpu_limit && p->gpu_total > p->gpu_limit) {
    return sotto_fail(
        &e->ctx, SOTTO_ERR_MEMORY_BUDGET,
        "the model needs %.1f MB of the GPU (weights %.1f, KV cache of %u positions %.1f, scratch "
        "%.1f) and %.1f MB are allowed: %s",
        (double)p->gpu_total * mb, (double)p->gpu_weights * mb, p->n_ctx, (double)p->gpu_kv * mb,
        (double)p->gpu_scratch * mb, (double)p->gpu_limit * mb, advice);
  }
  const double largest_kv = (double)(SIZE_MAX / 2) * mb; /* of one block; sotto_kv_bytes */
  char limit[64];
  if (p->limit && p->total > p->limit)
    snprintf(limit, sizeof limit, "%.1f MB are allowed", (double)p->limit * mb);
  else
    snprintf(limit, sizeof limit, "%.1f MB are the most for a KV cache here", largest_kv);
  return sotto_fail(
      &e->ctx, SOTTO_ERR_MEMORY_BUDGET,
      "the model needs %.1f MB (weights %.1f, KV cache of %u positions %.1f, scratch and "
      "metadata %.1f) and %s: %s",
      (double)p->total * mb, (double)p->weights * mb, p->n_ctx, (double)p->kv * mb,
      (double)(p->scratch + p->staging + p->metadata) * mb, limit, advice);
}
