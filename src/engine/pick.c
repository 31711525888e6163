/* From logits to tokens: what is asked of a backend for each output of a batch, and the pick. */
#include "engine/internal.h"

/* Events that carry logits, or what is computed from all of them. */
static bool wants_row(const sotto_generator *g, const job *j) {
  return g->config.n_embd || g->config.whole_texts || generator_scores(j) ||
         (j->options.flags & (SOTTO_REQUEST_LOGITS | SOTTO_REQUEST_LOGPROBS));
}

void generator_wish(sotto_generator *g, const job *j, uint32_t o, uint32_t n_drafts) {
  sotto_output_wish *wish = &g->wishes[o];
  *wish = (sotto_output_wish){.row = true};
  if (!g->backend->type->summary || wants_row(g, j)) return;
  const sotto_request *r = &j->options;
  sotto_token *named = g->named + (size_t)o * SOTTO_SUMMARY_NAMED;
  uint32_t n_biased = 0, n = 0;
  /* Behind drafts the history has tokens that are not the job's yet. */
  const bool fits = sotto_sampler_named(g->sampler, &r->sampling, r->logit_bias, r->n_logit_bias,
                                        NULL, 0, named, &n_biased) &&
                    sotto_sampler_named(g->sampler, &r->sampling, r->logit_bias, r->n_logit_bias,
                                        j->tokens.ids, j->tokens.count, named, &n);
  if (!fits || (n_drafts && n != n_biased)) return;
  *wish = (sotto_output_wish){.named = named, .n_named = n};
}

bool generator_picks_best(sotto_generator *g, const job *j) {
  if (j->options.sampling.temperature > 0) return false;
  generator_wish(g, j, 0, 0);
  return !g->wishes[0].row && g->wishes[0].n_named == 0;
}

sotto_run_result generator_pick(sotto_generator *g, const job *j, uint32_t o, sotto_status *status,
                                sotto_token *token) {
  const sotto_request *r = &j->options;
  const size_t n = j->tokens.count;
  const sotto_backend_type *backend = g->backend->type;
  if (!g->wishes[o].row) {
    sotto_logits_summary summary;
    bool needs_row;
    backend->summary(g->backend, o, &summary);
    if (g->batch.n_ahead && o + 1 < g->batch.n_tokens) g->batch_tokens[o + 1] = summary.next;
    *status = sotto_sampler_pick_summary(g->sampler, &r->sampling, r->logit_bias, r->n_logit_bias,
                                         j->tokens.ids, n, n, &summary, token, &needs_row);
    if (!needs_row) return SOTTO_RUN_DONE;
    const sotto_run_result result = backend->read_row(g->backend, o);
    if (result != SOTTO_RUN_DONE) return result;
  }
  const float *logits = backend->output(g->backend) + (size_t)o * g->config.n_vocab;
  *status = sotto_sampler_pick(g->sampler, &r->sampling, r->logit_bias, r->n_logit_bias,
                               j->tokens.ids, n, n, logits, token);
  return SOTTO_RUN_DONE;
}
