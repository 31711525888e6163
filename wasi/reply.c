/* What is told about a finished request: run's --json, and the timings of --verbose. */
#include "generate.h"

static const char *finish_name(uint32_t reason) {
  switch (reason) {
  case SOTTO_FINISH_STOP: return "stop";
  case SOTTO_FINISH_LENGTH: return "length";
  case SOTTO_FINISH_CANCELLED: return "cancelled";
  case SOTTO_FINISH_ERROR: return "error";
  default: return "none";
  }
}

static double per_second(uint32_t n, double ms) {
  return ms > 0 ? n * 1e3 / ms : 0;
}
static double per_token(uint32_t n, double ms) {
  return n ? ms / n : 0;
}

static sotto_status append_field(sotto_str *out, const char *name, const char *data, size_t len) {
  SOTTO_TRY(sotto_str_appendf(out, "  \"%s\": ", name));
  SOTTO_TRY(sotto_str_append_json(out, (sotto_slice){data, len}));
  return sotto_str_append_c(out, ",\n");
}

/* {"tokens": [1, 2]} */
static sotto_status append_list(sotto_str *out, const char *name, const sotto_str *items) {
  SOTTO_TRY(sotto_str_appendf(out, "  \"%s\": [", name));
  SOTTO_TRY(sotto_str_append(out, items->data, items->len));
  return sotto_str_append_c(out, "],\n");
}

static sotto_status append_timings(sotto_str *out, const cli_model *model, const cli_reply *reply) {
  /* Names and meaning as llama-server's: prompt_n counts the tokens computed, not those cached. */
  uint32_t computed = reply->prompt_n - reply->cache_n;
  SOTTO_TRY(sotto_str_appendf(
      out,
      "  \"timings\": {\"load_ms\": %.3f, \"cache_n\": %u, \"prompt_n\": %u, "
      "\"prompt_ms\": %.3f, \"prompt_per_token_ms\": %.3f, "
      "\"prompt_per_second\": %.3f, ",
      model->load_ms, (unsigned)reply->cache_n, (unsigned)computed, reply->prompt_ms,
      per_token(computed, reply->prompt_ms), per_second(computed, reply->prompt_ms)));
  return sotto_str_appendf(out,
                           "\"predicted_n\": %u, \"predicted_ms\": %.3f, "
                           "\"predicted_per_token_ms\": %.3f, \"predicted_per_second\": %.3f, "
                           "\"draft_n\": %u, \"draft_n_accepted\": %u},\n",
                           (unsigned)reply->predicted_n, reply->predicted_ms,
                           per_token(reply->predicted_n, reply->predicted_ms),
                           per_second(reply->predicted_n, reply->predicted_ms),
                           (unsigned)reply->draft_n, (unsigned)reply->draft_n_accepted);
}

static sotto_status reply_json(const cli *c, const cli_model *model, const cli_prompt *prompt,
                               const cli_reply *reply, sotto_str *out) {
  const sotto_model_info *info = &model->info;
  SOTTO_TRY(sotto_str_append_c(out, "{\n"));
  SOTTO_TRY(append_field(out, "model", c->args.model, strlen(c->args.model)));
  SOTTO_TRY(append_field(out, "architecture", info->architecture, strlen(info->architecture)));
  SOTTO_TRY(append_field(out, "prompt", prompt->text.data, prompt->text.len));
  SOTTO_TRY(append_field(out, "text", reply->text.data, reply->text.len));
  SOTTO_TRY(append_list(out, "tokens", &reply->ids));
  if (c->args.logprobs >= 0) SOTTO_TRY(append_list(out, "logprobs", &reply->logprobs));
  SOTTO_TRY(
      sotto_str_appendf(out, "  \"finish_reason\": \"%s\",\n", finish_name(reply->finish_reason)));
  SOTTO_TRY(sotto_str_appendf(out, "  \"seed\": %llu,\n", (unsigned long long)reply->seed));
  SOTTO_TRY(sotto_str_appendf(
      out,
      "  \"usage\": {\"prompt_tokens\": %u, \"completion_tokens\": %u, \"total_tokens\": %u, "
      "\"prompt_tokens_details\": {\"cached_tokens\": %u}},\n",
      (unsigned)reply->prompt_n, (unsigned)reply->predicted_n,
      (unsigned)(reply->prompt_n + reply->predicted_n), (unsigned)reply->cache_n));
  SOTTO_TRY(append_timings(out, model, reply));
  return sotto_str_appendf(
      out,
      "  \"memory\": {\"planned\": %llu, \"peak\": %llu},\n  \"n_ctx\": %u,\n"
      "  \"backend\": \"%s\",\n  \"variant\": \"%s\",\n  \"version\": \"" SOTTO_VERSION "\"\n}\n",
      (unsigned long long)model->plan.total,
      (unsigned long long)sotto_engine_bytes_peak(model->engine), (unsigned)model->plan.n_ctx,
      c->args.engine.backend == SOTTO_BACKEND_NAIVE ? "naive" : "cpu",
      sotto_engine_variant(model->engine));
}

int cli_print_reply_json(cli *c, cli_model *model, const cli_prompt *prompt,
                         const cli_reply *reply) {
  sotto_str out;
  sotto_str_init(&out, &c->ctx);
  sotto_status status = reply_json(c, model, prompt, reply, &out);
  if (!status) cli_print_str(&out);
  sotto_str_free(&out);
  return status ? cli_fail_memory(c) : CLI_OK;
}

void cli_note_timings(cli *c, const cli_model *model, const cli_reply *reply) {
  uint32_t computed = reply->prompt_n - reply->cache_n;
  cli_note(c, "prompt: %u tokens, %u of them cached, %.0f ms, %.1f tokens/s",
           (unsigned)reply->prompt_n, (unsigned)reply->cache_n, reply->prompt_ms,
           per_second(computed, reply->prompt_ms));
  cli_note(c, "answer: %u tokens, %.0f ms, %.1f tokens/s (%s, seed %llu)",
           (unsigned)reply->predicted_n, reply->predicted_ms,
           per_second(reply->predicted_n, reply->predicted_ms), finish_name(reply->finish_reason),
           (unsigned long long)reply->seed);
  if (reply->draft_n) {
    cli_note(c, "drafts: %u tokens, %u of them accepted", (unsigned)reply->draft_n,
             (unsigned)reply->draft_n_accepted);
  }
  cli_note(c, "memory: %.1f MB at most", (double)sotto_engine_bytes_peak(model->engine) * 1e-6);
}
