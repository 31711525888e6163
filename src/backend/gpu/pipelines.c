/* The text of a pipeline: constants, then parts. */
#include "backend/gpu/pipelines.h"

#include "backend/gpu/batch.h"
#include "backend/gpu/kernels.h"
#include "backend/gpu/planes.h"

typedef struct kernel_row {
  const char *parts, *bindings;
} kernel_row;

static const kernel_row kernels[GPU_N_KERNELS] = {
#define KERNEL(NAME, parts, bindings) {parts, bindings},
#include "backend/gpu/kernels.def"
#undef KERNEL
};

const char *gpu_kernel_name(gpu_kernel kernel) {
  const char *last = strrchr(kernels[kernel].parts, ' ');
  return last ? last + 1 : kernels[kernel].parts;
}

/* Kernels are written for subgroups of one size. */
static bool has_subgroups(const sotto_gpu_device *d) {
  return (d->features & SOTTO_GPU_SUBGROUPS) && d->subgroup_min == d->subgroup_max;
}

/* `const NAME: u32 = …u;` for all kernels alike. */
static sotto_status write_constants(gpu_pipelines *p, sotto_dtype k_type, sotto_dtype v_type) {
  const bool subgroups = has_subgroups(&p->device);
  const struct {
    const char *name;
    uint32_t value;
  } constants[] = {
      {"WORKGROUP", GPU_WORKGROUP},
      {"SUBGROUP", subgroups ? p->device.subgroup_min : 1},
      {"MATVEC_ROWS", GPU_MATVEC_ROWS},
      {"MATMUL_M", GPU_MATMUL_M},
      {"MATMUL_N", GPU_MATMUL_N},
      {"KV_F32", SOTTO_F32},
      {"KV_F16", SOTTO_F16},
      {"KV_Q8_0", SOTTO_Q8_0},
      {"K_TYPE", (uint32_t)k_type},
      {"V_TYPE", (uint32_t)v_type},
#define X(NAME) {"BATCH_" #NAME, GPU_BATCH_##NAME},
#include "backend/gpu/batch.def"
#undef X
  };
  if (subgroups) SOTTO_TRY(sotto_str_append_c(&p->constants, "enable subgroups;\n"));
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

/* "batch formats/q4_0 reduce_shared matvec" */
static sotto_status write_parts(const gpu_pipelines *p, const gpu_pipeline *pipeline,
                                sotto_str *out) {
  const char *at = kernels[pipeline->kernel].parts;
  while (*at) {
    const size_t n = strcspn(at, " ");
    const sotto_slice word = {at, n};
    if (sotto_slice_is(word, "FORMAT"))
      SOTTO_TRY(sotto_str_appendf(out, "formats/%s", gpu_planes_of(pipeline->type)->file));
    else if (sotto_slice_is(word, "REDUCE"))
      SOTTO_TRY(
          sotto_str_append_c(out, has_subgroups(&p->device) ? "reduce_subgroup" : "reduce_shared"));
    else
      SOTTO_TRY(sotto_str_append(out, at, n));
    at += n;
    if (*at) SOTTO_TRY(sotto_str_append(out, at++, 1));
  }
  return SOTTO_OK;
}

sotto_status gpu_pipeline_of(gpu_pipelines *p, gpu_kernel kernel, sotto_dtype type,
                             uint32_t *number) {
  for (*number = 0; *number < p->n; ++*number)
    if (p->items[*number].kernel == kernel && p->items[*number].type == type) return SOTTO_OK;
  p->items[p->n++] = (gpu_pipeline){kernel, type};
  sotto_str parts;
  sotto_str_init(&parts, p->constants.ctx);
  const sotto_status status = write_parts(p, &p->items[*number], &parts);
  if (status == SOTTO_OK)
    gpu_emit_pipeline(p->stream, *number, parts.data, kernels[kernel].bindings, p->constants.data);
  sotto_str_free(&parts);
  return status;
}
