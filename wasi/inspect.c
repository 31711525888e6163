/* sotto inspect: what is in a model's files and what running it would take, from the headers alone. */
#include "model.h"

static double mb(uint64_t bytes) {
  return (double)bytes * 1e-6;
}

static void print_plan(const sotto_memory_plan *plan) {
  const struct {
    const char *name;
    uint64_t bytes;
    const char *what;
  } rows[] = {
      {"weights", plan->weights, "packed for the kernels"},
      {"kv", plan->kv, "KV cache"},
      {"scratch", plan->scratch, "activations, logits, sampler"},
      {"staging", plan->staging, "rows that wait for their neighbours while loading"},
      {"metadata", plan->metadata, "header, vocabulary, template"},
      {"total", plan->total, ""},
  };
  cli_printf("\nmemory plan for %u positions\n", (unsigned)plan->n_ctx);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    cli_printf("  %-8s %14llu  %9.1f MB%s%s\n", rows[i].name, (unsigned long long)rows[i].bytes,
               mb(rows[i].bytes), *rows[i].what ? "  " : "", rows[i].what);
  }
  cli_printf("  %llu bytes a position; files %.1f MB", (unsigned long long)plan->per_position,
             mb(plan->file));
  if (plan->limit) {
    cli_printf("; budget %.1f MB: %s", mb(plan->limit), plan->fits ? "fits" : "does not fit");
  }
  cli_printf("\n");
}

static void print_plan_json(const sotto_memory_plan *plan) {
  cli_printf("{\"n_ctx\": %u, \"weights\": %llu, \"kv\": %llu, \"scratch\": %llu, ",
             (unsigned)plan->n_ctx, (unsigned long long)plan->weights, (unsigned long long)plan->kv,
             (unsigned long long)plan->scratch);
  cli_printf("\"staging\": %llu, \"metadata\": %llu, \"total\": %llu, \"per_position\": %llu, ",
             (unsigned long long)plan->staging, (unsigned long long)plan->metadata,
             (unsigned long long)plan->total, (unsigned long long)plan->per_position);
  cli_printf("\"file\": %llu, \"limit\": %llu, \"fits\": %s}", (unsigned long long)plan->file,
             (unsigned long long)plan->limit, plan->fits ? "true" : "false");
}

/* The engine's texts live until the next one: each is printed before the next is asked for. */
static int print_text(cli *c, cli_model *model) {
  const char *text;
  uint32_t len;
  sotto_status status = sotto_engine_describe(model->engine, 0, &text, &len);
  if (status) return cli_fail_engine(c, status, model->engine);
  cli_print_foreign(text, len);
  int code = cli_model_plan(c, model);
  if (code) return code;
  print_plan(&model->plan);
  status = sotto_engine_print_program(model->engine, &text, &len);
  if (status) return cli_fail_engine(c, status, model->engine);
  cli_printf("\nprogram\n");
  cli_print_foreign(text, len);
  return CLI_OK;
}

static int print_json(cli *c, cli_model *model) {
  int code = cli_model_plan(c, model);
  if (code) return code;
  sotto_str program;
  sotto_str_init(&program, &c->ctx);
  const char *text;
  uint32_t len;
  sotto_status status = sotto_engine_print_program(model->engine, &text, &len);
  if (!status) status = sotto_str_append_json(&program, (sotto_slice){text, len});
  if (!status) status = sotto_engine_describe(model->engine, 1, &text, &len);
  if (status) {
    code = cli_fail_engine(c, status, model->engine);
  } else {
    cli_printf("{\"model\": ");
    cli_print(text, len);
    cli_printf(",\n\"memory\": ");
    print_plan_json(&model->plan);
    cli_printf(",\n\"program\": ");
    cli_print_str(&program);
    cli_printf("}\n");
  }
  sotto_str_free(&program);
  return code;
}

int cli_inspect(cli *c) {
  cli_model model;
  int code = cli_model_open(c, CLI_HEADER, &model);
  if (code == CLI_OK) code = c->args.json ? print_json(c, &model) : print_text(c, &model);
  cli_model_close(&model);
  return code;
}
