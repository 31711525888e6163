/* A pick from a summary of the logits, for backends from which a row is slow to read: the token
 * that sotto_sampler_pick would pick from the row, or the answer that only the row can tell. */
#ifndef SOTTO_SAMPLE_SUMMARY_H
#define SOTTO_SAMPLE_SUMMARY_H

#include "backend/summary.h"
#include "sample/sampler.h"

/* ids[*n_ids] = the tokens whose logits bias and penalties change: those of the bias in their
 * order, then those of the history. False if there are more than fit: the row is needed. */
bool sotto_sampler_named(sotto_sampler *sampler, const sotto_sampling *sampling,
                         const sotto_bias *bias, size_t n_bias, const sotto_token *history,
                         size_t n_history, sotto_token ids[SOTTO_SUMMARY_NAMED], uint32_t *n_ids);

/* As sotto_sampler_pick, to the same token or failure, unless *needs_row (with SOTTO_OK and
 * SOTTO_TOKEN_NONE): the summary does not prove what the row gives, or has not what this request
 * names. */
sotto_status sotto_sampler_pick_summary(sotto_sampler *sampler, const sotto_sampling *sampling,
                                        const sotto_bias *bias, size_t n_bias,
                                        const sotto_token *history, size_t n_history,
                                        uint64_t position, const sotto_logits_summary *summary,
                                        sotto_token *out, bool *needs_row);

#endif
