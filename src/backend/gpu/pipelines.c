/* The text of a pipeline: constants, then parts. */
#include "backend/gpu/pipelines.h"

#include "backend/gpu/batch.h"
#include "backend/gpu/kernels.h"
#include "backend/gpu/logits.h"
#include "backend/gpu/planes.h"

static const struct {
  const char *parts, *bindings;
  uint32_t workgroup;
} kernels[GPU_N_KERNELS] = {
#define KERNEL(name, parts, bindings, workgroup) {parts, bindings, workgroup},
#include "backend/gpu/kernels.def"
#undef KERNEL
};

uint32_t gpu_kernel_workgroup(gpu_kernel kernel) {
  return kernels[kernel].workgroup;
}

/* Kernels are written for subgroups of one size. */
static bool has_subgroups(const sotto_gpu_device *d) {
  return (d->features & SOTTO_GPU_SUBGROUPS) && d->subgroup_min == d->subgroup_max;
}

/* What the cache keeps, as the kernels number it. */
enum {
#define K(NAME, name) KV_##NAME,
#include "kernels/kv_types.def"
#undef K
};

static uint32_t kv_number(sotto_dtype type) {
  switch (type) {
#define K(NAME, name)                                                                              \
  case SOTTO_##NAME: return KV_##NAME;
#include "kernels/kv_types.def"
#undef K
  default: return KV_F32;
  }
}

/* `const NAME: u32 = …u;` */
static sotto_status write_constants(gpu_pipelines *p, sotto_dtype k_type, sotto_dtype v_type) {
  const struct {
    const char *name;
    uint32_t value;
  } constants[] = {
#define X(NAME) {"BATCH_" #NAME, GPU_BATCH_##NAME},
#include "backend/gpu/batch.def"
#undef X
#define K(NAME, name) {"KV_" #NAME, KV_##NAME},
#include "kernels/kv_types.def"
#undef K
      {"K_TYPE", kv_number(k_type)},
      {"V_TYPE", kv_number(v_type)},
#define GPU(NAME) {#NAME, GPU_##NAME}
      GPU(BLOCK),
      GPU(TEAM),
      GPU(MATVEC_ROWS),
      GPU(MATVEC_COLUMNS),
      GPU(MATMUL_M),
      GPU(MATMUL_N),
      GPU(SPLITS),
      GPU(TOP_CHUNK),
      GPU(TOP_BEST),
      GPU(TOP_LISTS),
      GPU(MAX_NAMED),
      GPU(ADD),
      GPU(MUL),
      GPU(SILU_MUL),
      GPU(GELU_MUL),
      GPU(GATE),
      GPU(GELU),
      GPU(SCALE),
      GPU(SOFTCAP),
      GPU(PACKS_PLAIN),
      GPU(PACKS_NORMED),
#undef GPU
#define SOTTO(NAME) {#NAME, SOTTO_##NAME}
      SOTTO(ROW_OF_TOKEN),
      SOTTO(ROW_OF_POSITION),
      SOTTO(POOLING_MEAN),
      SOTTO(POOLING_CLS),
      SOTTO(POOLING_LAST),
#undef SOTTO
  };
  for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
    SOTTO_TRY(sotto_str_appendf(&p->constants, "const %s: u32 = %uu;\n", constants[i].name,
                                constants[i].value));
  return SOTTO_OK;
}

sotto_status gpu_pipelines_init(sotto_ctx *ctx, const sotto_gpu_device *device, gpu_stream *stream,
                                sotto_dtype k_type, sotto_dtype v_type, gpu_pipelines *out) {
  *out = (gpu_pipelines){.stream = stream, .device = *device};
  sotto_str_init(&out->constants, ctx);
  return write_constants(out, k_type, v_type);
}

void gpu_pipelines_free(gpu_pipelines *p) {
  if (p->stream) sotto_str_free(&p->constants);
}

/* Sums over teams are written for subgroups that are teams or parts of them. */
static bool has_teams(const sotto_gpu_device *d) {
  return has_subgroups(d) && d->subgroup_min <= GPU_TEAM;
}

/* A word of kernels.def, or what it stands for. */
static sotto_status write_word(const gpu_pipelines *p, const gpu_pipeline *pipeline,
                               sotto_slice word, sotto_str *out) {
  const bool floats = sotto_dtype_block_weights(pipeline->type) == 1,
             dots = p->device.features & SOTTO_GPU_PACKED_DOT;
  if (sotto_slice_is(word, "FORMAT"))
    return sotto_str_appendf(out, "%s formats/%s", floats ? "floats" : "quants",
                             gpu_planes_of(pipeline->type)->file);
  if (sotto_slice_is(word, "PRODUCTS") && floats) return sotto_str_append_c(out, "dot_floats");
  if (sotto_slice_is(word, "PRODUCTS") || sotto_slice_is(word, "DOTS"))
    return sotto_str_appendf(out, "%s dot_16%s", dots ? "dot_packed" : "dot_plain",
                             sotto_slice_is(word, "DOTS") ? "" : " dot_quants");
  if (sotto_slice_is(word, "REDUCE"))
    return sotto_str_append_c(out, has_subgroups(&p->device) ? "reduce_subgroup" : "reduce_shared");
  if (sotto_slice_is(word, "TEAM"))
    return sotto_str_append_c(out, has_teams(&p->device) ? "team_subgroup" : "team_shared");
  return sotto_str_append(out, word.data, word.len);
}

/* "batch quants formats/q4_0 reduce_shared matvec" */
static sotto_status write_parts(const gpu_pipelines *p, const gpu_pipeline *pipeline,
                                sotto_str *out) {
  for (const char *at = kernels[pipeline->kernel].parts; *at;) {
    const sotto_slice word = {at, strcspn(at, " ")};
    SOTTO_TRY(write_word(p, pipeline, word, out));
    at += word.len;
    if (*at) SOTTO_TRY(sotto_str_append(out, at++, 1));
  }
  return SOTTO_OK;
}

/* Its own constants, then those of all. */
static sotto_status write_head(const gpu_pipelines *p, const gpu_pipeline *pipeline,
                               sotto_str *out) {
  const char *parts = kernels[pipeline->kernel].parts;
  const bool uses_subgroups = (strstr(parts, "REDUCE") && has_subgroups(&p->device)) ||
                              (strstr(parts, "TEAM") && has_teams(&p->device));
  if (uses_subgroups)
    SOTTO_TRY(sotto_str_appendf(out, "enable subgroups;\nconst SUBGROUP: u32 = %uu;\n",
                                p->device.subgroup_min));
  SOTTO_TRY(
      sotto_str_appendf(out, "const WORKGROUP: u32 = %uu;\n", kernels[pipeline->kernel].workgroup));
  return sotto_str_append(out, p->constants.data, p->constants.len);
}

sotto_status gpu_pipeline_of(gpu_pipelines *p, gpu_kernel kernel, sotto_dtype type,
                             uint32_t *number) {
  for (*number = 0; *number < p->n; ++*number)
    if (p->items[*number].kernel == kernel && p->items[*number].type == type) return SOTTO_OK;
  p->items[p->n++] = (gpu_pipeline){kernel, type};
  sotto_str parts, head;
  sotto_str_init(&parts, p->constants.ctx);
  sotto_str_init(&head, p->constants.ctx);
  sotto_status status = write_parts(p, &p->items[*number], &parts);
  if (status == SOTTO_OK) status = write_head(p, &p->items[*number], &head);
  if (status == SOTTO_OK)
    gpu_emit_pipeline(p->stream, *number, parts.data, kernels[kernel].bindings, head.data);
  sotto_str_free(&parts);
  sotto_str_free(&head);
  return status;
}
