/* sotto tokenize: text to ids and back. Needs a model's header only. */
#include <stdlib.h>
#include <string.h>

#include "model.h"

static sotto_status append_piece(sotto_engine *engine, int32_t id, sotto_str *out) {
  const char *text;
  uint32_t len;
  SOTTO_TRY(sotto_engine_detokenize(engine, &id, 1, SOTTO_DETOKENIZE_SPECIAL, &text, &len));
  return sotto_str_append_json(out, (sotto_slice){text, len});
}

static sotto_status append_ids(const int32_t *ids, uint32_t n, sotto_str *out) {
  SOTTO_TRY(sotto_str_append_c(out, "["));
  for (uint32_t i = 0; i < n; i++) {
    SOTTO_TRY(sotto_str_appendf(out, "%s%d", i ? ", " : "", (int)ids[i]));
  }
  return sotto_str_append_c(out, "]");
}

static sotto_status append_result(const cli_args *args, sotto_engine *engine, const int32_t *ids,
                                  uint32_t n, sotto_str *out) {
  if (args->json) {
    SOTTO_TRY(sotto_str_append_c(out, "{\"ids\": "));
    SOTTO_TRY(append_ids(ids, n, out));
    SOTTO_TRY(sotto_str_append_c(out, ", \"tokens\": ["));
    for (uint32_t i = 0; i < n; i++) {
      if (i) SOTTO_TRY(sotto_str_append_c(out, ", "));
      SOTTO_TRY(append_piece(engine, ids[i], out));
    }
    return sotto_str_appendf(out, "], \"count\": %u}\n", (unsigned)n);
  }
  if (args->ids) {
    SOTTO_TRY(append_ids(ids, n, out));
    SOTTO_TRY(sotto_str_append_c(out, "\n"));
  } else {
    for (uint32_t i = 0; i < n; i++) {
      SOTTO_TRY(sotto_str_appendf(out, "%6d -> ", (int)ids[i]));
      SOTTO_TRY(append_piece(engine, ids[i], out));
      SOTTO_TRY(sotto_str_append_c(out, "\n"));
    }
  }
  if (!args->show_count) return SOTTO_OK;
  return sotto_str_appendf(out, "Total number of tokens: %u\n", (unsigned)n);
}

static int encode(cli *c, cli_model *model, const sotto_str *text) {
  const int32_t *ids;
  uint32_t n, flags = c->args.no_bos ? 0 : SOTTO_TOKENIZE_ADD_SPECIAL;
  if (c->args.parse_special) flags |= SOTTO_TOKENIZE_PARSE_SPECIAL;
  sotto_status status = sotto_engine_tokenize(model->engine, text->len ? text->data : "",
                                              (uint32_t)text->len, flags, &ids, &n);
  if (status) return cli_fail_engine(c, status, model->engine);
  sotto_str out;
  sotto_str_init(&out, &c->ctx);
  status = append_result(&c->args, model->engine, ids, n, &out);
  if (!status) cli_print_str(&out);
  sotto_str_free(&out);
  return status ? cli_fail_memory(c) : CLI_OK;
}

/* Ids with commas, blanks or brackets around them, as --ids prints them. */
static int parse_ids(cli *c, const sotto_str *text, sotto_str *ids) {
  static const char between[] = ", \t\r\n[]";
  for (const char *at = text->len ? text->data : "";;) {
    at += strspn(at, between);
    if (!*at) return CLI_OK;
    size_t len = strcspn(at, between);
    int64_t value = 0;
    for (size_t i = 0; i < len; i++) {
      if (at[i] < '0' || at[i] > '9' || value > INT32_MAX) {
        return cli_usage_error("--decode: '%.*s' is not a token id; write ids as in [1, 2, 3]",
                               (int)(len < 40 ? len : 40), at);
      }
      value = value * 10 + (at[i] - '0');
    }
    if (value > INT32_MAX) return cli_usage_error("--decode: %.*s is no token id", (int)len, at);
    int32_t id = (int32_t)value;
    if (sotto_str_append(ids, &id, sizeof id)) return cli_fail_memory(c);
    at += len;
  }
}

static int decode(cli *c, cli_model *model, const sotto_str *text) {
  sotto_str ids;
  sotto_str_init(&ids, &c->ctx);
  int code = parse_ids(c, text, &ids);
  if (code == CLI_OK) {
    const char *out;
    uint32_t len;
    const uint32_t special = c->args.parse_special ? SOTTO_DETOKENIZE_SPECIAL : 0;
    sotto_status status = sotto_engine_detokenize(
        model->engine, (const int32_t *)(const void *)ids.data,
        (uint32_t)(ids.len / sizeof(int32_t)), SOTTO_DETOKENIZE_WHOLE | special, &out, &len);
    if (status) {
      code = cli_fail_engine(c, status, model->engine);
    } else {
      cli_print_foreign(out, len);
    }
  }
  sotto_str_free(&ids);
  return code;
}

int cli_tokenize(cli *c) {
  cli_args *args = &c->args;
  if (args->decode && (args->ids || args->json || args->show_count)) {
    return cli_usage_error("--decode prints text: leave out --ids, --json and --show-count");
  }
  if (args->stdin_text) {
    if (args->prompt || args->file) {
      return cli_usage_error("--stdin excludes -p and -f; give one");
    }
    args->file = "-";
  }
  cli_model model = {0};
  sotto_str text;
  sotto_str_init(&text, &c->ctx);
  int code = cli_read_text(c, &text);
  if (code == CLI_OK) code = cli_model_open(c, CLI_PLAN, &model);
  if (code == CLI_OK) code = args->decode ? decode(c, &model, &text) : encode(c, &model, &text);
  cli_model_close(&model);
  sotto_str_free(&text);
  return code;
}
