/* sotto bench: tokens per second of prompts (ppN) and of generation (tgN), as llama-bench measures
 * and prints them: each test is run once to warm up and then -r times. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

enum { STEP_MS = 1000 };

typedef struct test {
  uint32_t n_prompt, n_gen; /* one of them is 0 */
  double *ms;               /* one per repetition */
} test;

/* Pseudo-random ids, the same in every run; no cache has them. */
static void fill_tokens(int32_t *ids, uint32_t n, uint32_t n_vocab) {
  uint64_t state = 1;
  for (uint32_t i = 0; i < n; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    ids[i] = (int32_t)((state >> 33) % n_vocab);
  }
}

/* One run. A prompt's time ends with its logits. Generation starts at one token; its time is that
 * of the n_gen passes behind the first token picked. */
static int run_once(cli *c, cli_model *model, const test *test, const int32_t *ids, double *ms) {
  sotto_engine *engine = model->engine;
  sotto_request request;
  uint32_t id;
  sotto_request_default(&request);
  request.tokens = ids;
  request.n_tokens = test->n_gen ? 1 : test->n_prompt;
  request.max_tokens = test->n_gen + 1;
  request.sampling.temperature = 0;
  request.flags = SOTTO_REQUEST_IGNORE_EOS | SOTTO_REQUEST_NO_CACHE | SOTTO_REQUEST_NO_LOOKUP;
  sotto_status status = sotto_engine_add_request(engine, &request, &id);
  if (status) return cli_fail_engine(c, status, engine);
  double first = 0, last = 0;
  for (;;) {
    sotto_step_result result = sotto_engine_step(engine, STEP_MS);
    sotto_event event;
    while (sotto_engine_next_event(engine, &event)) {
      if (event.type == SOTTO_EVENT_TOKEN) {
        if (event.predicted_n == 1) first = event.predicted_ms;
        last = event.predicted_ms;
      } else if (event.type == SOTTO_EVENT_DONE) {
        if (event.status) return cli_fail_engine(c, (sotto_status)event.status, engine);
        *ms = test->n_gen ? last - first : event.prompt_ms;
        return CLI_OK;
      }
    }
    if (result != SOTTO_STEP_MORE && result != SOTTO_STEP_EVENTS) {
      return cli_fail(c, SOTTO_ERR_INTERNAL, "the engine forgot the request; please report this");
    }
  }
}

typedef struct summary {
  double avg, stddev;
} summary;

/* Of milliseconds, or of tokens per second when n_tokens is given; stddev of a sample. */
static summary summarise(const double *ms, uint32_t n, uint32_t n_tokens) {
  summary s = {0, 0};
  for (uint32_t pass = 0; pass < 2; pass++) {
    for (uint32_t i = 0; i < n; i++) {
      double x = n_tokens ? (ms[i] > 0 ? n_tokens * 1e3 / ms[i] : 0) : ms[i];
      if (pass == 0) s.avg += x / n;
      if (pass == 1) s.stddev += (x - s.avg) * (x - s.avg);
    }
  }
  s.stddev = n > 1 ? sqrt(s.stddev / (n - 1)) : 0;
  return s;
}

static const char *backend_name(const cli *c) {
  return c->args.engine.backend == SOTTO_BACKEND_NAIVE ? "naive" : "cpu";
}

enum { MARKDOWN, JSON, CSV };

static const char *model_name(const cli_model *model) {
  return *model->info.name ? model->info.name : model->info.architecture;
}

static int columns_of(const char *text) {
  int columns = 0;
  for (; *text; text++) columns += (*text & 0xc0) != 0x80;
  return columns;
}

/* Columns of the model's name: llama-bench's 30, or what it takes. */
static int name_width(const cli_model *model) {
  int columns = columns_of(model_name(model));
  return columns < 30 ? 30 : columns;
}

static void print_head(const cli *c, const cli_model *model) {
  if (c->args.output == MARKDOWN) {
    cli_printf("| %-*s | %10s | %10s | %-7s | %-7s | %7s | %8s | %24s |\n| ", name_width(model),
               "model", "size", "params", "backend", "variant", "threads", "test", "t/s");
    for (int i = 0; i < name_width(model); i++) cli_printf("-");
    cli_printf(" | ---------: | ---------: | ------- | ------- | ------: | -------: | "
               "-----------------------: |\n");
  } else if (c->args.output == CSV) {
    cli_printf("model_filename,model_type,model_size,model_n_params,backend,variant,n_threads,"
               "n_batch,n_prompt,n_gen,avg_ns,stddev_ns,avg_ts,stddev_ts\n");
  } else {
    cli_printf("[");
  }
  cli_flush();
}

/* A name as a CSV field. */
static sotto_status append_csv(sotto_str *out, const char *text) {
  SOTTO_TRY(sotto_str_append_c(out, "\""));
  for (; *text; text++) {
    SOTTO_TRY(sotto_str_append(out, "\"\"", *text == '"' ? 2 : 0));
    if (*text != '"') SOTTO_TRY(sotto_str_append(out, text, 1));
  }
  return sotto_str_append_c(out, "\"");
}

static sotto_status result_row(const cli *c, const cli_model *model, const test *test, bool first,
                               sotto_str *out) {
  const sotto_model_info *info = &model->info;
  const uint32_t reps = c->args.repetitions, n = test->n_gen ? test->n_gen : test->n_prompt;
  const summary time = summarise(test->ms, reps, 0), rate = summarise(test->ms, reps, n);
  const char *variant = sotto_engine_variant(model->engine);
  const char *name = model_name(model);
  if (c->args.output == MARKDOWN) {
    char label[24], speed[64];
    snprintf(label, sizeof label, "%s%u", test->n_gen ? "tg" : "pp", (unsigned)n);
    snprintf(speed, sizeof speed, "%.2f ± %.2f", rate.avg, rate.stddev);
    SOTTO_TRY(sotto_str_append_c(out, "| "));
    SOTTO_TRY(sotto_str_append_c(out, name));
    /* "±" has two bytes and one column. */
    return sotto_str_appendf(out, "%*s | %6.2f MiB | %8.2f M | %-7s | %-7s | %7u | %8s | %25s |\n",
                             name_width(model) - columns_of(name), "",
                             (double)model->plan.file / 1048576, (double)info->n_params * 1e-6,
                             backend_name(c), variant, 1u, label, speed);
  }
  if (c->args.output == CSV) {
    SOTTO_TRY(append_csv(out, c->args.model));
    SOTTO_TRY(sotto_str_append_c(out, ","));
    SOTTO_TRY(append_csv(out, name));
    return sotto_str_appendf(
        out, ",%llu,%llu,\"%s\",\"%s\",1,%u,%u,%u,%.0f,%.0f,%.6f,%.6f\n",
        (unsigned long long)model->plan.file, (unsigned long long)info->n_params, backend_name(c),
        variant, (unsigned)c->args.engine.n_batch, (unsigned)test->n_prompt, (unsigned)test->n_gen,
        time.avg * 1e6, time.stddev * 1e6, rate.avg, rate.stddev);
  }
  SOTTO_TRY(
      sotto_str_append_c(out, first ? "\n  {\"model_filename\": " : ",\n  {\"model_filename\": "));
  SOTTO_TRY(sotto_str_append_json(out, (sotto_slice){c->args.model, strlen(c->args.model)}));
  SOTTO_TRY(sotto_str_append_c(out, ", \"model_type\": "));
  SOTTO_TRY(sotto_str_append_json(out, (sotto_slice){name, strlen(name)}));
  SOTTO_TRY(sotto_str_appendf(
      out,
      ",\n   \"model_size\": %llu, \"model_n_params\": %llu, \"backend\": \"%s\", "
      "\"variant\": \"%s\", \"n_threads\": 1, \"n_batch\": %u,\n   \"n_prompt\": %u, "
      "\"n_gen\": %u, \"avg_ns\": %.0f, \"stddev_ns\": %.0f, \"avg_ts\": %.6f, "
      "\"stddev_ts\": %.6f,\n   \"samples_ns\": [",
      (unsigned long long)model->plan.file, (unsigned long long)info->n_params, backend_name(c),
      variant, (unsigned)c->args.engine.n_batch, (unsigned)test->n_prompt, (unsigned)test->n_gen,
      time.avg * 1e6, time.stddev * 1e6, rate.avg, rate.stddev));
  for (uint32_t i = 0; i < reps; i++) {
    SOTTO_TRY(sotto_str_appendf(out, "%s%.0f", i ? ", " : "", test->ms[i] * 1e6));
  }
  return sotto_str_append_c(out, "]}");
}

static int run_test(cli *c, cli_model *model, test *test, const int32_t *ids, bool first) {
  int code = CLI_OK;
  double warm;
  if (!c->args.no_warmup) code = run_once(c, model, test, ids, &warm);
  for (uint32_t i = 0; i < c->args.repetitions && code == CLI_OK; i++) {
    code = run_once(c, model, test, ids, &test->ms[i]);
  }
  if (code) return code;
  sotto_str row;
  sotto_str_init(&row, &c->ctx);
  sotto_status status = result_row(c, model, test, first, &row);
  if (!status) cli_print_str(&row);
  cli_flush();
  sotto_str_free(&row);
  return status ? cli_fail_memory(c) : CLI_OK;
}

static uint32_t count_at(const sotto_str *list, size_t i) {
  uint32_t value;
  memcpy(&value, list->data + i * sizeof value, sizeof value);
  return value;
}

static int run_tests(cli *c, cli_model *model, int32_t *ids, double *ms) {
  const sotto_str *lists[] = {&c->args.n_prompts, &c->args.n_gens};
  bool first = true;
  int code = CLI_OK;
  print_head(c, model);
  for (int kind = 0; kind < 2; kind++) {
    for (size_t i = 0; i < lists[kind]->len / sizeof(uint32_t); i++) {
      uint32_t n = count_at(lists[kind], i);
      test test = {kind == 0 ? n : 0, kind == 1 ? n : 0, ms};
      if (!n || !cli_stdout_open()) continue;
      code = run_test(c, model, &test, ids, first);
      if (code) return code;
      first = false;
    }
  }
  if (c->args.output == JSON) cli_printf("\n]\n");
  return code;
}

int cli_bench(cli *c) {
  static const uint32_t pp = 512, tg = 128; /* llama-bench's defaults */
  cli_args *args = &c->args;
  sotto_status status = SOTTO_OK;
  if (!args->n_prompts.len) status = sotto_str_append(&args->n_prompts, &pp, sizeof pp);
  if (!status && !args->n_gens.len) status = sotto_str_append(&args->n_gens, &tg, sizeof tg);
  if (status) return cli_fail_memory(c);
  uint32_t longest = 1, total = 0;
  for (size_t i = 0; i < args->n_prompts.len / sizeof pp; i++) {
    uint32_t n = count_at(&args->n_prompts, i);
    longest = n > longest ? n : longest;
    total |= n;
  }
  uint32_t need = longest;
  for (size_t i = 0; i < args->n_gens.len / sizeof tg; i++) {
    uint32_t n = count_at(&args->n_gens, i);
    need = n > need ? n : need;
    total |= n;
  }
  if (!total) return cli_usage_error("nothing to time: -p and -n are both 0");
  if (!args->engine.n_ctx) args->engine.n_ctx = need + 2;
  if (!args->engine.n_batch) args->engine.n_batch = 128; /* the engine's default: results say it */

  cli_model model;
  int code = cli_model_open(c, CLI_BODY, &model);
  int32_t *ids = malloc(longest * sizeof *ids);
  double *ms = calloc(args->repetitions, sizeof *ms);
  if (code == CLI_OK && (!ids || !ms)) code = cli_fail_memory(c);
  if (code == CLI_OK) {
    fill_tokens(ids, longest, model.info.n_vocab);
    code = run_tests(c, &model, ids, ms);
  }
  free(ms);
  free(ids);
  cli_model_close(&model);
  return code;
}
