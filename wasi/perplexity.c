/* sotto perplexity: exp of the mean negative log-likelihood of a text's tokens, each predicted
 * from those in front of it in its window. Windows are n_ctx tokens long, do not overlap,
 * and begin with BOS where the model wants one; every position behind the first is scored,
 * in a last and shorter window too. (llama.cpp scores the second half of full windows only and so
 * reports lower values.) */
#include <math.h>
#include <string.h>

#include "model.h"

enum { DEFAULT_WINDOW = 512, STEP_MS = 50 };

typedef struct score {
  double nll, nll_squared; /* sums over scored tokens */
  uint32_t tokens, windows;
  double ms;
} score;

static int score_window(cli *c, cli_model *model, const int32_t *ids, uint32_t n, score *score) {
  sotto_engine *engine = model->engine;
  sotto_request request;
  uint32_t id;
  sotto_request_default(&request);
  request.tokens = ids;
  request.n_tokens = n;
  request.max_tokens = 0;
  request.flags = SOTTO_REQUEST_PROMPT_LOGPROBS | SOTTO_REQUEST_NO_CACHE;
  sotto_status status = sotto_engine_add_request(engine, &request, &id);
  if (status) return cli_fail_engine(c, status, engine);
  for (;;) {
    sotto_step_result result = sotto_engine_step(engine, STEP_MS);
    sotto_event event;
    while (sotto_engine_next_event(engine, &event)) {
      if (event.type == SOTTO_EVENT_LOGITS) {
        double nll = -(double)event.logprob;
        score->nll += nll;
        score->nll_squared += nll * nll;
        score->tokens++;
      } else if (event.type == SOTTO_EVENT_DONE) {
        if (event.status) return cli_fail_engine(c, (sotto_status)event.status, engine);
        score->ms += event.prompt_ms;
        return CLI_OK;
      }
    }
    if (result != SOTTO_STEP_MORE && result != SOTTO_STEP_EVENTS) {
      return cli_fail(c, SOTTO_ERR_INTERNAL, "the engine forgot the request; please report this");
    }
  }
}

/* BOS, when the model wants one in front; -1 otherwise. */
static int find_bos(cli *c, cli_model *model, int32_t *bos) {
  const int32_t *ids;
  uint32_t n;
  sotto_status status =
      sotto_engine_tokenize(model->engine, "", 0, SOTTO_TOKENIZE_ADD_SPECIAL, &ids, &n);
  if (status) return cli_fail_engine(c, status, model->engine);
  *bos = n && ids[0] == model->info.bos ? ids[0] : -1;
  return CLI_OK;
}

static void report(const cli *c, const score *score, uint32_t n_ctx) {
  double mean = score->nll / score->tokens;
  double variance = score->nll_squared / score->tokens - mean * mean;
  double ppl = exp(mean);
  double error = score->tokens > 1 && variance > 0 ? ppl * sqrt(variance / (score->tokens - 1)) : 0;
  double rate = score->ms > 0 ? score->tokens * 1e3 / score->ms : 0;
  if (c->args.json) {
    cli_printf("{\"perplexity\": %.9g, \"stderr\": %.9g, \"nll\": %.17g, \"tokens\": %u, ", ppl,
               error, mean, (unsigned)score->tokens);
    cli_printf("\"windows\": %u, \"n_ctx\": %u, \"ms\": %.3f, \"tokens_per_second\": %.3f}\n",
               (unsigned)score->windows, (unsigned)n_ctx, score->ms, rate);
  } else {
    cli_printf("\nFinal estimate: PPL = %.4f +/- %.5f\n", ppl, error);
    cli_note(c, "%u tokens scored in %u windows of %u, %.1f tokens/s", (unsigned)score->tokens,
             (unsigned)score->windows, (unsigned)n_ctx, rate);
  }
}

static int score_text(cli *c, cli_model *model, const sotto_str *text) {
  const int32_t *ids;
  uint32_t n, n_ctx = c->args.engine.n_ctx; /* the plan rounds it up */
  int32_t bos = -1;
  int code = find_bos(c, model, &bos);
  if (code) return code;
  sotto_status status = sotto_engine_tokenize(model->engine, text->len ? text->data : "",
                                              (uint32_t)text->len, 0, &ids, &n);
  if (status) return cli_fail_engine(c, status, model->engine);
  const uint32_t lead = bos >= 0, stride = n_ctx - lead;
  if (n + lead < 2) {
    return cli_fail(c, SOTTO_ERR_INVALID_ARGUMENT,
                    "the text has %u tokens; there is nothing to score below 2", (unsigned)n);
  }
  score score = {0};
  sotto_str window;
  sotto_str_init(&window, &c->ctx);
  for (uint32_t at = 0; at < n && code == CLI_OK && cli_stdout_open(); at += stride) {
    uint32_t len = n - at < stride ? n - at : stride;
    if (len + lead < 2 || (c->args.chunks && score.windows == c->args.chunks)) break;
    window.len = 0;
    status = lead ? sotto_str_append(&window, &bos, sizeof bos) : SOTTO_OK;
    if (!status) status = sotto_str_append(&window, ids + at, len * sizeof *ids);
    if (status) {
      code = cli_fail_memory(c);
      break;
    }
    code = score_window(c, model, (const int32_t *)(const void *)window.data, len + lead, &score);
    if (code) break;
    score.windows++;
    if (!c->args.json) {
      cli_printf("[%u]%.4f,", (unsigned)score.windows, exp(score.nll / score.tokens));
      cli_flush();
    }
  }
  sotto_str_free(&window);
  if (code == CLI_OK) report(c, &score, n_ctx);
  return code;
}

int cli_perplexity(cli *c) {
  cli_model model = {0};
  sotto_str text;
  sotto_str_init(&text, &c->ctx);
  if (!c->args.engine.n_ctx) c->args.engine.n_ctx = DEFAULT_WINDOW;
  int code = cli_read_text(c, &text);
  if (code == CLI_OK) code = cli_model_open(c, CLI_BODY, &model);
  if (code == CLI_OK) code = score_text(c, &model, &text);
  cli_model_close(&model);
  sotto_str_free(&text);
  return code;
}
