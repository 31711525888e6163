/* sotto inspect: what is in a model's files and what running it would take, from
 * the headers alone. */
#include <string.h>

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

/* Whether all parts that a model cannot do without would run. */
static bool would_run(cli_model *model, bool *plannable) {
  bool runs = true;
  sotto_check check;
  *plannable = true;
  for (uint32_t i = 0; sotto_engine_check(model->engine, i, &check) == SOTTO_OK && *check.part;
       i++) {
    const bool optional = strcmp(check.part, "chat_template") == 0;
    if (!check.status || optional) continue;
    runs = false;
    if (strcmp(check.part, "memory") != 0) *plannable = false;
  }
  return runs;
}

static void print_checks(cli_model *model, bool runs, bool plannable) {
  sotto_check check;
  cli_printf("\nwould it run: %s\n", runs ? "yes" : "no");
  for (uint32_t i = 0; sotto_engine_check(model->engine, i, &check) == SOTTO_OK && *check.part;
       i++) {
    const bool unknown = strcmp(check.part, "memory") == 0 && !plannable;
    const char *verdict = unknown ? "not known" : check.status ? check.message : "ok";
    cli_printf("  %-13s ", check.part);
    cli_print_foreign(verdict, strlen(verdict));
    cli_printf("\n");
  }
  const char *warning;
  for (uint32_t i = 0; (warning = sotto_engine_warning(model->engine, i)) != NULL; i++) {
    cli_printf("  warning       ");
    cli_print_foreign(warning, strlen(warning));
    cli_printf("\n");
  }
}

/* {"runs", "checks": [{"part", "ok", "code", "message"}], "warnings"}, the inside of the object. */
static sotto_status append_checks_json(cli_model *model, bool runs, bool plannable,
                                       sotto_str *out) {
  sotto_check check;
  SOTTO_TRY(sotto_str_appendf(out, "\"runs\": %s,\n\"checks\": [", runs ? "true" : "false"));
  for (uint32_t i = 0; sotto_engine_check(model->engine, i, &check) == SOTTO_OK && *check.part;
       i++) {
    if (strcmp(check.part, "memory") == 0 && !plannable) break;
    SOTTO_TRY(sotto_str_appendf(out, "%s{\"part\": \"%s\", \"ok\": %s", i ? ", " : "", check.part,
                                check.status ? "false" : "true"));
    if (check.status) {
      SOTTO_TRY(sotto_str_appendf(
          out, ", \"code\": \"%s\", \"message\": ", sotto_status_name(check.status)));
      SOTTO_TRY(sotto_str_append_json(out, (sotto_slice){check.message, strlen(check.message)}));
    }
    SOTTO_TRY(sotto_str_append_c(out, "}"));
  }
  SOTTO_TRY(sotto_str_append_c(out, "],\n\"warnings\": ["));
  const char *warning;
  for (uint32_t i = 0; (warning = sotto_engine_warning(model->engine, i)) != NULL; i++) {
    if (i) SOTTO_TRY(sotto_str_append_c(out, ", "));
    SOTTO_TRY(sotto_str_append_json(out, (sotto_slice){warning, strlen(warning)}));
  }
  return sotto_str_append_c(out, "]");
}

/* The engine's texts live until the next one: each is printed before the next is asked for. */
static int print_text(cli *c, cli_model *model) {
  const char *text;
  uint32_t len;
  sotto_status status = sotto_engine_describe(model->engine, 0, &text, &len);
  if (status) return cli_fail_engine(c, status, model->engine);
  cli_print_foreign(text, len);
  bool plannable;
  const bool runs = would_run(model, &plannable);
  print_checks(model, runs, plannable);
  if (!plannable) return CLI_OK;
  status = sotto_engine_plan(model->engine, &model->plan);
  if (status) return cli_fail_engine(c, status, model->engine);
  print_plan(&model->plan);
  status = sotto_engine_print_program(model->engine, &text, &len);
  if (status) return cli_fail_engine(c, status, model->engine);
  cli_printf("\nprogram\n");
  cli_print_foreign(text, len);
  return CLI_OK;
}

/* The members after "model": the checks and, if memory can be planned, the plan and the program. */
static sotto_status append_rest_json(cli_model *model, sotto_str *out) {
  bool plannable;
  const bool runs = would_run(model, &plannable);
  SOTTO_TRY(append_checks_json(model, runs, plannable, out));
  if (!plannable) return SOTTO_OK;
  SOTTO_TRY(sotto_engine_plan(model->engine, &model->plan));
  const char *text;
  uint32_t len;
  SOTTO_TRY(sotto_engine_print_program(model->engine, &text, &len));
  SOTTO_TRY(sotto_str_append_c(out, ",\n\"program\": "));
  return sotto_str_append_json(out, (sotto_slice){text, len});
}

static int print_json(cli *c, cli_model *model) {
  sotto_str rest;
  sotto_str_init(&rest, &c->ctx);
  const char *text;
  uint32_t len;
  int code = CLI_OK;
  sotto_status status = append_rest_json(model, &rest);
  if (!status) status = sotto_engine_describe(model->engine, 1, &text, &len);
  if (status) {
    code = cli_fail_engine(c, status, model->engine);
  } else {
    cli_printf("{\"model\": ");
    cli_print(text, len);
    if (model->plan.total) {
      cli_printf(",\n\"memory\": ");
      print_plan_json(&model->plan);
    }
    cli_printf(",\n");
    cli_print_str(&rest);
    cli_printf("}\n");
  }
  sotto_str_free(&rest);
  return code;
}

int cli_inspect(cli *c) {
  cli_model model;
  int code = cli_model_open(c, CLI_HEADER, &model);
  if (code == CLI_OK) code = c->args.json ? print_json(c, &model) : print_text(c, &model);
  cli_model_close(&model);
  return code;
}
