/* Embeddings: which requests a model answers, and the event. The program has pooled the text's
 * tokens and made the length 1. */
#include "engine/internal.h"

#define OTHER_OUTPUTS                                                                              \
  (SOTTO_REQUEST_PROMPT_LOGITS | SOTTO_REQUEST_PROMPT_LOGPROBS | SOTTO_REQUEST_LOGITS |            \
   SOTTO_REQUEST_LOGPROBS)

sotto_status generator_check_output(sotto_generator *g, const sotto_request *r) {
  const bool wanted = r->flags & SOTTO_REQUEST_EMBEDDING;
  if (wanted && !g->config.n_embd) {
    return sotto_fail_field(g->ctx, "model",
                            "this model gives no embeddings: its file does not say how to pool its "
                            "tokens (pooling_type); use a model that was made for embeddings");
  }
  if (!wanted && g->config.n_embd) {
    return sotto_fail_field(g->ctx, "model",
                            "this model gives embeddings (its file has a pooling_type) and neither "
                            "text nor logits; use another model, or ask for an embedding");
  }
  if (wanted && (r->max_tokens || r->flags & OTHER_OUTPUTS)) {
    return sotto_fail_field(g->ctx, "max_tokens",
                            "an embedding comes alone: set max_tokens to 0 and ask for no logits");
  }
  return SOTTO_OK;
}

void generator_emit_embedding(sotto_generator *g, job *j, const float *embedding) {
  if (!sotto_row_is_finite(SOTTO_F32, embedding, g->config.n_embd)) {
    const sotto_status status =
        sotto_fail(g->ctx, SOTTO_ERR_NON_FINITE_LOGITS,
                   "the embedding is not finite; the model's weights are damaged");
    generator_finish(g, j, SOTTO_FINISH_ERROR, status);
    return;
  }
  generator_queue(g, j, SOTTO_EVENT_EMBEDDING)->embedding = embedding;
  generator_finish(g, j, SOTTO_FINISH_LENGTH, SOTTO_OK);
}
